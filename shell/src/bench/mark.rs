//! What is written into a packet's audio, so that it is known again: it has to live through transcoding.
//!
//! Four bits a byte: sixteen levels far enough apart for either law, and for one after the other.

use warmline_core::g711::Law;

/// Distance of two levels; the outer ones are at 15,000.
const STEP: i32 = 2000;
const LOWEST: i32 = -15_000;

/// How many bytes a mark takes.
pub(super) const LEN: usize = 16 + 8 + 4 + 2;

/// A packet's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// When it was sent, in nanoseconds.
    pub(super) sent: u64,
    /// Which of its stream's packets it is.
    pub(super) number: u32,
    /// Which stream.
    pub(super) stream: u16,
    /// Which run.
    pub(super) run: u8,
}

/// Writes and reads marks in one law.
pub(super) struct Ink {
    codes: [u8; 16],
    levels: [u8; 256],
}

impl Ink {
    pub(super) fn new(law: Law) -> Self {
        // In range: an outer level is 15,000.
        let sample = |level: usize| (LOWEST + STEP * level as i32) as i16;
        let level = |code: usize| (i32::from(law.decode(code as u8)) - LOWEST + STEP / 2) / STEP;
        Self {
            codes: core::array::from_fn(|number| law.encode(sample(number))),
            levels: core::array::from_fn(|code| level(code).clamp(0, 15) as u8),
        }
    }

    pub(super) fn write(&self, mark: Mark, audio: &mut [u8; LEN]) {
        let bytes = mark.bytes();
        for (pair, byte) in audio.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *pair = [self.codes[usize::from(byte >> 4)], self.codes[usize::from(byte & 15)]];
        }
    }

    pub(super) fn read(&self, audio: &[u8; LEN]) -> Mark {
        let mut bytes = [0; LEN / 2];
        for (byte, &[high, low]) in bytes.iter_mut().zip(audio.as_chunks::<2>().0) {
            *byte = self.levels[usize::from(high)] << 4 | self.levels[usize::from(low)];
        }
        Mark::of(bytes)
    }
}

impl Mark {
    fn bytes(self) -> [u8; LEN / 2] {
        let [a, b, c, d, e, f, g, h] = self.sent.to_be_bytes();
        let [i, j, k, l] = self.number.to_be_bytes();
        let [m, n] = self.stream.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, self.run]
    }

    fn of([a, b, c, d, e, f, g, h, i, j, k, l, m, n, run]: [u8; LEN / 2]) -> Self {
        Self {
            sent: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            number: u32::from_be_bytes([i, j, k, l]),
            stream: u16::from_be_bytes([m, n]),
            run,
        }
    }
}

#[cfg(test)]
mod tests {
    use warmline_core::g711::transcode;

    use super::*;

    #[test]
    fn marks_live_through_every_way() {
        for from in [Law::Mu, Law::A] {
            for to in [Law::Mu, Law::A] {
                for sent in [0, 0x0123_4567_89ab_cdef, u64::MAX, !0x0123_4567_89ab_cdef] {
                    let mark = Mark { sent, number: sent as u32, stream: sent as u16, run: sent as u8 };
                    let mut audio = [0; LEN];
                    Ink::new(from).write(mark, &mut audio);
                    transcode(from, to, &mut audio);
                    assert_eq!(Ink::new(to).read(&audio), mark, "{from:?} to {to:?}");
                }
            }
        }
    }
}
