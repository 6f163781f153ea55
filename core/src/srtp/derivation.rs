//! Key derivation (RFC 3711 section 4.3, RFC 6188): session keys from a master key.

use super::Master;
use super::session::keystream;

/// What a session key is for (RFC 3711 section 4.3.2). RTCP's have 3 more.
#[derive(Clone, Copy)]
pub(super) enum Label {
    Cipher = 0,
    Auth = 1,
    Salt = 2,
}

/// Which of the two protocols a session key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Rtp = 0,
    Rtcp = 3,
}

/// The session key with this label, as long as asked for, with a key derivation rate of 0.
pub(super) fn derive<const N: usize>(master: &Master, protocol: Protocol, label: Label) -> [u8; N] {
    let (key, salt) = master.halves();
    // A salt of 96 bits stands at the front of the 112 (RFC 7714 section 11).
    let mut iv = [0; 16];
    iv.iter_mut().zip(salt).for_each(|(iv, &salt)| *iv = salt);
    let [.., at, _, _, _, _, _, _, _, _] = &mut iv;
    *at ^= label as u8 + protocol as u8;
    let mut out = [0; N];
    keystream(key, &iv, &mut out);
    out
}
