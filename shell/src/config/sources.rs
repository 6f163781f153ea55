//! Which source belongs to which trunk: the ranges of all trunks in one table, cut where they overlap.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use warmline_core::filter::{Range, lookup};

/// The table, and the sets of trunks that speak from the same addresses.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) ranges: Vec<Range>,
    /// The ranges as they were given, whose values are trunks.
    pub(super) given: Vec<Range>,
    /// Each in the order of the file. Values beyond the trunks are these.
    pub(super) shared: Vec<Vec<u16>>,
    trunks: u16,
}

impl Sources {
    /// Sorts the ranges of so many trunks, whose values are their numbers, and cuts them into such that each belongs to
    /// the same trunks from its first to its last address. None where those are more sets than can be counted.
    pub(super) fn build(ranges: &[Range], trunks: u16) -> Option<Self> {
        let mut this = Self { trunks, given: ranges.to_vec(), ..Self::default() };
        let mut known = HashMap::new();
        // In the order in which core looks them up: in a scope, IPv6 before IPv4, which is mapped. `::/0` surrounds the
        // mapped addresses without holding them.
        let mut groups = BTreeMap::<(u8, bool), BTreeMap<u128, Vec<(bool, u16)>>>::new();
        for range in ranges {
            let mapped = range.first >> 32 == 0xffff;
            let edges = groups.entry((range.scope, mapped)).or_default();
            edges.entry(range.first).or_default().push((true, range.value));
            if let Some(after) = range.last.checked_add(1) {
                edges.entry(after).or_default().push((false, range.value));
            }
        }
        for ((scope, _), edges) in groups {
            let (mut open, begun) = (BTreeMap::<u16, usize>::new(), this.ranges.len());
            let mut edges = edges.into_iter().peekable();
            while let Some((first, changes)) = edges.next() {
                for (opens, trunk) in changes {
                    let count = open.entry(trunk).or_default();
                    *count = if opens { *count + 1 } else { count.saturating_sub(1) };
                }
                open.retain(|_, count| *count > 0);
                let last = edges.peek().map_or(u128::MAX, |(next, _)| next - 1);
                let speakers: Vec<u16> = open.keys().copied().collect();
                let value = match speakers.as_slice() {
                    [] => continue,
                    &[trunk] => trunk,
                    _ => {
                        let number = *known.entry(speakers).or_insert_with_key(|speakers| {
                            this.shared.push(speakers.clone());
                            this.shared.len() - 1
                        });
                        trunks.checked_add(u16::try_from(number).ok()?)?
                    }
                };
                let before = this.ranges.get_mut(begun..).and_then(<[Range]>::last_mut);
                match before {
                    Some(before) if before.value == value && before.last + 1 == first => before.last = last,
                    _ => this.ranges.push(Range { scope, first, last, value }),
                }
            }
        }
        Some(this)
    }

    /// Whether this trunk may speak from this address, as far as is known.
    pub(super) fn may_hold(&self, interface: u8, address: IpAddr, trunk: usize) -> bool {
        let speaks = |value: u16| match usize::from(value).checked_sub(usize::from(self.trunks)) {
            Some(shared) => {
                self.shared.get(shared).is_some_and(|set| set.iter().any(|&one| usize::from(one) == trunk))
            }
            None => usize::from(value) == trunk,
        };
        lookup(&self.ranges, interface, address).is_some_and(speaks)
    }

    /// The trunks that speak from an address that this one speaks from as well.
    pub(super) fn beside(&self, trunk: usize) -> BTreeSet<usize> {
        let with = |set: &&Vec<u16>| set.iter().any(|&one| usize::from(one) == trunk);
        let all = self.shared.iter().filter(with).flatten().map(|&one| usize::from(one));
        all.filter(|&one| one != trunk).collect()
    }
}
