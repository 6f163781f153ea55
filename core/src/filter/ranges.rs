//! Which of many prefixes an address is in: a sorted table of disjoint ranges.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::prefix::{Prefix, is_ipv4, number};

/// The addresses from one to another, seen from one interface, and what they stand for.
///
/// Addresses are IPv6 numbers; those of IPv4 are mapped, and no range holds some of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Range {
    /// Where this holds, usually an interface's number. Ranges of different scopes have nothing to do with each other.
    pub scope: u8,
    /// First address; IPv4 is mapped into IPv6.
    pub first: u128,
    /// Last address, included.
    pub last: u128,
    /// What it stands for, usually a trunk's number.
    pub value: u16,
}

/// Two ranges that share addresses but stand for different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Overlap {
    /// The one that starts first, as it was given.
    pub first: Range,
    /// The other, as it was given.
    pub second: Range,
}

impl Range {
    /// The addresses of `prefix` in `scope`, which stand for `value`.
    pub fn new(scope: u8, prefix: Prefix, value: u16) -> Self {
        let (first, last) = prefix.bounds();
        Self { scope, first, last, value }
    }

    fn group(&self) -> u16 {
        group(self.scope, self.first)
    }

    fn order(&self) -> (u16, u128, u128) {
        (self.group(), self.first, self.last)
    }
}

/// Scopes apart, and in a scope IPv6 before IPv4: `::/0` surrounds the mapped addresses without holding them.
const fn group(scope: u8, number: u128) -> u16 {
    (scope as u16) << 1 | is_ipv4(number) as u16
}

/// Makes ranges in any order into a table for [`lookup`], in place: sorted, with neighbours and overlaps of one value
/// made one. Says how many are left, at the start of the slice; those behind mean nothing. O(n log n).
///
/// Two that overlap and differ in value are an error; the slice is then sorted and no table.
pub fn build(ranges: &mut [Range]) -> Result<usize, Overlap> {
    sort(ranges);
    refuse_overlaps(ranges)?;
    Ok(merge(ranges))
}

/// What `address` stands for in `scope`, by a table that [`build`] made. O(log n).
pub fn lookup(ranges: &[Range], scope: u8, address: IpAddr) -> Option<u16> {
    let address = number(address);
    let group = group(scope, address);
    let after = ranges.partition_point(|range| (range.group(), range.first) <= (group, address));
    let range = ranges.get(after.checked_sub(1)?)?;
    (range.group() == group && address <= range.last).then_some(range.value)
}

/// Whether ranges are a table for [`lookup`] already: each from its first to its last address, all in order and apart.
/// For a table that comes from elsewhere.
pub fn is_table(ranges: &[Range]) -> bool {
    ranges.iter().all(|range| range.first <= range.last && is_ipv4(range.first) == is_ipv4(range.last))
        && ranges.iter().zip(ranges.iter().skip(1)).all(|(range, next)| {
            range.group() < next.group() || range.group() == next.group() && range.last < next.first
        })
}

fn refuse_overlaps(ranges: &[Range]) -> Result<(), Overlap> {
    let mut ranges = ranges.iter();
    let Some(mut furthest) = ranges.next() else { return Ok(()) };
    for range in ranges {
        let apart = range.group() != furthest.group() || range.first > furthest.last;
        if !apart && range.value != furthest.value {
            return Err(Overlap { first: *furthest, second: *range });
        }
        if apart || range.last > furthest.last {
            furthest = range;
        }
    }
    Ok(())
}

fn merge(ranges: &mut [Range]) -> usize {
    let mut len: usize = 0;
    for next in 0..ranges.len() {
        let Some(&range) = ranges.get(next) else { break };
        let before = len.checked_sub(1).and_then(|last| ranges.get_mut(last));
        match before {
            Some(before)
                if before.group() == range.group()
                    && before.value == range.value
                    && before.last.saturating_add(1) >= range.first =>
            {
                before.last = before.last.max(range.last);
            }
            _ => {
                if let Some(place) = ranges.get_mut(len) {
                    *place = range;
                }
                len += 1;
            }
        }
    }
    len
}

