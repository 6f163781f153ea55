//! What a line does at some hours instead of ringing.

use serde::{Deserialize, Serialize};

use super::schedule::{Hours, ScheduleIndex};
use crate::config::{Config, Line, Then};
use crate::time::Utc;

/// What a line does inside or outside of some hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// Whose hours.
    pub schedule: ScheduleIndex,
    /// Whether it holds while they are open or while they are closed.
    pub hours: Hours,
    /// What the line does then.
    pub then: Then,
}

impl When {
    /// Whether it holds at a time. One whose schedule is not there never does.
    pub fn holds(&self, config: &Config<'_>, utc: Option<Utc>) -> bool {
        let schedule = config.schedule(self.schedule);
        schedule.is_some_and(|schedule| schedule.taken(config, utc) == self.hours)
    }
}

/// What decides instead of a line's plan at a time: the first of its [`When`]s that holds. None where it rings.
pub fn holding<'c>(config: &Config<'c>, line: &Line, utc: Option<Utc>) -> Option<&'c When> {
    config.whens(line).iter().find(|when| when.holds(config, utc))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{List, Span};
    use crate::line::{Schedule, Second};

    const NIGHT: Then = Then::Voicemail;
    const HOLIDAY: Then = Then::Goodbye(None);

    /// Office hours from 200 to 300 and a holiday from 250 on, known from 100 to 400.
    fn at(second: i64, unknown: Hours) -> Option<Then> {
        let instants: [Second; 7] = [100_u32, 200, 300, 400, 100, 250, 400].map(u32::to_be_bytes);
        let schedule = |start, len| Schedule {
            name: Span::EMPTY,
            changes: List::new(start, len),
            first: Hours::Closed,
            unknown,
        };
        let when = |schedule, hours, then| When { schedule: ScheduleIndex(schedule), hours, then };
        let config = Config {
            schedules: &[schedule(0, 4), schedule(4, 3)],
            instants: &instants,
            whens: &[
                when(7, Hours::Open, Then::Return),
                when(1, Hours::Open, HOLIDAY),
                when(0, Hours::Closed, NIGHT),
            ],
            ..Config::EMPTY
        };
        let line = Line::new(Span::EMPTY, List::EMPTY, List::EMPTY, List::EMPTY);
        let line = Line { when: List::new(0, 3), ..line };
        holding(&config, &line, Some(Utc(second * 1_000_000))).map(|when| when.then)
    }

    #[test]
    fn the_first_that_holds_decides() {
        assert_eq!(at(150, Hours::Open), Some(NIGHT));
        assert_eq!(at(220, Hours::Open), None);
        assert_eq!(at(270, Hours::Open), Some(HOLIDAY));
        assert_eq!(at(350, Hours::Open), Some(HOLIDAY));
    }

    #[test]
    fn without_hours_that_are_known_it_is_as_configured() {
        assert_eq!(at(400, Hours::Open), Some(HOLIDAY));
        assert_eq!(at(50, Hours::Closed), Some(NIGHT));
    }

    #[test]
    fn a_line_without_any_rings() {
        let line = Line::new(Span::EMPTY, List::EMPTY, List::EMPTY, List::EMPTY);
        assert_eq!(holding(&Config::EMPTY, &line, Some(Utc(0))), None);
    }
}
