//! Challenges, and answering one.

use super::DigestError;
use super::fields::{Element, Elements, Text, once};
use super::hash::{Algorithm, Claim, digit};
use super::response::Counted;
use super::secret::Secret;
use crate::sip::Writer;

/// One challenge of the Digest scheme (RFC 7616 section 3.3).
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// Whose credentials are asked for.
    pub realm: Text<'a>,
    /// What the answer is made for.
    pub nonce: Text<'a>,
    /// What the answer repeats.
    pub opaque: Option<Text<'a>>,
    /// Whether nothing but the nonce was wrong with the credentials that the request had.
    pub stale: bool,
    /// The algorithm, where one is named.
    pub algorithm: Option<Algorithm>,
    /// Whether qop `auth` is offered; without any qop it is RFC 2069's form.
    pub auth: bool,
}

/// Who we are to a peer.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Our name there.
    pub user: &'a [u8],
    /// Our secret.
    pub secret: Secret<'a>,
}

/// The Digest challenges in the value of one header field, those that cannot be answered as errors. Other schemes are
/// passed over.
pub fn challenges(value: &[u8]) -> impl Iterator<Item = Result<Challenge<'_>, DigestError>> {
    let mut elements = Elements::of(value);
    let mut next: Option<Fields<'_>> = None;
    core::iter::from_fn(move || {
        loop {
            let ended = match elements.next() {
                None => return next.take().map(Fields::challenge),
                Some(Err(error)) => {
                    next = None;
                    return Some(Err(error));
                }
                Some(Ok(Element::Scheme(scheme))) => {
                    let digest = scheme.eq_ignore_ascii_case(b"Digest").then(Fields::default);
                    core::mem::replace(&mut next, digest)
                }
                Some(Ok(Element::Param(name, value))) => {
                    if let Some(fields) = &mut next {
                        fields.add(name, value);
                    }
                    None
                }
            };
            if let Some(ended) = ended {
                return Some(ended.challenge());
            }
        }
    })
}

/// The challenge to answer among all header fields of a response: of those for `realm`, or for any where that is empty,
/// the one with the strongest algorithm, of equals the first. RFC 8760 section 2.4 leaves that to a client's policy, and
/// would else take the first. None where none can be answered.
pub fn strongest<'a>(values: impl Iterator<Item = &'a [u8]>, realm: &[u8]) -> Option<Challenge<'a>> {
    let realm = Text::plain(realm);
    let ours = |challenge: &Challenge<'_>| realm.is_empty() || challenge.realm.is(realm);
    let all = values.flat_map(challenges).flatten().filter(ours);
    all.reduce(|best, other| if other.algorithm() > best.algorithm() { other } else { best })
}

impl<'a> Challenge<'a> {
    /// The algorithm it asks for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::Md5)
    }

    /// Writes credentials that answer it, for a request of `method` to `uri`: the value of the header field. `count`
    /// is how often its nonce has been answered with this one; `cnonce` is random.
    pub fn answer(
        &self,
        login: &Login<'_>,
        (method, uri): (&[u8], &[u8]),
        count: u32,
        cnonce: u64,
        w: &mut Writer<'_>,
    ) {
        let (count, cnonce) = (hex(count.into()), hex(cnonce));
        let [_, _, _, _, _, _, _, _, count @ ..] = &count;
        let counted =
            self.auth.then_some(Counted { count: Text::plain(count), cnonce: Text::plain(&cnonce) });
        let (user, uri) = (Text::plain(login.user), Text::plain(uri));
        let (algorithm, secret) = (self.algorithm(), login.secret);
        let claim =
            Claim { algorithm, user, realm: self.realm, secret, nonce: self.nonce, counted, method, uri };
        w.bytes(b"Digest username=");
        user.write(w);
        for (name, text) in [(&b", realm="[..], self.realm), (b", nonce=", self.nonce), (b", uri=", uri)] {
            w.bytes(name);
            text.write(w);
        }
        w.bytes(b", response=\"").bytes(claim.response().as_bytes()).bytes(b"\"");
        if let Some(algorithm) = self.algorithm {
            w.bytes(b", algorithm=").bytes(algorithm.name());
        }
        if self.auth {
            w.bytes(b", cnonce=\"").bytes(&cnonce).bytes(b"\", qop=auth, nc=").bytes(count);
        }
        if let Some(opaque) = self.opaque {
            w.bytes(b", opaque=");
            opaque.write(w);
        }
    }
}

/// 16 lowercase hexadecimal digits.
fn hex(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(number.to_be_bytes()) {
        *pair = [digit(byte >> 4), digit(byte)];
    }
    digits
}

/// A challenge's parameters as they come in.
#[derive(Default)]
struct Fields<'a> {
    realm: Option<Text<'a>>,
    nonce: Option<Text<'a>>,
    opaque: Option<Text<'a>>,
    stale: Option<Text<'a>>,
    algorithm: Option<Text<'a>>,
    qop: Option<Text<'a>>,
    fault: Option<DigestError>,
}

impl<'a> Fields<'a> {
    /// Takes in a parameter. Those that are not known, `charset` and `domain` among them, change nothing.
    fn add(&mut self, name: &[u8], value: Text<'a>) {
        let places = [
            (&b"realm"[..], &mut self.realm),
            (b"nonce", &mut self.nonce),
            (b"opaque", &mut self.opaque),
            (b"stale", &mut self.stale),
            (b"algorithm", &mut self.algorithm),
            (b"qop", &mut self.qop),
        ];
        let place = places.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        if let Some(Err(error)) = place.map(|(_, place)| once(place, value)) {
            self.fault = Some(error);
        }
    }

    fn challenge(self) -> Result<Challenge<'a>, DigestError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let (Some(realm), Some(nonce)) = (self.realm, self.nonce) else {
            return Err(DigestError::Incomplete);
        };
        let algorithm = match self.algorithm {
            None => None,
            Some(name) => Some(Algorithm::of(name).ok_or(DigestError::Unsupported)?),
        };
        let is_auth = |word: &[u8]| word.trim_ascii().eq_ignore_ascii_case(b"auth");
        let auth = match self.qop {
            None => false,
            Some(list) if list.pieces().any(|piece| piece.split(|&byte| byte == b',').any(is_auth)) => true,
            Some(_) => return Err(DigestError::Unsupported),
        };
        let stale = self.stale.is_some_and(|stale| stale.is_word(b"true"));
        Ok(Challenge { realm, nonce, opaque: self.opaque, stale, algorithm, auth })
    }
}
