//! Ports that are free on this machine.

use core::net::Ipv4Addr;
use std::collections::HashSet;
use std::net::UdpSocket;
use std::sync::{LazyLock, Mutex, PoisonError};

use rustix::process::getpid;

/// Below what systems hand out by themselves, so that nobody comes upon them by chance.
const FIRST: u16 = 10_000;
const LAST: u16 = 31_999;

/// The first of `count` ports in a row, even, that nobody holds at any address and that were not given out before.
///
/// # Panics
/// Where there are none.
pub fn ports(count: u16) -> u16 {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let places = (LAST - FIRST) / 2;
    // Test programs that run side by side start looking at places of their own.
    let start = getpid().as_raw_nonzero().get().unsigned_abs().wrapping_mul(0x9e37_79b1);
    let mut place = (start % u32::from(places)) as u16;
    for _ in 0..places {
        let first = FIRST + 2 * place;
        let range = first..first.saturating_add(count);
        match range.clone().rev().find(|port| *port > LAST || given.contains(port) || !is_free(*port)) {
            None => {
                given.extend(range);
                return first;
            }
            Some(taken) if taken > LAST => place = 0,
            Some(taken) => place = (taken - FIRST) / 2 + 1,
        }
        place %= places;
    }
    panic!("no {count} free ports in a row from {FIRST} to {LAST}");
}

fn is_free(port: u16) -> bool {
    // Taken at one address is taken here.
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_given_twice_and_none_that_is_taken() {
        let first = ports(100);
        let second = ports(100);
        assert!(first.abs_diff(second) >= 100);
        let taken: Vec<_> = (0..8).map(|_| ports(1)).collect();
        let sockets: Vec<_> =
            taken.iter().map(|port| UdpSocket::bind(("127.0.0.9", *port)).unwrap()).collect();
        assert!(taken.iter().all(|port| port % 2 == 0 && !is_free(*port)));
        drop(sockets);
        assert!(taken.iter().all(|port| is_free(*port)));
    }
}
