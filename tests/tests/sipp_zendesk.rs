//! Warmline as users start it, between SIPp and a far end like Zendesk's, which it knows by name.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use core::time::Duration;

use warmline_tests::Timers;
use warmline_tests::sipp::{
    AI, PATIENCE, Rung, Say, Scenario, Script, Stage, WARMLINE, ZENDESK, poll, ports, sipp_is_missing,
};
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners, Rules, Security, Visit};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// What a machine's own name is called everywhere: the far end's domain here.
const DOMAIN: &str = "localhost";

/// Who calls then, because the far end is where the name leads.
const CALLER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

/// A Warmline at an address of its own, so that the far end's may be 127.0.0.1.
fn set() -> (Stage, SocketAddrV4) {
    let sip = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 5), ports(2));
    let far_end = SocketAddrV4::new(Ipv4Addr::LOCALHOST, ports(2));
    let uri = format!("sip:support@{DOMAIN}:{}", far_end.port());
    (Stage::build(PROGRAM, &[], &[CALLER], sip, &[Rung::new(far_end, &uri)]), far_end)
}

fn manners(goodbye: Goodbye) -> Manners {
    let rules = Rules { domain: Some(DOMAIN.into()), ..Rules::default() };
    Manners { rules, goodbye, ..Manners::default() }
}

fn open(at: &[SocketAddrV4], manners: Manners) -> FarEnd {
    let at: Vec<SocketAddr> = at.iter().copied().map(SocketAddr::V4).collect();
    FarEnd::open(&at, manners).expect("free ports")
}

/// The first call, once it is over.
fn over(far_end: &FarEnd) -> Visit {
    let visit = poll(PATIENCE, || far_end.visits().first().filter(|visit| visit.over).cloned());
    assert_eq!(far_end.faults(), [""; 0]);
    visit.expect("a call that ends")
}

/// One call that is hung up by the far end. Gives Warmline's log.
fn hung_up(goodbye: Goodbye) -> String {
    let (mut stage, at) = set();
    let far_end = open(&[at], manners(goodbye));
    let caller = stage.cast.play(Scenario::once("ai_is_hung_up", CALLER), &[9]);
    stage.cast.ends_well(caller);
    let visit = over(&far_end);
    assert!(visit.answered && visit.refused.is_none(), "{visit:?}");
    assert_eq!((visit.ticket.as_deref(), &*visit.caller), (Some("1001"), "+8210444401001"));
    let log = stage.stop();
    assert!(log.contains("target-hung-up"), "{log}");
    log
}

#[test]
fn zendesk_takes_what_we_send_by_its_domain_and_hangs_up_in_mid_talk() {
    if sipp_is_missing("zendesk_takes_what_we_send_by_its_domain_and_hangs_up_in_mid_talk") {
        return;
    }
    let log = hung_up(Goodbye::After(2_000));
    // Its greeting.
    assert!(!log.contains("target's: 0 packets"), "{log}");
}

#[test]
fn zendesk_hangs_up_after_its_greeting_where_nobody_serves_the_line() {
    if sipp_is_missing("zendesk_hangs_up_after_its_greeting_where_nobody_serves_the_line") {
        return;
    }
    hung_up(Goodbye::Unserved { least: 8_000, most: 9_000 });
}

#[test]
#[ignore = "takes 25 s"]
fn zendesk_hangs_up_within_25_seconds_where_nobody_serves_the_line() {
    if sipp_is_missing("zendesk_hangs_up_within_25_seconds_where_nobody_serves_the_line") {
        return;
    }
    hung_up(Goodbye::Unserved { least: 24_000, most: 25_000 });
}

#[test]
fn zendesk_takes_no_calls_by_its_address_nor_for_an_srtp_line() {
    if sipp_is_missing("zendesk_takes_no_calls_by_its_address_nor_for_an_srtp_line") {
        return;
    }
    let srtp = Rules { security: Security::Srtp, ..Rules::default() };
    let other = Rules { domain: Some("acme.example".into()), ..Rules::default() };
    // What the caller hears is by our table of failures.
    for (named, rules, status, heard) in
        [(false, Rules::default(), 403, 480), (true, other, 403, 480), (true, srtp, 488, 488)]
    {
        let (mut stage, at) = if named {
            set()
        } else {
            let at = SocketAddrV4::new(ZENDESK, ports(2));
            let sip = SocketAddrV4::new(WARMLINE, ports(2));
            (Stage::build(PROGRAM, &[], &[AI], sip, &[Rung::new(at, &format!("sip:support@{at}"))]), at)
        };
        let far_end = open(&[at], Manners { rules, ..Manners::default() });
        let caller = SocketAddrV4::new(if named { CALLER } else { AI }, ports(2));
        let script = Script::caller("refused").invites(Say::Audio).may_hear(100).hears(heard);
        let caller = stage.cast.follow(&script.acknowledges_failure(), caller);
        stage.cast.ends_well(caller);
        let visit = over(&far_end);
        assert_eq!(visit.refused.as_ref().map(|refused| refused.0), Some(status), "{visit:?}");
        stage.stop();
    }
}

