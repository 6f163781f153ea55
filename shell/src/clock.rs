//! The clocks core is told of.

use std::time::{SystemTime, UNIX_EPOCH};

use warmline_core::time::{Instant, Utc};

/// How long before its start a clock has its origin.
const BEFORE: core::time::Duration = core::time::Duration::from_secs(30 * 24 * 3600);

/// A monotonic clock with an origin of its own. All of a node's threads share one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock that starts now, some days after its origin: core takes zero for a time that never was, and calls that are
    /// taken up again began before.
    pub(crate) fn start() -> Self {
        let now = std::time::Instant::now();
        Self { origin: now.checked_sub(BEFORE).unwrap_or(now) }
    }

    /// The time now.
    pub(crate) fn now(self) -> Instant {
        Instant::from_micros(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// Civil time; none where the system's clock stands before 1970.
    pub(crate) fn utc() -> Option<Utc> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_micros()).ok().map(Utc)
    }

    /// How long from now until `at`; zero where it has passed.
    pub(crate) fn until(self, at: Instant) -> core::time::Duration {
        core::time::Duration::from_micros(at.since(self.now()).as_micros())
    }

    /// `at` on the system's own scale.
    pub(crate) fn system(self, at: Instant) -> std::time::Instant {
        let far = core::time::Duration::from_secs(365 * 24 * 3600);
        self.origin + core::time::Duration::from_micros(at.as_micros()).min(self.origin.elapsed() + far)
    }
}
