//! A target's addresses, one after the other.

use super::*;

const SECOND: &str = "54.172.60.2:5060";
const THIRD: &str = "54.172.60.3:5080";
const FOURTH: &str = "54.172.60.0:5060";

impl World {
    /// A call whose target has these addresses: its number, and what left when they were known.
    fn ring_at(&mut self, branch: &str, addresses: &[&str]) -> (CallId, Vec<Out>) {
        let outs = self.hear(AI, &invite(branch, "support", "X-Zendesk-Ticket-Id: 35436\r\n"));
        let call = started(&outs);
        self.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let question = Question { about: About::Call(call), target: TargetIndex(0) };
        (call, self.tell(Input::Resolved(question, &at(addresses))))
    }

    /// What leaves within so many milliseconds, half a second at a time.
    fn within(&mut self, millis: u64) -> Vec<Out> {
        (0..millis / 500).flat_map(|_| self.later(500)).collect()
    }

    fn expect_rest(&mut self, call: CallId) {
        self.close(call);
        self.later(40_000);
        self.is_clean();
    }
}

/// Who was sent an INVITE for the first time, one after the other.
fn invited(outs: &[Out]) -> Vec<&str> {
    let mut ids = Vec::new();
    let mut to = Vec::new();
    for out in outs {
        if let Out::Message(at, text) = out
            && text.starts_with("INVITE")
            && !ids.contains(&field(text, "Call-ID"))
        {
            ids.push(field(text, "Call-ID"));
            to.push(at.as_str());
        }
    }
    to
}

