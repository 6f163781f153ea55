//! Keys that are told by INFO, or reported by the relay.

use super::*;
use crate::relay::{Control, Side};
use crate::rtp::Digit;

fn info(number: u32, response: &str, kind: &str, body: &str) -> String {
    let head = request("INFO", &format!("info{number}"), number, response);
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    format!("{head}{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A call that was answered: what the caller was told.
fn answered(w: &mut World) -> (CallId, String) {
    let (call, sent) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&sent, "200 OK", "", ANSWER));
    (call, message(&outs, AI, "SIP/2.0 200").to_string())
}

#[test]
fn a_key_is_answered_and_handed_to_the_relay() {
    let mut w = World::new();
    let (call, response) = answered(&mut w);
    let text = info(2, &response, "application/dtmf-relay", "Signal=5\r\nDuration=200\r\n");
    let outs = w.hear(AI, &text);
    message(&outs, AI, "SIP/2.0 200");
    let press = outs.iter().find_map(|out| match out {
        Out::Other(Output::Media { control: Control::Press { stream, side, digit, duration }, .. }) => {
            Some((*stream, *side, *digit, *duration))
        }
        _ => None,
    });
    let five = Digit::of_key(b'5').unwrap();
    let stream = crate::call::stream_of(call);
    assert_eq!(press, Some((stream, Side::A, five, Duration::from_millis(200))));
    // The same once more is a retransmission.
    let outs = w.hear(AI, &text);
    assert_eq!(outs.len(), 1, "{outs:?}");
    message(&outs, AI, "SIP/2.0 200");
    // The relay says when it is over.
    let report = Report::Digit { stream, side: Side::A, digit: five, duration: Duration::from_millis(200) };
    let outs = w.tell(Input::Media(report));
    let [Out::Other(Output::Event(Event::Digit { call: of, side: Side::A, digit, .. }))] = outs[..] else {
        panic!("{outs:?}")
    };
    assert_eq!((of, digit), (call, five));
    let gone = relay::StreamId { generation: stream.generation + 2, ..stream };
    let report = Report::Digit { stream: gone, side: Side::A, digit: five, duration: Duration::ZERO };
    let outs = w.tell(Input::Media(report));
    assert!(outs.is_empty(), "the call is gone: {outs:?}");
}

#[test]
fn what_is_no_key_is_refused_with_a_reason() {
    let mut w = World::new();
    let (_, response) = answered(&mut w);
    let outs = w.hear(AI, &info(2, &response, "application/dtmf-relay", "Signal=x\r\n"));
    let refusal = message(&outs, AI, "SIP/2.0 400");
    assert!(field(refusal, "Warning").contains("names no key"), "{refusal}");
    let outs = w.hear(AI, &info(3, &response, "application/media_control+xml", "<x/>"));
    let refusal = message(&outs, AI, "SIP/2.0 415");
    assert_eq!(field(refusal, "Accept"), "application/dtmf-relay, application/dtmf");
    let outs = w.hear(AI, &info(4, &response, "", "5"));
    message(&outs, AI, "SIP/2.0 415");
    // Nothing in it asks only whether the dialog is there.
    let outs = w.hear(AI, &info(5, &response, "", ""));
    message(&outs, AI, "SIP/2.0 200");
    assert!(!outs.iter().any(|out| matches!(out, Out::Other(Output::Media { .. }))), "{outs:?}");
    let outs = w.hear(AI, &info(6, &response.replace("tag=", "tag=0"), "application/dtmf", "5"));
    message(&outs, AI, "SIP/2.0 481");
}
