//! Targets that hear who calls, or which key takes the call, before it is theirs.

use super::together::{ONE, TWO, is_over, rings, session, world};
use super::transfer::{End, answer, find, told};
use super::*;
use crate::call::Outcome;
use crate::clip::ClipId;
use crate::config::{Answer, Whisper};
use crate::relay::Side;
use crate::rtp::Digit;

const WHISPER: ClipId = ClipId(20);

/// The same as of those who are rung together, who hear a whisper first.
fn whispering(accept: Option<u8>, change: impl Fn(&mut Line)) -> World {
    let mut w = world(|line| {
        line.music = Some(ClipId(12));
        change(line);
    });
    let accept = accept.map(|key| Digit::of_key(key).unwrap().code());
    let mut rings = w.config.rings.to_vec();
    let first = usize::from(w.config.lines[0].ring.start);
    rings[first..][..2].iter_mut().for_each(|ring| ring.whisper = Some(Whisper { clip: WHISPER, accept }));
    w.config = Config { rings: leak(rings), ..w.config };
    w
}

impl World {
    fn says_yes(&mut self, from: &str, asked: &str) -> Vec<Out> {
        let outs = self.hear(from, &answer(from, "own", asked, "200 OK", &session(from)));
        message(&outs, from, "ACK");
        outs
    }

    fn key(&mut self, call: CallId, side: Side, key: u8) -> Vec<Out> {
        let (stream, digit) = (crate::call::stream_of(call), Digit::of_key(key).unwrap());
        self.tell(Input::Media(Report::Digit { stream, side, digit, duration: Duration::from_millis(100) }))
    }

    fn outcome_is(&self, call: CallId, outcome: Option<Outcome>) {
        assert_eq!(self.sbc.call(call).unwrap().outcome, outcome);
    }
}

/// The call of a caller who is answered at once, and the INVITE of each of the two.
fn rings_and_talks(w: &mut World) -> (CallId, String, String) {
    let outs = w.hear(AI, &invite("1", "support", ""));
    let call = started(&outs);
    let outs = w.opened(call);
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    (call, message(&outs, ONE, "INVITE").to_string(), message(&outs, TWO, "INVITE").to_string())
}

fn says(outs: &[Out], what: &str) -> bool {
    told(outs).iter().any(|said| said == what)
}

#[test]
fn who_answers_hears_a_whisper_until_its_key_takes_the_call() {
    let mut w = whispering(Some(b'1'), |_| {});
    let (call, one, two) = rings(&mut w);
    for (from, asked) in [(ONE, &one), (TWO, &two)] {
        w.hear(from, &respond(asked, "180 Ringing", "", ""));
    }
    let outs = w.says_yes(ONE, &one);
    // Its caller waits on, and hears that; neither hears the other, and the one beside is rung on.
    for said in
        [format!("SIP/2.0 183 {AI}"), "bridge None".into(), "music A of 12".into(), "music B of 20".into()]
    {
        assert!(says(&outs, &said), "{said}: {:?}", told(&outs));
    }
    assert!(!told(&outs).iter().any(|said| said.starts_with("SIP/2.0 200") || said.starts_with("CANCEL")));
    w.outcome_is(call, None);
    // Neither another key nor the caller's takes it.
    assert!(!says(&w.key(call, Side::B, b'2'), "bridge Some([A, B])"));
    assert!(!says(&w.key(call, Side::A, b'1'), "bridge Some([A, B])"));
    let outs = w.key(call, Side::B, b'1');
    for said in [format!("SIP/2.0 200 {AI}"), "bridge Some([A, B])".into(), "answered".into()] {
        assert!(says(&outs, &said), "{said}: {:?}", told(&outs));
    }
    is_over(&mut w, TWO, &two, message(&outs, TWO, "CANCEL"));
    w.outcome_is(call, Some(Outcome::Connected));
    assert_eq!(w.sbc.call(call).unwrap().target, Some(TargetIndex(2)));
    assert!(!says(&w.later(30_000), "stop B"), "nobody is asked any more");
    w.end_transferred(call);
}

