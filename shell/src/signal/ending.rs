//! How a node comes to an end: it drains, it hangs up, it is over.

use tokio::sync::oneshot;
use warmline_core::time::{Duration, Instant};

use crate::node::Snapshot;

/// How long the answers to our BYEs are waited for.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where a node is on its way to the end.
pub(super) enum Ending {
    /// It is not.
    Serving,
    /// Calls may end by themselves until then.
    Draining(Instant, oneshot::Sender<Snapshot>),
    /// Calls have been hung up, and may end until then.
    HangingUp(Instant, oneshot::Sender<Snapshot>),
    /// It is over; who asked for it is told, if anyone did.
    Over(Option<oneshot::Sender<Snapshot>>),
}

/// What has to be done for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    HangUp,
    Over,
}

impl Ending {
    /// When there is something to be done at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Serving | Self::Over(_) => None,
            Self::Draining(at, _) | Self::HangingUp(at, _) => Some(*at),
        }
    }

    /// Goes on as far as it can with `calls` calls still there.
    pub(super) fn step(&mut self, now: Instant, calls: usize) -> Step {
        match core::mem::replace(self, Self::Serving) {
            Self::Serving => Step::Nothing,
            Self::Draining(_, done) | Self::HangingUp(_, done) if calls == 0 => {
                *self = Self::Over(Some(done));
                Step::Over
            }
            Self::Draining(at, done) if at <= now => {
                *self = Self::HangingUp(now.after(LAST_WORDS), done);
                Step::HangUp
            }
            Self::HangingUp(at, done) if at <= now => {
                *self = Self::Over(Some(done));
                Step::Over
            }
            Self::Over(done) => {
                *self = Self::Over(done);
                Step::Over
            }
            waiting => {
                *self = waiting;
                Step::Nothing
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Instant {
        Instant::from_micros(secs * 1_000_000)
    }

    #[test]
    fn drains_then_hangs_up_then_is_over() {
        let mut ending = Ending::Draining(at(10), oneshot::channel().0);
        assert_eq!(ending.step(at(9), 3), Step::Nothing);
        assert_eq!(ending.deadline(), Some(at(10)));
        assert_eq!(ending.step(at(10), 3), Step::HangUp);
        assert_eq!(ending.deadline(), Some(at(12)));
        assert_eq!(ending.step(at(11), 1), Step::Nothing);
        assert_eq!(ending.step(at(12), 1), Step::Over);
    }

    #[test]
    fn is_over_as_soon_as_the_last_call_is() {
        let mut ending = Ending::Draining(at(10), oneshot::channel().0);
        assert_eq!(ending.step(at(5), 0), Step::Over);
        assert_eq!(Ending::Serving.step(at(5), 0), Step::Nothing);
    }
}
