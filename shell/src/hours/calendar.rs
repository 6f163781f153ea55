//! Calendars (iCalendar, RFC 5545) of what closes a schedule on top of its exceptions: holidays, meetings.
//!
//! All events are told once, when the file is read, up to the last year that core can be told. What names no time zone is
//! by the schedule's clock.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use calcard::common::PartialDateTime;
use calcard::common::timezone::Tz;
use calcard::icalendar::dates::{CalendarEvent, TimeOrDelta};
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty, ICalendarStatus, ICalendarValue,
};
use chrono::{Datelike, NaiveDateTime, TimeDelta, Timelike};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::clock::{Edge, instant};
use super::compile::Interval;

/// The largest file in bytes.
const LARGEST: u64 = 16 << 20;

/// How often its events may happen, all together.
const MOST: usize = 100_000;

/// The last year that rules are gone on with: core counts seconds to 2106.
const LAST: u16 = 2105;

/// When it is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// Whole days.
    days: BTreeSet<Date>,
    /// By the schedule's own clock.
    local: Vec<(DateTime, DateTime)>,
    /// By whatever clock.
    exact: Vec<Interval>,
}

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCalendar {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// It is something else.
    #[error("is no iCalendar file with a VEVENT in it")]
    Other,
    /// Something is wrong with an event: what it is called, and what.
    #[error("has an event \"{0}\" that cannot be understood: {1}")]
    Event(String, String),
    /// There is no end to it.
    #[error("has more than {MOST} events until {LAST}: give its rules an UNTIL or a COUNT")]
    TooMany,
}

/// An event as it is expanded.
type Event = CalendarEvent<chrono::DateTime<Tz>, TimeOrDelta<chrono::DateTime<Tz>, TimeDelta>>;

impl Calendar {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, NoCalendar> {
        let mut text = String::new();
        File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
        Self::parse(&text)
    }

    pub(super) fn parse(text: &str) -> Result<Self, NoCalendar> {
        let mut parsed = ICalendar::parse(text).map_err(|_| NoCalendar::Other)?;
        if !parsed.components.iter().any(is_event) {
            return Err(NoCalendar::Other);
        }
        refuse_unknown_zones(&parsed)?;
        parsed.components.iter_mut().for_each(bound);
        let mut calendar = Self::default();
        let mut happened = 0;
        for part in parts(&parsed) {
            let expanded = part.expand_dates(Tz::Floating, MOST + 1);
            let component = |id: u32| parsed.components.get(usize::try_from(id).ok()?);
            if let Some(wrong) = expanded.errors.first() {
                let name =
                    component(wrong.comp_id).and_then(|event| said(event, &ICalendarProperty::Summary));
                let name = name.unwrap_or_default().escape_debug().to_string();
                return Err(NoCalendar::Event(name, wrong.error.to_string()));
            }
            happened += expanded.events.len();
            if happened > MOST {
                return Err(NoCalendar::TooMany);
            }
            for event in expanded.events {
                component(event.comp_id).and_then(|component| calendar.take(component, event));
            }
        }
        Ok(calendar)
    }

    /// Closes while an event lasts; none where it does not, or cannot be told.
    fn take(&mut self, component: &ICalendarComponent, event: Event) -> Option<()> {
        if is_cancelled(component) {
            return None;
        }
        let floating = event.start.timezone().is_floating();
        let begin = event.start.naive_local();
        let lasts = matches!(event.end, TimeOrDelta::Time(_))
            || [ICalendarProperty::Dtend, ICalendarProperty::Duration]
                .iter()
                .any(|end| component.has_property(end));
        let end = match &event.end {
            TimeOrDelta::Time(end) => end.naive_local(),
            TimeOrDelta::Delta(delta) => begin.checked_add_signed(*delta)?,
        };
        if is_of_days(component) {
            let first = civil(begin)?.date();
            let after = civil(end)?.date().max(first.tomorrow().ok()?);
            self.days.extend(first.series(jiff::Span::new().days(1)).take_while(|&date| date < after));
        } else if !lasts {
            // It is over as it begins (RFC 5545 section 3.6.1).
        } else if floating {
            self.local.push((civil(begin)?, civil(end)?));
        } else {
            let seconds = event.timestamps();
            let end = event.try_into_date_time().map_or(seconds.1, |event| event.end.timestamp());
            self.exact.push((Timestamp::from_second(seconds.0).ok()?, Timestamp::from_second(end).ok()?));
        }
        Some(())
    }

