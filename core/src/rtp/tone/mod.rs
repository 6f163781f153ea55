//! Keys as tones in the audio: dual-tone multi-frequency signalling (ITU-T Q.23), made and heard in integers.
//!
//! Both rest on one thing, the recurrence `s[n] = 2 cos(w) s[n-1] - s[n-2]`: fed with nothing it swings at the
//! frequency w, fed with audio it is Goertzel's filter for w.

mod detector;
mod dual;

pub use detector::{Detector, Heard};
pub use dual::DualTone;

use super::Digit;

/// 2 cos(2 pi f / 8000) in units of 2^-14, of the four low frequencies (697, 770, 852 and 941 Hz) and of the four high
/// ones (1209, 1336, 1477 and 1633 Hz).
const LOW: [i32; 4] = [27_980, 26_956, 25_701, 24_219];
const HIGH: [i32; 4] = [19_073, 16_325, 13_085, 9_315];

/// The keys as they stand on a keypad: a row is a low frequency, a column a high one.
const KEYPAD: [[u8; 4]; 4] = [[1, 2, 3, 12], [4, 5, 6, 13], [7, 8, 9, 14], [10, 0, 11, 15]];

/// The row and the column of a key.
fn place(digit: Digit) -> Option<(usize, usize)> {
    let mut rows = KEYPAD.iter().enumerate();
    rows.find_map(|(row, codes)| Some((row, codes.iter().position(|&code| code == digit.code())?)))
}

/// The key in a row and a column.
fn digit(row: usize, column: usize) -> Option<Digit> {
    Digit::of_code(*KEYPAD.get(row)?.get(column)?)
}

/// One step of the recurrence.
const fn swing(coefficient: i32, one: i32, two: i32) -> i32 {
    (((coefficient as i64 * one as i64) >> 14) as i32).wrapping_sub(two)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_those_of_the_frequencies() {
        let all = [697., 770., 852., 941., 1209., 1336., 1477., 1633.];
        for (frequency, coefficient) in all.into_iter().zip(LOW.into_iter().chain(HIGH)) {
            let exact = 2. * f64::cos(2. * core::f64::consts::PI * frequency / 8000.) * 16_384.;
            assert!((exact - f64::from(coefficient)).abs() <= 0.5, "{frequency}: {exact}");
        }
    }

    #[test]
    fn every_key_has_its_place() {
        for code in 0..16 {
            let key = Digit::of_code(code).unwrap();
            let (row, column) = place(key).unwrap();
            assert_eq!(digit(row, column), Some(key));
        }
        assert_eq!(place(Digit::of_key(b'#').unwrap()), Some((3, 2)));
    }
}
