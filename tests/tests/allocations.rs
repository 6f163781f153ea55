//! How often the whole program asks for memory while it carries calls, from socket to socket: its signalling, its
//! relay workers and its log, thread by thread. What core's part in it is, `rig_allocations` counts.
#![cfg(target_os = "linux")] // Threads are told apart by what /proc calls them.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;
use std::alloc::System;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::net::UdpSocket;
use std::time::Instant;

use warmline::{Node, Options, command, config};
use warmline_tests::Text;
use warmline_tests::sipp::{AI, PATIENCE, WARMLINE, ZENDESK, poll, ports};

/// Calls that are there at once.
const AT_ONCE: usize = 16;
/// RTP packets each way, when a call begins and again before it ends.
const PACKETS: u16 = 3;
/// Calls before counting starts, in which everything reaches its size.
const WARM_UP: u64 = 500;
/// Calls that are counted without a log, and with it.
const CALLS: u64 = 10_000;
const LOGGED: u64 = 2_000;
/// How long the counted calls may take, all together; what is not done by then is left out, and said.
const BUDGET: Duration = Duration::from_secs(50);

/// Threads that can be told apart.
const THREADS: usize = 64;
/// A thread that has asked for nothing yet, and one that is not counted.
const NEW: usize = usize::MAX;
const APART: usize = usize::MAX - 1;

static REQUESTS: [AtomicU64; THREADS] = [const { AtomicU64::new(0) }; THREADS];
static NUMBERS: [AtomicI32; THREADS] = [const { AtomicI32::new(0) }; THREADS];
static SEEN: AtomicUsize = AtomicUsize::new(0);
/// Bytes that counted threads hold more than they gave back.
static HELD: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static PLACE: Cell<usize> = const { Cell::new(NEW) };
}

/// Where this thread's requests are counted; none when they are not.
fn place() -> Option<usize> {
    let place = match PLACE.get() {
        NEW => {
            let place = SEEN.fetch_add(1, Relaxed).min(THREADS - 1);
            NUMBERS[place].store(rustix::thread::gettid().as_raw_nonzero().get(), Relaxed);
            PLACE.set(place);
            place
        }
        place => place,
    };
    (place != APART).then_some(place)
}

fn count(bytes: usize) {
    if let Some(place) = place() {
        REQUESTS[place].fetch_add(1, Relaxed);
        HELD.fetch_add(bytes as i64, Relaxed);
    }
}

fn give_back(bytes: usize) {
    if place().is_some() {
        HELD.fetch_sub(bytes as i64, Relaxed);
    }
}

struct Counting;

#[expect(unsafe_code, reason = "an allocator cannot be had without")]
// SAFETY: everything is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        give_back(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        give_back(layout.size());
        count(size);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_call_takes_a_handful_of_allocations_in_the_shell() {
    // What calls is not what is called.
    PLACE.set(APART);
    let (sip, zendesk) = (ports(2), ports(2));
    let loaded = config::parse("test", &configuration(sip, zendesk, ports(8 * AT_ONCE as u16)));
    let node = Node::start(loaded.expect("a sound configuration"), Options::default()).expect("it starts");
    let mut peers = Peers::new(SocketAddr::from((WARMLINE, sip)), zendesk);
    let mut end = Instant::now() + BUDGET * 3 / 4;
    peers.calls(WARM_UP, end);
    let quiet = measure("without a log", &mut peers, CALLS, end);

    let file = std::env::temp_dir().join(format!("warmline-tests-{}.log", std::process::id()));
    let written = File::create(&file).expect("a file can be made");
    let guard = command::log::start(written, false).expect("the log starts");
    end = Instant::now() + BUDGET / 4;
    peers.calls(WARM_UP, end);
    let logged = measure("with the log as users run it", &mut peers, LOGGED, end);

    let over = poll(PATIENCE, || node.snapshot().filter(|snapshot| snapshot.usage.calls == 0));
    let snapshot = over.expect("every call is over");
    assert!(snapshot.counters.iter().next().is_none(), "{snapshot}");
    drop((node, guard));
    let lines = std::fs::read_to_string(&file).expect("the log was written").lines().count() as u64;
    std::fs::remove_file(&file).expect("the log can be removed");
    assert!(lines >= 3 * (logged.calls + WARM_UP), "{lines} lines");
    assert!(quiet.total() <= quiet.calls / 100, "at most one in a hundred calls");
    assert!(
        logged.total() <= logged.calls * 4,
        "at most one for each line, of which a call has three, and some"
    );
    assert!(logged.total() > logged.calls, "the counter counts");
    assert!(quiet.grown.max(logged.grown) < 64 << 10, "memory does not grow");
}

