//! Provisional responses that are sent reliably (RFC 3262), on both of a board's legs.

use core::net::SocketAddrV4;

use warmline_tests::board::{AI, BoardStage, board_is_missing};
use warmline_tests::sipp::{PATIENCE, Say, Script, ports, sipp_is_missing};

use crate::WARMLINE;

#[test]
fn a_call_rings_reliably() {
    const TEST: &str = "a_call_rings_reliably";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let mut stage = BoardStage::set(WARMLINE);
    // Early media, and ringing after it.
    let target = Script::target("target")
        .is_invited_with("100rel")
        .answers_first(183, "Require: 100rel\nRSeq: 11\n", Say::Audio)
        .gets_with("PRACK", "RAck: 11 1 INVITE")
        .answers(200)
        .answers_invite_with(180, "Require: 100rel\nRSeq: 12\n", Say::Nothing)
        .gets_with("PRACK", "RAck: 12 1 INVITE")
        .answers(200)
        .waits(200)
        .answers_invite(200, Say::Audio)
        .gets("ACK")
        .is_hung_up();
    let caller = Script::caller("caller")
        .invites_with("Require: 100rel\n", Say::Audio)
        .may_hear(100)
        .hears_reliably(183)
        .hears_reliably(180)
        .hears(200)
        .acknowledges()
        .waits(500)
        .hangs_up()
        .hears(200);
    let target = stage.cast.follow(&target, stage.cast.zendesk);
    let caller = stage.cast.follow(&caller, SocketAddrV4::new(stage.lane.address(AI), ports(2)));
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    let account = stage.board.log.account_when(PATIENCE, |account| account.usage.calls == 0);
    assert!(account.signalling.is_empty(), "{account:#?}");
    assert_eq!(stage.board.starts(), 1);
}
