//! G.711, the companding of 16-bit linear PCM into 8 bits a sample; bit-exact with the reference of ITU-T G.191.
//!
//! Each conversion is a few steps without branches, which a compiler turns into vector instructions over a whole
//! packet. Where there are none, as on a Cortex-M, it is looked up instead. Between the laws, the reference is to decode
//! and encode again by G.191.

mod table;

/// Which of the two laws of G.711 a byte is coded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Law {
    /// Mu-law: PCMU, North America and Japan.
    Mu,
    /// A-law: PCMA, the rest of the world.
    A,
}

impl Law {
    /// The static RTP payload type (RFC 3551 table 4): 0 for PCMU, 8 for PCMA.
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }

    /// The 16-bit linear sample that `code` stands for.
    pub const fn decode(self, code: u8) -> i16 {
        match self {
            Self::Mu => mu_decode(code),
            Self::A => a_decode(code),
        }
    }

    /// The code of a 16-bit linear sample.
    pub const fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => mu_encode(sample),
            Self::A => a_encode(sample),
        }
    }
}

/// Turns audio of one law into the other, in place. Of the same law it is left as it is.
pub fn transcode(from: Law, to: Law, audio: &mut [u8]) {
    if BY_TABLE {
        table::transcode(from, to, audio);
    } else {
        calculate(from, to, audio);
    }
}

/// Whether packets are looked up. On a Cortex-M4 a code then takes 5 instructions, and 37 when it is calculated.
const BY_TABLE: bool = cfg!(all(target_arch = "arm", not(target_feature = "neon")));

fn calculate(from: Law, to: Law, audio: &mut [u8]) {
    match (from, to) {
        (Law::Mu, Law::A) => audio.iter_mut().for_each(|code| *code = mu_to_a(*code)),
        (Law::A, Law::Mu) => audio.iter_mut().for_each(|code| *code = a_to_mu(*code)),
        (Law::Mu, Law::Mu) | (Law::A, Law::A) => {}
    }
}

/// A-law inverts every other bit on the line.
const A_LINE: u8 = 0x55;
/// The sign; set is positive.
const POSITIVE: u8 = 0x80;

const fn a_decode(code: u8) -> i16 {
    let code = code ^ A_LINE;
    let segment = (code >> 4) & 7;
    let step = ((code & 15) as i16) << 4;
    let magnitude = match segment {
        0 => step + 8,
        _ => (step + 0x108) << (segment - 1),
    };
    if code & POSITIVE == 0 { -magnitude } else { magnitude }
}

const fn a_encode(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0, !sample >> 4) } else { (POSITIVE, sample >> 4) };
    // Bit 4 stands for the first two segments, which have the same step.
    let shift = 11 - (magnitude | 16).leading_zeros();
    let code = (magnitude >> shift) as u8 + ((shift as u8) << 4);
    (code | sign) ^ A_LINE
}

/// What mu-law adds to a 14-bit magnitude, so that every segment starts at a power of two.
const MU_BIAS: i16 = 33;

const fn mu_decode(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 7;
    let magnitude = ((2 * (code & 15) as i16 + MU_BIAS) << (segment + 2)) - (MU_BIAS << 2);
    if code & POSITIVE == 0 { magnitude } else { -magnitude }
}

const fn mu_encode(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0, !sample >> 2) } else { (POSITIVE, sample >> 2) };
    let biased = magnitude + MU_BIAS;
    let biased = if biased > 0x1fff { 0x1fff } else { biased };
    let segment = 10 - biased.leading_zeros();
    let code = ((segment as u8) << 4) | ((biased >> (segment + 1)) & 15) as u8;
    (!code & !POSITIVE) | sign
}

/// The A-law code of a mu-law code.
///
/// The two number their magnitudes nearly alike. Below 16 there are two mu-law codes to one of A-law's; from 16 on
/// they go side by side, but for eight A-law codes that no mu-law code falls on: after 32, 33, 34, 35, 48, 49, 64
/// and 95.
pub fn mu_to_a(code: u8) -> u8 {
    let magnitude = !code & !POSITIVE;
    let negative = !code >> 7;
    // Mu-law has a negative zero (0x7f), A-law has not.
    let sign = code.saturating_add(1) & POSITIVE;
    // On the edge between two A-law codes G.191 rounds up: a positive sample away from zero, a negative towards it.
    let low = magnitude.min(15).saturating_sub(negative) >> 1;
    let high = magnitude.saturating_sub(15)
        + magnitude.saturating_sub(32).min(4)
        + magnitude.saturating_sub(48).min(2)
        + magnitude.saturating_sub(64).min(1)
        + magnitude.saturating_sub(95).min(1);
    (low.wrapping_add(high) | sign) ^ A_LINE
}

