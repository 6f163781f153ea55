//! The configuration: a TOML file read into core's tables, or every mistake in it with its place.
//!
//! What a file says is checked here once, so that core never meets a reference that leads nowhere, a source that
//! belongs to two trunks or a number that two lines answer to. A key that is not known is a mistake like any other:
//! nothing is skipped in silence.

mod appliance;
mod board;
mod caution;
mod certificate;
mod clip;
mod credentials;
mod desk;
mod dns;
mod identity;
mod interface;
mod limits;
mod line;
mod loaded;
mod machine;
mod media;
mod mistake;
mod named;
mod names;
mod node;
mod notation;
mod ping;
mod platform;
mod recording;
mod register;
mod schedule;
mod secret;
mod sources;
mod srtp;
pub(crate) mod store;
mod suggest;
mod table;
mod target;
mod then;
mod together;
mod traffic;
mod trunk;
mod waiting;
mod webhook;
mod when;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;
use toml::de::DeTable;
use warmline_core::config::Node;
use warmline_core::image::Board;

pub use loaded::{Loaded, Socket};
pub use media::Media;
pub use mistake::{Mistake, Mistakes, Position};
pub use named::{NamedRange, Unusable};
pub(crate) use schedule::Written;
pub use suggest::suggest;

use machine::Machine;
use mistake::Report;
use table::Table;

/// The configuration of a node that was given none: it listens on loopback and can be called at once.
pub const EMBEDDED: &str = include_str!("default.toml");

/// What a file may consist of.
const SECTIONS: &[&str] = &[
    "node",
    "interface",
    "media",
    "limits",
    "trunk",
    "target",
    "schedule",
    "line",
    "recording",
    "dns",
    "appliance",
    "store",
    "desk",
    "platform",
    "webhook",
];

/// What the TOML parser says of a key that is there already.
const DOUBLED: &str = "duplicate key";

/// The largest file in bytes.
const LARGEST: u64 = 16 << 20;

/// Reads and checks a file.
///
/// # Errors
/// Every mistake in it, in order; or the one that it cannot be read, is no UTF-8 or is larger than 16 MiB.
pub fn load(path: &Path) -> Result<Loaded, Mistakes> {
    load_as(path, None)
}

/// Reads and checks a file for a board: [`Loaded::appliance`] is there, and everything fits.
///
/// # Errors
/// As for [`load`], and everything that the board has no room for.
pub fn load_for(board: &'static Board, path: &Path) -> Result<Loaded, Mistakes> {
    load_as(path, Some(board))
}

fn load_as(path: &Path, board: Option<&'static Board>) -> Result<Loaded, Mistakes> {
    let name = path.display().to_string();
    match text(path) {
        Ok(text) => parse_as(&name, &text, board),
        Err(error) => Err(Mistakes::of_file(&name, format!("cannot be read: {error}"))),
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB"));
    }
    Ok(text)
}

/// Checks a text. `name` is what its mistakes call it.
///
/// # Errors
/// Every mistake in it, in order. Where it is no TOML, what else is wrong is not looked for.
pub fn parse(name: &str, text: &str) -> Result<Loaded, Mistakes> {
    parse_as(name, text, None)
}

fn parse_as(name: &str, text: &str, board: Option<&'static Board>) -> Result<Loaded, Mistakes> {
    let report = Report::new(name, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    // After another mistake, headers that were not understood make keys look doubled.
    let only_doubled = errors.iter().all(|error| error.message() == DOUBLED);
    for error in errors.iter().filter(|error| only_doubled || error.message() != DOUBLED) {
        report.mistake(error.span().map_or(0, |span| span.start), error.message());
    }
    report.check()?;
    let root = Table::document(&report, document.get_ref(), SECTIONS);
    let machine = Machine::of(board, &root);
    let mut loaded = read(&root, machine);
    if !machine.is_server() && report.is_clean() {
        board::check(&root, machine, &loaded);
    }
    report.check()?;
    loaded.cautions = report.cautions();
    Ok(loaded)
}

fn read(root: &Table<'_>, machine: Machine) -> Loaded {
    let mut text = loaded::Text::default();
    let appliance = appliance::read(root);
    if !machine.is_server() && root.get("appliance").is_none() {
        root.report().mistake(0, "there is no [appliance]: say how the board is connected");
    }
    let appliance = appliance.as_ref();
    let node = node::read(root, machine, &mut text);
    let media::Section { workers, relaying, silence } = media::read(root, machine);
    let (new_calls, blocked) = limits::read(root, machine, &mut text);
    let interfaces = interface::read(root, machine, appliance, node.capacity, &mut text);
    let capacity = node.capacity.map(|capacity| capacity.value);
    let mut trunks = trunk::read(root, &interfaces, appliance, capacity, &mut text);
    let around =
        target::Around { interfaces: &interfaces, trunks: &trunks, domains: &node.domains, appliance };
    let mut targets = target::read(root, around, &mut text);
    let registrars = target::registrars(root, around, &mut targets, &mut text);
    trunks.find_returns(&targets);
    let mut clips = clip::Clips::default();
    let recording = recording::read(root, machine);
    let schedules = schedule::read(root, &mut text);
    let desks = desk::read(root, machine);
    let platform = platform::read(root, machine, &interfaces, &trunks, &desks);
    let known = line::Known { trunks: &trunks, targets: &targets, schedules: &schedules, desks: &desks };
    let lines = line::read(root, known, node.country, &mut clips, &mut text);
    for (trunk, registrar) in registrars {
        if let Some(Some(trunk)) = trunks.entries.get_mut(trunk) {
            trunk.registration = Some(registrar);
        }
    }
    let mut loaded = Loaded {
        node: Node { name: node.name, country: node.country, new_calls, workers, silence, blocked },
        capacity: capacity.unwrap_or_default(),
        relaying,
        appliance: appliance.and_then(|section| section.lower(capacity.unwrap_or_default())),
        domains: node.domains.iter().map(|domain| text.add(domain)).collect(),
        interfaces: interfaces.entries.into_iter().flatten().collect(),
        listeners: interfaces.listeners,
        identities: interfaces.identities,
        trunks: trunks.entries.into_iter().flatten().collect(),
        sources: Vec::new(),
        shared: Vec::new(),
        schedules: Vec::new(),
        instants: Vec::new(),
        whens: lines.whens,
        written: Written::default(),
        media: trunks.media,
        trust: trunks.trust,
        targets: targets.entries.into_iter().flatten().collect(),
        lines: lines.entries.into_iter().flatten().collect(),
        dials: lines.dials,
        callers: lines.callers,
        rings: lines.rings,
        keys: lines.keys,
        users: trunks.users,
        named: trunks.named,
        fixed: named::Fixed::default(),
        dns: dns::servers(root),
        clips: clips.library,
        recording,
        store: store::read(root, machine),
        desks: desks.entries.into_iter().flatten().collect(),
        tickets: lines.tickets,
        platform,
        webhooks: webhook::read(root, machine),
        cautions: Vec::new(),
        text,
    };
    if loaded.take_sources(trunks.sources).is_none() {
        root.report().mistake(0, "more trunks share addresses than can be counted");
    }
    loaded.take_schedules(root.report(), schedules, Timestamp::now());
    // Where there are mistakes, not every trunk and target is there.
    if root.report().is_clean() {
        ping::refuse_nobody(root.report(), &loaded.lend(), &trunks.pings);
        together::refuse(root.report(), &loaded.lend(), &lines.together);
    }
    loaded
}
