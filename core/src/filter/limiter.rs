//! How often something may happen: the generic cell rate algorithm, in integers.

use serde::{Deserialize, Serialize};

use crate::time::Instant;

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// `n` per second, and at once a third of that, but at least one: calls arrive by chance and not in step, and a
    /// line that opens at nine gets its first ten callers together.
    pub const fn per_second(n: u32) -> Self {
        let burst = n / 3;
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
        self.expected = if passes { next } else { expected };
        passes
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let (mut limiter, rate) = (Limiter::NEW, Rate { per_second: 10, burst: 3 });
        let mut passed = |now| (0..9).filter(|_| limiter.take(at(now), rate)).count();
        assert_eq!(passed(0), 3);
        assert_eq!(passed(99_999), 0);
        assert_eq!(passed(100_000), 1);
        assert_eq!(passed(300_000), 2);
        assert_eq!(passed(60 * SECOND), 3);
        assert_eq!(passed(u64::MAX / 4096), 3);
    }

    #[test]
    fn the_ends_of_what_can_be_said() {
        for rate in [Rate { per_second: 0, burst: 9 }, Rate { per_second: 9, burst: 0 }] {
            assert!(!Limiter::default().take(at(60 * SECOND), rate));
        }
        let mut limiter = Limiter::NEW;
        assert!((0..100_000).all(|_| limiter.take(at(0), Rate::UNLIMITED)));
        assert_eq!(Rate::per_second(200), Rate { per_second: 200, burst: 66 });
        assert_eq!(Rate::per_second(9), Rate { per_second: 9, burst: 3 });
        assert_eq!(Rate::per_second(0).per_second, 0);
    }

    /// 30,000 a second are 33.3 us apart: a rounding to the wrong side would show after three seconds.
    #[test]
    fn fractions_do_not_add_up() {
        let (mut limiter, rate) = (Limiter::NEW, Rate { per_second: 30_000, burst: 2 });
        let passed = (0..2_000_000).filter(|n| limiter.take(at(n * 10), rate)).count();
        assert!((599_980..=600_002).contains(&passed), "{passed}");
    }

    #[test]
    fn a_new_rate_is_not_held_back_by_an_old_one() {
        let mut limiter = Limiter::NEW;
        while limiter.take(at(SECOND), Rate { per_second: 1, burst: 100 }) {}
        let rate = Rate { per_second: 1_000, burst: 10 };
        assert!(!limiter.take(at(SECOND), rate));
        assert!(limiter.take(at(SECOND + 1_000), rate));
    }

    proptest! {
        #[test]
        fn no_stretch_of_time_lets_more_through_than_it_may(
            start in 0..u64::MAX / 4096,
            rate in (1..30_000_u32, 1..20_u32),
            pauses in prop::collection::vec(prop_oneof![Just(0), 0..200_u64, 0..20_000_u64, 0..2_000_000_u64], 1..300),
        ) {
            let rate = Rate { per_second: rate.0, burst: rate.1 };
            let mut limiter = Limiter::NEW;
            let (mut now, mut passed) = (start, Vec::new());
            for pause in pauses {
                now += pause;
                if limiter.take(at(now), rate) {
                    passed.push(now);
                } else {
                    // Refused only where the burst was used up: once more would be too often, give or take 1 us.
                    let used = passed.iter().rev().zip(1_u64..).any(|(&from, count)| {
                        (now - from).saturating_sub(1) * u64::from(rate.per_second)
                            < (count + 1).saturating_sub(rate.burst.into()) * SECOND
                    });
                    prop_assert!(used);
                }
            }
            for (n, from) in passed.iter().enumerate() {
                for (more, until) in passed[n..].iter().enumerate() {
                    let beyond = (more as u64 + 1).saturating_sub(rate.burst.into());
                    prop_assert!(beyond * SECOND <= (until - from) * u64::from(rate.per_second));
                }
            }
        }

        #[test]
        fn what_comes_at_the_rate_passes(per_second in 1..50_000_u32, burst in 2..5_u32) {
            let mut limiter = Limiter::NEW;
            for n in 0..500_u64 {
                // Intervals are rounded up by less than 1 ns, so 1 us is plenty for all of them.
                let now = (n * SECOND).div_ceil(per_second.into()) + u64::from(n > 0);
                prop_assert!(limiter.take(at(now), Rate { per_second, burst }), "{}", n);
            }
        }
    }
}
