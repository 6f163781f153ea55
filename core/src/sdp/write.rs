//! What we say of ourselves: offers and answers, written into the caller's buffer.

use core::fmt::{self, Write};
use core::net::IpAddr;

use super::agreement::{Agreed, meet};
use super::attribute::word;
use super::{EVENT, PTIME};
use crate::g711::Law;
use crate::rtp::{Direction, Format};

/// Our own side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we take media.
    pub address: IpAddr,
    /// The port we take RTP at; RTCP is at the next one.
    pub port: u16,
    /// Names the session as long as the leg lives (RFC 3264 section 5). Its highest bit is not written: the number
    /// has to fit in 63 bits.
    pub session: u64,
    /// Grows by one whenever a description of the same session says something else (RFC 3264 section 8).
    pub version: u64,
    /// Which way audio may flow, seen from us. An answer says less where the offer allows less.
    pub direction: Direction,
}

/// Writes an offer of PCMU and PCMA, `first` before the other, with telephone-events and 20 ms packets. Gives its
/// length, or none when it does not fit (320 bytes always do).
pub fn offer(local: &Local, first: Law, out: &mut [u8]) -> Option<usize> {
    let second = match first {
        Law::Mu => Law::A,
        Law::A => Law::Mu,
    };
    let receive = [Some(Format::fixed(first)), Some(Format::fixed(second))];
    let mut text = Text { out, length: 0 };
    text.session(local).ok()?;
    text.audio(local, receive, Some(EVENT), local.direction).ok()?;
    Some(text.length)
}

/// Writes the answer to the offer that `agreed` was chosen from: as many sections in the same order, those that are
/// not taken with port 0 (RFC 3264 section 6). Gives its length, or none when it does not fit (480 bytes always do).
pub fn answer(agreed: &Agreed, local: &Local, out: &mut [u8]) -> Option<usize> {
    let before = usize::from(agreed.before);
    let profile = &agreed.profile;
    let mut text = Text { out, length: 0 };
    text.session(local).ok()?;
    for section in agreed.refused().take(before) {
        text.refused(section).ok()?;
    }
    text.audio(local, profile.receive, profile.event_receive, meet(agreed.mirrored, local.direction)).ok()?;
    for section in agreed.refused().skip(before) {
        text.refused(section).ok()?;
    }
    Some(text.length)
}

/// What is written so far.
struct Text<'b> {
    out: &'b mut [u8],
    length: usize,
}

impl Text<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        let end = self.length.checked_add(bytes.len()).ok_or(fmt::Error)?;
        let room = self.out.get_mut(self.length..end).ok_or(fmt::Error)?;
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.length = end;
        Ok(())
    }

    fn session(&mut self, local: &Local) -> fmt::Result {
        let session = local.session & (u64::MAX >> 1);
        let version = local.version & (u64::MAX >> 1);
        let family = if local.address.is_ipv4() { "IP4" } else { "IP6" };
        let address = local.address;
        write!(self, "v=0\r\no=- {session} {version} IN {family} {address}\r\n")?;
        write!(self, "s=-\r\nc=IN {family} {address}\r\nt=0 0\r\n")
    }

    fn audio(
        &mut self,
        local: &Local,
        receive: [Option<Format>; 2],
        event: Option<u8>,
        direction: Direction,
    ) -> fmt::Result {
        let formats = || receive.iter().flatten();
        write!(self, "m=audio {} RTP/AVP", local.port)?;
        for payload_type in formats().map(|format| format.payload_type).chain(event) {
            write!(self, " {payload_type}")?;
        }
        self.write_str("\r\n")?;
        for Format { payload_type, law } in formats() {
            let name = match law {
                Law::Mu => "PCMU",
                Law::A => "PCMA",
            };
            write!(self, "a=rtpmap:{payload_type} {name}/8000\r\n")?;
        }
        if let Some(event) = event {
            write!(self, "a=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-15\r\n")?;
        }
        write!(self, "a=ptime:{PTIME}\r\na={}\r\n", word(direction))
    }

    /// A section that is not taken, from `<media> <proto> <fmt>`.
    fn refused(&mut self, section: &[u8]) -> fmt::Result {
        let mut halves = section.splitn(2, |&byte| byte == b' ');
        self.write_str("m=")?;
        self.bytes(halves.next().unwrap_or_default())?;
        self.write_str(" 0 ")?;
        self.bytes(halves.next().unwrap_or_default())?;
        self.write_str("\r\n")
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes())
    }
}
