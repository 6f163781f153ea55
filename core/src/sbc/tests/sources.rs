//! Where a leg's audio may come from, and what becomes of a call whose leg is silent.

use super::*;
use crate::relay::{Peer, Side};

/// Inside and outside of what the AI trunk's media may come from.
const INSIDE: &str = "198.51.100.9:5555";
const OUTSIDE: &str = "192.0.2.5:5555";

/// A world whose AI trunk is behind NAT.
fn world(learn: bool) -> World {
    let mut config = config();
    config.trunks = leak(vec![Trunk { learn, ..config.trunks[0] }, config.trunks[1], config.trunks[2]]);
    World::with(7, config)
}

/// An INVITE whose description names this host.
fn from_host(host: &str) -> String {
    let plain = invite("1", "support", "");
    let (head, body) = plain.split_once("\r\n\r\n").unwrap();
    let body = body.replace("c=IN IP4 198.51.100.7", &format!("c=IN IP4 {host}"));
    let head = head.split("\r\n").filter(|line| !line.starts_with("Content-Length"));
    let head: Vec<_> = head.collect();
    format!("{}\r\nContent-Length: {}\r\n\r\n{body}", head.join("\r\n"), body.len())
}

/// A call whose caller's description names this host, and where the relay is told the caller is.
fn pointed(w: &mut World, host: &str) -> (CallId, Peer) {
    let outs = w.hear(AI, &from_host(host));
    let call = started(&outs);
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let peer = outs.iter().find_map(|out| match out {
        Out::Other(Output::Media { control: Control::Point { side: Side::A, peer, .. }, .. }) => Some(*peer),
        _ => None,
    });
    (call, peer.unwrap_or_else(|| panic!("{outs:?}")))
}

fn seen(w: &mut World, call: CallId, from: &str, may_be_it: bool) -> Vec<Out> {
    let stream = crate::call::stream_of(call);
    w.tell(Input::Media(Report::Stranger { stream, side: Side::A, from: from.parse().unwrap(), may_be_it }))
}

#[test]
fn a_trunk_that_learns_takes_audio_from_inside_its_ranges_alone() {
    let mut w = world(true);
    let (call, peer) = pointed(&mut w, "10.1.1.1");
    assert!(
        peer.learns && peer.rtp.ip().is_unspecified(),
        "nothing is sent to what is not allowed: {peer:?}"
    );
    let outs = seen(&mut w, call, OUTSIDE, true);
    let elsewhere = Event::Elsewhere {
        call,
        trunk: TrunkIndex(0),
        named: "10.1.1.1:40000".parse().unwrap(),
        from: OUTSIDE.parse().unwrap(),
    };
    assert!(matches!(&outs[..], [Out::Other(Output::Event(event))] if *event == elsewhere), "{outs:?}");
    assert!(seen(&mut w, call, OUTSIDE, true).is_empty(), "it is said once");
    assert!(seen(&mut w, call, INSIDE, false).is_empty(), "it is not the peer");
    // Our own ports are inside that range of nobody's.
    let outs = seen(&mut w, call, INSIDE, true);
    let [Out::Other(Output::Media { control, .. }), Out::Other(Output::Event(event))] = &outs[..] else {
        panic!("{outs:?}");
    };
    let stream = crate::call::stream_of(call);
    assert_eq!(*control, Control::Learn { stream, side: Side::A, source: INSIDE.parse().unwrap() });
    let Event::Learned { from, .. } = event else { panic!("{event:?}") };
    assert_eq!(from.to_string(), INSIDE);
}

#[test]
fn a_trunk_that_does_not_learn_is_told_of_once_and_refused_outside_its_ranges() {
    let mut w = world(false);
    let outs = w.hear(AI, &from_host("10.1.1.1"));
    assert!(message(&outs, AI, "SIP/2.0 488").contains("Warning: "));
    let mut w = world(false);
    let (call, peer) = pointed(&mut w, "198.51.100.7");
    assert_eq!((peer.rtp.to_string().as_str(), peer.learns), ("198.51.100.7:40000", false));
    let outs = seen(&mut w, call, INSIDE, false);
    assert!(matches!(outs[..], [Out::Other(Output::Event(Event::Elsewhere { .. }))]), "{outs:?}");
    assert!(seen(&mut w, call, INSIDE, false).is_empty());
}

#[test]
fn a_conversation_in_which_one_is_silent_for_a_minute_is_over() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let silence = |w: &mut World, side| {
        let stream = crate::call::stream_of(call);
        w.tell(Input::Media(Report::Silent { stream, side }))
    };
    // Who waits for an answer need not speak.
    w.later(15_000);
    assert!(silence(&mut w, Side::A).is_empty());
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    w.later(59_999);
    assert!(silence(&mut w, Side::A).is_empty());
    // On hold nobody need speak.
    let hold = with_body(&request("INVITE", "3", 2, &ok), &format!("{OFFER}a=sendonly\r\n"));
    w.hear(AI, &hold);
    w.hear(AI, &(request("ACK", "4", 2, &ok) + END));
    w.later(60_000);
    assert!(silence(&mut w, Side::B).is_empty());
    w.hear(AI, &with_body(&request("INVITE", "5", 3, &ok), OFFER));
    w.hear(AI, &(request("ACK", "6", 3, &ok) + END));
    let outs = silence(&mut w, Side::B);
    for peer in [AI, ZENDESK] {
        let bye = message(&outs, peer, "BYE");
        assert!(field(bye, "Reason").contains("408"), "{bye}");
    }
    let Some(View { progress: Progress::Ended(Reason::MediaSilent), .. }) = w.sbc.call(call) else {
        panic!("it is not over");
    };
}

#[test]
fn where_media_is_taken_as_signalled_only_who_signals_is_learned() {
    let mut w = world(true);
    let mut trunks = w.config.trunks.to_vec();
    trunks[0].media = MediaPolicy::Signalled;
    w.config.trunks = leak(trunks);
    let (call, _) = pointed(&mut w, "10.1.1.1");
    assert!(matches!(
        seen(&mut w, call, INSIDE, true)[..],
        [Out::Other(Output::Event(Event::Elsewhere { .. }))]
    ));
    let outs = seen(&mut w, call, "198.51.100.7:61000", true);
    assert!(matches!(outs[..], [Out::Other(Output::Media { .. }), Out::Other(Output::Event(_))]), "{outs:?}");
}
