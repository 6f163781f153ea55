//! The embedded configuration, fitted to what is free and what is wanted on this machine's loopback.

use core::net::{Ipv4Addr, SocketAddr};
use core::ops::RangeInclusive;
use std::io;
use std::net::UdpSocket;

use crate::config::{self, EMBEDDED, Loaded, Mistakes};

/// What the embedded configuration says, and is said otherwise here.
const CAPACITY: &str = "capacity = 100";
const MEDIA: &str = "20000-20999";
const RATE: &str = "30/s";
const ZENDESK: &str = "127.0.0.2:5080";

/// The embedded configuration for so many calls, media ports and relay workers; Zendesk is where it is said to be.
pub(crate) fn config(
    calls: usize,
    media: RangeInclusive<u16>,
    workers: u8,
    zendesk: Option<SocketAddr>,
) -> Result<Loaded, Mistakes> {
    let zendesk = zendesk.map_or_else(|| ZENDESK.to_owned(), |zendesk| zendesk.to_string());
    let text = EMBEDDED
        .replace(CAPACITY, &format!("capacity = {calls}"))
        .replace(MEDIA, &format!("{}-{}", media.start(), media.end()))
        .replace(ZENDESK, &zendesk);
    config::parse("embedded configuration", &format!("{text}\n[media]\nworkers = {workers}\n"))
}

/// The embedded configuration for so many calls and so many new ones a second, on one relay worker.
pub(crate) fn busy(
    calls: u32,
    rate: u32,
    media: RangeInclusive<u16>,
    zendesk: SocketAddr,
) -> Result<Loaded, Mistakes> {
    let text = EMBEDDED
        .replace(CAPACITY, &format!("capacity = {calls}"))
        .replace(MEDIA, &format!("{}-{}", media.start(), media.end()))
        .replace(RATE, &format!("{rate}/s"))
        .replace(ZENDESK, &zendesk.to_string());
    config::parse("embedded configuration", &text)
}

/// Ports in a row that nobody has, the first of them even.
pub(crate) fn free_ports(count: u16) -> io::Result<RangeInclusive<u16>> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for first in (20_000..32_000).step_by(usize::from(count.next_multiple_of(2))) {
        let ports = first..=first + (count - 1);
        let bound: io::Result<Vec<_>> =
            ports.clone().map(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port))).collect();
        match bound {
            Ok(_) => return Ok(ports),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wish_is_heard() {
        let zendesk = SocketAddr::from(([127, 0, 0, 2], 5099));
        let loaded = config(7, 30_000..=30_027, 3, Some(zendesk)).expect("it is sound");
        assert_eq!((loaded.capacity(), loaded.workers()), (7, 3));
        let config = loaded.lend();
        assert_eq!(config.interfaces[0].media, (30_000, 30_027));
        assert_eq!(config.targets[0].port, Some(5099));
    }
}
