//! What a line does with who dials it before anybody is rung: by its hours.
//!
//! Weeks, time zones, daylight saving and holidays are the host's: it tells the seconds at which a [`Schedule`] opens and
//! closes. Which of a line's [`When`]s holds at a time is decided here.

mod schedule;
mod when;

pub use schedule::{Hours, Schedule, ScheduleIndex, Second, second};
pub use when::{When, holding};
