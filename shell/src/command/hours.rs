//! `warmline check --at`: what each line does at a time, and until when.

use core::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use warmline_core::config::{Config, Line, Span};
use warmline_core::line::{Hours, When, holding};
use warmline_core::time::Utc;

use crate::config::Loaded;
use crate::hours::zone;

/// The moment that is meant by `2026-12-25 10:00` in a zone, or else in the one zone of all schedules, if there are any.
///
/// # Errors
/// What is wrong, and what to write.
pub(super) fn moment(loaded: &Loaded, at: DateTime, named: Option<TimeZone>) -> Result<Zoned, String> {
    let mut zones = loaded.zones();
    let zone = match (named, zones.next()) {
        (Some(zone), _) => zone,
        // Each line does the same at any time.
        (None, None) => TimeZone::UTC,
        (None, Some(first)) => {
            if let Some(other) = zones.find(|zone| *zone != first) {
                let [first, other] = [first, other].map(|zone| zone.iana_name().unwrap_or("another"));
                return Err(format!("schedules are in {first} and {other}: say which is meant with --zone"));
            }
            first.clone()
        }
    };
    at.to_zoned(zone).map_err(|error| format!("{at} is no time that can be told: {error}"))
}

/// `2026-12-25 10:00`.
pub(super) fn time(text: &str) -> Result<DateTime, String> {
    text.parse().map_err(|_| "write it like \"2026-12-25 10:00\"".to_owned())
}

/// `Europe/Berlin`.
pub(super) fn named_zone(text: &str) -> Result<TimeZone, String> {
    zone(text).ok_or_else(|| "this time zone is not known; write it like \"Europe/Berlin\"".to_owned())
}

/// Displays as a line for each line: what it does at a time, and until when.
pub(super) struct Then<'c> {
    /// Its hours are known at that time.
    pub(super) config: &'c Config<'c>,
    pub(super) at: &'c Zoned,
}

impl fmt::Display for Then<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.config.lines {
            let decides = self.decides(line, self.at.timestamp());
            write!(f, "{}: ", self.text(line.name))?;
            match decides {
                Some(When { schedule, hours, .. }) => {
                    let schedule = self.config.schedule(*schedule);
                    let name = schedule.map_or("?", |schedule| self.text(schedule.name));
                    let hours = match hours {
                        Hours::Open => "open",
                        Hours::Closed => "closed",
                    };
                    write!(f, "{hours} by schedule \"{name}\"")?;
                }
                None if line.when.len > 0 => f.write_str("open")?,
                None => f.write_str("always open")?,
            }
            self.until(f, line)?;
            match decides {
                Some(when) => writeln!(f, ": {}", super::summary::then(self.config, when.then))?,
                None => writeln!(f, ": rings {}", super::summary::rings(self.config, line))?,
            }
        }
        Ok(())
    }
}

impl<'c> Then<'c> {
    fn text(&self, span: Span) -> &'c str {
        core::str::from_utf8(self.config.text(span)).unwrap_or("?")
    }

    /// What decides instead of the line's plan.
    fn decides(&self, line: &Line, at: Timestamp) -> Option<&'c When> {
        holding(self.config, line, Some(Utc(at.as_microsecond())))
    }

    /// Until when that is so.
    fn until(&self, f: &mut fmt::Formatter<'_>, line: &Line) -> fmt::Result {
        if line.when.len == 0 {
            return Ok(());
        }
        let now = self.at.timestamp();
        let schedules = self.config.whens(line).iter().filter_map(|when| self.config.schedule(when.schedule));
        // The last of each is no change, but where it is not known any more.
        let known = schedules.map(|schedule| self.config.changes(schedule));
        let changes = known.filter_map(<[_]>::split_last).flat_map(|(_, changes)| changes);
        let changes =
            changes.filter_map(|change| Timestamp::from_second(u32::from_be_bytes(*change).into()).ok());
        let mut changes: Vec<_> = changes.filter(|&change| change > now).collect();
        changes.sort_unstable();
        let same = self.decides(line, now).map(core::ptr::from_ref);
        let other = |at: &&Timestamp| self.decides(line, **at).map(core::ptr::from_ref) != same;
        let Some(end) = changes.iter().find(other) else { return f.write_str(" (for more than a year)") };
        let end = end.to_zoned(self.at.time_zone().clone());
        let year = if end.year() == self.at.year() { "" } else { " %Y" };
        write!(f, " (until {})", end.strftime(&format!("%a %-d %b{year} %H:%M")))
    }
}
