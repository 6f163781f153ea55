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
