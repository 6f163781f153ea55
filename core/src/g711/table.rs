//! The same conversions by table, for processors that take one byte at a time: 256 bytes of flash for each way.

use super::Law;

/// Turns audio of one law into the other, in place. Of the same law it is left as it is.
pub(super) fn transcode(from: Law, to: Law, audio: &mut [u8]) {
    let table = match (from, to) {
        (Law::Mu, Law::A) => &MU_TO_A,
        (Law::A, Law::Mu) => &A_TO_MU,
        (Law::Mu, Law::Mu) | (Law::A, Law::A) => return,
    };
    for code in audio {
        if let Some(other) = table.get(usize::from(*code)) {
            *code = *other;
        }
    }
}

static MU_TO_A: [u8; 256] = table(Law::Mu, Law::A);
static A_TO_MU: [u8; 256] = table(Law::A, Law::Mu);

/// What G.191 makes of each code: decoded and encoded again.
const fn table(from: Law, to: Law) -> [u8; 256] {
    let mut table = [0; 256];
    let (mut code, mut rest) = (0, table.as_mut_slice());
    while let Some((entry, behind)) = rest.split_first_mut() {
        *entry = to.encode(from.decode(code));
        (code, rest) = (code.wrapping_add(1), behind);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_the_same_as_arithmetic() {
        for (from, to) in [(Law::Mu, Law::A), (Law::A, Law::Mu), (Law::Mu, Law::Mu), (Law::A, Law::A)] {
            let codes: [u8; 256] = core::array::from_fn(|i| i as u8);
            let (mut one, mut other) = (codes, codes);
            transcode(from, to, &mut one);
            super::super::calculate(from, to, &mut other);
            assert_eq!(one, other, "{from:?} {to:?}");
        }
    }
}
