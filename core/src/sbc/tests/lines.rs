//! What lines do for those who wait: when they are answered, what their keys do, and what becomes of them.

use core::num::NonZeroU64;

use super::transfer::{BACK, CARRIER, End, answer, find, setting, told};
use super::*;
use crate::call::{Outcome, Progress};
use crate::clip::ClipId;
use crate::config::{Answer, Answers, Key, LineIndex, Then};
use crate::line::{Hours, Schedule, ScheduleIndex, When};
use crate::relay::Side;
use crate::rtp::Digit;

const MUSIC: Option<ClipId> = Some(ClipId(12));
const BYE_CLIP: ClipId = ClipId(13);
const LEAVE_A_MESSAGE: ClipId = ClipId(14);

/// Everybody knows everybody; `support`, which rings Zendesk, is another line than it was.
fn with(change: impl Fn(&mut Line)) -> World {
    with_all(change, |_| {})
}

fn with_all(change: impl Fn(&mut Line), target: impl Fn(&mut Target)) -> World {
    let mut config = setting(true);
    let mut lines = config.lines.to_vec();
    lines[0].music = MUSIC;
    change(&mut lines[0]);
    config.lines = leak(lines);
    let mut targets = config.targets.to_vec();
    target(&mut targets[0]);
    config.targets = leak(targets);
    World::with(7, config)
}

impl World {
    /// The AI platform's INVITE to `support`, whose ports are open: what left for that, and the call.
    fn dials(&mut self) -> (CallId, Vec<Out>) {
        let mut outs = self.hear(AI, &invite("1", "support", ""));
        let call = started(&outs);
        outs.extend(self.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) })));
        (call, outs)
    }

    /// The same, as far as the INVITE to Zendesk; and whoever called, when its leg was answered at once.
    fn dials_and_rings(&mut self) -> (CallId, String, Option<End>) {
        let (call, outs) = self.dials();
        let ok = told(&outs).iter().any(|said| said == &format!("SIP/2.0 200 {AI}"));
        let caller = ok.then(|| {
            let ok = message(&outs, AI, "SIP/2.0 200").to_string();
            self.hear(AI, &(request("ACK", "2", 1, &ok) + END));
            End::calling(AI, &ok)
        });
        (call, find(&self.zendesk_found(call), "INVITE").to_string(), caller)
    }

    fn has_heard_all(&mut self, call: CallId, clip: ClipId) -> Vec<Out> {
        let stream = crate::call::stream_of(call);
        self.tell(Input::Media(Report::Played { stream, side: Side::A, clip }))
    }

    fn presses(&mut self, call: CallId, key: u8) -> Vec<Out> {
        let stream = crate::call::stream_of(call);
        let (digit, duration) = (Digit::of_key(key).unwrap(), Duration::from_millis(100));
        self.tell(Input::Media(Report::Digit { stream, side: Side::A, digit, duration }))
    }

    fn outcome(&self, call: CallId) -> Option<Outcome> {
        self.sbc.call(call).unwrap().outcome
    }

    /// Everybody hangs up, and nothing is left.
    fn ends(&mut self, call: CallId) {
        self.end_transferred(call);
    }
}

fn has(outs: &[Out], what: &str) -> bool {
    told(outs).iter().any(|said| said == what)
}

#[test]
fn a_caller_who_is_answered_at_once_hears_music_until_somebody_is_there() {
    let mut w = with(|line| line.answer = Answer::AtOnce);
    let (call, outs) = w.dials();
    assert_eq!(
        told(&outs)[3..],
        // A restart would end this, and not forget it.
        ["point A", "bridge None", "music A of 12", "resolve", &format!("SIP/2.0 200 {AI}"), "settled"]
    );
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    assert!(silent(&w.hear(AI, &(request("ACK", "2", 1, &ok) + END))));
    let asked = find(&w.zendesk_found(call), "INVITE").to_string();
    // Who waits is not told how it rings.
    assert!(silent(&w.hear(ZENDESK, &respond(&asked, "180 Ringing", "", ""))));
    let outs = w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
    assert!(has(&outs, "bridge Some([A, B])") && has(&outs, "answered"), "{:?}", told(&outs));
    assert_eq!(w.outcome(call), Some(Outcome::Connected));
    w.ends(call);
}

