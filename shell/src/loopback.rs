//! The embedded configuration, fitted to what is free and what is wanted on this machine's loopback.

use core::net::{Ipv4Addr, SocketAddr};
use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicU16, Ordering};
use std::io;
use std::net::UdpSocket;

use crate::config::{self, EMBEDDED, Loaded, Media, Mistakes};
use crate::media::Backend;

/// What the embedded configuration says, and is said otherwise here.
const CAPACITY: &str = "capacity = 100";
const MEDIA: &str = "20000-20999";
const RATE: &str = "30/s";
const ZENDESK: &str = "127.0.0.2:5080";

/// The embedded configuration for so many calls, media ports and relay workers, relayed so.
pub(crate) fn relaying(
    calls: usize,
    media: RangeInclusive<u16>,
    workers: u8,
    Media { backend, spin }: Media,
) -> Result<Loaded, Mistakes> {
    let (backend, spin) = (backend.map_or("auto", Backend::name), spin.as_micros());
    let text = EMBEDDED
        .replace(CAPACITY, &format!("capacity = {calls}"))
        .replace(MEDIA, &format!("{}-{}", media.start(), media.end()));
    let text =
        format!("{text}\n[media]\nworkers = {workers}\nbackend = \"{backend}\"\nspin = \"{spin}us\"\n");
    config::parse("embedded configuration", &text)
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

/// Ports in a row that nobody has, the first of them even. Who asks next is given those behind: they may not be bound yet.
pub(crate) fn free_ports(count: u16) -> io::Result<RangeInclusive<u16>> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    let count = count.next_multiple_of(2);
    for _ in 0..12_000 / count {
        let first = 20_000 + ((NEXT.fetch_add(count, Ordering::Relaxed) % (12_000 - count)) & !1);
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
    use warmline_core::time::Duration;

    use super::*;

    #[test]
    fn every_wish_is_heard() {
        let zendesk = SocketAddr::from(([127, 0, 0, 2], 5099));
        let loaded = busy(7, 40, 30_000..=30_027, zendesk).expect("it is sound");
        assert_eq!(loaded.capacity(), 7);
        let config = loaded.lend();
        assert_eq!(config.interfaces[0].media, (30_000, 30_027));
        assert_eq!(config.targets[0].port, Some(5099));
        let media = Media { backend: Some(Backend::Sockets), spin: Duration::ZERO };
        let loaded = relaying(6, 30_000..=30_027, 3, media).expect("it is sound");
        assert_eq!((loaded.capacity(), loaded.workers()), (6, 3));
        assert_eq!(loaded.media().backend, Some(Backend::Sockets));
    }
}
