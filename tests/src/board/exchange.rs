//! As much of SIP as it takes to keep a call going: requests of our own, and answers to what comes. It reads whatever
//! there is of a header field, because what the board repeats of spoilt messages is spoilt.

use core::net::SocketAddr;
use core::time::Duration;
use std::net::UdpSocket;

use crate::sdp::describe;

/// A request outside any call.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    method: &'a str,
    uri: &'a str,
    at: SocketAddr,
}

/// One end of an answered call.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Where this end is.
    pub at: SocketAddr,
    /// The other end's Contact.
    target: String,
    local: String,
    remote: String,
    call_id: String,
    /// The INVITE's, where it was ours.
    invited: Option<u32>,
}

impl<'a> Request<'a> {
    /// A request from whoever is at that address.
    pub const fn new(method: &'a str, uri: &'a str, at: SocketAddr) -> Self {
        Self { method, uri, at }
    }

    /// Sends it from there, and says whether it is answered with 200 within `patience`.
    ///
    /// # Panics
    /// When somebody else is there.
    pub fn is_answered(&self, to: SocketAddr, patience: Duration) -> bool {
        let socket = UdpSocket::bind(self.at).expect("nobody is there");
        let at = socket.local_addr().expect("a socket has an address");
        socket.set_read_timeout(Some(patience)).expect("a socket that does not wait for ever");
        let text = Self { at, ..*self }.text(&format!("alone-{}", at.port()), 0);
        // Where nobody is any more, that shows.
        let _ = socket.send_to(text.as_bytes(), to);
        let mut buffer = [0; 8192];
        socket.recv(&mut buffer).is_ok_and(|len| status(&buffer[..len]) == Some(200))
    }

    /// Its text, in a call and a transaction of that name.
    pub fn text(&self, name: &str, attempt: u32) -> String {
        let Self { method, uri, at } = self;
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{name}-{attempt};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:agent@{at}>;tag={name}\r\nTo: <{uri}>\r\nCall-ID: {name}-{attempt}\r\n\
             CSeq: 1 {method}\r\nContact: <sip:agent@{at}>\r\nContent-Length: 0\r\n\r\n"
        )
    }
}

impl Dialog {
    /// The caller's end, when a 200 to its INVITE has come.
    pub fn of_caller(response: &[u8], at: SocketAddr) -> Option<Self> {
        let (number, method) = cseq(response)?;
        let invited = (method == "INVITE").then_some(number)?;
        Some(Self {
            at,
            target: contact(response)?,
            local: field(response, "From")?,
            remote: field(response, "To")?,
            call_id: field(response, "Call-ID")?,
            invited: Some(invited),
        })
    }

    /// The target's end, when an INVITE has come and is [answered](answer) with 200.
    pub fn of_target(invite: &[u8], at: SocketAddr) -> Option<Self> {
        Some(Self {
            at,
            target: contact(invite)?,
            local: format!("{};tag=answered", field(invite, "To")?),
            remote: field(invite, "From")?,
            call_id: field(invite, "Call-ID")?,
            invited: None,
        })
    }

    /// A request within the call.
    pub fn request(&self, method: &str) -> Vec<u8> {
        let Self { at, target, local, remote, call_id, invited } = self;
        let invited = invited.unwrap_or(0);
        let number = if method == "ACK" { invited } else { invited.saturating_add(1) };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{method}{number}-{};rport\r\n\
             Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            call_id.bytes().filter(u8::is_ascii_alphanumeric).map(char::from).collect::<String>()
        )
        .into_bytes()
    }
}

/// A response with this status; where `at` is known, with a Contact and, when it is a 200, a session description.
pub fn answer(request: &[u8], status: u16, at: Option<SocketAddr>) -> Option<Vec<u8>> {
    let copied =
        ["Via", "From", "Call-ID", "CSeq"].map(|name| Some(format!("{name}: {}\r\n", field(request, name)?)));
    let copied = copied.into_iter().collect::<Option<String>>()?;
    let (mut to, mut body) = (field(request, "To")?, String::new());
    let mut lines = String::new();
    if let Some(at) = at {
        to.push_str(";tag=answered");
        lines = format!("Contact: <sip:zendesk@{at}>\r\n");
        if status == 200 {
            let media = SocketAddr::new(at.ip(), 30_000);
            body = describe(media, 1, &[8, 101], "sendrecv", false);
            lines.push_str("Content-Type: application/sdp\r\n");
        }
    }
    let text = format!(
        "SIP/2.0 {status} So\r\n{copied}To: {to}\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Some(text.into_bytes())
}

/// The ACK to a failure of an INVITE to this URI.
pub fn acknowledge(uri: &str, failure: &[u8]) -> Option<Vec<u8>> {
    let copied = ["Via", "From", "To", "Call-ID"]
        .map(|name| Some(format!("{name}: {}\r\n", field(failure, name)?)))
        .into_iter()
        .collect::<Option<String>>()?;
    let text =
        format!("ACK {uri} SIP/2.0\r\n{copied}Max-Forwards: 70\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n");
    Some(text.into_bytes())
}

/// A response's status.
pub fn status(message: &[u8]) -> Option<u16> {
    core::str::from_utf8(message.strip_prefix(b"SIP/2.0 ")?.get(..3)?).ok()?.parse().ok()
}

/// The first value of a header field that is written as the board writes it.
pub fn field(message: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
    Some(value.to_owned())
}

fn contact(message: &[u8]) -> Option<String> {
    let value = field(message, "Contact")?;
    let (_, rest) = value.split_once('<')?;
    Some(rest.split_once('>')?.0.to_owned())
}

fn cseq(message: &[u8]) -> Option<(u32, String)> {
    let value = field(message, "CSeq")?;
    let (number, method) = value.split_once(' ')?;
    Some((number.trim().parse().ok()?, method.trim().to_owned()))
}