/// What counted threads asked for during some calls.
struct Measured {
    calls: u64,
    requests: BTreeMap<String, u64>,
    grown: i64,
}

impl Measured {
    fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

fn measure(how: &str, peers: &mut Peers, calls: u64, end: Instant) -> Measured {
    let (before, held, started) = (requests(), HELD.load(Relaxed), Instant::now());
    let done = peers.calls(calls, end);
    let (after, grown) = (requests(), HELD.load(Relaxed) - held);
    let since = |(name, count): (&String, &u64)| (name.clone(), count - before.get(name).unwrap_or(&0));
    let measured = Measured { calls: done, requests: after.iter().map(since).collect(), grown };
    let each = |count: u64| count as f64 / done as f64;
    let threads = measured.requests.iter().map(|(name, &count)| format!("{name} {:.3}", each(count)));
    println!(
        "{how}: {done} calls{} in {:.1} s, the slowest {} ms, {} allocations, {:.3} a call ({}), {grown} bytes more held",
        if done < calls { format!(" (of {calls}: no time for more)") } else { String::new() },
        started.elapsed().as_secs_f32(),
        core::mem::take(&mut peers.slowest).as_millis(),
        measured.total(),
        each(measured.total()),
        threads.collect::<Vec<_>>().join(", "),
    );
    assert!(done >= calls / 10, "too slow to measure anything");
    measured
}

/// Requests so far by the name of the thread.
fn requests() -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for place in 0..SEEN.load(Relaxed).min(THREADS) {
        let number = NUMBERS[place].load(Relaxed);
        // One that has ended asks for nothing more.
        let name = std::fs::read_to_string(format!("/proc/self/task/{number}/comm"));
        let name = name.map_or_else(|_| "ended".to_owned(), |name| name.trim().to_owned());
        *all.entry(name).or_default() += REQUESTS[place].load(Relaxed);
    }
    all
}

/// An AI agent and a Zendesk, in one.
struct Peers {
    ai: Peer,
    zendesk: Peer,
    number: u64,
    /// The longest that a call took to begin and have its say.
    slowest: Duration,
}

/// One of them: where it signals, and where it takes RTP.
struct Peer {
    warmline: SocketAddr,
    at: SocketAddr,
    sip: UdpSocket,
    rtp: UdpSocket,
    /// So that Warmline's reports have somewhere to go.
    _rtcp: UdpSocket,
    said: u16,
    buffer: Box<[u8; 4096]>,
}

/// A call that is there, as its two ends know it.
struct Call {
    ai: End,
    zendesk: End,
}

struct End {
    /// Whom it sends its BYE to.
    contact: String,
    /// From, To and Call-ID as it writes them.
    dialog: String,
    call_id: String,
    /// Where it sends its RTP to.
    media: SocketAddr,
}

impl Peers {
    fn new(warmline: SocketAddr, zendesk: u16) -> Self {
        let (ai, zendesk) = (Peer::new(warmline, AI, ports(2)), Peer::new(warmline, ZENDESK, zendesk));
        Self { ai, zendesk, number: 0, slowest: Duration::ZERO }
    }

    /// Makes calls one after the other, each of which stays until [`AT_ONCE`] are there; none any more after `end`.
    /// Gives how many there were.
    fn calls(&mut self, calls: u64, end: Instant) -> u64 {
        let mut current = VecDeque::with_capacity(AT_ONCE);
        let mut begun = 0;
        while begun < calls && Instant::now() < end {
            let started = Instant::now();
            let call = self.begin();
            self.talk(&call);
            self.slowest = self.slowest.max(started.elapsed());
            current.push_back(call);
            begun += 1;
            if current.len() == AT_ONCE {
                current.pop_front().into_iter().for_each(|call| self.end(&call));
            }
        }
        current.iter().for_each(|call| self.end(call));
        begun
    }

