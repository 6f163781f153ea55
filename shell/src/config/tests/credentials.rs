//! Trunks' credentials, and that nothing that is shown has their secrets.

use super::mistakes::{PLAIN, assert_said};
use crate::config::{Loaded, parse};

const TRUNK: &str = "kind = \"zendesk\"\ninterface = \"public\"";

fn with(credentials: &str) -> Loaded {
    let text = PLAIN.replace(TRUNK, &format!("{TRUNK}\ncredentials = {credentials}"));
    parse("config.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// User, realm and secret of the first trunk.
fn said(loaded: &Loaded) -> [String; 3] {
    let config = loaded.lend();
    let credentials = config.trunks[0].credentials.unwrap();
    [credentials.user, credentials.realm, credentials.secret]
        .map(|span| str::from_utf8(config.text(span)).unwrap().to_owned())
}

#[test]
fn they_are_as_written() {
    let loaded = with(r#"{ username = "201", password = "4711 ä", realm = "pbx one" }"#);
    assert_eq!(said(&loaded), ["201", "pbx one", "4711 ä"]);
    assert!(loaded.lend().trunks[1].credentials.is_none());
    let shown = format!("{loaded:?} {:?}", loaded.lend());
    let bytes = format!("{:?}", "4711".as_bytes());
    assert!(!shown.contains("4711") && !shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
}

#[test]
fn a_secret_may_be_in_the_environment() {
    // Cargo sets it for every test.
    let loaded = with(r#"{ username = "201", password = { env = "CARGO_PKG_NAME" } }"#);
    assert_eq!(said(&loaded), ["201", "", "warmline"]);
}

#[test]
fn they_may_be_a_section() {
    let text =
        PLAIN.replace(TRUNK, &format!("{TRUNK}\n[trunk.credentials]\nusername = \"201\"\npassword = \"x\""));
    assert_eq!(said(&parse("config.toml", &text).unwrap()), ["201", "", "x"]);
}

#[test]
fn mistakes_in_full() {
    let at = |credentials: &str| format!("{TRUNK}\ncredentials = {credentials}");
    let cases = [
        ("3", r#"config.toml:18:15: "credentials" is an integer, where a table is expected"#),
        (
            r#"{ user = "a", username = "a", password = "b" }"#,
            r#"config.toml:18:17: unknown key "user" in [trunk.credentials]; known keys are "username", "password" and "realm""#,
        ),
        (r#"{ username = "a" }"#, r#"config.toml:18:15: missing key "password" in [trunk.credentials]"#),
        (r#"{ password = "b" }"#, r#"config.toml:18:15: missing key "username" in [trunk.credentials]"#),
        (
            r#"{ username = "", password = "b" }"#,
            r#"config.toml:18:28: "" is not 1 to 128 bytes without control characters"#,
        ),
        (
            r#"{ username = "a\r\nX: b", password = "b" }"#,
            r#"config.toml:18:28: "a\r\nX: b" is not 1 to 128 bytes without control characters"#,
        ),
        (
            r#"{ username = "a", password = "se\ncret" }"#,
            "config.toml:18:44: the password is to be 1 to 128 bytes without control characters",
        ),
        (
            r#"{ username = "a", password = 5 }"#,
            r#"config.toml:18:44: "password" is an integer, where a string or { env = "NAME" } is expected"#,
        ),
        (
            r#"{ username = "a", password = { file = "x" } }"#,
            "config.toml:18:44: missing key \"env\" in a secret\n\
             config.toml:18:46: unknown key \"file\" in a secret; the only key is \"env\"",
        ),
        (
            r#"{ username = "a", password = { env = "WARMLINE_NOBODY_SETS_THIS" } }"#,
            "config.toml:18:52: the environment variable WARMLINE_NOBODY_SETS_THIS is not set; it is to hold a secret",
        ),
    ];
    let cases = cases.map(|(credentials, expected)| (at(credentials), expected));
    let cases: Vec<_> = cases.iter().map(|(new, expected)| (TRUNK, new.as_str(), *expected)).collect();
    assert_said(&cases);
}
