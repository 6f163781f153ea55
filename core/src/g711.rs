//! G.711, the companding of 16-bit linear PCM into 8 bits a sample.

/// Which of the two laws of G.711 a byte is coded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Law {
    /// Mu-law: PCMU, North America and Japan.
    Mu,
    /// A-law: PCMA, the rest of the world.
    A,
}

impl Law {
    /// The static RTP payload type (RFC 3551 table 4): 0 for PCMU, 8 for PCMA.
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Mu => 0,
            Self::A => 8,
        }
    }
}
