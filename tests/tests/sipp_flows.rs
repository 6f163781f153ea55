//! RFC 3665's basic call flows and RFC 5407's races, by their sections, with SIPp at both ends of Warmline.
//!
//! Those that it can see: each leg stands alone, so that what two ends do to each other there, an end and Warmline do
//! here. Peers are so far away that messages cross.

use core::net::SocketAddrV4;
use core::time::Duration;

use warmline_tests::sipp::{
    AI, Distance, Rung, Say, Script, Stage, WARMLINE, ZENDESK, ports, sipp_is_missing,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// How long a message takes from a peer to Warmline, or back.
const LATENCY: Duration = Duration::from_millis(80);

/// For how many seconds a target is rung: longer than an address may be silent.
const RINGS: u32 = 5;

/// Plays a call between the two, who are far from Warmline. Gives its log.
fn flow(name: &str, caller: Script, target: Script) -> String {
    flow_over(name, caller, &[Some(target)])
}

/// The same where the line rings more than one, of whom some may be silent.
fn flow_over(name: &str, caller: Script, targets: &[Option<Script>]) -> String {
    if sipp_is_missing(name) {
        return String::new();
    }
    let at: Vec<_> = targets.iter().map(|_| SocketAddrV4::new(ZENDESK, ports(2))).collect();
    let uris: Vec<_> = at.iter().map(|at| format!("sip:support@{at}")).collect();
    let rung: Vec<_> =
        at.iter().zip(&uris).map(|(at, uri)| Rung { seconds: RINGS, ..Rung::new(*at, uri) }).collect();
    let sip = SocketAddrV4::new(WARMLINE, ports(2));
    let mut stage = Stage::build(PROGRAM, &[], &[AI], sip, &rung);
    let silent: Vec<_> = at
        .iter()
        .zip(targets)
        .filter(|(_, target)| target.is_none())
        .map(|(at, _)| std::net::UdpSocket::bind(at).expect("a free port"))
        .collect();
    let mut network = Vec::new();
    let mut playing = Vec::new();
    for (at, target) in at.iter().zip(targets) {
        let Some(target) = target else { continue };
        let own = SocketAddrV4::new(ZENDESK, ports(2));
        network.push(Distance::between(own, *at, sip, LATENCY));
        playing.push(stage.cast.follow_past(target, own, *at, sip));
    }
    let [own, known] = [(); 2].map(|()| SocketAddrV4::new(AI, ports(2)));
    let distance = Distance::between(own, known, sip, LATENCY);
    let caller = stage.cast.follow_past(&caller, own, known, distance.inner);
    stage.cast.ends_well(caller);
    for target in playing {
        stage.cast.ends_well(target);
    }
    drop(silent);
    stage.stop()
}

macro_rules! holds {
    ($log:expr, $($text:expr),+) => {
        let log = $log;
        if !log.is_empty() {
            $(assert!(log.contains($text), "{}: {log}", $text);)+
        }
    };
}

fn caller() -> Script {
    Script::caller("caller")
}

fn target() -> Script {
    Script::target("target")
}

const NOTHING_AMISS: &str = "refused, failed or dropped: none";

/// Whoever answers with this has Warmline refresh the session 10 s later, and again.
const TIMED: &str = "Supported: timer\nRequire: timer\nSession-Expires: 20;refresher=uac\n";

/// A target whose session Warmline refreshes.
fn timed(lines: &str) -> Script {
    target()
        .is_invited()
        .answers_invite(180, Say::Nothing)
        .waits(100)
        .answers_invite_with(200, &format!("{TIMED}{lines}"), Say::Audio)
        .gets("ACK")
}

/// A caller who stays for so many milliseconds and hangs up.
fn stays(milliseconds: u32) -> Script {
    caller().gets_through().waits(milliseconds).hangs_up().hears(200)
}

// ---- RFC 3665 -----------------------------------------------------------------------------------------------------

#[test]
fn rfc_3665_3_1_successful_session_establishment() {
    let log = flow(
        "rfc_3665_3_1_successful_session_establishment",
        caller()
            .invites(Say::Audio)
            .may_hear(100)
            .hears(180)
            .hears(200)
            .acknowledges()
            .waits(200)
            .hangs_up()
            .hears(200),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "caller-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_3665_3_3_session_with_proxy_authentication() {
    let challenge = "Proxy-Authenticate: Digest realm=\"talk\", domain=\"sip:ss1.atlanta.example.com\", qop=\"auth\", \
                     nonce=\"f84f1cec41e6cbe5aea9c8e88d359\", opaque=\"\", stale=FALSE, algorithm=MD5\n";
    let log = flow(
        "rfc_3665_3_3_session_with_proxy_authentication",
        caller().gets_through().waits(200).hangs_up().hears(200),
        target()
            .is_invited()
            .answers_first(407, challenge, Say::Nothing)
            .gets("ACK")
            .gets_with("INVITE", "Proxy-Authorization: Digest .*realm=&quot;talk&quot;")
            .answers_first(200, "", Say::Audio)
            .gets("ACK")
            .gets("BYE")
            .answers(200)
            .lingers(),
    );
    holds!(log, "caller-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_3665_3_4_successful_session_with_proxy_failure() {
    let log = flow_over(
        "rfc_3665_3_4_successful_session_with_proxy_failure",
        caller().gets_through().waits(200).hangs_up().hears(200),
        &[
            Some(target().is_invited().answers_first(503, "", Say::Nothing).gets("ACK").lingers()),
            Some(target().takes_the_call().is_hung_up()),
        ],
    );
    holds!(log, "answered by zendesk-support-2", "caller-hung-up");
}

#[test]
fn rfc_3665_3_6_a_redirection_is_not_followed() {
    let log = flow(
        "rfc_3665_3_6_a_redirection_is_not_followed",
        caller().invites(Say::Audio).may_hear(100).hears(480).acknowledges_failure(),
        target().is_invited().answers_first(302, "", Say::Nothing).gets("ACK").lingers(),
    );
    holds!(log, "target-refused: ");
}

#[test]
fn rfc_3665_3_6_session_with_sdp_in_ack() {
    let log = flow(
        "rfc_3665_3_6_session_with_sdp_in_ack",
        caller()
            .invites(Say::Nothing)
            .may_hear(100)
            .may_hear(180)
            .hears_with(200, "m=audio ")
            .acknowledges_with(Say::Audio)
            .waits(200)
            .hangs_up()
            .hears(200),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "caller-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_3665_3_7_session_with_reinvite() {
    let log = flow(
        "rfc_3665_3_7_session_with_reinvite",
        caller()
            .gets_through()
            .waits(200)
            .reinvites(Say::Elsewhere)
            .may_hear(100)
            .hears_with(200, "m=audio ")
            .acknowledges()
            .waits(200)
            .hangs_up()
            .hears(200),
        target()
            .takes_the_call()
            .waits(100)
            .reinvites(Say::Elsewhere)
            .may_hear(100)
            .hears_with(200, "m=audio ")
            .acknowledges()
            .is_hung_up(),
    );
    holds!(log, "caller-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_3665_3_8_unsuccessful_no_answer() {
    let log = flow(
        "rfc_3665_3_8_unsuccessful_no_answer",
        caller()
            .invites(Say::Audio)
            .may_hear(100)
            .hears(180)
            .cancels()
            .hears(200)
            .hears(487)
            .acknowledges_failure(),
        target()
            .is_invited()
            .answers_invite(180, Say::Nothing)
            .gets("CANCEL")
            .answers_with(200, "", Say::Nothing)
            .answers_invite(487, Say::Nothing)
            .gets("ACK")
            .lingers(),
    );
    holds!(log, "cancelled: ", NOTHING_AMISS);
}

#[test]
fn rfc_3665_3_9_unsuccessful_busy() {
    let log = flow(
        "rfc_3665_3_9_unsuccessful_busy",
        caller().invites(Say::Audio).may_hear(100).hears(486).acknowledges_failure(),
        target().is_invited().answers_first(486, "", Say::Nothing).gets("ACK").lingers(),
    );
    holds!(log, "target-busy: ");
}

#[test]
fn rfc_3665_3_10_unsuccessful_no_response_from_user_agent() {
    let log = flow_over(
        "rfc_3665_3_10_unsuccessful_no_response_from_user_agent",
        caller().invites(Say::Audio).may_hear(100).hears(480).acknowledges_failure(),
        &[None],
    );
    holds!(log, "no-answer: ");
}

#[test]
fn rfc_3665_3_11_unsuccessful_temporarily_unavailable() {
    let log = flow(
        "rfc_3665_3_11_unsuccessful_temporarily_unavailable",
        caller().invites(Say::Audio).may_hear(100).hears(180).hears(480).acknowledges_failure(),
        target()
            .is_invited()
            .answers_invite(180, Say::Nothing)
            .waits(200)
            .answers_first(480, "", Say::Nothing)
            .gets("ACK")
            .lingers(),
    );
    holds!(log, "target-refused: ");
}

// ---- RFC 5407, we being called ------------------------------------------------------------------------------------

#[test]
fn rfc_5407_3_1_1_an_invite_comes_again_when_it_is_answered() {
    let log = flow(
        "rfc_5407_3_1_1_an_invite_comes_again_when_it_is_answered",
        caller()
            .invites(Say::Audio)
            .may_hear(100)
            .may_hear(180)
            .hears(200)
            .invites_again(Say::Audio)
            .waits(300)
            .acknowledges()
            .waits(300)
            .hangs_up()
            .hears(200),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "stopped after 1 calls", "caller-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_5407_3_1_2_a_cancel_crosses_our_answer() {
    let log = flow(
        "rfc_5407_3_1_2_a_cancel_crosses_our_answer",
        caller()
            .invites(Say::Audio)
            .may_hear(100)
            .may_hear(180)
            .hears(200)
            .cancels()
            .hears(200)
            .acknowledges()
            .hangs_up()
            .hears(200),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "caller-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_5407_3_1_3_a_bye_for_an_early_dialog() {
    let log = flow(
        "rfc_5407_3_1_3_a_bye_for_an_early_dialog",
        caller()
            .invites(Say::Audio)
            .may_hear(100)
            .hears(180)
            .hangs_up()
            .hears(200)
            .hears(487)
            .acknowledges_failure(),
        target()
            .is_invited()
            .answers_invite(180, Say::Nothing)
            .gets("CANCEL")
            .answers_with(200, "", Say::Nothing)
            .answers_invite(487, Say::Nothing)
            .gets("ACK")
            .lingers(),
    );
    holds!(log, NOTHING_AMISS);
}

#[test]
fn rfc_5407_3_1_3_a_bye_crosses_our_answer() {
    let log = flow(
        "rfc_5407_3_1_3_a_bye_crosses_our_answer",
        caller()
            .invites(Say::Audio)
            .may_hear(100)
            .may_hear(180)
            .hears(200)
            .at_once()
            .hangs_up()
            .acknowledges()
            .hears(200),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "caller-hung-up", "failed or dropped: 1 stray-ack\n");
}

#[test]
fn rfc_5407_3_1_4_a_reinvite_before_the_ack() {
    let log = flow(
        "rfc_5407_3_1_4_a_reinvite_before_the_ack",
        caller()
            .invites(Say::Audio)
            .may_hear(100)
            .may_hear(180)
            .hears(200)
            // Our 200 comes again.
            .waits(700)
            .at_once()
            .reinvites(Say::Held)
            .acknowledges_number(1, Say::Nothing)
            .may_hear(100)
            .hears_with(200, "a=recvonly")
            .acknowledges()
            .waits(200)
            .hangs_up()
            .hears(200),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "caller-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_5407_3_1_5_an_offer_before_the_answer_to_ours() {
    let log = flow(
        "rfc_5407_3_1_5_an_offer_before_the_answer_to_ours",
        caller()
            .invites(Say::Nothing)
            .may_hear(100)
            .may_hear(180)
            .hears(200)
            .waits(700)
            .reinvites(Say::Held)
            .may_hear(100)
            .hears(491)
            .acknowledges_failure()
            .acknowledges_number(1, Say::Audio)
            .waits(300)
            .hangs_up()
            .hears(200),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "caller-hung-up", "failed or dropped: 1 offer-pending\n");
}

#[test]
fn rfc_5407_3_1_6_a_bye_after_an_ack_that_was_lost() {
    let log = flow(
        "rfc_5407_3_1_6_a_bye_after_an_ack_that_was_lost",
        caller()
            .invites(Say::Audio)
            .may_hear(100)
            .may_hear(180)
            .hears(200)
            .waits(700)
            .hangs_up()
            .hears(200)
            .acknowledges_number(1, Say::Nothing)
            .lingers(),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "caller-hung-up", "failed or dropped: 1 stray-ack\n");
}

#[test]
fn rfc_5407_3_2_3_a_bye_before_our_answer_to_a_reinvite() {
    let log = flow(
        "rfc_5407_3_2_3_a_bye_before_our_answer_to_a_reinvite",
        caller()
            .gets_through()
            .waits(300)
            .at_once()
            .reinvites(Say::Held)
            .hangs_up()
            .may_hear(100)
            .hears(200)
            .acknowledges()
            .hears(200)
            .lingers(),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "caller-hung-up", "failed or dropped: 1 stray-ack\n");
}

#[test]
fn rfc_5407_3_2_1_byes_cross_at_the_caller() {
    let log = flow(
        "rfc_5407_3_2_1_byes_cross_at_the_caller",
        caller().gets_through().gets("BYE").at_once().hangs_up().answers(200).hears(200).lingers(),
        target().takes_the_call().waits(300).hangs_up().hears(200).lingers(),
    );
    holds!(log, "target-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_5407_3_2_2_a_reinvite_crosses_our_bye_at_the_caller() {
    let log = flow(
        "rfc_5407_3_2_2_a_reinvite_crosses_our_bye_at_the_caller",
        caller()
            .gets_through()
            .gets("BYE")
            .at_once()
            .reinvites(Say::Held)
            .answers(200)
            .hears(481)
            .acknowledges_failure()
            .lingers(),
        target().takes_the_call().waits(300).hangs_up().hears(200).lingers(),
    );
    holds!(log, "target-hung-up", "failed or dropped: 1 no-such-call\n");
}

/// The caller made the Call-ID up: it tries again later than we do.
#[test]
#[ignore = "takes 50 s"]
fn rfc_5407_3_3_1_reinvites_cross_at_the_caller() {
    let told = "Supported: timer\nRequire: timer\nSession-Expires: 90;refresher=uac\n";
    let log = flow(
        "rfc_5407_3_3_1_reinvites_cross_at_the_caller",
        caller()
            .invites_with("Supported: timer\nSession-Expires: 90;refresher=uas\n", Say::Audio)
            .may_hear(100)
            .may_hear(180)
            .hears_with(200, "Session-Expires: 90;refresher=uas")
            .acknowledges()
            .gets_with("INVITE", "Session-Expires: 90;refresher=uac")
            .at_once()
            .reinvites(Say::Held)
            .answers(491)
            .may_hear(100)
            .hears(491)
            .acknowledges_failure()
            .gets("ACK")
            .gets_with("INVITE", "Session-Expires: 90;refresher=uac")
            .answers_with(200, told, Say::Audio)
            .gets("ACK")
            .waits(500)
            .reinvites(Say::Held)
            .may_hear(100)
            .hears_with(200, "a=recvonly")
            .acknowledges()
            .waits(200)
            .hangs_up()
            .hears(200),
        target().takes_the_call().is_hung_up(),
    );
    holds!(log, "caller-hung-up", "failed or dropped: 1 offer-pending, 1 refresh-failed\n");
}

#[test]
fn rfc_5407_3_3_3_a_refer_crosses_our_bye() {
    let log = flow(
        "rfc_5407_3_3_3_a_refer_crosses_our_bye",
        caller()
            .gets_through()
            .gets("BYE")
            .at_once()
            .says("REFER", "Contact: <sip:peer@known>\nRefer-To: <sip:support@warmline>\n")
            .answers(200)
            .hears(481)
            .lingers(),
        target().takes_the_call().waits(300).hangs_up().hears(200).lingers(),
    );
    holds!(log, "target-hung-up", "failed or dropped: 1 no-such-call\n");
}

// ---- RFC 5407, we calling -----------------------------------------------------------------------------------------

#[test]
fn rfc_5407_3_1_2_our_cancel_crosses_an_answer() {
    let log = flow(
        "rfc_5407_3_1_2_our_cancel_crosses_an_answer",
        caller()
            .invites(Say::Audio)
            .may_hear(100)
            .hears(180)
            .cancels()
            .hears(200)
            .hears(487)
            .acknowledges_failure(),
        target()
            .is_invited()
            .answers_invite(180, Say::Nothing)
            .gets("CANCEL")
            .at_once()
            .answers_invite(200, Say::Audio)
            .answers(200)
            .gets("ACK")
            .gets("BYE")
            .answers(200)
            .lingers(),
    );
    holds!(log, "cancelled: ");
}

#[test]
fn rfc_5407_3_2_1_byes_cross() {
    let log = flow(
        "rfc_5407_3_2_1_byes_cross",
        caller().gets_through().waits(300).hangs_up().hears(200),
        target().takes_the_call().gets("BYE").at_once().hangs_up().answers(200).hears(200).lingers(),
    );
    holds!(log, "caller-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_5407_3_2_2_a_reinvite_crosses_our_bye() {
    let log = flow(
        "rfc_5407_3_2_2_a_reinvite_crosses_our_bye",
        caller().gets_through().waits(300).hangs_up().hears(200),
        target()
            .takes_the_call()
            .gets("BYE")
            .at_once()
            .reinvites(Say::Held)
            .answers(200)
            .hears(481)
            .acknowledges_failure()
            .lingers(),
    );
    holds!(log, "caller-hung-up", "failed or dropped: 1 no-such-call\n");
}

#[test]
fn rfc_5407_3_2_4_a_bye_crosses_our_ack() {
    let log = flow(
        "rfc_5407_3_2_4_a_bye_crosses_our_ack",
        caller().gets_through().gets("BYE").answers(200).lingers(),
        target()
            .is_invited()
            .answers_invite(180, Say::Nothing)
            .at_once()
            .answers_invite(200, Say::Audio)
            .hangs_up()
            .gets("ACK")
            .hears(200)
            .lingers(),
    );
    holds!(log, "target-hung-up", NOTHING_AMISS);
}

#[test]
fn rfc_5407_3_2_3_our_bye_before_an_answer_to_our_reinvite() {
    let log = flow(
        "rfc_5407_3_2_3_our_bye_before_an_answer_to_our_reinvite",
        stays(11_000),
        timed("")
            .is_reinvited()
            .answers_reinvite(100, Say::Nothing)
            .gets("BYE")
            .answers(200)
            .at_once()
            .answers_reinvite(200, Say::Audio)
            .gets("ACK")
            .lingers(),
    );
    holds!(log, "caller-hung-up", NOTHING_AMISS);
}

/// We made the Call-ID up: the target tries again first, and as that refreshes the session, we need not.
#[test]
fn rfc_5407_3_3_1_reinvites_cross() {
    let log = flow(
        "rfc_5407_3_3_1_reinvites_cross",
        stays(16_000),
        timed("")
            .gets_with("INVITE", "Session-Expires: 20;refresher=uac")
            .at_once()
            .reinvites(Say::Held)
            .answers(491)
            .may_hear(100)
            .hears(491)
            .acknowledges_failure()
            .gets("ACK")
            .waits(1_500)
            .reinvites(Say::Held)
            .may_hear(100)
            .hears_with(200, "a=recvonly")
            .acknowledges()
            .is_hung_up(),
    );
    holds!(log, "caller-hung-up", "failed or dropped: 1 offer-pending, 1 refresh-failed\n");
}

/// The target waits until we have tried again.
#[test]
fn rfc_5407_3_3_2_an_update_crosses_our_reinvite() {
    let log = flow(
        "rfc_5407_3_3_2_an_update_crosses_our_reinvite",
        stays(16_000),
        timed("")
            .gets_with("INVITE", "Session-Expires: 20;refresher=uac")
            .at_once()
            .updates(Say::Held)
            .answers(491)
            .hears(491)
            .gets("ACK")
            .gets_with("INVITE", "Session-Expires: 20;refresher=uac")
            .answers_with(200, TIMED, Say::Audio)
            .gets("ACK")
            .updates(Say::Held)
            .hears_with(200, "a=recvonly")
            .is_hung_up(),
    );
    holds!(log, "caller-hung-up", "failed or dropped: 1 offer-pending, 1 refresh-failed\n");
}

/// Ours describes nothing, so that both succeed.
#[test]
fn rfc_5407_3_3_2_a_reinvite_crosses_our_update() {
    let log = flow(
        "rfc_5407_3_3_2_a_reinvite_crosses_our_update",
        stays(11_500),
        timed("Allow: INVITE, ACK, CANCEL, BYE, UPDATE\n")
            .gets_with("UPDATE", "Session-Expires: 20;refresher=uac")
            .at_once()
            .reinvites(Say::Held)
            .answers_with(200, TIMED, Say::Nothing)
            .may_hear(100)
            .hears_with(200, "a=recvonly")
            .acknowledges()
            .is_hung_up(),
    );
    holds!(log, "caller-hung-up", NOTHING_AMISS);
}
