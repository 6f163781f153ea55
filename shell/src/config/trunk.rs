//! `[[trunk]]`: the SIP peers we know.

use core::net::IpAddr;
use core::num::NonZeroU16;
use std::collections::HashMap;

use super::appliance;
use super::certificate;
use super::credentials::{self, Credentials};
use super::identity::{self, Identity};
use super::interface::Interfaces;
use super::loaded::{Text, append};
use super::mistake::Report;
use super::named::{self, NamedRange};
use super::names::Names;
use super::notation::ports;
use super::ping;
use super::register::{self, Register};
use super::sources::Sources;
use super::srtp;
use super::table::{At, Table, Value};
use super::target::Targets;
use super::traffic::{self, Traffic};
use crate::certificates::Trust;
use warmline_core::config::{List, MediaPolicy, MediaRange, TargetIndex, Trunk, TrunkKind, User};
use warmline_core::filter::{Prefix, Range};
use warmline_core::srtp::Policy;
use warmline_core::transport::Transport;

const KEYS: &[&str] = &[
    "name",
    "kind",
    "interface",
    "transport",
    "signalling",
    "media",
    "learn",
    "srtp",
    "keys_in_clear",
    "max_calls",
    "max_calls_in",
    "max_calls_out",
    "max_rate",
    "max_rate_in",
    "ping",
    "credentials",
    "register",
    "user",
    "caller",
    "anonymous",
    "caller_header",
    "trust_identity",
    "headers",
    "ca",
    "certificate",
    "return_to",
];

const KINDS: &[(&str, Option<TrunkKind>)] = &[
    ("zendesk", Some(TrunkKind::Zendesk)),
    ("ai", Some(TrunkKind::Ai)),
    ("carrier", Some(TrunkKind::Carrier)),
    ("phones", Some(TrunkKind::Phones)),
];

const TRANSPORTS: &[(&str, Option<Transport>)] =
    &[("udp", Some(Transport::Udp)), ("tcp", Some(Transport::Tcp)), ("tls", Some(Transport::Tls))];

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
    pub(super) sources: Sources,
    pub(super) media: Vec<MediaRange>,
    /// Whose certificates each trunk's peers may show; default where a section had mistakes.
    pub(super) trust: Vec<Trust>,
    pub(super) named: Vec<NamedRange>,
    /// Where we register, by trunk.
    pub(super) registers: Vec<(usize, Register<'t>)>,
    pub(super) users: Vec<User>,
    /// For each where it says how often it is pinged.
    pub(super) pings: Vec<Option<usize>>,
    /// For each the name of the target that a caller goes back to.
    returns: Vec<Option<At<&'t str>>>,
}

impl<'t> Trunks<'t> {
    /// Finds the targets that callers go back to, now that they were read.
    pub(super) fn find_returns(&mut self, targets: &Targets<'t>) {
        for (entry, name) in self.entries.iter_mut().zip(&self.returns) {
            let target = name.and_then(|name| targets.names.find(name));
            let target = target.and_then(|target| u16::try_from(target).ok()).map(TargetIndex);
            if let Some(entry) = entry {
                entry.return_to = target;
            }
        }
    }

    /// Refuses trunks with the same addresses that not even what they dial could tell apart.
    fn refuse_indistinct(&self, report: &Report<'_>, places: &[usize], text: &Text) {
        let users = |number: usize| -> Vec<&str> {
            let list = self.entry(number).map_or(List::EMPTY, |trunk| trunk.users);
            let users = self.users.iter().skip(list.start.into()).take(list.len.into());
            users.map(|user| text.get(user.name)).collect()
        };
        for (number, &at) in places.iter().enumerate() {
            for other in self.sources.beside(number) {
                let (this, that) = (self.names.of(number), self.names.of(other));
                if self.trust.get(number).is_some_and(|trust| trust.name.is_some()) {
                    let message = format!(
                        "trunk \"{this}\" shows a certificate, and trunk \"{that}\" speaks from the same addresses: \
                         nothing tells them apart before a connection is there"
                    );
                    report.mistake(at, message);
                }
                let (own, others) = (users(number), users(other));
                if let Some(user) = own.into_iter().find(|user| other < number && others.contains(user)) {
                    let message = format!(
                        "trunk \"{this}\" has the user \"{user}\" as well as trunk \"{that}\", and speaks from the \
                         same addresses: nothing tells them apart"
                    );
                    report.mistake(at, message);
                }
            }
        }
    }

