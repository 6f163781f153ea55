//! A board is reset in the middle of calls.

use core::time::Duration;
use std::time::Instant;

use warmline_tests::board::{AI, BoardStage, Log, ZENDESK, board_is_missing};
use warmline_tests::sipp::{Heard, PATIENCE, Scenario, sipp_is_missing};

use crate::WARMLINE;

/// A second of audio.
const SECOND: u64 = 50;

#[test]
fn calls_outlive_a_reset() {
    const TEST: &str = "calls_outlive_a_reset";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    const CALLS: u16 = 3;
    let mut stage = BoardStage::set(WARMLINE);
    let [ai, zendesk] = [AI, ZENDESK].map(|last| stage.lane.address(last));
    let mut talk = stage.cast.talk(CALLS, ai, u16::MAX);
    let many = |name, at| Scenario { calls: CALLS, every: 700, lasting: 12_000, ..Scenario::once(name, at) };
    let target = stage.cast.answer(many("zendesk_answers", zendesk), &talk.targets());
    let caller = stage.cast.play(many("ai_calls", ai), &talk.callers());
    let all = usize::from(CALLS);
    let hear = |talk: &[Heard], least: &[Heard]| {
        let more = |(now, then): (&Heard, &Heard)| {
            now.caller >= then.caller + SECOND && now.target >= then.target + SECOND
        };
        talk.len() == all && talk.iter().zip(least).all(more)
    };
    let none = vec![Heard::default(); all];
    assert!(talk.go_on(PATIENCE, |talk| hear(talk, &none)), "they hear each other: {:?}", talk.heard());

    let begun = Instant::now();
    stage.board.monitor.reset();
    let log = &mut stage.board.log;
    let back = |log: &mut Log| log.count("calls that the reset interrupted: 3 taken up") == 1;
    while !back(log) && begun.elapsed() < PATIENCE {
        talk.go_on(Duration::from_millis(20), |_| false);
    }
    assert!(back(log), "{}", log.tail());
    let took = begun.elapsed();
    let before = talk.heard();
    assert!(
        talk.go_on(PATIENCE, |talk| hear(talk, &before)),
        "they hear each other again: {:?}",
        talk.heard()
    );
    talk.holds_but_for_losses(2);
    println!("taken up {} ms after the reset; heard: {before:?}, {:?}", took.as_millis(), talk.heard());
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    let account = stage.board.log.account_when(PATIENCE, |account| account.usage.ports == 0);
    // Nothing goes deeper than taking calls up; interrupts need some of it too.
    assert!(account.stack.highest + 1_024 <= account.stack.size, "{:?}", account.stack);
    assert_eq!(stage.board.starts(), 2);
}
