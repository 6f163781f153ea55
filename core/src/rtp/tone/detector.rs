//! The tones of keys, heard.
//!
//! Audio is looked at in blocks of 102 samples (12.75 ms): as long as is needed to tell the frequencies apart, and so
//! short that the shortest tone that counts, of 40 ms, fills two of them. The limits are those of ITU-T Q.24.

use super::{HIGH, LOW, digit, swing};
use crate::g711::Law;
use crate::rtp::Digit;

/// Samples in a block.
const BLOCK: u8 = 102;

/// As much silence as ends a key.
const SILENCE: u8 = 2 * BLOCK;

/// The weakest frequency that is heard, -30 dBm0, as its Goertzel power over a block: (705 * 102 / 2)^2. Q.24 has
/// telephones heard down to -25 dBm0.
const WEAKEST: i64 = 1_292_762_025;

/// How much of a key must have been heard for it to count, in samples: 30 ms. What lasts 40 ms has that much in any
/// case, and what lasts 20 ms in none.
const LEAST: u32 = 240;

/// Hears keys in one direction's audio.
#[derive(Clone, Debug)]
pub struct Detector {
    /// The last two values of the filters, the low frequencies' first.
    filters: [[i32; 2]; 8],
    /// The power of this block's samples together.
    energy: u64,
    /// How many samples of this block have been seen.
    seen: u8,
    state: State,
    /// The power of the block before this one.
    before: u64,
}

/// What a detector has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Heard {
    /// A key is being pressed; it has been for some 30 ms.
    Began(Digit),
    /// The key is no longer pressed; it was for so many samples.
    Ended(Digit, u32),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Quiet,
    /// A key is heard, perhaps: in so many blocks by now.
    Perhaps(Tone, u8),
    /// A key is heard, but for so many blocks at the end.
    Pressed(Tone, u8),
}

#[derive(Clone, Copy, Debug)]
struct Tone {
    digit: Digit,
    /// The power of its strongest block.
    peak: u64,
    /// How long it has been heard, in samples.
    length: u32,
}

/// What one block is.
enum Block {
    /// A key's tone, and hardly anything else.
    Clear(Digit),
    /// A key's tone, with something else or with gaps.
    Dim(Digit),
    /// None.
    Other,
}

impl Default for Detector {
    fn default() -> Self {
        Self::NEW
    }
}

impl Detector {
    /// One that has heard nothing.
    pub const NEW: Self = Self { filters: [[0; 2]; 8], energy: 0, seen: 0, state: State::Quiet, before: 0 };

    /// Listens to `audio` until something is heard, and takes what it listened to off it. None when nothing was heard
    /// to its end.
    pub fn hear(&mut self, law: Law, audio: &mut &[u8]) -> Option<Heard> {
        while let Some((&code, rest)) = audio.split_first() {
            *audio = rest;
            if let Some(heard) = self.sample(law.decode(code)) {
                return Some(heard);
            }
        }
        None
    }

    /// Whether a key may be being pressed: too short yet to count.
    pub const fn suspects(&self) -> bool {
        matches!(self.state, State::Perhaps(..))
    }

    /// Audio is missing here, longer than a key may be interrupted: what was pressed has ended.
    pub fn miss(&mut self) -> Option<Heard> {
        let heard = (0..SILENCE).find_map(|_| self.sample(0));
        *self = Self::NEW;
        heard
    }

    fn sample(&mut self, sample: i16) -> Option<Heard> {
        let sample = i32::from(sample);
        for ([one, two], &coefficient) in self.filters.iter_mut().zip(LOW.iter().chain(&HIGH)) {
            (*one, *two) = (swing(coefficient, *one, *two).wrapping_add(sample), *one);
        }
        self.energy = self.energy.saturating_add(u64::from(sample.unsigned_abs()).pow(2));
        self.seen = self.seen.saturating_add(1);
        if self.seen < BLOCK {
            return None;
        }
        let (block, energy) = (self.block(), self.energy);
        let heard = self.judge(block, energy);
        *self = Self { state: self.state, before: energy, ..Self::NEW };
        heard
    }

