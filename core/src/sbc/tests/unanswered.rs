//! Legs that nobody had answered when the SBC fell over.

use super::*;

impl World {
    fn last_words(&self, call: CallId) -> Vec<u8> {
        let mut out = [0; 4_096];
        let len = self.sbc.save_unanswered(&self.cx(), call, &mut out).expect("somebody waits");
        out[..len].to_vec()
    }

    /// Another world, in which those are ended.
    fn ended_by(record: &[u8]) -> (Self, Vec<Out>) {
        let mut w = Self::seeded(8);
        w.sbc.end_unanswered(&w.cx(), record).unwrap();
        let outs = w.drain();
        (w, outs)
    }

    /// A call that rings, as far as what ends it.
    fn ringing() -> (Self, String, Vec<u8>) {
        let mut w = Self::new();
        let (call, invite) = w.ring();
        w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
        let record = w.last_words(call);
        (w, invite, record)
    }
}

#[test]
fn whoever_waits_is_told_of_at_once() {
    let mut w = World::new();
    let outs = w.hear(AI, &invite("1", "support", ""));
    assert_eq!(w.unanswered, 1);
    let call = started(&outs);
    let (_, outs) = World::ended_by(&w.last_words(call));
    message(&outs, AI, "SIP/2.0 480");
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let question = Question { about: About::Call(call), target: TargetIndex(0) };
    let outs = w.tell(Input::Resolved(question, &at(&[ZENDESK])));
    message(&outs, ZENDESK, "INVITE");
    assert_eq!(w.unanswered, 2);
}

#[test]
fn the_caller_is_refused_and_the_target_rung_no_more() {
    let (_, rung, record) = World::ringing();
    let (mut w, outs) = World::ended_by(&record);
    let refusal = message(&outs, AI, "SIP/2.0 480").to_string();
    assert_eq!(field(&refusal, "Call-ID"), "call-1@ai");
    assert_eq!(field(&refusal, "CSeq"), "1 INVITE");
    assert!(field(&refusal, "Via").contains("branch=z9hG4bK1"));
    assert!(field(&refusal, "Warning").contains(Reason::WaitCut.sentence().trim()));
    let cancel = message(&outs, ZENDESK, "CANCEL sip:support@acme.sip.twilio.com").to_string();
    for name in ["Via", "From", "To", "Call-ID"] {
        assert_eq!(field(&cancel, name), field(&rung, name));
    }
    assert_eq!(field(&cancel, "CSeq"), "1 CANCEL");
    // Both are repeated as long as nobody has heard them.
    let again = w.later(500);
    assert_eq!(message(&again, AI, "SIP/2.0 480"), refusal);
    assert_eq!(message(&again, ZENDESK, "CANCEL"), cancel);
    assert!(silent(&w.hear(AI, &(request("ACK", "1", 1, &refusal) + END))));
    assert!(silent(&w.hear(ZENDESK, &respond(&cancel, "200 OK", "", ""))));
    let outs = w.hear(ZENDESK, &respond(&rung, "487 Request Terminated", "", ""));
    assert_eq!(field(message(&outs, ZENDESK, "ACK"), "Via"), field(&rung, "Via"));
    assert!(silent(&w.later(20_000)));
    w.is_clean();
}

#[test]
fn who_answers_even_so_is_hung_up() {
    let (_, rung, record) = World::ringing();
    let (mut w, outs) = World::ended_by(&record);
    let refusal = message(&outs, AI, "SIP/2.0 480").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &refusal) + END));
    let outs = w.hear(ZENDESK, &respond(&rung, "200 OK", "", ANSWER));
    message(&outs, ZENDESK, "ACK");
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    w.is_clean();
}

#[test]
fn a_caller_that_cancels_meanwhile_is_answered() {
    let (_, _, record) = World::ringing();
    let (mut w, outs) = World::ended_by(&record);
    let refusal = message(&outs, AI, "SIP/2.0 480").to_string();
    let cancel = request("CANCEL", "1", 1, &refusal) + END;
    message(
        &w.hear(AI, &cancel.replace(field(&refusal, "To"), "<sip:support@sbc.example.com>")),
        AI,
        "SIP/2.0 200",
    );
}

#[test]
fn who_is_answered_is_not_ended() {
    let (mut w, rung, _) = World::ringing();
    let call = w.sbc.calls().next().unwrap();
    w.hear(ZENDESK, &respond(&rung, "200 OK", "", ANSWER));
    assert_eq!(w.sbc.save_unanswered(&w.cx(), call, &mut [0; 4_096]), None);
}

#[test]
fn peers_that_are_not_configured_any_more_are_left_alone() {
    let (_, _, record) = World::ringing();
    let mut moved = config();
    moved.interfaces =
        leak(vec![Interface { advertise: "203.0.113.11".parse().unwrap(), ..moved.interfaces[0] }]);
    let mut w = World::with(8, moved);
    assert_eq!(w.sbc.end_unanswered(&w.cx(), &record), Ok(()));
    assert!(silent(&w.drain()));
    w.is_clean();
}

#[test]
fn what_was_changed_or_cut_ends_nobody() {
    let (_, _, record) = World::ringing();
    for len in 0..record.len() {
        let mut w = World::seeded(8);
        assert_eq!(w.sbc.end_unanswered(&w.cx(), &record[..len]), Err(RestoreError::Damaged));
    }
    let mut short = record.clone();
    short.truncate(record.len() - 10);
    let len = u16::try_from(short.len()).unwrap().to_le_bytes();
    short[1..3].copy_from_slice(&len);
    crate::record::reseal(&mut short);
    let mut w = World::seeded(8);
    assert_eq!(w.sbc.end_unanswered(&w.cx(), &short), Err(RestoreError::Malformed));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let (w, ..) = World::ringing();
    let call = w.sbc.calls().next().unwrap();
    for room in [0, 1, 200, 400] {
        assert_eq!(w.sbc.save_unanswered(&w.cx(), call, &mut vec![0; room]), None, "{room}");
    }
}