    /// Whether this trunk may speak from this address, as far as is known.
    pub(super) fn may_hold(&self, interface: u8, address: IpAddr, trunk: usize) -> bool {
        let by_name = |named: &NamedRange| usize::from(named.trunk) == trunk && named.media.is_none();
        self.sources.may_hold(interface, address, trunk) || self.named.iter().any(by_name)
    }

    /// The trunk with this number, unless it had mistakes.
    pub(super) fn entry(&self, number: usize) -> Option<&Trunk> {
        self.entries.get(number)?.as_ref()
    }
}

/// Something that a text says, and the text.
type Written<'t, T> = At<(&'t str, T)>;

/// Each name among signalling ranges so far, by interface: whose it is, and where that is said.
type Shared<'t> = HashMap<(Option<usize>, String), (Option<&'t str>, usize)>;

/// A section's values; none where one is a mistake.
#[derive(Debug)]
struct Section<'t> {
    name: Option<At<&'t str>>,
    kind: Option<TrunkKind>,
    interface: Option<usize>,
    transport: Option<Transport>,
    signalling: Vec<Written<'t, Prefix>>,
    /// Without ranges, named ones included, it is taken as signalled.
    media: Option<Vec<Written<'t, MediaRange>>>,
    /// Whether its peers may be elsewhere than they say.
    learn: Option<bool>,
    /// With whether its keys may go by any transport.
    srtp: Option<(Policy, bool)>,
    /// Names that stand for addresses; with ports where its media comes from there.
    named: Vec<Written<'t, Option<(u16, u16)>>>,
    traffic: Option<Traffic>,
    /// Where it stands, and what it says.
    ping: Option<Option<(usize, NonZeroU16)>>,
    credentials: Option<Option<Credentials<'t>>>,
    identity: Option<Identity<'t>>,
    register: Option<Register<'t>>,
    users: Option<Vec<Credentials<'t>>>,
    trust: Option<Trust>,
    return_to: Option<At<&'t str>>,
}

pub(super) fn read<'t>(
    root: &Table<'t>,
    interfaces: &Interfaces<'t>,
    appliance: Option<&appliance::Section>,
    capacity: Option<u32>,
    text: &mut Text,
) -> Trunks<'t> {
    let report = root.report();
    let mut names = Names::new(root, "trunk");
    let (mut entries, mut media, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    let (mut trust, mut places) = (Vec::new(), Vec::new());
    let (mut returns, mut pings) = (Vec::new(), Vec::new());
    let (mut named, mut names_of) = (Vec::new(), HashMap::new());
    let (mut registers, mut users) = (Vec::new(), Vec::new());
    if root.get("trunk").is_none() {
        report.mistake(0, "there is no [[trunk]]: nobody could call");
    }
    for (number, table) in (0..u16::MAX).zip(root.many("trunk", "[[trunk]]", KEYS, MOST)) {
        let mut section = Section::read(&table, &mut names, interfaces, capacity);
        section.check(&table, interfaces);
        if let Some(appliance) = appliance {
            section.refuse_unreachable(&table, appliance);
            section.refuse_names(&table);
        }
        section.refuse_shared_names(&table, &mut names_of);
        named.extend(section.named(number, interfaces));
        sources.extend(section.sources(number));
        registers.extend(section.register.take().map(|register| (usize::from(number), register)));
        trust.push(section.trust.clone().unwrap_or_default());
        places.push(table.at);
        returns.push(section.return_to);
        pings.push(section.ping.flatten().map(|(place, _)| place));
        let entry = section.lower(interfaces, &mut media, &mut users, text);
        if entry.is_none() && report.is_clean() {
            report.mistake(table.at, "all trunks together have more than 65535 media ranges");
        }
        entries.push(entry);
    }
    let count = u16::try_from(places.len()).unwrap_or(u16::MAX);
    let sources = Sources::build(&sources, count).unwrap_or_else(|| {
        report.mistake(0, "more trunks share addresses than can be counted");
        Sources::default()
    });
    let trunks = Trunks { names, entries, sources, media, named, registers, users, pings, trust, returns };
    trunks.refuse_indistinct(report, &places, text);
    trunks
}

