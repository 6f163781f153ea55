//! Session keys, and what they do to one packet whose index is known: RFC 3711 section 4, RFC 7714 sections 8 and 9.
//!
//! Only the keys are kept. What AES makes of one is made anew for every packet: that costs less time than its ten times
//! as many bytes would cost memory.

use aes::cipher::{KeyIvInit, StreamCipher};
use aes::{Aes128Enc, Aes256Enc};
use ctr::Ctr128BE;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::derivation::{Label, Protocol, derive};
use super::gcm;
use super::{Error, Master, Suite};

/// The keys of one direction of one protocol.
#[derive(PartialEq, Eq)]
pub(super) enum Session {
    /// AES in counter mode, and HMAC-SHA1 of which so many bytes are sent.
    Counter { cipher: [u8; 16], auth: [u8; 20], salt: [u8; 14], tag: u8 },
    /// AES in Galois/counter mode, with a key of so many bytes.
    Gcm { cipher: [u8; 32], len: u8, salt: [u8; 12] },
}

/// Bytes before what is enciphered of an RTCP packet.
const RTCP_HEADER: usize = 8;

/// Bytes of the word with the index behind an RTCP packet, and the flag in it that says that it is enciphered.
const WORD: usize = 4;
const ENCIPHERED: u32 = 1 << 31;

impl Session {
    pub(super) fn new(master: &Master, protocol: Protocol) -> Self {
        let suite = master.suite();
        let tag = if suite == Suite::AesCm128HmacSha1_32 && protocol == Protocol::Rtp { 4 } else { 10 };
        match suite {
            Suite::AesCm128HmacSha1_80 | Suite::AesCm128HmacSha1_32 => Self::Counter {
                cipher: derive(master, protocol, Label::Cipher),
                auth: derive(master, protocol, Label::Auth),
                salt: derive(master, protocol, Label::Salt),
                tag,
            },
            // A shorter key is the beginning of a longer one.
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => Self::Gcm {
                cipher: derive(master, protocol, Label::Cipher),
                len: suite.key_len() as u8,
                salt: derive(master, protocol, Label::Salt),
            },
        }
    }

    /// Bytes of a tag.
    const fn tag_len(&self) -> usize {
        match self {
            Self::Counter { tag, .. } => *tag as usize,
            Self::Gcm { .. } => gcm::TAG,
        }
    }

    /// Enciphers the RTP packet in the first `len` bytes, of which `header` are its header, and puts its tag behind it;
    /// how long it is then.
    pub(super) fn protect_rtp(
        &self,
        buffer: &mut [u8],
        len: usize,
        header: usize,
        (ssrc, index): (u32, u64),
    ) -> Result<usize, Error> {
        let whole = len.saturating_add(self.tag_len());
        let buffer = buffer.get_mut(..whole).ok_or(Error::Malformed)?;
        let (packet, tag) = buffer.split_at_mut_checked(len).ok_or(Error::Malformed)?;
        let (head, payload) = packet.split_at_mut_checked(header).ok_or(Error::Malformed)?;
        match self {
            Self::Counter { cipher, auth, salt, .. } => {
                keystream(cipher, &counter_iv(salt, ssrc, index), payload);
                put(tag, &sum(auth, packet, &rollovers(index))?);
            }
            Self::Gcm { cipher, len, salt } => {
                let made = gcm::seal(cut(cipher, *len), &gcm_iv(salt, ssrc, index), head, payload);
                put(tag, &made.ok_or(Error::Malformed)?);
            }
        }
        Ok(whole)
    }