    fn begin(&mut self) -> Call {
        self.number += 1;
        let (ai, number, warmline) = (self.ai.at, self.number, self.ai.warmline);
        let contact = format!("sip:support@{warmline}");
        let call_id = format!("{number}@ai");
        let (from, to) = (format!("<sip:+8210{number}@{ai}>;tag={number}"), format!("<{contact}>"));
        let dialog = dialog(&from, &to, &call_id);
        let more = format!("X-Zendesk-Ticket-Id: {number}\r\nContact: <sip:agent@{ai}>\r\n");
        self.ai.send(&request("INVITE", &contact, ai, &dialog, number, &more, &self.ai.session(0)));

        let ticket = number.to_string();
        let invite = self
            .zendesk
            .hear(|text| text.method() == "INVITE" && text.one("X-Zendesk-Ticket-Id") == Ok(ticket.as_str()));
        let invite = Text::parse(&invite).expect("it was read before");
        let ours = format!("{};tag=z{number}", invite.get("To").unwrap_or_default());
        let contact = format!("Contact: <sip:zendesk@{}>\r\n", self.zendesk.at);
        self.zendesk.send(&response("180 Ringing", &invite, &ours, &contact, ""));
        self.zendesk.send(&response("200 OK", &invite, &ours, &contact, &self.zendesk.session(8)));
        let zendesk = End::new(&invite, &ours, invite.get("From").unwrap_or_default());

        let answer = self.ai.hear(|text| {
            text.status() == Some(200)
                && text.get("Call-ID") == Some(&call_id)
                && text.get("CSeq") == Some("1 INVITE")
        });
        let answer = Text::parse(&answer).expect("it was read before");
        let ai = End::new(&answer, &from, answer.get("To").unwrap_or_default());
        self.ai.send(&request("ACK", &ai.contact, self.ai.at, &ai.dialog, number, "", ""));
        self.zendesk.hear(|text| text.method() == "ACK" && text.get("Call-ID") == Some(&zendesk.call_id));
        Call { ai, zendesk }
    }

    fn talk(&mut self, call: &Call) {
        for _ in 0..PACKETS {
            self.ai.say(call.ai.media, 0);
            self.zendesk.is_told(call.zendesk.media, 8);
            self.zendesk.say(call.zendesk.media, 8);
            self.ai.is_told(call.ai.media, 0);
        }
    }

    /// Talks once more; then one of them hangs up.
    fn end(&mut self, call: &Call) {
        self.talk(call);
        let (ai, zendesk) = ((&mut self.ai, &call.ai), (&mut self.zendesk, &call.zendesk));
        let (this, that) = if call.ai.media.port() % 4 == 0 { (ai, zendesk) } else { (zendesk, ai) };
        self.number += 1;
        this.0.send(&request("BYE", &this.1.contact, this.0.at, &this.1.dialog, self.number, "", ""));
        let bye = that.0.hear(|text| text.method() == "BYE" && text.get("Call-ID") == Some(&that.1.call_id));
        let bye = Text::parse(&bye).expect("it was read before");
        that.0.send(&response("200 OK", &bye, bye.get("To").unwrap_or_default(), "", ""));
        this.0.hear(|text| {
            text.status() == Some(200)
                && text.get("Call-ID") == Some(&this.1.call_id)
                && text.cseq().is_some_and(|(_, method)| method == "BYE")
        });
    }
}

impl Peer {
    fn new(warmline: SocketAddr, at: Ipv4Addr, port: u16) -> Self {
        let socket = |port| {
            let socket = UdpSocket::bind((at, port)).expect("a port that was free");
            socket.set_read_timeout(Some(PATIENCE)).expect("a time to wait");
            socket
        };
        let (sip, rtp) = (socket(port), ports(2));
        Self {
            warmline,
            at: (at, port).into(),
            sip,
            rtp: socket(rtp),
            _rtcp: socket(rtp + 1),
            said: 0,
            buffer: Box::new([0; 4096]),
        }
    }

    fn send(&self, message: &str) {
        self.sip.send_to(message.as_bytes(), self.warmline).expect("loopback takes it");
    }

