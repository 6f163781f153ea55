//! SRTP in descriptions (RFC 4568): what peers offer and answer, and whose keys have been seen.

use std::collections::HashMap;

use base64ct::{Base64, Encoding};

use crate::plan::Crypto;

/// One `crypto` line: its tag, its suite, and the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The tag.
    pub tag: u32,
    /// The suite.
    pub suite: String,
    /// Key and salt, in base64.
    pub key: String,
}

impl Line {
    /// Reads the value of an attribute.
    pub(crate) fn parse(value: &str) -> Result<Self, String> {
        let words: Vec<&str> = value.split(' ').collect();
        let [tag, suite, key] = words[..] else { return Err(format!("a=crypto:{value}")) };
        let (tag, key) =
            tag.parse().ok().zip(key.strip_prefix("inline:")).ok_or_else(|| format!("a=crypto:{value}"))?;
        if Base64::decode_vec(key).map(|key| key.len()) != Ok(length(suite)?) {
            return Err(format!("a key of another length: {value}"));
        }
        Ok(Self { tag, suite: suite.to_owned(), key: key.to_owned() })
    }
}

/// How long a suite's key and salt are together.
fn length(suite: &str) -> Result<usize, String> {
    match suite {
        "AES_CM_128_HMAC_SHA1_80" | "AES_CM_128_HMAC_SHA1_32" => Ok(30),
        "AEAD_AES_128_GCM" => Ok(28),
        "AEAD_AES_256_GCM" => Ok(44),
        other => Err(format!("suite {other}")),
    }
}

/// Somebody's key for a suite: it says whose it is.
fn key_of(name: &str, suite: &str) -> String {
    let length = length(suite).expect("it was offered, or is ours");
    let mut key = format!("{name} {suite}").into_bytes();
    key.resize(length, b'.');
    Base64::encode_string(&key)
}

/// Whose key that is, where it is a peer's.
pub(crate) fn owner(key: &str) -> Option<String> {
    let key = String::from_utf8(Base64::decode_vec(key).ok()?).ok()?;
    key.split(' ').next().filter(|name| name.starts_with("zx") || name.starts_with("zy")).map(str::to_owned)
}

/// Adds the lines that somebody offers to a description without any.
pub(crate) fn offer(description: String, crypto: Crypto, name: &str) -> String {
    let lines = [(7, "AEAD_AES_256_GCM"), (8, "AES_CM_128_HMAC_SHA1_32"), (9, "AES_CM_128_HMAC_SHA1_80")];
    let lines =
        lines.map(|(tag, suite)| format!("a=crypto:{tag} {suite} inline:{}\r\n", key_of(name, suite)));
    match crypto {
        Crypto::None => description,
        Crypto::Beside => description + &lines.concat(),
        Crypto::Instead => description.replace("RTP/AVP", "RTP/SAVP") + &lines.concat(),
    }
}

/// Adds the line that somebody takes of those that were offered, by whatever profile they were.
pub(crate) fn answer(
    description: String,
    offered: &[Line],
    secure: bool,
    crypto: Crypto,
    name: &str,
) -> String {
    // Which one differs from one to the next.
    let taken = offered.get(name.len() % offered.len().max(1)).filter(|_| crypto != Crypto::None);
    let Some(Line { tag, suite, .. }) = taken else { return description };
    let description = if secure { description.replace("RTP/AVP", "RTP/SAVP") } else { description };
    description + &format!("a=crypto:{tag} {suite} inline:{}\r\n", key_of(name, suite))
}

/// The keys of ours that were seen, and in which dialog each.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// By the key: the Call-ID.
    pub(crate) ours: HashMap<String, String>,
    /// What the relay was told to protect with, and to take: our key, and the peer's.
    pub(crate) secured: Vec<(String, String)>,
}

impl Seen {
    /// We say something: whether its keys are new, or were said in the same dialog, and may be said on this way.
    pub(crate) fn say(&mut self, call_id: &str, text: &str, may: bool) -> Result<(), String> {
        for line in text.lines().filter_map(|line| line.strip_prefix("a=crypto:")) {
            let key = Line::parse(line)?.key;
            if !may {
                return Err("keys in the open".into());
            }
            if let Some(owner) = owner(&key) {
                return Err(format!("the key of {owner} in {call_id}"));
            }
            let before = self.ours.entry(key).or_insert_with(|| call_id.to_owned());
            if before != call_id {
                return Err(format!("one key in {before} and {call_id}"));
            }
        }
        Ok(())
    }

    /// The relay is told these keys.
    pub(crate) fn secures(&mut self, ours: &[u8], theirs: &[u8]) {
        self.secured.push((Base64::encode_string(ours), Base64::encode_string(theirs)));
    }
}
