//! A worker's media sockets, by their port.
//!
//! A port rests before it is used again, and meanwhile keeps its socket: opening and closing four of them is a large part
//! of what a call costs, and whatever still comes there is taken and dropped, where the system would answer it with ICMP.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::io;

use mio::Registry;
use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Socket, Type};
use warmline_core::config::Config;

use super::OpenError;
use crate::room::media_ports;

/// What a socket can hold until its worker comes to it: Linux's own default, some 250 packets, or five seconds of audio.
const RECEIVE_BUFFER: usize = 104 << 10;

/// The sockets of one worker. Each stream has two for each of its sides: RTP and RTCP, on the next port.
pub(super) struct Sockets {
    /// How many are open, how many of them rest, and how many may be open before those that rest are closed.
    open: usize,
    resting: usize,
    most: usize,
    /// The lowest port of all.
    first: u16,
    places: Vec<Place>,
    /// Where each interface stands, and its ports.
    interfaces: Vec<(IpAddr, (u16, u16))>,
    /// What a socket is asked to hold; none where it holds enough by itself.
    buffer: Option<usize>,
}

#[derive(Default)]
struct Place {
    socket: Option<UdpSocket>,
    /// Whether a stream has it; otherwise it rests.
    taken: bool,
    /// Whether it stands in the list of those with more to read.
    listed: bool,
}

impl Sockets {
    /// No sockets yet, and a place for each media port; so many sockets may be open.
    pub(super) fn new(config: &Config<'_>, most: usize) -> Self {
        let (first, last) = media_ports(config);
        let places = usize::from(last.saturating_sub(first)) + 2;
        Self {
            open: 0,
            resting: 0,
            most,
            first,
            places: core::iter::repeat_with(Place::default).take(places).collect(),
            interfaces: config.interfaces.iter().map(|i| (i.address, i.media)).collect(),
            buffer: buffer(),
        }
    }

    /// Opens RTP and RTCP at each of these ports, or none of them all.
    pub(super) fn open(&mut self, registry: &Registry, ports: &[u16]) -> Result<(), OpenError> {
        for (opened, port) in both(ports).enumerate() {
            if let Err(error) = self.open_one(registry, port) {
                both(ports).take(opened).for_each(|port| self.close_one(port));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Closes what [`Sockets::open`] opened.
    pub(super) fn close(&mut self, port: u16) {
        both(&[port]).for_each(|port| self.close_one(port));
    }

    /// The socket at a port.
    pub(super) fn get(&self, port: u16) -> Option<&UdpSocket> {
        self.place(port).and_then(|place| self.places.get(place)?.socket.as_ref())
    }

    /// Whether the socket at a port stands in the list of those with more to read.
    pub(super) fn listed(&mut self, port: u16) -> Option<&mut bool> {
        let place = self.place(port)?;
        self.places.get_mut(place).map(|place| &mut place.listed)
    }

    fn open_one(&mut self, registry: &Registry, port: u16) -> Result<(), OpenError> {
        let interface = self.interfaces.iter().find(|(_, (first, last))| (*first..=*last).contains(&port));
        let address = SocketAddr::new(interface.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |i| i.0), port);
        let place = self.place(port).filter(|_| interface.is_some());
        let place = place.and_then(|place| self.places.get_mut(place));
        let opened = match place {
            None => Err(io::ErrorKind::InvalidInput.into()),
            Some(place) if place.taken => Err(io::ErrorKind::AddrInUse.into()),
            Some(place) if place.socket.is_some() => {
                self.resting -= 1;
                place.taken = true;
                return Ok(());
            }
            Some(_) => {
                if self.open >= self.most {
                    self.let_go();
                }
                bind(registry, address, self.buffer)
            }
        };
        let opened = opened.or_else(|error| match lacks_files(&error) && self.let_go() {
            true => bind(registry, address, self.buffer),
            false => Err(error),
        });
        let socket = opened.map_err(|source| OpenError { address, source })?;
        if let Some(place) = self.place(port).and_then(|place| self.places.get_mut(place)) {
            (place.socket, place.taken) = (Some(socket), true);
            self.open += 1;
        }
        Ok(())
    }

    fn close_one(&mut self, port: u16) {
        let Some(place) = self.place(port).and_then(|place| self.places.get_mut(place)) else { return };
        if core::mem::take(&mut place.taken) {
            self.resting += 1;
        }
    }

    /// Closes what rests. Whether anything did.
    fn let_go(&mut self) -> bool {
        if self.resting == 0 {
            return false;
        }
        for place in self.places.iter_mut().filter(|place| !place.taken) {
            // The poller forgets what is closed.
            place.socket = None;
        }
        self.open -= core::mem::take(&mut self.resting);
        true
    }

    fn place(&self, port: u16) -> Option<usize> {
        port.checked_sub(self.first).map(usize::from)
    }
}

/// Whether the process, or the system, may have no more files open.
fn lacks_files(error: &io::Error) -> bool {
    use rustix::io::Errno;

    Errno::from_io_error(error).is_some_and(|errno| matches!(errno, Errno::MFILE | Errno::NFILE))
}

/// The ports of RTP, each with that of its RTCP.
fn both(ports: &[u16]) -> impl Iterator<Item = u16> {
    ports.iter().flat_map(|port| [*port, port.saturating_add(1)])
}

/// A socket that never waits. What it is asked to hold is not asked for where the system gives that anyway: every system
/// call here is made four times a call.
fn bind(registry: &Registry, address: SocketAddr, buffer: Option<usize>) -> io::Result<UdpSocket> {
    let socket = unbound(address)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if let Some(buffer) = buffer {
        socket.set_recv_buffer_size(buffer)?;
    }
    socket.bind(&address.into())?;
    let mut socket = UdpSocket::from_std(socket.into());
    watch(registry, &mut socket, address.port())?;
    Ok(socket)
}

/// What sockets have to be asked to hold, found out with one of them; none where they hold enough by themselves, or where
/// there is none to ask.
fn buffer() -> Option<usize> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).ok()?;
    // Linux says twice what it was asked for, to count its own bookkeeping in.
    let counted = if cfg!(target_os = "linux") { 2 } else { 1 };
    let room = || socket.recv_buffer_size().map(|size| size / counted);
    if room().is_ok_and(|room| room >= RECEIVE_BUFFER) {
        return None;
    }
    let given = socket.set_recv_buffer_size(RECEIVE_BUFFER).and_then(|()| room()).unwrap_or(0);
    if given < RECEIVE_BUFFER {
        tracing::warn!(
            "the system gives media sockets {given} bytes of buffer, not {RECEIVE_BUFFER}: audio may be lost while it \
             is busy. Raise net.core.rmem_max."
        );
    }
    Some(RECEIVE_BUFFER)
}

