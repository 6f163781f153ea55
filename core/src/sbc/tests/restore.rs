//! Calls that outlive the SBC they were made in.

use super::*;

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

    pub(super) fn record(&self, call: CallId) -> Vec<u8> {
        let mut out = [0; 2_500];
        let len = self.sbc.save(&self.cx(), call, &mut out).expect("it is at rest");
        out[..len].to_vec()
    }

    /// A world in which this record was restored, and what left for it.
    pub(super) fn after(record: &[u8]) -> (Self, CallId, Vec<Out>) {
        Self::after_with(record, config())
    }

    pub(super) fn after_with(record: &[u8], config: Config<'static>) -> (Self, CallId, Vec<Out>) {
        let mut w = Self::with(8, config);
        w.now = Instant::from_micros(40_000_000_000);
        let call = w.sbc.restore(&w.cx(), record).unwrap();
        let outs = w.drain();
        (w, call, outs)
    }

    pub(super) fn opened(&mut self, call: CallId) -> Vec<Out> {
        self.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }))
    }

    /// Both legs get a BYE that says why, and then the call is over.
    fn expect_end(mut self, call: CallId, outs: &[Out], why: Reason) {
        let text = format!("SIP;cause={};text=\"{}\"", why.status().unwrap(), why.sentence().trim());
        for peer in [AI, ZENDESK] {
            let bye = message(outs, peer, "BYE").to_string();
            assert_eq!(field(&bye, "Reason"), text);
            let last = self.hear(peer, &respond(&bye, "200 OK", "", ""));
            assert_eq!(ended(&last), if peer == ZENDESK { vec![call] } else { vec![] });
        }
        self.is_clean();
    }
}

