//! `[[line.when]]`: what a line does at some hours instead of ringing.

use super::caution;
use super::schedule::Schedules;
use super::table::Table;
use super::then::{self, Around};
use warmline_core::line::{Hours, ScheduleIndex, When};

const KEYS: &[&str] = &["inside", "outside", "then", then::TARGET, then::PROMPT, then::LINE];

/// How many a line may have.
const MOST: usize = 100;

/// Those of the line with this number, in their order.
pub(super) fn read<'t>(
    line: &Table<'t>,
    number: usize,
    schedules: &Schedules<'t>,
    around: &mut Around<'_, 't>,
) -> Vec<When> {
    let mut whens = Vec::new();
    for table in line.many("when", "[[line.when]]", KEYS, MOST) {
        let (hours, then) = (hours(&table, schedules), then::read(&table, around));
        if let Some(then) = then {
            caution::goes_round(line.report(), &table, number, then);
        }
        whens.extend(hours.zip(then).map(|((schedule, hours), then)| When { schedule, hours, then }));
    }
    whens
}

/// Whose hours, and whether it holds while they are open or while they are closed.
fn hours<'t>(table: &Table<'t>, schedules: &Schedules<'t>) -> Option<(ScheduleIndex, Hours)> {
    let (value, hours) = match (table.get("inside"), table.get("outside")) {
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
