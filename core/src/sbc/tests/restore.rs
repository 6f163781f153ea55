//! Calls that outlive the SBC they were made in.

use super::*;
use crate::sbc::restore::RestoreError;

/// What leaves of a call's INVITE on its way to an answer that is acknowledged: the caller's 200 and our INVITE.
struct Talk {
    call: CallId,
    ok: String,
    invite: String,
}

impl World {
    fn talk(&mut self) -> Talk {
        let (call, invite) = self.ring();
        let outs = self.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
        let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
        assert_eq!(settled(&outs), [call]);
        assert!(self.hear(AI, &(request("ACK", "2", 1, &ok) + END)).is_empty());
        Talk { call, ok, invite }
    }

    fn record(&self, call: CallId) -> Vec<u8> {
        let mut out = [0; 2_200];
        let len = self.sbc.save(&self.cx(), call, &mut out).expect("it is at rest");
        out[..len].to_vec()
    }

    /// A world in which this record was restored, and what left for it.
    fn after(record: &[u8]) -> (Self, CallId, Vec<Out>) {
        let mut w = Self::seeded(8);
        w.now = Instant::from_micros(40_000_000_000);
        let call = w.sbc.restore(&w.cx(), record).unwrap();
        let outs = w.drain();
        (w, call, outs)
    }

    fn opened(&mut self, call: CallId) -> Vec<Out> {
        self.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }))
    }
}

fn settled(outs: &[Out]) -> Vec<CallId> {
    let id = |out: &Out| match out {
        Out::Other(Output::Event(Event::Settled(id))) => Some(*id),
        _ => None,
    };
    outs.iter().filter_map(id).collect()
}

fn controls(outs: &[Out]) -> Vec<Control> {
    let control = |out: &Out| match out {
        Out::Other(Output::Media { control, .. }) => Some(*control),
        _ => None,
    };
    outs.iter().filter_map(control).collect()
}

#[test]
fn an_answered_call_goes_on() {
    let mut w = World::new();
    let talk = w.talk();
    let before = *w.sbc.call(talk.call).unwrap().statistics;
    let record = w.record(talk.call);
    std::println!("a record of {} bytes", record.len());
    let (mut w, call, outs) = World::after(&record);
    assert!(silent(&outs));
    assert_eq!(settled(&outs), [call]);
    let [Control::Open { ports: [20000, 20004], .. }] = controls(&outs)[..] else { panic!("{outs:?}") };
    assert_eq!(w.sbc.usage().ports, 2);

    // Both peers are where they were.
    let outs = w.opened(call);
    assert!(silent(&outs));
    let [
        Control::Point { side: relay::Side::A, peer: a, .. },
        Control::Point { side: relay::Side::B, peer: b, .. },
    ] = controls(&outs)[..]
    else {
        panic!("{outs:?}")
    };
    assert_eq!(
        (a.rtp.to_string(), b.rtp.to_string()),
        ("198.51.100.7:40000".into(), "168.86.128.9:12000".into())
    );
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.progress, view.call_id), (Progress::Answered, &b"call-1@ai"[..]));
    assert_eq!((view.caller, view.ticket.unwrap().get()), (Some(&b"+821012345678"[..]), 35436));
    assert_eq!((view.line, view.trunk, view.target), (LineIndex(0), TrunkIndex(0), Some(TargetIndex(0))));
    assert_eq!(view.statistics, &before);

    let outs = w.hear(AI, &(request("BYE", "3", 2, &talk.ok) + END));
    message(&outs, AI, "SIP/2.0 200 OK");
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    assert_eq!(field(&bye, "CSeq"), "66 BYE");
    assert_eq!(field(&bye, "From"), field(&talk.invite, "From"));
    assert_eq!(field(&bye, "Call-ID"), field(&talk.invite, "Call-ID"));
    assert!(bye.contains(";tag=zen\r\n") && !bye.contains("Reason"));
    w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    let outs = w.close(call);
    assert!(matches!(outs[..], [Out::Other(Output::Event(Event::Ended(ended)))] if ended == call));
    w.is_clean();
}

#[test]
fn what_is_no_record_is_refused() {
    let w = World::new();
    let mut sbc = w.sbc;
    let cx = Cx { now: w.now, utc: None, config: &w.config };
    assert_eq!(sbc.restore(&cx, &[]), Err(RestoreError::Damaged));
}
