//! What signalling and the relay tell each other, and what the relay asks of its host.

use core::net::SocketAddr;

use super::Play;
use crate::clip::ClipId;
use crate::reason::Reason;
use crate::rtp::{Digit, Direction, Mos, Profile};
use crate::srtp::Security;
use crate::time::{Duration, Instant};

/// Names a stream. Signalling chooses it: an index is used again only with another generation, so that a late
/// control never reaches a later stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StreamId {
    /// Which place, among those signalling has.
    pub index: u32,
    /// Which use of that place.
    pub generation: u32,
}

/// One of the places of a stream, each with a peer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Side {
    /// Faces the caller.
    A,
    /// Faces the target.
    B,
    /// Faces whoever comes to them, as the one to whom the call is transferred.
    C,
}

impl Side {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    /// 0 for A, 1 for B, 2 for C: its place in [`Control::Open::ports`](Control::Open) and
    /// [`Report::Closed::sides`](Report::Closed).
    pub const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
            Self::C => 2,
        }
    }
}

/// What signalling tells the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Control {
    /// Makes a stream with the sides A and B, which hear each other. Answered by [`Report::Opened`] or
    /// [`Report::Failed`].
    Open {
        /// Its name from here on.
        stream: StreamId,
        /// The local RTP ports of sides A and B, both even; RTCP is on the next port.
        ports: [u16; 2],
    },
    /// Says who the peer of one side is. Replaces what was said of that side before.
    Point {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
        /// Who it is.
        peer: Peer,
    },
    /// Says where a side's peer was found to be, of which that may be learned ([`Peer::learns`]). Holds until the peer is
    /// named otherwise.
    Learn {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
        /// Where its RTP comes from and goes to.
        source: SocketAddr,
    },
    /// Says how packets to and from one side are protected from here on. Until then they are not. Where there is no room
    /// for it, [`Report::NotSecured`] says so, and nothing goes to the side or is taken from it.
    Secure {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
        /// The keys of SRTP; none where nothing is protected. The same ones again change nothing.
        security: Option<Security>,
    },
    /// Opens another side of an open stream, one that was never there or has parted. Answered by
    /// [`Report::Joined`] or [`Report::NotJoined`].
    Join {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
        /// Its local RTP port, even; RTCP is on the next port.
        port: u16,
    },
    /// Says which two sides hear each other from here on, or that none does. Every other side that was pointed
    /// hears silence, as RTP, where its direction lets us send. What the two were played without an end is over; a clip
    /// that they are played once is played to its end.
    Bridge {
        /// The stream.
        stream: StreamId,
        /// The two; they need not be open yet. The same one twice is none.
        pair: Option<[Side; 2]>,
    },
    /// Has a side hear this from here on, instead of silence, of whoever speaks to it, and of what it was played before:
    /// until its end, which is reported, or until something else is said. A side that is sent no audio now misses it,
    /// and its end comes all the same; a side that is closed answers nothing.
    Play {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
        /// What it hears.
        what: Play,
    },
    /// Has a side not hear any more what it is played.
    Stop {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
    },
    /// Has what a side says and hears recorded, from here on until it is closed: [`Relay::taped`](super::Relay::taped)
    /// gives it. A stream has one recording; where it has one already, or there is no room, nothing happens.
    Record {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
    },
    /// Closes one side. Answered by [`Report::Parted`], after a BYE to the side if it was pointed. A side that is
    /// not open answers nothing.
    Part {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
    },
    /// Says that the peer of one side has pressed a key, as it told signalling. Whom it speaks to is told.
    Press {
        /// The stream.
        stream: StreamId,
        /// The side whose peer pressed it.
        side: Side,
        /// Which key.
        digit: Digit,
        /// For how long.
        duration: Duration,
    },
    /// Ends the stream. Answered by [`Report::Closed`], after a BYE to each side that was pointed. A stream that
    /// does not exist answers nothing.
    Close {
        /// The stream.
        stream: StreamId,
    },
}

/// Whom one side of a stream talks to, and what was agreed.
// In this order, because every packet needs all but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(C)]
pub struct Peer {
    /// Where RTP goes to, and the only address it is taken from.
    pub rtp: SocketAddr,
    /// What was agreed on.
    pub profile: Profile,
    /// Which way audio flows, seen from us.
    pub direction: Direction,
    /// Where RTCP goes to, and the only address it is taken from. Where it is that of RTP, both share our RTP port
    /// (RFC 5761).
    pub rtcp: SocketAddr,
    /// Whether it may be elsewhere, as behind a network address translator: what may come from it is reported.
    pub learns: bool,
    /// After how long without RTP and RTCP it is reported as silent, where it may send; none where it never is.
    pub silence: Option<Duration>,
}

impl Peer {
    /// One that is taken at its word: what comes from it comes from there, and it may be silent.
    pub const fn new(rtp: SocketAddr, rtcp: SocketAddr, profile: Profile, direction: Direction) -> Self {
        Self { rtp, profile, direction, rtcp, learns: false, silence: None }
    }
}

