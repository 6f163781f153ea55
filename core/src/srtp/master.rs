//! Master keys, and what ours are made of.

use core::fmt;

use subtle::ConstantTimeEq;

use super::Suite;
use crate::random::Random;

/// The longest master key and salt together, in bytes.
const LONGEST: usize = 44;

/// A suite's master key and master salt. Shown, it is without them.
#[derive(Clone, Copy)]
pub struct Master {
    suite: Suite,
    /// Zeros behind what the suite takes.
    bytes: [u8; LONGEST],
}

impl Master {
    /// The key and salt that stand in `bytes` one after the other; none where they are not as long as the suite's.
    pub fn new(suite: Suite, bytes: &[u8]) -> Option<Self> {
        let mut master = Self { suite, bytes: [0; LONGEST] };
        master.bytes.iter_mut().zip(bytes).for_each(|(room, &byte)| *room = byte);
        (bytes.len() == suite.master_len()).then_some(master)
    }

    /// The suite it is for.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Key and salt, one after the other.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.suite.master_len()).unwrap_or_default()
    }

    /// Key and salt.
    pub(super) fn halves(&self) -> (&[u8], &[u8]) {
        self.bytes().split_at_checked(self.suite.key_len()).unwrap_or_default()
    }
}

impl PartialEq for Master {
    fn eq(&self, other: &Self) -> bool {
        self.suite == other.suite && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

impl Eq for Master {}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Master").field(&self.suite).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Master {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Master({}, ..)", self.suite);
    }
}

/// What one leg's own master keys are made of, one for each suite. Shown, it says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A new one.
    pub fn new(random: &mut Random) -> Self {
        let mut bytes = [0; 32];
        fill(&mut bytes, random);
        Self(bytes)
    }

    /// The one of these bytes, from a record.
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Our master key for a suite: always the same, and another for each suite.
    pub fn master(&self, suite: Suite) -> Master {
        let mut random = Random::new(&self.0);
        let mut master = Master { suite, bytes: [0; LONGEST] };
        for suite in Suite::ALL {
            let mut bytes = [0; LONGEST];
            fill(&mut bytes, &mut random);
            if suite == master.suite {
                let ours = bytes.iter().take(suite.master_len());
                master.bytes.iter_mut().zip(ours).for_each(|(room, &byte)| *room = byte);
            }
        }
        master
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

fn fill(bytes: &mut [u8], random: &mut Random) {
    for chunk in bytes.chunks_mut(8) {
        chunk.iter_mut().zip(random.next_u64().to_le_bytes()).for_each(|(room, byte)| *room = byte);
    }
}

/// What was agreed on with a peer: both are of the same suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Security {
    /// Our key: what is sent is protected with it.
    pub send: Master,
    /// The peer's.
    pub receive: Master,
}
