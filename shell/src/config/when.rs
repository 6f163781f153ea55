//! `[[line.when]]`: what a line does at some hours instead of ringing.

use super::schedule::Schedules;
use super::table::{Table, Value};
use warmline_core::line::{Hours, ScheduleIndex, When};

/// How many a line may have.
const MOST: usize = 100;

/// Whose hours, and whether it is while they are open or closed.
fn hours<'t>(table: &Table<'t>, schedules: &Schedules<'t>) -> Option<(ScheduleIndex, Hours)> {
    let (value, hours): (Value<'t>, _) = match (table.get("inside"), table.get("outside")) {
        (Some(inside), None) => (inside, Hours::Open),
        (None, Some(outside)) => (outside, Hours::Closed),
        (Some(inside), Some(outside)) => {
            let later = if inside.at > outside.at { inside } else { outside };
            later.mistake("a [[line.when]] is for one schedule, inside or outside: make two of it");
            return None;
        }
        (None, None) => {
            let message = "[[line.when]] names no schedule: say outside = \"NAME\", or inside";
            table.report().mistake(table.at, message);
            return None;
        }
    };
    let number = schedules.names.find(value.string()?)?;
    Some((ScheduleIndex(u16::try_from(number).ok()?), hours))
}

const KEYS: &[&str] = &["inside", "outside", "then"];

/// A line's, in their order.
pub(super) fn read<'t>(line: &Table<'t>, schedules: &Schedules<'t>) -> Vec<When> {
    let tables = line.many("when", "[[line.when]]", KEYS, MOST);
    tables
        .iter()
        .filter_map(|table| {
            let hours = hours(table, schedules);
            let then = table
                .need("then")
                .and_then(|v| v.choice(&[("goodbye", Some(warmline_core::config::Then::Goodbye(None)))]));
            let ((schedule, hours), then) = hours.zip(then)?;
            Some(When { schedule, hours, then: then.value })
        })
        .collect()
}
