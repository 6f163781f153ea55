//! Session timers (RFC 4028) on both of a board's legs.

use core::net::SocketAddrV4;
use core::time::Duration;
use std::time::Instant;

use warmline_tests::board::{AI, BoardStage, board_is_missing};
use warmline_tests::sipp::{PATIENCE, Say, Script, ports, sipp_is_missing};

use crate::WARMLINE;

/// The shortest that may be asked for; half of it later it is refreshed.
const TIMER: &str = "Supported: timer\nRequire: timer\nSession-Expires: 90;refresher=uac\n";

#[test]
fn a_session_is_refreshed_on_one_leg_and_expires_on_the_other() {
    const TEST: &str = "a_session_is_refreshed_on_one_leg_and_expires_on_the_other";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let mut stage = BoardStage::set(WARMLINE);
    // The board refreshes here, which the target answers.
    let target = Script::target("target")
        .is_invited_with("timer")
        .answers_first(200, TIMER, Say::Audio)
        .gets("ACK")
        .gets_with("INVITE", "Session-Expires: 90;refresher=uac")
        .answers_with(200, TIMER, Say::Audio)
        .gets("ACK")
        .is_hung_up();
    // The caller is to refresh, and never does: it is given up 30 s before the session is over.
    let caller = Script::caller("caller")
        .invites_with("Supported: timer\nSession-Expires: 90;refresher=uac\n", Say::Audio)
        .may_hear(100)
        .may_hear(180)
        .hears_with(200, "Session-Expires: 90;refresher=uac")
        .acknowledges()
        .is_hung_up();
    let begun = Instant::now();
    let target = stage.cast.follow(&target, stage.cast.zendesk);
    let caller = stage.cast.follow(&caller, SocketAddrV4::new(stage.lane.address(AI), ports(2)));
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    let took = begun.elapsed();
    assert!((Duration::from_secs(55)..Duration::from_secs(75)).contains(&took), "{took:?}");
    let account = stage.board.log.account_when(PATIENCE, |account| account.usage.calls == 0);
    println!("ended after {} s: {account:?}", took.as_secs());
    assert_eq!(stage.board.starts(), 1);
}
