//! `[limits]`: how much is taken at once.

use super::machine::Machine;
use super::notation::rate;
use super::table::Table;
use warmline_core::filter::Rate;

const KEYS: &[&str] = &["new_calls"];

/// However few calls come in the long run, so many may come at once: callers do not take turns.
const AT_ONCE: u32 = 8;

/// How many requests outside a dialog are taken, all sources together.
pub(super) fn new_calls(root: &Table<'_>, machine: Machine) -> Rate {
    let table = root.one("limits", "[limits]", KEYS);
    let value = table.and_then(|table| table.get("new_calls"));
    let per_second = match value.and_then(|value| value.read(rate)) {
        Some(rate) => {
            machine.bound(root.report(), rate, "new calls a second", |board| board.rate);
            rate.value
        }
        None => machine.new_calls(),
    };
    let rate = Rate::per_second(per_second);
    Rate { burst: rate.burst.max(AT_ONCE), ..rate }
}
