//! Bytes of any length in chained blocks of one size, so that no room is lost to the longest message.

/// How many bytes a block holds.
const ROOM: usize = 252;

/// Storage for 252 bytes and the way to the next block.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Block {
    /// The next block's number + 1, or 0.
    next: u32,
    bytes: [u8; ROOM],
}

impl Block {
    /// A block of nothing: all zero bits.
    pub const EMPTY: Self = Self { next: 0, bytes: [0; ROOM] };
}

/// Bytes that [`Blocks`] keep. It is neither copied nor dropped but freed: blocks of a chain that is only dropped
/// stay taken.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "its blocks are taken until it is given to Blocks::free"]
pub struct Chain {
    /// The first block's number + 1, or 0.
    head: u32,
    len: u32,
}

impl Chain {
    /// No bytes; nothing is lost when it is dropped.
    pub const EMPTY: Self = Self { head: 0, len: 0 };

    /// How many bytes it is.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it is no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chain as a number that fits into a record; 0 for [`Chain::EMPTY`].
    pub const fn into_bits(self) -> u64 {
        (self.len as u64) << 32 | self.head as u64
    }

    /// The chain that [`Chain::into_bits`] was asked of. To be made once: a second one would free its blocks twice.
    pub const fn from_bits(bits: u64) -> Self {
        Self { head: bits as u32, len: (bits >> 32) as u32 }
    }

    const fn blocks(&self) -> usize {
        self.len().div_ceil(ROOM)
    }
}

/// Fixed blocks that keep bytes.
pub struct Blocks<'s> {
    blocks: &'s mut [Block],
    /// The first free block's number + 1, or 0.
    free: u32,
    /// Blocks from here on were not taken yet and are in no list.
    fresh: u32,
    /// How many are free, both kinds.
    left: usize,
}

impl<'s> Blocks<'s> {
    /// `blocks`, all of them free.
    pub const fn new(blocks: &'s mut [Block]) -> Self {
        let left = if blocks.len() < u32::MAX as usize { blocks.len() } else { u32::MAX as usize - 1 };
        Self { blocks, free: 0, fresh: 0, left }
    }

    /// Keeps a copy of `bytes`; none when fewer blocks are free than it takes.
    pub fn store(&mut self, bytes: &[u8]) -> Option<Chain> {
        let mut chain = Chain::EMPTY;
        self.append(&mut chain, bytes).then_some(chain)
    }

    /// Adds `bytes` to the end of `chain`; false, and nothing changed, when fewer blocks are free than it takes.
    pub fn append(&mut self, chain: &mut Chain, bytes: &[u8]) -> bool {
        let Ok(added) = u32::try_from(bytes.len()) else { return false };
        let Some(len) = chain.len.checked_add(added) else { return false };
        let held = chain.blocks();
        if (len as usize).div_ceil(ROOM) - held > self.left {
            return false;
        }
        let used = chain.len() - held.saturating_sub(1) * ROOM;
        let mut last = self.last(chain);
        let (now, rest) = bytes.split_at_checked(ROOM - used).unwrap_or((bytes, &[]));
        if let Some(room) = self.at(last).and_then(|block| block.bytes.get_mut(used..)) {
            copy(room, now);
        }
        let rest = if held == 0 { bytes } else { rest };
        for piece in rest.chunks(ROOM) {
            let Some(next) = self.take(piece) else { return false };
            match self.at(last) {
                Some(block) => block.next = next,
                None => chain.head = next,
            }
            last = next;
        }
        chain.len = len;
        true
    }

    /// Copies a chain's bytes to the start of `out` and says how many they are; none when `out` is shorter.
    pub fn load(&self, chain: &Chain, out: &mut [u8]) -> Option<usize> {
        let mut out = out.get_mut(..chain.len())?;
        for piece in self.pieces(chain) {
            let (now, rest) = out.split_at_mut_checked(piece.len())?;
            copy(now, piece);
            out = rest;
        }
        out.is_empty().then_some(chain.len())
    }

    /// A chain's bytes in place, piece by piece.
    pub fn pieces(&self, chain: &Chain) -> impl Iterator<Item = &[u8]> {
        let (mut number, mut left) = (chain.head, chain.len());
        core::iter::from_fn(move || {
            let block = self.blocks.get(number.checked_sub(1)? as usize)?;
            let piece = block.bytes.get(..left.min(ROOM)).filter(|piece| !piece.is_empty())?;
            left -= piece.len();
            number = block.next;
            Some(piece)
        })
    }

    /// Gives a chain's blocks back.
    pub fn free(&mut self, chain: Chain) {
        let (last, free) = (self.last(&chain), self.free);
        if let Some(block) = self.at(last) {
            block.next = free;
            self.free = chain.head;
            self.left = self.left.saturating_add(chain.blocks()).min(self.blocks.len());
        }
    }

    /// How many blocks are free.
    pub const fn free_blocks(&self) -> usize {
        self.left
    }

    /// How many blocks there are, free or taken.
    pub const fn capacity(&self) -> usize {
        self.blocks.len()
    }

    /// How many blocks it takes to keep `len` bytes.
    pub const fn needed(len: usize) -> usize {
        len.div_ceil(ROOM)
    }