#[test]
fn a_silent_address_is_left_for_the_next_after_4_s() {
    let mut w = World::new();
    let (call, outs) = w.ring_at("1", &[ZENDESK, SECOND]);
    let first = message(&outs, ZENDESK, "INVITE").to_string();
    let before = w.within(3_500);
    assert_eq!(invited(&before), [ZENDESK]);
    let outs = w.later(500);
    assert_eq!(invited(&outs), [SECOND]);
    let second = message(&outs, SECOND, "INVITE").to_string();
    // All of it is another dialog's, but whom it is for and from.
    for name in ["Call-ID", "From", "Via"] {
        assert_ne!(field(&first, name), field(&second, name), "{name}");
    }
    assert_eq!(field(&first, "CSeq"), field(&second, "CSeq"));
    assert_eq!(field(&first, "X-Zendesk-Ticket-Id"), field(&second, "X-Zendesk-Ticket-Id"));
    assert_eq!(first.lines().next(), second.lines().next());
    assert_eq!(w.sbc.usage().legs, 2, "nothing but its transaction is kept of the first");

    // The first is asked on, up to timer B.
    let outs = w.hear(SECOND, &respond(&second, "180 Ringing", "", ""));
    message(&outs, AI, "SIP/2.0 180");
    let outs = w.within(5_000);
    assert_eq!(invited(&outs), [ZENDESK]);
    let outs = w.hear(SECOND, &respond(&second, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    assert_eq!(w.sbc.counters().get(Reason::TargetSilent), 1);
    // Its ringing is late, and is cancelled once.
    let outs = w.hear(ZENDESK, &respond(&first, "180 Ringing", "", ""));
    let cancel = message(&outs, ZENDESK, "CANCEL sip:support@acme.sip.twilio.com SIP/2.0\r\n").to_string();
    for name in ["Via", "From", "To", "Call-ID"] {
        assert_eq!(field(&cancel, name), field(&first, name), "{name}");
    }
    assert_eq!(field(&cancel, "CSeq"), "1 CANCEL");
    assert_eq!(outs.len(), 1);
    assert!(w.hear(ZENDESK, &respond(&first, "183 Session Progress", "", "")).is_empty());
    assert_eq!(message(&w.later(500), ZENDESK, "CANCEL"), cancel);
    w.hear(ZENDESK, &respond(&cancel, "200 OK", "", ""));
    let outs = w.hear(ZENDESK, &respond(&first, "487 Terminated", "", ""));
    let ack = message(&outs, ZENDESK, "ACK sip:support@acme.sip.twilio.com SIP/2.0\r\n");
    assert_eq!(field(ack, "Via"), field(&first, "Via"));
    assert!(silent(&w.later(10_000)));

    let outs = w.hear(AI, &(request("BYE", "3", 2, &ok) + END));
    // By its Contact.
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    w.expect_rest(call);
}

#[test]
fn a_late_answer_of_an_address_that_was_left_is_hung_up() {
    let mut w = World::new();
    let (call, outs) = w.ring_at("1", &[ZENDESK, SECOND]);
    let first = message(&outs, ZENDESK, "INVITE").to_string();
    let outs = w.within(4_000);
    let second = message(&outs, SECOND, "INVITE").to_string();
    let outs = w.hear(ZENDESK, &respond(&first, "200 OK", "", ANSWER));
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    message(&outs, ZENDESK, "ACK");
    assert_eq!(outs.len(), 2, "the caller hears nothing of it: {outs:#?}");
    assert_eq!(field(&bye, "CSeq"), "257 BYE");
    assert_eq!(w.hear(ZENDESK, &respond(&first, "200 OK", "", ANSWER)).len(), 1);
    w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    // A fork, and all of it late.
    let other = respond(&first, "200 OK", "", ANSWER).replace("tag=zen", "tag=other");
    assert_eq!(w.hear(ZENDESK, &other).len(), 2);
    let outs = w.hear(SECOND, &respond(&second, "200 OK", "", ANSWER));
    message(&outs, AI, "SIP/2.0 200 OK");
    w.tell(Input::Command(Command::HangUpAll));
    w.expect_rest(call);
}

#[test]
fn a_100_is_a_sign_of_life() {
    let mut w = World::new();
    let (call, outs) = w.ring_at("1", &[ZENDESK, SECOND]);
    let first = message(&outs, ZENDESK, "INVITE").to_string();
    w.later(3_900);
    w.hear(ZENDESK, &respond(&first, "100 Trying", "", ""));
    assert!(silent(&w.within(15_500)));
    // Its time is over, counted from the first INVITE.
    let outs = w.later(700);
    message(&outs, ZENDESK, "CANCEL");
    message(&outs, AI, "SIP/2.0 480");
    w.expect_rest(call);
}

#[test]
fn what_fails_of_itself_is_left_for_the_next_and_what_refuses_is_not() {
    for (status, tries) in [
        ("408 Timeout", true),
        ("500 Oops", true),
        ("503 Full", true),
        ("504 Timeout", true),
        ("403 Forbidden", false),
        ("404 Not Found", false),
        ("480 Unavailable", false),
        ("486 Busy Here", false),
        ("488 Not Acceptable", false),
        ("600 Busy", false),
        ("603 Decline", false),
    ] {
        let mut w = World::new();
        let (call, outs) = w.ring_at("1", &[ZENDESK, SECOND, THIRD]);
        let first = message(&outs, ZENDESK, "INVITE").to_string();
        w.hear(ZENDESK, &respond(&first, "180 Ringing", "", ""));
        let outs = w.hear(ZENDESK, &respond(&first, status, "", ""));
        message(&outs, ZENDESK, "ACK");
        assert_eq!(invited(&outs), if tries { vec![SECOND] } else { vec![] }, "{status}");
        if !tries {
            message(&outs, AI, "SIP/2.0 ");
            w.expect_rest(call);
            continue;
        }
        // The last one's failure is the caller's.
        let second = message(&outs, SECOND, "INVITE").to_string();
        let outs = w.hear(SECOND, &respond(&second, "503 Full", "", ""));
        let third = message(&outs, THIRD, "INVITE").to_string();
        let outs = w.hear(THIRD, &respond(&third, "486 Busy Here", "", ""));
        message(&outs, AI, "SIP/2.0 486");
        w.expect_rest(call);
    }
}

#[test]
fn the_time_of_a_target_counts_over_all_its_addresses() {
    let mut w = World::new();
    let (call, outs) = w.ring_at("1", &[ZENDESK, SECOND, THIRD, FOURTH]);
    assert_eq!(invited(&outs), [ZENDESK]);
    let outs = w.within(12_000);
    assert_eq!(invited(&outs), [ZENDESK, SECOND, THIRD, FOURTH]);
    let fourth = outs.iter().rev().find_map(|out| match out {
        Out::Message(at, text) if at == FOURTH => Some(text.clone()),
        _ => None,
    });
    message(&w.hear(FOURTH, &respond(&fourth.unwrap(), "180 Ringing", "", "")), AI, "SIP/2.0 180");
    let outs = w.within(7_500);
    assert!(!outs.iter().any(|out| matches!(out, Out::Message(to, _) if to == AI)));
    let outs = w.later(500);
    message(&outs, FOURTH, "CANCEL");
    message(&outs, AI, "SIP/2.0 480");
    w.expect_rest(call);
}

#[test]
fn the_last_address_is_waited_for() {
    let mut w = World::new();
    let (call, outs) = w.ring_at("1", &[ZENDESK, SECOND]);
    assert_eq!(invited(&outs), [ZENDESK]);
    let outs = w.within(4_000);
    let second = message(&outs, SECOND, "INVITE").to_string();
    let outs = w.within(10_000);
    assert!(!outs.iter().any(|out| matches!(out, Out::Message(to, _) if to == AI)));
    let outs = w.hear(SECOND, &respond(&second, "200 OK", "", ANSWER));
    message(&outs, AI, "SIP/2.0 200 OK");
    w.tell(Input::Command(Command::HangUpAll));
    w.expect_rest(call);
}

#[test]
fn addresses_outside_the_trunk_are_left_out_with_a_reason() {
    let mut w = World::new();
    let (call, outs) = w.ring_at("1", &["203.0.113.66:5060", ZENDESK, "10.0.0.1:5060", ZENDESK, SECOND]);
    assert_eq!(invited(&outs), [ZENDESK]);
    assert_eq!(w.sbc.call(call).unwrap().note, Some(Reason::AddressOutsideRange));
    assert_eq!(w.sbc.counters().get(Reason::AddressOutsideRange), 2);
    assert_eq!(invited(&w.within(20_000)), [ZENDESK, SECOND], "and none twice");
    w.expect_rest(call);
}

#[test]
fn an_address_that_was_down_is_tried_last_for_a_minute() {
    let mut w = World::new();
    let down = |w: &mut World, branch: &str| {
        let (call, outs) = w.ring_at(branch, &[ZENDESK, SECOND]);
        let at = invited(&outs)[0].to_string();
        let sent = message(&outs, &at, "INVITE").to_string();
        (call, at, sent)
    };
    let over = |w: &mut World, call, at: &str, sent: &str| {
        message(&w.hear(at, &respond(sent, "486 Busy Here", "", "")), AI, "SIP/2.0 486");
        w.close(call);
    };
    let (call, at, sent) = down(&mut w, "1");
    assert_eq!(at, ZENDESK);
    let outs = w.hear(ZENDESK, &respond(&sent, "503 Full", "", ""));
    over(&mut w, call, SECOND, message(&outs, SECOND, "INVITE"));

    let (call, at, sent) = down(&mut w, "2");
    assert_eq!(at, SECOND);
    over(&mut w, call, &at, &sent);
    // When both are down the first is the first again; and whoever takes a call is not down.
    let (call, at, sent) = down(&mut w, "3");
    assert_eq!(at, SECOND);
    let outs = w.hear(SECOND, &respond(&sent, "503 Full", "", ""));
    let first = message(&outs, ZENDESK, "INVITE").to_string();
    w.hear(ZENDESK, &respond(&first, "503 Full", "", ""));
    w.close(call);
    let (call, at, sent) = down(&mut w, "4");
    assert_eq!(at, ZENDESK);
    w.hear(ZENDESK, &respond(&sent, "100 Trying", "", ""));
    over(&mut w, call, &at, &sent);

    w.later(40_000);
    let (call, outs) = w.ring_at("5", &[SECOND, ZENDESK]);
    assert_eq!(invited(&outs), [ZENDESK]);
    over(&mut w, call, ZENDESK, message(&outs, ZENDESK, "INVITE"));
    w.later(20_000);
    let (call, outs) = w.ring_at("6", &[SECOND, ZENDESK]);
    assert_eq!(invited(&outs), [SECOND], "a minute has passed");
    over(&mut w, call, SECOND, message(&outs, SECOND, "INVITE"));
    w.later(40_000);
    w.is_clean();
}

#[test]
fn a_silent_target_is_left_for_the_lines_next() {
    let mut config = config();
    let ring = Ring::new(TargetIndex(0), 20_000);
    config.rings = leak(vec![ring, ring]);
    config.lines = leak(vec![Line { ring: List::new(0, 2), ..config.lines[0] }]);
    let mut w = World::with(7, config);
    let (call, outs) = w.ring_at("1", &[ZENDESK]);
    assert_eq!(invited(&outs), [ZENDESK]);
    w.within(3_500);
    let outs = w.later(500);
    assert!(outs.iter().any(|out| matches!(out, Out::Other(Output::Resolve(_)))));
    let question = Question { about: About::Call(call), target: TargetIndex(0) };
    let outs = w.tell(Input::Resolved(question, &at(&[SECOND])));
    let second = message(&outs, SECOND, "INVITE").to_string();
    // There is nobody after this one.
    let outs = w.within(16_000);
    assert_eq!(invited(&outs).len(), 2);
    message(&w.hear(SECOND, &respond(&second, "200 OK", "", ANSWER)), AI, "SIP/2.0 200 OK");
    w.tell(Input::Command(Command::HangUpAll));
    w.expect_rest(call);
}

#[test]
fn a_caller_who_cancels_while_addresses_are_tried_leaves_none_ringing() {
    let mut w = World::new();
    let (call, outs) = w.ring_at("1", &[ZENDESK, SECOND, THIRD]);
    let first = message(&outs, ZENDESK, "INVITE").to_string();
    let outs = w.within(4_000);
    let second = message(&outs, SECOND, "INVITE").to_string();
    w.hear(SECOND, &respond(&second, "180 Ringing", "", ""));
    let outs = w.hear(
        AI,
        &format!(
            "CANCEL sip:support@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {AI};branch=z9hG4bK1;rport\r\nFrom: \"Caller\" <sip:01012345678@ai.example.com>;tag=a1\r\n\
             To: <sip:support@sbc.example.com>\r\nCall-ID: call-1@ai\r\nCSeq: 1 CANCEL\r\n{END}"
        ),
    );
    message(&outs, AI, "SIP/2.0 487");
    message(&outs, SECOND, "CANCEL");
    w.close(call);
    // Both forks, both addresses: whatever rings is cancelled, whatever answers hung up.
    message(&w.hear(ZENDESK, &respond(&first, "180 Ringing", "", "")), ZENDESK, "CANCEL");
    for (at, sent) in [(ZENDESK, &first), (SECOND, &second)] {
        for tag in ["tag=zen", "tag=other"] {
            let outs = w.hear(at, &respond(sent, "200 OK", "", ANSWER).replace("tag=zen", tag));
            assert!(message(&outs, ZENDESK, "ACK").contains(tag));
            assert!(message(&outs, ZENDESK, "BYE").contains(tag));
        }
    }
    assert_eq!(invited(&w.within(30_000)), Vec::<&str>::new());
    w.later(40_000);
    w.is_clean();
}

#[test]
fn without_room_only_the_answer_of_an_address_that_was_left_is_known() {
    let mut w = World::new();
    let mut calls = Vec::new();
    for branch in ["1", "2", "3", "4"] {
        let (call, outs) = w.ring_at(branch, &[ZENDESK, SECOND, THIRD, FOURTH]);
        calls.push(call);
        drop(outs);
    }
    let outs = w.within(13_000);
    let usage = w.sbc.usage();
    assert_eq!((usage.calls, usage.legs), (4, 8));
    assert!(usage.transactions <= Sizes::of(4, 4).transactions, "{usage:?}");
    let last: Vec<_> = outs
        .iter()
        .filter(|out| matches!(out, Out::Message(at, text) if at == FOURTH && text.starts_with("INVITE")))
        .collect();
    assert!(last.len() >= 4, "every call has come to its last address");
    // Every one that was left gets an ACK and a BYE when it answers, as long as there is room for that.
    let Some(Out::Message(_, left)) =
        outs.iter().find(|out| matches!(out, Out::Message(at, _) if at == THIRD))
    else {
        panic!("{outs:?}")
    };
    w.tell(Input::Command(Command::HangUpAll));
    for call in calls {
        w.close(call);
    }
    w.later(14_000);
    assert!(
        w.hear(THIRD, &respond(left, "200 OK", "", ANSWER)).is_empty(),
        "the refused callers have it all"
    );
    w.later(11_000);
    message(&w.hear(THIRD, &respond(left, "200 OK", "", ANSWER)), ZENDESK, "BYE");
    w.later(40_000);
    w.is_clean();
}

/// A server of priority `priority`.
fn server(address: &str, priority: u16, weight: u16, server: u8) -> Found {
    Found { address: address.parse().unwrap(), priority, weight, server }
}

#[test]
fn servers_are_tried_by_priority_and_weight() {
    let mut firsts = [0u32; 2];
    for seed in 0..60 {
        let mut w = World::seeded(seed);
        let outs = w.hear(AI, &invite("1", "support", ""));
        let call = started(&outs);
        w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let found = [
            server(FOURTH, 20, 0, 2),
            server(ZENDESK, 10, 90, 0),
            server("203.0.113.66:5060", 0, 0, 3),
            server(SECOND, 10, 10, 1),
            server(THIRD, 10, 10, 1),
        ];
        let question = Question { about: About::Call(call), target: TargetIndex(0) };
        let outs = w.tell(Input::Resolved(question, &found));
        let first = invited(&outs)[0].to_string();
        firsts[usize::from(first != ZENDESK)] += 1;
        assert_ne!(first, FOURTH);
        // All of a server's addresses, then the next server's; one that is no trunk's is none.
        let mut order = vec![first];
        for _ in 0..3 {
            let outs = w.within(4_000);
            let next = invited(&outs).into_iter().find(|to| !order.iter().any(|known| known == to));
            order.extend(next.map(String::from));
        }
        assert_eq!(order.len(), 4, "{order:?}");
        assert_eq!(order[3], FOURTH);
        let at = order.iter().position(|to| to == ZENDESK).unwrap();
        assert!(at == 0 || at == 2, "{order:?}");
        w.tell(Input::Command(Command::HangUp(call)));
        w.expect_rest(call);
    }
    assert!(firsts[0] > 40 && firsts[1] > 0, "{firsts:?}");
}

#[test]
fn a_telephone_that_registers_is_in_no_dns() {
    let config = config();
    let name = config.interfaces[0].name;
    let target = Target { host: name, uri: name, ..config.targets[0] };
    assert!(crate::locate::Place::of(&config, &config.targets[0]).is_some());
    assert_eq!(crate::locate::Place::of(&config, &target), None);
}
