//! `[limits]`: how much is taken at once, and from whom nothing is.

use super::loaded::Text;
use super::machine::Machine;
use super::notation::rate;
use super::table::Table;
use warmline_core::config::Span;
use warmline_core::filter::Rate;

const KEYS: &[&str] = &["new_calls", "blocked"];

/// However few calls come in the long run, so many may come at once: callers do not take turns.
const AT_ONCE: u32 = 8;

/// Longer than any number in E.164.
const LONGEST: usize = 16;

/// How many requests outside a dialog are taken, all sources together, and the callers who are turned away.
pub(super) fn read(root: &Table<'_>, machine: Machine, text: &mut Text) -> (Rate, Span) {
    let table = root.one("limits", "[limits]", KEYS);
    let get = |key| table.and_then(|table| table.get(key));
    let per_second = match get("new_calls").and_then(|value| value.read(rate)) {
        Some(rate) => {
            machine.bound(root.report(), rate, "new calls a second", |board| board.rate);
            rate.value
        }
        None => machine.new_calls(),
    };
    let rate = Rate::per_second(per_second);
    let blocked = get("blocked").map(|value| value.strings()).unwrap_or_default();
    let blocked: Vec<&str> = blocked
        .into_iter()
        .filter_map(|text| text.read(root.report(), blocked_caller))
        .map(|caller| caller.value)
        .collect();
    (Rate { burst: rate.burst.max(AT_ONCE), ..rate }, text.add(&blocked.join(",")))
}

/// `+827012345678`, `+8270*` or `anonymous`.
fn blocked_caller(text: &str) -> Result<&str, String> {
    let digits = text.strip_suffix('*').unwrap_or(text).strip_prefix('+');
    let number = digits.is_some_and(|digits| {
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (1..LONGEST).contains(&digits.len())
    });
    if !number && text != "anonymous" {
        return Err(format!(
            "\"{}\" is nobody who calls; write a number like \"+827012345678\", what numbers begin with like \"+8270*\", or \
             \"anonymous\"",
            text.escape_debug()
        ));
    }
    Ok(text)
}
