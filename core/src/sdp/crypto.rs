//! `crypto` attributes: the keys of SRTP in a description (RFC 4568).

use base64ct::{Base64, Base64Unpadded, Encoding};

use super::lines::{all, number};
use crate::sip::Writer;
use crate::srtp::{Master, Policy, Secret, Suite};

/// The line that was chosen of the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// Which of the offer's lines it is.
    pub tag: u32,
    /// The peer's key, and the suite.
    pub master: Master,
    /// Whether the section is of RTP/SAVP; else it is of RTP/AVP, as who can do both may say.
    pub(super) savp: bool,
}

/// What we say of SRTP: what our keys are made of, and whether to offer it beside plain RTP or instead of that.
pub type Keys = (Policy, Secret);

/// The longest key and salt in base64, padded.
const LONGEST: usize = 60;

/// The largest tag there is: 9 digits.
const LARGEST_TAG: u32 = 999_999_999;

impl Crypto {
    /// Types the value of a `crypto` attribute: `<tag> <suite> inline:<key>[|<lifetime>] [WSH=<n>]`. None where it breaks
    /// its grammar or is of another kind than we speak: another suite, several keys, an MKI, any other session parameter.
    /// Lifetimes are for who sends with the key, and are longer than a call.
    pub(super) fn parse(value: &[u8], savp: bool) -> Option<Self> {
        let mut words = value.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        let tag = all(number, words.next()?)?;
        let suite = Suite::named(words.next()?)?;
        let keys = words.next()?;
        let (method, key) = keys.split_at_checked(b"inline:".len())?;
        if !method.eq_ignore_ascii_case(b"inline:") {
            return None;
        }
        let mut parts = key.split(|&byte| byte == b'|');
        let key = parts.next()?;
        let lifetime = parts.next();
        let known = parts.next().is_none() && lifetime.is_none_or(is_lifetime);
        // A hint is nothing that has to be followed.
        let hint =
            |parameter: &[u8]| parameter.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"WSH="));
        let hints = words.all(hint);
        let master = decode(suite, key)?;
        (known && hints && tag <= LARGEST_TAG).then_some(Self { tag, master, savp })
    }

    /// Whether it takes one of the lines that [`write_all`] writes.
    pub(super) fn takes_ours(&self) -> bool {
        tag_of(self.master.suite()) == self.tag
    }
}

/// Packets, as a number or as a power of two. What has a colon is an MKI.
fn is_lifetime(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"2^").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Reads a key and salt; padding may be left out (RFC 4568 section 6.1).
fn decode(suite: Suite, text: &[u8]) -> Option<Master> {
    let end = text.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last.saturating_add(1));
    let (text, padding) = text.split_at_checked(end)?;
    let mut room = [0; LONGEST];
    let bytes = Base64Unpadded::decode(text, &mut room).ok()?;
    if padding.len() > 2 { None } else { Master::new(suite, bytes) }
}

/// The tag of the line in which we offer a suite.
fn tag_of(suite: Suite) -> u32 {
    u32::try_from(suite.index()).unwrap_or(u32::MAX).saturating_add(1)
}

/// Writes a line for every suite, each with a key of its own.
pub(super) fn write_all(writer: &mut Writer<'_>, secret: &Secret) {
    for suite in Suite::ALL {
        write(writer, tag_of(suite), &secret.master(suite));
    }
}

/// Writes the line that takes one of the peer's, or says again what was taken of ours.
pub(super) fn write(writer: &mut Writer<'_>, tag: u32, master: &Master) {
    let mut room = [0; LONGEST];
    let key = Base64::encode(master.bytes(), &mut room).unwrap_or_default();
    writer.bytes(b"a=crypto:").number(tag.into()).bytes(b" ").bytes(master.suite().name().as_bytes());
    writer.bytes(b" inline:").bytes(key.as_bytes()).end_line();
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;

    use super::*;
    use crate::random::Random;

    fn parse(text: &str) -> Option<Crypto> {
        Crypto::parse(text.as_bytes(), true)
    }

    const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    /// RFC 4568 section 7.1.5, without what is not spoken.
    #[test]
    fn a_line_of_the_rfcs() {
        let crypto = parse(&format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}|2^20 WSH=128")).unwrap();
        assert_eq!((crypto.tag, crypto.master.suite()), (1, Suite::AesCm128HmacSha1_80));
        assert_eq!(crypto.master.bytes(), b"YS___semctl () {\t220;}\n}\nunles");
        for same in ["AES_CM_128_HMAC_SHA1_80", "aes_cm_128_hmac_sha1_32"] {
            assert!(parse(&format!("999999999  {same}  {KEY}|1048576 ")).is_some());
            assert!(parse(&format!("7 {same} {}", KEY.replace("inline", "INLINE"))).is_some());
        }
    }

    #[test]
    fn lines_that_are_not_taken() {
        for bad in [
            "",
            "1",
            "1 AES_CM_128_HMAC_SHA1_80",
            "1 AES_CM_128_HMAC_SHA1_80 ",
            "x AES_CM_128_HMAC_SHA1_80 KEY",
            "1000000000 AES_CM_128_HMAC_SHA1_80 KEY",
            "99999999999 AES_CM_128_HMAC_SHA1_80 KEY",
            "1 F8_128_HMAC_SHA1_80 KEY",
            "1 AES_192_CM_HMAC_SHA1_80 KEY",
            "1 AES_CM_128_HMAC_SHA1_80 uri:https://example.com",
            "1 AES_CM_128_HMAC_SHA1_80 KEY|2^20|1:4",
            "1 AES_CM_128_HMAC_SHA1_80 KEY|1:4",
            "1 AES_CM_128_HMAC_SHA1_80 KEY|",
            "1 AES_CM_128_HMAC_SHA1_80 KEY|2^",
            "1 AES_CM_128_HMAC_SHA1_80 KEY|2^20;KEY|2^20",
            "1 AES_CM_128_HMAC_SHA1_80 KEYA",
            "1 AES_CM_128_HMAC_SHA1_80 KEY===",
            "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGV",
            "1 AEAD_AES_128_GCM KEY",
            "1 AEAD_AES_256_GCM KEY",
            "1 AES_CM_128_HMAC_SHA1_80 KEY KDR=1",
            "1 AES_CM_128_HMAC_SHA1_80 KEY UNENCRYPTED_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 KEY UNENCRYPTED_SRTCP",
            "1 AES_CM_128_HMAC_SHA1_80 KEY WSH=64 UNAUTHENTICATED_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 KEY FEC_ORDER=FEC_SRTP",
            "1 AES_CM_128_HMAC_SHA1_80 KEY -X=1",
        ] {
            assert_eq!(parse(&bad.replace("KEY", KEY)), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let secret = Secret::new(&mut Random::new(&[5; 32]));
        let mut room = [0; 512];
        let mut writer = Writer::new(&mut room);
        write_all(&mut writer, &secret);
        let len = writer.finish().unwrap();
        let text = String::from_utf8(room[..len].to_vec()).unwrap();
        assert_eq!(text.lines().count(), 4);
        for (line, suite) in text.lines().zip(Suite::ALL) {
            let crypto = parse(line.strip_prefix("a=crypto:").unwrap()).unwrap();
            assert_eq!(crypto.master, secret.master(suite));
            assert!(crypto.takes_ours() && !Crypto { tag: crypto.tag + 1, ..crypto }.takes_ours());
            // Padding may be missing.
            let line = line.trim_end_matches('=').replace("a=crypto:", "");
            assert_eq!(parse(&line), Some(crypto), "{line}");
        }
    }
}