#[test]
fn who_does_not_take_the_call_is_hung_up_and_the_plan_goes_on() {
    for hangs_up in [false, true] {
        let mut w = whispering(Some(b'1'), |line| line.answer = Answer::AtOnce);
        let (call, one, two) = rings_and_talks(&mut w);
        w.hear(ONE, &respond(&one, "180 Ringing", "", ""));
        w.hear(TWO, &respond(&two, "486 Busy Here", "", ""));
        let outs = w.says_yes(ONE, &one);
        assert!(!told(&outs).iter().any(|said| said.starts_with("greet A") || said.starts_with("music A")));
        assert!(says(&outs, "settled"), "a restart ends whoever is asked: {:?}", told(&outs));
        let outs = if hangs_up {
            w.hear(ONE, &End::called(ONE, &one, "own").request("BYE", ""))
        } else {
            assert!(w.later(19_900).iter().all(|out| !matches!(out, Out::Message(..))));
            let outs = w.later(100);
            let bye = message(&outs, ONE, "BYE").to_string();
            w.hear(ONE, &respond(&bye, "200 OK", "", ""));
            outs
        };
        assert!(says(&outs, "stop B") && says(&outs, "resolve"), "{:?}", told(&outs));
        assert_eq!(w.sbc.counters().get(Reason::NotAccepted), 1);
        let zendesk = find(&w.zendesk_found(call), "INVITE").to_string();
        let outs = w.hear(ZENDESK, &respond(&zendesk, "200 OK", "", ANSWER));
        assert!(says(&outs, "bridge Some([A, B])"), "{:?}", told(&outs));
        w.outcome_is(call, Some(Outcome::Connected));
        w.end_transferred(call);
    }
}

#[test]
fn whoever_answers_meanwhile_is_asked_after_a_mailbox() {
    for gone in [false, true] {
        let mut w = whispering(Some(b'1'), |_| {});
        let (call, one, two) = rings(&mut w);
        w.says_yes(ONE, &one);
        let outs = w.says_yes(TWO, &two);
        assert!(!says(&outs, "point B") && !says(&outs, "music B of 20"), "{:?}", told(&outs));
        let mut second = End::called(TWO, &two, "own");
        if gone {
            // Whoever does not wait for that leaves the first one alone.
            let outs = w.hear(TWO, &second.request("BYE", ""));
            assert!(!says(&outs, "stop B") && !says(&outs, "music B of 20"), "{:?}", told(&outs));
            w.key(call, Side::B, b'1');
            assert_eq!(w.sbc.call(call).unwrap().target, Some(TargetIndex(2)));
        } else {
            let outs = w.later(20_000);
            assert!(says(&outs, "point B") && says(&outs, "music B of 20"), "{:?}", told(&outs));
            let bye = message(&outs, ONE, "BYE").to_string();
            w.hear(ONE, &respond(&bye, "200 OK", "", ""));
            w.key(call, Side::B, b'1');
            assert_eq!(w.sbc.call(call).unwrap().target, Some(TargetIndex(3)));
        }
        w.outcome_is(call, Some(Outcome::Connected));
        w.end_transferred(call);
    }
}