/// The mu-law code of an A-law code.
///
/// Below 8 each A-law code is the second of two mu-law codes. From there on they go side by side, but for eight
/// A-law codes that share a mu-law code with the one before: 25, 27, 29, 31, 45, 47, 63 and 96.
pub fn a_to_mu(code: u8) -> u8 {
    let code = code ^ A_LINE;
    let magnitude = code & !POSITIVE;
    let shared = (magnitude.saturating_sub(23).min(8) >> 1)
        + (magnitude.saturating_sub(43).min(4) >> 1)
        + magnitude.saturating_sub(62).min(1)
        + magnitude.saturating_sub(95).min(1);
    let magnitude = (magnitude + magnitude.min(7) + 1).wrapping_sub(shared);
    (!magnitude & !POSITIVE) | (code & POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_the_itu_reference_does() {
        // Sample, mu-law, A-law, from the sweep of G.191; -31612 and -12 tell it from Sun's encoder.
        for (sample, mu, a) in [
            (0, 0xff, 0xd5),
            (-1, 0x7f, 0x55),
            (4, 0xfe, 0xd5),
            (-4, 0x7f, 0x55),
            (-12, 0x7e, 0x55),
            (100, 0xf2, 0xd3),
            (-100, 0x73, 0x53),
            (1000, 0xce, 0xfa),
            (-1000, 0x4e, 0x7a),
            (-31612, 0x01, 0x2b),
            (i16::MAX, 0x80, 0xaa),
            (i16::MIN, 0x00, 0x2a),
        ] {
            assert_eq!(Law::Mu.encode(sample), mu, "{sample}");
            assert_eq!(Law::A.encode(sample), a, "{sample}");
        }
    }

    #[test]
    fn decodes_as_the_itu_reference_does() {
        for (code, sample) in
            [(0xff, 0), (0x7f, 0), (0xfe, 8), (0x73, -96), (0xce, 988), (0x80, 32124), (0, -32124)]
        {
            assert_eq!(Law::Mu.decode(code), sample, "{code:#x}");
        }
        for (code, sample) in
            [(0xd5, 8), (0x55, -8), (0xd3, 104), (0x7a, -1008), (0xaa, 32256), (0x2b, -31232)]
        {
            assert_eq!(Law::A.decode(code), sample, "{code:#x}");
        }
    }

    #[test]
    fn every_code_comes_back_from_its_sample() {
        for code in 0..=u8::MAX {
            assert_eq!(Law::A.encode(Law::A.decode(code)), code);
            // Negative zero is the one code that does not.
            let back = Law::Mu.encode(Law::Mu.decode(code));
            assert_eq!(back, if code == 0x7f { 0xff } else { code });
        }
    }

    #[test]
    fn between_the_laws_is_decoding_and_encoding() {
        for code in 0..=u8::MAX {
            assert_eq!(mu_to_a(code), Law::A.encode(Law::Mu.decode(code)), "{code:#x}");
            assert_eq!(a_to_mu(code), Law::Mu.encode(Law::A.decode(code)), "{code:#x}");
        }
    }

    #[test]
    fn transcodes_in_place() {
        let mut audio: [u8; 256] = core::array::from_fn(|i| i as u8);
        let before = audio;
        transcode(Law::Mu, Law::Mu, &mut audio);
        transcode(Law::A, Law::A, &mut audio);
        assert_eq!(audio, before);
        transcode(Law::Mu, Law::A, &mut audio);
        assert_eq!(audio, before.map(mu_to_a));
        transcode(Law::A, Law::Mu, &mut audio);
        assert_eq!(audio, before.map(|code| a_to_mu(mu_to_a(code))));
        // A third conversion brings nothing new: once on both grids, audio stays.
        let settled = audio.map(mu_to_a);
        assert_eq!(settled, before.map(mu_to_a));
    }
}
