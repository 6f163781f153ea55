//! What `warmline check` says of a file without mistakes.

use std::process::Command;

const FILE: &str = r#"
[node]
name     = "edge"
capacity = 100

[[interface]]
name    = "public"
address = "127.0.0.1"
listen  = ["udp:5060"]
media   = "20000-29999"

[limits]
blocked = ["+8270*", "anonymous"]

[[trunk]]
name       = "ai"
kind       = "ai"
interface  = "public"
signalling = ["127.0.0.2"]
media      = ["127.0.0.2"]

[[trunk]]
name       = "carrier"
kind       = "carrier"
interface  = "public"
signalling = ["127.0.0.3"]
media      = ["127.0.0.3"]
register   = { uri = "sip:127.0.0.3", username = "warmline", password = "secret" }

[[target]]
name  = "mobile"
trunk = "carrier"
uri   = "sip:+821055550100@127.0.0.3"

[[line]]
name   = "support"
dial   = ["support"]
from   = ["ai"]
answer = "at-once"
ring   = [{ targets = ["mobile"], for = "20s" }]

  [line.ticket]
  desk  = "here"
  group = "Support"
  tags  = ["night"]

[[desk]]
name = "here"

[recording]
directory = "."

[platform]
address = "127.0.0.1:8443"

  [[platform.token]]
  trunk = "ai"
  token = "the-agent-s-platform-is-known-by-this"
  desk  = "here"

[[webhook]]
url    = "https://ai.example.com/events?key=hidden"
secret = "whsec_d2hhdCBzaWducyBpcyBrbm93biB0byB0d28gb25seS4="
"#;

/// What the command says of the file, where it is sound.
fn check(more: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("warmline.toml"), FILE).expect("a file can be written");
    let said = Command::new(env!("CARGO_BIN_EXE_warmline"))
        .arg("check")
        .args(more)
        .current_dir(folder.path())
        .output()
        .expect("the program runs");
    assert!(said.status.success(), "{said:?}");
    String::from_utf8(said.stdout).expect("text")
}

#[test]
fn each_section_is_shown() {
    let said = check(&[]);
    for line in [
        "blocked: +8270* anonymous",
        "registrar of trunk \"carrier\": sip:127.0.0.3",
        "target \"mobile\": sip:+821055550100@127.0.0.3 through carrier",
        "recording: to . as mu-law",
        "platform: plain HTTP at 127.0.0.1:8443, 20/s each for trunk \"ai\" (solved calls to desk \"here\")",
        "webhook https://ai.example.com/events: handover.* call.ended",
    ] {
        assert!(said.lines().any(|known| known == line), "{line}: {said}");
    }
    let ticket = "; tickets at desk \"here\", made where a call brings none, group \"Support\", tags night\n";
    assert!(said.contains(ticket), "{said}");
    for secret in ["hidden", "whsec", "known-by-this"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}

#[test]
fn what_is_hardly_meant_comes_first() {
    let said = check(&[]);
    let lines: Vec<_> = said.lines().take(2).collect();
    assert_eq!(lines[0], "warmline.toml: no mistakes");
    assert!(
        lines[1].starts_with("warmline.toml:39:10: callers from trunk \"ai\" are answered at once"),
        "{said}"
    );
}

#[test]
fn a_line_without_hours_is_always_open() {
    assert_eq!(check(&["--at", "2026-12-25 10:00"]), "support: always open: rings mobile for 20 s\n");
    let zoned = check(&["--at", "2026-12-25 10:00", "--zone", "Europe/Berlin"]);
    assert_eq!(zoned, "support: always open: rings mobile for 20 s\n");
}
