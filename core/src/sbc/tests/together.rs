//! Targets that are rung side by side.

use super::transfer::{answer, find, setting, told};
use super::*;
use crate::call::Outcome;
use crate::config::{Answer, Key, Then};
use crate::rtp::Digit;

pub(super) const ONE: &str = "198.51.100.8:5060";
pub(super) const TWO: &str = "192.0.2.9:5060";

/// `support` rings the two of them, and then Zendesk.
pub(super) fn world(change: impl Fn(&mut Line)) -> World {
    let mut config = setting(false);
    let ring = |target, beside| Ring { target: TargetIndex(target), beside, ..config.rings[0] };
    let ours = [ring(2, false), ring(3, true), ring(0, false)];
    let list = List::new(config.rings.len() as u16, 3);
    config.rings = leak([config.rings, &ours].concat());
    let mut lines = config.lines.to_vec();
    lines[0].ring = list;
    change(&mut lines[0]);
    config.lines = leak(lines);
    World::with(7, config)
}

/// The call, and the INVITE of each of the two.
pub(super) fn rings(w: &mut World) -> (CallId, String, String) {
    let outs = w.hear(AI, &invite("1", "support", ""));
    let call = started(&outs);
    let outs = w.opened(call);
    (call, message(&outs, ONE, "INVITE").to_string(), message(&outs, TWO, "INVITE").to_string())
}

/// A session of the target's own.
pub(super) fn session(of: &str) -> String {
    if of == ZENDESK { ANSWER.to_string() } else { ANSWER.replace("168.86.128.9", "198.51.100.9") }
}

/// A target's 200 is acknowledged, and its caller is told.
fn takes(w: &mut World, from: &str, asked: &str) -> Vec<Out> {
    let outs = w.hear(from, &answer(from, "own", asked, "200 OK", &session(from)));
    message(&outs, from, "ACK");
    message(&outs, AI, "SIP/2.0 200");
    outs
}

/// What was cancelled is over.
pub(super) fn is_over(w: &mut World, from: &str, asked: &str, cancel: &str) {
    w.hear(from, &respond(cancel, "200 OK", "", ""));
    let outs = w.hear(from, &respond(asked, "487 Request Terminated", "", ""));
    message(&outs, from, "ACK");
}

#[test]
fn the_first_that_answers_has_the_call() {
    for one_wins in [true, false] {
        let mut w = world(|_| {});
        let (call, one, two) = rings(&mut w);
        for (from, asked) in [(ONE, &one), (TWO, &two)] {
            let outs = w.hear(from, &respond(asked, "180 Ringing", "", ""));
            assert!(told(&outs).iter().all(|said| said.starts_with("SIP/2.0 180")), "{:?}", told(&outs));
            // What two say at once cannot be heard.
            let outs = w.hear(from, &respond(asked, "183 Session Progress", "", &session(from)));
            assert!(told(&outs).iter().all(|said| !said.starts_with("point")), "{:?}", told(&outs));
        }
        let (winner, won, loser, lost) =
            if one_wins { (ONE, &one, TWO, &two) } else { (TWO, &two, ONE, &one) };
        let outs = takes(&mut w, winner, won);
        let cancel = message(&outs, loser, "CANCEL").to_string();
        assert_eq!(field(&cancel, "Reason"), "SIP;cause=200;text=\"Call completed elsewhere\"");
        is_over(&mut w, loser, lost, &cancel);
        let view = w.sbc.call(call).unwrap();
        assert_eq!(view.target, Some(TargetIndex(if one_wins { 2 } else { 3 })));
        assert_eq!(view.outcome, Some(Outcome::Connected));
        w.end_transferred(call);
    }
}

#[test]
fn whose_answer_comes_too_late_is_hung_up() {
    let mut w = world(|_| {});
    let (call, one, two) = rings(&mut w);
    w.hear(TWO, &respond(&two, "180 Ringing", "", ""));
    let outs = takes(&mut w, ONE, &one);
    message(&outs, TWO, "CANCEL");
    let outs = w.hear(TWO, &answer(TWO, "zen", &two, "200 OK", &session(TWO)));
    message(&outs, TWO, "ACK");
    message(&outs, TWO, "BYE");
    assert_eq!(w.sbc.call(call).unwrap().target, Some(TargetIndex(2)));
    w.end_transferred(call);
}