    fn at(&mut self, number: u32) -> Option<&mut Block> {
        self.blocks.get_mut(number.checked_sub(1)? as usize)
    }

    /// The number of a chain's last block.
    fn last(&self, chain: &Chain) -> u32 {
        let mut number = chain.head;
        for _ in 1..chain.blocks() {
            let block = number.checked_sub(1).and_then(|index| self.blocks.get(index as usize));
            number = block.map_or(0, |block| block.next);
        }
        number
    }

    /// Takes a free block for `piece`, which fits into it.
    fn take(&mut self, piece: &[u8]) -> Option<u32> {
        let number = if self.free == 0 { self.fresh.checked_add(1)? } else { self.free };
        let block = self.at(number)?;
        let next = block.next;
        copy(&mut block.bytes, piece);
        if self.free == 0 {
            self.fresh = number;
        } else {
            self.free = next;
        }
        self.left = self.left.saturating_sub(1);
        Some(number)
    }
}

/// Copies as much as fits. Unlike `copy_from_slice` it has no length to panic about.
fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_block_is_256_bytes_and_a_chain_8() {
        assert_eq!((size_of::<Block>(), size_of::<Chain>()), (256, 8));
    }

    #[test]
    fn what_was_stored_comes_back() {
        let mut blocks = vec![Block { next: 9, bytes: [9; ROOM] }; 4];
        let mut blocks = Blocks::new(&mut blocks);
        for len in [0, 1, 251, 252, 253, 504, 505, 1_008] {
            let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            let chain = blocks.store(&bytes).unwrap();
            assert_eq!((chain.len(), chain.is_empty()), (len, len == 0));
            assert_eq!(blocks.free_blocks(), 4 - Blocks::needed(len));
            let mut out = [0; 1_100];
            assert_eq!(blocks.load(&chain, &mut out), Some(len));
            assert_eq!(out[..len], bytes);
            assert!(len == 0 || blocks.load(&chain, &mut out[..len - 1]).is_none());
            blocks.free(chain);
            assert_eq!(blocks.free_blocks(), 4);
        }
        assert_eq!(blocks.store(&[0; 1_009]), None);
        assert_eq!(Chain::EMPTY.into_bits(), 0);
    }

    /// Only a chain that nobody was given can do this; it must not do worse than give nothing.
    #[test]
    fn a_chain_that_leads_nowhere_loads_nothing() {
        let mut blocks = [Block::EMPTY; 2];
        let mut blocks = Blocks::new(&mut blocks);
        for bits in [1 << 32, 300 << 32 | 1, 300 << 32 | 7, u64::MAX, u64::from(u32::MAX), 1 << 63 | 1] {
            assert_eq!(blocks.load(&Chain::from_bits(bits), &mut [0; 400]).unwrap_or(0), 0, "{bits:x}");
            assert!(blocks.pieces(&Chain::from_bits(bits)).count() < 3);
        }
        blocks.free(Chain::from_bits(1 << 40));
        blocks.free(Chain::from_bits(9));
        assert_eq!(blocks.free_blocks(), 2);
    }

    proptest! {
        #[test]
        fn no_block_is_lost_and_no_byte_changed(
            steps in prop::collection::vec((0..5_u8, 0..1_300_usize, any::<u8>()), 0..150),
        ) {
            let mut blocks = vec![Block::EMPTY; 24];
            let mut blocks = Blocks::new(&mut blocks);
            let mut model: Vec<(Chain, Vec<u8>)> = Vec::new();
            for (step, len, byte) in steps {
                let bytes: Vec<u8> = (0..len).map(|n| byte.wrapping_add((n % 249) as u8)).collect();
                let place = usize::from(byte) % model.len().max(1);
                match (step, model.get_mut(place)) {
                    (0 | 1, _) | (_, None) => match blocks.store(&bytes) {
                        Some(chain) => model.push((chain, bytes)),
                        None => prop_assert!(Blocks::needed(len) > blocks.free_blocks()),
                    },
                    (2, Some((chain, kept))) => {
                        let more = Blocks::needed(kept.len() + len) - Blocks::needed(kept.len());
                        prop_assert_eq!(more <= blocks.free_blocks(), blocks.append(chain, &bytes));
                        if chain.len() > kept.len() {
                            kept.extend(bytes);
                        }
                    }
                    (_, Some(_)) => {
                        let (chain, _) = model.swap_remove(place);
                        blocks.free(Chain::from_bits(chain.into_bits()));
                    }
                }
                for (chain, bytes) in &model {
                    let mut out = vec![0; chain.len()];
                    prop_assert_eq!(blocks.load(chain, &mut out), Some(bytes.len()));
                    prop_assert_eq!(&out, bytes);
                    let pieces: Vec<u8> = blocks.pieces(chain).flatten().copied().collect();
                    prop_assert_eq!(&pieces, bytes);
                }
                let taken: usize = model.iter().map(|(_, bytes)| Blocks::needed(bytes.len())).sum();
                prop_assert_eq!(blocks.free_blocks() + taken, 24);
            }
        }
    }
}
