//! Keys' two tones (ITU-T Q.23) in audio: whether it is one, found out apart from how they are made, and a row of them.

use core::f64::consts::TAU;

use warmline_core::g711::Law;
use warmline_core::rtp::Digit;
use warmline_core::rtp::tone::DualTone;

/// The tones of rows and of columns, in hertz.
const TONES: [[f64; 4]; 2] = [[697.0, 770.0, 852.0, 941.0], [1209.0, 1336.0, 1477.0, 1633.0]];

/// Samples a second.
const RATE: f64 = 8_000.0;

/// What has to lie in the two tones, of all power: their ends are cut, and G.711 is coarse.
const SHARE: f64 = 0.9;

/// Whether there is a row's tone and a column's in this audio, and nothing else but silence behind them.
pub(crate) fn is_keytone(law: Law, audio: &[u8]) -> bool {
    let silence = law.encode(0);
    let end = audio.iter().rposition(|code| *code != silence).map_or(0, |last| last + 1);
    let samples: Vec<f64> = audio[..end].iter().map(|&code| f64::from(law.decode(code))).collect();
    let all: f64 = samples.iter().map(|sample| sample * sample).sum();
    // Of a tone as long as that, so much power lies at its frequency.
    let power = |tone: f64| {
        let turn = |n: usize| TAU * tone * n as f64 / RATE;
        let sum = |wave: fn(f64) -> f64| -> f64 {
            samples.iter().enumerate().map(|(n, sample)| sample * wave(turn(n))).sum()
        };
        2.0 * (sum(f64::sin).powi(2) + sum(f64::cos).powi(2)) / samples.len().max(1) as f64
    };
    let strongest = TONES.map(|tones| tones.map(power).into_iter().fold(0.0, f64::max));
    all > 0.0
        && strongest.iter().all(|power| *power > all / 10.0)
        && strongest.iter().sum::<f64>() > SHARE * all
}

/// Keys one after the other as mu-law, behind half a second of silence: a tenth of a second each, and as much between them.
///
/// # Panics
/// Where one is no key.
pub fn whistle(keys: &str) -> Vec<u8> {
    let mut audio = vec![Law::Mu.encode(0); 4000];
    for key in keys.bytes() {
        let mut tone = [0; 800];
        let digit = Digit::of_key(key).expect("a key");
        DualTone::of(digit).expect("a key has a tone").write(Law::Mu, &mut tone);
        audio.extend(tone);
        audio.resize(audio.len() + 800, Law::Mu.encode(0));
    }
    audio
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audio(tones: &[f64], samples: usize) -> Vec<u8> {
        let sample = |n: usize| -> f64 {
            tones.iter().map(|tone| 8_000.0 * (TAU * tone * n as f64 / RATE).sin()).sum()
        };
        let mut audio: Vec<u8> = (0..samples).map(|n| Law::Mu.encode(sample(n) as i16)).collect();
        audio.resize(160, Law::Mu.encode(0));
        audio
    }

    #[test]
    fn a_key_is_told_from_speech_ringing_and_silence() {
        for row in TONES[0] {
            for column in TONES[1] {
                assert!(is_keytone(Law::Mu, &audio(&[row, column], 160)), "{row} {column}");
                assert!(is_keytone(Law::Mu, &audio(&[row, column], 80)), "{row} {column}, half");
            }
        }
        for other in [&[440.0, 480.0][..], &[697.0], &[1336.0], &[697.0, 770.0], &[425.0, 1209.0], &[]] {
            assert!(!is_keytone(Law::Mu, &audio(other, 160)), "{other:?}");
        }
        let noise: Vec<u8> = (0..160u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(!is_keytone(Law::Mu, &noise));
    }
}
