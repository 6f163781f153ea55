//! A worker's media sockets, by their port.

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
    /// Whether it stands in the list of those with more to read.
    listed: bool,
}

impl Sockets {
    /// No sockets yet, and a place for each media port.
    pub(super) fn new(config: &Config<'_>) -> Self {
        let (first, last) = media_ports(config);
        let places = usize::from(last.saturating_sub(first)) + 2;
        Self {
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
            Some(place) if place.socket.is_some() => Err(io::ErrorKind::AddrInUse.into()),
            Some(place) => bind(registry, address, self.buffer).map(|socket| place.socket = Some(socket)),
        };
        opened.map_err(|source| OpenError { address, source })
    }

    fn close_one(&mut self, port: u16) {
        // The poller forgets what is closed.
        if let Some(place) = self.place(port).and_then(|place| self.places.get_mut(place)) {
            place.socket = None;
        }
    }

    fn place(&self, port: u16) -> Option<usize> {
        port.checked_sub(self.first).map(usize::from)
    }
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
