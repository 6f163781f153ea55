use std::collections::BTreeMap;
use std::vec::Vec;

use super::*;

fn random(seed: u8) -> Random {
    Random::new(&[seed; 32])
}

fn found(priority: u16, weight: u16, server: u8) -> Found {
    let address = SocketAddr::from(([192, 0, 2, server], 5060));
    Found { address, priority, weight, server }
}

fn place(text: &str, port: Option<u16>, transport: Transport) -> Place<'_> {
    Place { host: text.as_bytes(), port, transport, ipv6: false }
}

/// How often each server came first in so many draws, by its number.
fn firsts(servers: &[Found], draws: u32) -> BTreeMap<u8, u32> {
    let mut counts = BTreeMap::new();
    let mut random = random(7);
    for _ in 0..draws {
        let ordered = in_order(servers, &mut random);
        assert_eq!(ordered.len(), servers.len());
        let IpAddr::V4(first) = ordered[0].ip() else { unreachable!() };
        *counts.entry(first.octets()[3]).or_default() += 1;
    }
    counts
}

#[test]
fn lower_priorities_always_come_first() {
    let servers = [found(20, 100, 3), found(10, 0, 1), found(15, 65_535, 2)];
    for seed in 0..50 {
        let ordered = in_order(&servers, &mut random(seed));
        assert_eq!(ordered, [servers[1].address, servers[2].address, servers[0].address]);
    }
}

#[test]
fn each_server_has_a_chance_by_its_weight() {
    let counts = firsts(&[found(1, 10, 1), found(1, 30, 2), found(1, 60, 3)], 20_000);
    for (server, share) in [(1, 2_000), (2, 6_000), (3, 12_000)] {
        let count = counts[&server];
        assert!(count.abs_diff(share) < 400, "{server}: {count} of {share}");
    }
}

#[test]
fn without_weights_all_have_the_same_chance_and_beside_others_a_small_one() {
    let counts = firsts(&[found(1, 0, 1), found(1, 0, 2), found(1, 0, 3), found(1, 0, 4)], 20_000);
    assert!(counts.values().all(|count| count.abs_diff(5_000) < 400), "{counts:?}");
    let counts = firsts(&[found(1, 0, 1), found(1, 1, 2)], 20_000);
    assert!((1..1_000).contains(&counts[&1]), "{counts:?}");
}

#[test]
fn a_server_with_many_addresses_has_no_larger_chance_and_they_stay_together() {
    let second =
        |server, last| Found { address: ([198, 51, 100, last], 5060).into(), ..found(1, 50, server) };
    let servers = [found(1, 50, 1), second(2, 1), second(2, 2), second(2, 3)];
    let (mut firsts, mut inner) = (0u32, [0u32; 4]);
    let mut random = random(1);
    for _ in 0..9_000 {
        let ordered = in_order(&servers, &mut random);
        let at = ordered.iter().position(|address| *address == servers[0].address).unwrap();
        assert!(at == 0 || at == 3, "{ordered:?}");
        firsts += u32::from(at == 0);
        let IpAddr::V4(first) = ordered[if at == 0 { 1 } else { 0 }].ip() else { unreachable!() };
        inner[usize::from(first.octets()[3])] += 1;
    }
    assert!(firsts.abs_diff(4_500) < 300, "{firsts}");
    assert!(inner[1..].iter().all(|count| count.abs_diff(3_000) < 300), "{inner:?}");
}

#[test]
fn nothing_is_drawn_where_nothing_is_to_choose() {
    let (mut one, mut other) = (random(3), random(3));
    in_order(&[found(1, 5, 1), found(2, 5, 2), found(3, 0, 3)], &mut one);
    in_order(&[], &mut one);
    assert_eq!(one.next_u64(), other.next_u64());
}

#[test]
fn the_same_address_is_tried_once_and_no_more_than_there_is_room_for() {
    let twice = [found(1, 0, 1), Found { server: 2, priority: 2, ..found(1, 0, 1) }];
    assert_eq!(in_order(&twice, &mut random(1)).len(), 1);
    let many: Vec<_> = (0..200).map(|n| found(n.into(), 1, n)).collect();
    assert_eq!(in_order(&many, &mut random(1)).len(), MOST_FOUND);
}

#[test]
fn what_is_asked_is_up_to_the_uri_and_the_trunk() {
    let udp = place("acme.example", None, Transport::Udp);
    assert_eq!((udp.service(), udp.literal()), (Some("_sip._udp."), None));
    assert_eq!(udp.at([192, 0, 2, 1].into()).port(), 5060);
    assert_eq!(place("acme.example", None, Transport::Tcp).service(), Some("_sip._tcp."));
    let tls = place("acme.example", None, Transport::Tls);
    assert_eq!(tls.service(), Some("_sips._tcp."));
    assert_eq!(tls.at([192, 0, 2, 1].into()).port(), 5061);
    // A port: its addresses alone.
    let port = place("acme.example", Some(5080), Transport::Udp);
    assert_eq!((port.service(), port.at([192, 0, 2, 1].into()).port()), (None, 5080));
    // An address: nothing at all.
    for (text, address) in [("192.0.2.9", "192.0.2.9:5060"), ("2001:db8::9", "[2001:db8::9]:5060")] {
        let place = place(text, None, Transport::Udp);
        assert_eq!((place.service(), place.literal()), (None, Some(address.parse().unwrap())));
    }
}

#[test]
fn only_naptr_records_for_the_trunks_transport_count() {
    let record = |order, preference, services, replacement| Naptr {
        order,
        preference,
        flags: b"s",
        services,
        replacement,
    };
    let records: [Naptr<'_>; 6] = [
        record(10, 1, b"SIPS+D2T", b"tls"),
        record(20, 2, b"sip+d2u", b"udp, second"),
        record(20, 1, b"SIP+D2U", b"udp, first"),
        record(30, 0, b"SIP+D2U", b"udp, last"),
        Naptr { flags: b"A", ..record(1, 0, b"SIP+D2U", b"no SRV") },
        record(0, 0, b"E2U+sip", b"another service"),
    ];
    let choose = |transport| place("acme.example", None, transport).choose(records.into_iter());
    assert_eq!(choose(Transport::Udp), Some(&b"udp, first"[..]));
    assert_eq!(choose(Transport::Tls), Some(&b"tls"[..]));
    assert_eq!(choose(Transport::Tcp), None);
}
