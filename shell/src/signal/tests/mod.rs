//! Names, with a DNS server of our own.

mod dns;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration as Span;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use warmline_core::config::TargetIndex;
use warmline_core::filter::lookup;
use warmline_core::locate::Found;
use warmline_core::memory::Id;
use warmline_core::time::{Duration, Instant};
use warmline_core::transport::Transport;
use warmline_core::{About, Question};

use super::lookups::Lookups;
use super::resolver::{Answer, Resolver, Wanted, What};
use super::{Ask, Asks};
use crate::config::{self, Loaded};
use crate::{Node, Options};
use dns::Server;

fn wanted(host: &str) -> Wanted {
    Wanted { host: host.to_owned(), port: None, transport: Transport::Udp, ipv6: false, what: What::Servers }
}

async fn ask(server: &Server, wanted: &Wanted) -> Answer {
    Resolver::new(&[server.address()], Span::ZERO).look_up(wanted).await
}

/// What was found: address, priority, weight and server of each.
fn found(answer: &Answer) -> Vec<(String, u16, u16, u8)> {
    let (Answer::Found(found, _) | Answer::Failed(_, found)) = answer else { panic!("{answer:?}") };
    found.iter().map(|f| (f.address.to_string(), f.priority, f.weight, f.server)).collect()
}

fn one(address: &str, priority: u16, weight: u16, server: u8) -> (String, u16, u16, u8) {
    (address.to_owned(), priority, weight, server)
}

#[tokio::test]
async fn naptr_leads_to_srv_and_srv_to_addresses() {
    let server = Server::start();
    server.services(
        "acme.example",
        &[
            (10, 1, "s", "SIPS+D2T", "_sips._tcp.acme.example"),
            (20, 1, "S", "sip+d2u", "_sip._udp.elsewhere.example"),
        ],
    );
    server.servers("_sip._udp.acme.example", &[(1, 1, 5099, "wrong.example")]);
    server.servers(
        "_sip._udp.elsewhere.example",
        &[(20, 0, 5080, "c.example"), (10, 30, 5060, "a.example"), (10, 70, 5070, "b.example")],
    );
    server.addresses("a.example", 300, &["192.0.2.1", "192.0.2.2"]);
    server.addresses("b.example", 200, &["192.0.2.3", "2001:db8::3"]);
    server.addresses("c.example", 300, &["192.0.2.4"]);
    let answer = ask(&server, &wanted("acme.example")).await;
    assert_eq!(
        found(&answer),
        [
            one("192.0.2.3:5070", 10, 70, 0),
            one("192.0.2.1:5060", 10, 30, 1),
            one("192.0.2.2:5060", 10, 30, 1),
            one("192.0.2.4:5080", 20, 0, 2),
        ]
    );
    let Answer::Found(_, rest) = answer else { panic!("{answer:?}") };
    assert!(rest > Span::from_secs(100) && rest <= Span::from_secs(200), "{rest:?}");
    assert!(!server.asked().iter().any(|(name, _)| name == "wrong.example"));
}

#[tokio::test]
async fn srv_alone_does() {
    let server = Server::start();
    server.servers("_sips._tcp.acme.example", &[(10, 0, 5061, "a.example"), (5, 0, 443, "none.example")]);
    server.addresses("a.example", 300, &["192.0.2.1"]);
    server.addresses("acme.example", 300, &["192.0.2.99"]);
    let tls = Wanted { transport: Transport::Tls, ..wanted("acme.example") };
    assert_eq!(found(&ask(&server, &tls).await), [one("192.0.2.1:5061", 10, 0, 1)]);
    // A range has the host's own address too.
    let range = Wanted { what: What::Everything, ..tls };
    assert_eq!(
        found(&ask(&server, &range).await),
        [one("192.0.2.1:5061", 10, 0, 1), one("192.0.2.99:5061", 0, 0, 0)]
    );
}

