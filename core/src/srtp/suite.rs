//! The crypto suites that are spoken (RFC 4568 section 6.2, RFC 7714 section 14.2).

/// A crypto suite: how packets are enciphered and authenticated, and how long keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(non_camel_case_types)]
pub enum Suite {
    /// AES in counter mode, HMAC-SHA1 cut to 80 bits: what everyone speaks.
    AesCm128HmacSha1_80,
    /// The same with RTP's tags cut to 32 bits; RTCP's have 80 (RFC 4568 section 6.2.2).
    AesCm128HmacSha1_32,
    /// AES in Galois/counter mode, with tags of 128 bits.
    AeadAes128Gcm,
    /// The same with keys of 256 bits.
    AeadAes256Gcm,
}

impl Suite {
    /// All of them, in the order in which we offer them: first what most peers know.
    pub const ALL: [Self; 4] =
        [Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32, Self::AeadAes128Gcm, Self::AeadAes256Gcm];

    /// Its name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite of this name, whatever its case.
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| name.eq_ignore_ascii_case(suite.name().as_bytes()))
    }

    /// Bytes of its master key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            _ => 16,
        }
    }

    /// Bytes of its master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Bytes of master key and master salt together.
    pub const fn master_len(self) -> usize {
        self.key_len() + self.salt_len()
    }

    /// Its place among [`Suite::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}