#[test]
fn zendesk_is_silent_at_its_first_address() {
    if sipp_is_missing("zendesk_is_silent_at_its_first_address") {
        return;
    }
    let first = SocketAddrV4::new(ZENDESK, ports(2));
    let second = SocketAddrV4::new(Ipv4Addr::LOCALHOST, ports(2));
    let sip = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 5), ports(2));
    let uris = [format!("sip:support@{first}"), format!("sip:support@{DOMAIN}:{}", second.port())];
    let mut stage = Stage::build(
        PROGRAM,
        &[],
        &[CALLER],
        sip,
        &[Rung::new(first, &uris[0]), Rung::new(second, &uris[1])],
    );
    let far_end = open(&[first, second], Manners { silent: 1, ..manners(Goodbye::After(1_000)) });
    let caller = stage.cast.play(Scenario::once("ai_is_hung_up", CALLER), &[9]);
    stage.cast.ends_well(caller);
    let visit = over(&far_end);
    assert!(visit.answered && visit.address == 1, "{visit:?}");
    let log = stage.stop();
    assert!(log.contains("answered by zendesk-support-2"), "{log}");
}

/// Both ends have us refresh their sessions every 45 s, as only a call of real length needs it, and talk meanwhile.
#[test]
#[ignore = "takes 15 minutes"]
fn a_quarter_of_an_hour_is_talked_and_refreshed_on_both_legs() {
    if sipp_is_missing("a_quarter_of_an_hour_is_talked_and_refreshed_on_both_legs") {
        return;
    }
    /// Seconds between refreshes: half of what is demanded.
    const EVERY: u32 = 45;
    const REFRESHES: u32 = 15 * 60 / EVERY;
    let (mut stage, at) = set();
    let timers = Some(Timers::of(2 * EVERY));
    let far_end = open(&[at], Manners { timers, ..manners(Goodbye::Never) });
    let asks = "Supported: timer\nSession-Expires: 90;refresher=uas\nMin-SE: 90\n";
    let told = "Supported: timer\nRequire: timer\nSession-Expires: 90;refresher=uac\n";
    let mut script = Script::caller("caller")
        .lasts(REFRESHES * EVERY / 60)
        .invites_with(asks, Say::Echo)
        .may_hear(100)
        .may_hear(180)
        .hears_with(200, "Session-Expires: 90;refresher=uas")
        .acknowledges();
    for _ in 0..REFRESHES {
        script = script
            .gets_with("INVITE", "Session-Expires: 90;refresher=uac")
            .answers_with(200, told, Say::Echo)
            .gets("ACK");
    }
    let caller = SocketAddrV4::new(CALLER, ports(2));
    let caller = stage.cast.follow(&script.waits(3_000).hangs_up().hears(200), caller);
    let until = |patience: Duration, what: &str, holds: &dyn Fn(&Visit) -> bool| {
        let found = poll(patience, || far_end.visits().first().filter(|visit| holds(visit)).cloned());
        found.unwrap_or_else(|| panic!("not {what}: {:?} {:?}", far_end.visits(), far_end.faults()))
    };
    for refreshes in 0..=REFRESHES {
        let next = PATIENCE + Duration::from_secs(EVERY.into());
        let so_far = until(next, "refreshed", &|visit| visit.answered && visit.refreshed >= refreshes);
        until(PATIENCE, "talking", &|visit| visit.heard.own >= so_far.heard.own + 50);
    }
    stage.cast.ends_well(caller);
    let visit = over(&far_end);
    assert_eq!(visit.refreshed, REFRESHES, "{visit:?}");
    // All the time, but for the beginnings.
    assert!(visit.heard.own >= u64::from(REFRESHES * EVERY * 50 / 100 * 95), "{visit:?}");
    let log = stage.stop();
    assert!(log.contains("caller-hung-up") && !log.contains("hanging up"), "{log}");
    assert!(log.contains("stopped after 1 calls"), "{log}");
    println!("{visit:?}\n{log}");
}
