//! The keyed hash by which everything a peer names is looked up.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

/// A secret key for SipHash-1-3: who does not know it cannot choose names that collide.
#[derive(Clone, Copy)]
pub struct Key(u64, u64);

impl Key {
    /// The key of these 128 bits, drawn from [`Random`](crate::random::Random).
    pub const fn new(first: u64, second: u64) -> Self {
        Self(first, second)
    }

    /// The hash of some pieces in order. Each piece's length is hashed before it, so `["ab", "c"]` and
    /// `["a", "bc"]` differ. The same on every machine.
    pub fn hash(&self, pieces: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        for piece in pieces {
            hasher.write(&(piece.len() as u64).to_le_bytes());
            hasher.write(piece);
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_hashed_with_their_lengths() {
        let key = Key::new(1, 2);
        let hashes = [
            key.hash(&[]),
            key.hash(&[b""]),
            key.hash(&[b"abc"]),
            key.hash(&[b"ab", b"c"]),
            key.hash(&[b"a", b"bc"]),
            key.hash(&[b"abc", b""]),
            Key::new(2, 1).hash(&[b"abc"]),
        ];
        for (n, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..n].contains(hash), "{n}");
        }
        assert_eq!(key.hash(&[b"ab", b"c"]), hashes[3]);
    }

    /// Worked out apart from this, by the definition of SipHash-1-3.
    #[test]
    fn a_hash_is_the_same_everywhere() {
        assert_eq!(Key::new(0, 0).hash(&[b"z9hG4bK776asdhds", b"INVITE"]), 0xbd29_bdf5_66e8_6028);
    }
}
