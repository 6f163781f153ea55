//! Calls through a board, between SIP programs that are not ours.

use core::time::Duration;

use warmline_tests::board::{AI, BoardStage, ZENDESK, board_is_missing};
use warmline_tests::sipp::{PATIENCE, Scenario, sipp_is_missing};

use crate::WARMLINE;

/// Packets that each end of a call says: a second.
const PACKETS: u16 = 50;

/// How long a board remembers what is over: 64*T1, and a little for its log.
const FORGETS: Duration = Duration::from_secs(40);

#[test]
fn a_hundred_calls_eight_at_once() {
    const TEST: &str = "a_hundred_calls_eight_at_once";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    const CALLS: u16 = 100;
    // The board is made for two a second and takes no two within half of one.
    const EVERY: u32 = 667;
    let mut stage = BoardStage::set(WARMLINE);
    let [ai, zendesk] = [AI, ZENDESK].map(|last| stage.lane.address(last));
    let mut talk = stage.cast.talk(CALLS, ai, PACKETS);
    let many =
        |name, at| Scenario { calls: CALLS, every: EVERY, lasting: 8 * EVERY, ..Scenario::once(name, at) };
    let target = stage.cast.answer(many("zendesk_answers", zendesk), &talk.targets());
    let caller = stage.cast.play(many("ai_calls", ai), &talk.callers());
    talk.hold(PATIENCE + Duration::from_millis(u64::from(CALLS) * u64::from(EVERY)));
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    talk.end(PATIENCE);
    let log = &mut stage.board.log;
    log.wait_for("from the target 50, lost 0", PATIENCE);
    let account = log.account_when(FORGETS, |account| account.is_idle());
    println!("{account:?}");
    for side in ["Packets from the caller 50, lost 0, ", "from the target 50, lost 0, "] {
        assert_eq!(log.count(side), usize::from(CALLS), "{side}");
    }
    assert_eq!(log.count("refused"), 0);
    assert!(log.count("in use: 8 calls") > 0, "{}", log.tail());
    assert!(account.signalling.is_empty() && account.packets.is_empty(), "{account:#?}");
    assert_eq!(account.traffic.relayed, u64::from(2 * CALLS * PACKETS));
    assert_eq!(stage.board.starts(), 1);
}
