//! `[limits]`: how much is taken at once.

use super::machine::Machine;
use super::notation::rate;
use super::table::Table;
use warmline_core::filter::Rate;

const KEYS: &[&str] = &["new_calls"];

/// How many requests outside a dialog are taken, all sources together.
pub(super) fn new_calls(root: &Table<'_>, machine: Machine) -> Rate {
    let table = root.one("limits", "[limits]", KEYS);
    let value = table.and_then(|table| table.get("new_calls"));
    let Some(rate) = value.and_then(|value| value.read(rate)) else { return machine.new_calls() };
    machine.bound(root.report(), rate, "new calls a second", |board| board.rate);
    Rate::per_second(rate.value)
}
