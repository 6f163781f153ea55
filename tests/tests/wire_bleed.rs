//! Strangers at the media ports of a running node, as in the published RTP Bleed and RTP Inject attacks: they hear nothing,
//! are not heard, and nobody hears of them. And whoever really is behind NAT is found.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::{JoinHandle, spawn};

use warmline_tests::board::{Request, answer, status};
use warmline_tests::sipp::{
    AI, Cast, PATIENCE, STRANGER, Scenario, Stage, WARMLINE, ZENDESK, poll, ports, sipp_is_missing,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

const CALLS: u16 = 8;

/// Media ports.
const PORTS: u16 = 100;

#[test]
fn who_sprays_every_media_port_hears_nothing_and_is_not_heard() {
    if sipp_is_missing("who_sprays_every_media_port_hears_nothing_and_is_not_heard") {
        return;
    }
    let (mut stage, media) = set("");
    // A third party's address, and both peers' own with ports that they did not name.
    let sprayers = [STRANGER, AI, ZENDESK].map(|from| Sprayer::start(from, media));
    let all_rounds = |rounds: u64| {
        let since: Vec<_> = sprayers.iter().map(Sprayer::rounds).collect();
        let done = || sprayers.iter().zip(&since).all(|(sprayer, since)| sprayer.rounds() >= since + rounds);
        assert!(poll(PATIENCE, || done().then_some(())).is_some(), "the sprayers are stuck");
    };
    all_rounds(3);
    let mut talk = stage.cast.talk(CALLS, AI, 300);
    let many = |name, at| Scenario { calls: CALLS, every: 100, lasting: 10_000, ..Scenario::once(name, at) };
    let target = stage.cast.answer(many("zendesk_answers", ZENDESK), &talk.targets());
    let caller = stage.cast.play(many("ai_calls", AI), &talk.callers());
    // Every packet is heard, in its order, with its content, and no other.
    talk.hold(PATIENCE);
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    talk.end(PATIENCE);
    all_rounds(3);
    for sprayer in sprayers {
        let (from, sent, heard) = sprayer.end();
        println!("{from}: {sent} datagrams sent, {heard} came back");
        assert_eq!(heard, 0, "{from} of {sent}");
    }
    let log = stage.stop();
    for side in ["Caller's audio: 300 packets, 0 lost, ", "target's: 300 packets, 0 lost, "] {
        assert_eq!(log.matches(side).count(), usize::from(CALLS), "{log}");
    }
    // Of each leg it is said once.
    let said = log.matches("learn = true").count();
    assert_eq!(said, 2 * usize::from(CALLS), "{log}");
}

#[test]
fn who_is_behind_nat_is_found_and_answered_there() {
    let (mut stage, _) = set("learn = true");
    let socket = |from: Ipv4Addr| {
        let socket = UdpSocket::bind((from, 0)).expect("there are ports");
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a socket that does not wait for ever");
        socket
    };
    let (caller, caller_rtp, target_rtp) = (socket(AI), socket(AI), socket(ZENDESK));
    let target = UdpSocket::bind(stage.cast.zendesk).expect("nobody is there");
    target.set_read_timeout(Some(PATIENCE)).expect("a socket that does not wait for ever");
    let sip = SocketAddr::from(stage.cast.sip);
    let uri = format!("sip:support@{sip}");
    // Who is behind NAT names an address that is not to be reached.
    let sdp =
        "v=0\r\no=- 1 1 IN IP4 10.9.8.7\r\ns=-\r\nc=IN IP4 10.9.8.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let invite = Request::new("INVITE", &uri, at(&caller)).text("nat", 0);
    let body = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
    let invite = invite.replace("Content-Length: 0\r\n\r\n", &body);
    caller.send_to(invite.as_bytes(), sip).expect("it can be sent");
    let mut buffer = [0; 4096];
    let len = target.recv(&mut buffer).expect("it is rung");
    let offered = port_in(&buffer[..len]);
    let ok = answer(&buffer[..len], 200, Some(at(&target))).expect("an INVITE has all of it");
    let ok =
        String::from_utf8(ok).expect("text").replace(" 30000 ", &format!(" {:05} ", at(&target_rtp).port()));
    target.send_to(ok.as_bytes(), sip).expect("it can be sent");
    let ours = poll(PATIENCE, || {
        let len = caller.recv(&mut buffer).ok()?;
        (status(&buffer[..len])? == 200).then(|| port_in(&buffer[..len]))
    });
    let ours = ours.expect("it is answered");
    // The target is heard by the caller where that speaks from, though no description says so.
    let mut sequence = 0u16;
    let heard = poll(PATIENCE, || {
        sequence += 1;
        let packet = |payload_type| {
            let mut packet = vec![0x80, payload_type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
            packet.resize(172, 0xd5);
            packet
        };
        caller_rtp.send_to(&packet(0), (WARMLINE, ours)).expect("it can be sent");
        target_rtp.send_to(&packet(8), (WARMLINE, offered)).expect("it can be sent");
        let mut bytes = [0; 200];
        let (len, from) = caller_rtp.recv_from(&mut bytes).ok()?;
        Some((len, from.port()))
    });
    assert_eq!(heard, Some((172, ours)), "{}", stage.warmline.written());
    let log = stage.stop();
    let said = format!("audio of trunk ai comes from {}, its SDP says 10.9.8.7:4000", at(&caller_rtp));
    assert_eq!(log.matches(&said).count(), 1, "{log}");
}

/// Sends what looks like audio, like reports and like nothing to every media port, over and over.
struct Sprayer {
    from: Ipv4Addr,
    ends: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    /// How much was sent, and how much came back.
    thread: JoinHandle<(u64, u64)>,
}

impl Sprayer {
    fn start(from: Ipv4Addr, media: u16) -> Self {
        let (ends, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (end, round) = (Arc::clone(&ends), Arc::clone(&rounds));
        let socket = UdpSocket::bind((from, 0)).expect("there are ports");
        socket
            .set_read_timeout(Some(Duration::from_micros(100)))
            .expect("a socket that does not wait for ever");
        let thread = spawn(move || {
            let (mut sent, mut heard, mut bytes) = (0, 0, [0; 2048]);
            let mut count = || loop {
                // Where nobody is any more, that shows as an error, and is no datagram.
                match socket.recv(&mut bytes) {
                    Ok(_) => heard += 1,
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                    Err(_) => return,
                }
            };
            while !end.load(Ordering::Relaxed) {
                let number = round.load(Ordering::Relaxed);
                for port in media..media + PORTS {
                    let [high, low] = (number as u16).to_be_bytes();
                    let mut rtp = vec![0x80, [0, 8, 101, 13][number as usize % 4], high, low];
                    rtp.extend([0, 0, high, low, 0xba, 0xdc, 0x0f, 0xfe]);
                    rtp.resize(172, 0x2a);
                    let rtcp = [0x80, 201, 0, 1, 0xba, 0xdc, 0x0f, 0xfe];
                    for datagram in [&rtp[..], &rtcp, b"hello"] {
                        // A buffer that is full drops.
                        sent += u64::from(socket.send_to(datagram, (WARMLINE, port)).is_ok());
                    }
                    count();
                }
                round.fetch_add(1, Ordering::Relaxed);
            }
            count();
            (sent, heard)
        });
        Self { from, ends, rounds, thread }
    }

    fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    fn end(self) -> (Ipv4Addr, u64, u64) {
        self.ends.store(true, Ordering::Relaxed);
        let (sent, heard) = self.thread.join().expect("it sends");
        (self.from, sent, heard)
    }
}

fn at(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().expect("it is bound")
}

/// The port of a message's audio section.
fn port_in(message: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(message);
    let line = text.lines().find_map(|line| line.strip_prefix("m=audio "));
    line.and_then(|line| line.split(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no audio in {text}"))
}

/// A running node with so many media ports, and the first of these. `more` stands with the AI trunk.
fn set(more: &str) -> (Stage, u16) {
    let sip = SocketAddrV4::new(WARMLINE, ports(2));
    let zendesk = SocketAddrV4::new(ZENDESK, ports(2));
    let media = ports(PORTS);
    let configuration = format!(
        r#"
[node]
name     = "sprayed"
capacity = 16
[[interface]]
name    = "loopback"
address = "{WARMLINE}"
listen  = ["udp:{port}"]
media   = "{media}-{last}"
[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["{AI}"]
media      = ["{AI}"]
{more}
[[trunk]]
name       = "zendesk"
kind       = "zendesk"
signalling = ["{ZENDESK}"]
media      = ["{ZENDESK}"]
[[target]]
name  = "zendesk"
trunk = "zendesk"
uri   = "sip:support@{zendesk}"
[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{{ targets = ["zendesk"] }}]
"#,
        port = sip.port(),
        last = media + PORTS - 1,
    );
    (Stage::open(PROGRAM, &["--grace", "0s"], Cast::new(sip, zendesk), &configuration), media)
}
