//! Hours of a day and of a week, by the clock on the wall.

use jiff::civil::{Date, DateTime, Time, Weekday};

/// The minutes of a day.
pub(super) const DAY: u16 = 24 * 60;

/// Some hours of a day: minutes since its midnight. What ends later than it ends on the next day, and lasts no more than
/// 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DaySpan {
    /// The first of them.
    pub(crate) from: u16,
    /// The first after them.
    pub(crate) to: u16,
}

impl DaySpan {
    /// When it begins on a date by the clock on the wall, and when it ends; none where there is no such date any more.
    pub(super) fn on(self, date: Date) -> Option<(DateTime, DateTime)> {
        Some((at(date, self.from)?, at(date, self.to)?))
    }
}

/// So many minutes after the midnight with which a date begins, by a clock that skips nothing.
fn at(date: Date, minutes: u16) -> Option<DateTime> {
    let date = if minutes < DAY { date } else { date.tomorrow().ok()? };
    let (hour, minute) = (minutes % DAY / 60, minutes % 60);
    let time = Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, 0, 0).ok()?;
    Some(date.to_datetime(time))
}

/// The hours of each day of a week, Monday's first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Week([Vec<DaySpan>; 7]);

impl Week {
    /// Opens a day, and keeps what it had.
    pub(crate) fn open(&mut self, day: Weekday, spans: &[DaySpan]) {
        if let Some(day) = self.0.get_mut(number(day)) {
            day.extend_from_slice(spans);
        }
    }

    /// The hours of a day.
    pub(super) fn of(&self, day: Weekday) -> &[DaySpan] {
        self.0.get(number(day)).map_or(&[], Vec::as_slice)
    }
}

fn number(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or_default()
}
