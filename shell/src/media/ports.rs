//! A worker's media ports, and what is kept open for each.
//!
//! A port rests before it is used again, and meanwhile keeps its socket: opening and closing four of them is a large part
//! of what a call costs, and whatever still comes there is taken and dropped, where the system would answer it with ICMP.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::io;
use std::net::UdpSocket;

use socket2::{Domain, Protocol, Socket, Type};
use warmline_core::config::Config;

use super::OpenError;
use super::buffer::Buffer;
use crate::room::media_ports;

/// What a port that is of no interface is said to be at.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What is done with a port's socket once it is bound.
pub(super) trait Keeper {
    /// What there is of a socket while its port is open or rests.
    type Kept;
    /// Whether its sockets are such that a system call waits.
    const WAITS: bool;

    /// Takes a bound socket in.
    fn keep(&mut self, port: u16, socket: UdpSocket) -> io::Result<Self::Kept>;

    /// Closes it.
    fn close(&mut self, port: u16, kept: Self::Kept);
}

/// The ports of one worker. Each stream has two for each of its sides: RTP and RTCP, on the next port.
pub(super) struct Ports<K> {
    /// How many have a socket, how many of them rest, and how many may have one before those that rest are closed.
    open: usize,
    resting: usize,
    most: usize,
    /// The lowest port of all.
    first: u16,
    places: Vec<Place<K>>,
    /// Where each interface stands, and its ports.
    interfaces: Vec<(IpAddr, (u16, u16))>,
    buffer: Buffer,
}

struct Place<K> {
    kept: Option<K>,
    /// Whether a stream has it; otherwise it rests.
    taken: bool,
}

impl<K> Ports<K> {
    /// No sockets yet, and a place for each media port; so many sockets may be open, and each is asked to hold so much.
    pub(super) fn new(config: &Config<'_>, most: usize, buffer: Buffer) -> Self {
        let (first, last) = media_ports(config);
        let places = usize::from(last.saturating_sub(first)) + 2;
        Self {
            open: 0,
            resting: 0,
            most,
            first,
            places: core::iter::repeat_with(|| Place { kept: None, taken: false }).take(places).collect(),
            interfaces: config.interfaces.iter().map(|i| (i.address, i.media)).collect(),
            buffer,
        }
    }