/// What the relay tells signalling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::large_enum_variant, reason = "there is no heap to box it in")]
pub enum Report {
    /// The stream is there; its ports may be told to peers.
    Opened {
        /// The stream.
        stream: StreamId,
    },
    /// The stream could not be made: no place is free, a port is outside the relay's or taken, or the name is in use.
    Failed {
        /// The stream.
        stream: StreamId,
    },
    /// The side is there; its ports may be told to its peer.
    Joined {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
    },
    /// The side could not be opened: the stream is not open, the side is there already, no place is free, or a port
    /// is outside the relay's or taken.
    NotJoined {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
    },
    /// What a side was played once has been heard to its end, and the side hears what it would hear without it.
    Played {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
        /// What it was.
        clip: ClipId,
    },
    /// RTP that fits the side's peer came from elsewhere, and was dropped. Said of the first such packet since the peer was
    /// named, and of every one that may be the peer's own, but not more than ten times a second.
    Stranger {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
        /// Where it came from.
        from: SocketAddr,
        /// Whether it may be the peer itself: it may be learned where that is, and was not heard yet, goes on from there
        /// after some silence, or has the peer's keys.
        may_be_it: bool,
    },
    /// Neither RTP nor RTCP came from the side's peer for as long as it may be silent. Said again each time that has passed.
    Silent {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
    },
    /// The side's packets could not be protected as was asked for: every place for that is taken.
    NotSecured {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
    },
    /// What comes from the side's peer is not authentic, many packets after one another: it is protected with another key
    /// or suite than was agreed on, or not at all. Said once for each key.
    NotAuthentic {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
    },
    /// The side is gone; its ports are free.
    Parted {
        /// The stream.
        stream: StreamId,
        /// The side.
        side: Side,
        /// What happened there.
        statistics: Statistics,
    },
    /// The peer of a side has pressed a key and let it go, whatever the way it told so. May be left out, counted, when
    /// there are too many at once.
    Digit {
        /// The stream.
        stream: StreamId,
        /// The side whose peer pressed it.
        side: Side,
        /// Which key.
        digit: Digit,
        /// For how long.
        duration: Duration,
    },
    /// The stream is gone; the ports of all its sides are free.
    Closed {
        /// The stream.
        stream: StreamId,
        /// What happened on the sides, by [`Side::index`]; zeros for one that was not open any more.
        sides: [Statistics; 3],
    },
}

/// What happened on one side of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Statistics {
    /// RTP packets taken from the peer.
    pub packets_received: u64,
    /// Their payload bytes.
    pub bytes_received: u64,
    /// RTP packets sent to the peer.
    pub packets_sent: u64,
    /// Their payload bytes.
    pub bytes_sent: u64,
    /// Packets of the peer's that never came (RFC 3550 A.3), over all its sources. Never below zero.
    pub lost: u64,
    /// Packets of the peer's that came more than once.
    pub duplicates: u64,
    /// Packets of the peer's that came after a later one.
    pub reordered: u64,
    /// Interarrival jitter at the end (RFC 3550 A.8).
    pub jitter: Duration,
    /// Its mean over all packets.
    pub mean_jitter: Duration,
    /// The greatest it was.
    pub greatest_jitter: Duration,
    /// The longest time without a packet of the peer's while it was to speak.
    pub longest_pause: Duration,
    /// All such times of a second and more, together.
    pub dead_air: Duration,
    /// Packets for this side's ports from an address the peer did not name.
    pub wrong_source: u64,
    /// Packets from the peer with a payload type that was not agreed on.
    pub wrong_payload: u64,
    /// Telephone-events the peer sent, each counted once.
    pub events: u32,
    /// Packets the peer says it has lost, of all it was sent (its last report block); may be below zero.
    pub peer_lost: i32,
    /// Jitter the peer reports (its last report block); none when it has not reported.
    pub peer_jitter: Option<Duration>,
    /// From us to the peer and back (RFC 3550 section 6.4.1), when the peer has reported.
    pub round_trip: Option<Duration>,
}

impl Statistics {
    /// How good what comes from the peer sounds (ITU-T G.107), as far as its way to us goes; none when nothing came.
    pub fn quality_received(&self) -> Option<Mos> {
        let sent = self.packets_received.saturating_sub(self.duplicates).saturating_add(self.lost);
        let trip = self.round_trip.unwrap_or_default();
        (sent > 0).then(|| Mos::estimate(self.lost, sent, self.mean_jitter, trip))
    }

    /// How good what we send sounds to the peer, by what it has reported; none when it has not.
    pub fn quality_sent(&self) -> Option<Mos> {
        let lost = u64::try_from(self.peer_lost).unwrap_or(0);
        let trip = self.round_trip.unwrap_or_default();
        self.peer_jitter.map(|jitter| Mos::estimate(lost, self.packets_sent, jitter, trip))
    }
}

/// A datagram to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Hop {
    /// The local port it leaves from.
    pub port: u16,
    /// Where it goes.
    pub to: SocketAddr,
    /// How many bytes of the buffer it is.
    pub len: usize,
}

/// What becomes of a datagram that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict {
    /// It was rewritten in place and goes on to the other side.
    Send(Hop),
    /// It was for the relay itself.
    Taken,
    /// It goes nowhere.
    Drop(Reason),
}

/// What the relay wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(clippy::large_enum_variant, reason = "there is no heap to box it in")]
pub enum Output {
    /// Send what was written to the buffer.
    Send(Hop),
    /// Tell signalling.
    Report(Report),
    /// Nothing until then, or until the next control or packet when there is no such time.
    Wait(Option<Instant>),
}
