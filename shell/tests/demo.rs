//! The demo, as `warmline demo` runs it.

use std::collections::HashSet;
use std::net::UdpSocket;

use warmline::demo::{self, End};

#[test]
fn the_demo_is_heard_on_both_sides() {
    if let Err(error) = UdpSocket::bind(("127.0.0.2", 0)) {
        println!("not run: the_demo_is_heard_on_both_sides: 127.0.0.2 is not there ({error})");
        return;
    }
    let outcome = demo::run().expect("a call is placed");
    assert_eq!(outcome.faults, Vec::<String>::new(), "{outcome:#?}");
    assert_eq!(outcome.tickets, [outcome.ticket.to_string()]);
    assert_eq!(outcome.left, 0);

    let (agent, zendesk) = (&outcome.agent, &outcome.zendesk);
    for (from, to) in [(agent, zendesk), (zendesk, agent)] {
        assert_ne!(from.law, to.law, "the relay transcodes");
        assert!((to.sound.frequency - from.plays).abs() <= 5.0, "{outcome:#?}");
        assert!((to.sound.level + 10.0).abs() < 1.0, "{outcome:#?}");
        assert_eq!((from.sent, to.foreign), (100, 0), "{outcome:#?}");
    }

    // Each end saw a call of its own, from its first message to its last.
    let expected = ["INVITE", "100 Trying", "180 Ringing", "200 OK", "ACK", "BYE"];
    for end in [End::Agent, End::Zendesk] {
        let mut said = HashSet::new();
        let seen = outcome.seen.iter().filter(|seen| seen.end == end);
        // What was sent twice on a busy machine counts once.
        let order: Vec<&str> =
            seen.map(|seen| seen.what.as_str()).filter(|what| said.insert(*what)).collect();
        assert_eq!(order, expected, "{end:?}");
    }
}