#[cfg(target_os = "linux")]
fn unbound(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))
}

#[cfg(not(target_os = "linux"))]
fn unbound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Whether the poller tells of a socket as long as there is something to read, and not once.
pub(super) const TELLS_AGAIN: bool = cfg!(target_os = "linux");

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
    registry.register(socket, mio::Token(port.into()), mio::Interest::READABLE)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::loopback;

    fn is_free(port: u16) -> bool {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    #[test]
    fn a_port_keeps_its_socket_while_there_is_room() {
        let ports = loopback::free_ports(12).expect("ports");
        let first = *ports.start();
        let loaded = loopback::config(2, ports, 1, None).expect("it is sound");
        let poll = mio::Poll::new().expect("a poller");
        let mut sockets = Sockets::new(&loaded.lend(), 4);
        let places = [first, first + 2, first + 4];
        sockets.open(poll.registry(), &places[..2]).expect("they are free");
        assert!(sockets.open(poll.registry(), &places[..1]).is_err(), "it is taken");
        sockets.close(places[0]);
        assert!(!is_free(first) && !is_free(first + 1), "it rests");
        sockets.close(places[0]);
        assert_eq!((sockets.open, sockets.resting), (4, 2));
        sockets.open(poll.registry(), &places[..1]).expect("it is there");
        assert_eq!((sockets.open, sockets.resting), (4, 0));
        // More than there may be: what rests is closed.
        sockets.close(places[0]);
        sockets.open(poll.registry(), &places[2..]).expect("it is free");
        assert!(is_free(first) && !is_free(first + 2) && !is_free(first + 4));
        assert_eq!((sockets.open, sockets.resting), (4, 0));
        // Streams come before all bounds.
        sockets.open(poll.registry(), &places[..1]).expect("it is free");
        assert_eq!((sockets.open, sockets.resting), (6, 0));
        // Where one port cannot be had, the others are not left open.
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, first + 9)).expect("it is free");
        sockets.most = 12;
        sockets.close(places[0]);
        assert!(sockets.open(poll.registry(), &[first + 6, first + 8]).is_err());
        assert!(!is_free(first), "another program's port is no want of files");
        drop(other);
        sockets.open(poll.registry(), &[first + 6, first + 8]).expect("they are free");
    }
}
