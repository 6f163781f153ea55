//! Telephones that talk through a board, by SRTP, and press keys in each way there is, with a far end like Zendesk's.

use core::net::SocketAddrV4;

use warmline_tests::board::{AI, Backstage, BoardStage, board_is_missing};
use warmline_tests::sipp::{Baresip, PATIENCE, Say, Script, Telephone, is_missing, ports, sipp_is_missing};
use warmline_tests::whistle;
use warmline_tests::zendesk::FarEnd;

use crate::WARMLINE;

/// Whoever calls Zendesk has a number in E.164.
const CALLER: &str = "+8210444401001";

/// A board of whose trunk of callers this is said too, and the far end that it rings.
fn open(more: &str) -> (BoardStage, FarEnd) {
    let backstage = Backstage::new();
    let text =
        backstage.configuration().replace("= \"ai\"\nsignalling", &format!("= \"ai\"\n{more}\nsignalling"));
    let image = backstage.image(WARMLINE, &text);
    let far_end = FarEnd::taking_addresses(backstage.cast.zendesk);
    let mut stage = backstage.switch_on(&image);
    stage.board.log.wait_for("listening at", PATIENCE);
    (stage, far_end)
}

/// Nothing is left on the board, which has dropped nothing for another reason than these.
fn close(mut stage: BoardStage, far_end: &FarEnd) {
    assert_eq!(far_end.faults(), [""; 0]);
    let account = stage.board.log.account_when(PATIENCE, |account| {
        account.usage.calls == 0 && account.usage.ports == 0 && account.streams == 0
    });
    println!("{account:?}");
    assert!(account.signalling.is_empty(), "{account:#?}");
    assert_eq!(stage.board.starts(), 1);
}

/// Its leg is secure, with keys that come by UDP since nobody else is on the lane; Zendesk's is plain.
#[test]
fn a_telephone_talks_and_presses_keys_by_srtp() {
    const TEST: &str = "a_telephone_talks_and_presses_keys_by_srtp";
    if board_is_missing(TEST) || is_missing("baresip", TEST) {
        return;
    }
    let (stage, far_end) = open("srtp = \"required\"\nkeys_in_clear = true");
    let at = stage.lane.address(AI);
    let set = Telephone { secure: true, ..Telephone::new(CALLER, at) };
    let mut telephone = Baresip::start(&set, stage.cast.folder());
    telephone.press(&format!("/dial sip:support@{}", stage.cast.sip));
    far_end.hears_itself();
    telephone.program.has_written("SRTP is Enabled");
    far_end.hears_keys(&telephone);
    far_end.hears_itself();
    telephone.press("/hangup");
    far_end.until("over", |visit| visit.over);
    close(stage, &far_end);
}

/// One that has no telephone-events tells its keys by INFO and as tones; Zendesk hears events.
#[test]
fn keys_by_info_and_as_tones_are_heard_as_events() {
    const TEST: &str = "keys_by_info_and_as_tones_are_heard_as_events";
    const TONES: &str = "0123456789*#ABCD77";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let (stage, far_end) = open("");
    std::fs::write(stage.cast.folder().join("keys.ulaw"), whistle(TONES)).expect("a file can be written");
    let mut script = Script::caller("presses").invites(Say::Plain).may_hear(100).may_hear(180).hears(200);
    script = script.acknowledges().waits(500);
    for key in ["1", "2", "2"] {
        script = script.presses(key);
    }
    // For as long as one way leads, the other tells the same keys.
    let script = script.waits(4000).streams("keys.ulaw", 6000).hangs_up().hears(200);
    let caller = stage.cast.follow(&script, SocketAddrV4::new(stage.lane.address(AI), ports(2)));
    stage.cast.ends_well(caller);
    assert_eq!(far_end.until("over", |visit| visit.over).heard.digits, format!("122{TONES}"));
    close(stage, &far_end);
}