    /// Whether all of a date is closed.
    pub(super) fn is_holiday(&self, date: Date) -> bool {
        self.days.contains(&date)
    }

    /// When it is closed beside whole days, as far as that touches a time: in any order, with overlaps.
    pub(super) fn times(&self, zone: &TimeZone, (from, until): Interval) -> Vec<Interval> {
        let local = |&(begin, end): &(DateTime, DateTime)| {
            Some((instant(zone, begin, Edge::Opens)?, instant(zone, end, Edge::Closes)?))
        };
        let all = self.exact.iter().copied().chain(self.local.iter().filter_map(local));
        all.filter(|&(begin, end)| begin < end && begin < until && end > from).collect()
    }
}

fn civil(time: NaiveDateTime) -> Option<DateTime> {
    let [month, day, hour, minute, second] =
        [time.month(), time.day(), time.hour(), time.minute(), time.second()]
            .map(|part| i8::try_from(part).ok());
    DateTime::new(i16::try_from(time.year()).ok()?, month?, day?, hour?, minute?, second?, 0).ok()
}

fn is_event(component: &ICalendarComponent) -> bool {
    component.component_type == ICalendarComponentType::VEvent
}

fn is_cancelled(component: &ICalendarComponent) -> bool {
    let status = component.property(&ICalendarProperty::Status).and_then(|entry| entry.values.first());
    matches!(status, Some(ICalendarValue::Status(ICalendarStatus::Cancelled)))
}

/// Whether it begins and ends with days.
fn is_of_days(component: &ICalendarComponent) -> bool {
    let begin = [ICalendarProperty::Dtstart, ICalendarProperty::RecurrenceId];
    let begin = begin.iter().find_map(|name| component.property(name)).and_then(|entry| entry.values.first());
    matches!(begin, Some(ICalendarValue::PartialDateTime(begin)) if !begin.has_time())
}

/// The text of a property.
fn said<'c>(component: &'c ICalendarComponent, name: &ICalendarProperty) -> Option<&'c str> {
    component.property(name)?.values.first()?.as_text()
}

/// What an event is called.
fn called(event: &ICalendarComponent) -> String {
    said(event, &ICalendarProperty::Summary).unwrap_or_default().escape_debug().to_string()
}

/// Time zones are known by their names; what a file itself says of one is not read.
fn refuse_unknown_zones(calendar: &ICalendar) -> Result<(), NoCalendar> {
    let zones = calendar.build_tz_resolver();
    for event in calendar.components.iter().filter(|component| is_event(component)) {
        let mut named = event.entries.iter().filter_map(|entry| entry.tz_id());
        if let Some(zone) = named.find(|zone| zones.resolve(zone).is_none()) {
            let zone = zone.escape_debug();
            let why = format!("its time zone \"{zone}\" is not known; use one of the IANA database");
            return Err(NoCalendar::Event(called(event), why));
        }
    }
    Ok(())
}

/// Has a rule without an end go on to the last year alone.
fn bound(component: &mut ICalendarComponent) {
    let last =
        PartialDateTime { year: Some(LAST), month: Some(12), day: Some(31), ..PartialDateTime::default() };
    for value in component.entries.iter_mut().flat_map(|entry| &mut entry.values) {
        if let ICalendarValue::RecurrenceRule(rule) = value
            && rule.until.is_none()
            && rule.count.is_none()
        {
            rule.until = Some(last.clone());
        }
    }
}

/// The calendar in parts: the library takes all events of one to be the same one's, where it looks for occurrences that were
/// changed. Each event with such has a part of its own, and all others have one together.
fn parts(calendar: &ICalendar) -> Vec<ICalendar> {
    let events = || calendar.components.iter().filter(|component| is_event(component));
    let uid =
        |event: &ICalendarComponent| said(event, &ICalendarProperty::Uid).unwrap_or_default().to_owned();
    let changed = events().filter(|event| event.has_property(&ICalendarProperty::RecurrenceId)).map(uid);
    let changed: HashSet<String> = changed.collect();
    let part = |mine: &dyn Fn(&str) -> bool| {
        let mut part = calendar.clone();
        for component in &mut part.components {
            let other = is_event(component) && !mine(&uid(component));
            if other || matches!(component.component_type, ICalendarComponentType::VTodo) {
                *component = ICalendarComponent::default();
            }
        }
        part
    };
    let alone = changed.iter().map(|one| part(&|uid| uid == one));
    core::iter::once(part(&|uid| !changed.contains(uid))).chain(alone).collect()
}