impl<'t> Section<'t> {
    fn read(
        table: &Table<'t>,
        names: &mut Names<'t>,
        interfaces: &Interfaces<'t>,
        capacity: Option<u32>,
    ) -> Self {
        let kind = table.need("kind").and_then(|value| value.choice(KINDS)).map(|kind| kind.value);
        let interface = interface(table, interfaces);
        let tls = interface.is_none_or(|number| interfaces.listener(number, Transport::Tls).is_some());
        let transport = |value: Value<'t>| value.choice(TRANSPORTS).map(|transport| transport.value);
        let transport = table.get("transport").map_or(Some(Transport::Udp), transport);
        let mut named = Vec::new();
        let register = register::read(table);
        let (register, login) = match register {
            Some(Some((register, login))) => (Some(register), Some(Some(login))),
            Some(None) => (None, credentials::read(table)),
            None => (None, None),
        };
        Self {
            name: names.declare(table),
            kind,
            interface,
            transport,
            signalling: signalling(table, kind, &mut named),
            media: media(table, kind, &mut named),
            srtp: srtp::read(table, kind, transport),
            learn: table.get("learn").map_or(Some(false), |value| Some(value.boolean()?.value)),
            named,
            traffic: traffic::read(table, kind, capacity),
            ping: ping::read(table),
            credentials: login,
            register,
            users: credentials::users(table),
            identity: identity::read(table, kind),
            trust: certificate::trust(table, tls),
            return_to: return_to(table, kind),
        }
    }

    /// Refuses ranges that nothing can come from.
    fn check(&self, table: &Table<'_>, interfaces: &Interfaces<'_>) {
        // Who is learned may name an address that is never spoken to.
        if self.media.as_ref().is_some_and(Vec::is_empty)
            && self.named.is_empty()
            && self.learn == Some(false)
        {
            refuse_private_signalled(table, &self.signalling);
        }
        self.refuse_unheard(table, interfaces);
        let Some(interface) = self.interface.and_then(|number| interfaces.entry(number)) else { return };
        let signalling = self.signalling.iter().copied();
        let media = self.media.iter().flatten();
        let media = media.map(|range| range.with((range.value.0, range.value.1.prefix)));
        for At { value: (text, prefix), at } in signalling.chain(media) {
            let (ours, theirs) = match (interface.advertise.is_ipv4(), prefix.address.is_ipv4()) {
                (true, false) => ("IPv4", "IPv6"),
                (false, true) => ("IPv6", "IPv4"),
                _ => continue,
            };
            let message = format!("{text} is {theirs}, but the trunk's interface has an {ours} address");
            table.report().mistake(at, message);
        }
    }

    /// Refuses a transport that the trunk's interface does not listen on: peers are told where we are reached by it.
    fn refuse_unheard(&self, table: &Table<'_>, interfaces: &Interfaces<'_>) {
        let Some((number, transport)) = self.interface.zip(self.transport) else { return };
        // An interface without sockets has mistakes of its own.
        let listens = interfaces.listeners.iter().any(|listener| usize::from(listener.interface) == number);
        if !listens || interfaces.listener(number, transport).is_some() {
            return;
        }
        let at = table.get("transport").map_or(table.at, |value| value.at);
        let (name, word) = (interfaces.names.of(number), transport.name().to_ascii_lowercase());
        let message = format!(
            "the trunk is reached by {word}, and interface \"{name}\" does not listen on it: add \"{word}:{}\" to its \"listen\"",
            transport.port()
        );
        table.report().mistake(at, message);
    }

