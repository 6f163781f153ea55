//! Finds the bytes that structure a header, 64 at a time.
//!
//! All blocks are looked at in their order and alike, so that the processor need not know where one line ends to go
//! on to the next.

/// As many bytes as a mask has bits.
const BLOCK: usize = 64;

/// What is where in a block: a bit each, the first byte's the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// Where the block begins.
    pub(super) base: usize,
    /// Bytes up to CR: line ends, but also tabs, stray CRs and NULs.
    pub(super) controls: u64,
    /// Colons.
    pub(super) colons: u64,
}

impl Marks {
    /// The first colon of the block, if there is one.
    #[inline]
    pub(super) fn colon(&self) -> Option<usize> {
        (self.colons != 0).then(|| self.base.wrapping_add(self.colons.trailing_zeros() as usize))
    }

    /// The first colon of the block at or behind `at`, which does not lie before the block.
    #[inline]
    pub(super) fn colon_from(self, at: usize) -> Option<usize> {
        let before = at.wrapping_sub(self.base);
        let rest = if before < BLOCK { self.colons & u64::MAX << before } else { 0 };
        Self { colons: rest, ..self }.colon()
    }

    /// Where the controls of the block are.
    #[inline]
    pub(super) fn controls(&self) -> impl Iterator<Item = usize> + use<> {
        let (base, mut left) = (self.base, self.controls);
        core::iter::from_fn(move || {
            let at = (left != 0).then(|| base.wrapping_add(left.trailing_zeros() as usize));
            left &= left.wrapping_sub(1);
            at
        })
    }
}

/// The blocks of `bytes` from `start` on.
#[inline]
pub(super) fn blocks(bytes: &[u8], start: usize) -> impl Iterator<Item = Marks> {
    let mut base = start;
    core::iter::from_fn(move || {
        let rest = bytes.get(base..).filter(|rest| !rest.is_empty())?;
        let (controls, colons) = match rest.first_chunk() {
            Some(block) => lanes::marks(block),
            None => lanes::marks(&last(rest)),
        };
        let marks = Marks { base, controls, colons };
        base = base.wrapping_add(BLOCK);
        Some(marks)
    })
}

/// The last bytes, made a block by bytes without a mark.
#[cold]
fn last(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [u8::MAX; BLOCK];
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
    }
    block
}

/// Marks by vectors.
#[cfg(target_arch = "x86_64")]
mod lanes {
    use safe_arch::{
        cmp_eq_mask_i8_m128i as equal, load_unaligned_m128i as load, min_u8_m128i as min,
        move_mask_i8_m128i as gather, set_splat_i8_m128i as splat,
    };

    /// Controls and colons of a block.
    #[inline]
    pub(super) fn marks(block: &[u8; super::BLOCK]) -> (u64, u64) {
        let (mut controls, mut colons) = (0, 0);
        for (index, lane) in block.as_chunks().0.iter().enumerate() {
            let lane = load(lane);
            let control = gather(equal(min(lane, splat(b'\r' as i8)), lane));
            let colon = gather(equal(lane, splat(b':' as i8)));
            controls |= u64::from(control as u16) << (index * 16);
            colons |= u64::from(colon as u16) << (index * 16);
        }
        (controls, colons)
    }
}

/// Marks by words.
#[cfg(not(target_arch = "x86_64"))]
mod lanes {
    pub(super) use super::words::marks;
}

#[cfg(any(test, not(target_arch = "x86_64")))]
mod words {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = ONES * 0x7f;

    /// Controls and colons of a block.
    pub(super) fn marks(block: &[u8; super::BLOCK]) -> (u64, u64) {
        let (mut controls, mut colons) = (0, 0);
        for (index, word) in block.as_chunks().0.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            // The high bit of each byte that is above CR, or that is no colon.
            let above = (word & LOW).wrapping_add(ONES * (0x7f - b'\r' as u64)) | word;
            let differ = word ^ (ONES * b':' as u64);
            let differ = (differ & LOW).wrapping_add(LOW) | differ;
            controls |= gather(!above) << (index * 8);
            colons |= gather(!differ) << (index * 8);
        }
        (controls, colons)
    }

    /// The high bits of eight bytes, side by side.
    fn gather(word: u64) -> u64 {
        ((word & !LOW) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    }
}

/// The first byte of `bytes` that is white space or a control.
#[inline]
pub(super) fn first_blank(bytes: &[u8]) -> Option<usize> {
    first_below::<{ b' ' + 1 }>(bytes)
}

/// The first byte of `bytes` up to CR.
#[inline]
pub(super) fn first_control(bytes: &[u8]) -> Option<usize> {
    first_below::<{ b'\r' + 1 }>(bytes)
}

/// The first byte of `bytes` that is smaller than `LIMIT`, which is at most 128.
#[inline]
fn first_below<const LIMIT: u8>(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest high bit left stands at the first such byte; a borrow can only disturb those above it.
        let hits = word.wrapping_sub(ONES * LIMIT as u64) & !word & (ONES * 0x80);
        if hits != 0 {
            return Some(index.wrapping_mul(8).wrapping_add(hits.trailing_zeros() as usize / 8));
        }
    }
    let at = rest.iter().position(|&byte| byte < LIMIT)?;
    Some(words.len().wrapping_mul(8).wrapping_add(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn marks_are_where_the_bytes_are(
            text in prop::collection::vec(prop::sample::select(&b":;9\x80\xba\xff\0\r\n\x0e\x1f\x20"[..]), 0..200),
            start in 0usize..80,
            at in 0usize..200,
        ) {
            let find = |wanted: fn(u8) -> bool| -> Vec<_> {
                (start..text.len()).filter(|&at| wanted(text[at])).collect()
            };
            let controls: Vec<_> = blocks(&text, start).flat_map(|marks| marks.controls()).collect();
            prop_assert_eq!(controls, find(|byte| byte <= 13));
            for marks in blocks(&text, start) {
                let end = text.len().min(marks.base + BLOCK);
                let colon = (at.max(marks.base)..end).find(|&at| text[at] == b':');
                prop_assert_eq!(marks.colon_from(at.max(marks.base)), colon);
            }
            prop_assert_eq!(first_blank(&text), text.iter().position(|&byte| byte <= 32));
            prop_assert_eq!(first_control(&text), text.iter().position(|&byte| byte <= 13));
        }

        #[test]
        fn words_agree_with_lanes(text in prop::collection::vec(any::<u8>(), BLOCK)) {
            let block = text.first_chunk().unwrap();
            prop_assert_eq!(words::marks(block), lanes::marks(block));
        }
    }
}
