//! Workers over each backend that this machine allows. What it does not allow is said by name.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::ops::RangeInclusive;
use core::time::Duration;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Instant;

use mio::{Poll, Waker};
use tokio::sync::Notify;
use warmline_core::g711::Law;
use warmline_core::reason::Reason;
use warmline_core::relay::{Control, Peer, Report, Side, StreamId};
use warmline_core::rtp::{Direction, Format, Profile};

use super::{Backend, Chosen, Handle, Reports, WAKER};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::loopback;
use crate::node::Alarm;

const PATIENCE: Duration = Duration::from_secs(20);

const ANSWERED: Duration = Duration::from_millis(50);

/// A worker with media ports of its own.
struct Scene {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    reports: Receiver<Report>,
    ports: RangeInclusive<u16>,
    address: IpAddr,
}

/// A configuration with these media ports, and its backend; none, and said so, where this machine does not allow that.
fn chosen(
    backend: Backend,
    address: IpAddr,
    spin: u64,
    ports: &RangeInclusive<u16>,
    more: &str,
) -> Option<(Arc<Loaded>, Chosen)> {
    let (first, last) = (ports.start(), ports.end());
    let text = format!(
        r#"
[node]
capacity = 5
[[interface]]
name = "loop"
address = "{address}"
media = "{first}-{last}"
{more}
[media]
workers = 1
backend = "{backend}"
spin = "{spin}us"
[[trunk]]
name = "peer"
kind = "ai"
interface = "loop"
signalling = ["{address}"]
media = ["{address}"]
[[target]]
name = "peer"
trunk = "peer"
uri = "sip:peer@example.com"
[[line]]
name = "line"
dial = ["line"]
from = ["peer"]
ring = [{{ targets = ["peer"], for = "20s" }}]
"#
    );
    let loaded = Arc::new(config::parse("a scene", &text).unwrap_or_else(|mistakes| panic!("{mistakes}")));
    match Chosen::new(&loaded) {
        Ok(chosen) => Some((loaded, chosen)),
        Err(unavailable) => {
            println!("not run over {backend}: {unavailable}");
            None
        }
    }
}

impl Scene {
    /// Over a backend; none, and said so, where this machine does not allow it.
    fn set(backend: Backend, address: IpAddr, spin: u64, sockets: usize) -> Option<Self> {
        Self::set_with(backend, address, spin, sockets, "")
    }

    /// With `more` interfaces beside.
    fn set_with(backend: Backend, address: IpAddr, spin: u64, sockets: usize, more: &str) -> Option<Self> {
        let ports = loopback::free_ports(20).expect("ports");
        let (loaded, chosen) = chosen(backend, address, spin, &ports, more)?;
        let (reporting, reports) = Reports::new(8, Arc::default());
        let alarm = Alarm(Arc::new(Notify::new()));
        let (handle, thread) =
            super::start(0, loaded, chosen, Clock::start(), reporting, sockets, alarm).expect("it starts");
        Some(Self { handle, thread: Some(thread), reports, ports, address })
    }

    fn port(&self, number: u16) -> u16 {
        self.ports.start() + number
    }

    fn at(&self, number: u16) -> SocketAddr {
        SocketAddr::new(self.address, self.port(number))
    }

    fn tell(&self, control: Control) {
        assert!(self.handle.control(control));
        self.handle.wake();
    }

    /// What is reported next.
    fn told(&self) -> Report {
        self.reports.recv_timeout(PATIENCE).expect("a report")
    }

    /// Opens a stream at these of the ports, between two peers.
    fn open(&self, index: u32, numbers: [u16; 2], peers: [&UdpSocket; 2]) {
        let stream = StreamId { index, generation: 1 };
        self.tell(Control::Open { stream, ports: numbers.map(|number| self.port(number)) });
        assert_eq!(self.told(), Report::Opened { stream });
        for (side, peer) in [Side::A, Side::B].into_iter().zip(peers) {
            self.tell(Control::Point { stream, side, peer: peer_at(peer.local_addr().expect("an address")) });
        }
    }

    fn close(&self, index: u32) {
        let stream = StreamId { index, generation: 1 };
        self.tell(Control::Close { stream });
        assert!(matches!(self.told(), Report::Closed { stream: closed, .. } if closed == stream));
    }

