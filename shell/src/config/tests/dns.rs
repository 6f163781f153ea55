//! Names: ranges that are some, the servers that are asked for them, and targets by name.

use core::net::IpAddr;

use warmline_core::config::{MediaPolicy, Ring, TrunkIndex};
use warmline_core::filter::lookup;
use warmline_core::locate::Place;

use super::mistakes::{PLAIN, assert_said};
use crate::config::{Loaded, NamedRange, Unusable, parse};

fn loaded(text: &str) -> Loaded {
    parse("config.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn with(was: &str, is: &str) -> Loaded {
    assert!(PLAIN.contains(was), "{was}");
    loaded(&PLAIN.replacen(was, is, 1))
}

fn named() -> Loaded {
    let ranges = r#"signalling = ["198.51.100.0/24", "dns:SIP.ai.example.com", "dns:more-sip.example"]
media = ["dns:my-media.example:10000-20000", "198.51.100.0/24", "dns:media.example"]"#;
    with("signalling = [\"198.51.100.0/24\"]\nmedia = \"signalled\"", ranges)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn names_among_ranges_are_found() {
    let loaded = named();
    let named: Vec<_> =
        loaded.named_ranges().iter().map(|named| (named.trunk, named.name.as_str(), named.media)).collect();
    assert_eq!(
        named,
        [
            (1, "sip.ai.example.com", None),
            (1, "more-sip.example", None),
            (1, "my-media.example", Some((10_000, 20_000))),
            (1, "media.example", Some((1, 65_535))),
        ]
    );
    let config = loaded.lend();
    assert_eq!(lookup(config.sources, 0, ip("198.51.100.7")), Some(1));
    assert_eq!(config.media_ranges(&config.trunks[1]).len(), 1);
}

#[test]
fn the_tables_are_made_again_with_what_was_found() {
    let loaded = named();
    let (sip, media) = ([ip("203.0.113.66"), ip("2001:db8::1"), ip("198.51.100.1")], [ip("203.0.113.67")]);
    let found = |named: &NamedRange| match named.name.as_str() {
        "sip.ai.example.com" => &sip[..],
        "my-media.example" => &media[..],
        _ => &[],
    };
    let new = loaded.with_addresses(found).unwrap();
    let config = new.lend();
    assert_eq!(lookup(config.sources, 0, sip[0]), Some(1));
    assert_eq!(lookup(config.sources, 0, sip[1]), None, "the interface has an IPv4 address");
    assert_eq!(lookup(config.sources, 0, ip("198.51.100.7")), Some(1));
    assert_eq!(lookup(config.sources, 0, ip("54.172.60.1")), Some(0));
    assert_eq!(lookup(config.sources, 0, media[0]), None);
    let ranges = config.media_ranges(&config.trunks[1]);
    assert_eq!(ranges.len(), 2);
    assert!(ranges.iter().any(|range| range.prefix.contains(media[0]) && range.ports == (10_000, 20_000)));
    assert_eq!(config.media_ranges(&config.trunks[0]), loaded.lend().media_ranges(&loaded.lend().trunks[0]));
    // And again, from the one that was made.
    let none = new.with_addresses(|_| &[]).unwrap();
    assert_eq!(none.lend().sources, loaded.lend().sources);
    assert_eq!(lookup(none.lend().sources, 0, sip[0]), None);
}

/// As in the file: Zendesk never calls, so that its addresses may be another's.
#[test]
fn an_address_of_another_trunk_is_refused_where_nothing_tells_them_apart() {
    let theirs = [ip("54.172.60.1")];
    let new = named().with_addresses(|_| &theirs).unwrap();
    let config = new.lend();
    for trunk in [TrunkIndex(0), TrunkIndex(1)] {
        assert!(config.speaks_from(trunk, 0, theirs[0]));
    }
    assert!(config.speaks_from(TrunkIndex(0), 0, ip("54.172.60.2")));
    assert!(!config.speaks_from(TrunkIndex(1), 0, ip("54.172.60.2")));
    // What was found before is forgotten, and lines are dialled from where they were.
    let none = new.with_addresses(|_| &[]).unwrap();
    assert!(!none.lend().speaks_from(TrunkIndex(1), 0, theirs[0]));
    assert_eq!((none.lend().callers, none.lend().shared.len()), (named().lend().callers, 0));

    let carrier =
        "[[trunk]]\nname = \"carrier\"\nkind = \"carrier\"\nsignalling = [\"192.0.2.0/28\"]\n[[target]]";
    let both = |from: &str| {
        let text = PLAIN.replacen("\"198.51.100.0/24\"", "\"dns:sip.ai.example.com\"", 1);
        let text = text.replacen("[[target]]", carrier, 1).replacen("from = [\"ai\"]", from, 1);
        let found = [ip("192.0.2.1")];
        loaded(&text).with_addresses(|_| &found)
    };
    assert!(both("from = [\"ai\"]").is_ok());
    let error = both("from = [\"ai\", \"carrier\"]").unwrap_err();
    assert_eq!(error, Unusable::Indistinct("ai".into(), "carrier".into()));
    assert!(error.to_string().ends_with("nothing tells them apart"), "{error}");
}

#[test]
fn media_from_a_name_alone_is_from_nowhere_until_it_is_found() {
    let loaded = with("media = \"signalled\"", "media = [\"dns:media.example\"]");
    let config = loaded.lend();
    assert!(matches!(config.trunks[1].media, MediaPolicy::Ranges(list) if list.len == 0));
    let found = [ip("203.0.113.67")];
    let new = loaded.with_addresses(|_| &found).unwrap();
    let config = new.lend();
    assert!(config.media_ranges(&config.trunks[1])[0].prefix.contains(found[0]));
}

#[test]
fn a_targets_address_may_be_its_trunks_by_name() {
    let text = PLAIN
        .replacen("\"198.51.100.0/24\"", "\"dns:sip.ai.example.com\"", 1)
        .replacen("trunk = \"zendesk\"", "trunk = \"ai\"", 1)
        .replacen("sip:support@acme.sip.twilio.com", "sip:support@192.0.2.1", 1);
    loaded(&text);
}

#[test]
fn servers_to_ask() {
    assert_eq!(loaded(PLAIN).dns_servers(), []);
    let loaded = with("[limits]", "[dns]\nservers = [\"10.0.0.2\", \"[2001:db8::1]:5353\"]\n[limits]");
    assert_eq!(loaded.dns_servers(), ["10.0.0.2:53".parse().unwrap(), "[2001:db8::1]:5353".parse().unwrap()]);
}

#[test]
fn zendesks_regional_names_are_looked_up_and_lead_into_its_ranges() {
    for host in ["acme.sip.twilio.com", "acme.sip.dublin.twilio.com", "acme.sip.us1.twilio.com"] {
        let loaded = with("acme.sip.twilio.com", host);
        let config = loaded.lend();
        let place = Place::of(&config, &config.targets[0]).unwrap();
        assert_eq!((place.host, place.service()), (host.as_bytes(), Some("_sip._udp.")));
        assert!(place.literal().is_none());
        // As published: Virginia, Oregon, Ireland, Frankfurt, Tokyo, Singapore, Sydney, Sao Paulo.
        for address in [
            "54.172.60.3",
            "54.244.51.0",
            "54.171.127.193",
            "35.156.191.129",
            "54.65.63.195",
            "54.169.127.128",
            "54.252.254.66",
            "177.71.206.195",
        ] {
            assert_eq!(lookup(config.sources, 0, ip(address)), Some(0), "{address}");
        }
        let media = config.media_ranges(config.trunk(TrunkIndex(0)).unwrap());
        assert_eq!((media.len(), media[0].ports), (1, (10_000, 60_000)));
        assert!(
            media[0].prefix.contains(ip("168.86.128.0")) && media[0].prefix.contains(ip("168.86.191.255"))
        );
        assert!(!media[0].prefix.contains(ip("168.86.192.0")));
    }
}

#[test]
fn mistakes_with_names() {
    assert_said(&[
        (
            "[limits]",
            "[dns]\nservers = [\"dns.example\"]\n[limits]",
            r#"config.toml:12:12: "dns.example" is no address of a server; write it like "10.0.0.2:53""#,
        ),
        (
            "[limits]",
            "[dns]\nserver = []\n[limits]",
            r#"config.toml:12:1: unknown key "server" in [dns]; did you mean "servers"?"#,
        ),
        (
            "\"198.51.100.0/24\"]\nmedia = \"signalled\"",
            "\"dns:a.example\"]\nmedia = [\"dns:a.example:5\"]",
            r#"config.toml:24:10: "5" is no range of ports; write it like "20000-29999""#,
        ),
        (
            "[[target]]",
            r#"[[trunk]]
name = "carrier"
kind = "carrier"
signalling = ["dns:a.example"]
[[trunk]]
name = "other"
kind = "carrier"
signalling = ["192.0.2.1", "dns:A.Example"]
[[target]]"#,
            r#"config.toml:33:28: dns:A.Example is trunk "carrier"'s already, at config.toml:29:15"#,
        ),
    ]);
}

/// A line's targets may be in several networks.
#[test]
fn a_line_rings_wherever_its_targets_are() {
    let more = r#"[[interface]]
name = "office"
address = "10.0.0.5"
media = "30000-30999"
[[trunk]]
name = "phones"
kind = "phones"
interface = "office"
signalling = ["10.0.0.0/24"]
media = ["10.0.0.0/24"]
[[target]]
name = "201"
trunk = "phones"
uri = "sip:201@10.0.0.9"
[[line]]
name = "both"
dial = ["both"]
from = ["ai"]
ring = [{ targets = ["support", "201"] }]
"#;
    let loaded = loaded(&PLAIN.replacen("[[target]]", &format!("{more}[[target]]"), 1));
    let config = loaded.lend();
    let interfaces = config.lines.iter().find(|line| config.rings(line).len() == 2).map(|line| {
        let trunk = |ring: &Ring| config.trunk(config.target(ring.target).unwrap().trunk).unwrap();
        let interface = |ring| config.listener(trunk(ring).listener).unwrap().0.interface;
        config.rings(line).iter().map(interface).collect::<Vec<_>>()
    });
    assert_eq!(interfaces, Some(vec![0, 1]));
}

#[test]
fn numbers_are_the_same_however_they_are_written() {
    let line = |name: &str, dial: &str| {
        format!(
            "[[line]]\nname = \"{name}\"\ndial = [{dial}]\nfrom = [\"ai\"]\nring = [{{ targets = [\"support\"] }}]\n"
        )
    };
    let text = PLAIN.replacen("[node]", "[node]\ncountry = \"82\"", 1);
    let own = format!("{text}{}", line("seoul", r#""0225550100", "+82225550100", "0082-2-555-0100""#));
    loaded(&own);
    let mistakes = parse("c", &format!("{own}{}", line("busan", r#""00-82-2-555-0100""#))).unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        r#"c:44:9: "00-82-2-555-0100" from trunk "ai" means line "seoul" already, at c:39:39, as "0082-2-555-0100""#
    );
    // Without a country it is no number.
    loaded(&format!("{PLAIN}{}{}", line("a", r#""0225550100""#), line("b", r#""+82225550100""#)));
}
