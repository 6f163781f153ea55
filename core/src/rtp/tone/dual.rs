//! The tone of a key, made.

use super::{HIGH, LOW, place, swing};
use crate::g711::Law;
use crate::rtp::Digit;

/// The two sines of a key, from their start on.
#[derive(Clone, Copy, Debug)]
pub struct DualTone {
    low: Sine,
    high: Sine,
}

/// A sine by its last two values, in units of 2^-12 of a sample's.
#[derive(Clone, Copy, Debug)]
struct Sine {
    coefficient: i32,
    one: i32,
    two: i32,
}

/// What precedes a sine's start: its amplitude times the sine of one step back, in units of 2^-12. The low frequencies
/// have -11 dBm0 and the high ones -9 dBm0, as telephones have them to make up for the line (ETSI ES 201 235-2).
const LOW_BEFORE: [i32; 4] = [-13_399_864, -14_637_513, -15_970_190, -17_341_524];
const HIGH_BEFORE: [i32; 4] = [-26_354_881, -28_102_443, -29_714_738, -31_073_690];

impl DualTone {
    /// The tone of a key, at its start.
    pub fn of(digit: Digit) -> Option<Self> {
        let (row, column) = place(digit)?;
        let sine = |coefficient: i32, before: i32| Sine { coefficient, one: 0, two: before };
        Some(Self {
            low: sine(*LOW.get(row)?, *LOW_BEFORE.get(row)?),
            high: sine(*HIGH.get(column)?, *HIGH_BEFORE.get(column)?),
        })
    }

    /// Writes what comes next of it.
    pub fn write(&mut self, law: Law, audio: &mut [u8]) {
        for code in audio {
            let sample = self.low.next().saturating_add(self.high.next()) >> 12;
            *code = law.encode(i16::try_from(sample).unwrap_or(i16::MAX));
        }
    }
}

impl Sine {
    fn next(&mut self) -> i32 {
        let now = self.one;
        (self.one, self.two) = (swing(self.coefficient, self.one, self.two), self.one);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swings_as_the_sines_do_for_a_long_time() {
        for (key, frequencies) in [(b'1', [697., 1209.]), (b'D', [941., 1633.]), (b'8', [852., 1336.])] {
            let mut tone = DualTone::of(Digit::of_key(key).unwrap()).unwrap();
            let mut worst: f64 = 0.;
            // Ten seconds: the frequencies may be off by a little, so that phases part slowly; the level stays.
            let mut codes = std::vec![0; 80_000];
            tone.write(Law::A, &mut codes);
            for (n, code) in codes.iter().enumerate() {
                let sine = |level: f64, frequency: f64| {
                    let amplitude = 32_124. * f64::powf(10., (level - 3.17) / 20.);
                    amplitude * f64::sin(2. * core::f64::consts::PI * frequency * n as f64 / 8000.)
                };
                let exact = sine(-11., frequencies[0]) + sine(-9., frequencies[1]);
                if n < 800 {
                    worst = worst.max((f64::from(Law::A.decode(*code)) - exact).abs());
                }
            }
            assert!(worst < 400., "key {key}: off by {worst}, and A-law by 256 up there");
            let power =
                |codes: &[u8]| codes.iter().map(|&code| f64::from(Law::A.decode(code)).powi(2)).sum::<f64>();
            let (first, last) = (power(&codes[..8000]), power(&codes[72_000..]));
            assert!((first / last - 1.).abs() < 0.01, "{first} {last}");
        }
    }
}
