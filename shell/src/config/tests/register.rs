//! Where we register, and who registers with us.

use super::mistakes::{PLAIN, assert_said};
use crate::config::{Loaded, parse};

const TRUNK: &str = "kind = \"zendesk\"\ninterface = \"public\"";

fn with(lines: &str) -> Loaded {
    let text = PLAIN.replace(TRUNK, &format!("{TRUNK}\n{lines}"));
    parse("config.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn a_registrar_is_a_place_without_a_name() {
    let loaded =
        with(r#"register = { uri = "sip:carrier.example.net:5070", username = "w:l", password = "4711" }"#);
    let config = loaded.lend();
    let text = |span| str::from_utf8(config.text(span)).unwrap();
    let registrar = config.trunks[0].registration.unwrap();
    assert_eq!(text(registrar.aor), "sip:w%3Al@carrier.example.net");
    let place = config.target(registrar.target).unwrap();
    assert_eq!((text(place.name), text(place.uri)), ("", "sip:carrier.example.net:5070"));
    assert_eq!((text(place.host), place.port, place.trunk.0), ("carrier.example.net", Some(5070), 0));
    let login = config.trunks[0].credentials.unwrap();
    assert_eq!((text(login.user), text(login.secret)), ("w:l", "4711"));
    assert!(config.trunks[1].registration.is_none());
}

#[test]
fn a_trunk_may_have_users() {
    let loaded = with(
        "[[trunk.user]]\nusername = \"201\"\npassword = \"a\"\n[[trunk.user]]\nusername = \"202\"\npassword = \"b\"",
    );
    let config = loaded.lend();
    let users = config.users(&config.trunks[0]);
    let said: Vec<_> = users.iter().map(|user| (config.text(user.name), config.text(user.secret))).collect();
    assert_eq!(said, [(&b"201"[..], &b"a"[..]), (b"202", b"b")]);
    assert!(config.users(&config.trunks[1]).is_empty());
}

#[test]
fn mistakes_in_full() {
    let cases = [
        (
            r#"register = { uri = "sip:a@b.example", username = "a", password = "b" }"#,
            r#"config.toml:18:20: "sip:a@b.example": a registrar's URI has no user; the user is "username""#,
        ),
        (
            r#"register = { username = "a", password = "b" }"#,
            r#"config.toml:18:12: missing key "uri" in [trunk.register]"#,
        ),
        (
            r#"register = { uri = "sip:b.example", username = "a", password = "b", user = "a" }"#,
            r#"config.toml:18:69: unknown key "user" in [trunk.register]; known keys are "uri", "username", "password" and "realm""#,
        ),
        (
            "credentials = { username = \"a\", password = \"b\" }\nregister = { uri = \"sip:b.example\", username = \"a\", password = \"b\" }",
            r#"config.toml:19:12: "register" names the user and the password; leave "credentials" out"#,
        ),
        (
            "[[trunk.user]]\nusername = \"a\"\npassword = \"b\"\n[[trunk.user]]\nusername = \"a\"\npassword = \"c\"",
            r#"config.toml:21:1: user "a" is there twice"#,
        ),
    ];
    let cases = cases.map(|(lines, said)| (format!("{TRUNK}\n{lines}"), said.to_owned()));
    let cases: Vec<_> = cases.iter().map(|(new, said)| (TRUNK, new.as_str(), said.as_str())).collect();
    assert_said(&cases);
}
