//! `[[trunk]]`: the SIP peers we know.

use core::net::IpAddr;
use std::collections::HashSet;

use super::interface::Interfaces;
use super::loaded::{Text, append};
use super::mistake::Report;
use super::names::Names;
use super::notation::{ports, rate};
use super::table::{At, Table};
use warmline_core::config::{MediaPolicy, MediaRange, Trunk, TrunkKind};
use warmline_core::filter::{self, Prefix, Range, Rate};
use warmline_core::transport::Transport;

const KEYS: &[&str] =
    &["name", "kind", "interface", "transport", "signalling", "media", "max_calls", "max_rate"];

const KINDS: &[(&str, Option<TrunkKind>)] = &[
    ("zendesk", Some(TrunkKind::Zendesk)),
    ("ai", Some(TrunkKind::Ai)),
    ("carrier", Some(TrunkKind::Carrier)),
    ("phones", Some(TrunkKind::Phones)),
];

const TRANSPORTS: &[(&str, Option<Transport>)] =
    &[("udp", Some(Transport::Udp)), ("tcp", None), ("tls", None)];

const AS_SIGNALLED: &[(&str, Option<()>)] = &[("signalled", Some(()))];

/// The addresses Zendesk Talk signals from, as published.
const ZENDESK_SIGNALLING: &[&str] = &[
    "54.172.60.0/30",
    "54.244.51.0/30",
    "54.171.127.192/30",
    "35.156.191.128/30",
    "54.65.63.192/30",
    "54.169.127.128/30",
    "54.252.254.64/30",
    "177.71.206.192/30",
];

/// The addresses and ports its media comes from, as published.
const ZENDESK_MEDIA: &str = "168.86.128.0/18:10000-60000";

/// Core counts trunks in 16 bits.
const MOST: usize = 65_535;

#[derive(Debug)]
pub(super) struct Trunks<'t> {
    pub(super) names: Names<'t>,
    /// None where a section had mistakes.
    pub(super) entries: Vec<Option<Trunk>>,
    /// None where two of them overlap.
    pub(super) sources: Option<Vec<Range>>,
    pub(super) media: Vec<MediaRange>,
}

/// A range that a trunk signals from, as it was written.
#[derive(Clone, Copy, Debug)]
struct Source<'t> {
    text: &'t str,
    at: usize,
    prefix: Prefix,
    range: Range,
}

impl Source<'_> {
    /// Ranges that differ in this have nothing to do with each other.
    fn group(&self) -> (u8, bool) {
        (self.range.scope, self.prefix.address.is_ipv4())
    }
}

pub(super) fn read<'t>(
    root: &Table<'t>,
    interfaces: &Interfaces<'t>,
    capacity: u32,
    text: &mut Text,
) -> Trunks<'t> {
    let report = root.report();
    let mut trunks =
        Trunks { names: Names::new(report, "trunk"), entries: Vec::new(), sources: None, media: Vec::new() };
    let tables = root.many("trunk", "[[trunk]]", KEYS, MOST);
    if root.get("trunk").is_none() {
        report.mistake(0, "there is no [[trunk]]: nobody could call");
    }
    let mut sources = Vec::new();
    for (number, table) in (0..u16::MAX).zip(&tables) {
        let entry = read_one(table, number, interfaces, capacity, &mut trunks, &mut sources, text);
        trunks.entries.push(entry);
    }
    refuse_overlaps(report, &mut sources, &trunks.names);
    let mut ranges: Vec<Range> = sources.iter().map(|source| source.range).collect();
    match filter::build(&mut ranges) {
        Ok(len) => {
            ranges.truncate(len);
            trunks.sources = Some(ranges);
        }
        Err(overlap) if report.is_clean() => report.mistake(0, overlap.to_string()),
        Err(_) => {}
    }
    trunks
}

impl Trunks<'_> {
    /// The trunk with this number, unless it had mistakes.
    pub(super) fn entry(&self, number: usize) -> Option<&Trunk> {
        self.entries.get(number)?.as_ref()
    }

    /// The number of the trunk that may speak from this address.
    pub(super) fn heard_from(&self, interface: u8, address: IpAddr) -> Option<usize> {
        filter::lookup(self.sources.as_deref()?, interface, address).map(usize::from)
    }
}

