//! Calls that are recorded, and who is told so before.

use super::transfer::{End, find, setting, told};
use super::*;
use crate::call::CallId;
use crate::clip::ClipId;
use crate::relay::Side;

/// Everybody knows everybody; calls of every line are recorded, or only of `support`.
fn with(consent: Option<u32>, every: bool) -> World {
    let mut config = setting(false);
    let consent = consent.map(ClipId);
    let record = |(number, line): (usize, &Line)| match every || number == 0 {
        true => Line { record: true, consent, ..*line },
        false => *line,
    };
    config.lines = leak(config.lines.iter().enumerate().map(record).collect());
    World::with(7, config)
}

/// What the relay is told of a recording, among what left.
fn said(outs: &[Out]) -> Vec<String> {
    told(outs).into_iter().filter(|told| told.starts_with("greet") || told.starts_with("record")).collect()
}

impl World {
    fn has_heard(&mut self, call: CallId, side: Side, clip: u32) -> Vec<String> {
        let stream = crate::call::stream_of(call);
        said(&self.tell(Input::Media(Report::Played { stream, side, clip: ClipId(clip) })))
    }

    /// What comes of the answer to a transfer to `support`.
    fn is_taken_over(&mut self, call: CallId, agent: &mut End) -> (Vec<Out>, Vec<String>) {
        let invite = self.refer_to_support(call, agent, "<sip:support@sbc.example.com>");
        let outs = self.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
        let said = said(&outs);
        (outs, said)
    }
}

#[test]
fn from_the_answer_of_a_line_that_wants_it() {
    let mut w = with(None, false);
    let (call, _, mut agent) = w.talk_to_agent();
    let (outs, said) = w.is_taken_over(call, &mut agent);
    assert_eq!(said, ["record A"]);
    assert!(told(&outs).iter().position(|said| said == "record A") > Some(0), "after the bridge");
    w.answer_notify(&outs);
    w.end_transferred(call);
}

#[test]
fn after_both_have_heard_that_they_are() {
    let mut w = with(Some(5), false);
    let (call, _, mut agent) = w.talk_to_agent();
    let (outs, said) = w.is_taken_over(call, &mut agent);
    assert_eq!(said, ["greet A by 5", "greet C by 5"]);
    assert_eq!(w.has_heard(call, Side::A, 4), [""; 0], "another clip");
    assert_eq!(w.has_heard(call, Side::B, 5), [""; 0], "somebody else");
    assert_eq!(w.has_heard(call, Side::C, 5), [""; 0]);
    assert_eq!(w.has_heard(call, Side::A, 5), ["record A"]);
    assert_eq!(w.has_heard(call, Side::A, 5), [""; 0], "once");
    w.answer_notify(&outs);
    w.end_transferred(call);
}

#[test]
fn who_is_parted_before_is_told_again_and_who_is_recorded_is_not() {
    let mut w = with(Some(5), true);
    let (call, _, mut agent) = w.talk_to_agent();
    // Both have been asked when the first one answered; one has heard it when they are parted.
    assert_eq!(w.has_heard(call, Side::B, 5), [""; 0]);
    let invite = w.refer_to_support(call, &mut agent, "<sip:support@sbc.example.com>");
    let outs = w.hear(ZENDESK, &respond(&invite, "486 Busy Here", "", ""));
    assert_eq!(said(&outs), ["greet A by 5", "greet B by 5"]);
    w.answer_notify(&outs);
    w.place_parted(call, Side::C);
    assert_eq!(w.has_heard(call, Side::B, 5), [""; 0]);
    assert_eq!(w.has_heard(call, Side::A, 5), ["record A"]);
    let (outs, again) = w.is_taken_over(call, &mut agent);
    assert_eq!(again, [""; 0], "it is recorded already");
    assert!(find(&outs, "ACK").starts_with("ACK"));
    w.answer_notify(&outs);
    w.end_transferred(call);
}
