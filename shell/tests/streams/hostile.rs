//! Connections whose peers do not behave.

use crate::stage::{AI, Stage};
use warmline_core::reason::Reason;

#[test]
fn what_is_no_stream_of_messages_is_closed() {
    let stage = Stage::set();
    let with = |length: &str| stage.options("1").replace("Content-Length: 0", length);
    let endless =
        format!("{}{}", stage.options("1").split("Max-").next().unwrap(), "X: y\r\n".repeat(20_000));
    let cases = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "\u{1}\u{2}\u{3}\r\n\r\n".to_owned(),
        with("Content-Length: -1"),
        with("Content-Length: 18446744073709551617"),
        with("Content-Length: 4294967296"),
        with("Content-Length: 65536"),
        with("Content-Length: 0\r\nl: 7"),
        with("Content-Length: 0x10"),
        with("Content-Length: one"),
        // What follows a message without a length is the next message.
        with("X: y") + "v=0\r\n\r\n",
        endless,
        "x".repeat(70_000),
    ];
    for (number, case) in (1..).zip(&cases) {
        let mut wire = stage.tcp(AI);
        wire.try_write(case.as_bytes());
        wire.rest();
        let shown = &case[..case.len().min(200)];
        stage.until(shown, |s| s.counters.get(Reason::StreamMalformed) == number && s.connections == 0);
    }
    // The node goes on.
    let mut wire = stage.tcp(AI);
    wire.write(stage.options("2").as_bytes());
    assert!(wire.message().starts_with("SIP/2.0 200"));
}

#[test]
fn a_peer_that_does_not_read_is_cut_off() {
    let stage = Stage::set();
    let mut wire = stage.tcp(AI);
    wire.stream.set_nonblocking(true).expect("a socket");
    // The system takes some megabytes for it; the rest waits here, up to a bound.
    let mut cut_off = false;
    let mut rest: Vec<u8> = Vec::new();
    let mut number = 0;
    let end = std::time::Instant::now() + crate::stage::PATIENCE;
    while !cut_off {
        assert!(std::time::Instant::now() < end, "it is never cut off: {:?}", stage.node.snapshot());
        if rest.is_empty() {
            for _ in 0..100 {
                number += 1;
                rest.extend(stage.options(&number.to_string()).as_bytes());
            }
        }
        match std::io::Write::write(&mut wire.stream, &rest) {
            Ok(written) => drop(rest.drain(..written)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                std::thread::sleep(core::time::Duration::from_millis(1));
            }
            Err(_) => cut_off = true,
        }
    }
    stage.until("it is counted", |s| s.counters.get(Reason::PeerNotReading) == 1 && s.connections == 0);
}

#[test]
fn one_address_has_so_many_connections() {
    let stage = Stage::set();
    let mut wires: Vec<_> = (0..128).map(|_| stage.tcp(AI)).collect();
    for wire in &mut wires {
        wire.write(stage.options("1").as_bytes());
        wire.message();
    }
    let mut further = stage.tcp(AI);
    assert_eq!(further.rest(), b"");
    let snapshot = stage.node.snapshot().expect("the node runs");
    assert_eq!((snapshot.connections, snapshot.counters.get(Reason::ConnectionLimit)), (128, 1));
    wires.clear();
    stage.until("they are gone", |s| s.connections == 0);
    let mut wire = stage.tcp(AI);
    wire.write(stage.options("1").as_bytes());
    wire.message();
}