#[test]
fn the_plan_goes_on_when_none_is_left() {
    for first in [ONE, TWO] {
        let mut w = world(|_| {});
        let (call, one, two) = rings(&mut w);
        let (busy, other, second) = if first == ONE { (&one, &two, TWO) } else { (&two, &one, ONE) };
        w.hear(second, &respond(other, "180 Ringing", "", ""));
        let outs = w.hear(first, &respond(busy, "486 Busy Here", "", ""));
        assert_eq!(told(&outs).len(), 1, "only its ACK: {:?}", told(&outs));
        let outs = w.hear(second, &respond(other, "603 Decline", "", ""));
        assert!(told(&outs).contains(&"resolve".to_string()), "{:?}", told(&outs));
        let zendesk = find(&w.zendesk_found(call), "INVITE").to_string();
        takes(&mut w, ZENDESK, &zendesk);
        w.end_transferred(call);
    }
}

#[test]
fn all_are_cancelled_when_their_time_is_over() {
    let mut w = world(|_| {});
    let (call, one, two) = rings(&mut w);
    for (from, asked) in [(ONE, &one), (TWO, &two)] {
        w.hear(from, &respond(asked, "180 Ringing", "", ""));
    }
    let outs = w.later(20_000);
    let cancels = [ONE, TWO].map(|from| message(&outs, from, "CANCEL").to_string());
    assert!(told(&outs).contains(&"resolve".to_string()), "{:?}", told(&outs));
    is_over(&mut w, ONE, &one, &cancels[0]);
    is_over(&mut w, TWO, &two, &cancels[1]);
    let zendesk = find(&w.zendesk_found(call), "INVITE").to_string();
    takes(&mut w, ZENDESK, &zendesk);
    w.end_transferred(call);
}

#[test]
fn all_are_cancelled_when_the_caller_goes_or_presses_a_key() {
    for key in [false, true] {
        let mut w = world(|line| line.answer = Answer::AtOnce);
        let mut config = w.config;
        let press = Digit::of_key(b'1').unwrap().code();
        config.keys = leak(vec![Key { press, then: Then::Goodbye(None) }]);
        let mut lines = config.lines.to_vec();
        lines[0].keys = List::new(0, 1);
        config.lines = leak(lines);
        w.config = config;
        let (call, one, two) = rings(&mut w);
        for (from, asked) in [(ONE, &one), (TWO, &two)] {
            w.hear(from, &respond(asked, "180 Ringing", "", ""));
        }
        let outs = if key {
            let (stream, digit) = (crate::call::stream_of(call), Digit::of_key(b'1').unwrap());
            w.tell(Input::Media(Report::Digit {
                stream,
                side: relay::Side::A,
                digit,
                duration: Duration::from_millis(100),
            }))
        } else {
            w.tell(Input::Command(Command::HangUp(call)))
        };
        let cancels = [ONE, TWO].map(|from| message(&outs, from, "CANCEL").to_string());
        is_over(&mut w, ONE, &one, &cancels[0]);
        is_over(&mut w, TWO, &two, &cancels[1]);
    }
}

#[test]
fn one_that_cannot_be_rung_is_left_out() {
    // Its trunk takes one call, and has one.
    let mut w = world(|_| {});
    let (first, one, two) = rings(&mut w);
    takes(&mut w, TWO, &two);
    w.hear(ONE, &respond(&one, "487 Request Terminated", "", ""));
    let outs = w.hear(AI, &invite("2", "support", ""));
    let second = started(&outs);
    let outs = w.opened(second);
    message(&outs, ONE, "INVITE");
    assert!(outs.iter().all(|out| !matches!(out, Out::Message(to, _) if to == TWO)), "{outs:?}");
    w.end_transferred(first);
    w.end_transferred(second);
}