    /// Somebody at this interface.
    fn socket(&self) -> UdpSocket {
        let socket = UdpSocket::bind(SocketAddr::new(self.address, 0)).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time to wait");
        socket
    }

    /// Waits until so many datagrams were taken.
    fn taken(&self, count: u64) {
        let since = Instant::now();
        loop {
            let received = self.handle.traffic().expect("it runs").received;
            if received >= count {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{received} of {count}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn is_free(&self, number: u16) -> bool {
        UdpSocket::bind(self.at(number)).is_ok()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn peer_at(rtp: SocketAddr) -> Peer {
    let format = Format::fixed(Law::Mu);
    let profile = Profile {
        send: format,
        receive: [Some(format), None],
        event_send: None,
        event_receive: None,
        noise: None,
        ptime: 20,
    };
    let rtcp = SocketAddr::new(rtp.ip(), 9);
    Peer::new(rtp, rtcp, profile, Direction::SendRecv)
}

/// 20 ms of audio, all of it this byte.
fn packet(seq: u16, audio: u8) -> [u8; 172] {
    let mut packet = [audio; 172];
    let timestamp = u32::from(seq) * 160;
    packet[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet[2..4].copy_from_slice(&seq.to_be_bytes());
    packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
    packet
}

/// The audio of the next packet, and where it is from.
fn heard(socket: &UdpSocket) -> (u8, SocketAddr) {
    let mut packet = [0; 2048];
    let (len, from) = socket.recv_from(&mut packet).expect("a packet");
    assert_eq!((len, packet[12]), (172, packet[171]));
    (packet[12], from)
}

fn on_each(spin: u64, play: impl Fn(Scene)) {
    for backend in Backend::ALL {
        for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            if let Some(scene) = Scene::set(backend, address, spin, 1000) {
                println!("over {backend} at {address}");
                play(scene);
            }
        }
    }
}

/// Orders are looked at between waiting and receiving: whoever rings after that has rung for the next time.
#[test]
fn who_rings_between_orders_and_packets_is_heard() {
    for backend in Backend::ALL {
        // The kernel interrupts a thread that had a ring while it clears that away.
        std::thread::spawn(move || rings_between(backend)).join().expect("it is heard");
    }
}

fn rings_between(backend: Backend) {
    let ports = loopback::free_ports(20).expect("ports");
    let chosen = chosen(backend, Ipv4Addr::LOCALHOST.into(), 0, &ports, "");
    let Some((loaded, chosen)) = chosen else { return };
    let poll = Poll::new().expect("a poll");
    let waker = Waker::new(poll.registry(), WAKER).expect("a waker");
    let mut plane = chosen.plane(&loaded.lend(), 0, poll, 8).expect("a plane");
    for _ in 0..3 {
        waker.wake().expect("it rings");
        let since = Instant::now();
        plane.wait(Some(PATIENCE)).expect("it waits");
        assert!(since.elapsed() < PATIENCE, "{backend}: nobody heard it ring");
        waker.wake().expect("it rings");
        assert!(!plane.receive(|_, _, _, _| None));
        plane.wait(Some(PATIENCE)).expect("it waits");
        assert!(since.elapsed() < PATIENCE, "{backend}: nobody heard it ring again");
        plane.receive(|_, _, _, _| None);
        // And then it is quiet.
        let since = Instant::now();
        plane.wait(Some(ANSWERED)).expect("it waits");
        let quiet = since.elapsed();
        assert!(quiet > ANSWERED / 2, "{backend}: it rings for ever: {quiet:?}");
    }
}

#[test]
fn packets_go_both_ways_from_the_port_they_are_for() {
    for spin in [0, 200] {
        on_each(spin, |scene| {
            let [a, b] = [scene.socket(), scene.socket()];
            scene.open(0, [0, 2], [&a, &b]);
            for seq in 0..100 {
                a.send_to(&packet(seq, 7), scene.at(0)).expect("loopback");
                assert_eq!(heard(&b), (7, scene.at(2)));
                b.send_to(&packet(seq, 9), scene.at(2)).expect("loopback");
                assert_eq!(heard(&a), (9, scene.at(0)));
            }
            let traffic = scene.handle.traffic().expect("it runs");
            assert_eq!((traffic.streams, traffic.received, traffic.unsent), (1, 200, 0));
            assert_eq!(traffic.sent, 200);
        });
    }
}

#[test]
fn a_burst_over_many_streams_is_relayed_whole() {
    on_each(0, |scene| {
        let pairs = [0, 1, 2, 3].map(|_| [scene.socket(), scene.socket()]);
        for (index, [a, b]) in (0..).zip(&pairs) {
            scene.open(index, [index as u16 * 4, index as u16 * 4 + 2], [a, b]);
        }
        // Twice as many as there are buffers; what finds no room in a socket would be lost by the system.
        for round in 0..16 {
            for seq in 0..32 {
                for (number, [a, b]) in (0..).zip(&pairs) {
                    a.send_to(&packet(round * 32 + seq, number), scene.at(u16::from(number) * 4))
                        .expect("loopback");
                    b.send_to(&packet(round * 32 + seq, number), scene.at(u16::from(number) * 4 + 2))
                        .expect("loopback");
                }
            }
            for (number, pair) in (0..).zip(&pairs) {
                for socket in pair {
                    (0..32).for_each(|_| assert_eq!(heard(socket).0, number));
                }
            }
        }
        let traffic = scene.handle.traffic().expect("it runs");
        assert_eq!((traffic.received, traffic.sent, traffic.unsent), (4096, 4096, 0));
    });
}

#[test]
fn a_port_that_rests_takes_and_answers_nothing() {
    on_each(0, |scene| {
        let [a, b] = [scene.socket(), scene.socket()];
        scene.open(0, [0, 2], [&a, &b]);
        scene.close(0);
        assert!(!scene.is_free(0) && !scene.is_free(1), "nobody else may have it");
        let before = scene.handle.traffic().expect("it runs").received;
        // One that is connected hears of ICMP.
        let stranger = scene.socket();
        for number in 0..4 {
            stranger.connect(scene.at(number)).expect("loopback");
            stranger.send(&packet(1, 1)).expect("loopback");
            scene.taken(before + 1 + u64::from(number));
            stranger.set_read_timeout(Some(ANSWERED)).expect("a time to wait");
            let answer = stranger.recv(&mut [0; 64]).expect_err("nothing");
            assert_eq!(answer.kind(), std::io::ErrorKind::WouldBlock, "{answer}");
        }
        let traffic = scene.handle.traffic().expect("it runs");
        assert_eq!(traffic.dropped.get(Reason::PortClosed), 4);
        // And it is used again.
        scene.tell(Control::Open {
            stream: StreamId { index: 0, generation: 2 },
            ports: [scene.port(0), scene.port(2)],
        });
        assert!(matches!(scene.told(), Report::Opened { .. }));
    });
}

#[test]
fn a_port_that_another_program_has_is_not_opened_and_stays_its() {
    on_each(0, |scene| {
        let other = UdpSocket::bind(scene.at(3)).expect("a free port");
        other.set_read_timeout(Some(PATIENCE)).expect("a time to wait");
        let stream = StreamId { index: 0, generation: 1 };
        scene.tell(Control::Open { stream, ports: [scene.port(0), scene.port(2)] });
        assert_eq!(scene.told(), Report::Failed { stream });
        scene.socket().send_to(b"for the other", scene.at(3)).expect("loopback");
        assert_eq!(other.recv(&mut [0; 64]).expect("it hears"), 13);
    });
}

#[test]
fn what_nobody_hears_changes_nothing() {
    on_each(0, |scene| {
        let [a, b] = [scene.socket(), scene.socket()];
        let gone = scene.socket().local_addr().expect("an address");
        scene.open(0, [0, 2], [&a, &b]);
        let stream = StreamId { index: 0, generation: 1 };
        scene.tell(Control::Point { stream, side: Side::B, peer: peer_at(gone) });
        // ICMP comes back for each.
        for seq in 0..20 {
            a.send_to(&packet(seq, 1), scene.at(0)).expect("loopback");
        }
        scene.taken(20);
        scene.tell(Control::Point {
            stream,
            side: Side::B,
            peer: peer_at(b.local_addr().expect("an address")),
        });
        scene.handle.traffic().expect("it runs");
        a.send_to(&packet(20, 2), scene.at(0)).expect("loopback");
        assert_eq!(heard(&b).0, 2);
        // Far too long for audio.
        a.send_to(&[0x80; 4000], scene.at(0)).expect("loopback");
        scene.taken(22);
        a.send_to(&[], scene.at(0)).expect("loopback");
        scene.taken(23);
        a.send_to(&packet(21, 3), scene.at(0)).expect("loopback");
        assert_eq!(heard(&b).0, 3);
        assert_eq!(scene.handle.traffic().expect("it runs").unsent, 1);
    });
}

#[test]
fn a_worker_ends_with_packets_on_their_way_and_leaves_its_ports() {
    on_each(0, |mut scene| {
        let [a, b] = [scene.socket(), scene.socket()];
        scene.open(0, [0, 2], [&a, &b]);
        let target = scene.at(0);
        let flood = std::thread::spawn(move || {
            for seq in 0..20_000 {
                if a.send_to(&packet(seq, 1), target).is_err() {
                    break;
                }
            }
        });
        scene.taken(100);
        scene.handle.stop();
        scene.thread.take().expect("it runs").join().expect("it ends");
        assert!((0..4).all(|number| scene.is_free(number)), "its ports are free at once");
        flood.join().expect("it ends");
    });
}

#[test]
fn ports_that_rest_give_way_where_there_are_no_more_sockets() {
    for backend in Backend::ALL {
        let Some(scene) = Scene::set(backend, Ipv4Addr::LOCALHOST.into(), 0, 4) else { continue };
        let [a, b] = [scene.socket(), scene.socket()];
        for round in 0..20 {
            let index = round % 5;
            let numbers = [index as u16 * 4, index as u16 * 4 + 2];
            let stream = StreamId { index, generation: round };
            scene.tell(Control::Open { stream, ports: numbers.map(|number| scene.port(number)) });
            assert_eq!(scene.told(), Report::Opened { stream }, "{backend}");
            for (side, peer) in [(Side::A, &a), (Side::B, &b)] {
                scene.tell(Control::Point {
                    stream,
                    side,
                    peer: peer_at(peer.local_addr().expect("an address")),
                });
            }
            scene.handle.traffic().expect("it runs");
            a.send_to(&packet(1, round as u8), scene.at(numbers[0])).expect("loopback");
            assert_eq!(heard(&b).0, round as u8, "{backend}");
            scene.tell(Control::Close { stream });
            assert!(matches!(scene.told(), Report::Closed { .. }));
        }
    }
}

#[test]
fn one_side_may_speak_ipv4_and_the_other_ipv6() {
    for backend in Backend::ALL {
        let six = loopback::free_ports(20).expect("ports");
        let (first, last) = (six.start(), six.end());
        let more = format!("[[interface]]\nname = \"six\"\naddress = \"::1\"\nmedia = \"{first}-{last}\"\n");
        let four = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let Some(scene) = Scene::set_with(backend, four, 0, 1000, &more) else { continue };
        println!("over {backend}");
        let a = scene.socket();
        let b = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("a socket");
        b.set_read_timeout(Some(PATIENCE)).expect("a time to wait");
        let stream = StreamId { index: 0, generation: 1 };
        scene.tell(Control::Open { stream, ports: [scene.port(0), *first] });
        assert_eq!(scene.told(), Report::Opened { stream });
        for (side, socket) in [(Side::A, &a), (Side::B, &b)] {
            let peer = peer_at(socket.local_addr().expect("an address"));
            scene.tell(Control::Point { stream, side, peer });
        }
        let there = SocketAddr::from((Ipv6Addr::LOCALHOST, *first));
        for seq in 0..50 {
            a.send_to(&packet(seq, 7), scene.at(0)).expect("loopback");
            assert_eq!(heard(&b), (7, there));
            b.send_to(&packet(seq, 9), there).expect("loopback");
            assert_eq!(heard(&a), (9, scene.at(0)));
        }
        scene.close(0);
    }
}
