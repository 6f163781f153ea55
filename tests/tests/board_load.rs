//! As many calls at once as a board takes, all of them talking.

use core::time::Duration;

use warmline_tests::board::{AI, Account, BoardStage, ZENDESK, board_is_missing};
use warmline_tests::sipp::{Heard, PATIENCE, Scenario, sipp_is_missing};

const WARMLINE: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// How long a board remembers what is over: 64*T1, and a little for its log.
const FORGETS: Duration = Duration::from_secs(40);

/// As many as it takes.
const CALLS: u16 = 16;

/// One after the other; the board takes no two within half a second.
const EVERY: u32 = 667;

/// Packets that each end says: for the eleven seconds until all are in a call, and for twenty more.
const PACKETS: u16 = 1_600;

/// How often it is tried. The emulated Ethernet controller drops what comes while its host computes something else.
const ATTEMPTS: u32 = 3;

#[test]
fn sixteen_calls_talk_without_loss() {
    const TEST: &str = "sixteen_calls_talk_without_loss";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let lost = (1..=ATTEMPTS).map(|attempt| {
        let lost = talk();
        println!(
            "attempt {attempt}: of {} packets {lost} were lost",
            2 * u32::from(CALLS) * u32::from(PACKETS)
        );
        lost
    });
    assert!(lost.take_while(|lost| *lost > 0).count() < ATTEMPTS as usize, "each time something was lost");
}

/// Has all of them talk, and gives how many packets were lost: in the emulated controller, for the board loses none.
fn talk() -> u64 {
    let mut stage = BoardStage::set(WARMLINE);
    let [ai, zendesk] = [AI, ZENDESK].map(|last| stage.lane.address(last));
    let mut talk = stage.cast.talk(CALLS, ai, PACKETS);
    let many =
        |name, at| Scenario { calls: CALLS, every: EVERY, lasting: 38_000, ..Scenario::once(name, at) };
    let target = stage.cast.answer(many("zendesk_answers", zendesk), &talk.targets());
    let caller = stage.cast.play(many("ai_calls", ai), &talk.callers());
    let said = u64::from(PACKETS);
    let all = |talk: &[Heard]| {
        talk.len() == usize::from(CALLS)
            && talk.iter().all(|heard| heard.caller == said && heard.target == said)
    };
    // They stop to talk before the first hangs up.
    talk.go_on(Duration::from_secs(46), all);
    let heard: u64 = talk.heard().iter().map(|heard| heard.caller + heard.target).sum();
    let lost = 2 * u64::from(CALLS) * said - heard;
    if lost == 0 {
        // Every packet, in its order, by its content.
        talk.hold(Duration::ZERO);
    } else {
        talk.holds_but_for_losses(1);
    }
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    talk.end(PATIENCE);
    let account = stage.board.log.account_when(FORGETS, Account::is_idle);
    assert!(stage.board.log.count("in use: 16 calls") > 0, "{}", stage.board.log.tail());
    // What came to the board and it did not take off the wire, the controller has dropped.
    let came = stage.board.wire.packets().iter().filter(|packet| packet.is_for(stage.lane.hardware())).count()
        as u64;
    println!("{came} frames came, {} were taken; {account:?}", account.taken());
    assert_eq!(came - account.taken(), lost, "the board itself loses nothing");
    assert!(account.packets.is_empty() && account.signalling.is_empty(), "{account:#?}");
    assert_eq!(stage.board.starts(), 1);
    lost
}