fn ended(outs: &[Out]) -> Vec<CallId> {
    let id = |out: &Out| match out {
        Out::Other(Output::Event(Event::Ended(id))) => Some(*id),
        _ => None,
    };
    outs.iter().filter_map(id).collect()
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
fn how_a_call_ended_is_kept_without_its_legs() {
    let mut w = World::new();
    let talk = w.talk();
    let whole = w.record(talk.call).len();
    let outs = w.hear(AI, &(request("BYE", "3", 2, &talk.ok) + END));
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    let stream = crate::call::stream_of(talk.call);
    w.sbc.handle(&w.cx(), Input::Media(Report::Closed { stream, sides: Default::default() }));
    let over = w.sbc.poll(&w.cx(), &mut [0; 4_096]);
    assert_eq!(over, Output::Event(Event::Ended(talk.call)));
    let record = w.record(talk.call);
    assert!(record.len() < whole / 2, "{} of {whole} bytes", record.len());
    let mut w = World::seeded(8);
    let call = w.sbc.restore(&w.cx(), &record).unwrap();
    let view = w.sbc.call(call).unwrap();
    assert_eq!(view.progress, Progress::Ended(Reason::CallerHungUp));
    assert_eq!(view.outcome, Some(crate::call::Outcome::Connected));
    let outs = w.drain();
    assert!(silent(&outs) && controls(&outs).is_empty(), "{outs:?}");
    assert_eq!(ended(&outs), [call]);
    w.is_clean();
}

#[test]
fn a_call_that_cannot_go_on_is_ended_on_both_legs() {
    let mut w = World::new();
    let talk = w.talk();
    let record = w.record(talk.call);
    // Somebody else has one of its ports.
    for port in [20000, 20004] {
        let mut w = World::seeded(8);
        assert!(w.sbc.ports.claim(0, port));
        let call = w.sbc.restore(&w.cx(), &record).unwrap();
        assert_eq!(w.sbc.ports.taken(), 1);
        let outs = w.drain();
        assert!(controls(&outs).is_empty());
        w.sbc.ports.give_back(port);
        w.expect_end(call, &outs, Reason::NoPort);
    }
    // Our address is another one.
    let mut moved = config();
    moved.interfaces =
        leak(vec![Interface { advertise: "203.0.113.11".parse().unwrap(), ..moved.interfaces[0] }]);
    let (w, call, outs) = World::after_with(&record, moved);
    assert!(message(&outs, ZENDESK, "BYE").contains("Via: SIP/2.0/UDP 203.0.113.11:5060;"));
    w.expect_end(call, &outs, Reason::AddressChanged);
    // The target's media is no longer allowed.
    let mut narrow = config();
    narrow.media = leak(vec![narrow.media[0], MediaRange { ports: (20_000, 60_000), ..narrow.media[1] }]);
    let (w, call, outs) = World::after_with(&record, narrow);
    w.expect_end(call, &outs, Reason::MediaOutsideRange);
    // Its ports are of two workers.
    let mut workers = config();
    workers.node.workers = 4;
    let (w, call, outs) = World::after_with(&record, workers);
    w.expect_end(call, &outs, Reason::NoPort);
}

#[test]
fn a_call_whose_trunk_is_gone_is_ended_all_the_same() {
    let mut w = World::new();
    let talk = w.talk();
    let record = w.record(talk.call);
    let mut other = config();
    let name = other.domains[0];
    other.trunks = leak(vec![other.trunks[0], Trunk { name, ..other.trunks[1] }, other.trunks[2]]);
    let (mut w, call, outs) = World::after_with(&record, other);
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    assert_eq!(field(&bye, "Reason").split(';').nth(1), Some("cause=503"));
    let of_caller = message(&outs, AI, "BYE").to_string();
    assert!(ended(&w.hear(AI, &respond(&of_caller, "200 OK", "", ""))).is_empty());
    assert_eq!(ended(&w.hear(ZENDESK, &respond(&bye, "481 Gone", "", ""))), [call]);
    w.is_clean();
}

/// It was with a person when its record was written; an INVITE of a hand-over may have left since.
#[test]
fn zendesk_may_have_made_a_ticket_of_a_call_that_has_none() {
    for ticket in [NonZeroU64::new(7), None] {
        let mut w = World::new();
        let talk = w.talk();
        w.sbc.calls.get_mut(talk.call).unwrap().ticket = ticket;
        let record = w.record(talk.call);
        let (w, call, _) = World::after(&record);
        assert_eq!(w.sbc.call(call).unwrap().talk, ticket.is_none());
    }
}

#[test]
fn what_a_call_names_is_found_where_it_is_now() {
    let mut w = World::new();
    let talk = w.talk();
    let record = w.record(talk.call);
    // The tables have another order, and its line and target are gone.
    let mut other = config();
    other.trunks = leak(vec![other.trunks[2], other.trunks[1], other.trunks[0]]);
    let mut sources = other.sources.to_vec();
    sources.iter_mut().for_each(|range| range.value = 2 - range.value);
    other.sources = leak(sources);
    other.callers = leak(vec![TrunkIndex(2), TrunkIndex(0)]);
    let name = other.domains[0];
    other.lines = leak(vec![Line { name, ..other.lines[0] }]);
    other.targets = leak(vec![]);
    let (mut w, call, _) = World::after_with(&record, other);
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.progress, view.trunk, view.target), (Progress::Answered, TrunkIndex(2), None));
    assert!(w.config.line(view.line).is_none());
    assert_eq!(controls(&w.opened(call)).len(), 2);
    assert_eq!(
        w.sbc.trunks.iter().map(|trunk| (trunk.starts.legs, trunk.takes.legs)).collect::<Vec<_>>(),
        [(0, 0), (0, 1), (1, 0)]
    );
    let outs = w.hear(AI, &(request("BYE", "3", 2, &talk.ok) + END));
    message(&outs, AI, "SIP/2.0 200 OK");
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    assert_eq!(ended(&w.close(call)), [call]);
    w.is_clean();
}

