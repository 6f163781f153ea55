//! As many calls at once as a board takes, all of them talking.

use core::time::Duration;

use warmline_tests::board::{AI, Account, BoardStage, ZENDESK, board_is_missing};
use warmline_tests::sipp::{PATIENCE, Scenario, poll, sipp_is_missing};

use crate::WARMLINE;

/// As many as it takes.
const CALLS: u16 = 16;

/// One after the other; the board takes no two within half a second.
const EVERY: u32 = 667;

/// Packets that each end says: for the eleven seconds until all are in a call, and for twenty more.
const PACKETS: u16 = 1_600;

#[test]
fn sixteen_calls_talk_without_loss() {
    const TEST: &str = "sixteen_calls_talk_without_loss";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let mut stage = BoardStage::set(WARMLINE);
    let [ai, zendesk] = [AI, ZENDESK].map(|last| stage.lane.address(last));
    let mut talk = stage.cast.talk(CALLS, ai, PACKETS);
    let many =
        |name, at| Scenario { calls: CALLS, every: EVERY, lasting: 38_000, ..Scenario::once(name, at) };
    let target = stage.cast.answer(many("zendesk_answers", zendesk), &talk.targets());
    let caller = stage.cast.play(many("ai_calls", ai), &talk.callers());
    // They stop to talk before the first hangs up. Every packet comes, in its order, with its content.
    talk.hold(Duration::from_secs(46));
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    talk.end(PATIENCE);
    let over = |account: &Account| account.usage.ports == 0 && account.streams == 0;
    let account = stage.board.log.account_when(PATIENCE, over);
    assert!(stage.board.log.count("in use: 16 calls") > 0, "{}", stage.board.log.tail());
    // A frame may come after the last account, as the neighbour discovery of the lane's other end does.
    let (wire, log) = (&stage.board.wire, &mut stage.board.log);
    let hardware = stage.lane.hardware();
    let came = || wire.packets().iter().filter(|packet| packet.is_for(hardware)).count() as u64;
    let all = poll(PATIENCE, || {
        let came = came();
        (log.account().taken() == came).then_some(came)
    });
    let taken = log.account().taken();
    println!("{:?} frames came, {taken} were taken; {account:?}", came());
    assert!(all.is_some(), "{} frames came, {taken} were taken", came());
    assert!(account.packets.is_empty() && account.signalling.is_empty(), "{account:#?}");
    assert_eq!(stage.board.starts(), 1);
}
