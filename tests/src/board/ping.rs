//! ICMP echo (RFC 792), by hand: who asks is one address among several of one machine.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use std::io::Read as _;
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};

/// Bytes of an IPv4 header without options.
const IPV4: usize = 20;

/// Asks `to` once as `from`, and waits for the answer; none when there is none for `patience`.
///
/// # Panics
/// When this is nobody who may send ICMP.
pub fn ping(from: Ipv4Addr, to: Ipv4Addr, patience: Duration) -> Option<Duration> {
    let socket =
        Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("a raw socket: be root here");
    socket.bind(&SocketAddrV4::new(from, 0).into()).expect("an address of ours");
    let [a, b, c, d] = from.octets();
    let mut question = vec![8, 0, 0, 0, c, d, a, b];
    question.extend((0..56).map(|at| at ^ d));
    let sum = checksum(&question).to_be_bytes();
    question[2..4].copy_from_slice(&sum);
    let begun = Instant::now();
    socket.send_to(&question, &SocketAddrV4::new(to, 0).into()).expect("it can be sent");
    let mut answer = question.clone();
    answer[0] = 0;
    answer[2..4].fill(0);
    let sum = checksum(&answer).to_be_bytes();
    answer[2..4].copy_from_slice(&sum);
    let mut buffer = [0; 1500];
    while let Some(left) = patience.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        socket.set_read_timeout(Some(left)).expect("a socket that does not wait for ever");
        let Ok(len) = (&socket).read(&mut buffer) else { break };
        let (header, body) = buffer[..len].split_at(IPV4.min(len));
        if header.get(12..16) == Some(&to.octets()) && body == answer {
            return Some(begun.elapsed());
        }
    }
    None
}

/// The checksum of RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}
