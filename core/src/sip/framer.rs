//! Cuts messages out of a byte stream (RFC 3261 section 18.3, keep-alives of RFC 5626 section 3.5.1).

use memchr::memchr;

use super::error::{Error, ErrorKind};
use super::message::Message;
use super::name::Name;

/// What a stream begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A line end between messages, so many bytes long: a pong, or half a ping. Nothing is to be done.
    KeepAlive(usize),
    /// The second line end of a ping, so many bytes long: to be answered by one CRLF.
    Ping(usize),
    /// A message, so many bytes long.
    Message(usize),
    /// More bytes are needed.
    Partial,
    /// Nothing can be made of the stream any more: close it.
    Bad(Error),
}

/// Where the cutting of one stream stands. What comes out does not depend on how the bytes come in.
#[derive(Clone, Debug)]
pub struct Framer {
    max: usize,
    /// Up to here no blank line was found.
    scanned: usize,
    /// How long the message is, once its header is there.
    len: Option<usize>,
    /// The last frame was half a ping.
    half: bool,
}

impl Framer {
    /// Takes messages of up to `max` bytes, at most [`Message::MAX_BYTES`].
    pub const fn new(max: usize) -> Self {
        let max = if max < Message::MAX_BYTES { max } else { Message::MAX_BYTES };
        Self { max, scanned: 0, len: None, half: false }
    }

    /// What `bytes` begin with: everything received and not yet cut off. After a frame with a length, cut so much off
    /// and call again; after [`Frame::Partial`], when there is more.
    pub fn next(&mut self, bytes: &[u8]) -> Frame {
        match bytes {
            [] | [b'\r'] => return Frame::Partial,
            [b'\r', b'\n', ..] => return self.line_end(2),
            [b'\n', ..] => return self.line_end(1),
            _ => {}
        }
        if self.len.is_none() {
            match self.header(bytes) {
                Ok(len) => self.len = len,
                Err(error) => return Frame::Bad(error),
            }
        }
        match self.len {
            Some(len) if bytes.len() >= len => {
                *self = Self::new(self.max);
                Frame::Message(len)
            }
            _ => Frame::Partial,
        }
    }

    fn line_end(&mut self, len: usize) -> Frame {
        self.half = !self.half;
        if self.half { Frame::KeepAlive(len) } else { Frame::Ping(len) }
    }

    /// The length of the message whose header `bytes` begin with, once it is whole.
    fn header(&mut self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        let within = bytes.get(..self.max).unwrap_or(bytes);
        while let Some(found) = within.get(self.scanned..).and_then(|rest| memchr(b'\n', rest)) {
            let feed = self.scanned.saturating_add(found);
            let end = feed.saturating_add(1);
            self.scanned = match within.get(end..) {
                Some([b'\n', ..]) => return self.len(bytes, end.saturating_add(1)).map(Some),
                Some([b'\r', b'\n', ..]) => return self.len(bytes, end.saturating_add(2)).map(Some),
                Some([] | [b'\r']) | None => {
                    // What follows this line end is not there yet.
                    self.scanned = feed;
                    return self.wait(bytes);
                }
                Some(_) => end,
            };
        }
        self.scanned = within.len();
        self.wait(bytes)
    }

    /// No header yet, unless there is no room left for one.
    fn wait(&self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        if bytes.len() >= self.max {
            return Err(Error::new(ErrorKind::TooLong, self.max));
        }
        Ok(None)
    }

    /// The length of the message whose header is so long. The parser says what Content-Length is, so that the two
    /// never differ.
    fn len(&self, bytes: &[u8], header: usize) -> Result<usize, Error> {
        let message = Message::parse(bytes.get(..header).unwrap_or(bytes))?;
        message.check_single(Name::ContentLength)?;
        if let Some(fault) = message.fault.filter(|fault| fault.kind == ErrorKind::TooManyFields) {
            return Err(fault);
        }
        let len = message.content_length()?.unwrap_or(0);
        match header.checked_add(len) {
            Some(len) if len <= self.max => Ok(len),
            _ => Err(Error::new(ErrorKind::TooLong, self.max)),
        }
    }
}