#[test]
fn a_relay_that_fails_or_says_nothing_ends_a_restored_call() {
    let mut w = World::new();
    let talk = w.talk();
    let record = w.record(talk.call);
    let (mut w, call, _) = World::after(&record);
    let outs = w.tell(Input::Media(Report::Failed { stream: crate::call::stream_of(call) }));
    w.expect_end(call, &outs, Reason::MediaFailed);
    let (mut w, call, _) = World::after(&record);
    assert!(w.later(4_999).is_empty());
    let outs = w.later(1);
    message(&outs, AI, "BYE");
    let silent = w.close(call);
    assert!(ended(&silent).is_empty());
    w.expect_end(call, &outs, Reason::MediaFailed);
}

#[test]
fn a_record_makes_one_call_and_only_where_there_is_room() {
    let mut w = World::new();
    let talk = w.talk();
    let record = w.record(talk.call);
    assert_eq!(w.sbc.restore(&w.cx(), &record), Err(RestoreError::Known));
    let mut w = World::seeded(8);
    for number in 1..=4 {
        w.hear(AI, &invite(&number.to_string(), "support", ""));
    }
    let before = w.sbc.usage();
    assert_eq!(w.sbc.restore(&w.cx(), &record), Err(RestoreError::Full));
    assert_eq!(w.sbc.usage(), before);
}

#[test]
fn what_a_call_was_doing_decides_what_its_record_says() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let mut out = [0; 2_500];
    assert_eq!(w.sbc.save(&w.cx(), call, &mut out), None, "not answered");
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    assert_eq!(settled(&outs), [call], "its answer is on its way");
    assert!(w.later(500).len() == 1 && settled(&w.later(1_000)).is_empty(), "but is not told of again");
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));

    // Our offer in an answer to a re-INVITE waits for the ACK: the record before holds.
    let ask = request("INVITE", "3", 2, &ok) + &format!("Contact: <sip:ai@{AI}>\r\n");
    let outs = w.hear(AI, &(ask + END));
    assert!(settled(&outs).is_empty());
    assert_eq!(w.sbc.save(&w.cx(), call, &mut out), None);
    let outs = w.hear(AI, &with_body(&request("ACK", "4", 2, &ok), OFFER));
    assert_eq!(settled(&outs), [call]);

    // The same again changes nothing that has to be kept; another Contact does.
    let refresh = |number, user: &str, sdp: &str| {
        let head = request("INVITE", &format!("r{number}"), number, &ok);
        with_body(&(head + &format!("Contact: <sip:{user}@{AI}>\r\n")), sdp)
    };
    w.hear(AI, &refresh(3, "ai", OFFER));
    w.hear(AI, &(request("ACK", "a3", 3, &ok) + END));
    assert!(settled(&w.hear(AI, &refresh(4, "ai", OFFER))).is_empty());
    assert_eq!(settled(&w.hear(AI, &refresh(5, "other", OFFER))), [call]);
    let hold = OFFER.replace("m=audio", "a=sendonly\r\nm=audio");
    assert_eq!(settled(&w.hear(AI, &refresh(6, "other", &hold))), [call]);

    // Nobody knows whether that re-INVITE's answer arrived: it is answered once more, where it comes again.
    let (mut fresh, id, _) = World::after(&w.record(call));
    fresh.opened(id);
    let again = message(&fresh.hear(AI, &refresh(6, "other", &hold)), AI, "SIP/2.0 200 OK").to_string();
    assert!(again.contains("a=recvonly"), "{again}");

    // From here on a restart ends what is left.
    let outs = w.hear(AI, &(request("BYE", "7", 7, &ok) + END));
    assert_eq!(settled(&outs), [call]);
    let (mut fresh, id, outs) = World::after(&w.record(call));
    assert_eq!(fresh.sbc.call(id).unwrap().progress, Progress::Ended(Reason::CallerHungUp));
    assert!(
        controls(&outs).is_empty() && !outs.iter().any(|out| matches!(out, Out::Message(to, _) if to == AI))
    );
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    assert_eq!(ended(&fresh.hear(ZENDESK, &respond(&bye, "481 Gone", "", ""))), [id]);
    fresh.is_clean();
}

