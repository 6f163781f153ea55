//! What entered core and what left it, kept so that it can be played again elsewhere.

use core::net::SocketAddr;

use warmline_core::Command;

/// Everything since it was asked for, in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What entered, and when.
    pub entered: Vec<(u64, Entered)>,
    /// What left.
    pub left: Vec<Left>,
}

/// One way in. Names' addresses and the relay's reports are not among them: they follow from what is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// A SIP datagram, whether its source may speak or not.
    Message {
        /// Where it was heard.
        listener: u8,
        /// Who sent it.
        from: SocketAddr,
        /// What it is.
        bytes: Vec<u8>,
    },
    /// A datagram for a media port.
    Packet {
        /// The port.
        port: u16,
        /// Who sent it.
        from: SocketAddr,
        /// What it is.
        bytes: Vec<u8>,
    },
    /// An operator's command.
    Command(Command),
}

/// A datagram that left: SIP, RTP or RTCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// When, in microseconds.
    pub at: u64,
    /// Where it went.
    pub to: SocketAddr,
    /// What it is.
    pub bytes: Vec<u8>,
}
