//! A target's addresses that are still to be tried.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// How many addresses of one target are tried.
pub(crate) const MOST: usize = 4;

/// How many wait while the first is rung.
const WAITING: usize = MOST - 1;

/// Addresses in the order in which they are tried, in 18 bytes each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    kept: [[u8; 18]; WAITING],
    len: u8,
}

impl Addresses {
    /// None.
    pub(crate) const EMPTY: Self = Self { kept: [[0; 18]; WAITING], len: 0 };

    /// The first few of these.
    pub(crate) fn of(addresses: &[SocketAddr]) -> Self {
        let mut this = Self::EMPTY;
        for (place, address) in this.kept.iter_mut().zip(addresses) {
            let ip = match address.ip() {
                IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                IpAddr::V6(ip) => ip,
            };
            let bytes = ip.octets().into_iter().chain(address.port().to_be_bytes());
            place.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
            this.len = this.len.saturating_add(1);
        }
        this
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes the first one out.
    pub(crate) fn take(&mut self) -> Option<SocketAddr> {
        self.len = self.len.checked_sub(1)?;
        let [first, ..] = self.kept;
        self.kept.rotate_left(1);
        let (ip, port) = first.split_first_chunk::<16>()?;
        let port = u16::from_be_bytes(*port.first_chunk()?);
        Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(*ip)).to_canonical(), port))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn they_come_out_as_they_went_in() {
        let all: Vec<SocketAddr> = ["192.0.2.1:5060", "[2001:db8::1]:65535", "198.51.100.1:1", "192.0.2.2:2"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        for count in 0..=all.len() {
            let mut addresses = Addresses::of(&all[..count]);
            assert_eq!(addresses.is_empty(), count == 0);
            let out: Vec<_> = core::iter::from_fn(|| addresses.take()).collect();
            assert_eq!(out, all[..count.min(WAITING)]);
            assert!(addresses.is_empty());
        }
        assert_eq!(size_of::<Addresses>(), 55);
    }
}
