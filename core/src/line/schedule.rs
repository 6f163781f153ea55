//! Hours, as the seconds at which they begin and end.

use serde::{Deserialize, Serialize};

use crate::config::{Config, List, Span};
use crate::time::Utc;

/// A second of civil time, counted from 1970-01-01T00:00:00Z, its high byte first: as they are written they are in order,
/// and a board can lend them from its flash wherever they lie there. The last one is in 2106.
pub type Second = [u8; 4];

/// The second a time is in; none where there is no such [`Second`].
pub fn second(utc: Utc) -> Option<Second> {
    let micros = u64::try_from(utc.0).ok()?;
    u32::try_from(micros / 1_000_000).ok().map(u32::to_be_bytes)
}

/// Index into [`Config::schedules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ScheduleIndex(pub u16);

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Hours {
    /// Within opening hours.
    Open,
    /// Outside of them.
    Closed,
}

impl Hours {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Open => Self::Closed,
            Self::Closed => Self::Open,
        }
    }
}

/// When it is open and when it is closed, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name.
    pub name: Span,
    /// The second from which on it is known, each at which it opens or closes, and the one from which on it is not known
    /// any more: each later than the one before.
    pub changes: List<Second>,
    /// What it is from the first of them to the second. It is the other at each that follows.
    pub first: Hours,
    /// What it is taken for where nothing is known: without a clock, and before and after what is known.
    pub unknown: Hours,
}

impl Schedule {
    /// What it is at a time; none where that is not known.
    pub fn at(&self, config: &Config<'_>, utc: Option<Utc>) -> Option<Hours> {
        let changes = config.changes(self);
        let now = second(utc?)?;
        let passed = changes.partition_point(|change| *change <= now);
        let known = passed > 0 && passed < changes.len();
        known.then_some(if passed % 2 == 1 { self.first } else { self.first.other() })
    }

    /// What it is taken for at a time, known or not.
    pub fn taken(&self, config: &Config<'_>, utc: Option<Utc>) -> Hours {
        self.at(config, utc).unwrap_or(self.unknown)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: &[u32]) -> Vec<Second> {
        seconds.iter().map(|second| second.to_be_bytes()).collect()
    }

    fn at(schedule: &Schedule, changes: &[Second], micros: i64) -> Option<Hours> {
        schedule.at(&Config { instants: changes, ..Config::EMPTY }, Some(Utc(micros)))
    }

    const fn schedule(len: u16) -> Schedule {
        let changes = List::new(0, len);
        Schedule { name: Span::EMPTY, changes, first: Hours::Closed, unknown: Hours::Open }
    }

    #[test]
    fn it_opens_and_closes_at_the_second() {
        let (changes, schedule) = (seconds(&[100, 200, 300, 400]), schedule(4));
        for (micros, hours) in [
            (99_999_999, None),
            (100_000_000, Some(Hours::Closed)),
            (199_999_999, Some(Hours::Closed)),
            (200_000_000, Some(Hours::Open)),
            (299_999_999, Some(Hours::Open)),
            (300_000_000, Some(Hours::Closed)),
            (399_999_999, Some(Hours::Closed)),
            (400_000_000, None),
            (i64::MAX, None),
            (-1, None),
        ] {
            assert_eq!(at(&schedule, &changes, micros), hours, "{micros}");
        }
    }

    #[test]
    fn what_is_not_known_is_taken_as_configured() {
        let changes = seconds(&[100, 400]);
        let config = Config { instants: &changes, ..Config::EMPTY };
        for unknown in [Hours::Open, Hours::Closed] {
            let schedule = Schedule { unknown, ..schedule(2) };
            assert_eq!(schedule.taken(&config, None), unknown);
            assert_eq!(schedule.taken(&config, Some(Utc(400_000_000))), unknown);
            assert_eq!(schedule.taken(&config, Some(Utc(399_000_000))), Hours::Closed);
        }
    }

    #[test]
    fn a_list_that_leads_nowhere_is_not_known() {
        for len in [0, 1, 5] {
            assert_eq!(at(&schedule(len), &seconds(&[0]), 1_000_000), None, "{len}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// As if each change was gone through from the first on.
        #[test]
        fn it_is_what_the_last_change_says(
            changes in prop::collection::btree_set(0..1_000_u32, 0..40),
            now in 0..1_100_u32,
        ) {
            let mut hours = None;
            for (number, &change) in changes.iter().enumerate() {
                if change <= now {
                    let last = number + 1 == changes.len();
                    hours = Some(hours.map_or(Hours::Closed, Hours::other)).filter(|_| !last);
                }
            }
            let changes: Vec<u32> = changes.into_iter().collect();
            let schedule = schedule(changes.len() as u16);
            prop_assert_eq!(at(&schedule, &seconds(&changes), i64::from(now) * 1_000_000), hours);
        }
    }
}
