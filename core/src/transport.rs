//! Where a message came from, or goes to.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What carries a message (RFC 3261 section 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Transport {
    /// UDP: messages may be lost, doubled and reordered, so transactions retransmit.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl Transport {
    /// Whether the transport itself delivers, so that no transaction retransmits over it.
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Self::Udp)
    }

    /// The name in a Via header (RFC 3261 section 20.42).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The port where a URI or a Via names none (RFC 3261 section 19.1.2).
    pub const fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// The transport that a URI's `transport` parameter or a Via names.
    pub fn named(name: &[u8]) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|this| name.eq_ignore_ascii_case(this.name().as_bytes()))
    }
}

/// One way to a peer: the listener it is seen through, its address, and on a stream which connection.
///
/// On a stream the host sends by the connection `flow` while that is open. When it is gone, or none is named, it sends
/// by an open connection to `remote`, or opens one from the listener's address. A number is never given to another
/// connection while core may remember it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Path {
    /// What carries it.
    pub transport: Transport,
    /// Index into [`Config::listeners`](crate::config::Config::listeners).
    pub listener: u8,
    /// The host's number for a connection; 0 where none is known, and on UDP.
    pub flow: u32,
    /// The peer's address. Where bytes go to, on a stream: where it is reached when the connection is gone.
    pub remote: SocketAddr,
}
