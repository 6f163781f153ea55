//! Composes a message into a lent buffer.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::scan::first_control;

/// The buffer was too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message does not fit its buffer")
    }
}

impl core::error::Error for Full {}

/// Writes a message from the top down. What does not fit is remembered and said at the end.
///
/// No CR, LF or NUL of a value ever leaves: a run of them, and the white space behind it, becomes one space. So a
/// fold is undone, and nobody's value begins a line of ours.
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    len: usize,
    full: bool,
}

impl<'b> Writer<'b> {
    /// Writes from the start of `buffer`.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0, full: false }
    }

    /// `METHOD uri SIP/2.0`. White space and controls in either are left out.
    pub fn request_line(&mut self, method: &[u8], uri: &[u8]) -> &mut Self {
        self.solid(method).raw(b" ").solid(uri).raw(b" SIP/2.0\r\n")
    }

    /// `SIP/2.0 status phrase`. [`phrase`](super::phrase) has the usual ones.
    pub fn status_line(&mut self, status: u16, phrase: &[u8]) -> &mut Self {
        self.raw(b"SIP/2.0 ").number(u64::from(status)).raw(b" ").bytes(phrase).end_line()
    }

    /// A whole header field.
    pub fn header(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        self.name(name).bytes(value).end_line()
    }

    /// A header field's name and colon; pieces of its value follow, and then [`Writer::end_line`].
    pub fn name(&mut self, name: &[u8]) -> &mut Self {
        self.solid(name).raw(b": ")
    }

    /// A piece of a value.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        match first_control(bytes) {
            None => self.raw(bytes),
            Some(_) => self.unfolded(bytes),
        }
    }

    /// A piece of a value that may have folds and worse in it.
    #[cold]
    fn unfolded(&mut self, bytes: &[u8]) -> &mut Self {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr3(b'\r', b'\n', 0, rest) {
            let Some((clean, tail)) = rest.split_at_checked(at) else { break };
            self.raw(clean).raw(b" ");
            let next = tail.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | 0 | b' ' | b'\t'));
            rest = next.and_then(|next| tail.get(next..)).unwrap_or_default();
        }
        self.raw(rest)
    }

    /// A decimal number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        let mut digits = [0u8; 20];
        let mut rest = number;
        let mut len = 0usize;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            len = len.wrapping_add(1);
            if rest == 0 {
                break;
            }
        }
        let start = digits.len().saturating_sub(len);
        self.raw(digits.get(start..).unwrap_or_default())
    }

    /// 16 lowercase hexadecimal digits.
    pub fn hex(&mut self, number: u64) -> &mut Self {
        let mut digits = [0; 16];
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(number.to_be_bytes()) {
            *pair = [hex_digit(byte >> 4), hex_digit(byte & 15)];
        }
        self.raw(&digits)
    }

    /// An IP address, an IPv6 one in brackets.
    pub fn ip(&mut self, ip: IpAddr) -> &mut Self {
        match ip {
            IpAddr::V4(_) => self.bare_ip(ip),
            IpAddr::V6(_) => self.raw(b"[").bare_ip(ip).raw(b"]"),
        }
    }

    /// An IP address without brackets, as in `received=` and in session descriptions.
    pub fn bare_ip(&mut self, ip: IpAddr) -> &mut Self {
        match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                self.number(u64::from(a)).raw(b".").number(u64::from(b)).raw(b".");
                self.number(u64::from(c)).raw(b".").number(u64::from(d))
            }
            IpAddr::V6(ip) => self.v6(ip),
        }
    }

    /// An IP address and port, as in a URI.
    pub fn socket(&mut self, socket: SocketAddr) -> &mut Self {
        self.ip(socket.ip()).raw(b":").number(u64::from(socket.port()))
    }

    /// Ends a header field.
    pub fn end_line(&mut self) -> &mut Self {
        self.raw(b"\r\n")
    }

    /// Whole lines that a `Writer` wrote before, such as an [`echo`](super::echo) that was kept.
    pub fn lines(&mut self, lines: &[u8]) -> &mut Self {
        self.raw(lines)
    }

    /// Ends the message without a body.
    pub fn empty_body(&mut self) -> &mut Self {
        self.raw(b"Content-Length: 0\r\n\r\n")
    }

    /// Ends the message with a body that `write` puts into the rest of the buffer; it says how long it is, or that
    /// there was no room.
    pub fn body(&mut self, content_type: &[u8], write: impl FnOnce(&mut [u8]) -> Option<usize>) -> &mut Self {
        // Bodies mostly have a length of three digits. Where it turns out otherwise, the body moves.
        const GUESS: &[u8] = b"000\r\n\r\n";
        self.header(b"Content-Type", content_type).name(b"Content-Length");
        let line = self.len;
        self.raw(GUESS);
        let Some(len) = self.buffer.get_mut(self.len..).and_then(write) else {
            self.full = true;
            return self;
        };
        let digits = len.checked_ilog10().unwrap_or(0) as usize + 1;
        let body = line.saturating_add(digits).saturating_add(4);
        let end = body.saturating_add(len);
        if end > self.buffer.len() {
            self.full = true;
            return self;
        }
        self.shift(self.len, body, len);
        self.len = line;
        self.number(len as u64).raw(b"\r\n\r\n");
        self.len = end;
        self
    }

    /// How much was written.
    ///
    /// # Errors
    /// [`Full`] where something did not fit: then nothing of it may be sent.
    pub fn finish(self) -> Result<usize, Full> {
        if self.full { Err(Full) } else { Ok(self.len) }
    }

    /// Bytes as they are.
    #[inline]
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        let end = self.len.saturating_add(bytes.len());
        match self.buffer.get_mut(self.len..end) {
            Some(room) if !self.full => {
                for (to, from) in room.iter_mut().zip(bytes) {
                    *to = *from;
                }
                self.len = end;
            }
            _ => self.full = true,
        }
        self
    }

    /// Bytes without white space and controls.
    fn solid(&mut self, bytes: &[u8]) -> &mut Self {
        for part in bytes.split(|&byte| byte <= b' ' || byte == 0x7f) {
            self.raw(part);
        }
        self
    }

    /// Moves `len` written bytes; the two places may overlap.
    fn shift(&mut self, from: usize, to: usize, len: usize) {
        if from == to {
            return;
        }
        let mut copy = |index: usize| {
            let byte = self.buffer.get(from.saturating_add(index)).copied();
            if let (Some(byte), Some(place)) = (byte, self.buffer.get_mut(to.saturating_add(index))) {
                *place = byte;
            }
        };
        if to < from {
            (0..len).for_each(&mut copy);
        } else {
            (0..len).rev().for_each(&mut copy);
        }
    }

    /// As RFC 5952 says: lowercase, no leading zeros, the longest run of zeros (two or more) as `::`.
    fn v6(&mut self, ip: Ipv6Addr) -> &mut Self {
        if let Some(v4) = ip.to_ipv4_mapped() {
            return self.raw(b"::ffff:").bare_ip(IpAddr::V4(v4));
        }
        let groups = ip.segments();
        let (mut gap, mut gap_len) = (0usize, 1usize);
        let mut run = 0usize;
        for (index, &group) in groups.iter().enumerate() {
            run = if group == 0 { run.wrapping_add(1) } else { 0 };
            if run > gap_len {
                (gap, gap_len) = (index.wrapping_add(1).wrapping_sub(run), run);
            }
        }
        let gap = if gap_len > 1 { gap..gap.saturating_add(gap_len) } else { 8..8 };
        for (index, &group) in groups.iter().enumerate() {
            if gap.contains(&index) {
                if index == gap.start {
                    self.raw(b"::");
                }
                continue;
            }
            if index != 0 && index != gap.end {
                self.raw(b":");
            }
            let [high, low] = group.to_be_bytes();
            let digits = [high >> 4, high & 15, low >> 4, low & 15].map(hex_digit);
            let zeros = (group.leading_zeros() / 4).min(3) as usize;
            self.raw(digits.get(zeros..).unwrap_or_default());
        }
        self
    }
}

const fn hex_digit(value: u8) -> u8 {
    match value & 15 {
        value @ 0..=9 => b'0' + value,
        value => b'a' + value - 10,
    }
}
