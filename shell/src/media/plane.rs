//! How datagrams come in and leave. What they are worth is [`Worker`](super::worker::Worker)'s business.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;

use warmline_core::relay::Hop;

use super::OpenError;
use super::sockets::Sockets;
#[cfg(target_os = "linux")]
use super::uring::Uring;

/// The largest datagram that is relayed, in bytes; audio packets are a tenth of it.
pub(super) const LARGEST: usize = 2048;

/// One way of moving datagrams, over the ports of one worker.
// Whether it is large depends on what is built.
#[allow(clippy::large_enum_variant, reason = "a worker has one, and goes through it for every datagram")]
pub(super) enum Plane {
    Sockets(Sockets),
    #[cfg(target_os = "linux")]
    Uring(Uring),
}

/// What a plane has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Datagrams that came in.
    pub(super) received: u64,
    /// Datagrams that were sent.
    pub(super) sent: u64,
    /// Datagrams that the system did not take, or that are far too large for audio.
    pub(super) unsent: u64,
}

impl Plane {
    /// Opens RTP and RTCP at each of these ports, or none of them all.
    pub(super) fn open(&mut self, ports: &[u16]) -> Result<(), OpenError> {
        match self {
            Self::Sockets(sockets) => sockets.open(ports),
            #[cfg(target_os = "linux")]
            Self::Uring(uring) => uring.open(ports),
        }
    }

    /// Has a port and that of its RTCP rest: whatever comes there is taken in, and nothing is answered.
    pub(super) fn close(&mut self, port: u16) {
        match self {
            Self::Sockets(sockets) => sockets.close(port),
            #[cfg(target_os = "linux")]
            Self::Uring(uring) => uring.close(port),
        }
    }

    /// Waits until something has come, or the worker is woken, or for so long; without a time, for ever.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Sockets(sockets) => sockets.wait(timeout),
            #[cfg(target_os = "linux")]
            Self::Uring(uring) => uring.wait(timeout),
        }
    }

    /// Hands over everything that had come when [`Plane::wait`] returned, each with its local port, where it is from, and
    /// its length in a buffer with [`TAILROOM`](warmline_core::relay::TAILROOM) to spare; sends on what `carry` says.
    /// Whether there was anything.
    pub(super) fn receive(
        &mut self,
        carry: impl FnMut(u16, SocketAddr, &mut [u8], usize) -> Option<Hop>,
    ) -> bool {
        match self {
            Self::Sockets(sockets) => sockets.receive(carry),
            #[cfg(target_os = "linux")]
            Self::Uring(uring) => uring.receive(carry),
        }
    }

    /// Sends what a worker has to say of its own.
    pub(super) fn send(&mut self, hop: Hop, packet: &[u8]) {
        match self {
            Self::Sockets(sockets) => sockets.send(hop, packet),
            #[cfg(target_os = "linux")]
            Self::Uring(uring) => uring.send(hop, packet),
        }
    }

    /// What it has moved so far.
    pub(super) fn count(&self) -> Count {
        match self {
            Self::Sockets(sockets) => sockets.count(),
            #[cfg(target_os = "linux")]
            Self::Uring(uring) => uring.count(),
        }
    }
}
