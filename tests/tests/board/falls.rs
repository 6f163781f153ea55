//! What becomes of a board whose program falls.

use warmline_tests::board::{BoardStage, board_is_missing};
use warmline_tests::sipp::PATIENCE;

use crate::WARMLINE;

/// Memory that nobody uses while the board runs: the far end of the stack.
const SPARE: u32 = 0x2003_2000;

/// `b .`: goes round for ever.
const STANDSTILL: [u8; 2] = [0xfe, 0xe7];

#[test]
fn a_fault_is_told_after_the_reset() {
    falls("a_fault_is_told_after_the_reset", 0xf000_0000, "hard fault at 0xf0000000");
}

#[test]
fn a_standstill_ends_by_the_watchdog() {
    falls("a_standstill_ends_by_the_watchdog", SPARE, "the watchdog was not fed");
}

/// The board goes on where it should not, starts anew and says why.
fn falls(test: &str, at: u32, words: &str) {
    if board_is_missing(test) {
        return;
    }
    let mut stage = BoardStage::set(WARMLINE);
    let mut debugger = stage.board.monitor.debug(stage.cast.folder());
    debugger.write(SPARE, &STANDSTILL);
    debugger.go_on_at(at);
    stage.board.log.wait_for(words, PATIENCE);
    assert_eq!(stage.board.starts(), 2);
}
