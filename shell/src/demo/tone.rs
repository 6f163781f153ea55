//! Tones: made sample by sample, and found again in what arrives.

use core::f64::consts::TAU;

/// Samples a second.
const RATE: f64 = 8000.0;

/// Samples in a packet of 20 ms.
pub(super) const PACKET: usize = 160;

/// Amplitude of what is played: 10 dB below full scale.
const AMPLITUDE: f64 = 10_361.0;

/// A sine that goes on where it stopped.
pub(super) struct Sine {
    turn: f64,
    step: f64,
}

impl Sine {
    pub(super) fn new(frequency: f64) -> Self {
        Self { turn: 0.0, step: frequency / RATE }
    }
}

impl Iterator for Sine {
    type Item = i16;

    fn next(&mut self) -> Option<i16> {
        let sample = AMPLITUDE * (TAU * self.turn).sin();
        self.turn = (self.turn + self.step).fract();
        // In range: the amplitude is below 2^15.
        Some(sample.round() as i16)
    }
}

/// The strongest frequency of whole packets that follow each other, in hertz, and its level in decibels relative to a sine
/// of full scale.
pub(super) fn measure(samples: &[i16]) -> (f64, f64) {
    // A packet tells frequencies 50 Hz apart; a fifth of a second those 5 Hz apart.
    let coarse = strongest(samples, PACKET, (8..=136).map(|step| f64::from(step) * 25.0));
    let fine = strongest(samples, 10 * PACKET, (-30..=30).map(|step| coarse + f64::from(step)));
    let full = f64::from(i16::MAX).powi(2) / 2.0;
    (fine, 10.0 * (sum(samples, PACKET, fine) / full).max(1e-12).log10())
}

fn strongest(samples: &[i16], block: usize, frequencies: impl Iterator<Item = f64>) -> f64 {
    let powers = frequencies.map(|frequency| (frequency, sum(samples, block, frequency)));
    powers.max_by(|one, other| one.1.total_cmp(&other.1)).map_or(0.0, |(frequency, _)| frequency)
}

/// The tone's power, as the mean over blocks.
fn sum(samples: &[i16], block: usize, frequency: f64) -> f64 {
    let blocks = samples.chunks(block);
    let count = blocks.len().max(1) as f64;
    blocks.map(|block| power(block, frequency)).sum::<f64>() / count
}

/// The power of one frequency, as a mean square: Goertzel's algorithm.
pub(super) fn power(samples: &[i16], frequency: f64) -> f64 {
    let factor = 2.0 * (TAU * frequency / RATE).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in samples {
        (last, before) = (f64::from(sample) + factor * last - before, last);
    }
    let count = samples.len().max(1) as f64;
    2.0 * (last * last + before * before - factor * last * before) / (count * count)
}

/// The power of all frequencies.
pub(super) fn mean_square(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use warmline_core::g711::{Law, transcode};

    use super::*;

    /// A second of a tone, after it went from mu-law to A-law.
    fn second(frequency: f64) -> Vec<i16> {
        let mut codes: Vec<u8> =
            Sine::new(frequency).take(8000).map(|sample| Law::Mu.encode(sample)).collect();
        transcode(Law::Mu, Law::A, &mut codes);
        codes.into_iter().map(|code| Law::A.decode(code)).collect()
    }

    #[test]
    fn a_tone_is_found_through_both_laws() {
        for expected in [440.0, 453.0, 660.0, 1004.0] {
            let (frequency, level) = measure(&second(expected));
            assert!((frequency - expected).abs() <= 1.0, "{expected}: {frequency}");
            assert!((level + 10.0).abs() < 0.3, "{expected}: {level}");
        }
    }

    #[test]
    fn power_is_that_of_one_frequency() {
        let samples: Vec<i16> = Sine::new(660.0).take(PACKET).collect();
        assert!(power(&samples, 660.0) > 0.95 * mean_square(&samples));
        assert!(power(&samples, 440.0) < 0.1 * mean_square(&samples));
        // Read by the wrong law, a tone is mostly noise.
        let wrong: Vec<i16> = samples.iter().map(|&sample| Law::A.decode(Law::Mu.encode(sample))).collect();
        assert!(power(&wrong, 660.0) < 0.9 * mean_square(&wrong));
        assert_eq!(mean_square(&[]), 0.0);
    }
}
