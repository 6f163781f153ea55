//! A telephone that is not ours, baresip, in a call with a far end like Zendesk's.

use core::net::{Ipv4Addr, SocketAddrV4};

use warmline_tests::sipp::{Baresip, PATIENCE, Rung, Stage, ZENDESK, is_missing, poll, ports};
use warmline_tests::zendesk::{FarEnd, Manners, Rules, Visit};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// It names the address that it is told in its description, but sends its audio from where the system has it.
const TELEPHONE: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[track_caller]
fn until(far_end: &FarEnd, what: &str, holds: impl Fn(&Visit) -> bool) {
    let found = poll(PATIENCE, || far_end.visits().first().filter(|visit| holds(visit)).cloned());
    assert!(found.is_some(), "not {what}: {:?} {:?}", far_end.visits(), far_end.faults());
}

#[test]
fn a_telephone_talks_presses_keys_and_hangs_up() {
    if is_missing("baresip", "a_telephone_talks_presses_keys_and_hangs_up") {
        return;
    }
    let sip = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 5), ports(2));
    let at = SocketAddrV4::new(ZENDESK, ports(2));
    let uri = format!("sip:support@{at}");
    let mut stage = Stage::build(PROGRAM, &[], &[TELEPHONE], sip, &[Rung::new(at, &uri)]);
    let rules = Rules { takes_addresses: true, ..Rules::default() };
    let far_end = FarEnd::open(&[at.into()], Manners { rules, ..Manners::default() }).expect("a free port");
    let telephone = Baresip::start(TELEPHONE, stage.cast.folder());

    telephone.press(&format!("/dial sip:support@{sip}"));
    // The greeting goes out in PCMA, is heard in PCMU, and comes back.
    until(&far_end, "heard to echo the greeting", |visit| visit.heard.own >= 50);
    for (key, so_far) in [("1", "1"), ("2", "12"), ("#", "12#")] {
        telephone.press(key);
        until(&far_end, "pressed", |visit| visit.heard.digits == so_far);
    }
    telephone.press("/hangup");
    until(&far_end, "over", |visit| visit.over);
    assert_eq!(far_end.faults(), [""; 0]);
    let log = stage.stop();
    // It opens its streams with something that is no RTP, and that is dropped.
    assert!(log.contains("caller-hung-up") && log.contains(" 0 lost"), "{log}");
}
