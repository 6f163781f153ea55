//! `[[trunk]]`: how many calls it carries, in all and each way.

use super::notation::rate;
use super::table::{Table, Value};
use warmline_core::config::{Limits, TrunkKind};
use warmline_core::filter::Rate;

/// More than any node carries.
const MOST_CALLS: u32 = 65_535;

/// What a trunk carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traffic {
    pub(super) max_calls: u32,
    pub(super) starts: Limits,
    pub(super) takes: Limits,
}

/// `max_calls` and what goes with it; without it a trunk carries as many as the node. None where something is a
/// mistake.
pub(super) fn read(table: &Table<'_>, kind: Option<TrunkKind>, capacity: Option<u32>) -> Option<Traffic> {
    if kind == Some(TrunkKind::Zendesk) {
        for name in ["max_calls_in", "max_rate_in"] {
            if let Some(value) = table.get(name) {
                let message =
                    format!("\"{name}\" is for trunks that start calls, and those of kind zendesk do not");
                table.report().mistake(value.at, message);
            }
        }
    }
    let max_calls = table.get("max_calls").map_or(capacity, calls);
    let limits = |most: &'static str, fastest: &'static str| {
        let calls = table.get(most).map_or(Some(u32::MAX), |value| within(table, &value, most, max_calls));
        let rate = table
            .get(fastest)
            .map_or(Some(Rate::UNLIMITED), |value| value.read(rate).map(|rate| Rate::per_second(rate.value)));
        (calls, rate)
    };
    let (starts, takes) = (limits("max_calls_in", "max_rate_in"), limits("max_calls_out", "max_rate"));
    let limits = |(calls, rate): (Option<u32>, Option<Rate>)| Some(Limits { calls: calls?, rate: rate? });
    Some(Traffic { max_calls: max_calls?, starts: limits(starts)?, takes: limits(takes)? })
}

fn calls(value: Value<'_>) -> Option<u32> {
    value.integer(1..=MOST_CALLS).map(|calls| calls.value)
}

/// What goes one way, of all that a trunk carries.
fn within(table: &Table<'_>, value: &Value<'_>, name: &str, all: Option<u32>) -> Option<u32> {
    let calls = calls(*value)?;
    let Some(all) = all.filter(|&all| calls > all) else { return Some(calls) };
    let message = format!("\"{name}\" is more than the trunk carries in all, which is {all}");
    table.report().mistake(value.at, message);
    None
}
