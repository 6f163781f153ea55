//! `[store]`: where calls and tickets are written down, and for how long.

use core::time::Duration;
use std::path::Path;

use toml::de::DeTable;

use super::machine::Machine;
use super::mistake::{Mistakes, Report};
use super::table::{At, Table, Value};
use super::{SECTIONS, desk, text};
use crate::store::{Keeping, Setting};

const KEYS: &[&str] = &["url", "live", "keep", "lease"];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long what is over is kept, at least and at most.
const KEEP: (Duration, Duration) = (DAY, DAY.saturating_mul(3_660));

/// For how long a node that says nothing counts as one that is there, at least and at most.
const LEASE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// What the file says.
pub(super) fn read(root: &Table<'_>, machine: Machine) -> Keeping {
    let usual = Keeping::default();
    let Some(table) = root.one("store", "[store]", KEYS) else { return usual };
    if !machine.is_server() {
        table.report().mistake(table.at, "a board has no store: take [store] away");
        return usual;
    }
    let time = |key, usual, (least, most): (Duration, Duration)| {
        table.get(key).and_then(|value| desk::time(value, least, most)).unwrap_or(usual)
    };
    let live = table.get("live").and_then(Value::string);
    Keeping {
        database: table.get("url").and_then(|value| value.secret()).and_then(|At { value, at }| {
            let setting = Setting::read(value.reveal(), |file| table.report().beside(file));
            setting.map_err(|message| table.report().mistake(at, message)).ok()
        }),
        live: live.map(|live| table.report().beside(live.value)),
        keep: time("keep", usual.keep, KEEP),
        lease: time("lease", usual.lease, LEASE),
    }
}

/// The store of a node that runs with this file, whatever else is in it: who only reads the store needs no other
/// section's secrets.
///
/// # Errors
/// What is wrong with the file, or with its `[store]`.
pub(crate) fn of(path: &Path) -> Result<Setting, Mistakes> {
    let name = path.display().to_string();
    let text = text(path).map_err(|error| Mistakes::of_file(&name, format!("cannot be read: {error}")))?;
    let report = Report::new(&name, &text);
    let (document, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        report.mistake(error.span().map_or(0, |span| span.start), error.message());
    }
    report.check()?;
    let keeping = read(&Table::document(&report, document.get_ref(), SECTIONS), Machine::Server);
    report.check()?;
    Ok(keeping.database.unwrap_or_else(|| Setting::beside(path)))
}
