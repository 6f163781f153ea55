//! Kamailio as the proxy between Warmline and the far end, with two who are rung behind it: SIPp both.

use core::net::SocketAddrV4;

use warmline_tests::sipp::{
    AI, Branches, Kamailio, Rung, Say, Script, Stage, WARMLINE, ZENDESK, is_missing, ports, sipp_is_missing,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// Plays a call to two behind Kamailio. Gives Warmline's log.
fn call(test: &str, branches: Branches, caller: &Script, rung: [&Script; 2]) -> Option<String> {
    if sipp_is_missing(test) || is_missing("kamailio", test) {
        return None;
    }
    let [proxy, first, second] = [(); 3].map(|()| SocketAddrV4::new(ZENDESK, ports(2)));
    let sip = SocketAddrV4::new(WARMLINE, ports(2));
    let uri = format!("sip:support@{proxy}");
    let mut stage = Stage::build(PROGRAM, &[], &[AI], sip, &[Rung::new(proxy, &uri)]);
    let kamailio = Kamailio::start(proxy, branches, [first, second], stage.cast.folder());
    let players = [(rung[0], first), (rung[1], second)].map(|(script, at)| stage.cast.follow(script, at));
    let caller = stage.cast.follow(caller, SocketAddrV4::new(AI, ports(2)));
    stage.cast.ends_well(caller);
    for player in players {
        stage.cast.ends_well(player);
    }
    drop(kamailio);
    Some(stage.stop())
}

fn caller() -> Script {
    Script::caller("caller").gets_through()
}

fn target(name: &str) -> Script {
    Script::target(name).behind_a_proxy().is_invited()
}

fn holds(log: Option<String>, texts: &[&str]) {
    if let Some(log) = log {
        assert!(texts.iter().all(|text| log.contains(text)), "{log}");
    }
}

/// A hold and its end as requests of the target's, and our BYE, all of them through the proxy.
#[test]
fn one_branch_answers_and_holds_and_the_other_is_cancelled() {
    let first = target("first")
        .answers_invite(180, Say::Nothing)
        .waits(300)
        .answers_invite(200, Say::Audio)
        .gets_with("ACK", "Via.*Via")
        .waits(100)
        .reinvites(Say::Held)
        .may_hear(100)
        .hears_with(200, "a=recvonly")
        .acknowledges()
        .waits(100)
        .reinvites(Say::Audio)
        .may_hear(100)
        .hears_with(200, "a=sendrecv")
        .acknowledges()
        .gets_with("BYE", "Via.*Via")
        .answers(200)
        .lingers();
    let second = target("second")
        .answers_invite(180, Say::Nothing)
        .gets("CANCEL")
        .answers_with(200, "", Say::Nothing)
        .answers_invite(487, Say::Nothing)
        .gets("ACK")
        .lingers();
    let caller = caller().waits(1_500).hangs_up().hears(200);
    let name = "one_branch_answers_and_holds_and_the_other_is_cancelled";
    let log = call(name, Branches::Both, &caller, [&first, &second]);
    holds(log, &["caller-hung-up", "refused, failed or dropped: none"]);
}

#[test]
fn both_branches_answer_and_one_of_them_is_hung_up_on() {
    let first = target("first")
        .answers_invite(180, Say::Nothing)
        .waits(300)
        .answers_invite(200, Say::Audio)
        .gets("ACK")
        .gets("BYE")
        .answers(200)
        .lingers();
    let second = target("second")
        .answers_invite(180, Say::Nothing)
        .gets("CANCEL")
        .at_once()
        .answers_with(200, "", Say::Nothing)
        .answers_invite(200, Say::Audio)
        .gets_with("ACK", "Via.*Via")
        .gets_with("BYE", "Via.*Via")
        .answers(200)
        .lingers();
    let caller = caller().waits(1_500).hangs_up().hears(200);
    let name = "both_branches_answer_and_one_of_them_is_hung_up_on";
    holds(call(name, Branches::Both, &caller, [&first, &second]), &["caller-hung-up"]);
}

#[test]
fn a_branch_fails_and_the_next_answers_and_hangs_up() {
    let first = target("first")
        .answers_invite(180, Say::Nothing)
        .answers_invite(486, Say::Nothing)
        .gets("ACK")
        .lingers();
    let second =
        target("second").answers_invite(200, Say::Audio).gets("ACK").waits(300).hangs_up().hears(200);
    let caller = caller().gets("BYE").answers(200).lingers();
    let name = "a_branch_fails_and_the_next_answers_and_hangs_up";
    let log = call(name, Branches::InTurn, &caller, [&first, &second]);
    holds(log, &["target-hung-up", "refused, failed or dropped: none"]);
}

#[test]
fn a_caller_gives_up_and_both_branches_are_cancelled() {
    let rung = |name: &str| {
        target(name)
            .answers_invite(180, Say::Nothing)
            .gets("CANCEL")
            .answers_with(200, "", Say::Nothing)
            .answers_invite(487, Say::Nothing)
            .gets("ACK")
            .lingers()
    };
    let caller = Script::caller("caller")
        .invites(Say::Audio)
        .may_hear(100)
        .hears(180)
        .waits(300)
        .cancels()
        .hears(200)
        .hears(487)
        .acknowledges_failure();
    let name = "a_caller_gives_up_and_both_branches_are_cancelled";
    let log = call(name, Branches::Both, &caller, [&rung("first"), &rung("second")]);
    holds(log, &["cancelled: ", "refused, failed or dropped: none"]);
}