    /// Checks the tag at the end of an RTP packet, and deciphers it; how long it is without. Where the tag is wrong, the
    /// packet stays as it was.
    pub(super) fn unprotect_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        (ssrc, index): (u32, u64),
    ) -> Result<usize, Error> {
        let len = packet.len().checked_sub(self.tag_len()).ok_or(Error::Malformed)?;
        let (packet, tag) = packet.split_at_mut_checked(len).ok_or(Error::Malformed)?;
        match self {
            Self::Counter { cipher, auth, salt, .. } => {
                check(auth, packet, &rollovers(index), tag)?;
                let payload = packet.get_mut(header..).ok_or(Error::Malformed)?;
                keystream(cipher, &counter_iv(salt, ssrc, index), payload);
            }
            Self::Gcm { cipher, len, salt } => {
                let (head, payload) = packet.split_at_mut_checked(header).ok_or(Error::Malformed)?;
                let opened = gcm::open(cut(cipher, *len), &gcm_iv(salt, ssrc, index), head, payload, tag);
                opened.ok_or(Error::NotAuthentic)?;
            }
        }
        Ok(len)
    }

    /// Enciphers the RTCP packet in the first `len` bytes, and puts its index and its tag behind it, in the suite's order;
    /// how long it is then.
    pub(super) fn protect_rtcp(
        &self,
        buffer: &mut [u8],
        len: usize,
        (ssrc, index): (u32, u32),
    ) -> Result<usize, Error> {
        let whole = len.saturating_add(WORD).saturating_add(self.tag_len());
        let buffer = buffer.get_mut(..whole).ok_or(Error::Malformed)?;
        let word = (ENCIPHERED | index).to_be_bytes();
        match self {
            Self::Counter { cipher, auth, salt, .. } => {
                let (packet, rest) = buffer.split_at_mut_checked(len).ok_or(Error::Malformed)?;
                let (place, tag) = rest.split_first_chunk_mut().ok_or(Error::Malformed)?;
                let body = packet.get_mut(RTCP_HEADER..).ok_or(Error::Malformed)?;
                keystream(cipher, &counter_iv(salt, ssrc, index.into()), body);
                *place = word;
                put(tag, &sum(auth, packet, &word)?);
            }
            Self::Gcm { cipher, len: key, salt } => {
                let (head, body, tag, place) = parts(buffer, len, word).ok_or(Error::Malformed)?;
                *place = word;
                let made = gcm::seal(cut(cipher, *key), &gcm_iv(salt, ssrc, index.into()), &head, body);
                put(tag, &made.ok_or(Error::Malformed)?);
            }
        }
        Ok(whole)
    }

    /// The index that an RTCP packet says it has. That it be enciphered is agreed on: one that is not is none of this
    /// session's.
    pub(super) fn index_of_rtcp(&self, packet: &[u8]) -> Result<u32, Error> {
        let without = match self {
            Self::Counter { .. } => packet.len().checked_sub(self.tag_len()),
            Self::Gcm { .. } => Some(packet.len()),
        };
        let word = without.and_then(|len| packet.get(..len)?.last_chunk()).ok_or(Error::Malformed)?;
        let word = u32::from_be_bytes(*word);
        if word & ENCIPHERED == 0 { Err(Error::NotAuthentic) } else { Ok(word & !ENCIPHERED) }
    }

    /// Checks the tag of an RTCP packet with this index, and deciphers it; how long it is without what protected it. Where
    /// the tag is wrong, the packet stays as it was.
    pub(super) fn unprotect_rtcp(
        &self,
        packet: &mut [u8],
        (ssrc, index): (u32, u32),
    ) -> Result<usize, Error> {
        let len = packet.len().checked_sub(self.tag_len() + WORD).ok_or(Error::Malformed)?;
        let word = (ENCIPHERED | index).to_be_bytes();
        match self {
            Self::Counter { cipher, auth, salt, .. } => {
                let (packet, rest) = packet.split_at_mut_checked(len).ok_or(Error::Malformed)?;
                check(auth, packet, &word, rest.get(WORD..).unwrap_or_default())?;
                let body = packet.get_mut(RTCP_HEADER..).ok_or(Error::Malformed)?;
                keystream(cipher, &counter_iv(salt, ssrc, index.into()), body);
            }
            Self::Gcm { cipher, len: key, salt } => {
                let (head, body, tag, _) = parts(packet, len, word).ok_or(Error::Malformed)?;
                let iv = gcm_iv(salt, ssrc, index.into());
                gcm::open(cut(cipher, *key), &iv, &head, body, tag).ok_or(Error::NotAuthentic)?;
            }
        }
        Ok(len)
    }
}

