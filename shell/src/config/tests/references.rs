//! Mistakes that lie between sections, in full.

use proptest::prelude::*;

use super::mistakes::{PLAIN, assert_said, said};
use crate::config::parse;

#[test]
fn unknown_names() {
    assert_said(&[
        (
            r#"trunk = "zendesk""#,
            r#"trunk = "zendsk""#,
            r#"config.toml:28:9: unknown trunk "zendsk"; did you mean "zendesk"?"#,
        ),
        (
            r#"trunk = "zendesk""#,
            r#"trunk = "office""#,
            r#"config.toml:28:9: unknown trunk "office"; known trunks are "zendesk" and "ai""#,
        ),
        (
            r#"from = ["ai"]"#,
            r#"from = ["ia"]"#,
            r#"config.toml:34:9: unknown trunk "ia"; did you mean "ai"?"#,
        ),
        (
            r#"targets = ["support"]"#,
            r#"targets = ["supprt"]"#,
            r#"config.toml:35:22: unknown target "supprt"; did you mean "support"?"#,
        ),
        (
            r#"kind = "ai"
interface = "public""#,
            r#"kind = "ai"
interface = "pubic""#,
            r#"config.toml:22:13: unknown interface "pubic"; did you mean "public"?"#,
        ),
        (
            r#"kind = "ai"
interface = "public""#,
            r#"kind = "ai"
interface = "office""#,
            r#"config.toml:22:13: unknown interface "office"; the only interface is "public""#,
        ),
        (
            r#"[[target]]
name = "support"
trunk = "zendesk"
uri = "sip:support@acme.sip.twilio.com"
"#,
            "",
            r#"config.toml:31:22: unknown target "support"; there is no [[target]]"#,
        ),
    ]);
}

#[test]
fn names_that_are_taken() {
    assert_said(&[
        (
            "[limits]",
            r#"[[interface]]
name = "public"
address = "10.0.0.1"
media = "30000-30999"
[limits]"#,
            r#"config.toml:12:8: interface "public" is defined already, at config.toml:6:8"#,
        ),
        (
            r#"name = "ai""#,
            r#"name = "zendesk""#,
            r#"config.toml:20:8: trunk "zendesk" is defined already, at config.toml:15:8"#,
        ),
        (
            "[[line]]",
            r#"[[target]]
name = "support"
trunk = "ai"
uri = "sip:ai.example.com"
[[line]]"#,
            r#"config.toml:32:8: target "support" is defined already, at config.toml:27:8"#,
        ),
        (
            "[[line]]",
            r#"[[line]]
name = "support"
dial = ["other"]
from = ["ai"]
ring = [{ targets = ["support"] }]
[[line]]"#,
            r#"config.toml:37:8: line "support" is defined already, at config.toml:32:8"#,
        ),
    ]);
}

#[test]
fn interfaces_side_by_side() {
    assert_said(&[
        (
            "[limits]",
            r#"[[interface]]
name = "office"
address = "10.0.0.1"
media = "29998-30999"
[limits]"#,
            "config.toml:14:9: media ports 29998-30999 overlap another interface's, at config.toml:9:9",
        ),
        (
            "[limits]",
            r#"[[interface]]
name = "office"
address = "10.0.0.1"
[limits]"#,
            "config.toml:11:1: media ports 20000-29999 overlap another interface's, at config.toml:9:9",
        ),
        (
            "[limits]",
            r#"[[interface]]
name = "office"
address = "203.0.113.10"
media = "30000-30999"
[limits]"#,
            "config.toml:11:1: port 5060 is listened on already at this address, at config.toml:8:11",
        ),
        (
            r#""udp:5060""#,
            r#""udp:20010""#,
            "config.toml:8:11: port 20010 is among the media ports at config.toml:9:9",
        ),
        (
            r#""20000-29999""#,
            r#""20000-20397""#,
            "config.toml:3:12: 100 calls at once need 200 pairs of media ports, two a call; the interfaces have 199",
        ),
        (
            r#"kind = "ai"
interface = "public""#,
            r#"kind = "ai"
[[interface]]
name = "office"
address = "10.0.0.1"
media = "30000-30999"
[[trunk]]
name = "c"
kind = "carrier""#,
            r#"config.toml:19:1: missing key "interface" in [[trunk]]
config.toml:19:1: missing key "signalling" in [[trunk]]
config.toml:26:1: missing key "interface" in [[trunk]]"#,
        ),
    ]);
}

