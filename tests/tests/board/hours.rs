//! Lines of a board that is told the time: open and closed.

use core::net::SocketAddrV4;
use std::time::{SystemTime, UNIX_EPOCH};

use warmline_tests::board::{AI, Backstage, RESOLVER, Server, board_is_missing};
use warmline_tests::sipp::{PATIENCE, Say, Script, ports, sipp_is_missing};

use crate::WARMLINE;

const DAY: u64 = 86_400;

/// A board whose line is open in the morning, at so many hours of tomorrow in UTC: what a caller hears there first, beside
/// ringing, and what the board's log says of it.
fn calls_at(hour: u64, caller: Script, target: Option<Script>, says: &str) {
    let backstage = Backstage::new();
    let server = backstage.lane.address(RESOLVER);
    let text = backstage.configuration().replace("[node]", &format!("ntp = \"{server}\"\n\n[node]"))
        + "  [[line.when]]\n  outside = \"mornings\"\n  then = \"return\"\n\n\
           [[schedule]]\nname = \"mornings\"\ntimezone = \"UTC\"\nopen = [\"Mon-Sun 00:00-12:00\"]\nunknown = \"closed\"\n";
    let image = backstage.image(WARMLINE, &text);
    let today = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs() / DAY;
    let now = (today + 1) * DAY + hour * 3_600;
    let ntp = Server::ntp(&backstage.lane, now);
    let mut stage = backstage.switch_on(&image);
    stage.board.log.wait_for(&format!("it is {now} s since 1970"), PATIENCE);
    assert_eq!(ntp.answered(), 1);
    let target = target.map(|target| stage.cast.follow(&target, stage.cast.zendesk));
    let caller = stage.cast.follow(&caller, SocketAddrV4::new(stage.lane.address(AI), ports(2)));
    stage.cast.ends_well(caller);
    target.into_iter().for_each(|target| stage.cast.ends_well(target));
    stage.board.log.wait_for(says, PATIENCE);
    assert_eq!(stage.board.starts(), 1);
}

#[test]
fn a_line_is_open_in_the_morning() {
    const TEST: &str = "a_line_is_open_in_the_morning";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let caller = Script::caller("caller").gets_through().waits(300).hangs_up().hears(200);
    calls_at(6, caller, Some(Script::target("target").takes_the_call().is_hung_up()), "connected, ended");
}

#[test]
fn a_line_is_closed_in_the_afternoon() {
    const TEST: &str = "a_line_is_closed_in_the_afternoon";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let caller = Script::caller("caller").invites(Say::Audio).may_hear(100);
    let caller = caller.hears_with(480, "By its hours").acknowledges_failure();
    calls_at(18, caller, None, "returned");
}
