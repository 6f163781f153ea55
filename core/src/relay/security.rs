//! Where SRTP stands in the relay: a side's packets are unprotected before anything of them is looked at or counted,
//! and protected when all that they say is written.

use core::net::SocketAddr;

use super::annex::Annex;
use super::leg::{Leg, same};
use super::stream::{Stream, Thirds};
use super::{Failure, Hop, Relay, Side, StreamId};
use crate::memory::{Id, Pool};
use crate::random::Random;
use crate::reason::Reason;
use crate::rtp::rtcp::looks_like;
use crate::srtp::{Context, Error, Security};
use crate::time::Instant;

/// The SRTP of one side, in its place in [`Storage::contexts`](super::Storage::contexts).
pub struct Secured {
    context: Context,
    /// Packets of the peer's that were not authentic, since the last that was; no more are counted once that was told.
    strange: u8,
}

/// So many packets that are not authentic, one after the other, are told of: a second of audio.
const STRANGE: u8 = 50;

/// How one side's packets are protected.
#[derive(Clone, Copy, Default)]
pub(super) enum Protection {
    /// Not at all.
    #[default]
    Plain,
    /// By SRTP.
    Srtp(Id<Secured>),
    /// There was no room for it: nothing comes in and nothing leaves.
    Closed,
}

/// The SRTP of all streams.
pub(super) type Contexts<'s> = Pool<'s, Secured>;

impl Relay<'_> {
    /// Has a side's packets protected with these keys from here on, or not at all. Where they are those of before, its
    /// counters go on.
    pub(super) fn secure(&mut self, id: StreamId, side: Side, security: Option<&Security>) {
        let Some(slot) = self.find(id) else { return };
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let fits = |secured: Id<Secured>, keys: &Security| {
            self.annex.contexts.get(secured).is_some_and(|secured| secured.context.has(keys))
        };
        match (stream.protection(side), security) {
            (Protection::Plain, None) => return,
            (Protection::Srtp(secured), Some(keys)) if fits(secured, keys) => return,
            _ => {}
        }
        stream.unsecure(side, &mut self.annex.contexts);
        let Some(keys) = security else { return };
        let secured = self.annex.contexts.insert(Secured::new(Context::new(keys)));
        match secured {
            Ok(secured) => stream.protect(side, Protection::Srtp(secured)),
            Err(_) => {
                stream.protect(side, Protection::Closed);
                let _ = self.failures.push_back(Failure::Secure(id, side));
            }
        }
        stream.renew(side, &mut self.random, &mut self.annex.thirds);
    }
}

impl Stream {
    /// Takes the protection off a datagram that came to one of a side's ports; how long it is then.
    #[inline]
    pub(super) fn unprotect(
        &mut self,
        now: Instant,
        side: Side,
        (from, rtcp): (SocketAddr, bool),
        datagram: &mut [u8],
        annex: &mut Annex<'_>,
    ) -> Result<usize, Reason> {
        match self.protection(side) {
            Protection::Plain => Ok(datagram.len()),
            Protection::Closed => Err(Reason::SrtpFull),
            Protection::Srtp(id) => {
                let Annex { thirds, contexts, .. } = annex;
                let leg = self.legs(thirds, side, None).0.ok_or(Reason::PortClosed)?;
                let secured = contexts.get_mut(id).ok_or(Reason::PortClosed)?;
                if leg.is_spoken_to_by(from, rtcp) {
                    let opened = secured.unprotect(rtcp, datagram);
                    if opened == Err(Reason::SrtpNotAuthentic) && secured.has_to_tell() {
                        self.strange = Some(side);
                    }
                    return opened;
                }
                // From elsewhere, it may be the peer's only where it is authentic.
                let learns = leg.peer.as_ref().is_some_and(|peer| peer.learns);
                match learns.then(|| secured.context.unprotect(rtcp, datagram)) {
                    Some(Ok(len)) => {
                        leg.whence.vouch_for_next();
                        Ok(len)
                    }
                    Some(Err(_)) => Err(leg.refuse_source()),
                    None if rtcp => Err(leg.refuse_source()),
                    None => {
                        leg.stranger(now, from, datagram);
                        Err(Reason::WrongSource)
                    }
                }
            }
        }
    }

    /// Protects a datagram that leaves from one of the stream's ports.
    #[inline]
    pub(super) fn secure(&self, hop: Hop, buffer: &mut [u8], annex: &mut Annex<'_>) -> Result<Hop, Reason> {
        let Some(side) = self.side_at(hop.port) else { return Ok(hop) };
        match self.protection(side) {
            Protection::Plain => Ok(hop),
            Protection::Closed => Err(Reason::SrtpFull),
            Protection::Srtp(id) => {
                let rtcp = hop.port & 1 != 0 || looks_like(buffer) && self.muxes(side, annex);
                let context = &mut annex.contexts.get_mut(id).ok_or(Reason::PortClosed)?.context;
                let len = context.protect(rtcp, buffer, hop.len).map_err(reason)?;
                Ok(Hop { len, ..hop })
            }
        }
    }

    /// From here on a side is not protected.
    pub(super) fn unsecure(&mut self, side: Side, contexts: &mut Contexts<'_>) {
        if let Protection::Srtp(secured) = self.protection(side) {
            contexts.remove(secured);
        }
        self.protect(side, Protection::Plain);
    }

    /// What a side is sent comes from a new source: that of a new key begins to count anew at both ends, whoever the
    /// other is (RFC 4568 section 7.1.4).
    fn renew(&mut self, side: Side, random: &mut Random, thirds: &mut Thirds<'_>) {
        if let (Some(leg), _) = self.legs(thirds, side, None) {
            leg.outgoing.renew(random);
        }
    }
}

impl Secured {
    pub(super) const fn new(context: Context) -> Self {
        Self { context, strange: 0 }
    }

    /// Unprotects a datagram that came from where the peer is.
    fn unprotect(&mut self, rtcp: bool, datagram: &mut [u8]) -> Result<usize, Reason> {
        let opened = self.context.unprotect(rtcp, datagram);
        match opened {
            Ok(_) if self.strange < STRANGE => self.strange = 0,
            Err(Error::NotAuthentic) => self.strange = self.strange.saturating_add(1),
            _ => {}
        }
        opened.map_err(reason)
    }

    /// Whether so many packets were not authentic just now that it is to be told.
    const fn has_to_tell(&self) -> bool {
        self.strange == STRANGE
    }
}

impl Leg {
    /// Whether this is where its peer sends from.
    fn is_spoken_to_by(&self, from: SocketAddr, rtcp: bool) -> bool {
        let named = self.peer.as_ref().map(|peer| if rtcp { peer.rtcp } else { peer.rtp });
        named.is_some_and(|named| same(from, named))
    }

    /// Counts a packet from elsewhere that is not looked at any further.
    const fn refuse_source(&mut self) -> Reason {
        self.statistics.wrong_source = self.statistics.wrong_source.wrapping_add(1);
        Reason::WrongSource
    }
}

const fn reason(error: Error) -> Reason {
    match error {
        Error::Malformed => Reason::NotRtp,
        Error::NotAuthentic => Reason::SrtpNotAuthentic,
        Error::Replayed => Reason::SrtpReplayed,
        Error::Exhausted => Reason::SrtpExhausted,
    }
}