/// Heapsort. The library's sort may panic over an order that contradicts itself, and this must not be able to.
fn sort(ranges: &mut [Range]) {
    for top in (0..ranges.len() / 2).rev() {
        sink(ranges, top);
    }
    for end in (1..ranges.len()).rev() {
        exchange(ranges, 0, end);
        if let Some(heap) = ranges.get_mut(..end) {
            sink(heap, 0);
        }
    }
}

/// Lets the range at `top` sink until none below it belongs behind it.
fn sink(heap: &mut [Range], mut top: usize) {
    loop {
        let below = (top * 2 + 1..top * 2 + 3).filter_map(|child| Some((heap.get(child)?.order(), child)));
        let Some((order, child)) = below.max() else { return };
        if heap.get(top).is_none_or(|range| range.order() >= order) {
            return;
        }
        exchange(heap, top, child);
        top = child;
    }
}

fn exchange(ranges: &mut [Range], a: usize, b: usize) {
    if let Ok([a, b]) = ranges.get_disjoint_mut([a, b]) {
        core::mem::swap(a, b);
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, last] = [self.first, self.last].map(|number| Ipv6Addr::from_bits(number).to_canonical());
        write!(f, "{first} to {last}")
    }
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {} overlap", self.first, self.second)
    }
}

impl core::error::Error for Overlap {}

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn range(scope: u8, prefix: &str, value: u16) -> Range {
        Range::new(scope, Prefix::parse(prefix).unwrap(), value)
    }

    fn find(table: &[Range], scope: u8, address: &str) -> Option<u16> {
        lookup(table, scope, address.parse().unwrap())
    }

    #[test]
    fn neighbours_and_overlaps_of_one_value_become_one() {
        let mut ranges = [
            range(0, "192.0.2.16/28", 1),
            range(0, "192.0.2.0/28", 1),
            range(0, "192.0.2.8/29", 1),
            range(0, "192.0.2.32/28", 2),
            range(1, "192.0.2.48/28", 2),
            range(0, "255.255.255.255", 3),
            range(0, "::1:0:0:0", 3),
            range(0, "0.0.0.0/32", 3),
            range(0, "::fffe:ffff:ffff", 3),
        ];
        let len = build(&mut ranges).unwrap();
        let table = &ranges[..len];
        assert_eq!(len, 7, "{table:?}");
        assert_eq!(find(table, 0, "192.0.2.0"), Some(1));
        assert_eq!(find(table, 0, "::ffff:192.0.2.31"), Some(1));
        assert_eq!(find(table, 0, "192.0.2.47"), Some(2));
        assert_eq!((find(table, 0, "192.0.2.48"), find(table, 1, "192.0.2.48")), (None, Some(2)));
        assert_eq!((find(table, 1, "192.0.2.47"), find(table, 2, "192.0.2.0")), (None, None));
        assert_eq!((find(table, 0, "0.0.0.0"), find(table, 0, "255.255.255.255")), (Some(3), Some(3)));
        assert_eq!((find(table, 0, "::"), find(&[], 0, "::")), (None, None));
    }

    #[test]
    fn all_of_ipv6_is_no_ipv4() {
        let mut ranges = [range(0, "::/0", 6), range(0, "0.0.0.0/0", 4), range(1, "::/0", 6)];
        assert_eq!(build(&mut ranges), Ok(3));
        for address in ["::", "::fffe:ffff:ffff", "::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            assert_eq!(find(&ranges, 0, address), Some(6), "{address}");
        }
        for address in ["0.0.0.0", "255.255.255.255", "::ffff:192.0.2.1"] {
            assert_eq!((find(&ranges, 0, address), find(&ranges, 1, address)), (Some(4), None), "{address}");
        }
    }

    #[test]
    fn an_overlap_names_both() {
        let (wide, narrow) = (range(0, "192.0.2.0/24", 1), range(0, "192.0.2.128/25", 2));
        let mut ranges = [narrow, range(0, "192.0.2.64/26", 1), range(1, "192.0.2.0/24", 3), wide];
        let overlap = build(&mut ranges).unwrap_err();
        assert_eq!(overlap, Overlap { first: wide, second: narrow });
        assert_eq!(overlap.to_string(), "192.0.2.0 to 192.0.2.255 and 192.0.2.128 to 192.0.2.255 overlap");
    }

    /// Prefixes of all kinds; the value follows from the first bits, so that those that overlap agree.
    fn agreeing() -> impl Strategy<Value = (Prefix, u16)> {
        let v4 = (any::<u32>(), 8..=32_u8).prop_map(|(bits, length)| {
            (Prefix { address: IpAddr::V4(bits.into()), length }, (bits >> 24) as u16)
        });
        let v6 = (any::<u128>(), 8..=128_u8).prop_map(|(bits, length)| {
            (Prefix { address: IpAddr::V6(bits.into()), length }, (bits >> 120) as u16)
        });
        prop_oneof![v4, v6]
    }

    fn naive(prefixes: &[(u8, Prefix, u16)], scope: u8, address: IpAddr) -> Option<u16> {
        prefixes.iter().find(|(at, prefix, _)| *at == scope && prefix.contains(address)).map(|found| found.2)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn finds_what_a_search_of_10_000_prefixes_finds(
            prefixes in prop::collection::vec((0..2_u8, agreeing()), 10_000),
            asked in prop::collection::vec(any::<(u8, u16, bool, u128)>(), 500),
        ) {
            let prefixes: Vec<_> = prefixes.into_iter().map(|(scope, (prefix, value))| (scope, prefix, value)).collect();
            let mut ranges: Vec<Range> = prefixes.iter().map(|&(scope, prefix, value)| Range::new(scope, prefix, value)).collect();
            let len = build(&mut ranges).unwrap();
            let table = &ranges[..len];
            prop_assert!(table.is_sorted_by(|a, b| a.order() < b.order() && (a.group() != b.group() || a.last < b.first)));
            for (scope, which, edge, bits) in asked {
                // Anywhere, and just inside and outside of the ends of one of them.
                let (first, last) = prefixes[usize::from(which) % prefixes.len()].1.bounds();
                let near = if edge { first } else { last };
                for number in [bits, (bits as u32).into(), near, near.wrapping_add(1), near.wrapping_sub(1)] {
                    let address = IpAddr::V6(number.into());
                    let address = if edge { address } else { address.to_canonical() };
                    prop_assert_eq!(lookup(table, scope % 3, address), naive(&prefixes, scope % 3, address), "{}", address);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn refuses_exactly_what_overlaps_and_differs(
            given in prop::collection::vec((0..2_u8, 0..40_u128, 0..6_u128, 0..3_u16, any::<bool>()), 0..10),
        ) {
            let given: Vec<Range> = given.into_iter().map(|(scope, first, more, value, v4)| {
                let first = first + if v4 { 0xffff_0000_0000 } else { 0 };
                Range { scope, first, last: first + more, value }
            }).collect();
            let clash = |a: &Range, b: &Range| {
                a.scope == b.scope && a.first <= b.last && b.first <= a.last && a.value != b.value
            };
            let clashes = given.iter().any(|a| given.iter().any(|b| clash(a, b)));
            let mut ranges = given.clone();
            match build(&mut ranges) {
                Err(overlap) => {
                    prop_assert!(clash(&overlap.first, &overlap.second));
                    prop_assert!(given.contains(&overlap.first) && given.contains(&overlap.second));
                }
                Ok(len) => {
                    prop_assert!(!clashes);
                    for number in (0..50).chain(0xffff_0000_0000..0xffff_0000_0032) {
                        for scope in 0..2 {
                            let expected = given.iter().find(|range| range.scope == scope && (range.first..=range.last).contains(&number));
                            let address = IpAddr::V6(number.into());
                            prop_assert_eq!(lookup(&ranges[..len], scope, address), expected.map(|range| range.value));
                        }
                    }
                    let before = ranges[..len].to_vec();
                    prop_assert_eq!(build(&mut ranges[..len]), Ok(len));
                    prop_assert_eq!(&ranges[..len], &before);
                }
            }
        }

        #[test]
        fn sorts(given in prop::collection::vec((0..3_u8, 0..9_u128, any::<u16>()), 0..70)) {
            let mut ranges: Vec<Range> = given.iter().map(|&(scope, first, value)| Range { scope, first, last: first, value }).collect();
            let mut expected = vec![];
            expected.extend(ranges.iter().map(Range::order));
            expected.sort_unstable();
            sort(&mut ranges);
            prop_assert_eq!(ranges.iter().map(Range::order).collect::<Vec<_>>(), expected);
        }
    }
}
