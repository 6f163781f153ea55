//! Which of many prefixes an address is in: a sorted table of disjoint ranges.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use super::prefix::{Prefix, is_ipv4, number};

/// The addresses from one to another, seen from one interface, and what they stand for.
///
/// Addresses are IPv6 numbers; those of IPv4 are mapped, and no range holds some of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// Scopes apart, and in a scope IPv6 before IPv4: `::/0` surrounds the mapped addresses without holding them.
    fn group(&self) -> (u8, bool) {
        (self.scope, is_ipv4(self.first))
    }

    fn order(&self) -> (u8, bool, u128, u128) {
        (self.scope, is_ipv4(self.first), self.first, self.last)
    }
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
    let wanted = (scope, is_ipv4(address), address);
    let after = ranges.partition_point(|range| (range.scope, is_ipv4(range.first), range.first) <= wanted);
    let range = ranges.get(after.checked_sub(1)?)?;
    (range.group() == (scope, is_ipv4(address)) && address <= range.last).then_some(range.value)
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
