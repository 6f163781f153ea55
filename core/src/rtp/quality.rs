//! How good speech sounds that arrives so: the E-model of ITU-T G.107, reduced to what a relay can measure of G.711.
//!
//! R = 93.2 - Id - Ie,eff, with all other impairments at their defaults. The loss of packets counts by
//! Ie,eff = 95 Ppl / (Ppl + Bpl) with Bpl = 25.1: random loss that the listener conceals as G.711 Appendix I does
//! (ITU-T G.113), since telephones do (4.3 would be without). Delay counts by Id = 0.024 d + 0.11 (d - 177.3), the second
//! from 177.3 ms on: half the round trip to the peer, its packets of 20 ms, and a jitter buffer of twice the jitter.

use core::fmt;

use crate::time::Duration;

/// A mean opinion score of listeners, in hundredths: 1.00 to 4.41 for G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mos(pub u16);

/// What audio is packed by, as far as delay is concerned, in microseconds.
const PACKED: u64 = 20_000;

impl Mos {
    /// The score of audio of which so many packets were lost out of so many, whose jitter and round trip are these.
    pub fn estimate(lost: u64, sent: u64, jitter: Duration, round_trip: Duration) -> Self {
        let (lost, sent) = (lost.min(sent).min(1 << 32), sent.min(1 << 32));
        // All in thousandths of R. Ppl / (Ppl + Bpl) is 1000 lost / (1000 lost + 251 sent).
        let loss = (95_000 * 1_000 * lost).checked_div(1_000 * lost + 251 * sent).unwrap_or(0);
        let buffered = jitter.as_micros().saturating_mul(2);
        let delay =
            (round_trip.as_micros() / 2).saturating_add(buffered).saturating_add(PACKED).min(10_000_000);
        let late = 24 * delay / 1_000 + 110 * delay.saturating_sub(177_300) / 1_000;
        let r = 93_200i64.saturating_sub_unsigned(loss.saturating_add(late)).max(0);
        // 1 + 0.035 R + 0.000007 R (R - 60) (100 - R)
        let parts = 35 * r * 1_000_000_000 + 7 * r * (r - 60_000) * (100_000 - r);
        let mos = 100 + (parts + 5_000_000_000_000) / 10_000_000_000_000;
        Self(u16::try_from(mos.max(100)).unwrap_or(100))
    }
}

impl fmt::Display for Mos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in floats, by the formulas as they are printed.
    fn printed(loss: f64, jitter: f64, round_trip: f64) -> f64 {
        let delay = round_trip / 2. + 2. * jitter + 20.;
        let late = 0.024 * delay + if delay > 177.3 { 0.11 * (delay - 177.3) } else { 0. };
        let r = f64::max(93.2 - late - 95. * loss / (loss + 25.1), 0.);
        f64::max(1. + 0.035 * r + 0.000_007 * r * (r - 60.) * (100. - r), 1.)
    }

    #[test]
    fn is_what_the_formulas_give() {
        for loss in [0u32, 1, 2, 5, 10, 20, 50, 100] {
            for jitter in [0u32, 1, 5, 20, 60] {
                for round_trip in [0u32, 20, 150, 300, 600, 2000] {
                    let [a, b] = [jitter, round_trip].map(|millis| Duration::from_millis(millis.into()));
                    let Mos(mos) = Mos::estimate((loss * 100).into(), 10_000, a, b);
                    let exact = printed(loss.into(), jitter.into(), round_trip.into()) * 100.;
                    assert!(
                        (f64::from(mos) - exact).abs() <= 1.5,
                        "{loss} {jitter} {round_trip}: {mos} {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_best_the_worst_and_the_absurd() {
        let none = Duration::ZERO;
        assert_eq!(std::format!("{}", Mos::estimate(0, 1000, none, none)), "4.40");
        assert_eq!(Mos::estimate(0, 0, none, none), Mos(440));
        assert_eq!(Mos::estimate(1000, 1000, none, none), Mos(116));
        let forever = Duration::from_micros(u64::MAX);
        assert_eq!(Mos::estimate(u64::MAX, u64::MAX, forever, forever), Mos(100));
    }
}
