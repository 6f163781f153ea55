//! What one leg's two ends agreed on by offer and answer.

use crate::g711::Law;

/// A payload type and the law its bytes are coded by; the clock is 8 kHz, one channel (RFC 3551 section 4.5.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Format {
    /// 0 to 127.
    pub payload_type: u8,
    /// How its bytes are coded.
    pub law: Law,
}

impl Format {
    /// The format under its static payload type (RFC 3551 table 4).
    pub const fn fixed(law: Law) -> Self {
        Self { payload_type: law.payload_type(), law }
    }
}

/// What one leg agreed on, seen from us. Payload types may differ by direction (RFC 3264 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Profile {
    /// What we send.
    pub send: Format,
    /// What we take; everything else is dropped.
    pub receive: [Option<Format>; 2],
    /// The payload type we send telephone-events in (RFC 4733, 8 kHz); none when the peer takes none.
    pub event_send: Option<u8>,
    /// The payload type we take telephone-events in.
    pub event_receive: Option<u8>,
    /// The payload type of comfort noise (RFC 3389, 8 kHz), both ways; none where it was not agreed on.
    pub noise: Option<u8>,
    /// Milliseconds of audio the peer wants in a packet.
    pub ptime: u8,
}

/// Which way audio flows, seen from us (RFC 3264 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Only from us to the peer.
    SendOnly,
    /// Only from the peer to us.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// Whether we send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether we receive.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}