#[test]
fn a_caller_without_an_offer_hears_all_of_the_greeting_from_its_answer_on() {
    let mut w = with(|line| (line.answer, line.greeting) = (Answer::AtOnce, Some(BYE_CLIP)));
    let without = format!("{}{END}", invite("1", "support", "").split("Content-Type").next().unwrap());
    let call = started(&w.hear(AI, &without));
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    assert!(!has(&outs, "greet A by 13"), "{:?}", told(&outs));
    w.zendesk_found(call);
    let outs = w.hear(AI, &with_body(&request("ACK", "2", 1, &ok), OFFER));
    assert!(has(&outs, "greet A by 13"), "{:?}", told(&outs));
    w.ends(call);
}

#[test]
fn early_media_while_it_rings() {
    let mut w = with(|line| line.answer = Answer::EarlyMedia);
    let (call, outs) = w.dials();
    let progress = message(&outs, AI, "SIP/2.0 183");
    assert!(progress.contains("m=audio 20") && has(&outs, "music A of 12"), "{:?}", told(&outs));
    let asked = find(&w.zendesk_found(call), "INVITE").to_string();
    let outs = w.hear(ZENDESK, &respond(&asked, "486 Busy Here", "", ""));
    message(&outs, AI, "SIP/2.0 486");
    assert_eq!(w.outcome(call), Some(Outcome::Returned));
    w.ends(call);
}