    /// What the block is that is complete.
    fn block(&self) -> Block {
        let power = |([one, two], coefficient): (&[i32; 2], &i32)| {
            let (one, two) = (i64::from(*one), i64::from(*two));
            one * one + two * two - ((i64::from(*coefficient) * one) >> 14) * two
        };
        let mut powers = self.filters.iter().zip(LOW.iter().chain(&HIGH)).map(power);
        let [low, high] = [(); 2].map(|()| strongest(powers.by_ref().take(4)));
        let (Some((row, low, low_next)), Some((column, high, high_next))) = (low, high) else {
            return Block::Other;
        };
        let Some(digit) = digit(row, column) else { return Block::Other };
        // Of a pure tone the two powers together are half the samples' power times their number.
        let whole = i64::try_from(self.energy).unwrap_or(i64::MAX).saturating_mul(i64::from(BLOCK)) / 2;
        let tone = low.saturating_add(high);
        let strong = low >= WEAKEST && high >= WEAKEST;
        // The network may weaken the high frequency by 8 dB beside the low one, or the other way by 4 dB; and a
        // frequency that is 1.5 % off looks weaker by up to 2 dB.
        let even = low <= high.saturating_mul(13) && high <= low.saturating_mul(7) / 2;
        // Others of its group are weaker by 6 dB at least, or by 5: into the high ones a stronger low one shines.
        let alone = low_next <= low / 4 && high_next <= high / 3;
        if strong && even && alone && tone >= whole / 256 * 184 {
            Block::Clear(digit)
        } else if low.min(high) >= WEAKEST / 8 && tone >= whole / 256 * 77 {
            Block::Dim(digit)
        } else {
            Block::Other
        }
    }

    /// Takes the block in.
    fn judge(&mut self, block: Block, energy: u64) -> Option<Heard> {
        let (state, heard) = match (self.state, block) {
            (State::Quiet, Block::Clear(digit)) => {
                let mut tone = Tone { digit, peak: energy, length: 0 };
                // It may have begun in the block before.
                tone.add_part(self.before);
                tone.add(energy);
                (State::Perhaps(tone, 1), None)
            }
            (State::Quiet, _) => (State::Quiet, None),
            (State::Perhaps(mut tone, blocks), Block::Clear(digit)) if tone.digit == digit => {
                tone.add(energy);
                tone.settled(blocks.saturating_add(1))
            }
            (State::Perhaps(mut tone, blocks), Block::Dim(digit)) if tone.digit == digit && blocks > 1 => {
                tone.add_part(energy);
                match tone.settled(blocks) {
                    (State::Perhaps(..), _) => (State::Quiet, None),
                    pressed => pressed,
                }
            }
            (State::Perhaps(..), Block::Clear(digit)) => {
                let mut tone = Tone { digit, peak: energy, length: 0 };
                tone.add(energy);
                (State::Perhaps(tone, 1), None)
            }
            (State::Perhaps(..), _) => (State::Quiet, None),
            (State::Pressed(mut tone, gap), Block::Clear(digit)) if tone.digit == digit => {
                tone.length = tone.length.saturating_add(u32::from(gap) * u32::from(BLOCK));
                tone.add(energy);
                (State::Pressed(tone, 0), None)
            }
            (State::Pressed(mut tone, gap), Block::Dim(digit)) if tone.digit == digit => {
                tone.add_part(energy);
                (State::Pressed(tone, gap), None)
            }
            // An interruption of 10 ms does not end it (Q.24), and falls into one block or leaves two of them dim.
            (State::Pressed(tone, 0), _) => (State::Pressed(tone, 1), None),
            (State::Pressed(tone, _), block) => {
                self.state = State::Quiet;
                let next = self.judge(block, energy);
                debug_assert!(next.is_none());
                (self.state, Some(Heard::Ended(tone.digit, tone.length)))
            }
        };
        self.state = state;
        heard
    }
}

impl Tone {
    /// Adds a block that it fills, of this power.
    fn add(&mut self, energy: u64) {
        self.peak = self.peak.max(energy);
        self.length = self.length.saturating_add(BLOCK.into());
    }

    /// Adds a block that it fills as far as the power tells.
    fn add_part(&mut self, energy: u64) {
        let energy = energy.min(self.peak);
        let part = energy.saturating_mul(BLOCK.into()).checked_div(self.peak).unwrap_or(0);
        self.length = self.length.saturating_add(u32::try_from(part).unwrap_or(0));
    }

    /// Whether it counts, after so many clear blocks: two make sure that it is no speech.
    const fn settled(self, blocks: u8) -> (State, Option<Heard>) {
        if blocks > 1 && self.length >= LEAST {
            (State::Pressed(self, 0), Some(Heard::Began(self.digit)))
        } else {
            (State::Perhaps(self, blocks), None)
        }
    }
}

