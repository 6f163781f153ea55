//! A configuration's tables in a fixed size, and how they are written down.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

use heapless::Vec;
use serde::{Deserialize, Serialize};

use super::appliance::{Appliance, MAX_DNS};
use super::error::{ANY, Excess, ImageError};
use crate::config::{
    Config, Interface, Key, Line, List, Listener, MediaRange, Node, Ring, Span, Target, Trunk, TrunkIndex,
    User,
};
use crate::filter::{Range, Rate};
use crate::line::{Schedule, Second, When};

/// Most bytes of all names, URIs, numbers and secrets together.
pub const MAX_TEXT: usize = 4096;
/// Most hosts that mean us.
pub const MAX_DOMAINS: usize = 8;
/// Most interfaces: a board has one.
pub const MAX_INTERFACES: usize = 1;
/// Most sockets SIP is heard on.
pub const MAX_LISTENERS: usize = 4;
/// Most trunks.
pub const MAX_TRUNKS: usize = 16;
/// Most ranges that trunks signal from, all together.
pub const MAX_SOURCES: usize = 64;
/// Most ranges that their media comes from, all together.
pub const MAX_MEDIA: usize = 32;
/// Most targets.
pub const MAX_TARGETS: usize = 32;
/// Most lines.
pub const MAX_LINES: usize = 16;
/// Most names and numbers by which lines are dialled, all together.
pub const MAX_DIALS: usize = 64;
/// Most trunks that lines are dialled from, all lines together.
pub const MAX_CALLERS: usize = 64;
/// Most targets that lines ring, all lines together.
pub const MAX_RINGS: usize = 64;

/// Most sets of trunks that speak from the same addresses.
pub const MAX_SHARED: usize = 8;

/// Most users that trunks have, all trunks together.
pub const MAX_USERS: usize = 16;

/// Most schedules.
pub const MAX_SCHEDULES: usize = 4;

/// Most times at which schedules open and close, all schedules together: these stay in flash.
pub const MAX_INSTANTS: usize = 2048;

/// Most rules of what lines do at some hours, all lines together.
pub const MAX_WHENS: usize = 16;
/// Most keys that callers may press while they wait, all lines together.
pub const MAX_KEYS: usize = 16;

/// A configuration in a fixed size, the same for every board. A new one is all zero bits, so that a static of it takes
/// no flash. Shown, it is without what it holds: there are secrets in it.
pub struct Tables {
    text: Vec<u8, MAX_TEXT>,
    node: Node,
    domains: Vec<Span, MAX_DOMAINS>,
    interfaces: Vec<Interface, MAX_INTERFACES>,
    listeners: Vec<Listener, MAX_LISTENERS>,
    trunks: Vec<Trunk, MAX_TRUNKS>,
    sources: Vec<Range, MAX_SOURCES>,
    media: Vec<MediaRange, MAX_MEDIA>,
    targets: Vec<Target, MAX_TARGETS>,
    lines: Vec<Line, MAX_LINES>,
    dials: Vec<Span, MAX_DIALS>,
    callers: Vec<TrunkIndex, MAX_CALLERS>,
    rings: Vec<Ring, MAX_RINGS>,
    users: Vec<User, MAX_USERS>,
    shared: Vec<List<TrunkIndex>, MAX_SHARED>,
    schedules: Vec<Schedule, MAX_SCHEDULES>,
    whens: Vec<When, MAX_WHENS>,
    keys: Vec<Key, MAX_KEYS>,
    /// Whether the interface's address is whatever is leased, and so whether peers are told that one.
    leased: (bool, bool),
}

// A board's memory is counted; on a host, where a `u128` is aligned otherwise, they take some 500 bytes more.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Tables>() <= 14_780);

const NODE: Node = Node {
    name: Span { start: 0, len: 0 },
    country: Span { start: 0, len: 0 },
    new_calls: Rate { per_second: 0, burst: 0 },
    workers: 0,
    silence: 0,
    blocked: Span { start: 0, len: 0 },
};

impl Tables {
    /// Empty ones.
    pub const fn new() -> Self {
        Self {
            text: Vec::new(),
            node: NODE,
            domains: Vec::new(),
            interfaces: Vec::new(),
            listeners: Vec::new(),
            trunks: Vec::new(),
            sources: Vec::new(),
            media: Vec::new(),
            targets: Vec::new(),
            lines: Vec::new(),
            dials: Vec::new(),
            callers: Vec::new(),
            rings: Vec::new(),
            users: Vec::new(),
            shared: Vec::new(),
            schedules: Vec::new(),
            whens: Vec::new(),
            keys: Vec::new(),
            leased: (false, false),
        }
    }

