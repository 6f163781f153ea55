//! AES in Galois/counter mode (NIST SP 800-38D) with whole tags, of its own parts: the crate that has it all panics where a
//! text is too long for it, as far as the linker sees.

use aes::cipher::{BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, consts::U16};
use aes::{Aes128Enc, Aes256Enc};
use ctr::{Ctr32BE, CtrCore};
use ghash::universal_hash::UniversalHash;
use ghash::{Block, GHash};
use subtle::ConstantTimeEq;

/// Bytes of a tag.
pub(super) const TAG: usize = 16;

/// Enciphers `text`; gives its tag, which is also `head`'s. None for a key that has neither 128 bits nor 256.
pub(super) fn seal(key: &[u8], iv: &[u8; 12], head: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
    match key.len() {
        16 => Gcm::<Aes128Enc>::new(key, iv)?.seal(head, text),
        _ => Gcm::<Aes256Enc>::new(key, iv)?.seal(head, text),
    }
}

/// Deciphers `text` where the tag is its and `head`'s; else it stays as it was, and this is none.
pub(super) fn open(key: &[u8], iv: &[u8; 12], head: &[u8], text: &mut [u8], tag: &[u8]) -> Option<()> {
    match key.len() {
        16 => Gcm::<Aes128Enc>::new(key, iv)?.open(head, text, tag),
        _ => Gcm::<Aes256Enc>::new(key, iv)?.open(head, text, tag),
    }
}

/// What a key and an initialization vector make.
struct Gcm<A: BlockCipherEncrypt<BlockSize = U16>> {
    stream: Ctr32BE<A>,
    hash: GHash,
    /// What the tag is added to: the stream's first block.
    mask: [u8; TAG],
}

impl<A: BlockCipherEncrypt<BlockSize = U16> + KeyInit> Gcm<A> {
    fn new(key: &[u8], iv: &[u8; 12]) -> Option<Self> {
        let aes = A::new_from_slice(key).ok()?;
        let mut h = Block::default();
        aes.encrypt_block(&mut h);
        let &[i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11] = iv;
        let first = [i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11, 0, 0, 0, 1];
        let mut stream = Ctr32BE::from_core(CtrCore::inner_iv_init(aes, &first.into()));
        let mut mask = [0; TAG];
        stream.try_apply_keystream(&mut mask).ok()?;
        Some(Self { stream, hash: GHash::new(&h), mask })
    }

    fn seal(mut self, head: &[u8], text: &mut [u8]) -> Option<[u8; TAG]> {
        self.stream.try_apply_keystream(text).ok()?;
        Some(self.tag(head, text))
    }

    fn open(self, head: &[u8], text: &mut [u8], tag: &[u8]) -> Option<()> {
        let Self { mut stream, hash, mask } = self;
        let made = tag_of(hash, &mask, head, text);
        bool::from(made.ct_eq(tag)).then_some(())?;
        stream.try_apply_keystream(text).ok()
    }

    fn tag(self, head: &[u8], text: &[u8]) -> [u8; TAG] {
        tag_of(self.hash, &self.mask, head, text)
    }
}

fn tag_of(mut hash: GHash, mask: &[u8; TAG], head: &[u8], text: &[u8]) -> [u8; TAG] {
    hash.update_padded(head);
    hash.update_padded(text);
    let bits = |bytes: &[u8]| (bytes.len() as u128).saturating_mul(8);
    let lengths = bits(head) << 64 | bits(text);
    hash.update(&[lengths.to_be_bytes().into()]);
    let mut tag: [u8; TAG] = hash.finalize().into();
    tag.iter_mut().zip(mask).for_each(|(tag, mask)| *tag ^= mask);
    tag
}
