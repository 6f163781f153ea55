//! Where a leg's packets come from: what comes from elsewhere than the peer was said to be, and how long nothing came.
//!
//! The relay never decides on an address. It tells signalling of the first plausible packet from elsewhere, and, of a peer
//! that may be learned, of every packet that may be its own; signalling answers with
//! [`Control::Learn`](super::Control::Learn), or not at all.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::leg::{Leg, canonical, content, muxes, reachable};
use super::{Peer, Report, Side, StreamId};
use crate::rtp::Header;
use crate::time::{Duration, Instant};

/// A peer that said nothing for so long may speak from elsewhere: a network address translator has given it another
/// port. Where it still speaks, nobody takes its place.
const QUIET: Duration = Duration::from_millis(500);

/// Time between two questions about the same address, and about any two: whoever speaks from ever other addresses must not
/// keep signalling busy.
const PATIENCE: Duration = Duration::from_millis(100);
const PACE: Duration = Duration::from_millis(20);

/// Where nothing is sent to.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// What a leg knows of where its packets come from.
#[derive(Default)]
pub(super) struct Source {
    /// Where RTP and RTCP were said to come from.
    named: Option<[Place; 2]>,
    /// When it was learned that they come from where the peer is sent to now instead.
    learned: Option<Instant>,
    /// Whether signalling was told of anyone who speaks from elsewhere.
    told: bool,
    /// Who is yet to be told of, and whether that may be the peer itself.
    stranger: Option<(Place, bool)>,
    /// Whether what comes next from elsewhere is authentic.
    authentic: bool,
    /// Who was told of last, and when.
    asked: Option<([u8; 16], Instant)>,
    /// When the peer was last heard, or had reason to begin to speak.
    heard: Instant,
    /// When to look whether it has been silent for too long.
    watch: Option<Instant>,
}

/// An address and a port, in half as many bytes as a [`SocketAddr`] has: a board's memory is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    ip: [u8; 16],
    port: u16,
}

impl Place {
    fn of(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self { ip: ip.octets(), port: address.port() }
    }

    fn address(self) -> SocketAddr {
        SocketAddr::new(IpAddr::from(self.ip).to_canonical(), self.port)
    }
}

impl Source {
    /// Whether signalling is yet to be told of someone.
    pub(super) const fn has_to_tell(&self) -> bool {
        self.stranger.is_some()
    }

    /// When to look whether the peer has been silent for too long.
    pub(super) const fn watch(&self) -> Option<Instant> {
        self.watch
    }

    /// What comes next from elsewhere has the peer's keys.
    pub(super) const fn vouch_for_next(&mut self) {
        self.authentic = true;
    }

    /// The peer was heard.
    pub(super) const fn heard(&mut self, now: Instant) {
        self.heard = now;
    }
}

impl Leg {
    /// The peer was named. What was learned of it holds on while it is named as before.
    pub(super) fn named(&mut self, now: Instant, before: Option<Peer>) {
        let Some(peer) = &mut self.peer else { return };
        let named = Some([peer.rtp, peer.rtcp].map(Place::of));
        if self.whence.named != named || !peer.learns {
            self.whence = Source { named, ..Source::default() };
        } else if let Some(before) = before.filter(|_| self.whence.learned.is_some()) {
            (peer.rtp, peer.rtcp) = (before.rtp, before.rtcp);
        }
        self.attend(now);
    }

    /// From here on the peer has reason to speak, or none.
    pub(super) fn attend(&mut self, now: Instant) {
        let speaks = self.peer.as_ref().filter(|peer| peer.direction.receives());
        self.whence.heard = now;
        self.whence.watch = speaks.and_then(|peer| peer.silence).map(|limit| now.after(limit));
    }

    /// Takes note of a packet from elsewhere than the peer.
    pub(super) fn stranger(&mut self, now: Instant, from: SocketAddr, packet: &[u8]) {
        self.statistics.wrong_source = self.statistics.wrong_source.wrapping_add(1);
        let authentic = core::mem::take(&mut self.whence.authentic);
        let Some(peer) = self.peer.as_ref().filter(|peer| peer.direction.receives()) else { return };
        let Some(header) = Header::parse(packet).ok() else { return };
        if content(&peer.profile, header.payload_type).is_none() {
            return;
        }
        let quiet = |since| now.since(since) >= QUIET;
        let may_be_it = peer.learns
            && match &self.source {
                Some(source) => authentic || quiet(self.whence.heard) && source.goes_on(&header),
                None => self.whence.learned.is_none_or(quiet),
            };
        let from = Place::of(canonical(from));
        let asked = |(ip, at)| now.since(at) < if ip == from.ip { PATIENCE } else { PACE };
        let due = may_be_it && !self.whence.asked.is_some_and(asked);
        if self.whence.stranger.is_none() && (due || !self.whence.told) {
            self.whence.told = true;
            self.whence.asked = Some((from.ip, now));
            self.whence.stranger = Some((from, may_be_it));
        }
    }

    /// From here on the peer is there. Its RTCP is taken from the first port there that it comes from: a translator
    /// keeps no ports together.
    pub(super) fn learn(&mut self, now: Instant, source: SocketAddr) {
        let Some(peer) = self.peer.as_mut().filter(|peer| peer.learns) else { return };
        let source = canonical(source);
        (peer.rtp, peer.rtcp) = (source, if muxes(peer) { source } else { NOWHERE });
        self.whence.learned = Some(now);
    }

    /// Whether RTCP from there is the peer's, whose RTP was learned to come from there.
    pub(super) fn learns_rtcp(&mut self, from: SocketAddr) -> bool {
        let Some(peer) = self.peer.as_mut().filter(|_| self.whence.learned.is_some()) else { return false };
        let from = canonical(from);
        let learns = !reachable(peer.rtcp) && from.ip() == peer.rtp.ip();
        if learns {
            peer.rtcp = from;
        }
        learns
    }

    /// What there is to tell of where packets come from, and of none that came.
    pub(super) fn tell_of_source(&mut self, now: Instant, stream: StreamId, side: Side) -> Option<Report> {
        if let Some((from, may_be_it)) = self.whence.stranger.take() {
            return Some(Report::Stranger { stream, side, from: from.address(), may_be_it });
        }
        self.whence.watch.filter(|watch| *watch <= now)?;
        let limit = self.peer.as_ref()?.silence?;
        let until = self.whence.heard.after(limit);
        let silent = until <= now;
        // Who is not taken at its word now is told of again.
        self.whence.watch = Some(if silent { now.after(limit) } else { until });
        silent.then_some(Report::Silent { stream, side })
    }
}