    /// Opens RTP and RTCP at each of these ports, or none of them all.
    pub(super) fn open<H: Keeper<Kept = K>>(
        &mut self,
        keeper: &mut H,
        ports: &[u16],
    ) -> Result<(), OpenError> {
        for (opened, port) in both(ports).enumerate() {
            if let Err(error) = self.open_one(keeper, port) {
                both(ports).take(opened).for_each(|port| self.close_one(port));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Has what [`Ports::open`] opened rest.
    pub(super) fn close(&mut self, port: u16) {
        both(&[port]).for_each(|port| self.close_one(port));
    }

    /// What is kept for a port.
    pub(super) fn get(&self, port: u16) -> Option<&K> {
        self.place(port).and_then(|place| self.places.get(place)?.kept.as_ref())
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, port: u16) -> Option<&mut K> {
        self.place(port).and_then(|place| self.places.get_mut(place)?.kept.as_mut())
    }

    fn open_one<H: Keeper<Kept = K>>(&mut self, keeper: &mut H, port: u16) -> Result<(), OpenError> {
        let interface = self.interfaces.iter().find(|(_, (first, last))| (*first..=*last).contains(&port));
        let place = self.place(port).and_then(|place| self.places.get_mut(place));
        let address = SocketAddr::new(interface.map_or(NOWHERE, |(address, _)| *address), port);
        let failed = |source| OpenError { address, source };
        let Some(place) = place.filter(|_| interface.is_some()) else {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        };
        if place.taken {
            return Err(failed(io::ErrorKind::AddrInUse.into()));
        }
        if place.kept.is_some() {
            place.taken = true;
            self.resting -= 1;
            return Ok(());
        }
        if self.open >= self.most {
            self.let_go(keeper);
        }
        let buffer = self.buffer;
        let mut bind = || keeper.keep(port, bound::<H>(address, buffer)?);
        let kept = match bind() {
            Err(error) if lacks_files(&error) && self.let_go(keeper) => {
                keeper.keep(port, bound::<H>(address, buffer).map_err(failed)?)
            }
            kept => kept,
        };
        let kept = kept.map_err(failed)?;
        if let Some(place) = self.place(port).and_then(|place| self.places.get_mut(place)) {
            *place = Place { kept: Some(kept), taken: true };
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
    fn let_go(&mut self, keeper: &mut impl Keeper<Kept = K>) -> bool {
        if self.resting == 0 {
            return false;
        }
        for (port, place) in (self.first..).zip(&mut self.places).filter(|(_, place)| !place.taken) {
            if let Some(kept) = place.kept.take() {
                keeper.close(port, kept);
            }
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

/// A socket at a media port. What it is asked to hold is not asked for where the system gives that anyway: every system
/// call here is made four times a call.
fn bound<H: Keeper>(address: SocketAddr, buffer: Buffer) -> io::Result<UdpSocket> {
    let socket = if H::WAITS { waiting(address)? } else { not_waiting(address)? };
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    buffer.ask(&socket);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn waiting(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
}

#[cfg(target_os = "linux")]
fn not_waiting(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))
}

#[cfg(not(target_os = "linux"))]
fn not_waiting(address: SocketAddr) -> io::Result<Socket> {
    let socket = waiting(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback;

    /// Keeps them as they are.
    struct Shelf;

    impl Keeper for Shelf {
        type Kept = UdpSocket;
        const WAITS: bool = false;

        fn keep(&mut self, _: u16, socket: UdpSocket) -> io::Result<UdpSocket> {
            Ok(socket)
        }

        fn close(&mut self, _: u16, _: UdpSocket) {}
    }

    fn is_free(port: u16) -> bool {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    #[test]
    fn a_port_keeps_its_socket_while_there_is_room() {
        let ports = loopback::free_ports(12).expect("ports");
        let first = *ports.start();
        let loaded = loopback::busy(2, 30, ports, ([127, 0, 0, 2], 5080).into()).expect("it is sound");
        let mut sockets = Ports::new(&loaded.lend(), 4, Buffer::ENOUGH);
        let places = [first, first + 2, first + 4];
        sockets.open(&mut Shelf, &places[..2]).expect("they are free");
        assert!(sockets.open(&mut Shelf, &places[..1]).is_err(), "it is taken");
        sockets.close(places[0]);
        assert!(!is_free(first) && !is_free(first + 1), "it rests");
        sockets.close(places[0]);
        assert_eq!((sockets.open, sockets.resting), (4, 2));
        sockets.open(&mut Shelf, &places[..1]).expect("it is there");
        assert_eq!((sockets.open, sockets.resting), (4, 0));
        // More than there may be: what rests is closed.
        sockets.close(places[0]);
        sockets.open(&mut Shelf, &places[2..]).expect("it is free");
        assert!(is_free(first) && !is_free(first + 2) && !is_free(first + 4));
        assert_eq!((sockets.open, sockets.resting), (4, 0));
        // Streams come before all bounds.
        sockets.open(&mut Shelf, &places[..1]).expect("it is free");
        assert_eq!((sockets.open, sockets.resting), (6, 0));
        // Where one port cannot be had, the others are not left open.
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, first + 9)).expect("it is free");
        sockets.most = 12;
        sockets.close(places[0]);
        assert!(sockets.open(&mut Shelf, &[first + 6, first + 8]).is_err());
        assert!(!is_free(first), "another program's port is no want of files");
        drop(other);
        sockets.open(&mut Shelf, &[first + 6, first + 8]).expect("they are free");
    }
}
