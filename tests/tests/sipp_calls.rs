//! Warmline as users start it, between SIP programs that are not ours.

use core::time::Duration;

use warmline_tests::sipp::{
    AI, CARRIER, PASSWORD, PATIENCE, STRANGER, Scenario, Stage, ZENDESK, sipp_is_missing,
};

const WARMLINE: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// Packets that each end of a call says: a second.
const PACKETS: u16 = 50;

/// What the log says at the end when nobody was refused and nothing dropped.
const NOTHING_AMISS: &str = "refused, failed or dropped: none";

#[test]
fn a_hundred_calls_at_twenty_a_second() {
    if sipp_is_missing("a_hundred_calls_at_twenty_a_second") {
        return;
    }
    const CALLS: u16 = 100;
    let mut stage = Stage::set(WARMLINE, &[]);
    let mut talk = stage.cast.talk(CALLS, AI, PACKETS);
    let many = |name, at| Scenario { calls: CALLS, every: 50, lasting: 4_000, ..Scenario::once(name, at) };
    let zendesk = stage.cast.answer(many("zendesk_answers", ZENDESK), &talk.targets());
    let ai = stage.cast.play(many("ai_calls", AI), &talk.callers());
    talk.hold(PATIENCE);
    stage.cast.ends_well(ai);
    stage.cast.ends_well(zendesk);
    talk.end(PATIENCE);
    let log = stage.stop();
    assert!(log.contains("stopped after 100 calls") && log.contains(NOTHING_AMISS), "{log}");
    assert_eq!(log.matches("Caller's audio: 50 packets, 0 lost, ").count(), 100, "{log}");
    assert_eq!(log.matches("target's: 50 packets, 0 lost, ").count(), 100, "{log}");
}

#[test]
fn twenty_calls_over_connections() {
    if sipp_is_missing("twenty_calls_over_connections") {
        return;
    }
    const CALLS: u16 = 20;
    let mut stage = Stage::with(WARMLINE, &[], "tcp");
    let mut talk = stage.cast.talk(CALLS, AI, PACKETS);
    let many = |name, at| Scenario {
        calls: CALLS,
        every: 50,
        lasting: 4_000,
        tcp: true,
        ..Scenario::once(name, at)
    };
    let zendesk = stage.cast.answer(many("zendesk_answers", ZENDESK), &talk.targets());
    let ai = stage.cast.play(many("ai_calls", AI), &talk.callers());
    talk.hold(PATIENCE);
    stage.cast.ends_well(ai);
    stage.cast.ends_well(zendesk);
    talk.end(PATIENCE);
    let log = stage.stop();
    assert!(log.contains("stopped after 20 calls") && log.contains(NOTHING_AMISS), "{log}");
    assert_eq!(log.matches("Caller's audio: 50 packets, 0 lost, ").count(), 20, "{log}");
}

/// One comes by UDP and leaves by TCP, the other the other way round.
#[test]
fn a_call_from_one_transport_to_the_other() {
    if sipp_is_missing("a_call_from_one_transport_to_the_other") {
        return;
    }
    for (transport, tcp) in [("tcp", false), ("udp", true)] {
        let mut stage = Stage::with(WARMLINE, &[], transport);
        let mut talk = stage.cast.talk(1, AI, PACKETS);
        let once = |name, at, tcp| Scenario { tcp, lasting: 3_000, ..Scenario::once(name, at) };
        let zendesk = stage.cast.answer(once("zendesk_answers", ZENDESK, !tcp), &talk.targets());
        let ai = stage.cast.play(once("ai_calls", AI, tcp), &talk.callers());
        talk.hold(PATIENCE);
        stage.cast.ends_well(ai);
        stage.cast.ends_well(zendesk);
        talk.end(PATIENCE);
        let log = stage.stop();
        assert!(log.contains("caller-hung-up") && log.contains(NOTHING_AMISS), "{log}");
    }
}

#[test]
fn zendesk_hangs_up() {
    if sipp_is_missing("zendesk_hangs_up") {
        return;
    }
    let log = talks(Scenario::once("ai_is_hung_up", AI), Scenario::once("zendesk_hangs_up", ZENDESK));
    assert!(log.contains("target-hung-up") && log.contains(NOTHING_AMISS), "{log}");
}

