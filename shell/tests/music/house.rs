//! A running node: an agent who calls, a caller's telephone that it is put through to, and a third one to whom it is
//! handed over, which rings.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Instant;

use warmline::{Node, Options, config};

use super::phone::{Phone, header};

/// A file of the house's.
pub(crate) const MUSIC: &str = "music.wav";

/// What the house is like.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) music: Option<&'static str>,
    pub(crate) country: &'static str,
    pub(crate) calls: usize,
}

impl Default for Setting {
    fn default() -> Self {
        Self { music: None, country: "", calls: 10 }
    }
}

pub(crate) struct House {
    node: Node,
    runtime: tokio::runtime::Runtime,
    folder: PathBuf,
    third_at: SocketAddr,
    desk_at: SocketAddr,
    media: u16,
    pub(crate) agent: Phone,
    pub(crate) caller: Phone,
    pub(crate) third: Phone,
    agent_rtp: UdpSocket,
    caller_rtp: UdpSocket,
}

/// A packet, and when it came.
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) at: Instant,
}

impl Packet {
    pub(crate) fn seq(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    pub(crate) fn timestamp(&self) -> u32 {
        u32::from_be_bytes(self.bytes[4..8].try_into().expect("four bytes"))
    }

    pub(crate) fn ssrc(&self) -> u32 {
        u32::from_be_bytes(self.bytes[8..12].try_into().expect("four bytes"))
    }
}

/// The samples of a file: 8 kHz, not alike anywhere, and no whole number of packets.
pub(crate) fn samples(name: &str) -> Vec<i16> {
    let mut state = name.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 20) as i16
    };
    (0..4_567).map(next).collect()
}

pub(crate) fn wav(samples: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

/// A socket that waits, and has room for a second of 500 callers' packets.
pub(crate) fn rtp(ip: [u8; 4]) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::from((ip, 0))).expect("a socket on loopback");
    socket2::SockRef::from(&socket).set_recv_buffer_size(32 << 20).expect("room");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time to wait");
    socket
}

/// Media ports that nobody has now, for so many calls.
pub(crate) fn media(calls: usize) -> (u16, u16) {
    let pairs = u16::try_from(calls * 4 + 32).expect("few calls");
    let start = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    (0..60u16)
        .map(|turn| 10_000 + (start.wrapping_add(turn * 977) % 20_000) / 2 * 2)
        .find(|first| {
            (*first..first + 2 * pairs).step_by(64).all(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok())
        })
        .map(|first| (first, first + 2 * pairs - 1))
        .expect("ports")
}

