//! Ports that are free on this machine.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use rustix::process::getpid;

use super::{PATIENCE, poll};

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
    let held = held();
    let places = (LAST - FIRST) / 2;
    // Test programs that run side by side start looking at places of their own.
    let start = getpid().as_raw_nonzero().get().unsigned_abs().wrapping_mul(0x9e37_79b1);
    let mut place = (start % u32::from(places)) as u16;
    for _ in 0..places {
        let first = FIRST + 2 * place;
        let range = first..first.saturating_add(count);
        match range.clone().rev().find(|port| *port > LAST || given.contains(port) || held.contains(port)) {
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

/// Waits until somebody holds a port, at any address.
///
/// # Panics
/// When nobody does.
pub(super) fn listens(port: u16, name: &str) {
    let listens = poll(PATIENCE, || held().contains(&port).then_some(()));
    assert!(listens.is_some(), "{name} does not listen");
}

/// The ports that somebody holds, at any address.
///
/// They are read, not tried: a program that is starting meanwhile would inherit what was bound for trying, and hold it
/// for a moment longer.
fn held() -> HashSet<u16> {
    // A thread may be in a network of its own.
    let tables = ["udp", "udp6", "tcp", "tcp6"].map(|name| format!("/proc/thread-self/net/{name}"));
    // Without IPv6 there are no tables of it.
    let tables = tables.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    tables.flat_map(|table| table.lines().filter_map(local_port).collect::<Vec<_>>()).collect()
}

/// The local port in a line such as `  12: 0100007F:2710 00000000:0000 07 ...`.
fn local_port(line: &str) -> Option<u16> {
    let (_, port) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
    u16::from_str_radix(port, 16).ok()
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicBool, Ordering};
    use std::net::UdpSocket;
    use std::process::Command;

    use super::*;

    #[test]
    fn none_is_given_twice_and_none_that_is_taken() {
        let first = ports(100);
        let second = ports(100);
        assert!(first.abs_diff(second) >= 100);
        let taken: Vec<_> = (0..8).map(|_| ports(1)).collect();
        let sockets: Vec<_> =
            taken.iter().map(|port| UdpSocket::bind(("127.0.0.9", *port)).unwrap()).collect();
        assert!(taken.iter().all(|port| port % 2 == 0 && held().contains(port)));
        drop(sockets);
        // A program that is starting may hold them for a moment longer.
        let given_back = || taken.iter().all(|port| !held().contains(port)).then_some(());
        assert!(poll(PATIENCE, given_back).is_some());
    }

    #[test]
    fn none_is_held_by_a_program_that_is_just_starting() {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // As it is in a folder of its own, it starts by fork.
                    Command::new("true").current_dir("/").status().unwrap();
                }
            });
            let taken = (0..200).find_map(|_| UdpSocket::bind(("127.0.0.9", ports(2))).err());
            over.store(true, Ordering::Relaxed);
            assert_eq!(taken.map(|error| error.kind()), None);
        });
    }
    #[test]
    fn whoever_waits_for_a_port_to_be_held_does_not_hold_it() {
        std::thread::scope(|scope| {
            for _ in 0..50 {
                let port = ports(1);
                let waiting: Vec<_> =
                    (0..8).map(|_| scope.spawn(move || listens(port, "this test"))).collect();
                let early = waiting.iter().any(|waits| waits.is_finished());
                let held = UdpSocket::bind(("127.0.0.9", port)).expect("nobody holds it");
                assert!(!early, "it was not held yet");
                waiting.into_iter().for_each(|waits| waits.join().expect("it is seen to be held"));
                drop(held);
            }
        });
    }
}
