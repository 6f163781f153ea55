//! A DNS server on loopback, as small as can be: what it says can be changed while it runs.

use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const NAPTR: u16 = 35;

/// What is said of a name and kind; of others, that there is no such name.
#[derive(Clone, Debug)]
enum Reply {
    Records(u32, Vec<Vec<u8>>),
    Code(u8),
    Silence,
}

#[derive(Default)]
struct Zone {
    replies: HashMap<(String, u16), Reply>,
    /// What was asked.
    asked: Vec<(String, u16)>,
}

/// A running server. It ends with the test.
pub(super) struct Server {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a socket that does not wait for ever");
        let address = socket.local_addr().expect("an address");
        let (zone, ends) = (Arc::new(Mutex::new(Zone::default())), Arc::new(AtomicBool::new(false)));
        let (told, end) = (Arc::clone(&zone), Arc::clone(&ends));
        let thread = spawn(move || {
            let mut buffer = [0; 1500];
            while !end.load(Ordering::Relaxed) {
                let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
                if let Some(reply) = answer(&mut told.lock().expect("nobody fell"), &buffer[..len]) {
                    socket.send_to(&reply, from).expect("an answer can be sent");
                }
            }
        });
        Self { address, zone, ends, thread: Some(thread) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    fn says(&self, name: &str, kind: u16, reply: Reply) {
        self.zone.lock().expect("nobody fell").replies.insert((name.to_owned(), kind), reply);
    }

    /// The name has these addresses, for so many seconds.
    pub(super) fn addresses(&self, name: &str, ttl: u32, addresses: &[&str]) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        let v4 = |ip: &IpAddr| match ip {
            IpAddr::V4(ip) => Some(ip.octets().to_vec()),
            IpAddr::V6(_) => None,
        };
        let v6 = |ip: &IpAddr| match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => Some(ip.octets().to_vec()),
        };
        self.says(name, A, Reply::Records(ttl, addresses.iter().filter_map(v4).collect()));
        self.says(name, AAAA, Reply::Records(ttl, addresses.iter().filter_map(v6).collect()));
    }

    /// The name has these servers: priority, weight, port and name of each.
    pub(super) fn servers(&self, name: &str, servers: &[(u16, u16, u16, &str)]) {
        let record = |&(priority, weight, port, target): &(u16, u16, u16, &str)| {
            let mut record: Vec<u8> = [priority, weight, port].iter().flat_map(|n| n.to_be_bytes()).collect();
            record.extend(labels(target));
            record
        };
        self.says(name, SRV, Reply::Records(300, servers.iter().map(record).collect()));
    }

    /// The name has these services: order, preference, flags, services and replacement of each.
    pub(super) fn services(&self, name: &str, services: &[(u16, u16, &str, &str, &str)]) {
        let record = |&(order, preference, flags, services, replacement): &(u16, u16, &str, &str, &str)| {
            let mut record: Vec<u8> = [order, preference].iter().flat_map(|n| n.to_be_bytes()).collect();
            for text in [flags, services, ""] {
                record.push(text.len() as u8);
                record.extend(text.bytes());
            }
            record.extend(labels(replacement));
            record
        };
        self.says(name, NAPTR, Reply::Records(300, services.iter().map(record).collect()));
    }

    /// It cannot say which servers the name has.
    pub(super) fn fails_of_servers(&self, name: &str) {
        self.says(name, SRV, Reply::Code(2));
    }

    /// It cannot say which addresses the name has.
    pub(super) fn fails_of_addresses(&self, name: &str) {
        self.says(name, A, Reply::Code(2));
    }

    /// It says nothing about addresses of the name.
    pub(super) fn is_silent_of_addresses(&self, name: &str) {
        self.says(name, A, Reply::Silence);
    }

    /// The kinds of records that were asked for.
    pub(super) fn asked(&self) -> Vec<(String, u16)> {
        self.zone.lock().expect("nobody fell").asked.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Whether it fell is seen in what it did not answer.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A name as it stands in a message.
fn labels(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    labels.flat_map(|label| core::iter::once(label.len() as u8).chain(label.bytes())).chain([0]).collect()
}

fn answer(zone: &mut Zone, question: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = question.split_first_chunk::<12>()?;
    let mut name = Vec::new();
    loop {
        let (&len, after) = rest.split_first()?;
        let (label, after) = after.split_at_checked(len.into())?;
        rest = after;
        if len == 0 {
            break;
        }
        name.push(String::from_utf8_lossy(label).to_lowercase());
    }
    let kind = u16::from_be_bytes(*rest.first_chunk()?);
    let key = (name.join("."), kind);
    zone.asked.push(key.clone());
    let (code, ttl, records) = match zone.replies.get(&key).cloned().unwrap_or(Reply::Code(3)) {
        Reply::Records(ttl, records) => (0, ttl, records),
        Reply::Code(code) => (code, 0, Vec::new()),
        Reply::Silence => return None,
    };
    let asked = question.get(12..question.len() - rest.len() + 4)?;
    let mut reply = vec![header[0], header[1], 0x81, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0];
    reply.extend(asked);
    for record in records {
        // The name as it stands in the question.
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(ttl.to_be_bytes());
        reply.extend((record.len() as u16).to_be_bytes());
        reply.extend(record);
    }
    Some(reply)
}
