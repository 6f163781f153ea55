//! Whether one who should speak does: pauses between the packets of a peer.

use crate::time::{Duration, Instant};

/// A pause of at least this is dead air: a listener takes the line to be gone.
const DEAD: Duration = Duration::from_secs(1);

/// The pauses of a peer that is to speak.
#[derive(Clone, Copy, Default)]
pub(super) struct Presence {
    /// When it was heard last, or was to speak from on; none while it need not.
    since: Option<Instant>,
    longest: Duration,
    dead: Duration,
}

impl Presence {
    /// It is to speak from here on, or need not any more.
    pub(super) fn expect(&mut self, now: Instant, speaks: bool) {
        if speaks != self.since.is_some() {
            if self.since.is_some() {
                self.hear(now);
            }
            self.since = speaks.then_some(now);
        }
    }

    /// A packet of its has come.
    pub(super) fn hear(&mut self, now: Instant) {
        let Some(since) = &mut self.since else { return };
        let pause = now.since(*since);
        *since = now;
        if pause > self.longest {
            self.longest = pause;
        }
        if pause >= DEAD {
            self.dead = self.dead.plus(pause);
        }
    }

    /// The longest pause, and how long all those together lasted that were dead air.
    pub(super) const fn pauses(&self) -> (Duration, Duration) {
        (self.longest, self.dead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn pauses_count_while_it_is_to_speak() {
        let mut presence = Presence::default();
        presence.hear(at(5000));
        assert_eq!(presence.pauses(), (Duration::ZERO, Duration::ZERO), "nobody asked it to");
        presence.expect(at(10_000), true);
        for millis in [10_020, 10_040, 10_400, 11_400, 14_000] {
            presence.hear(at(millis));
        }
        let millis = |(longest, dead): (Duration, Duration)| (longest.as_millis(), dead.as_millis());
        assert_eq!(millis(presence.pauses()), (2600, 3600));
        // On hold for a minute.
        presence.expect(at(14_500), false);
        presence.expect(at(74_500), true);
        presence.expect(at(74_600), true);
        presence.hear(at(75_600));
        assert_eq!(millis(presence.pauses()), (2600, 4700));
        // And silent to its end.
        presence.expect(at(80_600), false);
        assert_eq!(millis(presence.pauses()), (5000, 9700));
    }
}
