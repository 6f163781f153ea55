//! Somebody who calls over a real socket and bears whatever comes: what becomes of the call is not known before.
//!
//! SIPp plays parts; this one only keeps the rules, so that a test can do violence to Warmline in the middle of a call
//! and ask afterwards what the caller was told.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use std::net::UdpSocket;
use std::time::Instant;

use crate::text::Text;

/// T1 (RFC 3261 section 17.1.1.1).
const T1: Duration = Duration::from_millis(500);

/// How often a guest looks for what has come.
const MOMENT: Duration = Duration::from_millis(1);

/// How far a guest's call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Nothing was heard.
    Calling,
    /// It was heard of.
    Waiting,
    /// It was answered.
    Talking,
    /// It has hung up, and has heard nothing of that.
    Leaving,
    /// It was refused with this status.
    Refused(u16),
    /// It was hung up, by itself or by the other side.
    Over,
    /// It has hung up, and the other side did not know of the call.
    Unknown,
}

/// A caller.
#[derive(Debug)]
pub struct Guest {
    socket: UdpSocket,
    to: SocketAddrV4,
    /// Its number, in E.164.
    pub number: String,
    at: SocketAddrV4,
    media: u16,
    /// How far it has come.
    pub stay: Stay,
    /// To and Contact of who answered.
    other: (String, String),
    /// When it called, and how long it took until it was answered or refused.
    since: Instant,
    /// See there.
    pub after: Option<Duration>,
    /// What is sent again, when, and after how long then.
    again: Option<(String, Instant, Duration)>,
}

impl Guest {
    /// Calls the line `support` from this address.
    ///
    /// # Panics
    /// When there are no sockets for it.
    pub fn call(number: &str, from: Ipv4Addr, to: SocketAddrV4) -> Self {
        Self::dial("support", number, from, to)
    }

    /// The same of another line.
    ///
    /// # Panics
    /// When there are no sockets for it.
    pub fn dial(line: &str, number: &str, from: Ipv4Addr, to: SocketAddrV4) -> Self {
        let socket = UdpSocket::bind((from, 0)).expect("a free port");
        socket.set_nonblocking(true).expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        let mut guest = Self {
            socket,
            to,
            number: number.to_owned(),
            at: SocketAddrV4::new(from, port),
            // Nothing is said there, and what is heard is nobody's business.
            media: 40_000,
            stay: Stay::Calling,
            other: (format!("<sip:{line}@{to}>"), format!("sip:{line}@{to}")),
            since: Instant::now(),
            after: None,
            again: None,
        };
        let session = format!(
            "v=0\r\no=guest 1 1 IN IP4 {from}\r\ns=-\r\nc=IN IP4 {from}\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n",
            guest.media
        );
        let invite = guest.request("INVITE", 1, &session);
        guest.says(invite);
        guest
    }

    fn request(&self, method: &str, number: u32, body: &str) -> String {
        let Self { at, number: caller, other: (to, uri), .. } = self;
        // A number may call more than once.
        let port = at.port();
        // The ACK of a refusal is of its INVITE's transaction.
        let branch = if method == "ACK" && self.stay == Stay::Talking { "ack" } else { "one" };
        let branch = if method == "BYE" { "bye" } else { branch };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{port}{caller}{branch};rport\r\n\
             From: <sip:{caller}@{at}>;tag=guest\r\nTo: {to}\r\nCall-ID: {caller}@{at}\r\nCSeq: {number} {method}\r\n\
             Max-Forwards: 70\r\nContact: <sip:guest@{at}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .replace(&format!("z9hG4bK{port}+"), &format!("z9hG4bK{port}"))
    }

    fn send(&self, text: &str) {
        // Nobody may be there just now.
        let _ = self.socket.send_to(text.as_bytes(), self.to);
    }

    /// Sends this, again and again.
    fn says(&mut self, text: String) {
        self.send(&text);
        self.again = Some((text, Instant::now() + T1, T1));
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.stay = Stay::Leaving;
        let bye = self.request("BYE", 2, "");
        self.says(bye);
    }

    /// Hears what has come, and does what is due.
    ///
    /// # Errors
    /// What is wrong with what came.
    pub fn mind(&mut self) -> Result<(), String> {
        let mut buffer = [0; 65_535];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((len, _)) => self.hear(&buffer[..len])?,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                // An earlier message found nobody there.
                Err(_) => {}
            }
        }
        if let Some((text, at, interval)) = &mut self.again
            && *at <= Instant::now()
        {
            *interval *= 2;
            *at += *interval;
            let text = text.clone();
            self.send(&text);
        }
        Ok(())
    }

    /// Minds guests until it holds of them all, or for so long; whether it does.
    ///
    /// # Panics
    /// When something that came is wrong.
    pub fn wait(guests: &mut [Self], patience: Duration, mut holds: impl FnMut(&[Self]) -> bool) -> bool {
        let until = Instant::now() + patience;
        loop {
            guests.iter_mut().for_each(|guest| guest.mind().expect("what comes is right"));
            if holds(guests) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(MOMENT);
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<(), String> {
        let text = Text::parse(bytes)?;
        let Some(status) = text.status() else {
            let known = ["Via", "From", "To", "Call-ID", "CSeq"];
            let echoed: Result<String, String> =
                known.iter().map(|name| Ok(format!("{name}: {}\r\n", text.one(name)?))).collect();
            if text.method() == "BYE" {
                (self.stay, self.again) = (Stay::Over, None);
            }
            self.send(&format!("SIP/2.0 200 OK\r\n{}Content-Length: 0\r\n\r\n", echoed?));
            return Ok(());
        };
        let cseq = text.one("CSeq")?;
        match (cseq, status) {
            ("1 INVITE", 100..=199) if self.stay == Stay::Calling => {
                (self.stay, self.again) = (Stay::Waiting, None);
            }
            ("1 INVITE", 100..=199) => {}
            ("1 INVITE", 200..=299) => {
                if matches!(self.stay, Stay::Calling | Stay::Waiting) {
                    text.one("To")?.clone_into(&mut self.other.0);
                    text.address("Contact").ok_or("no Contact")?.clone_into(&mut self.other.1);
                    (self.stay, self.again) = (Stay::Talking, None);
                    self.after = Some(self.since.elapsed());
                }
                if self.stay == Stay::Talking {
                    let ack = self.request("ACK", 1, "");
                    self.send(&ack);
                }
            }
            ("1 INVITE", _) => {
                let before = core::mem::replace(&mut self.other.0, text.one("To")?.to_owned());
                if matches!(self.stay, Stay::Calling | Stay::Waiting | Stay::Refused(_)) {
                    (self.stay, self.again) = (Stay::Refused(status), None);
                    let ack = self.request("ACK", 1, "");
                    self.send(&ack);
                } else {
                    self.other.0 = before;
                }
            }
            ("2 BYE", 200) => (self.stay, self.again) = (Stay::Over, None),
            ("2 BYE", 300..) => (self.stay, self.again) = (Stay::Unknown, None),
            _ => return Err(format!("{status} to {cseq}")),
        }
        Ok(())
    }
}