/// What proves it is not written anywhere.
#[test]
fn zendesk_asks_who_we_are() {
    if sipp_is_missing("zendesk_asks_who_we_are") {
        return;
    }
    let log = talks(Scenario::once("ai_calls", AI), Scenario::once("zendesk_challenges", ZENDESK));
    assert!(log.contains("caller-hung-up") && log.contains(NOTHING_AMISS), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn a_caller_on_hold_is_back_in_the_call() {
    if sipp_is_missing("a_caller_on_hold_is_back_in_the_call") {
        return;
    }
    let log = talks(Scenario::once("ai_holds", AI), Scenario::once("zendesk_answers", ZENDESK));
    assert!(log.contains("caller-hung-up") && log.contains(NOTHING_AMISS), "{log}");
}

#[test]
fn a_carrier_names_no_ticket() {
    if sipp_is_missing("a_carrier_names_no_ticket") {
        return;
    }
    let (carrier, zendesk) = ("carrier_calls", "zendesk_hears_no_ticket");
    let log = talks(Scenario::once(carrier, CARRIER), Scenario::once(zendesk, ZENDESK));
    assert!(log.contains("from carrier; ticket-not-trusted: "), "{log}");
    assert!(log.contains("failed or dropped: 1 ticket-not-trusted\n"), "{log}");
}

#[test]
fn early_media_is_heard_before_an_answer() {
    if sipp_is_missing("early_media_is_heard_before_an_answer") {
        return;
    }
    let mut stage = Stage::set(WARMLINE, &[]);
    let mut talk = stage.cast.talk(1, AI, 25);
    let lasting = |name, at| Scenario { lasting: 5_000, ..Scenario::once(name, at) };
    let zendesk = stage.cast.answer(lasting("zendesk_speaks_early", ZENDESK), &talk.targets());
    let ai = stage.cast.play(lasting("ai_hears_early", AI), &talk.callers());
    talk.hold(PATIENCE);
    assert!(!stage.warmline.written().contains("answered"), "heard only after an answer");
    stage.cast.ends_well(ai);
    stage.cast.ends_well(zendesk);
    talk.end(PATIENCE);
    let log = stage.stop();
    assert!(log.contains("answered by zendesk-support") && log.contains(NOTHING_AMISS), "{log}");
}

#[test]
fn audio_of_a_program_that_is_not_ours_is_relayed() {
    if sipp_is_missing("audio_of_a_program_that_is_not_ours_is_relayed") {
        return;
    }
    let mut stage = Stage::set(WARMLINE, &[]);
    let zendesk = stage.cast.answer(Scenario::once("zendesk_echoes", ZENDESK), &[9]);
    let lasting = Scenario { lasting: 6_000, ..Scenario::once("ai_plays", AI) };
    let ai = stage.cast.play(lasting, &[9]);
    stage.cast.ends_well(ai);
    stage.cast.ends_well(zendesk);
    let log = stage.stop();
    assert!(log.contains("Caller's audio: 100 packets, 0 lost, "), "{log}");
    assert!(log.contains("target's: 100 packets, 0 lost, "), "{log}");
    assert!(log.contains(NOTHING_AMISS), "{log}");
}

#[test]
fn a_caller_gives_up() {
    if sipp_is_missing("a_caller_gives_up") {
        return;
    }
    let log = rings(Some("zendesk_is_given_up"), "ai_cancels");
    assert!(log.contains("not answered by zendesk-support") && log.contains("cancelled: "), "{log}");
    assert!(log.contains(NOTHING_AMISS), "{log}");
}

#[test]
fn the_line_is_busy() {
    if sipp_is_missing("the_line_is_busy") {
        return;
    }
    let log = rings(Some("zendesk_is_busy"), "ai_hears_busy");
    assert!(log.contains("not answered by zendesk-support") && log.contains("target-busy: "), "{log}");
    assert!(log.contains("failed or dropped: 1 target-busy\n"), "{log}");
}

#[test]
fn an_unknown_line_is_not_found() {
    if sipp_is_missing("an_unknown_line_is_not_found") {
        return;
    }
    let log = rings(None, "ai_dials_nothing");
    assert!(log.contains("refused sip:nobody@127.0.0.1:"), "{log}");
    assert!(log.contains("unknown-line: No line is dialled by this name or number."), "{log}");
    assert!(log.contains("stopped after 0 calls") && log.contains("dropped: 1 unknown-line\n"), "{log}");
}

#[test]
fn options_are_answered() {
    if sipp_is_missing("options_are_answered") {
        return;
    }
    let log = rings(None, "ai_asks");
    assert!(log.contains("stopped after 0 calls") && log.contains(NOTHING_AMISS), "{log}");
}

#[test]
fn a_stranger_is_not_answered_not_read_and_counted() {
    if sipp_is_missing("a_stranger_is_not_answered_not_read_and_counted") {
        return;
    }
    let mut stage = Stage::set(WARMLINE, &[]);
    let three = Scenario { calls: 3, ..Scenario::once("stranger_calls", STRANGER) };
    let stranger = stage.cast.play(three, &[9; 3]);
    stage.cast.ends_well(stranger);
    let log = stage.stop();
    assert!(log.contains("dropped 1 from 127.0.0.9:") && log.contains("unanswered: unknown-source"), "{log}");
    assert!(log.contains("stopped after 0 calls, 0 SIP messages read, "), "{log}");
    assert!(log.contains("failed or dropped: 3 unknown-source\n"), "{log}");
}

#[test]
fn told_to_stop_it_lets_calls_go_on_and_then_hangs_up() {
    if sipp_is_missing("told_to_stop_it_lets_calls_go_on_and_then_hangs_up") {
        return;
    }
    const CALLS: u16 = 5;
    let mut stage = Stage::set(WARMLINE, &["--grace", "8s"]);
    let mut talk = stage.cast.talk(CALLS, AI, PACKETS);
    let many = |name, at| Scenario { calls: CALLS, ..Scenario::once(name, at) };
    let zendesk = stage.cast.answer(many("zendesk_answers", ZENDESK), &talk.targets());
    let ai = stage.cast.play(many("ai_is_hung_up", AI), &talk.callers());
    stage.warmline.has_written("call 5: answered");
    stage.warmline.terminate();
    stage.warmline.has_written("stopping: no new calls; 5 may go on for 8 s");
    let late = stage.cast.play(Scenario::once("ai_comes_late", AI), &[9]);
    // Nobody has said anything yet: what is heard now is heard although it is stopping.
    talk.hold(PATIENCE);
    stage.cast.ends_well(late);
    assert!(!stage.warmline.written().contains("hanging up"), "it waits for calls in progress");
    let status = stage.warmline.end(PATIENCE);
    stage.cast.ends_well(ai);
    stage.cast.ends_well(zendesk);
    talk.end(Duration::ZERO);
    let log = stage.warmline.written();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("hanging up 5 calls") && log.contains("stopped after 5 calls"), "{log}");
    assert_eq!(log.matches("stopped: The node was stopped.").count(), 5, "{log}");
    assert!(log.contains("draining: "), "{log}");
}

/// One call whose two ends talk. Gives Warmline's log.
fn talks(caller: Scenario<'_>, target: Scenario<'_>) -> String {
    // It has to outlast what is said.
    let lasting = |scenario| Scenario { lasting: 3_000, ..scenario };
    let mut stage = Stage::set(WARMLINE, &[]);
    let mut talk = stage.cast.talk(1, caller.at, PACKETS);
    let target = stage.cast.answer(lasting(target), &talk.targets());
    let caller = stage.cast.play(lasting(caller), &talk.callers());
    talk.hold(PATIENCE);
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    talk.end(PATIENCE);
    stage.stop()
}

/// A call, or what is less than one, in which nothing is said. Gives Warmline's log.
fn rings(zendesk: Option<&str>, ai: &str) -> String {
    let mut stage = Stage::set(WARMLINE, &[]);
    let zendesk = zendesk.map(|name| stage.cast.answer(Scenario::once(name, ZENDESK), &[9]));
    let ai = stage.cast.play(Scenario::once(ai, AI), &[9]);
    stage.cast.ends_well(ai);
    if let Some(zendesk) = zendesk {
        stage.cast.ends_well(zendesk);
    }
    stage.stop()
}