    /// The configuration as core takes it, but for [`Config::instants`], which are [`instants`](super::instants) of the
    /// image.
    pub fn lend(&self) -> Config<'_> {
        Config {
            text: &self.text,
            node: self.node,
            domains: &self.domains,
            interfaces: &self.interfaces,
            listeners: &self.listeners,
            trunks: &self.trunks,
            sources: &self.sources,
            media: &self.media,
            targets: &self.targets,
            lines: &self.lines,
            dials: &self.dials,
            callers: &self.callers,
            rings: &self.rings,
            users: &self.users,
            shared: &self.shared,
            schedules: &self.schedules,
            instants: &[],
            whens: &self.whens,
            keys: &self.keys,
        }
    }

    /// Takes a leased address for the interface's own, and for what peers are told of it: each only where the image has
    /// none. A later lease takes the earlier one's place.
    pub fn set_address(&mut self, address: Ipv4Addr) {
        let (own, told) = self.leased;
        for interface in &mut self.interfaces {
            if own {
                interface.address = IpAddr::V4(address);
            }
            if told {
                interface.advertise = IpAddr::V4(address);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.node = NODE;
        self.domains.clear();
        self.interfaces.clear();
        self.listeners.clear();
        self.trunks.clear();
        self.sources.clear();
        self.media.clear();
        self.targets.clear();
        self.lines.clear();
        self.dials.clear();
        self.callers.clear();
        self.rings.clear();
        self.users.clear();
        self.shared.clear();
        self.schedules.clear();
        self.whens.clear();
        self.keys.clear();
        self.leased = (false, false);
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").finish_non_exhaustive()
    }
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

// What each table is called where it is too long.
const TEXT: &str = "bytes of names, URIs and numbers";
const DOMAINS: &str = "domains";
const INTERFACES: &str = "interfaces";
const LISTENERS: &str = "sockets to listen on";
const TRUNKS: &str = "trunks";
const SOURCES: &str = "ranges that trunks signal from";
const MEDIA: &str = "ranges that trunks' media comes from";
const TARGETS: &str = "targets";
const LINES: &str = "lines";
const DIALS: &str = "names and numbers that are dialled";
const CALLERS: &str = "trunks that lines are dialled from";
const RINGS: &str = "targets that lines ring";
const USERS: &str = "users of trunks";
const SHARED: &str = "sets of trunks that speak from the same addresses";
const SCHEDULES: &str = "schedules";
const INSTANTS: &str = "times at which schedules open and close";
const WHENS: &str = "rules of what lines do when";
const KEYS: &str = "keys that callers may press";

/// Whether every table is short enough.
pub(super) fn check_room(config: &Config<'_>) -> Result<(), ImageError> {
    [
        (TEXT, config.text.len(), MAX_TEXT),
        (DOMAINS, config.domains.len(), MAX_DOMAINS),
        (INTERFACES, config.interfaces.len(), MAX_INTERFACES),
        (LISTENERS, config.listeners.len(), MAX_LISTENERS),
        (TRUNKS, config.trunks.len(), MAX_TRUNKS),
        (SOURCES, config.sources.len(), MAX_SOURCES),
        (MEDIA, config.media.len(), MAX_MEDIA),
        (TARGETS, config.targets.len(), MAX_TARGETS),
        (LINES, config.lines.len(), MAX_LINES),
        (DIALS, config.dials.len(), MAX_DIALS),
        (CALLERS, config.callers.len(), MAX_CALLERS),
        (RINGS, config.rings.len(), MAX_RINGS),
        (USERS, config.users.len(), MAX_USERS),
        (SHARED, config.shared.len(), MAX_SHARED),
        (SCHEDULES, config.schedules.len(), MAX_SCHEDULES),
        (INSTANTS, config.instants.len(), MAX_INSTANTS),
        (WHENS, config.whens.len(), MAX_WHENS),
        (KEYS, config.keys.len(), MAX_KEYS),
    ]
    .into_iter()
    .try_for_each(|(what, found, most)| Excess { who: ANY, what, found, most }.refuse())
}

/// Writes a body, and says how long it is.
pub(super) fn encode(
    config: &Config<'_>,
    appliance: &Appliance,
    out: &mut [u8],
) -> Result<usize, ImageError> {
    let mut body = Encoder { out, len: 0 };
    body.put(config.instants.as_flattened())?;
    body.put(&appliance.network)?;
    body.put(appliance.dns.as_slice())?;
    body.put(&appliance.calls)?;
    body.put(config.text)?;
    body.put(&config.node)?;
    body.put(config.domains)?;
    body.put(config.interfaces)?;
    body.put(config.listeners)?;
    body.put(config.trunks)?;
    body.put(config.sources)?;
    body.put(config.media)?;
    body.put(config.targets)?;
    body.put(config.lines)?;
    body.put(config.dials)?;
    body.put(config.callers)?;
    body.put(config.rings)?;
    body.put(config.users)?;
    body.put(config.shared)?;
    body.put(config.schedules)?;
    body.put(config.whens)?;
    body.put(config.keys)?;
    Ok(body.len)
}

/// The times at which schedules open and close, as they lie at the start of a body.
pub(super) fn instants(body: &[u8]) -> Result<&[Second], ImageError> {
    Decoder { rest: body }.instants()
}

/// Reads a body into empty tables, all but its instants.
pub(super) fn decode(body: &[u8], tables: &mut Tables) -> Result<Appliance, ImageError> {
    let mut body = Decoder { rest: body };
    body.instants()?;
    let network = body.take()?;
    let mut dns = Vec::<Ipv4Addr, MAX_DNS>::new();
    body.entries("DNS servers", &mut dns)?;
    let appliance = Appliance { network, dns, calls: body.take()? };
    let text: &[u8] = body.take()?;
    let excess = Excess { who: ANY, what: TEXT, found: text.len(), most: MAX_TEXT };
    tables.text.extend_from_slice(text).map_err(|_| ImageError::TooMany(excess))?;
    tables.node = body.take()?;
    body.entries(DOMAINS, &mut tables.domains)?;
    body.entries(INTERFACES, &mut tables.interfaces)?;
    body.entries(LISTENERS, &mut tables.listeners)?;
    body.entries(TRUNKS, &mut tables.trunks)?;
    body.entries(SOURCES, &mut tables.sources)?;
    body.entries(MEDIA, &mut tables.media)?;
    body.entries(TARGETS, &mut tables.targets)?;
    body.entries(LINES, &mut tables.lines)?;
    body.entries(DIALS, &mut tables.dials)?;
    body.entries(CALLERS, &mut tables.callers)?;
    body.entries(RINGS, &mut tables.rings)?;
    body.entries(USERS, &mut tables.users)?;
    body.entries(SHARED, &mut tables.shared)?;
    body.entries(SCHEDULES, &mut tables.schedules)?;
    body.entries(WHENS, &mut tables.whens)?;
    body.entries(KEYS, &mut tables.keys)?;
    if let Some(interface) = tables.interfaces.first() {
        tables.leased = (interface.address.is_unspecified(), interface.advertise.is_unspecified());
    }
    if body.rest.is_empty() { Ok(appliance) } else { Err(ImageError::Malformed) }
}

/// One value behind another.
struct Encoder<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl Encoder<'_> {
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ImageError> {
        let room = self.out.get_mut(self.len..).unwrap_or_default();
        let used = postcard::to_slice(value, room).map_err(|_| ImageError::NoRoom)?.len();
        self.len = self.len.saturating_add(used);
        Ok(())
    }
}

/// The same values again. Each goes where it belongs by itself: all of the tables at once would be 11 KiB of stack.
struct Decoder<'b> {
    rest: &'b [u8],
}

impl<'b> Decoder<'b> {
    fn take<T: Deserialize<'b>>(&mut self) -> Result<T, ImageError> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|_| ImageError::Malformed)?;
        self.rest = rest;
        Ok(value)
    }

    fn instants(&mut self) -> Result<&'b [Second], ImageError> {
        let (instants, rest) = self.take::<&[u8]>()?.as_chunks();
        if rest.is_empty() { Ok(instants) } else { Err(ImageError::Malformed) }
    }

    fn entries<T: Deserialize<'b>, const N: usize>(
        &mut self,
        what: &'static str,
        table: &mut Vec<T, N>,
    ) -> Result<(), ImageError> {
        let found: u32 = self.take()?;
        let found = usize::try_from(found).unwrap_or(usize::MAX);
        Excess { who: ANY, what, found, most: N }.refuse()?;
        for _ in 0..found {
            let entry = self.take()?;
            table.push(entry).map_err(|_| ImageError::Malformed)?;
        }
        Ok(())
    }
}
