//! G.711 between its laws as ITU-T G.191 does it: each code expanded to a linear sample and compressed again.
//!
//! Written after the reference's C, step by step and apart from core's, so that the two bear witness to each other.

/// What a mu-law code becomes in A-law.
pub fn mu_to_a(code: u8) -> u8 {
    alaw_compress(ulaw_expand(code))
}

/// What an A-law code becomes in mu-law.
pub fn a_to_mu(code: u8) -> u8 {
    ulaw_compress(alaw_expand(code))
}

pub(super) fn ulaw_expand(code: u8) -> i32 {
    let sign = if code < 0x80 { -1 } else { 1 };
    let inverted = i32::from(!code);
    let exponent = (inverted >> 4) & 7;
    let mantissa = inverted & 15;
    let step = 4 << (exponent + 1);
    sign * ((0x80 << exponent) + step * mantissa + step / 2 - 4 * 33)
}

fn ulaw_compress(linear: i32) -> u8 {
    let magnitude = if linear < 0 { (!linear >> 2) + 33 } else { (linear >> 2) + 33 };
    let magnitude = magnitude.min(0x1fff);
    let mut segment = 1;
    let mut rest = magnitude >> 6;
    while rest != 0 {
        segment += 1;
        rest >>= 1;
    }
    let code = ((8 - segment) << 4) | (15 - ((magnitude >> segment) & 15));
    (code | if linear >= 0 { 0x80 } else { 0 }) as u8
}

pub(super) fn alaw_expand(code: u8) -> i32 {
    let bits = i32::from(code ^ 0x55) & 0x7f;
    let exponent = bits >> 4;
    let mut mantissa = bits & 15;
    if exponent > 0 {
        mantissa += 16;
    }
    mantissa = (mantissa << 4) + 8;
    if exponent > 1 {
        mantissa <<= exponent - 1;
    }
    if code > 127 { mantissa } else { -mantissa }
}

fn alaw_compress(linear: i32) -> u8 {
    let mut bits = if linear < 0 { !linear >> 4 } else { linear >> 4 };
    if bits > 15 {
        let mut exponent = 1;
        while bits > 31 {
            bits >>= 1;
            exponent += 1;
        }
        bits = bits - 16 + (exponent << 4);
    }
    if linear >= 0 {
        bits |= 0x80;
    }
    (bits ^ 0x55) as u8
}

#[cfg(test)]
mod tests {
    use warmline_core::g711::{Law, transcode};

    use super::*;

    #[test]
    fn silence_and_the_loudest() {
        assert_eq!([mu_to_a(0xff), mu_to_a(0x7f), mu_to_a(0x00), mu_to_a(0x80)], [0xd5, 0xd5, 0x2a, 0xaa]);
        assert_eq!([a_to_mu(0xd5), a_to_mu(0x55), a_to_mu(0x2a), a_to_mu(0xaa)], [0xfe, 0x7e, 0x00, 0x80]);
    }

    #[test]
    fn core_translates_the_same_way() {
        for code in 0..=u8::MAX {
            let mut both = [code, code];
            let [mu, a] = both.each_mut().map(core::slice::from_mut);
            transcode(Law::Mu, Law::A, mu);
            transcode(Law::A, Law::Mu, a);
            assert_eq!(both, [mu_to_a(code), a_to_mu(code)], "{code:#04x}");
        }
    }
}
