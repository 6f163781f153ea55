//! Keys that SIPp presses in a call with a far end like Zendesk's, which takes telephone-events: by INFO, as tones in
//! the audio, and as telephone-events that were recorded elsewhere.

use core::net::SocketAddrV4;
use std::path::Path;

use warmline_tests::sipp::{AI, Rung, Say, Script, Stage, WARMLINE, ZENDESK, ports, sipp_is_missing};
use warmline_tests::whistle;
use warmline_tests::zendesk::FarEnd;

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// Where SIPp brings its recorded keys.
const RECORDED: &str = "/usr/share/sip-tester";

/// Which keys the far end hears of a caller who follows a script in this folder, and what Warmline's log says.
fn heard(script: impl FnOnce(&Path) -> Script) -> (String, String) {
    let at = SocketAddrV4::new(ZENDESK, ports(2));
    let sip = SocketAddrV4::new(WARMLINE, ports(2));
    let mut stage = Stage::build(PROGRAM, &[], &[AI], sip, &[Rung::new(at, &format!("sip:support@{at}"))]);
    let far_end = FarEnd::taking_addresses(at);
    let script = script(stage.cast.folder());
    let caller = stage.cast.follow(&script.hangs_up().hears(200), SocketAddrV4::new(AI, ports(2)));
    stage.cast.ends_well(caller);
    let visit = far_end.until("over", |visit| visit.over);
    assert_eq!(far_end.faults(), [""; 0]);
    (visit.heard.digits, stage.stop())
}

fn answered(name: &str, say: Say) -> Script {
    Script::caller(name).invites(say).may_hear(100).may_hear(180).hears(200).acknowledges()
}

#[test]
fn keys_told_by_info_are_heard_as_events() {
    if sipp_is_missing("keys_told_by_info_are_heard_as_events") {
        return;
    }
    let (digits, log) = heard(|_| {
        let mut script = answered("informs", Say::Stream).waits(500);
        for key in ["1", "2", "2", "*", "#", "D"] {
            script = script.presses(key);
        }
        let script = script.informs("application/dtmf", "9").hears(200).waits(2000);
        let script = script.informs("application/dtmf-relay", "Signal=55\n").hears_with(400, "names no key");
        script.informs("application/xml", "x").hears_with(415, "Accept: application/dtmf-relay")
    });
    assert_eq!(digits, "122*#D9");
    assert_eq!(log.matches("the caller has pressed a key for 160 ms").count(), 7, "{log}");
}

#[test]
fn keys_in_the_audio_are_heard_as_events() {
    if sipp_is_missing("keys_in_the_audio_are_heard_as_events") {
        return;
    }
    const KEYS: &str = "0123456789*#ABCD77";
    let (digits, log) = heard(|folder| {
        std::fs::write(folder.join("keys.ulaw"), whistle(KEYS)).expect("a file can be written");
        answered("whistles", Say::Plain).streams("keys.ulaw", 6000)
    });
    assert_eq!(digits, KEYS);
    assert_eq!(log.matches("the caller has pressed a key").count(), KEYS.len(), "{log}");
}

#[test]
fn recorded_events_are_heard() {
    const TEST: &str = "recorded_events_are_heard";
    if sipp_is_missing(TEST) {
        return;
    }
    let may_send_raw = std::fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
        // CAP_NET_RAW.
        bits.is_some_and(|bits| bits & 1 << 13 != 0)
    });
    if !may_send_raw || !Path::new(RECORDED).is_dir() {
        println!("not run: {TEST}: SIPp may not send raw packets, or has no recorded keys");
        return;
    }
    let (digits, _) = heard(|_| {
        let mut script = answered("replays", Say::Echo).waits(300);
        for key in ["1", "2", "star", "pound", "0"] {
            script = script.replays(&format!("{RECORDED}/dtmf_2833_{key}.pcap"), 1000);
        }
        script
    });
    assert_eq!(digits, "12*#0");
}