impl House {
    pub(crate) fn open(setting: Setting) -> Self {
        let folder = std::env::temp_dir().join(format!(
            "warmline-music-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        fs::create_dir_all(&folder).expect("a folder");
        for name in [MUSIC, "other.wav"] {
            fs::write(folder.join(name), wav(&samples(name))).expect("a file");
        }
        let (agent_rtp, caller_rtp) = (rtp([127, 0, 0, 1]), rtp([127, 0, 0, 2]));
        let port = |socket: &UdpSocket| socket.local_addr().expect("an address").port();
        let mut agent = Phone::new([127, 0, 0, 1], port(&agent_rtp));
        let mut caller = Phone::new([127, 0, 0, 2], port(&caller_rtp));
        let mut third = Phone::new([127, 0, 0, 2], 40_000);
        let (first, _) = media(setting.calls);
        let (desk_at, third_at) = (caller.at(), third.at());
        let text = written(setting, first, desk_at, third_at);
        let file = folder.join("warmline.toml");
        fs::write(&file, text).expect("a file");
        let loaded = config::load(&file).expect("a sound configuration");
        let node = Node::start(loaded, Options { next_free_port: true, ..Options::default() })
            .expect("a node starts");
        let address = node.addresses()[0];
        [&mut agent, &mut caller, &mut third].into_iter().for_each(|phone| phone.node = address);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let media = first;
        Self { node, runtime, folder, third_at, desk_at, media, agent, caller, third, agent_rtp, caller_rtp }
    }

    pub(crate) fn reload(&self, setting: Setting) {
        let file = self.folder.join("warmline.toml");
        fs::write(&file, written(setting, self.media, self.desk_at, self.third_at)).expect("a file");
        let loaded = config::load(&file).expect("a sound configuration");
        self.runtime.block_on(self.node.reload(loaded)).expect("it is reloaded");
    }

    /// The agent calls, and is put through: what the node's answer was.
    pub(crate) fn connect(&self, number: usize) -> String {
        self.agent.invite("desk", number);
        let rings = self.caller.hear("INVITE");
        self.caller.respond(&rings, "200 OK", &self.caller.sdp());
        let answer = self.agent.hear("SIP/2.0 200");
        self.agent.ack(&answer);
        self.caller.hear("ACK");
        answer
    }

    /// The agent hands its call over.
    pub(crate) fn refer(&self, answer: &str) {
        self.agent.refer(answer, "third");
        self.agent.hear("SIP/2.0 202");
    }

    pub(crate) fn caller_rtp(&self) -> Packet {
        read(&self.caller_rtp)
    }

    pub(crate) fn agent_rtp(&self) -> Packet {
        read(&self.agent_rtp)
    }

    /// Waits until the caller hears something, or nothing.
    pub(crate) fn hears(&self, is: impl Fn(&[u8]) -> bool, what: &str) {
        self.caller_rtp.set_read_timeout(Some(Duration::from_millis(300))).expect("a time to wait");
        let until = Instant::now() + Duration::from_secs(10);
        let mut bytes = [0; 2048];
        loop {
            let len = self.caller_rtp.recv(&mut bytes).unwrap_or(0);
            if is(bytes[..len].get(12..).unwrap_or_default()) {
                break;
            }
            assert!(Instant::now() < until, "{what}");
        }
        self.caller_rtp.set_read_timeout(Some(Duration::from_secs(10))).expect("a time to wait");
    }

    /// Forgets what came so far.
    pub(crate) fn rest(&self) {
        self.caller_rtp.set_nonblocking(true).expect("it is ours");
        while self.caller_rtp.recv(&mut [0; 2048]).is_ok() {}
        self.caller_rtp.set_nonblocking(false).expect("it is ours");
    }
}

fn read(socket: &UdpSocket) -> Packet {
    let mut bytes = vec![0; 2048];
    let len = socket.recv(&mut bytes).expect("there is audio");
    let at = Instant::now();
    bytes.truncate(len);
    Packet { bytes, at }
}

fn written(setting: Setting, first: u16, desk: SocketAddr, third: SocketAddr) -> String {
    let pairs = u16::try_from(setting.calls * 4 + 32).expect("few calls");
    // All of them have three legs at once, and there is room for half as many.
    let (last, capacity) = (first + 2 * pairs - 1, setting.calls * 2);
    let music = setting.music.map_or_else(String::new, |name| format!("music = \"{name}\"\n"));
    let country = match setting.country {
        "" => String::new(),
        country => format!("country = \"{country}\"\n"),
    };
    format!(
        r#"[node]
capacity = {capacity}
{country}[[interface]]
name    = "loopback"
address = "127.0.0.1"
listen  = ["udp:5060"]
media   = "{first}-{last}"
[limits]
new_calls = "1000/s"
[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["127.0.0.1"]
media      = ["127.0.0.1"]
[[trunk]]
name       = "desk"
kind       = "carrier"
signalling = ["127.0.0.2"]
media      = ["127.0.0.2"]
[[target]]
name  = "desk"
trunk = "desk"
uri   = "sip:desk@{desk}"
[[target]]
name  = "third"
trunk = "desk"
uri   = "sip:third@{third}"
[[line]]
name = "desk"
dial = ["desk"]
from = ["ai"]
ring = [{{ targets = ["desk"], for = "30s" }}]
[[line]]
name = "third"
dial = ["third"]
from = ["ai"]
ring = [{{ targets = ["third"], for = "10m" }}]
{music}"#
    )
}

/// How late each packet came, in order of that: against the one of its source that was on time most.
pub(crate) fn lateness(arrivals: &[(u32, u32, Duration)]) -> Vec<Duration> {
    let mut sources: HashMap<u32, (u32, Vec<i64>)> = HashMap::new();
    for (ssrc, timestamp, at) in arrivals {
        let (first, late) = sources.entry(*ssrc).or_insert((*timestamp, Vec::new()));
        let due = i64::from(timestamp.wrapping_sub(*first) as i32) * 125;
        late.push(i64::try_from(at.as_micros()).expect("a minute") - due);
    }
    let mut all: Vec<_> = sources
        .into_values()
        .flat_map(|(_, late)| {
            let least = late.iter().copied().min().unwrap_or(0);
            late.into_iter().map(move |late| Duration::from_micros((late - least).unsigned_abs()))
        })
        .collect();
    all.sort_unstable();
    all
}

/// The To of an answer, with the tag that its sender gave.
pub(crate) fn to(answer: &str) -> &str {
    header(answer, "To")
}
