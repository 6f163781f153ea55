//! Who gets in at a board's door, and who gets nothing.

use core::time::Duration;

use warmline_core::reason::Reason;
use warmline_tests::board::{AI, BoardStage, STRANGER, board_is_missing, ping};
use warmline_tests::sipp::{PATIENCE, Scenario, sipp_is_missing};

use crate::WARMLINE;

#[test]
fn a_stranger_gets_nothing_at_all() {
    const TEST: &str = "a_stranger_gets_nothing_at_all";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    // Twice as much as the controller has room for.
    const CALLS: u16 = 32;
    let mut stage = BoardStage::set(WARMLINE);
    let [ai, stranger] = [AI, STRANGER].map(|last| stage.lane.address(last));
    // Else its question who the board is would be answered.
    stage.lane.introduce();
    let before = stage.board.wire.sent().len();
    let many = Scenario { calls: CALLS, every: 20, ..Scenario::once("stranger_calls", stranger) };
    let player = stage.cast.play(many, &[9; CALLS as usize]);
    stage.cast.ends_well(player);
    let unknown = u64::from(CALLS);
    let account =
        stage.board.log.account_when(PATIENCE, |account| account.frames(Reason::UnknownSource) == unknown);
    assert_eq!(account.traffic.parsed, 0);
    assert!(account.is_idle() && account.signalling.is_empty(), "{account:#?}");
    let sent = stage.board.wire.sent();
    assert_eq!(sent.len(), before, "{:02x?}", &sent[before..]);

    // It was there all the time for those it knows.
    let player = stage.cast.play(Scenario::once("ai_asks", ai), &[9]);
    stage.cast.ends_well(player);
    assert!(stage.board.wire.sent().len() > before);
    let account = stage.board.log.account_when(PATIENCE, |account| account.traffic.parsed == 1);
    assert_eq!(account.frames(Reason::UnknownSource), unknown);
}

#[test]
fn echo_is_answered_for_those_it_knows() {
    if board_is_missing("echo_is_answered_for_those_it_knows") {
        return;
    }
    let mut stage = BoardStage::set(WARMLINE);
    let [ai, stranger] = [AI, STRANGER].map(|last| stage.lane.address(last));
    let board = *stage.cast.sip.ip();
    stage.lane.introduce();
    let before = stage.board.wire.sent().len();
    assert_eq!(ping(stranger, board, Duration::from_secs(1)), None);
    assert_eq!(stage.board.wire.sent().len(), before);
    let account =
        stage.board.log.account_when(PATIENCE, |account| account.frames(Reason::UnknownSource) == 1);
    assert_eq!(account.traffic.stack, 0);
    // Nobody has asked by ARP: the first answer is lost while the board does.
    let mut asked = (1..=3).filter_map(|number| Some((number, ping(ai, board, Duration::from_secs(1))?)));
    let (number, took) = asked.next().expect("it answers whom it knows");
    println!("echo {number} is answered after {} us", took.as_micros());
}
