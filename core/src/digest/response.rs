//! Credentials as they arrive: `digest-response` (RFC 3261 section 25.1, RFC 7616 section 3.4).

use super::DigestError;
use super::challenge::Challenge;
use super::fields::{Element, Elements, Text, once};
use super::hash::{Algorithm, Claim};
use super::secret::Secret;

/// Credentials of the Digest scheme.
#[derive(Clone, Copy, Debug)]
pub struct DigestResponse<'a> {
    /// Who says so.
    pub user: Text<'a>,
    /// Where that user is known.
    pub realm: Text<'a>,
    /// The nonce that is answered.
    pub nonce: Text<'a>,
    /// The Request-URI that the request had when it was sent.
    pub uri: Text<'a>,
    /// The proof.
    pub response: Text<'a>,
    /// The algorithm, where one is named.
    pub algorithm: Option<Algorithm>,
    /// What the challenge wanted repeated.
    pub opaque: Option<Text<'a>>,
    /// How often the nonce was answered; none in RFC 2069's form.
    pub counted: Option<Counted<'a>>,
}

/// What qop `auth` adds.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// `nc`: eight hexadecimal digits.
    pub count: Text<'a>,
    /// What the client adds to the nonce.
    pub cnonce: Text<'a>,
}

impl Counted<'_> {
    /// `nc` as a number.
    pub fn number(&self) -> Option<u32> {
        let digits = self.count.literal().filter(|digits| digits.len() == 8)?;
        digits.iter().try_fold(0u32, |number, &byte| {
            let digit = char::from(byte).to_digit(16)?;
            number.checked_mul(16)?.checked_add(digit)
        })
    }
}

impl<'a> DigestResponse<'a> {
    /// Reads the value of one Authorization or Proxy-Authorization.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(value: &'a [u8]) -> Result<Self, DigestError> {
        let mut elements = Elements::of(value);
        match elements.next() {
            Some(Ok(Element::Scheme(scheme))) if scheme.eq_ignore_ascii_case(b"Digest") => {}
            Some(Ok(Element::Scheme(_))) => return Err(DigestError::Unsupported),
            _ => return Err(DigestError::Malformed),
        }
        let [mut user, mut realm, mut nonce, mut uri, mut response, mut algorithm] = [None; 6];
        let [mut opaque, mut cnonce, mut count, mut qop, mut userhash] = [None; 5];
        for element in elements {
            let Element::Param(name, value) = element? else { return Err(DigestError::Malformed) };
            let places: [(&[u8], &mut Option<Text<'a>>); 11] = [
                (b"username", &mut user),
                (b"realm", &mut realm),
                (b"nonce", &mut nonce),
                (b"uri", &mut uri),
                (b"response", &mut response),
                (b"algorithm", &mut algorithm),
                (b"opaque", &mut opaque),
                (b"cnonce", &mut cnonce),
                (b"nc", &mut count),
                (b"qop", &mut qop),
                (b"userhash", &mut userhash),
            ];
            if let Some((_, place)) = places.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
                once(place, value)?;
            }
        }
        let algorithm = match algorithm {
            None => None,
            Some(name) => Some(Algorithm::of(name).ok_or(DigestError::Unsupported)?),
        };
        if userhash.is_some_and(|userhash| userhash.is_word(b"true")) {
            return Err(DigestError::Unsupported);
        }
        let counted = match (qop, count, cnonce) {
            (None, ..) => None,
            (Some(qop), ..) if !qop.is_word(b"auth") => return Err(DigestError::Unsupported),
            (Some(_), Some(count), Some(cnonce)) => Some(Counted { count, cnonce }),
            _ => return Err(DigestError::Incomplete),
        };
        if counted.is_some_and(|counted| counted.number().is_none()) {
            return Err(DigestError::Malformed);
        }
        let (Some(user), Some(realm), Some(nonce)) = (user, realm, nonce) else {
            return Err(DigestError::Incomplete);
        };
        let (Some(uri), Some(response)) = (uri, response) else { return Err(DigestError::Incomplete) };
        Ok(Self { user, realm, nonce, uri, response, algorithm, opaque, counted })
    }

    /// The challenge that it answers: what the next request answers, counted one up, until another challenge comes.
    pub fn challenge(&self) -> Challenge<'a> {
        Challenge {
            realm: self.realm,
            nonce: self.nonce,
            opaque: self.opaque,
            stale: false,
            algorithm: self.algorithm,
            auth: self.counted.is_some(),
        }
    }

    /// What it would prove of a request of `method`, were `secret` its user's.
    pub(super) fn claim<'b>(&self, secret: Secret<'b>, method: &'b [u8]) -> Claim<'b>
    where
        'a: 'b,
    {
        Claim {
            algorithm: self.algorithm.unwrap_or(Algorithm::Md5),
            user: self.user,
            realm: self.realm,
            secret,
            nonce: self.nonce,
            counted: self.counted,
            method,
            uri: self.uri,
        }
    }
}
