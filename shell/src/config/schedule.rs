//! `[[schedule]]`: when somebody is there.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use warmline_core::config::Span;
use warmline_core::line::{Hours, Schedule, Second};

use super::loaded::{Loaded, Text, append};
use super::mistake::Report;
use super::names::Names;
use super::suggest::hint;
use super::table::{At, Table};
use crate::hours::{self, Calendar, Compiled, DaySpan, Rules, Week};

const KEYS: &[&str] = &["name", "timezone", "open", "except", "except_ical", "unknown"];

const UNKNOWN: &[(&str, Option<Hours>)] = &[("open", Some(Hours::Open)), ("closed", Some(Hours::Closed))];

/// How many there may be.
const MOST: usize = 1_000;

#[derive(Debug)]
pub(super) struct Schedules<'t> {
    pub(super) names: Names<'t>,
    entries: Vec<Option<Read>>,
    /// Where each begins.
    places: Vec<usize>,
}

/// One of them, before it is compiled.
#[derive(Debug)]
struct Read {
    name: Span,
    unknown: Hours,
    rules: Rules,
}

pub(super) fn read<'t>(root: &Table<'t>, text: &mut Text) -> Schedules<'t> {
    let mut schedules = Schedules { names: Names::new(root, "schedule"), entries: vec![], places: vec![] };
    for table in root.many("schedule", "[[schedule]]", KEYS, MOST) {
        let name = schedules.names.declare(&table);
        let unknown = table.get("unknown").and_then(|value| value.choice(UNKNOWN));
        let rules = rules(&table);
        schedules.places.push(table.at);
        schedules.entries.push(name.zip(rules).map(|(name, rules)| Read {
            name: text.add(name.value),
            unknown: unknown.map_or(Hours::Open, |unknown| unknown.value),
            rules,
        }));
    }
    schedules
}

fn rules(table: &Table<'_>) -> Option<Rules> {
    let zone = table.need("timezone").and_then(|value| value.read(zone));
    let mut week = Week::default();
    for text in table.need("open").map(|value| value.strings()).unwrap_or_default() {
        text.read(table.report(), |text| hours::week(text, &mut week));
    }
    let except = exceptions(table);
    let calendar = table.get("except_ical").and_then(|value| calendar(table.report(), value.string()?));
    Some(Rules { zone: zone?.value, week, except, calendar })
}

fn zone(name: &str) -> Result<TimeZone, String> {
    hours::zone(name).ok_or_else(|| {
        let zones = hours::zones();
        let city = format!("/{}", name.replace(' ', "_"));
        let named = zones.iter().find(|zone| zone.to_lowercase().ends_with(&city.to_lowercase()));
        let hint = named.map(|zone| format!("; did you mean \"{zone}\"?")).unwrap_or_else(|| {
            hint(name, zones.iter().map(String::as_str), || "; write it like \"Europe/Berlin\"".to_owned())
        });
        format!("unknown timezone \"{}\"{hint}", name.escape_debug())
    })
}

/// The dates with other hours, each of them once.
fn exceptions(table: &Table<'_>) -> BTreeMap<Date, Vec<DaySpan>> {
    let mut dates = BTreeMap::new();
    let mut places = BTreeMap::new();
    for text in table.get("except").map(|value| value.strings()).unwrap_or_default() {
        let Some(At { value: (date, spans), at }) = text.read(table.report(), hours::exception) else {
            continue;
        };
        match places.entry(date) {
            Entry::Vacant(place) => {
                place.insert(at);
                dates.insert(date, spans);
            }
            Entry::Occupied(first) => {
                let place = table.report().place(*first.get());
                let message =
                    format!("what holds on {date} is said already, at {place}: say all of it there");
                table.report().mistake(at, message);
            }
        }
    }
    dates
}

/// The calendar in a file beside the configuration.
fn calendar(report: &Report<'_>, file: At<&str>) -> Option<Arc<Calendar>> {
    let path = report.beside(file.value);
    match Calendar::read(&path) {
        Ok(calendar) => Some(Arc::new(calendar)),
        Err(error) => {
            report.mistake(file.at, format!("{} {error}", path.display()));
            None
        }
    }
}

/// Whose hours are when, to be compiled again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<[Rules]>);

impl Written {
    /// What is known of each schedule at a time. This may take a while where there are many.
    pub(crate) fn compile(&self, now: Timestamp) -> Vec<Compiled> {
        self.0.iter().map(|rules| hours::compile(rules, now)).collect()
    }
}

impl Loaded {
    /// Takes schedules and compiles them. Where more is to be told than core counts, that is a mistake.
    pub(super) fn take_schedules(&mut self, report: &Report<'_>, schedules: Schedules<'_>, now: Timestamp) {
        let Some(read) = schedules.entries.into_iter().collect::<Option<Vec<_>>>() else { return };
        let schedule = |read: &Read| Schedule {
            name: read.name,
            changes: warmline_core::config::List::EMPTY,
            first: Hours::Closed,
            unknown: read.unknown,
        };
        self.schedules = read.iter().map(schedule).collect();
        self.written = Written(read.into_iter().map(|read| read.rules).collect());
        if let Err(number) = self.set_hours(&self.written.compile(now)) {
            let at = schedules.places.get(number).copied().unwrap_or_default();
            report.mistake(at, "all schedules together open and close more than 65535 times in 400 days");
        }
    }

    /// Its schedules as they are written.
    pub(crate) fn written(&self) -> &Written {
        &self.written
    }

    /// The time zones of its schedules, in their order.
    pub(crate) fn zones(&self) -> impl Iterator<Item = &TimeZone> {
        self.written.0.iter().map(|rules| &rules.zone)
    }

    /// Has these hours, which were compiled from what is [`written`](Self::written).
    ///
    /// # Errors
    /// The number of the schedule that is one too many for core to count. Nothing is changed then.
    pub(crate) fn set_hours(&mut self, compiled: &[Compiled]) -> Result<(), usize> {
        let mut instants: Vec<Second> = Vec::new();
        let mut schedules = self.schedules.clone();
        for (number, (schedule, compiled)) in schedules.iter_mut().zip(compiled).enumerate() {
            schedule.changes = append(&mut instants, compiled.changes.iter().copied()).ok_or(number)?;
            schedule.first = compiled.first;
        }
        (self.schedules, self.instants) = (schedules, instants);
        Ok(())
    }

    /// The same with hours that were compiled meanwhile; none where they are of another configuration, or more than can
    /// be counted.
    pub(crate) fn with_hours(&self, written: &Written, compiled: &[Compiled]) -> Option<Self> {
        let mut new = Arc::ptr_eq(&self.written.0, &written.0).then(|| self.clone())?;
        new.set_hours(compiled).ok().map(|()| new)
    }

    /// Whether there are schedules that are to be compiled anew at this time, since not enough is known of them.
    pub(crate) fn hours_run_out(&self, now: Timestamp) -> bool {
        let config = self.lend();
        self.schedules.iter().any(|schedule| !hours::suffice(config.changes(schedule), now))
    }
}