/// The first `len` bytes of a key's room.
fn cut(key: &[u8; 32], len: u8) -> &[u8] {
    key.get(..usize::from(len)).unwrap_or_default()
}

/// Puts a tag in its place, as much of it as is sent.
fn put(place: &mut [u8], tag: &[u8]) {
    place.iter_mut().zip(tag).for_each(|(place, &byte)| *place = byte);
}

/// Adds AES's keystream in counter mode to `data`: with 128 bits where the key has 16 bytes, with 256 where it has 32.
pub(super) fn keystream(key: &[u8], iv: &[u8; 16], data: &mut [u8]) {
    // It fails only for data that is longer than any packet.
    let _ = if let Ok(key) = <&[u8; 16]>::try_from(key) {
        Ctr128BE::<Aes128Enc>::new(key.into(), iv.into()).try_apply_keystream(data)
    } else if let Ok(key) = <&[u8; 32]>::try_from(key) {
        Ctr128BE::<Aes256Enc>::new(key.into(), iv.into()).try_apply_keystream(data)
    } else {
        Ok(())
    };
}

/// The initialization vector of counter mode (RFC 3711 section 4.1.1).
fn counter_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mixed = (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
    let mut iv = mixed.to_be_bytes();
    iv.iter_mut().zip(salt).for_each(|(iv, salt)| *iv ^= salt);
    iv
}

/// The initialization vector of Galois/counter mode: for RTP RFC 7714 section 8.1, for RTCP section 9.1.
fn gcm_iv(salt: &[u8; 12], ssrc: u32, index: u64) -> [u8; 12] {
    let [s0, s1, s2, s3] = ssrc.to_be_bytes();
    let [_, _, i0, i1, i2, i3, i4, i5] = index.to_be_bytes();
    let mut iv = [0, 0, s0, s1, s2, s3, i0, i1, i2, i3, i4, i5];
    iv.iter_mut().zip(salt).for_each(|(iv, salt)| *iv ^= salt);
    iv
}

/// The rollover counter in the packet's index, as it is authenticated.
const fn rollovers(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn hmac(auth: &[u8; 20], packet: &[u8], behind: &[u8; 4]) -> Result<Hmac<Sha1>, Error> {
    let mut hmac = <Hmac<Sha1> as KeyInit>::new_from_slice(auth).map_err(|_| Error::Malformed)?;
    hmac.update(packet);
    hmac.update(behind);
    Ok(hmac)
}

fn sum(auth: &[u8; 20], packet: &[u8], behind: &[u8; 4]) -> Result<[u8; 20], Error> {
    Ok(hmac(auth, packet, behind)?.finalize().into_bytes().into())
}

fn check(auth: &[u8; 20], packet: &[u8], behind: &[u8; 4], tag: &[u8]) -> Result<(), Error> {
    hmac(auth, packet, behind)?.verify_truncated_left(tag).map_err(|_| Error::NotAuthentic)
}

/// An RTCP packet's parts in Galois/counter mode, where `len` bytes are its own: what is authenticated only (RFC 7714
/// section 9.3), what is enciphered, its tag, and the place of the word.
#[expect(clippy::type_complexity, reason = "said in the comment")]
fn parts(
    packet: &mut [u8],
    len: usize,
    word: [u8; WORD],
) -> Option<([u8; RTCP_HEADER + WORD], &mut [u8], &mut [u8], &mut [u8; WORD])> {
    let (packet, rest) = packet.split_at_mut_checked(len)?;
    let (tag, place) = rest.split_last_chunk_mut()?;
    let (&mut [h0, h1, h2, h3, h4, h5, h6, h7], body) = packet.split_first_chunk_mut::<RTCP_HEADER>()?;
    let [w0, w1, w2, w3] = word;
    Some(([h0, h1, h2, h3, h4, h5, h6, h7, w0, w1, w2, w3], body, tag, place))
}
