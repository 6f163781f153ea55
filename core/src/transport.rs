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
}

/// One way to a peer: the listener it is seen through, its address, and on a stream which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Path {
    /// What carries it.
    pub transport: Transport,
    /// Index into [`Config::listeners`](crate::config::Config::listeners).
    pub listener: u8,
    /// The host's number for a connection; 0 on UDP.
    pub flow: u32,
    /// The peer's address.
    pub remote: SocketAddr,
}
