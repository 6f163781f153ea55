//! One side of a stream: what comes from its peer, and what goes there.

use core::net::SocketAddr;

use super::outgoing::Outgoing;
use super::player::Player;
use super::reports::Reports;
use super::source::Source;
use super::{Peer, Statistics, samples};
use crate::g711::{self, Law};
use crate::random::Random;
use crate::reason::Reason;
use crate::rtp::{Arrival, Event, Header, Profile, Reception, Timestamp};
use crate::time::Instant;

/// One side of a stream.
// In this order, because every packet needs what stands first: of a thousand streams, all of that stays in cache.
#[repr(C)]
pub(super) struct Leg {
    /// What the peer sends, since it last changed its SSRC or started over.
    pub(super) source: Option<Reception>,
    /// What came from the peer.
    received: Tally,
    /// What the peer was sent.
    pub(super) sent: Tally,
    /// The source of ours that the peer hears.
    pub(super) outgoing: Outgoing,
    /// Who is there; its addresses are canonical.
    pub(super) peer: Option<Peer>,
    /// Where its packets come from.
    pub(super) whence: Source,
    pub(super) reports: Reports,
    /// What happened here, without what stands above.
    pub(super) statistics: Statistics,
    /// When the source's last telephone-event started.
    event: Option<Timestamp>,
    /// What the peer hears when nobody speaks to it, or instead.
    pub(super) player: Option<Player>,
}

/// RTP packets and their payload bytes.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(bytes as u64);
    }
}

/// What is in a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Audio(Law),
    Event,
}

impl Leg {
    /// A side without a peer.
    pub(super) fn new(random: &mut Random) -> Self {
        Self {
            peer: None,
            whence: Source::default(),
            source: None,
            outgoing: Outgoing::new(random),
            received: Tally::default(),
            sent: Tally::default(),
            statistics: Statistics::default(),
            reports: Reports::new(random.next_u64()),
            event: None,
            player: None,
        }
    }

    /// Says who the peer is; whether that is someone else, or someone to talk to differently, than before.
    pub(super) fn point(&mut self, now: Instant, peer: Peer) -> bool {
        let peer = Peer { rtp: canonical(peer.rtp), rtcp: canonical(peer.rtcp), ..peer };
        let before = self.peer.replace(peer);
        self.named(now);
        let same = |old: Peer, new: Peer| old.rtp == new.rtp && old.profile == new.profile;
        let changed = !before.zip(self.peer).is_some_and(|(old, new)| same(old, new));
        if changed {
            self.close_source();
            self.outgoing.interrupt();
            self.mark_player();
        }
        changed
    }

    /// Takes a packet from the peer: what its header says and what is in it.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &[u8],
    ) -> Result<(Header, Content), Reason> {
        let Some(peer) = self.peer.as_ref().filter(|peer| same(from, peer.rtp)) else {
            self.stranger(now, from, packet);
            return Err(Reason::WrongSource);
        };
        let header = Header::parse(packet).map_err(|_| Reason::NotRtp)?;
        let Some(content) = content(&peer.profile, header.payload_type) else {
            self.statistics.wrong_payload = self.statistics.wrong_payload.wrapping_add(1);
            return Err(Reason::WrongPayload);
        };
        let receives = peer.direction.receives();
        let payload = packet.get(header.payload()).unwrap_or_default();
        self.count(now, &header, payload.len());
        // All packets of one event have its timestamp, and some may be late.
        if content == Content::Event
            && Event::parse(payload).is_some()
            && self.event.is_none_or(|last| header.timestamp.since(last) > 0)
        {
            self.event = Some(header.timestamp);
            self.statistics.events = self.statistics.events.saturating_add(1);
        }
        if receives { Ok((header, content)) } else { Err(Reason::NoPeer) }
    }

    fn count(&mut self, now: Instant, header: &Header, len: usize) {
        self.received.add(len);
        self.whence.heard(now);
        let arrival = Timestamp(samples(now.since(Instant::ZERO)) as u32);
        let goes_on = match &mut self.source {
            Some(source) if source.ssrc() == header.ssrc => {
                source.receive(header, arrival) != Arrival::Restart
            }
            _ => false,
        };
        if !goes_on {
            self.close_source();
            self.source = Some(Reception::new(header, arrival));
        }
    }

    /// Sends a packet from the other side to the peer: it is rewritten in place; where to.
    pub(super) fn send(
        &mut self,
        now: Instant,
        mut header: Header,
        content: Content,
        packet: &mut [u8],
    ) -> Result<SocketAddr, Reason> {
        let played = self.plays();
        let peer = self.peer.as_ref().filter(|peer| !played && hears(peer)).ok_or(Reason::NoPeer)?;
        let send = peer.profile.send;
        let payload = packet.get_mut(header.payload()).unwrap_or_default();
        header.payload_type = match content {
            Content::Audio(law) => {
                g711::transcode(law, send.law, payload);
                send.payload_type
            }
            Content::Event => peer.profile.event_send.ok_or(Reason::WrongPayload)?,
        };
        self.sent.add(payload.len());
        self.outgoing.carry(&mut header, now);
        header.write(packet);
        Ok(peer.rtp)
    }

    /// What happened here so far.
    pub(super) fn statistics(&self) -> Statistics {
        let mut statistics = Statistics {
            packets_received: self.received.packets,
            bytes_received: self.received.bytes,
            packets_sent: self.sent.packets,
            bytes_sent: self.sent.bytes,
            ..self.statistics
        };
        if let Some(source) = &self.source {
            statistics.lost = statistics.lost.saturating_add(source.lost().into());
            statistics.duplicates = statistics.duplicates.saturating_add(source.duplicates().into());
            statistics.reordered = statistics.reordered.saturating_add(source.reordered().into());
            statistics.jitter = source.jitter();
        }
        statistics
    }

    /// What comes next is a source of its own.
    fn close_source(&mut self) {
        self.statistics = self.statistics();
        self.source = None;
        self.event = None;
    }
}

pub(super) fn content(profile: &Profile, payload_type: u8) -> Option<Content> {
    let format = profile.receive.iter().flatten().find(|format| format.payload_type == payload_type);
    match format {
        Some(format) => Some(Content::Audio(format.law)),
        None if profile.event_receive == Some(payload_type) => Some(Content::Event),
        None => None,
    }
}

/// Whether audio is to be sent to a peer.
pub(super) fn hears(peer: &Peer) -> bool {
    peer.direction.sends() && reachable(peer.rtp)
}

/// Whether anything can be sent there; an address of zeros and a port 0 say that nothing is to be (RFC 3264
/// sections 5.1 and 8.4).
pub(super) fn reachable(address: SocketAddr) -> bool {
    address.port() != 0 && !address.ip().is_unspecified()
}

/// Whether a datagram that came `from` is from a peer at the canonical address `peer`.
pub(super) fn same(from: SocketAddr, peer: SocketAddr) -> bool {
    from.port() == peer.port() && from.ip().to_canonical() == peer.ip()
}

/// The same address, as IPv4 where it is IPv4 mapped into IPv6.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
