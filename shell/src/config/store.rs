//! `[store]`: where calls and tickets are written down.

use std::path::Path;

use toml::de::DeTable;

use super::machine::Machine;
use super::mistake::{Mistakes, Report};
use super::table::{At, Table};
use super::{SECTIONS, text};
use crate::store::Setting;

const KEYS: &[&str] = &["url"];

/// What the file says; none where it says nothing.
pub(super) fn read(root: &Table<'_>, machine: Machine) -> Option<Setting> {
    let table = root.one("store", "[store]", KEYS)?;
    if !machine.is_server() {
        table.report().mistake(table.at, "a board has no store: take [store] away");
        return None;
    }
    let At { value, at } = table.need("url").and_then(|value| value.secret())?;
    match Setting::read(value.reveal(), |file| table.report().beside(file)) {
        Ok(setting) => Some(setting),
        Err(message) => {
            table.report().mistake(at, message);
            None
        }
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
    let setting = read(&Table::document(&report, document.get_ref(), SECTIONS), Machine::Server);
    report.check()?;
    Ok(setting.unwrap_or_else(|| Setting::beside(path)))
}