fn read_one<'t>(
    table: &Table<'t>,
    number: u16,
    interfaces: &Interfaces<'t>,
    capacity: u32,
    trunks: &mut Trunks<'t>,
    sources: &mut Vec<Source<'t>>,
    text: &mut Text,
) -> Option<Trunk> {
    let report = table.report();
    let name = trunks.names.declare(table);
    let kind = table.need("kind").and_then(|value| value.choice(KINDS)).map(|kind| kind.value);
    let interface = interface(table, interfaces);
    let transport = match table.get("transport") {
        Some(value) => value.choice(TRANSPORTS).map(|transport| transport.value),
        None => Some(Transport::Udp),
    };
    let prefixes = signalling(table, kind);
    let media = media(table, kind);
    let calls = table.get("max_calls").map(|value| value.integer(1..=u32::from(u16::MAX)));
    let rate = table.get("max_rate").map(|value| value.read(rate));

    let ipv4 = interface.and_then(|number| interfaces.entry(number)).map(|entry| entry.advertise.is_ipv4());
    let named = prefixes.iter().map(|prefix| prefix.with((prefix.value.0, prefix.value.1)));
    let ranges = media.iter().flatten().map(|range| range.with((range.value.0, range.value.1.prefix)));
    for At { value: (text, prefix), at } in named.chain(ranges) {
        if ipv4.is_some_and(|ipv4| ipv4 != prefix.address.is_ipv4()) {
            let (ours, theirs) = if prefix.address.is_ipv4() { ("IPv6", "IPv4") } else { ("IPv4", "IPv6") };
            report
                .mistake(at, format!("{text} is {theirs}, but the trunk's interface has an {ours} address"));
        }
    }
    if media.as_ref().is_some_and(Vec::is_empty) {
        refuse_private_signalled(table, &prefixes);
    }
    if let Some(scope) = interface.and_then(|interface| u8::try_from(interface).ok()) {
        sources.extend(prefixes.iter().map(|prefix| Source {
            text: prefix.value.0,
            at: prefix.at,
            prefix: prefix.value.1,
            range: Range::new(scope, prefix.value.1, number),
        }));
    }
    let policy = match media?.as_slice() {
        [] => MediaPolicy::Signalled,
        ranges => {
            let ranges = append(&mut trunks.media, ranges.iter().map(|range| range.value.1));
            if ranges.is_none() {
                report.mistake(table.at, "there are more media ranges than 65535");
            }
            MediaPolicy::Ranges(ranges?)
        }
    };
    Some(Trunk {
        name: text.add(name?.value),
        kind: kind?,
        listener: interfaces.listener(interface?, transport?)?,
        media: policy,
        max_calls: calls.map_or(Some(capacity), |calls| calls.map(|calls| calls.value))?,
        max_rate: rate
            .map(|rate| rate.map(|rate| Rate::per_second(rate.value)))
            .map_or(Some(None), |rate| rate.map(Some))?,
    })
}

/// The interface the trunk stands on: the only one, where nothing is said.
fn interface(table: &Table<'_>, interfaces: &Interfaces<'_>) -> Option<usize> {
    match table.get("interface") {
        Some(value) => interfaces.names.find(value.string()?),
        None if interfaces.entries.len() > 1 => {
            table.need("interface");
            None
        }
        None => interfaces.names.only(),
    }
}

/// Where the trunk signals from: each range with its text.
fn signalling<'t>(table: &Table<'t>, kind: Option<TrunkKind>) -> Vec<At<(&'t str, Prefix)>> {
    let texts = match (table.get("signalling"), kind) {
        (Some(value), _) => value.some_strings(),
        (None, Some(TrunkKind::Zendesk)) => {
            ZENDESK_SIGNALLING.iter().map(|text| At { value: *text, at: table.at }).collect()
        }
        (None, Some(_)) => {
            table.need("signalling");
            Vec::new()
        }
        (None, None) => Vec::new(),
    };
    let read = |text: At<&'t str>| text.read(table.report(), |text| Ok((text, source(text)?)));
    texts.into_iter().filter_map(read).collect()
}

fn source(text: &str) -> Result<Prefix, String> {
    if text.starts_with("dns:") {
        let text = text.escape_debug();
        return Err(format!("\"{text}\": names are not there yet; write addresses like \"198.51.100.0/24\""));
    }
    let prefix = prefix(text)?;
    if prefix.length == 0 {
        return Err(format!("{text} would let everyone in; say which addresses the trunk has"));
    }
    Ok(prefix)
}

fn prefix(text: &str) -> Result<Prefix, String> {
    Prefix::parse(text).map_err(|error| format!("\"{}\": {error}", text.escape_debug()))
}

/// Where its media may come from: no ranges stand for "as signalled", none at all for a mistake.
fn media<'t>(table: &Table<'t>, kind: Option<TrunkKind>) -> Option<Vec<At<(&'t str, MediaRange)>>> {
    let texts = match (table.get("media"), kind) {
        (Some(value), _) if value.is_string() => return value.choice(AS_SIGNALLED).map(|_| Vec::new()),
        (Some(value), _) => value.some_strings(),
        (None, Some(TrunkKind::Zendesk)) => vec![At { value: ZENDESK_MEDIA, at: table.at }],
        (None, _) => return Some(Vec::new()),
    };
    let read = |text: At<&'t str>| text.read(table.report(), |text| Ok((text, media_range(text)?)));
    let ranges: Vec<_> = texts.into_iter().filter_map(read).collect();
    (!ranges.is_empty()).then_some(ranges)
}

/// `198.51.100.0/24:10000-20000`, or the addresses alone.
fn media_range(text: &str) -> Result<MediaRange, String> {
    match text.rsplit_once(':').filter(|(_, last)| last.contains('-')) {
        Some((addresses, last)) => Ok(MediaRange { prefix: prefix(addresses)?, ports: ports(last)? }),
        None => Ok(MediaRange { prefix: prefix(text)?, ports: (1, u16::MAX) }),
    }
}

/// As signalled means public addresses only. A trunk that signals from private ones alone sends media from there too.
fn refuse_private_signalled(table: &Table<'_>, prefixes: &[At<(&str, Prefix)>]) {
    let private = |prefix: &At<(&str, Prefix)>| match prefix.value.1.address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    };
    let Some(first) = prefixes.first().filter(|_| prefixes.iter().all(private)) else { return };
    let at = table.get("media").map_or(table.at, |media| media.at);
    let message = format!(
        "media as signalled is taken from public addresses only, and {} is none; name the ranges, like media = [\"{}\"]",
        first.value.0, first.value.0
    );
    table.report().mistake(at, message);
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
