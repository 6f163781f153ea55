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

/// How many connections the system holds until they are accepted.
const BACKLOG: i32 = 256;

/// Bound sockets, in the order of the configuration's listeners.
pub(crate) struct Listeners {
    addresses: Vec<SocketAddr>,
    transports: Vec<Transport>,
    sockets: Vec<Bound>,
}

enum Bound {
    Datagrams(UdpSocket),
    Connections(std::net::TcpListener),
}

/// Where SIP is heard.
pub(super) enum Listener {
    /// A socket that is heard on, and sent from whether or not the runtime has looked at it yet.
    Datagrams { incoming: tokio::net::UdpSocket, outgoing: UdpSocket },
    /// One that connections come to; none once they are waited for.
    Connections(Option<tokio::net::TcpListener>),
}

impl Listener {
    /// The socket of datagrams.
    pub(super) fn incoming(&self) -> Option<&tokio::net::UdpSocket> {
        match self {
            Self::Datagrams { incoming, .. } => Some(incoming),
            Self::Connections(_) => None,
        }
    }
}

impl Listeners {
    /// Binds all of them. Where a port was left to the system, or had to move, `loaded` learns which it is.
    pub(crate) fn bind(loaded: &mut Loaded, next_free: bool) -> Result<Self, StartError> {
        let wanted: Vec<config::Socket> = loaded.sockets().collect();
        let mut bound = Self { addresses: Vec::new(), transports: Vec::new(), sockets: Vec::new() };
        for (number, socket) in (0u8..).zip(wanted) {
            let last = if next_free { socket.address.port().saturating_add(FURTHER) } else { 0 };
            let mut address = socket.address;
            let found = loop {
                match bind(address, socket.transport, socket.shared) {
                    Err(error) if error.kind() == ErrorKind::AddrInUse && address.port() < last => {
                        address.set_port(address.port() + 1);
                    }
                    result => break result.map_err(|error| refusal(address, error))?,
                }
            };
            let address = match &found {
                Bound::Datagrams(socket) => socket.local_addr(),
                Bound::Connections(socket) => socket.local_addr(),
            };
            let address = address.map_err(|error| refusal(socket.address, error))?;
            loaded.set_port(number, address.port());
            bound.addresses.push(address);
            bound.transports.push(socket.transport);
            bound.sockets.push(found);
        }
        Ok(bound)
    }

    /// Where they are bound.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What they carry, in the same order.
    pub(crate) fn transports(&self) -> &[Transport] {
        &self.transports
    }

    /// Hands them to the runtime it is called in.
    pub(super) fn listen(self) -> io::Result<Vec<Listener>> {
        let listen = |bound: Bound| match bound {
            Bound::Datagrams(outgoing) => {
                let incoming = tokio::net::UdpSocket::from_std(outgoing.try_clone()?)?;
                Ok(Listener::Datagrams { incoming, outgoing })
            }
            Bound::Connections(socket) => {
                tokio::net::TcpListener::from_std(socket).map(|socket| Listener::Connections(Some(socket)))
            }
        };
        self.sockets.into_iter().map(listen).collect()
    }
}

/// A socket that connections come to, beside those for SIP.
pub(crate) fn listen(address: SocketAddr) -> Result<std::net::TcpListener, StartError> {
    let listening = || {
        let socket = open(address, Type::STREAM, Protocol::TCP)?;
        // Connections of the node before us may linger at the port.
        socket.set_reuse_address(true)?;
        accepting(socket, address)
    };
    listening().map_err(|error| refusal(address, error))
}

fn bind(address: SocketAddr, transport: Transport, shared: bool) -> io::Result<Bound> {
    let (kind, protocol) = match transport {
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
        Transport::Tcp | Transport::Tls => (Type::STREAM, Protocol::TCP),
    };
    let socket = open(address, kind, protocol)?;
    // Connections of the node before us may linger at the port.
    if shared || transport.is_reliable() {
        socket.set_reuse_address(true)?;
    }
    if transport.is_reliable() {
        return accepting(socket, address).map(Bound::Connections);
    }
    // The system gives what it allows.
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    Ok(Bound::Datagrams(socket.into()))
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn accepting(socket: Socket, address: SocketAddr) -> io::Result<std::net::TcpListener> {
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
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
