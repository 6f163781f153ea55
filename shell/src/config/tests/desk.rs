//! Desks, and what lines want of them.

use core::time::Duration;

use crate::config::{Loaded, parse};
use crate::desk::{Credentials, Kind, Missing, Part};
use crate::store::{Keeping, Setting};

fn file(line: &str, more: &str) -> String {
    format!(
        r#"
[node]
name = "n"

[[interface]]
name    = "loopback"
address = "127.0.0.1"
listen  = ["udp:5060"]

[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["127.0.0.1"]
media      = ["127.0.0.1"]

[[trunk]]
name       = "phones"
kind       = "phones"
signalling = ["127.0.0.2"]
media      = ["127.0.0.2"]

[[target]]
name  = "desk-201"
trunk = "phones"
uri   = "sip:201@127.0.0.2"

[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{{ targets = ["desk-201"] }}]
{line}
{more}
"#
    )
}

fn loads(line: &str, more: &str) -> Loaded {
    parse("test.toml", &file(line, more)).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn mistakes(line: &str, more: &str) -> String {
    parse("test.toml", &file(line, more)).expect_err("a mistake").to_string()
}

const ZENDESK: &str = r#"
[[desk]]
name          = "acme"
kind          = "zendesk"
subdomain     = "acme"
client_id     = "warmline"
client_secret = "secret"
budget        = "500ms"
tags          = ["warmline"]
group         = "Everybody"
brand         = "Acme"
"#;

#[test]
fn a_line_has_what_its_desk_has_and_more() {
    let line =
        "[line.ticket]\ndesk = \"acme\"\ngroup = \"Support\"\npriority = \"high\"\ntags = [\"night\"]\n";
    let loaded = loads(line, ZENDESK);
    let ticket = loaded.ticket(0).expect("it wants tickets");
    assert_eq!(
        (&*ticket.desk, ticket.budget, ticket.missing),
        ("acme", Duration::from_millis(500), Missing::Create)
    );
    assert_eq!(ticket.tags, ["warmline", "night"]);
    let parts: Vec<_> = ticket.parts.iter().map(Part::to_string).collect();
    assert_eq!(
        parts,
        [
            "group \"Support\" (test.toml:34:9)",
            "priority \"high\" (test.toml:35:12)",
            "brand \"Acme\" (test.toml:48:17)"
        ]
    );
    let [desk] = loaded.desks() else { panic!("{:?}", loaded.desks()) };
    let Kind::Zendesk(account) = &desk.kind else { panic!("{desk:?}") };
    assert_eq!((&*account.base, account.adopt), ("https://acme.zendesk.com", Duration::from_secs(600)));
    assert!(!format!("{loaded:?}").contains("secret\""), "secrets are shown to nobody");
}

#[test]
fn a_desk_is_local_where_nothing_is_said() {
    let loaded = loads("[line.ticket]\ndesk = \"here\"\nmissing = \"pass\"\n", "[[desk]]\nname = \"here\"\n");
    assert_eq!(loaded.desks()[0].kind, Kind::Local);
    assert_eq!(loaded.ticket(0).expect("it has a desk").missing, Missing::Pass);
    assert_eq!(loads("ticket = \"pass\"\n", "").ticket(0), None);
}

#[test]
fn fields_are_whatever_the_account_has() {
    let line = "[line.ticket]\ndesk = \"acme\"\ntype = \"task\"\nfields = { 27642 = \"745\", 27643 = true, 27644 = 5 }\n";
    let parts: Vec<_> =
        loads(line, ZENDESK).ticket(0).expect("it wants tickets").parts.iter().map(Part::to_string).collect();
    assert_eq!(parts[..2], ["type \"task\" (test.toml:34:8)", "field 27642 = \"745\" (test.toml:35:12)"]);
    assert_eq!(parts[2..4], ["field 27643 = true (test.toml:35:27)", "field 27644 = 5 (test.toml:35:41)"]);
    for (wrong, said) in [
        ("fields = { colour = \"red\" }", "\"colour\" is no number of a field"),
        ("fields = { 27642 = 1.5 }", "\"fields\" is a float, where a string"),
        ("fields = 7", "\"fields\" is an integer, where a table is expected"),
        ("type = \"call\"", "unknown type \"call\""),
        ("form = \"\"", "\"\" is no name"),
    ] {
        let found = mistakes(&format!("[line.ticket]\ndesk = \"acme\"\n{wrong}\n"), ZENDESK);
        assert!(found.contains(said), "{found}\n{said}");
    }
    let found = mistakes("[line.ticket]\ndesk = \"here\"\nform = \"Phone\"\n", "[[desk]]\nname = \"here\"\n");
    assert!(found.contains("\"form\" is for desks of kind = \"zendesk\""), "{found}");
}

#[test]
fn an_api_token_does_as_long_as_there_are_any() {
    let client = "client_id     = \"warmline\"\nclient_secret = \"secret\"";
    let token = |lines: &str| ZENDESK.replace(client, lines);
    let loaded = loads("", &token("email = \"ann@acme.example\"\ntoken = \"secret\""));
    let Kind::Zendesk(account) = &loaded.desks()[0].kind else { panic!("{:?}", loaded.desks()) };
    let expected = Credentials::Token { email: "ann@acme.example".into(), token: "secret".into() };
    assert!(account.credentials == expected);
    assert!(!format!("{loaded:?}").contains("secret\""), "secrets are shown to nobody");
    for (lines, said) in [
        ("email = \"ann@acme.example\"", "missing key \"token\""),
        ("token = \"secret\"", "missing key \"email\""),
        ("email = \"ann\"\ntoken = \"secret\"", "\"ann\" is no address of mail"),
        ("client_id = \"x\"\ntoken = \"secret\"", "stand in for"),
    ] {
        let found = mistakes("", &token(lines));
        assert!(found.contains(said), "{found}\n{said}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (line, more, expected) in [
        (
            "[line.ticket]\ndesk = \"acmee\"\n",
            ZENDESK,
            "test.toml:33:8: unknown desk \"acmee\"; did you mean \"acme\"?",
        ),
        ("[line.ticket]\n", ZENDESK, "missing key \"desk\" in [line.ticket]"),
        ("[line.ticket]\ndesk = \"acme\"\npriority = \"hi\"\n", ZENDESK, "unknown priority \"hi\""),
        ("ticket = \"create\"\n", ZENDESK, "unknown ticket \"create\""),
        (
            "",
            "[[desk]]\nname = \"a\"\nclient_id = \"x\"\n",
            "\"client_id\" is for desks of kind = \"zendesk\"",
        ),
        ("", "[[desk]]\nname = \"a\"\ntags = [\"two words\"]\n", "is no tag"),
        ("", "[[desk]]\nname = \"a\"\nbudget = \"11s\"\n", "\"11s\" is not from 100ms to 10s"),
        ("", "[[desk]]\nname = \"a\"\nkind = \"zendesk\"\n", "missing key \"subdomain\""),
        ("", "[store]\nurl = \"mysql://x\"\n", "the store's url is to be like"),
        ("", "[store]\nkeep = \"1h\"\n", "\"1h\" is not from 1day to"),
        ("", "[store]\nkeep = \"forever\"\n", "\"forever\" is no length of time"),
        ("", "[store]\nlease = \"1h\"\n", "\"1h\" is not from 1s to 10m"),
        ("", "[store]\nlives = \"x\"\n", "unknown key \"lives\" in [store]; did you mean \"live\"?"),
    ] {
        let found = mistakes(line, more);
        assert!(found.contains(expected), "{found}\n{expected}");
    }
    for (url, expected) in [
        ("http://acme.zendesk.com", "unprotected"),
        ("acme.zendesk.com", "is no URL of a server"),
        ("https://acme.zendesk.com/?x", "is no URL of a server"),
    ] {
        let more = ZENDESK.replace("subdomain     = \"acme\"", &format!("base_url = \"{url}\""));
        let found = mistakes("", &more);
        assert!(found.contains(expected), "{found}");
    }
    let more = ZENDESK.replace("subdomain     = \"acme\"", "base_url = \"http://127.0.0.1:9000/\"");
    let loaded = loads("", &more);
    assert!(
        matches!(&loaded.desks()[0].kind, Kind::Zendesk(account) if account.base == "http://127.0.0.1:9000")
    );
}

#[test]
fn a_store_lies_beside_the_file() {
    let text = file("", "[store]\nurl = \"sqlite:w.db\"\n");
    let loaded = parse("/etc/warmline/warmline.toml", &text).expect("no mistakes");
    assert_eq!(loaded.store(), Some(&Setting::Sqlite("/etc/warmline/w.db".into())));
    assert_eq!(loads("", "").store(), None);
    assert_eq!(loads("", "").keeping(), &Keeping::default());
    let text = file("", "[store]\nkeep = \"30d\"\nlease = \"10s\"\nlive = \"/run/warmline/calls\"\n");
    let loaded = parse("/etc/warmline/warmline.toml", &text).expect("no mistakes");
    let secs = Duration::from_secs;
    let keeping = Keeping {
        database: None,
        live: Some("/run/warmline/calls".into()),
        keep: secs(30 * 24 * 3600),
        lease: secs(10),
    };
    assert_eq!(loaded.keeping(), &keeping);
}
