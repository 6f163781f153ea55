//! Whole calls over connections.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::stage::{AI, Stage, Tls, Wire, accept, answer_tls, field, listen};
use warmline_core::reason::Reason;

fn sdp(ip: &str, port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\n"
    )
}

fn with_body(head: &str, body: &str) -> String {
    format!("{head}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn invite() -> String {
    with_body(
        "INVITE sip:support@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:5099;branch=z9hG4bKi\r\n\
         From: <sip:+14155550100@127.0.0.2>;tag=a\r\nTo: <sip:support@127.0.0.1>\r\nCall-ID: c@a\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.2:5099>\r\nMax-Forwards: 70\r\n",
        &sdp("127.0.0.2", 40_000),
    )
}

/// A request of the caller's in the dialog of this answer.
fn request(method: &str, number: u32, ok: &str) -> String {
    format!(
        "{method} sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:5099;branch=z9hG4bK{method}{number}\r\n\
         From: {}\r\nTo: {}\r\nCall-ID: c@a\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        field(ok, "From"),
        field(ok, "To")
    )
}

fn respond(request: &str, status: &str, contact: &str, body: &str) -> String {
    let to = field(request, "To");
    let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag=far") };
    let head = format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <{contact}>\r\n",
        field(request, "Via"),
        field(request, "From"),
        field(request, "Call-ID"),
        field(request, "CSeq")
    );
    match body {
        "" => format!("{head}Content-Length: 0\r\n\r\n"),
        body => with_body(&head, body),
    }
}

/// The far end takes the call that is coming; gives its INVITE.
fn take(far: &mut Wire<impl Read + Write>, contact: &str) -> String {
    let invite = far.message();
    assert!(invite.starts_with("INVITE sip:support@localhost:"), "{invite}");
    far.write(respond(&invite, "180 Ringing", contact, "").as_bytes());
    far.write(respond(&invite, "200 OK", contact, &sdp("127.0.0.1", 41_000)).as_bytes());
    assert!(far.message().starts_with("ACK "));
    invite
}

/// The caller hears of the answer, and acknowledges it.
fn answered(caller: &mut Wire<impl Read + Write>) -> String {
    assert!(caller.message().starts_with("SIP/2.0 100"));
    assert!(caller.message().starts_with("SIP/2.0 180"));
    let ok = caller.message();
    assert!(ok.starts_with("SIP/2.0 200"), "{ok}");
    caller.write(request("ACK", 1, &ok).as_bytes());
    ok
}

/// The caller hangs up, and the far end hears of it.
fn hang_up(caller: &mut Wire<impl Read + Write>, far: &mut Wire<impl Read + Write>, ok: &str) {
    caller.write(request("BYE", 2, ok).as_bytes());
    assert!(caller.message().starts_with("SIP/2.0 200"));
    let bye = far.message();
    assert!(bye.starts_with("BYE "), "{bye}");
    far.write(respond(&bye, "200 OK", "sip:far@127.0.0.1", "").as_bytes());
}

fn is_over(stage: &Stage) {
    stage.until("nothing is left of the call", |snapshot| {
        let usage = snapshot.usage;
        (usage.calls, usage.legs, usage.transactions) == (0, 0, 0)
    });
    let snapshot = stage.node.snapshot().expect("the node runs");
    assert_eq!(snapshot.counters.iter().collect::<Vec<_>>(), [], "nothing was amiss");
}

#[test]
fn by_tcp() {
    let (listener, port) = listen();
    let stage = Stage::with("tcp", port);
    let mut caller = stage.tcp(AI);
    caller.write(invite().as_bytes());
    let mut far = Wire::new(accept(&listener));
    let invite = take(&mut far, &format!("sip:far@127.0.0.1:{port};transport=tcp"));
    let ours = stage.address(warmline_core::transport::Transport::Tcp);
    assert!(field(&invite, "Via").starts_with(&format!("SIP/2.0/TCP {ours};")), "{invite}");
    assert_eq!(field(&invite, "Contact"), format!("<sip:{ours};transport=TCP>"));
    let ok = answered(&mut caller);
    hang_up(&mut caller, &mut far, &ok);
    is_over(&stage);
    // The next call goes by the same connections.
    caller.write(self::invite().replace("c@a", "d@a").replace("bKi", "bKj").as_bytes());
    assert!(far.message().starts_with("INVITE "));
}

#[test]
fn by_tls() {
    let (listener, port) = listen();
    let stage = Stage::with("tls", port);
    let mut caller = stage.tls(AI, &Tls::trusting(&stage)).expect("TLS comes about");
    caller.write(invite().as_bytes());
    let folder = &stage.folder;
    let mut far =
        answer_tls(&listener, &folder.path("far.pem"), &folder.path("far.key")).expect("TLS comes about");
    assert_eq!(far.stream.conn.server_name(), Some("localhost"), "the target's domain");
    let invite = take(&mut far, &format!("sip:far@127.0.0.1:{port};transport=tls"));
    let ours = stage.address(warmline_core::transport::Transport::Tls);
    assert!(field(&invite, "Via").starts_with(&format!("SIP/2.0/TLS {ours};")), "{invite}");
    let ok = answered(&mut caller);
    hang_up(&mut caller, &mut far, &ok);
    is_over(&stage);
}

#[test]
fn a_server_with_another_name_gets_no_call() {
    let (listener, port) = listen();
    let stage = Stage::with("tls", port);
    let mut caller = stage.tcp(AI);
    caller.write(invite().as_bytes());
    let folder = &stage.folder;
    for _ in 0..2 {
        assert!(answer_tls(&listener, &folder.path("other.pem"), &folder.path("other.key")).is_err());
    }
    assert!(caller.message().starts_with("SIP/2.0 100"));
    let refused = caller.message();
    assert!(refused.starts_with("SIP/2.0 408"), "{refused}");
    let snapshot = stage.node.snapshot().expect("the node runs");
    let count = |reason| snapshot.counters.get(reason);
    assert_eq!((count(Reason::HandshakeFailed), count(Reason::TargetUnreachable)), (2, 1));
}

#[test]
fn connections_come_and_go_and_the_call_goes_on() {
    let (listener, port) = listen();
    let stage = Stage::with("tcp", port);
    let mut caller = stage.tcp(AI);
    caller.write(invite().as_bytes());
    let mut far = Wire::new(accept(&listener));
    take(&mut far, &format!("sip:far@127.0.0.1:{port};transport=tcp"));
    let ok = answered(&mut caller);
    drop(caller);
    drop(far);
    stage.until("both are gone", |s| s.connections == 0 && s.usage.calls == 1);
    let mut caller = stage.tcp(AI);
    caller.write(request("BYE", 2, &ok).as_bytes());
    assert!(caller.message().starts_with("SIP/2.0 200"));
    let mut far = Wire::new(accept(&listener));
    let bye = far.message();
    assert!(bye.starts_with("BYE "), "{bye}");
    far.write(respond(&bye, "200 OK", "sip:far@127.0.0.1", "").as_bytes());
    is_over(&stage);
}

#[test]
fn a_last_bye_is_written_before_the_end() {
    let (listener, port) = listen();
    let stage = Stage::with("tcp", port);
    let mut caller = stage.tcp(AI);
    caller.write(invite().as_bytes());
    let mut far: Wire<TcpStream> = Wire::new(accept(&listener));
    take(&mut far, &format!("sip:far@127.0.0.1:{port};transport=tcp"));
    answered(&mut caller);
    stage.until("the ACK has come", |s| s.usage.timers == 0);
    drop(stage.node);
    assert!(far.message().starts_with("BYE "));
    assert!(caller.message().starts_with("BYE "));
}
