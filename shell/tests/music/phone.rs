//! A telephone on loopback that says one thing at a time.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::UdpSocket;

use super::house::to;

pub(crate) struct Phone {
    socket: UdpSocket,
    /// Where it hears audio.
    rtp: u16,
    pub(crate) node: SocketAddr,
}

impl Phone {
    pub(crate) fn new(ip: [u8; 4], rtp: u16) -> Self {
        let socket = UdpSocket::bind(SocketAddr::from((ip, 0))).expect("a socket on loopback");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time to wait");
        Self { socket, rtp, node: SocketAddr::from(([127, 0, 0, 1], 5060)) }
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.node).expect("loopback takes it");
    }

    /// The next message that begins so; others are passed over, but a NOTIFY is answered.
    pub(crate) fn hear(&self, start: &str) -> String {
        let mut bytes = [0; 4096];
        loop {
            let (len, _) = self.socket.recv_from(&mut bytes).unwrap_or_else(|_| panic!("no {start}"));
            let text = String::from_utf8_lossy(&bytes[..len]).into_owned();
            if text.starts_with("NOTIFY") {
                self.respond(&text, "200 OK", "");
            }
            if text.starts_with(start) {
                return text;
            }
        }
    }

    pub(crate) fn sdp(&self) -> String {
        let (ip, rtp) = (self.at().ip(), self.rtp);
        format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {rtp} RTP/AVP 0\r\n")
    }

    fn request(&self, method: &str, call: &str, to: &str, number: u32, more: &str, body: &str) {
        let (at, node) = (self.at(), self.node);
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.send(&format!(
            "{method} sip:{node} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call}{method}{number};rport\r\n\
             From: <sip:+14155550100@{at}>;tag=me{call}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:me@{at}>\r\nMax-Forwards: 70\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len(),
        ));
    }

    /// Dials a line, in the call of this number.
    pub(crate) fn invite(&self, line: &str, number: usize) {
        let (at, node, body) = (self.at(), self.node, self.sdp());
        self.send(&format!(
            "INVITE sip:{line}@{node} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKinvite{number};rport\r\n\
             From: <sip:+14155550100@{at}>;tag=mecall{number}\r\nTo: <sip:{line}@{node}>\r\nCall-ID: call{number}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:me@{at}>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
        ));
    }

    pub(crate) fn ack(&self, answer: &str) {
        self.request("ACK", header(answer, "Call-ID"), to(answer), 1, "", "");
    }

    /// Asks that whoever it talks with is put through to a line.
    pub(crate) fn refer(&self, answer: &str, line: &str) {
        let more = format!("Refer-To: <sip:{line}@{}>\r\n", self.node);
        self.request("REFER", header(answer, "Call-ID"), to(answer), 2, &more, "");
    }

    /// Sends a response to a request, with a tag of its own.
    pub(crate) fn respond(&self, request: &str, status: &str, body: &str) {
        let copied: Vec<_> = request
            .lines()
            .filter(|line| ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)))
            .collect();
        let to = header(request, "To");
        let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag=desk") };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.send(&format!(
            "SIP/2.0 {status}\r\n{}\r\nTo: {to}\r\nContact: <sip:agent@{}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            copied.join("\r\n"),
            self.at(),
            body.len(),
        ));
    }
}

pub(crate) fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let value = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {name} in {message}"))
}
