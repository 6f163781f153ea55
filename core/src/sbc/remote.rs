//! Where a peer is, in a form that is all zero bits where it is not known.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An address and a port, which is 0 where they are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remote(Ipv6Addr, u16);

impl Remote {
    /// Not known: all zero bits.
    pub(super) const UNKNOWN: Self = Self(Ipv6Addr::UNSPECIFIED, 0);

    /// The address, an IPv4 one as that.
    pub(super) fn get(self) -> Option<SocketAddr> {
        let Self(ip, port) = self;
        (port > 0).then(|| SocketAddr::new(IpAddr::V6(ip).to_canonical(), port))
    }
}

impl From<SocketAddr> for Remote {
    fn from(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self(ip, address.port())
    }
}

impl Default for Remote {
    fn default() -> Self {
        Self::UNKNOWN
    }
}
