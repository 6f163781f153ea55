//! How datagrams for many ports come to one socket: a program that the kernel asks whose each is (`BPF_PROG_TYPE_SK_LOOKUP`).
//!
//! It takes what is for a port that is open or rests with us, at the address of the port's interface, and gives it to the
//! socket of the port's worker. Everything else goes its usual way: other programs keep what is theirs. It is asked before
//! the kernel looks for a socket at the port, but after it has looked for one that is connected.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::ops::RangeInclusive;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, Socket, Type};
use warmline_core::config::Config;

use super::address;
use super::bpf::{self, Attached, Kind, Table};
use super::buffer::Buffer;
use super::program::program;
use crate::room::media_ports;

/// The program, in its place as long as this lives, and what it goes by.
#[derive(Debug)]
pub(crate) struct Steering {
    /// For each port from the first on, which of [`Steering::sockets`] it is for, plus one; zero where it is not ours.
    doors: Table,
    /// By interface and worker.
    table: Table,
    _program: Attached,
    ports: RangeInclusive<u16>,
    interfaces: Vec<(IpAddr, RangeInclusive<u16>)>,
    workers: u8,
    buffer: Buffer,
}

impl Steering {
    /// Puts a program in its place that leaves everything alone yet.
    pub(super) fn new(config: &Config<'_>, calls: usize) -> io::Result<Self> {
        let (first, last) = media_ports(config);
        let ports = first..=last;
        let interfaces: Vec<_> =
            config.interfaces.iter().map(|i| (i.address, i.media.0..=i.media.1)).collect();
        let workers = config.node.workers.max(1);
        let doors = Table::new(Kind::Array, u32::from(last - first) + 1)?;
        let sockets = interfaces.len() * usize::from(workers);
        let table = Table::new(Kind::Sockets, u32::try_from(sockets).unwrap_or(u32::MAX))?;
        let program = program(first, &interfaces, doors.number(), table.number());
        let program = Attached::new(&program)?;
        // A worker's share of the calls, each of which has two ways.
        let buffer = Buffer::of_streams(calls.div_ceil(workers.into()) * 2);
        Ok(Self { doors, table, _program: program, ports, interfaces, workers, buffer })
    }

    /// The sockets that hear for a worker's ports, one for each interface.
    pub(super) fn sockets(&self, worker: u8) -> io::Result<Vec<UdpSocket>> {
        let mut sockets = Vec::with_capacity(self.interfaces.len());
        for (number, (address, _)) in (0..).zip(&self.interfaces) {
            let socket = self.socket(*address)?;
            let file = socket.as_raw_fd().cast_unsigned();
            self.table.write(number * u32::from(self.workers) + u32::from(worker), file)?;
            sockets.push(socket);
        }
        Ok(sockets)
    }

    /// Has what comes to a port go to a worker, or its usual way.
    pub(super) fn steer(&self, port: u16, worker: Option<u8>) -> io::Result<()> {
        let place = port.checked_sub(*self.ports.start()).filter(|_| self.ports.contains(&port));
        let interface = (0..).zip(&self.interfaces).find(|(_, (_, ports))| ports.contains(&port));
        let (Some(place), Some((interface, _))) = (place, interface) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let socket = worker.map(|worker| interface * u32::from(self.workers) + u32::from(worker) + 1);
        self.doors.write(place.into(), socket.unwrap_or(0))
    }

    /// A socket for what is sent to an interface, whatever its port. It is bound where nothing comes by itself, as the
    /// kernel takes only bound ones into a table: on loopback, at no media port.
    fn socket(&self, interface: IpAddr) -> io::Result<UdpSocket> {
        let home: IpAddr = match interface {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let socket = Socket::new(Domain::for_address((home, 0).into()), Type::DGRAM, Some(Protocol::UDP))?;
        self.buffer.ask(&socket);
        if home.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        bpf::tell_destination(&socket, home.is_ipv6())?;
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for port in (1024..=u16::MAX).rev().filter(|port| !self.ports.contains(port)) {
            match socket.bind(&SocketAddr::new(home, port).into()) {
                Ok(()) => return Ok(socket.into()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// The port that a datagram was sent to, by what the kernel says beside it (`IP_ORIGDSTADDR`, `IPV6_ORIGDSTADDR`).
pub(super) fn destination(control: &[u8]) -> Option<u16> {
    address::read(control.get(size_of::<libc::cmsghdr>()..)?).map(|address| address.port())
}