    /// Refuses the first range that a board could not answer.
    fn refuse_unreachable(&self, table: &Table<'_>, appliance: &appliance::Section) {
        let beyond = |range: &Written<'_, Prefix>| {
            let (text, prefix) = range.value;
            Some(range.with(appliance.beyond(text, prefix)?))
        };
        if let Some(beyond) = self.signalling.iter().find_map(beyond) {
            table.report().mistake(beyond.at, beyond.value);
        }
    }

    /// A board asks for targets' addresses alone.
    fn refuse_names(&self, table: &Table<'_>) {
        for At { value: (name, _), at } in &self.named {
            let message = format!("a board does not look up who {name} is; write addresses");
            table.report().mistake(*at, message);
        }
    }

    /// Whatever addresses a name has, they would be both trunks'.
    fn refuse_shared_names(&self, table: &Table<'_>, names: &mut Shared<'t>) {
        let trunk = self.name.map(|name| name.value);
        for At { value: (name, media), at } in &self.named {
            let key = (self.interface, name.to_ascii_lowercase());
            if media.is_some() {
                continue;
            }
            let &mut (first, place) = names.entry(key).or_insert((trunk, *at));
            if let Some(first) = first.filter(|_| first != trunk) {
                let place = table.report().place(place);
                let message = format!("dns:{name} is trunk \"{first}\"'s already, at {place}");
                table.report().mistake(*at, message);
            }
        }
    }

    fn named(&self, trunk: u16, interfaces: &Interfaces<'_>) -> Vec<NamedRange> {
        let number = self.interface.and_then(|number| u8::try_from(number).ok());
        let entry = self.interface.and_then(|number| interfaces.entry(number));
        let Some(((interface, entry), transport)) = number.zip(entry).zip(self.transport) else {
            return Vec::new();
        };
        let named = |named: &Written<'t, Option<(u16, u16)>>| NamedRange {
            trunk,
            interface,
            name: named.value.0.to_ascii_lowercase(),
            transport,
            ipv6: entry.advertise.is_ipv6(),
            media: named.value.1,
        };
        self.named.iter().map(named).collect()
    }

    fn sources(&self, trunk: u16) -> impl Iterator<Item = Range> + '_ {
        let scope = self.interface.and_then(|interface| u8::try_from(interface).ok());
        self.signalling.iter().filter_map(move |range| Some(Range::new(scope?, range.value.1, trunk)))
    }

    fn lower(
        self,
        interfaces: &Interfaces<'_>,
        media: &mut Vec<MediaRange>,
        users: &mut Vec<User>,
        text: &mut Text,
    ) -> Option<Trunk> {
        let ranges = self.media?;
        let Traffic { max_calls, starts, takes } = self.traffic?;
        let (srtp, keys_in_clear) = self.srtp?;
        let named = self.named.iter().any(|named| named.value.1.is_some());
        let policy = match ranges.as_slice() {
            [] if !named => MediaPolicy::Signalled,
            ranges => MediaPolicy::Ranges(append(media, ranges.iter().map(|range| range.value.1))?),
        };
        Some(Trunk {
            name: text.add(self.name?.value),
            kind: self.kind?,
            listener: interfaces.listener(self.interface?, self.transport?)?,
            media: policy,
            learn: self.learn?,
            srtp,
            keys_in_clear,
            max_calls,
            starts,
            takes,
            credentials: self.credentials?.map(|credentials| credentials.lower(text)),
            identity: self.identity?.lower(text),
            registration: None,
            users: append(users, self.users?.iter().map(|user| user.lower_user(text)))?,
            certified: self.trust?.name.is_some(),
            return_to: None,
            ping: self.ping?.map(|(_, every)| every),
        })
    }
}

