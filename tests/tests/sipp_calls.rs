//! Warmline as users start it, between SIP programs that are not ours.

use warmline_tests::sipp::{AI, PATIENCE, Scenario, Stage, ZENDESK, sipp_is_missing};

const WARMLINE: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// Packets that each end of a call says: a second.
const PACKETS: u16 = 50;

#[test]
fn a_hundred_calls_at_twenty_a_second() {
    if sipp_is_missing("a_hundred_calls_at_twenty_a_second") {
        return;
    }
    const CALLS: u16 = 100;
    let mut stage = Stage::set(WARMLINE, &[]);
    let mut talk = stage.talk(CALLS, PACKETS);
    let many = |name, at| Scenario { calls: CALLS, rate: 20, lasting: 4_000, ..Scenario::once(name, at) };
    let zendesk = stage.answer(many("zendesk_answers", ZENDESK), &talk.targets());
    let ai = stage.play(many("ai_calls", AI), &talk.callers());
    talk.hold(PATIENCE);
    stage.ends_well(ai);
    stage.ends_well(zendesk);
    talk.end(PATIENCE);
    let log = stage.stop();
    assert!(log.contains("stopped after 100 calls"), "{log}");
    let whole = "Caller's audio: 50 packets, 0 lost, ";
    assert_eq!(log.matches(whole).count(), 100, "{log}");
}
