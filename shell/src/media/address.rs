//! Addresses as the kernel writes them: `sockaddr_in` and `sockaddr_in6`.

use core::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// How many bytes the longer of them takes.
pub(super) const LEN: usize = size_of::<libc::sockaddr_in6>();

/// Writes an address; how many bytes it is.
pub(super) fn write(address: SocketAddr, into: &mut [u8; LEN]) -> usize {
    *into = [0; LEN];
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    put(into, 0, &(family as libc::sa_family_t).to_ne_bytes());
    put(into, 2, &address.port().to_be_bytes());
    match address {
        SocketAddr::V4(address) => {
            put(into, 4, &address.ip().octets());
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(address) => {
            put(into, 4, &address.flowinfo().to_be_bytes());
            put(into, 8, &address.ip().octets());
            put(into, 24, &address.scope_id().to_ne_bytes());
            LEN
        }
    }
}

/// Reads an address; none where there is none of the two.
pub(super) fn read(bytes: &[u8]) -> Option<SocketAddr> {
    let family = libc::sa_family_t::from_ne_bytes(*bytes.first_chunk()?);
    let port = u16::from_be_bytes(get(bytes, 2)?);
    match libc::c_int::from(family) {
        libc::AF_INET => Some(SocketAddr::new(IpAddr::from(get::<4>(bytes, 4)?), port)),
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(get::<16>(bytes, 8)?);
            let flow = u32::from_be_bytes(get(bytes, 4)?);
            Some(SocketAddrV6::new(ip, port, flow, u32::from_ne_bytes(get(bytes, 24)?)).into())
        }
        _ => None,
    }
}

fn put(into: &mut [u8; LEN], at: usize, bytes: &[u8]) {
    into.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
}

fn get<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use socket2::SockAddr;

    use super::*;

    #[test]
    fn addresses_are_written_as_the_system_does() {
        for text in ["192.0.2.7:5060", "0.0.0.0:0", "[2001:db8::7]:65535", "[::1]:1"] {
            let address: SocketAddr = text.parse().expect("an address");
            let mut bytes = [0xff; LEN];
            let len = write(address, &mut bytes);
            assert_eq!(len, SockAddr::from(address).len() as usize, "{text}");
            assert_eq!(read(&bytes[..len]), Some(address), "{text}");
        }
        let local = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 7, 8, 9).into();
        let mut bytes = [0; LEN];
        write(local, &mut bytes);
        assert_eq!(read(&bytes), Some(local));
        assert_eq!(read(&bytes[..27]), None);
        assert_eq!(read(&[0; LEN]), None);
        assert_eq!(read(&[]), None);
    }
}
