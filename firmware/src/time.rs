//! Time as core knows it: it begins some days in, so that calls older than this run have begun in it too.

use warmline_core::time::{Duration, Instant};

/// When the board started, on core's clock.
const START: Instant = Instant::ZERO.after(Duration::from_secs(30 * 24 * 3600));

pub(crate) fn now() -> Instant {
    START.after(Duration::from_micros(embassy_time::Instant::now().as_micros()))
}

/// An instant of core's on the executor's clock.
pub(crate) fn wake_at(at: Instant) -> embassy_time::Instant {
    embassy_time::Instant::from_micros(at.since(START).as_micros())
}
