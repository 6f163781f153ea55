//! Each mistake that a section can have by itself, in full.

use crate::config::parse;

/// A small file without mistakes; each test spoils it.
pub(super) const PLAIN: &str = r#"[node]
name = "edge"
capacity = 100

[[interface]]
name = "public"
address = "203.0.113.10"
listen = ["udp:5060"]
media = "20000-29999"

[limits]
new_calls = "30/s"

[[trunk]]
name = "zendesk"
kind = "zendesk"
interface = "public"

[[trunk]]
name = "ai"
kind = "ai"
interface = "public"
signalling = ["198.51.100.0/24"]
media = "signalled"

[[target]]
name = "support"
trunk = "zendesk"
uri = "sip:support@acme.sip.twilio.com"

[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{ targets = ["support"], for = "30s" }]
"#;

/// What is said when `old` in the plain file is `new` instead.
pub(super) fn said(old: &str, new: &str) -> String {
    assert_eq!(PLAIN.matches(old).count(), 1, "{old:?} is in the plain file once");
    match parse("config.toml", &PLAIN.replace(old, new)) {
        Ok(_) => String::new(),
        Err(mistakes) => mistakes.to_string(),
    }
}

/// Asserts what is said, for many spoilt files.
pub(super) fn assert_said(cases: &[(&str, &str, &str)]) {
    let wrong: Vec<_> = cases
        .iter()
        .map(|&(old, new, expected)| (new, said(old, new), expected))
        .filter(|(_, said, expected)| said != expected)
        .map(|(new, said, expected)| format!("for {new:?}\n  said     {said}\n  expected {expected}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_plain_file_has_none() {
    assert_eq!(said("edge", "edge-1"), "");
}

#[test]
fn what_is_no_toml_is_told_at_once() {
    assert_said(&[
        (
            r#"kind = "ai""#,
            "kind = ai",
            "config.toml:21:8: string values must be quoted, expected literal string",
        ),
        ("[limits]", "[limits", "config.toml:11:8: unclosed table, expected `]`"),
        (
            r#"kind = "ai""#,
            r#"kind = "ai"
kind = "ai""#,
            "config.toml:22:1: duplicate key",
        ),
        ("[limits]", "[node]", "config.toml:11:2: duplicate key"),
        (
            r#"name = "edge"
"#,
            "name = 
",
            "config.toml:2:8: string values must be quoted, expected literal string",
        ),
    ]);
}

#[test]
fn unknown_sections() {
    assert_said(&[
        ("[limits]", "[limit]", r#"config.toml:11:2: unknown section "limit"; did you mean "limits"?"#),
        (
            "[limits]",
            "[web]",
            r#"config.toml:11:2: unknown section "web"; known sections are "node", "interface", "media", "limits", "trunk", "target", "schedule", "line", "recording", "dns", "appliance", "store", "desk", "platform" and "webhook""#,
        ),
        (
            "[limits]",
            r#"["a\nb"]"#,
            r#"config.toml:11:2: unknown section "a\nb"; known sections are "node", "interface", "media", "limits", "trunk", "target", "schedule", "line", "recording", "dns", "appliance", "store", "desk", "platform" and "webhook""#,
        ),
    ]);
}

#[test]
fn unknown_keys() {
    assert_said(&[
        (
            r#"name = "edge""#,
            r#"nmae = "edge""#,
            r#"config.toml:2:1: unknown key "nmae" in [node]; did you mean "name"?"#,
        ),
        (
            r#"kind = "ai""#,
            r#"kind = "ai"
dtls = "off""#,
            r#"config.toml:22:1: unknown key "dtls" in [[trunk]]; known keys are "name", "kind", "interface", "transport", "signalling", "media", "learn", "srtp", "keys_in_clear", "max_calls", "max_calls_in", "max_calls_out", "max_rate", "max_rate_in", "ping", "credentials", "register", "user", "caller", "anonymous", "caller_header", "trust_identity", "headers", "ca", "certificate" and "return_to""#,
        ),
        (
            "listen = [",
            r#"certificat = "sbc.pem"
listen = ["#,
            r#"config.toml:8:1: unknown key "certificat" in [[interface]]; did you mean "certificate"?"#,
        ),
        (
            "new_calls",
            "blockd = []
new_calls",
            r#"config.toml:12:1: unknown key "blockd" in [limits]; did you mean "blocked"?"#,
        ),
        (
            "new_calls",
            "blocked = [\"+8270*\", \"anonymous\", \"0701\"]
new_calls",
            r#"config.toml:12:35: "0701" is nobody who calls; write a number like "+827012345678", what numbers begin with like "+8270*", or "anonymous""#,
        ),
        (
            "[limits]",
            r#"[media]
threads = 2
[limits]"#,
            r#"config.toml:12:1: unknown key "threads" in [media]; known keys are "workers", "backend", "spin" and "silence""#,
        ),
        (
            "uri =",
            r#"weight = 3
uri ="#,
            r#"config.toml:29:1: unknown key "weight" in [[target]]; known keys are "name", "trunk", "uri", "answers" and "settle""#,
        ),
        (
            "dial =",
            r#"weight = 3
dial ="#,
            r#"config.toml:33:1: unknown key "weight" in [[line]]; known keys are "name", "dial", "from", "ring", "greeting", "music", "record", "consent", "answer", "max_wait", "max_waiting", "repeat", "unanswered", "key", "voicemail", "when" and "ticket""#,
        ),
        (
            "for =",
            r#"weight = 3, for ="#,
            r#"config.toml:35:34: unknown key "weight" in a step of "ring"; known keys are "targets", "mode", "for", "accept" and "whisper""#,
        ),
        (
            "for =",
            "fro =",
            r#"config.toml:35:34: unknown key "fro" in a step of "ring"; did you mean "for"?"#,
        ),
    ]);
}

#[test]
fn missing_keys() {
    assert_said(&[
        (
            r#"address = "203.0.113.10"
"#,
            "",
            r#"config.toml:5:1: missing key "address" in [[interface]]"#,
        ),
        (
            r#"name = "public"
"#,
            "",
            r#"config.toml:5:1: missing key "name" in [[interface]]"#,
        ),
        (
            r#"kind = "ai"
"#,
            "",
            r#"config.toml:19:1: missing key "kind" in [[trunk]]"#,
        ),
        (
            r#"signalling = ["198.51.100.0/24"]
"#,
            "",
            r#"config.toml:19:1: missing key "signalling" in [[trunk]]"#,
        ),
        (
            r#"trunk = "zendesk"
"#,
            "",
            r#"config.toml:26:1: missing key "trunk" in [[target]]"#,
        ),
        (
            r#"uri = "sip:support@acme.sip.twilio.com"
"#,
            "",
            r#"config.toml:26:1: missing key "uri" in [[target]]"#,
        ),
        (
            r#"dial = ["support"]
"#,
            "",
            r#"config.toml:31:1: missing key "dial" in [[line]]"#,
        ),
        (
            r#"from = ["ai"]
"#,
            "",
            r#"config.toml:31:1: missing key "from" in [[line]]"#,
        ),
        (
            r#"ring = [{ targets = ["support"], for = "30s" }]
"#,
            "",
            r#"config.toml:31:1: missing key "ring" in [[line]]"#,
        ),
        (r#"targets = ["support"], "#, "", r#"config.toml:35:9: missing key "targets" in a step of "ring""#),
    ]);
}

#[test]
fn wrong_types() {
    assert_said(&[
        (
            r#"name = "edge""#,
            "name = 1",
            r#"config.toml:2:8: "name" is an integer, where a string is expected"#,
        ),
        (
            "capacity = 100",
            r#"capacity = "100""#,
            r#"config.toml:3:12: "capacity" is a string, where an integer is expected"#,
        ),
        (
            r#"listen = ["udp:5060"]"#,
            r#"listen = "udp:5060""#,
            r#"config.toml:8:10: "listen" is a string, where a list is expected"#,
        ),
        (
            r#"listen = ["udp:5060"]"#,
            "listen = [5060]",
            r#"config.toml:8:11: "listen" is an integer, where a string is expected"#,
        ),
        (
            r#"media = "signalled""#,
            "media = true",
            r#"config.toml:24:9: "media" is a boolean, where a list is expected"#,
        ),
        (
            r#"ring = [{ targets = ["support"], for = "30s" }]"#,
            r#"ring = ["support"]"#,
            r#"config.toml:35:9: "ring" is a string, where a table is expected"#,
        ),
        (
            r#"for = "30s""#,
            "for = 30.5",
            r#"config.toml:35:40: "for" is a float, where a string is expected"#,
        ),
        (
            "[node]",
            "media = 2026-01-01
[node]",
            r#"config.toml:1:9: "media" is a date, where a table is expected"#,
        ),
        ("[node]", "[[node]]", r#"config.toml:1:1: "node" is a single table: write [node]"#),
        (
            "[[interface]]",
            "[interface]",
            r#"config.toml:5:1: "interface" is a list of tables: write [[interface]]"#,
        ),
    ]);
}

#[test]
fn empty_lists() {
    assert_said(&[
        (r#"listen = ["udp:5060"]"#, "listen = []", r#"config.toml:8:10: "listen" is empty"#),
        (
            r#"signalling = ["198.51.100.0/24"]"#,
            "signalling = []",
            r#"config.toml:23:14: "signalling" is empty"#,
        ),
        (r#"media = "signalled""#, "media = []", r#"config.toml:24:9: "media" is empty"#),
        (r#"dial = ["support"]"#, "dial = []", r#"config.toml:33:8: "dial" is empty"#),
        (r#"from = ["ai"]"#, "from = []", r#"config.toml:34:8: "from" is empty"#),
        (
            r#"ring = [{ targets = ["support"], for = "30s" }]"#,
            "ring = []",
            r#"config.toml:35:8: "ring" is empty"#,
        ),
        (r#"targets = ["support"]"#, "targets = []", r#"config.toml:35:21: "targets" is empty"#),
    ]);
}