    /// The next message that is wanted. Others are retransmissions, and what nobody waits for.
    fn hear(&mut self, wanted: impl Fn(&Text<'_>) -> bool) -> Vec<u8> {
        loop {
            let len = self.sip.recv(&mut self.buffer[..]).expect("a message");
            let bytes = &self.buffer[..len];
            let text = Text::parse(bytes).expect("what Warmline sends is right");
            assert!(text.status().is_none_or(|status| status < 300), "{text:?}");
            if wanted(&text) {
                return bytes.to_vec();
            }
        }
    }

    fn say(&mut self, to: SocketAddr, payload_type: u8) {
        let mut packet = [0x55; 172];
        packet[..2].copy_from_slice(&[0x80, payload_type]);
        packet[2..4].copy_from_slice(&self.said.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(self.said) * 160).to_be_bytes());
        packet[8..12].copy_from_slice(&[payload_type; 4]);
        self.said = self.said.wrapping_add(1);
        self.rtp.send_to(&packet, to).expect("loopback takes it");
    }

    fn is_told(&mut self, from: SocketAddr, payload_type: u8) {
        let (len, source) = self.rtp.recv_from(&mut self.buffer[..]).expect("a packet");
        assert_eq!((source, len, self.buffer[1] & 0x7f), (from, 172, payload_type));
    }

    /// A session of one law.
    fn session(&self, payload_type: u8) -> String {
        let (ip, port) = (self.at.ip(), self.rtp.local_addr().expect("an address").port());
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload_type}\r\n"
        )
    }
}

impl End {
    /// What the end that calls itself `ours` and its peer `theirs` learns from what the peer sent.
    fn new(text: &Text<'_>, ours: &str, theirs: &str) -> Self {
        let line =
            |start: &str| text.body.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
        let ip = line("c=IN IP4 ").parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let port = line("m=audio ").split(' ').next().and_then(|port| port.parse().ok()).unwrap_or(0);
        let call_id = text.get("Call-ID").unwrap_or_default().to_owned();
        Self {
            contact: text.address("Contact").unwrap_or_default().to_owned(),
            dialog: dialog(ours, theirs, &call_id),
            call_id,
            media: SocketAddr::from((ip, port)),
        }
    }
}

fn dialog(from: &str, to: &str, call_id: &str) -> String {
    format!("From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n")
}

fn request(
    method: &str,
    uri: &str,
    at: SocketAddr,
    dialog: &str,
    number: u64,
    more: &str,
    body: &str,
) -> String {
    let (head, cseq) = (format!("{method} {uri} SIP/2.0\r\n"), if method == "BYE" { 2 } else { 1 });
    let via = format!("Via: SIP/2.0/UDP {at};branch=z9hG4bK{method}{number}\r\nMax-Forwards: 70\r\n");
    format!("{head}{via}{dialog}CSeq: {cseq} {method}\r\n{more}{}", content(body))
}

fn response(status: &str, request: &Text<'_>, to: &str, more: &str, body: &str) -> String {
    let mut head = format!("SIP/2.0 {status}\r\nTo: {to}\r\n");
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        head += &format!("{name}: {}\r\n", request.get(name).unwrap_or_default());
    }
    format!("{head}{more}{}", content(body))
}

fn content(body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Room for twice the calls that are there at once, and no limit that they could meet.
fn configuration(sip: u16, zendesk: u16, media: u16) -> String {
    let (capacity, last) = (2 * AT_ONCE, media + 8 * AT_ONCE as u16 - 1);
    format!(
        r#"
[node]
name     = "allocations"
capacity = {capacity}

[[interface]]
name    = "loopback"
address = "{WARMLINE}"
listen  = ["udp:{sip}"]
media   = "{media}-{last}"

[limits]
new_calls = "3000/s"

[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["{AI}"]
media      = ["{AI}"]

[[trunk]]
name       = "zendesk"
kind       = "zendesk"
signalling = ["{ZENDESK}"]
media      = ["{ZENDESK}"]

[[target]]
name  = "zendesk-support"
trunk = "zendesk"
uri   = "sip:support@{ZENDESK}:{zendesk}"

[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{{ targets = ["zendesk-support"], for = "20s" }}]
"#
    )
}
