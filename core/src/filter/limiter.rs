//! How often something may happen: the generic cell rate algorithm, in integers.

use crate::time::Instant;

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rate {
    /// How often per second, in the long run; at 0 it never may.
    pub per_second: u32,
    /// How often at once after a quiet time; at 0 it never may.
    pub burst: u32,
}

impl Rate {
    /// It always may.
    pub const UNLIMITED: Self = Self { per_second: u32::MAX, burst: u32::MAX };

    /// `n` per second, and at once a tenth of that, but at least one: calls arrive by chance and not in step, and
    /// what came within 100 ms still came at this rate.
    pub const fn per_second(n: u32) -> Self {
        let burst = n / 10;
        Self { per_second: n, burst: if burst == 0 { 1 } else { burst } }
    }
}

/// Parts of a microsecond that time is counted in, so that intervals are right to a thousandth of one.
const PARTS: u64 = 1 << 10;

/// Says whether something may happen now. The rate is told each time, so it may change at any time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limiter {
    /// When the next would come if they came at their rate, in parts of a microsecond.
    expected: u64,
}

impl Limiter {
    /// Nothing happened yet: all zero bits.
    pub const NEW: Self = Self { expected: 0 };

    /// Whether it may happen at `now`; if so, it is counted.
    ///
    /// The rate is never exceeded: in any time `t` at most `burst + t * per_second` are let through.
    pub const fn take(&mut self, now: Instant, rate: Rate) -> bool {
        if rate.per_second == u32::MAX {
            return true;
        }
        // Rounded up: rather a hair less often than too often. None for a rate of 0.
        let per_second = rate.per_second as u64;
        let Some(interval) = (1_000_000 * PARTS + per_second - 1).checked_div(per_second) else {
            return false;
        };
        let now = now.as_micros().saturating_mul(PARTS);
        let full = now.saturating_add(interval.saturating_mul(rate.burst as u64));
        // What is expected later than a whole burst allows was counted at a slower rate than today's.
        let expected = if self.expected > full { full } else { self.expected };
        let expected = if expected < now { now } else { expected };
        let next = expected.saturating_add(interval);
        let passes = next <= full && rate.burst > 0;
        if passes {
            self.expected = next;
        }
        passes
    }
}
