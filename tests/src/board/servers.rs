//! The servers that a board may need on its network, as small as can be: DHCP (RFC 2131), DNS (RFC 1035) and SNTP (RFC
//! 4330).

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::{JoinHandle, spawn};

use socket2::{Domain, Protocol, Socket, Type};

use super::lane::{BOARD, Lane, RESOLVER};

/// How long a server listens before it looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(20);

/// The ports of DHCP's two sides, of DNS and of NTP.
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DNS: u16 = 53;
const NTP: u16 = 123;

/// What DHCP's options begin with.
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Where they begin.
const OPTIONS: usize = 240;

/// A running server. It ends with the test.
#[derive(Debug)]
pub struct Server {
    answered: Arc<AtomicU32>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Leases the board its usual address, for so long, with the lane's resolver to ask.
    ///
    /// # Panics
    /// When there is no socket for it.
    pub fn dhcp(lane: &Lane, lasting: Duration) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
        // Each lane has a server at this port.
        socket.bind_device(Some(lane.device().as_bytes())).expect("a socket of one device");
        socket.set_reuse_address(true).expect("a socket beside others");
        socket.set_broadcast(true).expect("a socket for everybody");
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, DHCP_SERVER).into()).expect("the port is free");
        let [board, resolver] = [BOARD, RESOLVER].map(|last| lane.address(last));
        let lasting = u32::try_from(lasting.as_secs()).expect("a lease of less than a century");
        Self::start(socket.into(), move |question| {
            let reply = lease(question, board, resolver, lasting)?;
            Some((SocketAddr::from((Ipv4Addr::BROADCAST, DHCP_CLIENT)), reply))
        })
    }

    /// Tells the lane's hosts where `name` is; of others it says that there are none.
    ///
    /// # Panics
    /// When there is no socket for it.
    pub fn dns(lane: &Lane, name: &str, address: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind((lane.address(RESOLVER), DNS)).expect("the port is free");
        let labels = name.split('.').flat_map(|label| {
            let len = u8::try_from(label.len()).expect("a label of a name");
            core::iter::once(len).chain(label.bytes())
        });
        let name: Vec<u8> = labels.chain([0]).collect();
        Self::start(socket, move |question| {
            resolve(question, &name, address).map(|reply| (question.from, reply))
        })
    }

    /// Tells the lane's hosts that it is so many seconds since 1970, whenever they ask.
    ///
    /// # Panics
    /// When there is no socket for it.
    pub fn ntp(lane: &Lane, seconds: u64) -> Self {
        let socket = UdpSocket::bind((lane.address(RESOLVER), NTP)).expect("the port is free");
        let since_1900 = u32::try_from(seconds + 2_208_988_800).expect("a time before 2036");
        Self::start(socket, move |question| {
            let asked = question.bytes.get(..48).filter(|asked| asked[0] == 0x23)?;
            let mut reply = [0; 48];
            (reply[0], reply[1]) = (0x24, 2);
            reply[24..32].copy_from_slice(&asked[40..]);
            reply[40..44].copy_from_slice(&since_1900.to_be_bytes());
            Some((question.from, reply.to_vec()))
        })
    }

    /// How many questions it has answered.
    pub fn answered(&self) -> u32 {
        self.answered.load(Ordering::Relaxed)
    }

    fn start(
        socket: UdpSocket,
        answer: impl Fn(&Question<'_>) -> Option<(SocketAddr, Vec<u8>)> + Send + 'static,
    ) -> Self {
        socket.set_read_timeout(Some(GLANCE)).expect("a socket that does not wait for ever");
        let (answered, ends) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, end) = (Arc::clone(&answered), Arc::clone(&ends));
        let thread = spawn(move || {
            let mut buffer = [0; 1500];
            while !end.load(Ordering::Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
                let Some((to, reply)) = answer(&Question { from, bytes: &buffer[..len] }) else { continue };
                socket.send_to(&reply, to).expect("an answer can be sent");
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { answered, ends, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Whether it fell is seen in what it did not answer.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What came to a server.
#[derive(Clone, Copy, Debug)]
struct Question<'a> {
    from: SocketAddr,
    bytes: &'a [u8],
}

/// An offer for a DISCOVER, and leave for a REQUEST.
fn lease(question: &Question<'_>, address: Ipv4Addr, server: Ipv4Addr, lasting: u32) -> Option<Vec<u8>> {
    let (asked, options) = question.bytes.split_at_checked(OPTIONS)?;
    let wanted = asked[0] == 1 && asked[236..] == COOKIE;
    let kind = match option(options, 53).filter(|_| wanted)? {
        [1] => 2,
        [3] => 5,
        _ => return None,
    };
    let mut reply = asked.to_vec();
    reply[0] = 2;
    reply[16..20].copy_from_slice(&address.octets());
    reply[20..24].copy_from_slice(&server.octets());
    for (code, value) in [
        (53, &[kind][..]),
        (54, &server.octets()),
        (51, &lasting.to_be_bytes()),
        (1, &[255, 255, 255, 0]),
        (6, &server.octets()),
    ] {
        reply.extend([code, value.len() as u8]);
        reply.extend(value);
    }
    reply.push(255);
    Some(reply)
}

/// The value of a DHCP option.
fn option(mut options: &[u8], code: u8) -> Option<&[u8]> {
    loop {
        let (&found, rest) = options.split_first().filter(|(found, _)| **found != 255)?;
        if found == 0 {
            options = rest;
            continue;
        }
        let (&len, rest) = rest.split_first()?;
        let (value, rest) = rest.split_at_checked(usize::from(len))?;
        if found == code {
            return Some(value);
        }
        options = rest;
    }
}

/// The address for a question for that name, and that there is none for any other.
fn resolve(question: &Question<'_>, name: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let (header, asked) = question.bytes.split_first_chunk::<12>()?;
    let known = asked
        .get(..name.len() + 4)
        .filter(|asked| asked.starts_with(name) && asked[name.len()..] == [0, 1, 0, 1]);
    let (flags, answers) = if known.is_some() { ([0x81, 0x80], 1) } else { ([0x81, 0x83], 0) };
    let mut reply = vec![header[0], header[1], flags[0], flags[1], 0, 1, 0, answers, 0, 0, 0, 0];
    reply.extend(asked);
    if known.is_some() {
        // The name as it stands in the question; a record for a minute.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}
