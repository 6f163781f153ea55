//! Which packets of one source were here (RFC 3711 sections 3.3.1 and 3.3.2).

/// The highest index that was here, and which of the 128 up to there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    /// One more than the highest index; 0 where there was none.
    next: u64,
    /// Of the indices before `next`, the nearest in the lowest bit.
    seen: [u64; 2],
}

/// How many indices are told apart.
pub(super) const SIZE: u64 = 128;

impl Window {
    /// Nothing was here: all zero bits.
    pub(super) const NEW: Self = Self { next: 0, seen: [0; 2] };

    /// The index of the packet with this sequence number: the one that is nearest to the highest. None where it would
    /// come before the first. Of a source's first packet it is the number itself.
    pub(super) fn index(&self, seq: u16) -> Option<u64> {
        let Some(highest) = self.next.checked_sub(1) else { return Some(seq.into()) };
        let ahead = i64::from(seq.wrapping_sub(highest as u16).cast_signed());
        highest.checked_add_signed(ahead)
    }

    /// Whether this index was not here, and is not too old to tell.
    pub(super) const fn is_open(&self, index: u64) -> bool {
        let Some(back) = self.next.checked_sub(index.saturating_add(1)) else { return true };
        let [near, far] = self.seen;
        match back {
            0..64 => near >> back & 1 == 0,
            64..SIZE => far >> (back - 64) & 1 == 0,
            _ => false,
        }
    }

    /// Remembers that this index was here.
    pub(super) const fn close(&mut self, index: u64) {
        let next = index.saturating_add(1);
        let [near, far] = self.seen;
        if let Some(ahead) = next.checked_sub(self.next) {
            self.next = next;
            self.seen = match ahead {
                0 => [near | 1, far],
                1..64 => [near << ahead | 1, far << ahead | near >> (64 - ahead)],
                64 => [1, near],
                65..SIZE => [1, near << (ahead - 64)],
                _ => [1, 0],
            };
        } else {
            let back = self.next.saturating_sub(next);
            self.seen = match back {
                0..64 => [near | 1 << back, far],
                64..SIZE => [near, far | 1 << (back - 64)],
                _ => [near, far],
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// RFC 3711 section 3.3.1, as it is written there.
    fn rfc(highest: u64, seq: u16) -> Option<u64> {
        let (roc, s_l, seq) = (highest >> 16, highest & 0xffff, u64::from(seq));
        let v = if s_l < 32_768 {
            if seq > s_l + 32_768 { roc.checked_sub(1)? } else { roc }
        } else if s_l - 32_768 > seq {
            roc + 1
        } else {
            roc
        };
        Some(v << 16 | seq)
    }

    proptest! {
        #[test]
        fn an_index_is_guessed_as_the_rfc_does(highest in 0u64..1 << 48, seq: u16) {
            let mut window = Window::NEW;
            prop_assert_eq!(window.index(seq), Some(seq.into()));
            window.close(highest);
            // Exactly half way round, either is right.
            prop_assume!(seq.wrapping_sub(highest as u16) != 0x8000);
            prop_assert_eq!(window.index(seq), rfc(highest, seq));
        }

        #[test]
        fn every_index_is_open_once(steps in proptest::collection::vec(0u64..200, 1..300), start in 0u64..1 << 40) {
            let mut window = Window::NEW;
            let mut seen: Vec<u64> = Vec::new();
            for step in steps {
                let highest = seen.iter().max().copied().unwrap_or(start);
                let index = (highest + 60).saturating_sub(step);
                let known = seen.contains(&index);
                let old = !seen.is_empty() && index + SIZE <= highest;
                prop_assert_eq!(window.is_open(index), !known && !old, "{} of {}", index, highest);
                if window.is_open(index) {
                    window.close(index);
                    seen.push(index);
                }
            }
        }
    }
}
