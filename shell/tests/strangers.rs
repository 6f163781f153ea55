//! A node over real sockets: who is answered, and who is not.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::UdpSocket;

use warmline::{Node, Options, StartError, config};
use warmline_core::reason::Reason;

/// A node on loopback, at a port that the system chose.
fn start() -> Node {
    let mut loaded =
        config::parse("embedded", config::EMBEDDED).expect("the embedded configuration is sound");
    loaded.set_port(0, 0);
    Node::start(loaded, Options::default()).expect("a node starts")
}

fn options(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    format!(
        "OPTIONS sip:warmline@{to} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {from};branch=z9hG4bK74b21;rport\r\n\
         From: <sip:agent@{from}>;tag=9fxced76sl\r\n\
         To: <sip:warmline@{to}>\r\n\
         Call-ID: 3848276298220188511@{from}\r\n\
         CSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// What a node says to OPTIONS from `ip`; none when it says nothing.
fn ask(node: &Node, ip: [u8; 4], patience: Duration) -> Option<String> {
    let socket = UdpSocket::bind(SocketAddr::from((ip, 0))).expect("a socket on loopback");
    socket.set_read_timeout(Some(patience)).expect("a time to wait");
    let to = node.addresses()[0];
    let from = socket.local_addr().expect("an address");
    socket.send_to(&options(from, to), to).expect("loopback takes it");
    let mut answer = [0; 2048];
    let (len, _) = socket.recv_from(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer[..len]).into_owned())
}

#[test]
fn options_from_a_trunk_are_answered() {
    let node = start();
    let answer = ask(&node, [127, 0, 0, 1], Duration::from_secs(5)).expect("an answer");
    assert!(answer.starts_with("SIP/2.0 200 OK\r\n"), "{answer}");
    let snapshot = node.snapshot().expect("the node runs");
    assert_eq!(snapshot.parsed, 1);
    assert_eq!(snapshot.counters.get(Reason::UnknownSource), 0);
}

#[test]
fn strangers_are_counted_not_read_and_not_answered() {
    let node = start();
    assert_eq!(ask(&node, [127, 0, 0, 9], Duration::from_millis(300)), None);
    let snapshot = node.snapshot().expect("the node runs");
    assert_eq!(snapshot.parsed, 0);
    assert_eq!(snapshot.counters.get(Reason::UnknownSource), 1);
}

#[tokio::test]
async fn a_node_without_calls_stops_at_once() {
    let node = start();
    let address = node.addresses()[0];
    let stopped = tokio::time::timeout(Duration::from_secs(1), node.stop(Duration::from_secs(60))).await;
    assert!(stopped.expect("it stops").is_some());
    UdpSocket::bind(address).expect("its port is free again");
}

#[test]
fn a_port_that_is_taken_is_told_of_or_passed_over() {
    let other = UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
    let taken = other.local_addr().expect("an address");
    let loaded = || {
        let mut loaded = config::parse("embedded", config::EMBEDDED).expect("a sound configuration");
        loaded.set_port(0, taken.port());
        loaded
    };
    let error = Node::start(loaded(), Options::default()).expect_err("the port is taken");
    assert!(matches!(error, StartError::Taken(address) if address == taken));
    assert!(error.to_string().contains("another program"), "{error}");
    let node = Node::start(loaded(), Options { next_free_port: true, ..Options::default() })
        .expect("the next port is free");
    assert!(node.addresses()[0].port() > taken.port());
}