#[test]
fn whoever_was_asked_or_waits_for_it_is_hung_up_with_the_caller() {
    for at_once in [false, true] {
        let answer = if at_once { Answer::AtOnce } else { Answer::WhenTaken };
        let mut w = whispering(Some(b'1'), |line| line.answer = answer);
        let (call, one, two) = if at_once { rings_and_talks(&mut w) } else { rings(&mut w) };
        w.says_yes(ONE, &one);
        w.says_yes(TWO, &two);
        let said = |outs: &[Out], what: &str| assert!(says(outs, what), "{what}: {:?}", told(outs));
        let ends = |outs: &[Out]| {
            said(outs, &if at_once { format!("BYE sip:ai@{AI} {AI}") } else { format!("SIP/2.0 480 {AI}") });
            said(outs, &format!("BYE sip:{ONE} {ONE}"));
            said(outs, &format!("BYE sip:{TWO} {TWO}"));
        };
        // A restart does the same.
        let mut words = [0; 4_096];
        w.sbc.save_unanswered(&w.cx(), call, &mut words).unwrap();
        let mut other = World::with(8, w.config);
        other.sbc.end_unanswered(&other.cx(), &words).unwrap();
        if at_once {
            other.sbc.restore(&other.cx(), &w.record(call)).unwrap();
        }
        ends(&other.drain());
        let outs = w.tell(Input::Command(Command::HangUp(call)));
        w.outcome_is(call, Some(Outcome::Failed));
        w.answer_byes(&outs);
        w.close(call);
        w.is_clean();
    }
}

#[test]
fn a_whisper_without_a_key_is_heard_to_its_end() {
    let mut w = whispering(None, |_| {});
    let (call, one, two) = rings(&mut w);
    w.hear(TWO, &respond(&two, "180 Ringing", "", ""));
    let outs = w.says_yes(ONE, &one);
    assert!(says(&outs, "greet B by 20"), "{:?}", told(&outs));
    is_over(&mut w, TWO, &two, message(&outs, TWO, "CANCEL"));
    let stream = crate::call::stream_of(call);
    let outs = w.tell(Input::Media(Report::Played { stream, side: Side::B, clip: WHISPER }));
    assert!(says(&outs, "bridge Some([A, B])") && says(&outs, "answered"), "{:?}", told(&outs));
    w.outcome_is(call, Some(Outcome::Connected));
    w.end_transferred(call);
}

#[test]
fn a_referrer_is_told_of_success_once_the_call_is_taken() {
    let mut w = whispering(Some(b'1'), |_| {});
    let (call, _, mut agent) = w.talk_to_agent();
    w.hear(AI, &agent.refer("<sip:support@sbc.example.com>"));
    let stream = crate::call::stream_of(call);
    let outs = w.tell(Input::Media(Report::Joined { stream, side: Side::C }));
    let one = message(&outs, ONE, "INVITE").to_string();
    let outs = w.says_yes(ONE, &one);
    assert!(says(&outs, "music C of 20"), "{:?}", told(&outs));
    assert!(!told(&outs).iter().any(|said| said.contains("200 OK terminated")), "{:?}", told(&outs));
    let outs = w.key(call, Side::C, b'1');
    assert!(says(&outs, "bridge Some([A, C])"), "{:?}", told(&outs));
    w.outcome_is(call, Some(Outcome::Connected));
    w.end_transferred(call);
}

#[test]
fn the_other_is_asked_when_the_trunk_of_the_first_is_taken_away() {
    let mut w = whispering(Some(b'1'), |_| {});
    let (call, one, two) = rings(&mut w);
    w.says_yes(TWO, &two);
    w.says_yes(ONE, &one);
    let mut other = w.config;
    let desks = other.targets[3].trunk;
    let mut trunks = other.trunks.to_vec();
    trunks[usize::from(desks.0)].name = other.domains[0];
    other.trunks = leak(trunks);
    let sources = other.sources.iter().filter(|range| range.value != desks.0);
    other.sources = leak(sources.copied().collect());
    let outs = w.reconfigure(other);
    message(&outs, TWO, "BYE");
    assert!(says(&outs, "point B") && says(&outs, "music B of 20"), "{:?}", told(&outs));
    let outs = w.key(call, Side::B, b'1');
    assert!(says(&outs, "bridge Some([A, B])"), "{:?}", told(&outs));
    assert_eq!(w.sbc.call(call).unwrap().target, Some(TargetIndex(2)));
    w.later(32_000);
    w.end_transferred(call);
}
