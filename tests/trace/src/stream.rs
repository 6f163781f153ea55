//! How a trace is written down, and what leaves when it is played.
//!
//! Either is a row of frames: the length of one (four bytes, the low one first), and a value in postcard's form. A
//! trace begins with a [`Header`], and goes on with [`Entry`]s in the order of their times; what leaves is a row of
//! [`Departure`]s.

use core::fmt;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};
use warmline_core::Command;

/// The longest frame: a header with an image that takes all the room a board keeps for it.
pub const FRAME: usize = 24 * 1024;

/// What a trace begins with.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header<'a> {
    /// How many calls at once there is to be room for, and for how many new ones a second.
    pub calls: u16,
    /// See `calls`.
    pub rate: u16,
    /// What everything follows from that an SBC and a relay make up.
    pub seeds: [[u8; 32]; 2],
    /// Civil time at the time 0 of the entries, in microseconds since 1970.
    pub utc: i64,
    /// The configuration, as [`warmline_core::image`] has it.
    pub image: &'a [u8],
    /// What names lead to; others lead nowhere.
    pub names: Names,
}

/// The addresses of hosts.
pub type Names = heapless::Vec<(heapless::String<64>, heapless::Vec<SocketAddr, 4>), 8>;

/// One thing that enters core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// When, in microseconds.
    pub at: u64,
    /// What.
    #[serde(borrow)]
    pub input: Input<'a>,
}

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input<'a> {
    /// A SIP datagram.
    Message {
        /// Where it is heard.
        listener: u8,
        /// Who sent it.
        from: SocketAddr,
        /// What it is.
        bytes: &'a [u8],
    },
    /// An RTP or RTCP datagram.
    Packet {
        /// The media port it came to.
        port: u16,
        /// Who sent it.
        from: SocketAddr,
        /// What it is.
        bytes: &'a [u8],
    },
    /// An operator's command.
    Order(Order),
}

/// The commands that name no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// [`Command::Drain`].
    Drain,
    /// [`Command::HangUpAll`].
    HangUpAll,
}

impl From<Order> for Command {
    fn from(order: Order) -> Self {
        match order {
            Order::Drain => Self::Drain,
            Order::HangUpAll => Self::HangUpAll,
        }
    }
}

/// One thing that left core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Departure<'a> {
    /// When, in microseconds.
    pub at: u64,
    /// What, for a person to read: its kind and, where it went somewhere, the way.
    pub what: &'a str,
    /// The datagram, where it is one.
    pub bytes: &'a [u8],
}

/// Where frames come from.
pub trait Source {
    /// Puts bytes at the start of `room`, as many as there are or fit, and says how many; 0 at the end.
    fn read(&mut self, room: &mut [u8]) -> usize;
}

impl Source for &[u8] {
    fn read(&mut self, room: &mut [u8]) -> usize {
        let len = room.len().min(self.len());
        let (bytes, rest) = self.split_at(len);
        room[..len].copy_from_slice(bytes);
        *self = rest;
        len
    }
}

/// Where frames go to.
pub trait Sink {
    /// Takes all of these bytes.
    fn write(&mut self, bytes: &[u8]);
}

/// Why a stream does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// It ends within a frame.
    Cut,
    /// A frame is longer than [`FRAME`].
    TooLong,
    /// A frame is not what it should be.
    Malformed,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "the stream ends within a frame: write it again",
            Self::TooLong => "a frame is longer than any should be: was this written by another version?",
            Self::Malformed => "a frame cannot be read: was this written by another version?",
        })
    }
}

impl core::error::Error for StreamError {}

/// The next frame's value, which borrows from `room` ([`FRAME`] bytes do); none at the end.
///
/// # Errors
/// What is wrong with the stream.
pub fn read<'r, T: Deserialize<'r>>(
    source: &mut impl Source,
    room: &'r mut [u8],
) -> Result<Option<T>, StreamError> {
    let mut len = [0; 4];
    match fill(source, &mut len) {
        0 => return Ok(None),
        4 => {}
        _ => return Err(StreamError::Cut),
    }
    let len = u32::from_le_bytes(len) as usize;
    let room = room.get_mut(..len).ok_or(StreamError::TooLong)?;
    if fill(source, room) != len {
        return Err(StreamError::Cut);
    }
    postcard::from_bytes(room).map(Some).map_err(|_| StreamError::Malformed)
}

/// Reads until `room` is full or nothing more comes; how much came.
fn fill(source: &mut impl Source, room: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < room.len() {
        match source.read(&mut room[filled..]) {
            0 => break,
            count => filled += count,
        }
    }
    filled
}

/// Writes a frame with this value, put together in `room` ([`FRAME`] bytes do).
///
/// # Errors
/// [`StreamError::TooLong`].
pub fn write<T: Serialize>(sink: &mut impl Sink, value: &T, room: &mut [u8]) -> Result<(), StreamError> {
    let (len, rest) = room.split_first_chunk_mut().ok_or(StreamError::TooLong)?;
    let used = postcard::to_slice(value, rest).map_err(|_| StreamError::TooLong)?.len();
    *len = (used as u32).to_le_bytes();
    sink.write(&room[..4 + used]);
    Ok(())
}