/// Two trunks may have the same addresses, where something tells them apart.
#[test]
fn sources_that_belong_to_two_trunks() {
    let carrier = |more: &str| {
        format!(
            "[[trunk]]\nname = \"carrier\"\nkind = \"carrier\"\nsignalling = [\"192.0.2.0/28\", \"198.51.100.128/25\"]\n{more}\n\
             [[line]]\nname = \"other\"\n"
        )
    };
    let line = "dial = [\"other\"]\nfrom = [\"carrier\"]\nring = [{ targets = [\"support\"] }]\n[[target]]";
    let both = "dial = [\"support\"]\nfrom = [\"carrier\"]\nring = [{ targets = [\"support\"] }]\n[[target]]";
    let user = "  [[trunk.user]]\n  username = \"201\"\n  password = \"secret\"\n";
    let (fine, twice) = (carrier("") + line, carrier("") + both);
    let (user, certificate) = (carrier(user) + both, carrier("certificate = \"carrier.example.net\"") + line);
    let again = |place: &str| {
        format!(
            "config.toml:{place}: \"support\" is dialled from trunk \"ai\" and from \"carrier\", which speak from the same \
             addresses: nothing tells them apart; take one of them out of \"from\", or give both a [[trunk.user]]"
        )
    };
    assert_said(&[
        // Zendesk never calls.
        (r#""198.51.100.0/24""#, r#""198.51.100.0/24", "54.172.60.2""#, ""),
        (r#""198.51.100.0/24""#, r#""198.51.100.0/24", "198.51.100.7", "::ffff:198.51.100.8""#, ""),
        ("[[target]]", "[[trunk]]\nname = \"other\"\nkind = \"zendesk\"\n[[target]]", ""),
        ("[[target]]", &fine, ""),
        ("[[target]]", &twice, &again("43:9")),
        ("[[target]]", &user, &again("46:9")),
    ]);
    let own = "signalling = [\"198.51.100.0/24\"]\n[[trunk.user]]\nusername = \"201\"\npassword = \"x\"\n";
    let text =
        PLAIN.replace("media = \"signalled\"\n", "").replace("signalling = [\"198.51.100.0/24\"]", own);
    let same = parse("f", &text.replace("[[target]]", &user)).unwrap_err().to_string();
    assert!(same.contains("\"carrier\" has the user \"201\" as well as trunk \"ai\""), "{same}");
    let text = PLAIN.replace("listen =", "certificate = \"a.pem\"\nkey = \"a.key\"\nlisten =");
    let text = text.replace("\"udp:5060\"", "\"udp:5060\", \"tls:5061\"").replace("[[target]]", &certificate);
    let unproven = parse("f", &text).unwrap_err().to_string();
    assert!(unproven.contains("nothing tells them apart before a connection is there"), "{unproven}");
}

#[test]
fn targets_that_cannot_be_rung() {
    assert_said(&[
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""sip:support@198.51.100.7""#,
            r#"config.toml:29:7: 198.51.100.7 is in no signalling range of trunk "zendesk""#,
        ),
        (
            r#""sip:support@acme.sip.twilio.com""#,
            r#""sip:support@203.0.113.10""#,
            "config.toml:29:7: 203.0.113.10 is Warmline itself",
        ),
        (
            "capacity = 100",
            r#"capacity = 100
domains = ["ACME.sip.twilio.com"]"#,
            "config.toml:30:7: acme.sip.twilio.com is Warmline itself",
        ),
    ]);
}

#[test]
fn lines_that_cannot_be_dialled() {
    assert_said(&[
        (
            r#"from = ["ai"]"#,
            r#"from = ["zendesk"]"#,
            r#"config.toml:34:9: trunk "zendesk" is of kind zendesk, which never starts calls"#,
        ),
        (
            "[[line]]",
            r#"[[line]]
name = "overflow"
dial = ["+8225550199", "support"]
from = ["ai"]
ring = [{ targets = ["support"] }]
[[line]]"#,
            r#"config.toml:38:9: "support" from trunk "ai" means line "overflow" already, at config.toml:33:24"#,
        ),
    ]);
}

#[test]
fn one_mistake_hides_no_other() {
    assert_said(&[
        (
            r#"name = "ai"
kind = "ai"
interface = "public""#,
            r#"name = "ia"
kind = "ai"
dtls = "off""#,
            r#"config.toml:22:1: unknown key "dtls" in [[trunk]]; known keys are "name", "kind", "interface", "transport", "signalling", "media", "learn", "srtp", "keys_in_clear", "max_calls", "max_calls_in", "max_calls_out", "max_rate", "max_rate_in", "ping", "credentials", "register", "user", "caller", "anonymous", "caller_header", "trust_identity", "headers", "ca", "certificate" and "return_to"
config.toml:34:9: unknown trunk "ai"; did you mean "ia"?"#,
        ),
        (
            "capacity = 100",
            r#"capacty = 100
country = "+82"
domains = [1]"#,
            r#"config.toml:3:1: unknown key "capacty" in [node]; did you mean "capacity"?
config.toml:4:11: "+82" is no country code; write its digits alone, like "82"
config.toml:5:12: "domains" is an integer, where a string is expected"#,
        ),
    ]);
}

#[test]
fn sections_that_are_needed() {
    let said = parse("config.toml", "").unwrap_err().to_string();
    let expected = [
        "config.toml:1:1: there is no [[interface]]: say at which address Warmline stands",
        "config.toml:1:1: there is no [[line]]: nothing could be dialled",
        "config.toml:1:1: there is no [[trunk]]: nobody could call",
    ];
    assert_eq!(said, expected.join("\n"));
}

#[test]
fn exactly_enough_ports_are_enough() {
    assert_eq!(said("20000-29999", "20000-20399"), "");
}

/// A file with a trunk for each list of prefixes in 10.0.0.0/27.
fn trunks(prefixes: &[Vec<(u8, u8)>]) -> String {
    let mut text = "[[interface]]\nname = \"lan\"\naddress = \"10.9.9.9\"\n".to_owned();
    for (number, prefixes) in prefixes.iter().enumerate() {
        let prefixes: Vec<_> =
            prefixes.iter().map(|(host, length)| format!("\"10.0.0.{host}/{length}\"")).collect();
        let prefixes = prefixes.join(", ");
        text += &format!("[[trunk]]\nname = \"t{number}\"\nkind = \"ai\"\nmedia = [\"10.0.0.0/8\"]\n");
        text += &format!("signalling = [{prefixes}]\n");
    }
    let from: Vec<_> = (0..prefixes.len()).map(|number| format!("\"t{number}\"")).collect();
    let line = format!("dial = [\"l\"]\nfrom = [{}]\nring = [{{ targets = [\"t\"] }}]\n", from.join(", "));
    text + "[[target]]\nname = \"t\"\ntrunk = \"t0\"\nuri = \"sip:a@b\"\n[[line]]\nname = \"l\"\n" + &line
}

proptest! {
    #[test]
    fn who_cannot_be_told_apart_is_said(
        prefixes in proptest::collection::vec(
            proptest::collection::btree_set((0..32_u8, 29..=32_u8), 1..4), 1..4)
    ) {
        let network = |(host, length): (u8, u8)| (host & (0xff << (32 - length)), length);
        let prefixes: Vec<Vec<_>> = prefixes
            .into_iter()
            .map(|trunk| trunk.into_iter().map(network).collect::<std::collections::BTreeSet<_>>())
            .map(|trunk| trunk.into_iter().collect())
            .collect();
        let owner = |host: u8| {
            let within = |&(first, length): &(u8, u8)| host & (0xff << (32 - length)) == first;
            prefixes.iter().filter(|trunk| trunk.iter().any(within)).count()
        };
        let shared = (0..32).any(|host| owner(host) > 1);
        let said = parse("f", &trunks(&prefixes)).err().map(|mistakes| mistakes.to_string()).unwrap_or_default();
        prop_assert_eq!(!said.is_empty(), shared, "{}", said);
        prop_assert!(said.lines().all(|line| line.contains("which speak from the same addresses")), "{said}");
    }
}