#[test]
fn a_plan_begins_again_until_the_longest_wait_is_over() {
    let mut w = with(|line| {
        (line.answer, line.repeat, line.max_wait) = (Answer::AtOnce, true, 60);
        line.unanswered = Then::Goodbye(Some(BYE_CLIP));
    });
    let (call, mut asked, _) = w.dials_and_rings();
    let begun = w.now;
    for _ in 0..3 {
        let outs = w.hear(ZENDESK, &respond(&asked, "486 Busy Here", "", ""));
        assert_eq!(told(&outs), [format!("ACK sip:support@acme.sip.twilio.com {ZENDESK}")]);
        assert!(silent(&w.later(4_900)));
        assert_eq!(told(&w.later(200)), ["resolve"]);
        asked = find(&w.zendesk_found(call), "INVITE").to_string();
    }
    // The last ring lasts 20 s, and is not begun again when that would be too late.
    w.hear(ZENDESK, &respond(&asked, "180 Ringing", "", ""));
    let outs = w.later(20_000);
    w.hear(ZENDESK, &respond(find(&outs, "CANCEL"), "200 OK", "", ""));
    w.hear(ZENDESK, &respond(&asked, "487 Request Terminated", "", ""));
    w.later(5_000);
    asked = find(&w.zendesk_found(call), "INVITE").to_string();
    w.hear(ZENDESK, &respond(&asked, "180 Ringing", "", ""));
    let left = 60_000 - w.now.since(begun).as_millis();
    assert!(left < 20_000, "{left}");
    assert!(silent(&w.later(left - 1)));
    let outs = w.later(1);
    assert!(has(&outs, "greet A by 13") && has(&outs, "bridge None"), "{:?}", told(&outs));
    w.hear(ZENDESK, &respond(find(&outs, "CANCEL"), "200 OK", "", ""));
    w.hear(ZENDESK, &respond(&asked, "487 Request Terminated", "", ""));
    let outs = w.has_heard_all(call, BYE_CLIP);
    assert!(message(&outs, AI, "BYE").contains("longest wait"), "{outs:?}");
    assert_eq!(w.outcome(call), Some(Outcome::Failed));
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

#[test]
fn somebody_else_is_rung_when_nobody_answers() {
    let mut w = with(|line| line.unanswered = Then::Overflow(TargetIndex(1)));
    let (call, asked, _) = w.dials_and_rings();
    let outs = w.hear(ZENDESK, &respond(&asked, "480 Nobody", "", ""));
    let other = find(&outs, "INVITE sip:agent@").to_string();
    let outs = w.hear(AI, &answer(AI, "agent", &other, "200 OK", OFFER));
    message(&outs, AI, "SIP/2.0 200");
    assert_eq!(w.outcome(call), Some(Outcome::Overflowed));
    w.ends(call);

    // It overflows too where who takes it is whom its caller would have gone back to.
    let mut w =
        with(|line| (line.unanswered, line.answer) = (Then::Overflow(TargetIndex(2)), Answer::AtOnce));
    let (call, asked, _) = w.dials_and_rings();
    let outs = w.hear(ZENDESK, &respond(&asked, "480 Nobody", "", ""));
    let other = find(&outs, "INVITE sip:back@").to_string();
    w.hear(BACK, &answer(BACK, "back", &other, "200 OK", OFFER));
    assert_eq!(w.outcome(call), Some(Outcome::Overflowed));
    w.ends(call);

    // When that one does not answer either, that is all.
    let mut w = with(|line| line.unanswered = Then::Overflow(TargetIndex(1)));
    let (call, asked, _) = w.dials_and_rings();
    let outs = w.hear(ZENDESK, &respond(&asked, "480 Nobody", "", ""));
    let other = find(&outs, "INVITE sip:agent@").to_string();
    message(&w.hear(AI, &answer(AI, "agent", &other, "486 Busy Here", "")), AI, "SIP/2.0 486");
    assert_eq!(w.outcome(call), Some(Outcome::Returned));
    w.ends(call);
}

#[test]
fn another_line_takes_over_but_not_for_ever() {
    // `support` leads to itself.
    let mut w = with(|line| line.unanswered = Then::Line(LineIndex(0)));
    let (call, mut asked, _) = w.dials_and_rings();
    for _ in 0..4 {
        w.hear(ZENDESK, &respond(&asked, "486 Busy Here", "", ""));
        asked = find(&w.zendesk_found(call), "INVITE").to_string();
    }
    let outs = w.hear(ZENDESK, &respond(&asked, "486 Busy Here", "", ""));
    message(&outs, AI, "SIP/2.0 480");
    assert_eq!(w.sbc.counters().get(Reason::TooManyLines), 1);
    w.ends(call);
}

#[test]
fn a_caller_leaves_a_message() {
    let mut w = with(|line| {
        (line.unanswered, line.voicemail, line.longest) = (Then::Voicemail, Some(LEAVE_A_MESSAGE), 60);
    });
    let (call, asked, _) = w.dials_and_rings();
    let outs = w.hear(ZENDESK, &respond(&asked, "480 Nobody", "", ""));
    let said = told(&outs);
    assert!(has(&outs, "bridge None") && has(&outs, "greet A by 14"), "{said:?}");
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    assert_eq!(w.outcome(call), None);
    // The prompt is over: from here on it is a message.
    let outs = w.has_heard_all(call, LEAVE_A_MESSAGE);
    assert_eq!(told(&outs), ["record A"]);
    assert_eq!(w.outcome(call), Some(Outcome::Voicemail));
    assert!(silent(&w.later(59_900)));
    let outs = w.later(200);
    message(&outs, AI, "BYE");
    assert_eq!(w.outcome(call), Some(Outcome::Voicemail));
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

/// Whoever was called is who is handed over, and so who leaves the message.
#[test]
fn a_message_is_of_who_waits_whichever_side_that_is() {
    let mut w = with(|line| (line.unanswered, line.longest) = (Then::Voicemail, 60));
    let (call, asked, _) = w.dials_and_rings();
    let outs = w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let mut agent = End::calling(AI, &ok);
    let outs = w.hear(AI, &agent.refer("<sip:support@sbc.example.com>"));
    w.answer_notify(&outs);
    w.place_joined(call, Side::C);
    let asked = find(&w.zendesk_found(call), "INVITE").to_string();
    let outs = w.hear(ZENDESK, &respond(&asked, "486 Busy Here", "", ""));
    assert!(has(&outs, "record B"), "{:?}", told(&outs));
    // The agent is not needed any more.
    assert!(message(&outs, AI, "NOTIFY").contains("SIP/2.0 200"), "{outs:?}");
    let after = w.answer_notify(&outs);
    let all: Vec<Out> = outs.into_iter().chain(after).collect();
    message(&all, AI, "BYE");
    w.answer_byes(&all);
    assert_eq!(w.outcome(call), Some(Outcome::Voicemail));
    let outs = w.tell(Input::Command(Command::HangUpAll));
    assert_eq!(w.outcome(call), Some(Outcome::Voicemail));
    message(&outs, ZENDESK, "BYE");
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

#[test]
fn keys_while_waiting() {
    let mut w = with(|line| {
        line.answer = Answer::AtOnce;
        line.keys = List::new(0, 2);
        (line.voicemail, line.longest) = (None, 60);
    });
    let key = |press: u8, then| Key { press: Digit::of_key(press).unwrap().code(), then };
    w.config.keys = leak(vec![key(b'1', Then::Voicemail), key(b'#', Then::Overflow(TargetIndex(1)))]);
    let (call, asked, _) = w.dials_and_rings();
    w.hear(ZENDESK, &respond(&asked, "180 Ringing", "", ""));
    assert!(silent(&w.presses(call, b'7')));
    let outs = w.presses(call, b'#');
    let cancel = message(&outs, ZENDESK, "CANCEL").to_string();
    let other = find(&outs, "INVITE sip:agent@").to_string();
    w.hear(ZENDESK, &respond(&cancel, "200 OK", "", ""));
    w.hear(ZENDESK, &respond(&asked, "487 Request Terminated", "", ""));
    // And while that rings, the caller would rather leave a message: without a prompt, at once.
    let outs = w.presses(call, b'1');
    let said = told(&outs);
    assert!(has(&outs, "stop A") && has(&outs, "record A"), "{said:?}");
    w.hear(AI, &answer(AI, "agent", &other, "487 Request Terminated", ""));
    assert_eq!(w.outcome(call), Some(Outcome::Voicemail));
    // No key does anything any more.
    assert!(silent(&w.presses(call, b'#')));
    w.ends(call);
}

/// The BYE of whoever answered `invite` of ours.
fn bye(invite: &str) -> String {
    End::called(ZENDESK, invite, "zen").request("BYE", "")
}

#[test]
fn a_queue_that_hangs_up_at_once_was_nobody() {
    let queue = |target: &mut Target| target.answers = Answers::Queue { settle: 20 };
    let goodbye = |line: &mut Line| line.unanswered = Then::Goodbye(Some(BYE_CLIP));
    for (after, nobody) in [(8_000, true), (19_900, true), (20_100, false)] {
        let mut w = with_all(goodbye, queue);
        let (call, asked, _) = w.dials_and_rings();
        let outs = w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
        let ok = message(&outs, AI, "SIP/2.0 200").to_string();
        w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
        assert_eq!(w.outcome(call), Some(Outcome::Queued));
        w.later(after);
        let outs = w.hear(ZENDESK, &bye(&asked));
        assert_eq!(has(&outs, "greet A by 13"), nobody, "{after}: {:?}", told(&outs));
        assert_eq!(w.outcome(call), (!nobody).then_some(Outcome::Queued));
        if nobody {
            assert_eq!(w.sbc.counters().get(Reason::NobodyThere), 1);
            // Who took it is not in the call's record any more.
            let mut other = World::with(8, w.config);
            other.sbc.restore(&other.cx(), &w.record(call)).unwrap();
            let outs = other.drain();
            assert!(message(&outs, AI, "BYE").contains(Reason::WaitCut.sentence().trim()), "{outs:?}");
            assert!(!outs.iter().any(|out| matches!(out, Out::Message(to, _) if to == ZENDESK)), "{outs:?}");
            let outs = w.has_heard_all(call, BYE_CLIP);
            assert!(message(&outs, AI, "BYE").contains("nobody was there"), "{outs:?}");
            w.answer_byes(&outs);
            w.close(call);
            w.is_clean();
        } else {
            message(&outs, AI, "BYE");
            w.answer_byes(&outs);
            w.close(call);
            w.is_clean();
        }
    }
}

#[test]
fn a_referrer_gets_its_caller_back_from_a_queue_without_anybody() {
    let mut w = with_all(|_| {}, |target| target.answers = Answers::Queue { settle: 20 });
    let (call, _, mut agent) = w.talk_to_agent();
    let outs = w.hear(AI, &agent.refer("<sip:support@sbc.example.com>"));
    w.answer_notify(&outs);
    w.place_joined(call, Side::C);
    let asked = find(&w.zendesk_found(call), "INVITE").to_string();
    let outs = w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
    // The caller hears the queue; the agent is told nothing yet.
    assert!(has(&outs, "bridge Some([A, C])") && !told(&outs).iter().any(|said| said.starts_with("NOTIFY")));
    w.later(9_000);
    let outs = w.hear(ZENDESK, &bye(&asked));
    let said = told(&outs);
    assert!(has(&outs, "bridge Some([A, B])"), "{said:?}");
    assert!(has(&outs, &format!("NOTIFY {AI} SIP/2.0 480 Temporarily Unavailable terminated")), "{said:?}");
    assert_eq!(w.outcome(call), Some(Outcome::Returned));
    w.answer_notify(&outs);
    w.place_parted(call, Side::C);
    assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);

    // The next time the queue holds, and the agent is let go.
    let outs = w.hear(AI, &agent.refer("<sip:support@sbc.example.com>"));
    w.answer_notify(&outs);
    w.place_joined(call, Side::C);
    let asked = find(&w.zendesk_found(call), "INVITE").to_string();
    w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
    assert!(silent(&w.later(19_900)));
    let outs = w.later(200);
    assert_eq!(told(&outs), [format!("NOTIFY {AI} SIP/2.0 200 OK terminated")]);
    w.answer_notify(&outs);
    let outs = w.later(5_100);
    assert_eq!(told(&outs), [format!("BYE sip:{AI} {AI}")]);
    w.answer_byes(&outs);
    assert_eq!(w.outcome(call), Some(Outcome::Queued));
    w.ends(call);
}

#[test]
fn zendesk_is_not_rung_before_there_is_a_ticket_or_no_time_left() {
    let ticket = NonZeroU64::new(4711);
    let budget = |line: &mut Line| line.budget = 2_000;
    let comes = |w: &mut World, call, ticket| w.tell(Input::Command(Command::Ticket { call, ticket }));

    // In time.
    let mut w = with(budget);
    let (call, outs) = w.dials();
    assert!(has(&outs, "ticket") && !has(&outs, "resolve"), "{:?}", told(&outs));
    w.later(1_500);
    assert_eq!(told(&comes(&mut w, call, ticket)), ["resolve"]);
    let asked = find(&w.zendesk_found(call), "INVITE").to_string();
    assert_eq!(field(&asked, "X-Zendesk-Ticket-Id"), "4711");
    w.ends(call);

    // Too late: the call goes on without, and has one all the same.
    let mut w = with(budget);
    let (call, _) = w.dials();
    assert!(!has(&w.later(1_999), "resolve"));
    assert_eq!(told(&w.later(1)), ["resolve"]);
    assert!(!find(&w.zendesk_found(call), "INVITE").contains("X-Zendesk-Ticket-Id"));
    assert!(silent(&comes(&mut w, call, ticket)));
    assert_eq!(w.sbc.call(call).unwrap().ticket, ticket);
    w.ends(call);

    // Not at all.
    let mut w = with(budget);
    let (call, _) = w.dials();
    assert_eq!(told(&comes(&mut w, call, None)), ["resolve"]);
    w.ends(call);

    // One that is brought is of use, or another is there in its place.
    for (instead, carried) in [(None, "7"), (ticket, "4711")] {
        let mut w = with(budget);
        let outs = w.hear(AI, &invite("1", "support", "X-Zendesk-Ticket-Id: 7\r\n"));
        assert!(has(&outs, "ticket"));
        let call = started(&outs);
        let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        assert!(!has(&outs, "resolve"));
        assert_eq!(told(&comes(&mut w, call, instead)), ["resolve"]);
        let asked = find(&w.zendesk_found(call), "INVITE").to_string();
        assert_eq!(field(&asked, "X-Zendesk-Ticket-Id"), carried);
        w.ends(call);
    }
}

#[test]
fn talk_may_have_made_a_ticket_where_an_invite_without_one_was_not_lost() {
    let talk = |w: &World, call| w.sbc.call(call).unwrap().talk;
    let patient = |line: &mut Line| {
        (line.answer, line.repeat, line.max_wait) = (Answer::AtOnce, true, 300);
    };
    for said in ["100 Trying", "403 Forbidden", "503 Service Unavailable"] {
        let mut w = with(patient);
        let (call, _) = w.dials();
        assert!(!talk(&w, call));
        let asked = find(&w.zendesk_found(call), "INVITE").to_string();
        // It is on its way, and may arrive.
        assert!(talk(&w, call));
        w.hear(ZENDESK, &respond(&asked, said, "", ""));
        assert!(talk(&w, call), "{said}");
        w.ends(call);
    }

    // Nothing has come back, and nothing will.
    let mut w = with(patient);
    let (call, _, _) = w.dials_and_rings();
    w.later(19_900);
    assert!(talk(&w, call));
    w.later(200);
    assert!(!talk(&w, call));
    w.ends(call);

    // It has, when nobody waited for it any more.
    for said in ["180 Ringing", "200 OK"] {
        let mut w = with(patient);
        let (call, asked, _) = w.dials_and_rings();
        w.later(20_100);
        assert!(!talk(&w, call));
        w.hear(ZENDESK, &answer(ZENDESK, "late", &asked, said, if said == "200 OK" { ANSWER } else { "" }));
        assert!(talk(&w, call), "{said}");
        w.ends(call);
    }

    // It named one.
    let mut w = with(|_| {});
    let outs = w.hear(AI, &invite("1", "support", "X-Zendesk-Ticket-Id: 7\r\n"));
    let call = started(&outs);
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let asked = find(&w.zendesk_found(call), "INVITE").to_string();
    w.hear(ZENDESK, &respond(&asked, "180 Ringing", "", ""));
    assert!(!talk(&w, call));
    w.ends(call);
}

#[test]
fn a_caller_who_was_answered_goes_back_by_a_new_call() {
    let mut w = with(|line| line.answer = Answer::AtOnce);
    let (call, asked, _) = w.dials_and_rings();
    let outs = w.hear(ZENDESK, &respond(&asked, "486 Busy Here", "", ""));
    let back = find(&outs, "INVITE sip:back@").to_string();
    w.hear(BACK, &answer(BACK, "back", &back, "200 OK", OFFER));
    assert_eq!(w.outcome(call), Some(Outcome::Returned));
    w.ends(call);
}

#[test]
fn who_hangs_up_while_waiting_has_given_up() {
    let mut w = with(|line| line.answer = Answer::AtOnce);
    let (call, _, caller) = w.dials_and_rings();
    let outs = w.hear(AI, &caller.unwrap().request("BYE", ""));
    assert_eq!(w.outcome(call), Some(Outcome::Abandoned));
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

/// `support`, which is closed now, and does something else then.
fn closed(then: Then, change: impl Fn(&mut Line)) -> World {
    let mut config = with(|line| {
        line.when = List::new(0, 1);
        change(line);
    })
    .config;
    let changes = List::EMPTY;
    config.schedules = leak(vec![Schedule {
        name: Span::EMPTY,
        changes,
        first: Hours::Open,
        // There is no clock here.
        unknown: Hours::Closed,
    }]);
    config.whens = leak(vec![When { schedule: ScheduleIndex(0), hours: Hours::Closed, then }]);
    World::with(7, config)
}

#[test]
fn a_line_that_is_closed_rings_nobody() {
    // Nobody is answered who goes back.
    let mut w = closed(Then::Return, |line| line.answer = Answer::AtOnce);
    let (call, outs) = w.dials();
    assert!(message(&outs, AI, "SIP/2.0 480").contains("hours"), "{outs:?}");
    assert_eq!(w.outcome(call), Some(Outcome::Returned));
    w.ends(call);

    let mut w = closed(Then::Goodbye(Some(BYE_CLIP)), |_| {});
    let (call, outs) = w.dials();
    assert!(has(&outs, "greet A by 13") && !has(&outs, "resolve"), "{:?}", told(&outs));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let outs = w.has_heard_all(call, BYE_CLIP);
    assert!(message(&outs, AI, "BYE").contains("hours"), "{outs:?}");
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();

    let mut w = closed(Then::Overflow(TargetIndex(1)), |_| {});
    let (call, outs) = w.dials();
    find(&outs, "INVITE sip:agent@");
    w.ends(call);

    // Two lines that lead to each other end at some time.
    let mut w = closed(Then::Line(LineIndex(0)), |_| {});
    let (call, outs) = w.dials();
    message(&outs, AI, "SIP/2.0 480");
    assert_eq!(w.sbc.counters().get(Reason::TooManyLines), 1);
    w.ends(call);
}

#[test]
fn who_is_blocked_is_turned_away() {
    let mut w = with(|_| {});
    let from = |branch: &str, number: &str| {
        let text = invite(branch, "support", "");
        let (_, from) = text.split_once("From: ").unwrap();
        let (from, _) = from.split_once(";tag").unwrap();
        text.replace(from, &format!("<sip:{number}@ai>"))
    };
    for (branch, number, status) in [
        ("1", "07012345678", 603),
        ("2", "+8225550123", 603),
        ("3", "anonymous", 100),
        ("4", "+8225550124", 100),
    ] {
        let outs = w.hear(AI, &from(branch, number));
        message(&outs, AI, &format!("SIP/2.0 {status}"));
    }
    assert_eq!(w.sbc.counters().get(Reason::CallerBlocked), 2);
}

#[test]
fn a_full_line_does_what_it_does_when_nobody_answers() {
    let mut w = with(|line| line.max_waiting = 2);
    let calls: Vec<CallId> = (1..=2)
        .map(|number| {
            let outs = w.hear(AI, &invite(&format!("full{number}"), "support", ""));
            let call = started(&outs);
            w.opened(call);
            call
        })
        .collect();
    let outs = w.hear(AI, &invite("full3", "support", ""));
    let third = started(&outs);
    let outs = w.opened(third);
    let refused = message(&outs, AI, "SIP/2.0 486");
    assert!(field(refused, "Warning").contains(Reason::LineFull.sentence().trim()), "{refused}");
    assert_eq!(w.outcome(third), Some(Outcome::Returned));
    // Who is through does not wait any more.
    let asked = find(&w.zendesk_found(calls[0]), "INVITE").to_string();
    w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
    let outs = w.hear(AI, &invite("full4", "support", ""));
    let fourth = started(&outs);
    assert!(has(&w.opened(fourth), "resolve"));
}

#[test]
fn who_has_hung_up_does_not_wait() {
    let mut w = with(|line| (line.max_waiting, line.music) = (1, None));
    let (call, mut carrier, mut agent) = w.talk_to_agent();
    w.refer_to_support(call, &mut agent, "<sip:support@sbc.example.com>");
    let full = started(&w.hear(AI, &invite("full", "support", "")));
    message(&w.opened(full), AI, "SIP/2.0 486");
    w.hear(CARRIER, &carrier.request("BYE", ""));
    assert!(matches!(w.sbc.call(call).unwrap().progress, Progress::Ended(_)), "it is not gone yet");
    let next = started(&w.hear(AI, &invite("next", "support", "")));
    assert!(has(&w.opened(next), "resolve"));
}

#[test]
fn who_waits_in_a_queue_is_not_sent_there_again() {
    for longest in [0, 60] {
        let mut w =
            with_all(|line| line.longest = longest, |target| target.answers = Answers::Queue { settle: 20 });
        let outs = w.hear(AI, &invite("queue1", "support", ""));
        let first = started(&outs);
        w.opened(first);
        let asked = find(&w.zendesk_found(first), "INVITE").to_string();
        w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
        assert_eq!(w.outcome(first), Some(Outcome::Queued));
        // Another whom the platform hands over with the same number, which may be its own.
        let other = started(&w.hear(AI, &invite("queue0", "support", "")));
        assert!(has(&w.opened(other), "resolve"));
        // Its overflow comes by a carrier to the AI agent, which hands the same caller over.
        started(&w.hear("192.0.2.3:5060", &invite("overflow", "agent", "")));
        let outs = w.hear(AI, &invite("queue2", "support", ""));
        let second = started(&outs);
        let outs = w.opened(second);
        if longest == 0 {
            let refused = message(&outs, AI, "SIP/2.0 486");
            assert!(field(refused, "Warning").contains(Reason::QueuedAlready.sentence().trim()), "{refused}");
            assert_eq!(w.outcome(second), Some(Outcome::Returned));
        } else {
            message(&outs, AI, "SIP/2.0 200");
            assert_eq!(w.outcome(second), Some(Outcome::Voicemail));
        }
    }
}
