//! Keys that SIPp presses in a call with a far end like Zendesk's, which takes telephone-events: by INFO, as tones in
//! the audio, and as telephone-events that were recorded elsewhere.

use core::net::SocketAddrV4;
use std::path::Path;

use warmline_core::g711::Law;
use warmline_core::rtp::Digit;
use warmline_core::rtp::tone::DualTone;
use warmline_tests::sipp::{
    AI, PATIENCE, Rung, Say, Script, Stage, WARMLINE, ZENDESK, poll, ports, sipp_is_missing,
};
use warmline_tests::zendesk::{FarEnd, Manners, Rules};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// Where SIPp brings its recorded keys.
const RECORDED: &str = "/usr/share/sip-tester";

/// Which keys the far end hears of a caller who follows a script in this folder, and what Warmline's log says.
fn heard(script: impl FnOnce(&Path) -> Script) -> (String, String) {
    let at = SocketAddrV4::new(ZENDESK, ports(2));
    let sip = SocketAddrV4::new(WARMLINE, ports(2));
    let mut stage = Stage::build(PROGRAM, &[], &[AI], sip, &[Rung::new(at, &format!("sip:support@{at}"))]);
    let rules = Rules { takes_addresses: true, ..Rules::default() };
    let far_end = FarEnd::open(&[at.into()], Manners { rules, ..Manners::default() }).expect("a free port");
    let script = script(stage.cast.folder());
    let caller = stage.cast.follow(&script.hangs_up().hears(200), SocketAddrV4::new(AI, ports(2)));
    stage.cast.ends_well(caller);
    let visit = poll(PATIENCE, || far_end.visits().first().filter(|visit| visit.over).cloned());
    assert_eq!(far_end.faults(), [""; 0]);
    (visit.expect("a call that ends").heard.digits, stage.stop())
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
            script =
                script.informs("application/dtmf-relay", &format!("Signal={key}\nDuration=160\n")).hears(200);
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
        let mut audio = vec![Law::Mu.encode(0); 4000];
        for key in KEYS.bytes() {
            let mut tone = [0; 800];
            let digit = Digit::of_key(key).expect("a key");
            DualTone::of(digit).expect("a key has a tone").write(Law::Mu, &mut tone);
            audio.extend(tone);
            audio.resize(audio.len() + 800, Law::Mu.encode(0));
        }
        std::fs::write(folder.join("keys.ulaw"), audio).expect("a file can be written");
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
