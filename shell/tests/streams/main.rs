//! A node over real connections: TCP and TLS, with peers that behave and peers that do not.

mod calls;
mod certificates;
mod hostile;
mod stage;

use core::time::Duration;

use stage::{AI, STRANGER, Stage, Tls};
use warmline_core::reason::Reason;

#[test]
fn messages_are_cut_out_of_a_connection() {
    let stage = Stage::set();
    let mut wire = stage.tcp(AI);
    // Line ends before and between messages (RFC 3261 7.5, RFC 5626 3.5.1), all in small pieces.
    let bytes = ["\r\n", &stage.options("1"), "\r\n", &stage.options("2")].concat();
    for piece in bytes.as_bytes().chunks(7) {
        wire.write(piece);
    }
    for branch in ["1", "2"] {
        let answer = wire.message();
        assert!(answer.starts_with("SIP/2.0 200 OK\r\n") && answer.contains(branch), "{answer}");
    }
    wire.write(b"\r\n\r\n");
    assert_eq!(wire.bytes(2), b"\r\n", "a pong");
    wire.write(stage.options("3").as_bytes());
    let answer = wire.message();
    assert!(answer.contains("z9hG4bK3"), "{answer}");
    let snapshot = stage.node.snapshot().unwrap();
    assert_eq!((snapshot.parsed, snapshot.connections), (3, 1));
}

#[test]
fn strangers_connections_are_closed_unread() {
    let stage = Stage::set();
    let mut wire = stage.tcp(STRANGER);
    wire.try_write(stage.options("1").as_bytes());
    assert_eq!(wire.rest(), b"");
    let snapshot = stage.node.snapshot().unwrap();
    assert_eq!((snapshot.parsed, snapshot.connections), (0, 0));
    assert_eq!(snapshot.counters.get(Reason::UnknownSource), 1);
}

#[test]
fn tls_in_both_versions() {
    let stage = Stage::set();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let tls = Tls { version, ..Tls::trusting(&stage) };
        let mut wire = stage.tls(AI, &tls).expect("TLS comes about");
        wire.write(stage.options("1").as_bytes());
        assert!(wire.message().starts_with("SIP/2.0 200 OK\r\n"));
    }
    // What is no TLS at all.
    let mut wire = stage.plain_to_tls(AI);
    wire.write(stage.options("1").as_bytes());
    wire.rest();
    stage.until("a failed handshake is counted", |s| s.counters.get(Reason::HandshakeFailed) == 1);
}

#[tokio::test]
async fn a_node_with_connections_stops_at_once() {
    let stage = Stage::set();
    let mut wire = stage.tcp(AI);
    wire.write(stage.options("1").as_bytes());
    wire.message();
    let stopped =
        tokio::time::timeout(Duration::from_secs(2), stage.node.stop(Duration::from_secs(60))).await;
    assert!(stopped.expect("it stops").is_some());
    assert_eq!(wire.rest(), b"");
}
