//! Which source belongs to which trunk: the ranges of all trunks in one table.

use core::net::IpAddr;
use std::collections::HashSet;

use super::mistake::Report;
use super::names::Names;
use super::table::At;
use warmline_core::filter::{Prefix, Range, build, lookup};

/// A range that a trunk signals from, as it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'t> {
    text: &'t str,
    at: usize,
    prefix: Prefix,
    range: Range,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: At<&'t str>, prefix: Prefix, interface: u8, trunk: u16) -> Self {
        Self { text: text.value, at: text.at, prefix, range: Range::new(interface, prefix, trunk) }
    }

    /// Ranges that differ in this have nothing to do with each other.
    fn group(&self) -> (u8, bool) {
        (self.range.scope, self.prefix.address.is_ipv4())
    }
}

/// The table, none where two trunks share a source.
#[derive(Debug)]
pub(super) struct Sources(Option<Vec<Range>>);

impl Sources {
    /// Sorts and merges the ranges. Two of different trunks that overlap are a mistake.
    pub(super) fn build(report: &Report<'_>, mut sources: Vec<Source<'_>>, names: &Names<'_>) -> Self {
        refuse_overlaps(report, &mut sources, names);
        let mut ranges: Vec<Range> = sources.iter().map(|source| source.range).collect();
        match build(&mut ranges) {
            Ok(len) => {
                ranges.truncate(len);
                Self(Some(ranges))
            }
            Err(overlap) => {
                if report.is_clean() {
                    report.mistake(0, overlap.to_string());
                }
                Self(None)
            }
        }
    }

    /// Whether this trunk may speak from this address, as far as is known.
    pub(super) fn may_hold(&self, interface: u8, address: IpAddr, trunk: usize) -> bool {
        let Some(ranges) = &self.0 else { return true };
        lookup(ranges, interface, address).map(usize::from) == Some(trunk)
    }

    pub(super) fn into_table(self) -> Vec<Range> {
        self.0.unwrap_or_default()
    }
}

/// A source address must name its trunk.
fn refuse_overlaps(report: &Report<'_>, sources: &mut [Source<'_>], names: &Names<'_>) {
    sources.sort_by_key(|source| (source.group(), source.range.first, source.at));
    let mut told = HashSet::new();
    let mut widest: Option<Source<'_>> = None;
    for &source in sources.iter() {
        let open =
            widest.filter(|wide| wide.group() == source.group() && wide.range.last >= source.range.first);
        if let Some(wide) = open.filter(|wide| wide.range.value != source.range.value) {
            let (early, late) = if wide.at <= source.at { (wide, source) } else { (source, wide) };
            if told.insert((early.at, late.at)) {
                let name = names.of(usize::from(early.range.value));
                let place = report.place(early.at);
                let message =
                    format!("{} overlaps {} of trunk \"{name}\", at {place}", late.text, early.text);
                report.mistake(late.at, message);
            }
        }
        if open.is_none_or(|wide| wide.range.last < source.range.last) {
            widest = Some(source);
        }
    }
}
