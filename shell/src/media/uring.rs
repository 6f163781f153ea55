//! The planes that go through the kernel's [`Ring`]: with a socket for each port that hears and speaks, or with one that
//! hears for all ports of an interface, while each port's own only speaks and keeps the port from others.
//!
//! Sockets are not connected: a connected one answers strangers with ICMP, cannot count them, and goes before all
//! [`Steering`].

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;

use mio::{Events, Poll};
use warmline_core::config::Config;
use warmline_core::relay::Hop;

use super::OpenError;
use super::buffer::Buffer;
use super::plane::Count;
use super::ports::{Keeper, Ports};
use super::ring::{Arrived, File, Leaving, Ring};
use super::steering::{self, Steering};

/// Ports over a ring.
pub(super) struct Uring {
    ring: Ring,
    ports: Ports<File>,
    feed: Feed,
    /// Has the waker, and is looked at when the ring says so.
    poll: Poll,
    events: Events,
}

/// How what comes to a port is heard.
#[derive(Clone)]
pub(super) enum Feed {
    /// By its own socket.
    Each,
    /// By one socket for all ports of an interface that are this worker's.
    Shared {
        steering: Arc<Steering>,
        /// Which worker.
        worker: u8,
    },
}

/// What a port's socket is put into.
struct Desk<'d> {
    ring: &'d mut Ring,
    feed: &'d Feed,
}

impl Uring {
    /// No ports yet, of which so many may have sockets. `poll` has the waker. For the thread that makes it.
    pub(super) fn new(config: &Config<'_>, poll: Poll, most: usize, feed: Feed) -> io::Result<Self> {
        let shared = match &feed {
            Feed::Each => vec![],
            Feed::Shared { steering, worker } => steering.sockets(*worker)?,
        };
        let files = u32::try_from(most + shared.len()).unwrap_or(u32::MAX);
        let mut ring = Ring::new(files, &poll)?;
        for socket in &shared {
            let file = ring.add(socket)?;
            // Its port is that which the datagram was sent to.
            ring.listen(file, 0);
        }
        let buffer = if shared.is_empty() { Buffer::of_ports() } else { Buffer::ENOUGH };
        let ports = Ports::new(config, most, buffer);
        Ok(Self { ring, ports, feed, poll, events: Events::with_capacity(1) })
    }

    pub(super) fn open(&mut self, ports: &[u16]) -> Result<(), OpenError> {
        self.ports.open(&mut Desk { ring: &mut self.ring, feed: &self.feed }, ports)
    }

    pub(super) fn close(&mut self, port: u16) {
        self.ports.close(port);
    }

    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let waited = self.ring.wait(timeout);
        if self.ring.woken() {
            // Before its orders are looked at: whoever rings after that is heard the next time. Should this fail, the ring
            // wakes at once.
            let _ = self.poll.poll(&mut self.events, Some(Duration::ZERO));
            self.ring.watch();
        }
        waited
    }

    pub(super) fn receive(
        &mut self,
        mut carry: impl FnMut(u16, SocketAddr, &mut [u8], usize) -> Option<Hop>,
    ) -> bool {
        let Self { ring, ports, feed, .. } = self;
        ring.receive(|Arrived { token, from, control, packet, len }| {
            let port = match feed {
                Feed::Each => token,
                Feed::Shared { .. } => steering::destination(control)?,
            };
            let hop = carry(port, from, packet, len)?;
            Some(Leaving { file: *ports.get(hop.port)?, to: hop.to, len: hop.len })
        })
    }

    pub(super) fn send(&mut self, hop: Hop, packet: &[u8]) {
        match self.ports.get(hop.port).zip(packet.get(..hop.len)) {
            Some((file, packet)) => self.ring.send(*file, hop.to, packet),
            None => self.ring.count.unsent += 1,
        }
    }

    pub(super) const fn count(&self) -> Count {
        self.ring.count
    }
}

impl Keeper for Desk<'_> {
    type Kept = File;
    const WAITS: bool = true;

    fn keep(&mut self, port: u16, socket: UdpSocket) -> io::Result<File> {
        let file = self.ring.add(&socket)?;
        let heard = match self.feed {
            Feed::Each => {
                self.ring.listen(file, port);
                Ok(())
            }
            Feed::Shared { steering, worker } => steering.steer(port, Some(*worker)),
        };
        match heard {
            Ok(()) => Ok(file),
            Err(error) => {
                self.ring.remove(file);
                Err(error)
            }
        }
    }

    fn close(&mut self, port: u16, file: File) {
        if let Feed::Shared { steering, .. } = self.feed
            && let Err(error) = steering.steer(port, None)
        {
            tracing::error!("what comes to media port {port} cannot be left to the system again: {error}");
        }
        self.ring.remove(file);
    }
}