/// Another configuration, in which the line does not ring this target any more, and that is gone or not.
fn without(w: &mut World, target: u16, gone: bool) -> Vec<Out> {
    let mut other = w.config;
    let rings = other.rings(&other.lines[0]).iter().filter(|ring| ring.target != TargetIndex(target));
    let mut rings: Vec<Ring> = rings.copied().collect();
    rings[0].beside = false;
    if gone {
        let mut targets = other.targets.to_vec();
        targets.remove(usize::from(target));
        other.targets = leak(targets);
        rings.iter_mut().filter(|ring| ring.target.0 > target).for_each(|ring| ring.target.0 -= 1);
    }
    other.rings = leak(rings);
    let mut lines = other.lines.to_vec();
    lines[0].ring = List::new(0, other.rings.len() as u16);
    other.lines = leak(lines);
    w.reconfigure(other)
}

#[test]
fn the_plan_goes_on_behind_one_that_is_taken_away() {
    for (taken, gone) in [(2, true), (2, false), (3, true), (3, false)] {
        let mut w = world(|_| {});
        let (call, one, two) = rings(&mut w);
        for (from, asked) in [(ONE, &one), (TWO, &two)] {
            w.hear(from, &respond(asked, "180 Ringing", "", ""));
        }
        // Both ring on: nobody is called off.
        assert!(silent(&without(&mut w, taken, gone)));
        let outs = w.hear(ONE, &respond(&one, "486 Busy Here", "", ""));
        assert_eq!(told(&outs).len(), 1, "only its ACK: {:?}", told(&outs));
        let outs = w.hear(TWO, &respond(&two, "603 Decline", "", ""));
        assert!(told(&outs).contains(&"resolve".to_string()), "{taken} {gone}: {:?}", told(&outs));
        let zendesk = find(&w.zendesk_found(call), "INVITE").to_string();
        takes(&mut w, ZENDESK, &zendesk);
        w.end_transferred(call);
    }
}

#[test]
fn one_that_is_taken_away_may_answer_still() {
    let mut w = world(|_| {});
    let (call, one, two) = rings(&mut w);
    w.hear(ONE, &respond(&one, "180 Ringing", "", ""));
    w.hear(TWO, &respond(&two, "180 Ringing", "", ""));
    assert!(silent(&without(&mut w, 3, true)));
    let outs = takes(&mut w, TWO, &two);
    let cancel = message(&outs, ONE, "CANCEL").to_string();
    is_over(&mut w, ONE, &one, &cancel);
    assert_eq!(w.sbc.call(call).unwrap().outcome, Some(Outcome::Connected));
    w.end_transferred(call);
}

#[test]
fn when_both_are_taken_away_the_plan_begins_at_what_is_left() {
    let mut w = world(|_| {});
    let (call, one, two) = rings(&mut w);
    without(&mut w, 3, false);
    without(&mut w, 2, false);
    w.hear(ONE, &respond(&one, "486 Busy Here", "", ""));
    let outs = w.hear(TWO, &respond(&two, "486 Busy Here", "", ""));
    assert!(told(&outs).contains(&"resolve".to_string()), "{:?}", told(&outs));
    let zendesk = find(&w.zendesk_found(call), "INVITE").to_string();
    takes(&mut w, ZENDESK, &zendesk);
    w.end_transferred(call);
}

#[test]
fn whose_trunk_is_taken_away_rings_no_more_and_the_other_rings_on() {
    let mut w = world(|_| {});
    let (call, one, two) = rings(&mut w);
    for (from, asked) in [(ONE, &one), (TWO, &two)] {
        w.hear(from, &respond(asked, "180 Ringing", "", ""));
    }
    let mut other = w.config;
    let desks = other.targets[3].trunk;
    let name = other.domains[0];
    let mut trunks = other.trunks.to_vec();
    trunks[usize::from(desks.0)].name = name;
    other.trunks = leak(trunks);
    let sources = other.sources.iter().filter(|range| range.value != desks.0);
    other.sources = leak(sources.copied().collect());
    let outs = w.reconfigure(other);
    message(&outs, TWO, "CANCEL");
    assert!(told(&outs).iter().all(|said| !said.contains(ONE) && !said.contains(AI)), "{:?}", told(&outs));
    takes(&mut w, ONE, &one);
    assert_eq!(w.sbc.call(call).unwrap().outcome, Some(Outcome::Connected));
    w.later(32_000);
    w.end_transferred(call);
}
