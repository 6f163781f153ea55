//! May this address speak: a lookup among 10,000 prefixes, half of them IPv6, beside a published trie; and the rate
//! limit that follows.

use core::hint::black_box;
use core::net::IpAddr;

use criterion::{criterion_group, criterion_main};
use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;
use warmline_benches::{Cpu, criterion};
use warmline_core::filter::{Limiter, Prefix, Range, Rate, build, lookup};
use warmline_core::time::Instant;

type Criterion = criterion::Criterion<Cpu>;

const PREFIXES: u64 = 10_000;

/// A prefix of its own for each number; no two overlap.
fn prefix(number: u64) -> Prefix {
    // A bijection on 24 bits that looks random.
    let spread = number.wrapping_mul(0x9e_3779) & 0xff_ffff;
    if number.is_multiple_of(2) {
        let network = 0x0100_0000 | (spread << 8) as u32;
        Prefix::new(IpAddr::V4(network.into()), 24 + (number % 8) as u8).unwrap()
    } else {
        let network = 0x2001_0db8 << 96 | u128::from(spread) << 72;
        Prefix::new(IpAddr::V6(network.into()), 56).unwrap()
    }
}

/// Addresses that are asked for: in a prefix, or just outside of all.
fn asked(inside: bool) -> Vec<IpAddr> {
    (0..4096)
        .map(|number| {
            let number = if inside { number * 31 % PREFIXES } else { PREFIXES + number };
            match prefix(number).address {
                IpAddr::V4(network) => IpAddr::V4((u32::from(network) + 3).into()),
                IpAddr::V6(network) => IpAddr::V6((u128::from(network) + 3).into()),
            }
        })
        .collect()
}

fn filter(c: &mut Criterion) {
    let mut ranges: Vec<Range> =
        (0..PREFIXES).map(|number| Range::new(0, prefix(number), (number % 60_000) as u16)).collect();
    let len = build(&mut ranges).unwrap();
    ranges.truncate(len);
    let mut table = IpNetworkTable::new();
    for number in 0..PREFIXES {
        let prefix = prefix(number);
        table.insert(IpNetwork::new(prefix.address, prefix.length).unwrap(), (number % 60_000) as u16);
    }

    for (name, inside) in [("found", true), ("not found", false)] {
        let mut group = c.benchmark_group(format!("filter, 10,000 prefixes, {name}"));
        let asked = asked(inside);
        for &address in &asked {
            let ours = lookup(&ranges, 0, address);
            assert_eq!(ours.is_some(), inside);
            assert_eq!(ours, table.longest_match(address).map(|(_, value)| *value));
        }
        let mut addresses = asked.iter().cycle();
        group.bench_function("warmline, a sorted slice", |b| {
            b.iter(|| lookup(black_box(&ranges), 0, *addresses.next().unwrap()));
        });
        group.bench_function("ip_network_table, a trie", |b| {
            b.iter(|| table.longest_match(*addresses.next().unwrap()).map(|(_, value)| *value));
        });
        group.finish();
    }

    let mut group = c.benchmark_group("filter, rate limit");
    let (mut limiter, mut micros) = (Limiter::NEW, 0);
    group.bench_function("warmline, one decision", |b| {
        b.iter(|| {
            micros += 900;
            limiter.take(Instant::from_micros(micros), black_box(Rate::per_second(1000)))
        });
    });
    group.finish();
}

criterion_group!(name = benches; config = criterion(); targets = filter);
criterion_main!(benches);
