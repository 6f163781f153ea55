//! One side of a stream: what comes from its peer, and what goes there.

use core::net::SocketAddr;

use super::keys::{Keypad, Keypads, Keys};
use super::outgoing::Outgoing;
use super::packer::{Packer, Packers};
use super::player::Player;
use super::presence::Presence;
use super::reports::Reports;
use super::source::Source;
use super::{Peer, Statistics};
use crate::g711::{self, Law};
use crate::memory::Id;
use crate::random::Random;
use crate::reason::Reason;
use crate::rtp::{Arrival, Header, Profile, Reception};
use crate::time::{Duration, Instant};

/// One side of a stream.
// In this order, because every packet needs what stands first: of a thousand streams, all of that stays in cache.
#[repr(C)]
pub(super) struct Leg {
    /// What the peer sends, since it last changed its SSRC or started over.
    pub(super) source: Option<Reception>,
    /// What came from the peer.
    received: Tally,
    presence: Presence,
    /// What the peer was sent.
    pub(super) sent: Tally,
    /// The source of ours that the peer hears.
    pub(super) outgoing: Outgoing,
    /// Who is there; its addresses are canonical.
    pub(super) peer: Option<Peer>,
    /// What it needs to hear or say keys, where it does.
    pub(super) keypad: Option<Id<Keypad>>,
    /// Where audio waits that the peer wants in other packets.
    pub(super) packer: Option<Id<Packer>>,
    /// Where its packets come from.
    pub(super) whence: Source,
    pub(super) reports: Reports,
    /// What happened here, without what stands above.
    pub(super) statistics: Statistics,
    /// The keys that the peer presses.
    pub(super) keys: Keys,
    /// What the peer hears when nobody speaks to it, or instead.
    pub(super) player: Option<Player>,
}

/// How much audio is in a packet, and how many bytes that is: 8,000 samples a second.
pub(super) const PACKET: Duration = Duration::from_millis(20);
pub(super) const SAMPLES: usize = 160;

/// The fixed part of an RTP header.
pub(super) const HEADER: usize = 12;
pub(super) const EMPTY_HEADER: [u8; HEADER] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// What is later than this is not made up for.
pub(super) const LATE: Duration = Duration::from_millis(60);

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
    Noise,
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
            presence: Presence::default(),
            sent: Tally::default(),
            statistics: Statistics::default(),
            reports: Reports::new(random.next_u64()),
            keypad: None,
            packer: None,
            keys: Keys::NEW,
            player: None,
        }
    }

    /// Says who the peer is; whether that is someone else, or someone to talk to differently, than before.
    pub(super) fn point(&mut self, now: Instant, peer: Peer) -> bool {
        let mut peer = Peer { rtp: canonical(peer.rtp), rtcp: canonical(peer.rtcp), ..peer };
        peer.profile.ptime = peer.profile.ptime.clamp(10, 60);
        let before = self.peer.replace(peer);
        self.named(now, before);
        // Who sends comfort noise says nothing for as long as that stays as it is.
        self.presence.expect(now, peer.direction.receives() && peer.profile.noise.is_none());
        let same = |old: Peer, new: Peer| old.rtp == new.rtp && old.profile == new.profile;
        let changed = !before.zip(self.peer).is_some_and(|(old, new)| same(old, new));
        if changed {
            self.close_source();
            self.outgoing.interrupt();
            self.mark_player();
        }
        changed
    }

    /// Takes a packet from the peer: what its header says, what is in it, and whether none that is later has come.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        packet: &[u8],
    ) -> Result<(Header, Content, bool), Reason> {
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
        let newest = self.count(now, &header, header.payload().len());
        if receives { Ok((header, content, newest)) } else { Err(Reason::NoPeer) }
    }

    fn count(&mut self, now: Instant, header: &Header, len: usize) -> bool {
        self.received.add(len);
        self.whence.heard(now);
        self.presence.hear(now);
        if let Some(source) = self.source.as_mut().filter(|source| source.ssrc() == header.ssrc) {
            match source.receive(header, now) {
                Arrival::Restart => {}
                kind => return kind == Arrival::Next,
            }
        }
        self.close_source();
        self.source = Some(Reception::new(header, now));
        true
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
            Content::Noise => peer.profile.noise.ok_or(Reason::WrongPayload)?,
        };
        self.sent.add(payload.len());
        self.outgoing.carry(&mut header, now);
        header.write(packet);
        Ok(peer.rtp)
    }

    /// Whether the peer takes comfort noise.
    pub(super) fn takes_noise(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.profile.noise.is_some())
    }

    /// When it next has something to say or to do, but for reports.
    pub(super) fn due(&self, keypads: &Keypads<'_>, packers: &Packers<'_>) -> Option<Instant> {
        let says = self.dials_at(keypads).or_else(|| self.player_due());
        [says, self.keys.deadline(), self.packs_at(packers)].into_iter().flatten().min()
    }

    /// Nothing is expected from the peer any more.
    pub(super) fn end(&mut self, now: Instant) {
        self.presence.expect(now, false);
    }

    /// What happened here so far.
    pub(super) fn statistics(&self) -> Statistics {
        let (longest_pause, dead_air) = self.presence.pauses();
        let mut statistics = Statistics {
            longest_pause,
            dead_air,
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
            let (all, of_it) = (statistics.packets_received, u64::from(source.received()));
            let before = statistics.mean_jitter.times(all.saturating_sub(of_it));
            let sum = before.plus(source.mean_jitter().times(of_it)).as_micros();
            statistics.mean_jitter = Duration::from_micros(sum.checked_div(all).unwrap_or(0));
            statistics.greatest_jitter = statistics.greatest_jitter.max(source.greatest_jitter());
            statistics.jitter = source.jitter();
        }
        statistics
    }

    /// What comes next is a source of its own.
    fn close_source(&mut self) {
        self.statistics = self.statistics();
        self.source = None;
    }
}

pub(super) fn content(profile: &Profile, payload_type: u8) -> Option<Content> {
    let format = profile.receive.iter().flatten().find(|format| format.payload_type == payload_type);
    match format {
        Some(format) => Some(Content::Audio(format.law)),
        None if profile.event_receive == Some(payload_type) => Some(Content::Event),
        None if profile.noise == Some(payload_type) => Some(Content::Noise),
        None => None,
    }
}

/// Whether RTP and RTCP share ports (RFC 5761).
pub(super) fn muxes(peer: &Peer) -> bool {
    peer.rtp == peer.rtcp
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
