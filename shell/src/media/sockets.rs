//! The plane that runs everywhere: a system call for each datagram, and a poller that tells where there is one.
//!
//! Sockets are not connected: a connected one answers strangers with ICMP and cannot count them.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use mio::event::Event;
use mio::net::UdpSocket;
use mio::{Events, Poll, Registry, Token};
use warmline_core::config::Config;
use warmline_core::relay::{Hop, TAILROOM};

use super::buffer::Buffer;
use super::plane::{Count, LARGEST};
use super::ports::{Keeper, Ports};
use super::{OpenError, WAKER};

/// How many sockets are told of by one look at the poller.
const EVENTS: usize = 1024;

/// How many datagrams of one socket are taken before the next socket's turn. There is mostly one: asking for a second
/// costs a system call a packet, and is left out where the poller tells of it.
const TURN: usize = if TELLS_AGAIN { 1 } else { 32 };

/// Whether the poller tells of a socket as long as there is something to read, and not once.
const TELLS_AGAIN: bool = cfg!(target_os = "linux");

/// Sockets, each with its port's number for a token.
pub(super) struct Sockets {
    poll: Poll,
    events: Events,
    open: Open,
}

/// What is open, and what came of it.
struct Open {
    ports: Ports<Held>,
    /// Sockets that had more to read when their turn was over.
    listed: Vec<u16>,
    packet: Box<[u8; LARGEST + TAILROOM]>,
    count: Count,
}

/// A port's socket.
struct Held {
    socket: UdpSocket,
    /// Whether it stands in the list of those with more to read.
    listed: bool,
}

/// Where sockets are told of.
struct Watch<'p>(&'p Registry);

impl Sockets {
    /// No sockets yet, of which there may be so many. `poll` has the waker.
    pub(super) fn new(config: &Config<'_>, poll: Poll, most: usize) -> Self {
        let open = Open {
            ports: Ports::new(config, most, Buffer::of_ports()),
            listed: Vec::with_capacity(EVENTS),
            packet: Box::new([0; LARGEST + TAILROOM]),
            count: Count::default(),
        };
        Self { poll, events: Events::with_capacity(EVENTS), open }
    }

    pub(super) fn open(&mut self, ports: &[u16]) -> Result<(), OpenError> {
        self.open.ports.open(&mut Watch(self.poll.registry()), ports)
    }

    pub(super) fn close(&mut self, port: u16) {
        self.open.ports.close(port);
    }

    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = if self.open.listed.is_empty() { timeout } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            waited => waited,
        }
    }

    pub(super) fn receive(
        &mut self,
        mut carry: impl FnMut(u16, SocketAddr, &mut [u8], usize) -> Option<Hop>,
    ) -> bool {
        let Self { events, open, .. } = self;
        let before = open.count.received;
        let mut waiting = open.listed.len();
        while let Some(left) = waiting.checked_sub(1) {
            waiting = left;
            let port = open.listed.swap_remove(left);
            if let Some(held) = open.ports.get_mut(port) {
                held.listed = false;
            }
            open.read(port, &mut carry);
        }
        for Token(port) in events.iter().map(Event::token).filter(|token| *token != WAKER) {
            open.read(u16::try_from(port).unwrap_or(0), &mut carry);
        }
        open.count.received != before
    }

    pub(super) fn send(&mut self, hop: Hop, packet: &[u8]) {
        send(&self.open.ports, &mut self.open.count, hop, packet);
    }

    pub(super) const fn count(&self) -> Count {
        self.open.count
    }
}

impl Open {
    /// Takes what came to a port, and sends it on.
    fn read(&mut self, port: u16, carry: &mut impl FnMut(u16, SocketAddr, &mut [u8], usize) -> Option<Hop>) {
        let Some(held) = self.ports.get(port) else { return };
        for _ in 0..TURN {
            let (len, from) = match held.socket.recv_from(&mut self.packet[..LARGEST]) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An earlier packet found nobody there; the next may be better.
                Err(_) => continue,
            };
            self.count.received += 1;
            if len == LARGEST {
                self.count.unsent += 1;
            } else if let Some(hop) = carry(port, from, &mut self.packet[..], len) {
                send(&self.ports, &mut self.count, hop, &self.packet[..]);
            }
        }
        if !TELLS_AGAIN
            && let Some(held) = self.ports.get_mut(port)
            && !core::mem::replace(&mut held.listed, true)
        {
            self.listed.push(port);
        }
    }
}

fn send(ports: &Ports<Held>, count: &mut Count, hop: Hop, packet: &[u8]) {
    let sent = ports.get(hop.port).zip(packet.get(..hop.len)).is_some_and(|(held, bytes)| {
        // A socket whose buffer is full drops, as the network would.
        held.socket.send_to(bytes, hop.to).is_ok()
    });
    *(if sent { &mut count.sent } else { &mut count.unsent }) += 1;
}

impl Keeper for Watch<'_> {
    type Kept = Held;
    const WAITS: bool = false;

    fn keep(&mut self, port: u16, socket: std::net::UdpSocket) -> io::Result<Held> {
        let mut socket = UdpSocket::from_std(socket);
        watch(self.0, &mut socket, port)?;
        Ok(Held { socket, listed: false })
    }

    fn close(&mut self, _: u16, _: Held) {
        // The poller forgets what is closed.
    }
}

/// Has the poller tell of a socket. By itself mio has it tell once; finding out that there is no more to read would
/// then take a system call a packet.
#[cfg(target_os = "linux")]
fn watch(registry: &Registry, socket: &mut UdpSocket, port: u16) -> io::Result<()> {
    use rustix::event::epoll::{EventData, EventFlags, add};

    Ok(add(registry, socket, EventData::new_u64(port.into()), EventFlags::IN)?)
}

/// Has the poller tell of a socket.
#[cfg(not(target_os = "linux"))]
fn watch(registry: &Registry, socket: &mut UdpSocket, port: u16) -> io::Result<()> {
    registry.register(socket, Token(port.into()), mio::Interest::READABLE)
}
