//! A trunk's addresses are pinged over real sockets, from when the node starts.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::UdpSocket;

use warmline::{Node, Options, config};

const NODE: &str = r#"
[node]
capacity = 10
[[interface]]
name    = "loopback"
address = "127.0.0.1"
listen  = ["udp:5060"]
media   = "31400-31499"
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
ping       = "5s"
[[target]]
name  = "agent"
trunk = "desk"
uri   = "sip:agent@DESK"
[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{ targets = ["agent"], for = "30s" }]
"#;

#[tokio::test]
async fn a_peer_is_pinged_again_and_again() {
    let desk = UdpSocket::bind("127.0.0.2:0").expect("a socket on loopback");
    desk.set_read_timeout(Some(Duration::from_secs(20))).expect("a time to wait");
    let at = desk.local_addr().expect("an address");
    let loaded = config::parse("test", &NODE.replace("DESK", &at.to_string())).expect("it is sound");
    let node =
        Node::start(loaded, Options { next_free_port: true, ..Options::default() }).expect("a node starts");
    let hear = || {
        let mut bytes = [0; 2048];
        let (len, from) = desk.recv_from(&mut bytes).expect("a ping comes");
        (String::from_utf8_lossy(&bytes[..len]).into_owned(), from)
    };
    let answer = |ping: &str, from: SocketAddr| {
        let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let copied = ping.lines().filter(|line| copied.iter().any(|name| line.starts_with(name)));
        let head: String = copied.map(|line| format!("{line}\r\n")).collect();
        let answer = format!("SIP/2.0 404 Not Found\r\n{head}Content-Length: 0\r\n\r\n");
        desk.send_to(answer.as_bytes(), from).expect("loopback takes it");
    };
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let (ping, from) = hear();
        assert!(ping.starts_with(&format!("OPTIONS sip:{at} SIP/2.0\r\n")), "{ping}");
        assert_eq!(from, node.addresses()[0]);
        answer(&ping, from);
        if !seen.contains(&ping) {
            seen.push(ping);
        }
    }
    let counters = node.counters();
    assert_eq!(counters.iter().collect::<Vec<_>>(), []);
    node.stop(Duration::ZERO).await.expect("it has been well");
}
