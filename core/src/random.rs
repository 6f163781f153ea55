//! Random values from one seed: everything we make up (tags, branches, Call-IDs, SSRCs) replays from it.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// A seeded source of unpredictable numbers.
pub struct Random(ChaCha8Rng);

impl Random {
    /// A source that yields the same sequence for the same `seed`. The caller draws it from the system's entropy.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(*seed))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_values() {
        let (mut a, mut b, mut c) = (Random::new(&[7; 32]), Random::new(&[7; 32]), Random::new(&[8; 32]));
        let first = a.next_u64();
        assert_eq!(first, b.next_u64());
        assert_ne!(first, c.next_u64());
        assert_eq!(a.next_u32(), b.next_u32());
    }
}
