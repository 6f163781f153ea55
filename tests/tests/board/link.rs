//! A board's cable is pulled and put back in the middle of a call.

use core::time::Duration;

use warmline_tests::board::{AI, Backstage, BoardStage, NAME, Server, ZENDESK, board_is_missing};
use warmline_tests::sipp::{Heard, PATIENCE, Scenario, sipp_is_missing};

use crate::WARMLINE;

/// A second of audio.
const SECOND: u64 = 50;

#[test]
fn a_call_outlives_a_pulled_cable() {
    const TEST: &str = "a_call_outlives_a_pulled_cable";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    outlives(BoardStage::set(WARMLINE));
}

#[test]
fn a_call_with_a_leased_address_outlives_a_pulled_cable() {
    const TEST: &str = "a_call_with_a_leased_address_outlives_a_pulled_cable";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let backstage = Backstage::new();
    let image = backstage.image(WARMLINE, &backstage.leased());
    let _dns = Server::dns(&backstage.lane, NAME, *backstage.cast.zendesk.ip());
    let _dhcp = Server::dhcp(&backstage.lane, Duration::from_secs(3600));
    let mut stage = backstage.switch_on(&image);
    stage.board.log.wait_for("listening at", PATIENCE);
    outlives(stage);
}

fn outlives(mut stage: BoardStage) {
    let [ai, zendesk] = [AI, ZENDESK].map(|last| stage.lane.address(last));
    let mut talk = stage.cast.talk(1, ai, u16::MAX);
    let once = |name, at| Scenario { lasting: 12_000, ..Scenario::once(name, at) };
    let target = stage.cast.answer(once("zendesk_answers", zendesk), &talk.targets());
    let caller = stage.cast.play(once("ai_calls", ai), &talk.callers());
    let heard = |talk: &[Heard], more: &[Heard]| {
        talk.len() == 1
            && talk
                .iter()
                .zip(more)
                .all(|(heard, more)| heard.caller >= more.caller && heard.target >= more.target)
    };
    let wanted = |heard: &Heard| [Heard { caller: heard.caller + SECOND, target: heard.target + SECOND }];
    let first = wanted(&Heard { caller: 0, target: 0 });
    assert!(talk.go_on(PATIENCE, |talk| heard(talk, &first)), "they hear each other");

    stage.board.monitor.set_link(false);
    // What was on its way arrives.
    talk.go_on(Duration::from_millis(500), |_| false);
    let silence = talk.heard();
    talk.go_on(Duration::from_secs(2), |_| false);
    assert_eq!(talk.heard(), silence, "without a cable nobody hears anything");

    stage.board.monitor.set_link(true);
    let again = wanted(&silence[0]);
    assert!(
        talk.go_on(PATIENCE, |talk| heard(talk, &again)),
        "they hear each other again: {:?}",
        talk.heard()
    );
    talk.holds_but_for_losses(1);
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    println!("heard before, and in all: {silence:?}, {:?}", talk.heard());
    stage.board.log.account_when(PATIENCE, |account| account.usage.ports == 0);
    assert_eq!(stage.board.starts(), 1);
}
