//! `[media]`: who relays.

use super::machine::Machine;
use super::table::Table;

const KEYS: &[&str] = &["workers"];

/// How many relay workers there are: one for each core where nothing is said, and one on a board.
pub(super) fn workers(root: &Table<'_>, machine: Machine) -> u8 {
    let table = root.one("media", "[media]", KEYS);
    let value = table.and_then(|table| table.get("workers"));
    let said = value.and_then(|value| value.integer(1..=u32::from(u8::MAX)));
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
    if let Some(said) = said {
        machine.bound(root.report(), said, "relay workers", |_| 1);
    }
    if !machine.is_server() {
        return said.map_or(1, |said| u8::try_from(said.value).unwrap_or(1));
    }
    said.map_or_else(
        || u8::try_from(cores()).unwrap_or(u8::MAX),
        |said| u8::try_from(said.value).unwrap_or(1),
    )
}
