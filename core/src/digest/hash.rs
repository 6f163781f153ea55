//! The hashes, and what of a request goes into them (RFC 7616 section 3.4).

use md5::Md5;
use md5::digest::Digest;
use sha2::Sha256;

use super::fields::Text;
use super::response::Counted;
use super::secret::Secret;

/// The hash functions spoken, the weaker first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Algorithm {
    /// MD5, which every peer speaks, and which holds where none is named.
    Md5,
    /// SHA-256 (RFC 8760).
    Sha256,
}

impl Algorithm {
    /// All of them, in the order in which a server offers them (RFC 8760 section 2.3).
    pub const OFFERED: [Self; 2] = [Self::Sha256, Self::Md5];

    /// Its name on the wire.
    pub const fn name(self) -> &'static [u8] {
        match self {
            Self::Md5 => b"MD5",
            Self::Sha256 => b"SHA-256",
        }
    }

    /// The one of this name, in any case.
    pub fn of(name: Text<'_>) -> Option<Self> {
        Self::OFFERED.into_iter().find(|algorithm| name.is_word(algorithm.name()))
    }
}

/// A hash in lowercase hexadecimal digits: 32 of MD5, 64 of SHA-256.
pub(super) struct Hex {
    digits: [u8; 64],
    len: usize,
}

impl Hex {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(bytes) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        Self { digits, len: bytes.len().saturating_mul(2) }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }
}

/// A lowercase hexadecimal digit for the low four bits.
pub(super) const fn digit(value: u8) -> u8 {
    match value & 15 {
        value @ 0..=9 => b'0'.wrapping_add(value),
        value => b'a'.wrapping_add(value.wrapping_sub(10)),
    }
}

/// A hash in the making.
enum Hasher {
    Md5(Md5),
    Sha256(Sha256),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        match &mut self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
        self
    }

    fn text(self, text: Text<'_>) -> Self {
        text.pieces().fold(self, Self::bytes)
    }

    fn finish(self) -> Hex {
        match self {
            Self::Md5(hasher) => Hex::of(&hasher.finalize()),
            Self::Sha256(hasher) => Hex::of(&hasher.finalize()),
        }
    }
}

/// All that a response proves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) user: Text<'a>,
    pub(super) realm: Text<'a>,
    pub(super) secret: Secret<'a>,
    pub(super) nonce: Text<'a>,
    /// None in RFC 2069's form.
    pub(super) counted: Option<Counted<'a>>,
    pub(super) method: &'a [u8],
    pub(super) uri: Text<'a>,
}

impl Claim<'_> {
    /// `request-digest` of RFC 7616 section 3.4.1; RFC 2069's where nothing is counted.
    pub(super) fn response(&self) -> Hex {
        let hasher = || Hasher::new(self.algorithm);
        let a1 =
            hasher().text(self.user).bytes(b":").text(self.realm).bytes(b":").bytes(self.secret.reveal());
        let a2 = hasher().bytes(self.method).bytes(b":").text(self.uri);
        let (a1, a2) = (a1.finish(), a2.finish());
        let mut response = hasher().bytes(a1.as_bytes()).bytes(b":").text(self.nonce).bytes(b":");
        if let Some(counted) = self.counted {
            response = response.text(counted.count).bytes(b":").text(counted.cnonce).bytes(b":auth:");
        }
        response.bytes(a2.as_bytes()).finish()
    }
}

/// SHA-256 of some pieces, one behind the other.
pub(super) fn sha256(pieces: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    pieces.iter().for_each(|piece| hasher.update(piece));
    hasher.finalize().into()
}
