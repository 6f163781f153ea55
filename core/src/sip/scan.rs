//! Finds lines and colons in a header, two words at a time.
//!
//! Lines and names are short: at such lengths a loop over words beats a call to memchr, and it runs the same on a
//! board.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The first byte of `bytes` that is smaller than `LIMIT`, which is at most 128.
#[inline]
pub(super) fn first_below<const LIMIT: u8>(bytes: &[u8]) -> Option<usize> {
    first(bytes, |word| word.wrapping_sub(ONES * LIMIT as u64) & !word & HIGH, |byte| byte < LIMIT)
}

/// The first colon of `bytes`.
#[inline]
pub(super) fn colon(bytes: &[u8]) -> Option<usize> {
    let differ = |word: u64| word ^ (ONES * b':' as u64);
    first(bytes, |word| differ(word).wrapping_sub(ONES) & !differ(word) & HIGH, |byte| byte == b':')
}

/// The first byte that is a hit. Of a word's hits only the first need be true: the lowest high bit stands at it, and
/// a borrow from it can only disturb those above.
#[inline]
fn first(bytes: &[u8], hits: impl Fn(u64) -> u64, hit: impl Fn(u8) -> bool) -> Option<usize> {
    let mut rest = bytes;
    while let Some((pair, tail)) = rest.split_first_chunk::<16>() {
        let pair = u128::from_le_bytes(*pair);
        let (low, high) = (hits(pair as u64), hits((pair >> 64) as u64));
        if low | high != 0 {
            let found = u128::from(low) | u128::from(high) << 64;
            return Some(distance(bytes, rest).wrapping_add(found.trailing_zeros() as usize / 8));
        }
        rest = tail;
    }
    let at = rest.iter().position(|&byte| hit(byte))?;
    Some(distance(bytes, rest).wrapping_add(at))
}

/// How far `rest`, the tail of `bytes`, is from their start.
#[inline]
fn distance(bytes: &[u8], rest: &[u8]) -> usize {
    bytes.len().wrapping_sub(rest.len())
}

/// One line of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where its text ends.
    pub(super) end: usize,
    /// Where the next line begins: at `end` where this one is not ended.
    pub(super) next: usize,
    /// A CR in it without LF; `usize::MAX` where there is none.
    pub(super) stray: usize,
}

impl Line {
    /// The line of `bytes` that begins at `at`.
    #[inline]
    pub(super) fn at(bytes: &[u8], at: usize) -> Self {
        let mut stray = usize::MAX;
        let mut rest = bytes.get(at..).unwrap_or_default();
        loop {
            // Tabs and other controls are found too, and passed over.
            let Some((_, found)) =
                first_below::<{ b'\r' + 1 }>(rest).and_then(|at| rest.split_at_checked(at))
            else {
                return Self { end: bytes.len(), next: bytes.len(), stray };
            };
            let end = distance(bytes, found);
            match found {
                [b'\r', b'\n', ..] => return Self { end, next: end.wrapping_add(2), stray },
                [b'\n', ..] => return Self { end, next: end.wrapping_add(1), stray },
                [b'\r', after @ ..] => {
                    stray = stray.min(end);
                    rest = after;
                }
                [_, after @ ..] => rest = after,
                [] => rest = found,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        const NONE: usize = usize::MAX;
        let bytes = b"ab\r\n\r\nc\nd\te\rf\r\r\ng";
        assert_eq!(Line::at(bytes, 0), Line { end: 2, next: 4, stray: NONE });
        assert_eq!(Line::at(bytes, 4), Line { end: 4, next: 6, stray: NONE });
        assert_eq!(Line::at(bytes, 6), Line { end: 7, next: 8, stray: NONE });
        assert_eq!(Line::at(bytes, 8), Line { end: 14, next: 16, stray: 11 });
        assert_eq!(Line::at(bytes, 16), Line { end: 17, next: 17, stray: NONE });
        assert_eq!(Line::at(bytes, 99), Line { end: 17, next: 17, stray: NONE });
    }

    proptest! {
        #[test]
        fn words_find_what_bytes_find(
            text in prop::collection::vec(prop::sample::select(&[b':', b';', b'9', 0x80, 0xba, 0xff, 0, b'\r', 0x0e][..]), 0..40),
        ) {
            prop_assert_eq!(colon(&text), text.iter().position(|&byte| byte == b':'));
            prop_assert_eq!(first_below::<14>(&text), text.iter().position(|&byte| byte < 14));
            prop_assert_eq!(first_below::<128>(&text), text.iter().position(|&byte| byte < 128));
        }
    }
}
