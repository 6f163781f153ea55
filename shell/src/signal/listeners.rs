//! The sockets SIP is heard on.

use core::net::SocketAddr;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;

use socket2::{Domain, Protocol, Socket, Type};
use warmline_core::transport::Transport;

use crate::config::{self, Loaded};
use crate::node::StartError;

/// How many further ports are tried for one that is taken.
const FURTHER: u16 = 200;

/// What a socket is asked to hold until signalling comes to it: some 1,500 messages.
const RECEIVE_BUFFER: usize = 2 << 20;

/// Bound sockets, in the order of the configuration's listeners.
pub(crate) struct Listeners {
    addresses: Vec<SocketAddr>,
    sockets: Vec<UdpSocket>,
}

/// A socket that is heard on, and sent from whether or not the runtime has looked at it yet.
pub(super) struct Listener {
    pub(super) incoming: tokio::net::UdpSocket,
    pub(super) outgoing: UdpSocket,
}

impl Listeners {
    /// Binds all of them. Where a port was left to the system, or had to move, `loaded` learns which it is.
    pub(crate) fn bind(loaded: &mut Loaded, next_free: bool) -> Result<Self, StartError> {
        let wanted: Vec<config::Socket> = loaded.sockets().collect();
        let mut bound = Self { addresses: Vec::new(), sockets: Vec::new() };
        for (number, socket) in (0u8..).zip(wanted) {
            if socket.transport != Transport::Udp {
                return Err(StartError::Transport(socket.address));
            }
            let last = if next_free { socket.address.port().saturating_add(FURTHER) } else { 0 };
            let mut address = socket.address;
            let udp = loop {
                match bind(address, socket.shared) {
                    Err(error) if error.kind() == ErrorKind::AddrInUse && address.port() < last => {
                        address.set_port(address.port() + 1);
                    }
                    result => break result.map_err(|error| refusal(address, error))?,
                }
            };
            let address = udp.local_addr().map_err(|error| refusal(address, error))?;
            loaded.set_port(number, address.port());
            bound.addresses.push(address);
            bound.sockets.push(udp);
        }
        Ok(bound)
    }

    /// Where they are bound.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Hands them to the runtime it is called in.
    pub(super) fn listen(self) -> io::Result<Vec<Listener>> {
        let listen = |outgoing: UdpSocket| {
            let incoming = tokio::net::UdpSocket::from_std(outgoing.try_clone()?)?;
            Ok(Listener { incoming, outgoing })
        };
        self.sockets.into_iter().map(listen).collect()
    }
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if shared {
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    // The system gives what it allows.
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn refusal(address: SocketAddr, source: io::Error) -> StartError {
    match source.kind() {
        ErrorKind::AddrInUse => StartError::Taken(address),
        ErrorKind::AddrNotAvailable => StartError::NotOurs(address),
        ErrorKind::PermissionDenied => StartError::Denied(address),
        _ => StartError::Listen { address, source },
    }
}