/// Where a caller goes back to, of a trunk that may transfer calls.
fn return_to<'t>(table: &Table<'t>, kind: Option<TrunkKind>) -> Option<At<&'t str>> {
    let value = table.get("return_to")?;
    if matches!(kind, Some(TrunkKind::Zendesk | TrunkKind::Carrier)) {
        let message = "\"return_to\" is for trunks of kind ai and phones; no other transfers calls";
        table.report().mistake(value.at, message);
    }
    value.string()
}

/// The interface the trunk stands on: the only one, where nothing is said.
fn interface(table: &Table<'_>, interfaces: &Interfaces<'_>) -> Option<usize> {
    match table.get("interface") {
        Some(value) => interfaces.names.find(value.string()?),
        None if interfaces.names.are_many() => {
            table.need("interface");
            None
        }
        None => Some(0),
    }
}

/// Names among ranges, and the ports that media comes from there.
type NamesOf<'t> = Vec<Written<'t, Option<(u16, u16)>>>;

/// Where the trunk signals from: each range with its text. Names are put apart.
fn signalling<'t>(
    table: &Table<'t>,
    kind: Option<TrunkKind>,
    named: &mut NamesOf<'t>,
) -> Vec<Written<'t, Prefix>> {
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
    let mut ranges = Vec::new();
    for text in texts {
        match named::name(text.value) {
            Some(name) => named.extend(text.read(table.report(), |_| Ok((name?, None)))),
            None => ranges.extend(text.read(table.report(), |text| Ok((text, source(text)?)))),
        }
    }
    ranges
}

fn source(text: &str) -> Result<Prefix, String> {
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
fn media<'t>(
    table: &Table<'t>,
    kind: Option<TrunkKind>,
    named: &mut NamesOf<'t>,
) -> Option<Vec<Written<'t, MediaRange>>> {
    let texts = match (table.get("media"), kind) {
        (Some(value), _) if value.is_string() => return value.choice(AS_SIGNALLED).map(|_| Vec::new()),
        (Some(value), _) => value.some_strings(),
        (None, Some(TrunkKind::Zendesk)) => vec![At { value: ZENDESK_MEDIA, at: table.at }],
        (None, _) => return Some(Vec::new()),
    };
    let (mut ranges, before) = (Vec::new(), named.len());
    for text in texts {
        // A name may have a hyphen, and ports behind a colon.
        let (place, last) = match text.value.rsplit_once(':') {
            Some((place, last)) if place.contains(':') => (place, Some(last)),
            _ => (text.value, None),
        };
        match named::name(place) {
            Some(name) => named.extend(
                text.read(table.report(), |_| Ok((name?, Some(last.map_or(Ok((1, u16::MAX)), ports)?)))),
            ),
            None => ranges.extend(text.read(table.report(), |text| Ok((text, media_range(text)?)))),
        }
    }
    (!ranges.is_empty() || named.len() > before).then_some(ranges)
}

/// `198.51.100.0/24:10000-20000`, or the addresses alone.
fn media_range(text: &str) -> Result<MediaRange, String> {
    match text.rsplit_once(':').filter(|(_, last)| last.contains('-')) {
        Some((addresses, last)) => Ok(MediaRange { prefix: prefix(addresses)?, ports: ports(last)? }),
        None => Ok(MediaRange { prefix: prefix(text)?, ports: (1, u16::MAX) }),
    }
}

/// As signalled means public addresses only. A trunk that signals from private ones alone sends media from there too.
fn refuse_private_signalled(table: &Table<'_>, prefixes: &[Written<'_, Prefix>]) {
    let private = |prefix: &Written<'_, Prefix>| match prefix.value.1.address {
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
