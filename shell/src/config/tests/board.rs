//! More than a board has tables for, in every one of them.

use super::appliance::{PLAIN, changed, for_board, mistakes};
use crate::config::parse;

/// Asserts what is said, whether or not a board is named.
fn assert_said(text: &str, expected: &str) {
    assert_eq!(mistakes(parse("c", text)), expected);
    assert_eq!(mistakes(for_board("mps2-an386", text)), expected);
}

/// The file with so many sections more.
fn with(count: usize, section: impl Fn(usize) -> String) -> String {
    let sections: String = (0..count).map(section).collect();
    format!("{PLAIN}{sections}")
}

/// `["0", "1", "2"]` with something around the numbers.
fn list(count: usize, entry: impl Fn(usize) -> String) -> String {
    let entries: Vec<_> = (0..count).map(|number| format!("\"{}\"", entry(number))).collect();
    format!("[{}]", entries.join(", "))
}

fn trunk(n: usize) -> String {
    format!("[[trunk]]\nname = \"t{n}\"\nkind = \"ai\"\nsignalling = [\"203.0.{n}.0/24\"]\n")
}

fn line(n: usize, from: &str) -> String {
    let ring = "[{ targets = [\"support\"] }]";
    format!("[[line]]\nname = \"l{n}\"\ndial = [\"d{n}\"]\nfrom = {from}\nring = {ring}\n")
}

#[test]
fn sections() {
    let target = |n| format!("[[target]]\nname = \"t{n}\"\ntrunk = \"zendesk\"\nuri = \"sip:a@b\"\n");
    let line = |n| line(n, "[\"ai\"]");
    assert_said(&with(14, trunk), "");
    assert_said(&with(15, trunk), "c:92:1: 17 trunks, but a board takes at most 16");
    assert_said(&with(31, target), "");
    assert_said(&with(32, target), "c:160:1: 33 targets, but a board takes at most 32");
    assert_said(&with(15, line), "");
    assert_said(&with(16, line), "c:111:1: 17 lines, but a board takes at most 16");
}

#[test]
fn what_trunks_hold() {
    let sources = |count| changed(&[("[\"198.51.100.0/24\"]", &list(count, |n| format!("203.0.{n}.7")))]);
    assert_said(&sources(56), "");
    assert_said(&sources(57), "c:21:1: 65 ranges that trunks signal from, but a board takes at most 64");
    let media = |count| {
        let ranges = list(count, |n| format!("203.0.{n}.0/24"));
        changed(&[("kind = \"ai\"", &format!("kind = \"ai\"\nmedia = {ranges}"))])
    };
    assert_said(&media(31), "");
    assert_said(&media(32), "c:21:1: 33 ranges that trunks' media comes from, but a board takes at most 32");
}

#[test]
fn what_lines_hold() {
    let dials =
        |count| changed(&[("dial = [\"support\"]", &format!("dial = {}", list(count, |n| format!("d{n}"))))]);
    assert_said(&dials(64), "");
    assert_said(&dials(65), "c:31:1: 65 names and numbers that are dialled, but a board takes at most 64");
    let rings = |count| {
        let steps = vec!["{ targets = [\"support\"] }"; count].join(", ");
        changed(&[("[{ targets = [\"support\"], for = \"30s\" }]", &format!("[{steps}]"))])
    };
    assert_said(&rings(64), "");
    assert_said(&rings(65), "c:31:1: 65 targets that lines ring, but a board takes at most 64");
    let callers = |count| {
        let lines: String = (0..8).map(|n| line(n, &list(count, |n| format!("t{n}")))).collect();
        with(8, trunk) + &lines
    };
    assert_said(&callers(7), "");
    assert_said(&callers(8), "c:68:1: 65 trunks that lines are dialled from, but a board takes at most 64");
}

#[test]
fn the_rest() {
    let domains =
        |count| changed(&[("[node]", &format!("[node]\ndomains = {}", list(count, |n| format!("d{n}.b"))))]);
    assert_said(&domains(8), "");
    assert_said(&domains(9), "c:6:1: 9 domains, but a board takes at most 8");
    let listen = |count| {
        let sockets = list(count, |n| format!("udp:506{n}"));
        changed(&[("media =", &format!("listen = {sockets}\nmedia ="))])
    };
    assert_said(&listen(4), "");
    assert_said(&listen(5), "c:12:1: 5 sockets to listen on, but a board takes at most 4");
    let long = |n| {
        let user = "x".repeat(128);
        format!("[[target]]\nname = \"t{n}\"\ntrunk = \"zendesk\"\nuri = \"sip:{user}@b\"\n")
    };
    assert_said(&with(29, long), "");
    assert_said(
        &with(30, long),
        "c:1:1: 4172 bytes of names, URIs and numbers, but a board takes at most 4096",
    );
}
