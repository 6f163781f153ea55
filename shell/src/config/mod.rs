//! The configuration: a TOML file read into core's tables, or every mistake in it with its place.
//!
//! What a file says is checked here once, so that core never meets a reference that leads nowhere, a source that
//! belongs to two trunks or a number that two lines answer to. A key that is not known is a mistake like any other:
//! nothing is skipped in silence.

mod interface;
mod limits;
mod line;
mod loaded;
mod media;
mod mistake;
mod names;
mod node;
mod notation;
mod sources;
mod suggest;
mod table;
mod target;
mod trunk;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use toml::de::DeTable;
use warmline_core::config::Node;

pub use loaded::{Loaded, Socket};
pub use mistake::{Mistake, Mistakes, Position};
pub use suggest::suggest;

use mistake::Report;
use table::Table;

/// The configuration of a node that was given none: it listens on loopback and can be called at once.
pub const EMBEDDED: &str = include_str!("default.toml");

/// What a file may consist of.
const SECTIONS: &[&str] = &["node", "interface", "media", "limits", "trunk", "target", "line"];

/// What the TOML parser says of a key that is there already.
const DOUBLED: &str = "duplicate key";

/// The largest file in bytes.
const LARGEST: u64 = 16 << 20;

/// Reads and checks a file.
///
/// # Errors
/// Every mistake in it, in order; or the one that it cannot be read, is no UTF-8 or is larger than 16 MiB.
pub fn load(path: &Path) -> Result<Loaded, Mistakes> {
    let name = path.display().to_string();
    match text(path) {
        Ok(text) => parse(&name, &text),
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
    let report = Report::new(name, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    // After another mistake, headers that were not understood make keys look doubled.
    let only_doubled = errors.iter().all(|error| error.message() == DOUBLED);
    for error in errors.iter().filter(|error| only_doubled || error.message() != DOUBLED) {
        report.mistake(error.span().map_or(0, |span| span.start), error.message());
    }
    report.check()?;
    let loaded = read(&Table::document(&report, document.get_ref(), SECTIONS));
    report.check()?;
    Ok(loaded)
}

fn read(root: &Table<'_>) -> Loaded {
    let mut text = loaded::Text::default();
    let node = node::read(root, &mut text);
    let workers = media::workers(root);
    let new_calls = limits::new_calls(root);
    let interfaces = interface::read(root, node.capacity, &mut text);
    let capacity = node.capacity.map(|capacity| capacity.value);
    let trunks = trunk::read(root, &interfaces, capacity, &mut text);
    let around = target::Around { interfaces: &interfaces, trunks: &trunks, domains: &node.domains };
    let targets = target::read(root, around, &mut text);
    let lines = line::read(root, &trunks, &targets, &mut text);
    Loaded {
        node: Node { name: node.name, country: node.country, new_calls, workers },
        capacity: capacity.unwrap_or_default(),
        domains: node.domains.iter().map(|domain| text.add(domain)).collect(),
        interfaces: interfaces.entries.into_iter().flatten().collect(),
        listeners: interfaces.listeners,
        trunks: trunks.entries.into_iter().flatten().collect(),
        sources: trunks.sources.into_table(),
        media: trunks.media,
        targets: targets.entries.into_iter().flatten().collect(),
        lines: lines.entries.into_iter().flatten().collect(),
        dials: lines.dials,
        callers: lines.callers,
        rings: lines.rings,
        text,
    }
}
