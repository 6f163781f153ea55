//! `[limits]`: how much is taken at once.

use super::notation::rate;
use super::table::Table;
use warmline_core::filter::Rate;

const KEYS: &[&str] = &["new_calls"];

const NEW_CALLS: u32 = 30;

/// How many requests outside a dialog are taken, all sources together.
pub(super) fn new_calls(root: &Table<'_>) -> Rate {
    let table = root.one("limits", "[limits]", KEYS);
    let value = table.and_then(|table| table.get("new_calls"));
    Rate::per_second(value.and_then(|value| value.read(rate)).map_or(NEW_CALLS, |rate| rate.value))
}
