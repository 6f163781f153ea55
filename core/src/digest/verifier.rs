//! The server's side: challenges that nothing is kept of, and the credentials that answer them.

use core::net::IpAddr;

use subtle::ConstantTimeEq;

use super::Demand;
use super::fields::Text;
use super::hash::{Algorithm, Hex, sha256};
use super::response::DigestResponse;
use super::secret::Secret;
use crate::random::Random;
use crate::sip::{Uri, Writer};
use crate::time::{Duration, Instant};

/// How long a nonce holds.
const LIFE: Duration = Duration::from_secs(300);

/// The digits of a nonce: 16 for when it was made, 32 for its seal.
const NONCE: usize = 48;

/// How far behind the highest count a count may come.
const BEHIND: u32 = 64;

/// Which counts of one nonce were seen (RFC 7616 section 3.4.5: each once).
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// When the nonce was made, in microseconds: no two were made at the same. 0 for none.
    made: u64,
    highest: u32,
    /// A bit for each of the counts up to the highest, which has the lowest bit.
    seen: u64,
}

impl Window {
    /// None was seen: all zero bits.
    pub const EMPTY: Self = Self { made: 0, highest: 0, seen: 0 };

    /// Takes in a count. Whether it comes for the first time.
    fn count(&mut self, count: u32) -> bool {
        if let Some(ahead) = count.checked_sub(self.highest).filter(|&ahead| ahead > 0) {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest.saturating_sub(count);
        let bit = 1u64.checked_shl(behind).unwrap_or(0);
        let fresh = behind < BEHIND && count > 0 && self.seen & bit == 0;
        self.seen |= bit;
        fresh
    }
}

/// The request that credentials came with.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// Where it came from.
    pub source: IpAddr,
    /// Its method.
    pub method: &'r [u8],
    /// Its Request-URI.
    pub uri: &'r [u8],
}

/// Why credentials prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unproven {
    /// The user is not known, the secret is another, or they are for another realm, method or URI.
    Wrong,
    /// The secret is right, but the nonce is not one of ours, or not any more: a new challenge says `stale=true`.
    Stale,
    /// The secret is right, but the nonce was answered with this count before: it is somebody else's, or a client that
    /// does not count. A new challenge says `stale=true`, as that helps the latter.
    Replayed,
}

/// Makes challenges and verifies what answers them.
///
/// A nonce says when it was made, and is sealed with a secret and its asker's address, so that nothing is kept of it
/// until it is answered. Then its counts are, in a fixed number of windows. Where they do not suffice, the oldest nonce
/// is let go, and it and all older ones that are not in a window hold no longer: no count is ever taken twice.
pub struct Verifier<'s> {
    key: [u8; 32],
    windows: &'s mut [Window],
    /// When the latest nonce was made.
    made: u64,
    /// Up to when nonces hold only with a window.
    floor: u64,
}

impl<'s> Verifier<'s> {
    /// One whose seal comes from `random`. With `windows` for as many clients as speak within five minutes, nobody is
    /// asked twice; there must be one at least.
    pub fn new(random: &mut Random, windows: &'s mut [Window]) -> Self {
        let mut key = [0; 32];
        for part in key.as_chunks_mut().0 {
            *part = random.next_u64().to_le_bytes();
        }
        Self { key, windows, made: 0, floor: 0 }
    }

    /// Writes the header fields that ask `source` for credentials: one for each algorithm, the strongest first (RFC
    /// 8760 section 2.3).
    pub fn challenge(
        &mut self,
        now: Instant,
        source: IpAddr,
        realm: &[u8],
        demand: Demand,
        stale: bool,
        w: &mut Writer<'_>,
    ) {
        self.made = now.as_micros().max(self.made.saturating_add(1));
        let seal = self.seal(self.made, source);
        for algorithm in Algorithm::OFFERED {
            w.name(demand.challenge().as_bytes()).bytes(b"Digest realm=");
            Text::plain(realm).write(w);
            w.bytes(b", nonce=\"").hex(self.made).bytes(seal.as_bytes()).bytes(b"\", algorithm=");
            w.bytes(algorithm.name()).bytes(b", qop=\"auth\"");
            if stale {
                w.bytes(b", stale=true");
            }
            w.end_line();
        }
    }

