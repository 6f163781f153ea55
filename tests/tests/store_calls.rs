//! Calls are written down, in a file of SQLite's and in PostgreSQL alike: one record for each, also after a crash.

use core::net::SocketAddrV4;

use serde_json::Value;
use warmline_tests::sipp::{
    AI, PATIENCE, Postgres, Script, Stage, ZENDESK, poll, ports, postgres_is_missing, sipp_is_missing,
};
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// A Warmline with this store, and a far end that hangs up then.
fn set(url: &str, goodbye: Goodbye) -> (Stage, FarEnd) {
    let at = SocketAddrV4::new(ZENDESK, ports(2));
    let far_end = FarEnd::open(&[at.into()], Manners { goodbye, ..Manners::taking_addresses() });
    let store = format!("\n[store]\nurl = \"{url}\"\n");
    (Stage::furnish(PROGRAM, &store, &[AI], at), far_end.expect("free ports"))
}

fn caller(stage: &Stage) -> warmline_tests::sipp::Program {
    let script = Script::caller("caller").gets_through().is_hung_up();
    stage.cast.follow(&script, SocketAddrV4::new(AI, ports(2)))
}

fn a_call_is_written_down(url: &str) {
    let (mut stage, far_end) = set(url, Goodbye::After(1_000));
    let player = caller(&stage);
    stage.cast.ends_well(player);
    let ended = poll(PATIENCE, || stage.records(PROGRAM).pop().filter(|call| !call["ended"].is_null()));
    let call = ended.expect("a call that has ended");
    assert_eq!(far_end.faults(), [""; 0]);
    let visit = &far_end.visits()[0];
    for (key, value) in [
        ("caller", visit.caller.as_str()),
        ("line", "support"),
        ("trunk", "ai"),
        ("target", "zendesk-support"),
        ("reason", "target-hung-up"),
        ("outcome", "connected"),
        ("node", "end-to-end"),
    ] {
        assert_eq!(call[key], value, "{key}: {call}");
    }
    assert_eq!(call["ticket"].to_string(), visit.ticket.clone().expect("a ticket"), "{call}");
    assert!(call["sentence"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{call}");
    let time = |key: &str| call[key].as_str().unwrap_or_else(|| panic!("{key}: {call}")).to_owned();
    assert!(time("started") <= time("answered") && time("answered") < time("ended"), "{call}");
    let heard = &call["audio"]["target"];
    assert!(
        heard["packets"].as_u64().is_some_and(|packets| packets > 20) && heard["mos"].is_number(),
        "{call}"
    );
    // The same for people, and for a spreadsheet.
    let table = stage.ask(PROGRAM, &["calls"]).expect("a table");
    let id = call["call"].as_str().expect("a name");
    assert!(table.lines().any(|line| line.contains(id) && line.ends_with("target-hung-up")), "{table}");
    let csv = stage.ask(PROGRAM, &["calls", "--csv", "--since", "1h"]).expect("CSV");
    assert!(csv.starts_with("call,node,") && csv.contains(id) && csv.lines().count() == 2, "{csv}");
    // A second one is a second record.
    let player = caller(&stage);
    stage.cast.ends_well(player);
    assert!(
        poll(PATIENCE, || (stage.records(PROGRAM).len() == 2).then_some(())).is_some(),
        "{:?}",
        stage.records(PROGRAM)
    );
    let log = stage.stop();
    assert!(!log.contains("cannot write to the store"), "{log}");
    assert!(
        stage.records(PROGRAM).iter().all(|call| !call["ended"].is_null()),
        "{:?}",
        stage.records(PROGRAM)
    );
}

fn a_call_that_a_crash_cut_off_is_one_record(url: &str) {
    let (mut stage, far_end) = set(url, Goodbye::After(6_000));
    let player = caller(&stage);
    // Its tables may be just being made.
    let ready = || stage.ask(PROGRAM, &["calls"]).ok();
    assert!(poll(PATIENCE, ready).is_some(), "{}", stage.warmline.written());
    let answered = poll(PATIENCE, || stage.records(PROGRAM).pop().filter(|call| !call["answered"].is_null()));
    let before = answered.expect("a call that was answered");
    assert!(before["ended"].is_null(), "{before}");
    stage.warmline.kill();
    stage.restart(PROGRAM);
    let ended = poll(PATIENCE, || stage.records(PROGRAM).pop().filter(|call| !call["ended"].is_null()));
    let after = ended.expect("a call that has ended");
    // It goes on, and ends as it would have.
    assert_eq!(
        (&after["call"], &after["reason"]),
        (&before["call"], &Value::from("target-hung-up")),
        "{after}"
    );
    for key in ["ticket", "caller", "sip_call_id", "started", "target"] {
        assert_eq!(after[key], before[key], "{key}: {after}");
    }
    stage.cast.ends_well(player);
    assert_eq!(far_end.faults(), [""; 0]);
    assert_eq!(stage.records(PROGRAM).len(), 1);
    let log = stage.stop();
    assert!(log.contains("1 calls are taken up again"), "{log}");
    let kept = std::fs::read_dir(stage.cast.folder()).expect("a folder").flatten();
    assert!(!kept.map(|file| file.file_name()).any(|name| name.to_string_lossy().ends_with(".calls")));
}

#[test]
fn a_call_is_written_down_in_a_file() {
    if !sipp_is_missing("a_call_is_written_down_in_a_file") {
        a_call_is_written_down("sqlite:calls.db");
    }
}

#[test]
fn a_call_is_written_down_in_postgres() {
    let test = "a_call_is_written_down_in_postgres";
    if !sipp_is_missing(test) && !postgres_is_missing(test) {
        a_call_is_written_down(&Postgres::start("calls").url());
    }
}

#[test]
fn a_call_that_a_crash_cut_off_is_one_record_in_a_file() {
    if !sipp_is_missing("a_call_that_a_crash_cut_off_is_one_record_in_a_file") {
        a_call_that_a_crash_cut_off_is_one_record("sqlite:calls.db");
    }
}

#[test]
fn a_call_that_a_crash_cut_off_is_one_record_in_postgres() {
    let test = "a_call_that_a_crash_cut_off_is_one_record_in_postgres";
    if !sipp_is_missing(test) && !postgres_is_missing(test) {
        a_call_that_a_crash_cut_off_is_one_record(&Postgres::start("crash").url());
    }
}

#[test]
fn without_a_word_calls_are_written_beside_the_configuration() {
    if sipp_is_missing("without_a_word_calls_are_written_beside_the_configuration") {
        return;
    }
    let mut stage = Stage::set(PROGRAM, &[]);
    stage.stop();
    assert!(stage.cast.folder().join("warmline.db").exists());
    assert_eq!(stage.records(PROGRAM).len(), 0);
    std::fs::remove_file(stage.cast.folder().join("warmline.db")).expect("a file");
    let why = stage.ask(PROGRAM, &["calls"]).expect_err("there is none");
    assert!(why.starts_with("warmline: there is no store at "), "{why}");
}