#[test]
fn an_answer_that_is_still_to_come_with_its_ack_ends_with_a_restart() {
    let mut w = World::new();
    let text = invite("1", "support", "");
    let head = text.split("Content-Type").next().unwrap();
    let call = started(&w.hear(AI, &format!("{head}{END}")));
    w.opened(call);
    let question = Question { about: About::Call(call), target: TargetIndex(0) };
    let outs = w.tell(Input::Resolved(question, &at(&[ZENDESK])));
    let invite = message(&outs, ZENDESK, "INVITE").to_string();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    assert_eq!(settled(&outs), [call]);
    let (_, _, outs) = World::after(&w.record(call));
    message(&outs, AI, "BYE");
    message(&outs, ZENDESK, "BYE");
    assert_eq!(settled(&w.hear(AI, &with_body(&request("ACK", "2", 1, &ok), OFFER))), [call]);
    let (_, _, outs) = World::after(&w.record(call));
    assert!(silent(&outs));
}

#[test]
fn a_2xx_whose_ack_was_lost_is_acknowledged_after_a_restart() {
    let mut w = World::new();
    let talk = w.talk();
    let (mut w, call, _) = World::after(&w.record(talk.call));
    w.opened(call);
    let answer = respond(&talk.invite, "200 OK", "", ANSWER);
    let outs = w.hear(ZENDESK, &answer);
    let ack = message(&outs, ZENDESK, &format!("ACK sip:{ZENDESK} SIP/2.0\r\n"));
    assert_eq!(field(ack, "CSeq"), "1 ACK");
    // Another branch of the fork that the INVITE became is hung up, now as before.
    let other = answer.replace("tag=zen", "tag=other");
    let outs = w.hear(ZENDESK, &other);
    assert!(message(&outs, ZENDESK, "ACK").contains(";tag=other\r\n"));
    assert!(message(&outs, ZENDESK, "BYE").contains(";tag=other\r\n"));
    assert_eq!(outs.len(), 2);
    assert_eq!(w.hear(ZENDESK, &other).len(), 1);
    // Somebody else's is nobody's.
    assert!(w.hear(ZENDESK, &answer.replace(field(&answer, "Call-ID"), "another")).is_empty());
    assert!(w.hear(AI, &answer).is_empty());
    assert_eq!(w.sbc.counters().get(Reason::StrayResponse), 2);
}

#[test]
fn times_go_on_by_the_civil_clock_where_there_is_one() {
    let mut w = World::new();
    let talk = w.talk();
    w.later(60_000);
    let since = |w: &World, call, now: Instant| {
        let view = w.sbc.call(call).unwrap();
        [view.started, view.answered.unwrap()].map(|at| now.since(at).as_millis())
    };
    let before = since(&w, talk.call, w.now);
    let at = |utc: Option<i64>| {
        let config: &'static Config<'static> = Box::leak(Box::new(config()));
        Cx { now: Instant::from_micros(500_000_000), utc: utc.map(Utc), config }
    };
    let day = 1_700_000_000_000_000;
    for (then, now, between) in [
        (Some(day), Some(day + 7_000_000), 7_000),
        (Some(day), Some(day - 7_000_000), 0),
        (None, Some(day), 0),
        (Some(day), None, 0),
        (None, None, 0),
    ] {
        let mut record = [0; 2_500];
        let cx = Cx { now: w.now, utc: then.map(Utc), config: &w.config };
        w.sbc.save(&cx, talk.call, &mut record).unwrap();
        let mut fresh = World::seeded(8);
        let cx = at(now);
        let call = fresh.sbc.restore(&cx, &record).unwrap();
        assert_eq!(since(&fresh, call, cx.now), before.map(|millis| millis + between), "{then:?} {now:?}");
    }
    // Nothing lies before a clock's beginning.
    let mut fresh = World::seeded(8);
    let cx = Cx { now: Instant::from_micros(5), ..at(None) };
    let call = fresh.sbc.restore(&cx, &w.record(talk.call)).unwrap();
    assert_eq!(fresh.sbc.call(call).unwrap().started, Instant::ZERO);
}
