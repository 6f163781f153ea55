//! Opening hours as they are written: weeks in a time zone, exceptions and calendars. Core knows none of these; it is told
//! the seconds at which a schedule opens and closes, for as long ahead as [`AHEAD`].
//!
//! * A date with an exception has the hours that are said there, or none. What began the day before ends with that day.
//! * Who opens at a time that a clock skips opens, and who closes closes, when it skips it. Of a time that comes twice,
//!   the first opens and the second closes.

mod calendar;
mod clock;
mod compile;
mod notation;
#[cfg(test)]
mod tests;
mod week;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub(crate) use calendar::Calendar;
pub(crate) use clock::{zone, zones};
pub(crate) use compile::{Compiled, compile, suffice};
pub(crate) use notation::{exception, week};
pub(crate) use week::{DaySpan, Week};

/// How far ahead hours are compiled.
pub(crate) const AHEAD: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How far back: clocks are set.
const BEHIND: SignedDuration = SignedDuration::from_hours(24);

/// When fewer of them are left, they are compiled anew.
const LEAST: SignedDuration = SignedDuration::from_hours(365 * 24);

/// What one schedule says.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Whose clock its times are by.
    pub(crate) zone: TimeZone,
    /// What holds in every week.
    pub(crate) week: Week,
    /// The dates that have other hours, or none.
    pub(crate) except: BTreeMap<Date, Vec<DaySpan>>,
    /// What happens on top of that: while it does, it is closed.
    pub(crate) calendar: Option<Arc<Calendar>>,
}