#[tokio::test]
async fn addresses_alone_do_and_with_a_port_nothing_else_is_asked() {
    let server = Server::start();
    server.addresses("acme.example", 300, &["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    let answer = ask(&server, &wanted("acme.example")).await;
    assert_eq!(found(&answer), [one("192.0.2.1:5060", 0, 0, 0), one("192.0.2.2:5060", 0, 0, 0)]);
    let six = Wanted { ipv6: true, ..wanted("acme.example") };
    assert_eq!(found(&ask(&server, &six).await), [one("[2001:db8::1]:5060", 0, 0, 0)]);

    let server = Server::start();
    server.addresses("acme.example", 300, &["192.0.2.1"]);
    server.servers("_sip._udp.acme.example", &[(1, 1, 5099, "wrong.example")]);
    let port = Wanted { port: Some(5082), ..wanted("acme.example") };
    assert_eq!(found(&ask(&server, &port).await), [one("192.0.2.1:5082", 0, 0, 0)]);
    assert_eq!(server.asked(), [("acme.example".to_owned(), 1)]);
}

#[tokio::test]
async fn no_such_name_is_an_answer_and_so_is_a_service_that_is_not_there() {
    let server = Server::start();
    let answer = ask(&server, &wanted("acme.example")).await;
    assert!(matches!(answer, Answer::Nothing(_)), "{answer:?}");
    server.servers("_sip._udp.acme.example", &[(0, 0, 0, "")]);
    server.addresses("acme.example", 300, &["192.0.2.1"]);
    let answer = ask(&server, &wanted("acme.example")).await;
    assert!(matches!(answer, Answer::Nothing(_)), "{answer:?}");
}

#[tokio::test]
async fn failures_are_told_apart_from_no_such_name() {
    let server = Server::start();
    server.fails_of_addresses("acme.example");
    let answer = ask(&server, &wanted("acme.example")).await;
    assert!(matches!(&answer, Answer::Failed(_, found) if found.is_empty()), "{answer:?}");
    // Its own addresses are better than none.
    let server = Server::start();
    server.fails_of_servers("_sip._udp.acme.example");
    server.addresses("acme.example", 300, &["192.0.2.1"]);
    let answer = ask(&server, &wanted("acme.example")).await;
    assert!(matches!(answer, Answer::Failed(..)), "{answer:?}");
    assert_eq!(found(&answer), [one("192.0.2.1:5060", 0, 0, 0)]);
}

#[tokio::test]
async fn silence_ends_before_core_gives_up() {
    let server = Server::start();
    server.is_silent_of_addresses("acme.example");
    let answer = tokio::time::timeout(Span::from_millis(4900), ask(&server, &wanted("acme.example"))).await;
    let answer = answer.expect("core waits for 5 s");
    assert!(matches!(&answer, Answer::Failed(_, found) if found.is_empty()), "{answer:?}");
}

/// Two targets at one name, one at an address, and a trunk that is known by a name.
const NAMES: &str = r#"
[[interface]]
name = "loopback"
address = "127.0.0.1"
listen = ["udp:5060"]
media = "20000-29999"
[[trunk]]
name = "peer"
kind = "ai"
signalling = ["127.0.0.1", "dns:peer.example"]
media = ["127.0.0.0/8"]
[[trunk]]
name = "other"
kind = "carrier"
signalling = ["127.0.0.9"]
media = ["127.0.0.0/8"]
[[target]]
name = "a"
trunk = "peer"
uri = "sip:a@acme.example"
[[target]]
name = "b"
trunk = "peer"
uri = "sip:b@ACME.example"
[[target]]
name = "c"
trunk = "peer"
uri = "sip:c@127.0.0.1:5090"
[[line]]
name = "support"
dial = ["support"]
from = ["peer", "other"]
ring = [{ targets = ["a", "b", "c"] }]
"#;

struct Desk {
    lookups: Lookups,
    loaded: Loaded,
    asked: Receiver<Ask>,
}

impl Desk {
    fn new(server: &Server) -> Self {
        let (queue, asked) = std::sync::mpsc::channel();
        let asks = Asks { queue, bell: Arc::default() };
        let mut lookups = Lookups::new(Resolver::new(&[server.address()], Span::ZERO), asks);
        let loaded = config::parse("names", NAMES).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let loaded = lookups.follow(loaded);
        Self { lookups, loaded, asked }
    }

    /// Takes what a lookup says, as if DNS had said it.
    fn hear(&mut self, wanted: Wanted, answer: Answer, secs: u64) -> usize {
        let heard = self.lookups.found(&self.loaded, &Arc::new(wanted), answer, at(secs));
        if let Some(loaded) = heard.1 {
            self.loaded = loaded;
        }
        heard.0.len()
    }

    fn ask(&mut self, target: u16, secs: u64) -> bool {
        self.lookups
            .ask(Question { about: About::Call(Id::from_bits(1)), target: TargetIndex(target) }, at(secs))
    }

    fn known(&self, target: u16, secs: u64) -> Vec<SocketAddr> {
        let found = self.lookups.addresses(TargetIndex(target), at(secs));
        found.iter().map(|found| found.address).collect()
    }

    fn trunk_of(&self, ip: &str) -> Option<u16> {
        lookup(self.loaded.lend().sources, 0, ip.parse().expect("an address"))
    }
}

fn at(secs: u64) -> Instant {
    Instant::ZERO.after(Duration::from_secs(secs))
}

fn some(addresses: &[&str]) -> Answer {
    let found = |text: &&str| Found::at(SocketAddr::new(text.parse::<IpAddr>().expect("an address"), 5060));
    Answer::Found(addresses.iter().map(found).collect(), Span::from_secs(60))
}

fn failure() -> Answer {
    Answer::Failed("it is dark".to_owned(), Vec::new())
}

fn range() -> Wanted {
    Wanted { what: What::Everything, ..wanted("peer.example") }
}

#[tokio::test]
async fn names_are_looked_up_at_the_start_and_again_when_they_are_old() {
    let server = Server::start();
    server.addresses("acme.example", 1, &["192.0.2.1"]);
    let desk = Desk::new(&server);
    let mut heard = Vec::new();
    let deadline = tokio::time::Instant::now() + Span::from_secs(20);
    while tokio::time::Instant::now() < deadline && heard.last() != Some(&"192.0.2.2:5060".to_owned()) {
        tokio::time::sleep(Span::from_millis(20)).await;
        while let Ok(Ask::Found { wanted, answer }) = desk.asked.try_recv() {
            if wanted.host == "acme.example" {
                heard.extend(found(&answer).into_iter().map(|found| found.0));
                server.addresses("acme.example", 1, &["192.0.2.2"]);
            }
        }
    }
    assert!(heard.len() >= 2 && heard[0] == "192.0.2.1:5060", "{heard:?}");
    assert_eq!(heard.last().map(String::as_str), Some("192.0.2.2:5060"));
}

#[tokio::test]
async fn an_old_answer_serves_while_dns_is_down_but_not_for_ever() {
    let mut desk = Desk::new(&Server::start());
    // Nothing is known: both targets wait for the one lookup.
    assert!(!desk.ask(0, 1) && !desk.ask(1, 1) && desk.ask(2, 1));
    assert_eq!(desk.hear(wanted("acme.example"), some(&["192.0.2.1"]), 2), 2);
    let known: Vec<SocketAddr> = vec![([192, 0, 2, 1], 5060).into()];
    assert_eq!((desk.known(0, 2), desk.known(1, 2)), (known.clone(), known.clone()));
    assert_eq!(desk.hear(wanted("acme.example"), failure(), 70), 0);
    assert!(desk.ask(0, 70) && desk.known(0, 3_600) == known);
    // A minute and an hour later.
    assert!(desk.known(0, 3_663).is_empty() && !desk.ask(0, 3_663));
    assert_eq!(desk.hear(wanted("acme.example"), failure(), 3_665), 1);
    assert!(desk.known(0, 3_665).is_empty());
    // That there is none is believed, and said at once.
    desk.hear(wanted("acme.example"), some(&["192.0.2.1"]), 3_700);
    desk.hear(wanted("acme.example"), Answer::Nothing(Span::from_secs(30)), 3_710);
    assert!(desk.ask(0, 3_711) && desk.known(0, 3_711).is_empty());
}

#[tokio::test]
async fn ranges_follow_their_names() {
    let mut desk = Desk::new(&Server::start());
    assert_eq!((desk.trunk_of("127.0.0.3"), desk.trunk_of("127.0.0.1")), (None, Some(0)));
    desk.hear(range(), some(&["127.0.0.3", "127.0.0.4", "0.0.0.0"]), 1);
    assert_eq!((desk.trunk_of("127.0.0.3"), desk.trunk_of("127.0.0.4")), (Some(0), Some(0)));
    assert_eq!(desk.trunk_of("0.0.0.0"), None);
    // A failure changes nothing, however long it lasts, and neither does that there is no such name.
    desk.hear(range(), failure(), 100_000);
    desk.hear(range(), Answer::Nothing(Span::from_secs(30)), 200_000);
    assert_eq!(desk.trunk_of("127.0.0.4"), Some(0));
    // Another address: the one that is gone is known for some time.
    desk.hear(range(), some(&["127.0.0.3", "127.0.0.4"]), 300_000);
    desk.hear(range(), some(&["127.0.0.4", "127.0.0.5"]), 300_100);
    assert_eq!((desk.trunk_of("127.0.0.3"), desk.trunk_of("127.0.0.5")), (Some(0), Some(0)));
    desk.hear(range(), some(&["127.0.0.5", "127.0.0.4"]), 300_700);
    assert_eq!((desk.trunk_of("127.0.0.3"), desk.trunk_of("127.0.0.5")), (None, Some(0)));
    assert_eq!(desk.trunk_of("127.0.0.1"), Some(0));
}

#[tokio::test]
async fn a_name_that_leads_to_another_trunk_is_left_as_it_was() {
    let mut desk = Desk::new(&Server::start());
    desk.hear(range(), some(&["127.0.0.3"]), 1);
    desk.hear(range(), some(&["127.0.0.4", "127.0.0.9"]), 61);
    assert_eq!((desk.trunk_of("127.0.0.3"), desk.trunk_of("127.0.0.4")), (Some(0), None));
    assert_eq!(desk.trunk_of("127.0.0.9"), Some(1));
    desk.hear(range(), some(&["127.0.0.4"]), 121);
    assert_eq!(desk.trunk_of("127.0.0.4"), Some(0));
}

/// Whether a node answers OPTIONS from there.
fn answers(node: &Node, from: [u8; 4]) -> bool {
    let socket = UdpSocket::bind(SocketAddr::from((from, 0))).expect("a socket on loopback");
    socket.set_read_timeout(Some(Span::from_millis(100))).expect("a time to wait");
    let (to, from) = (node.addresses()[0], socket.local_addr().expect("an address"));
    let text = format!(
        "OPTIONS sip:warmline@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{};rport\r\n\
         From: <sip:a@{from}>;tag=1\r\nTo: <sip:warmline@{to}>\r\nCall-ID: {from}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        from.port()
    );
    socket.send_to(text.as_bytes(), to).expect("loopback takes it");
    socket.recv_from(&mut [0; 2048]).is_ok()
}

#[test]
fn a_node_lets_in_who_is_known_by_name() {
    let server = Server::start();
    server.addresses("peer.example", 60, &["127.0.0.3"]);
    let text = format!("{NAMES}[dns]\nservers = [\"{}\"]\n", server.address());
    let mut loaded = config::parse("names", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    loaded.set_port(0, 0);
    let node = Node::start(loaded, Options::default()).expect("a node starts");
    assert!((0..100).any(|_| answers(&node, [127, 0, 0, 3])));
    assert!(answers(&node, [127, 0, 0, 1]) && !answers(&node, [127, 0, 0, 4]));
}
