//! What an endpoint hears: packets, each known by its tone, and in which order what lasted was heard.

use core::time::Duration;

use super::tone::{PACKET, mean_square, measure, power};
use super::voice::Voice;

/// How much of a packet's power has to be a tone's for it to be that.
const PURE: f64 = 0.9;

/// What is below this is silence: the mean square of a sine 50 dB below full scale.
const SILENT: f64 = 5_369.0;

/// How many packets in a row are heard as something, 0.2 s: what is shorter comes of one thing ending as another begins.
const LASTING: usize = 10;

/// What is in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Somebody, or something, that is known.
    Voice(Voice),
    /// RTP with nothing to be heard in it.
    Silence,
    /// Anything else.
    Noise,
}

/// What was heard for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heard {
    /// What it was.
    pub sound: Sound,
    /// When it began, since the scene did.
    pub at: Duration,
    /// How many packets of 20 ms.
    pub packets: usize,
    /// Its strongest frequency, in hertz.
    pub frequency: f64,
    /// The level of that, in decibels relative to a sine of full scale.
    pub level: f64,
}

impl Heard {
    /// How long.
    pub fn lasted(&self) -> Duration {
        Duration::from_millis(20) * u32::try_from(self.packets).unwrap_or(u32::MAX)
    }
}

/// All that was heard.
#[derive(Debug, Default)]
pub(super) struct Ear {
    packets: Vec<(Duration, Sound)>,
    samples: Vec<i16>,
}

/// Packets that follow each other.
struct Stretch {
    sound: Sound,
    first: usize,
    count: usize,
}

impl Ear {
    /// Takes a packet in.
    pub(super) fn hear(&mut self, at: Duration, samples: &[i16; PACKET]) {
        self.packets.push((at, recognise(samples)));
        self.samples.extend(samples);
    }

    /// What lasted, in order.
    fn stretches(&self) -> Vec<Stretch> {
        let mut found: Vec<Stretch> = Vec::new();
        let mut first = 0;
        for packets in self.packets.chunk_by(|one, next| one.1 == next.1) {
            let count = packets.len();
            if let Some((_, sound)) = packets.first().filter(|_| count >= LASTING) {
                match found.last_mut().filter(|last| last.sound == *sound) {
                    Some(last) => last.count += count,
                    None => found.push(Stretch { sound: *sound, first, count }),
                }
            }
            first += count;
        }
        found
    }

    /// Whether these were heard first, in this order, and the last of them for so many packets at least.
    pub(super) fn has_heard(&self, order: &[Sound], packets: usize) -> bool {
        let stretches = self.stretches();
        let Some(heard) = stretches.get(..order.len()) else { return false };
        heard.iter().map(|stretch| stretch.sound).eq(order.iter().copied())
            && heard.last().is_none_or(|last| last.count >= packets)
    }

    /// The same, measured.
    pub(super) fn heard(&self) -> Vec<Heard> {
        let measured = |stretch: Stretch| {
            let from = stretch.first * PACKET;
            let samples = self.samples.get(from..from + stretch.count * PACKET).unwrap_or_default();
            let (frequency, level) = measure(samples);
            let at = self.packets.get(stretch.first).map(|packet| packet.0).unwrap_or_default();
            Heard { sound: stretch.sound, at, packets: stretch.count, frequency, level }
        };
        self.stretches().into_iter().map(measured).collect()
    }
}

fn recognise(samples: &[i16]) -> Sound {
    let all = mean_square(samples);
    if all < SILENT {
        return Sound::Silence;
    }
    let is = |voice: &Voice| power(samples, voice.frequency()) >= PURE * all;
    Voice::ALL.into_iter().find(is).map_or(Sound::Noise, Sound::Voice)
}

#[cfg(test)]
mod tests {
    use super::super::tone::Sine;
    use super::*;

    fn listen(played: &[(Option<f64>, usize)]) -> Ear {
        let mut ear = Ear::default();
        let mut at = Duration::ZERO;
        for (tone, packets) in played {
            let mut sine = Sine::new(tone.unwrap_or_default());
            for _ in 0..*packets {
                ear.hear(at, &core::array::from_fn(|_| sine.next().unwrap_or_default()));
                at += Duration::from_millis(20);
            }
        }
        ear
    }

    fn order(ear: &Ear) -> Vec<(Sound, usize)> {
        ear.heard().iter().map(|heard| (heard.sound, heard.packets)).collect()
    }

    #[test]
    fn each_voice_is_known() {
        for voice in Voice::ALL {
            let heard = listen(&[(Some(voice.frequency()), 20)]).heard();
            let [heard] = heard[..] else { panic!("{heard:?}") };
            assert_eq!(heard.sound, Sound::Voice(voice));
            assert!((heard.frequency - voice.frequency()).abs() <= 1.0, "{heard:?}");
            assert!((heard.level + 10.0).abs() < 0.1, "{heard:?}");
        }
        assert_eq!(order(&listen(&[(Some(1_500.0), 20)])), [(Sound::Noise, 20)]);
    }

    #[test]
    fn what_lasted_is_told_in_order() {
        let ear = listen(&[(Some(440.0), 30), (None, 9), (Some(440.0), 30), (None, 10), (Some(349.0), 12)]);
        let (caller, music) = (Sound::Voice(Voice::Caller), Sound::Voice(Voice::Music));
        assert_eq!(order(&ear), [(caller, 60), (Sound::Silence, 10), (music, 12)]);
        assert_eq!(ear.heard().last().map(|last| last.at), Some(Duration::from_millis(79 * 20)));
        assert!(ear.has_heard(&[caller, Sound::Silence, music], 12));
        assert!(!ear.has_heard(&[caller, Sound::Silence, music], 13));
        assert!(ear.has_heard(&[caller, Sound::Silence], 10), "the last may have ended");
        assert!(!ear.has_heard(&[caller, music], 1));
        assert!(!ear.has_heard(&[caller, Sound::Silence, music, caller], 1));
    }
}