    /// Whether `credentials` prove that who sent `request` is the user of `realm` with this secret; without one (there
    /// is no such user) they do not, after as long a time.
    ///
    /// # Errors
    /// Why they do not. Only credentials that do are counted.
    pub fn verify(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        realm: &[u8],
        credentials: &DigestResponse<'_>,
        secret: Option<Secret<'_>>,
    ) -> Result<(), Unproven> {
        let expected = credentials.claim(secret.unwrap_or(Secret::new(b"")), request.method).response();
        let given = credentials.response.literal().unwrap_or_default();
        let proven = bool::from(expected.as_bytes().ct_eq(given)) && secret.is_some();
        if !proven || !credentials.realm.is(Text::plain(realm)) || !is_for(credentials.uri, request.uri) {
            return Err(Unproven::Wrong);
        }
        let made = self.made(credentials.nonce, request.source).ok_or(Unproven::Stale)?;
        if now.since(Instant::from_micros(made)) > LIFE {
            return Err(Unproven::Stale);
        }
        // Without a count a nonce holds once.
        let count = credentials.counted.map_or(Some(u32::MAX), |counted| counted.number());
        let window = self.window(made).ok_or(Unproven::Stale)?;
        if count.is_some_and(|count| window.count(count)) { Ok(()) } else { Err(Unproven::Replayed) }
    }

    /// The window of a nonce that holds, made where it has none yet.
    fn window(&mut self, made: u64) -> Option<&mut Window> {
        let place = match self.windows.iter().position(|window| window.made == made) {
            Some(place) => place,
            None if made <= self.floor => return None,
            None => {
                let oldest = self.windows.iter().enumerate().min_by_key(|(_, window)| window.made);
                let (place, window) = oldest.map(|(place, window)| (place, window.made))?;
                self.floor = self.floor.max(window);
                place
            }
        };
        let window = self.windows.get_mut(place)?;
        if window.made != made {
            *window = Window { made, ..Window::EMPTY };
        }
        Some(window)
    }

    /// When a nonce that `source` was given was made; none where it is not ours.
    fn made(&self, nonce: Text<'_>, source: IpAddr) -> Option<u64> {
        let nonce = nonce.literal().filter(|nonce| nonce.len() == NONCE)?;
        let (made, seal) = nonce.split_first_chunk::<16>()?;
        let made = made.iter().try_fold(0u64, |made, &byte| {
            let digit = char::from(byte).to_digit(16)?;
            made.checked_mul(16)?.checked_add(digit.into())
        })?;
        let ours = self.seal(made, source).as_bytes().ct_eq(seal);
        (made > 0 && bool::from(ours)).then_some(made)
    }

    /// Half of a hash is the seal, so that it cannot be gone on with.
    fn seal(&self, made: u64, source: IpAddr) -> Hex {
        let source = match source.to_canonical() {
            IpAddr::V4(source) => source.to_ipv6_mapped(),
            IpAddr::V6(source) => source,
        };
        let hash = sha256(&[&self.key, &made.to_be_bytes(), &source.octets()]);
        Hex::of(hash.first_chunk::<16>().map_or(&[], |half| half))
    }
}

/// Whether credentials made for `uri` are for a request to `request`: the same text, or the same user at the same host,
/// since proxies on the way add and take parameters.
fn is_for(uri: Text<'_>, request: &[u8]) -> bool {
    if uri.is(Text::plain(request)) {
        return true;
    }
    let Some(uri) = uri.literal() else { return false };
    let (Ok(uri), Ok(request)) = (Uri::parse(uri), Uri::parse(request)) else { return false };
    let same_host = match (uri.host, request.host) {
        (crate::sip::Host::Name(one), crate::sip::Host::Name(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    };
    uri.scheme == request.scheme && uri.user == request.user && uri.port == request.port && same_host
}