/// Which of some powers is the greatest, it, and the one next to it.
fn strongest(powers: impl Iterator<Item = i64>) -> Option<(usize, i64, i64)> {
    let mut found: Option<(usize, i64, i64)> = None;
    for (place, power) in powers.enumerate() {
        found = match found {
            Some((_, most, _)) if power > most => Some((place, power, most)),
            Some((at, most, next)) => Some((at, most, next.max(power))),
            None => Some((place, power, 0)),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const FREQUENCIES: [f64; 8] = [697., 770., 852., 941., 1209., 1336., 1477., 1633.];

    /// A tone: which two frequencies, at which levels in dBm0, how far off, how long in samples.
    struct Sound {
        places: [usize; 2],
        levels: [f64; 2],
        off: f64,
        length: usize,
    }

    impl Default for Sound {
        fn default() -> Self {
            Self { places: [0, 4], levels: [-11., -9.], off: 1., length: 400 }
        }
    }

    impl Sound {
        fn samples(&self) -> Vec<f64> {
            let sine = |place: usize, level: f64, n: usize| {
                let amplitude = 32_124. * f64::powf(10., (level - 3.17) / 20.);
                let turns = FREQUENCIES[place] * self.off * n as f64 / 8000.;
                amplitude * f64::sin(2. * core::f64::consts::PI * turns)
            };
            let two = |n| sine(self.places[0], self.levels[0], n) + sine(self.places[1], self.levels[1], n);
            (0..self.length).map(two).collect()
        }
    }

    /// White noise of this power in dBm0.
    fn noise(samples: usize, level: f64, seed: u64) -> impl Iterator<Item = f64> {
        let mut state = seed | 1;
        // Uniform: its peak is the root of three times its power, and a sine's of twice.
        let peak = 32_124. * f64::powf(10., (level - 3.17) / 20.) / f64::sqrt(2.) * f64::sqrt(3.);
        (0..samples).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f64 / f64::from(1 << 23) - 1.) * peak
        })
    }

    /// What is heard of sound behind so much silence, and with silence after it.
    fn heard(law: Law, before: usize, sound: &[f64]) -> Vec<Heard> {
        let mut codes = std::vec![law.encode(0); before];
        codes.extend(sound.iter().map(|&sample| law.encode(sample as i16)));
        codes.resize(codes.len() + 500, law.encode(0));
        let (mut detector, mut heard) = (Detector::NEW, Vec::new());
        for packet in codes.chunks(160) {
            let mut rest = packet;
            heard.extend(core::iter::from_fn(|| detector.hear(law, &mut rest)));
        }
        heard
    }

    fn keys(heard: &[Heard]) -> Vec<u8> {
        let key = |heard: &Heard| match heard {
            Heard::Began(digit) => Some(digit.key()),
            Heard::Ended(..) => None,
        };
        heard.iter().filter_map(key).collect()
    }

    #[test]
    fn every_key_is_heard_within_the_limits_of_q24() {
        for (row, codes) in super::super::KEYPAD.iter().enumerate() {
            for (column, &code) in codes.iter().enumerate() {
                let key = Digit::of_code(code).unwrap();
                for law in [Law::Mu, Law::A] {
                    // From loud to weak; the high frequency 4 dB above the low one to 8 dB below; 1.5 % off; 40 ms.
                    for levels in [[-3., -3.], [-25., -25.], [-10., -6.], [-6., -14.], [-17., -25.]] {
                        for off in [1., 0.985, 1.015] {
                            for before in [0, 25, 51, 77, 101] {
                                let sound = Sound { places: [row, column + 4], levels, off, length: 320 };
                                let heard = heard(law, before, &sound.samples());
                                assert_eq!(
                                    keys(&heard),
                                    [key.key()],
                                    "{key} {law:?} {levels:?} {off} {before}"
                                );
                                let Some(&Heard::Ended(same, length)) = heard.last() else {
                                    panic!("{heard:?}")
                                };
                                assert_eq!(same, key);
                                assert!((250..420).contains(&length), "{length}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_too_short_too_weak_too_uneven_or_too_far_off_is_none() {
        for before in 0..102 {
            let short = Sound { length: 160, ..Sound::default() };
            assert_eq!(heard(Law::Mu, before, &short.samples()), [], "20 ms, after {before}");
        }
        let none = |sound: Sound| assert_eq!(heard(Law::A, 33, &sound.samples()), []);
        none(Sound { levels: [-40., -40.], ..Sound::default() });
        none(Sound { levels: [-10., -22.], length: 800, ..Sound::default() });
        none(Sound { levels: [-22., -10.], length: 800, ..Sound::default() });
        none(Sound { levels: [-10., -90.], length: 800, ..Sound::default() });
        none(Sound { off: 1.035, length: 800, ..Sound::default() });
        none(Sound { off: 0.965, length: 800, ..Sound::default() });
        none(Sound { places: [0, 1], length: 800, ..Sound::default() });
    }

    #[test]
    fn a_short_interruption_is_none_and_a_pause_is_one() {
        let tone = Sound { length: 800, ..Sound::default() }.samples();
        for before in 0..102 {
            let mut interrupted = tone.clone();
            interrupted[400..480].fill(0.);
            assert_eq!(keys(&heard(Law::Mu, before, &interrupted)), b"1", "10 ms, after {before}");
            let mut twice = tone.clone();
            twice[400..720].fill(0.);
            twice.extend(Sound { length: 400, ..Sound::default() }.samples());
            assert_eq!(keys(&heard(Law::Mu, before, &twice)), b"11", "40 ms, after {before}");
        }
    }

    #[test]
    fn noise_hides_none_and_makes_none() {
        for seed in 0..50 {
            // 15 dB below the tone's weaker frequency.
            let tone = Sound { length: 400, ..Sound::default() }.samples();
            let noisy: Vec<f64> =
                tone.iter().zip(noise(400, -26., seed)).map(|(tone, noise)| tone + noise).collect();
            assert_eq!(keys(&heard(Law::Mu, seed as usize * 2, &noisy)), b"1", "{seed}");
            let noise: Vec<f64> = noise(8000, -10., seed).collect();
            assert_eq!(heard(Law::Mu, 0, &noise), []);
        }
    }

    /// Ten minutes of what a voice makes: pulses of a changing pitch through three resonances that move, in syllables with
    /// pauses.
    #[test]
    fn a_voice_presses_no_key() {
        let mut state = 0x1234_5678_9abc_def1u64;
        let mut chance = |from: f64, to: f64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            from + (to - from) * ((state >> 40) as f64 / f64::from(1 << 24))
        };
        let mut detector = Detector::NEW;
        let mut heard = Vec::new();
        let mut blocks = 0;
        for _ in 0..3000 {
            let length = chance(600., 2600.) as usize;
            let (pitch, slide) = (chance(80., 350.), chance(-0.3, 0.3));
            let formants = [chance(250., 950.), chance(850., 2400.), chance(2000., 3300.)];
            let moves = [chance(-150., 150.), chance(-400., 400.), chance(-200., 200.)];
            let widths = [chance(40., 90.), chance(50., 120.), chance(80., 200.)];
            let (loud, breath) = (chance(3000., 20_000.), chance(0., 0.15));
            let (mut phase, mut states) = (0., [[0f64; 2]; 3]);
            let mut codes = Vec::with_capacity(length);
            for n in 0..length {
                let part = n as f64 / length as f64;
                phase += pitch * (1. + slide * part) / 8000.;
                let pulse = if phase >= 1. { 1. } else { 0. };
                phase -= phase.floor();
                let excitation = pulse + breath * chance(-1., 1.);
                let mut sample = 0.;
                for (((state, formant), moves), width) in
                    states.iter_mut().zip(formants).zip(moves).zip(widths)
                {
                    let radius = f64::exp(-core::f64::consts::PI * width / 8000.);
                    let turn = 2. * core::f64::consts::PI * (formant + moves * part) / 8000.;
                    let next = excitation + 2. * radius * turn.cos() * state[0] - radius * radius * state[1];
                    *state = [next, state[0]];
                    sample += next * (1. - radius) * 4.;
                }
                let envelope = f64::sin(core::f64::consts::PI * part);
                codes.push(Law::A.encode((sample * loud * envelope).clamp(-32_000., 32_000.) as i16));
            }
            codes.resize(length + chance(0., 800.) as usize, Law::A.encode(0));
            blocks += codes.len() / 102;
            let mut rest = &codes[..];
            heard.extend(core::iter::from_fn(|| detector.hear(Law::A, &mut rest)));
        }
        assert!(blocks > 40_000, "{blocks}");
        assert_eq!(heard, []);
    }
}
