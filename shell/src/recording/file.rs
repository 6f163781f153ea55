//! One recording: a WAV file with two channels, what the one says on the left, what it hears on the right.
//!
//! Pieces gather for a fifth of a second, so that those which come out of order find their place; then they are written.
//! The file's start says how long it is, and is written again each time: whatever becomes of us, the file plays.

use core::time::Duration;
use std::collections::VecDeque;
use std::io;

use warmline_core::g711::Law;
use warmline_core::relay::{Channel, Taped};

use super::sink::Sink;

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// G.711 mu-law, a byte each.
    MuLaw,
    /// Linear, two bytes each.
    Pcm,
}

/// How long pieces wait for those that belong before them, in samples.
const WINDOW: u64 = 1_600;

/// More than this is not kept in memory, in samples: longer pauses are written as they come.
const MOST: u64 = 16_000;

/// How many frames are written at a time.
const CHUNK: u64 = 4_096;

/// A recording that is being written.
pub(super) struct Recording {
    sink: Sink,
    format: Format,
    /// How many frames are written.
    written: u64,
    /// The frames behind those.
    window: VecDeque<[i16; 2]>,
    bytes: Vec<u8>,
}

impl Recording {
    pub(super) fn new(mut sink: Sink, format: Format) -> io::Result<Self> {
        // Where the start cannot be written again, it says that the file goes on to its end.
        let frames = if sink.can_go_back() { 0 } else { u64::MAX };
        sink.write(&start(format, frames))?;
        Ok(Self { sink, format, written: 0, window: VecDeque::new(), bytes: Vec::new() })
    }

    /// Puts a piece in its place. What belongs where it is written already is left out.
    pub(super) fn put(&mut self, piece: &Taped) {
        let channel = match piece.channel() {
            Channel::Says => 0,
            Channel::Hears => 1,
        };
        // One that is far ahead waits behind silence that is written first.
        let end = piece.position().saturating_add(piece.audio().len() as u64);
        if end.saturating_sub(self.written) > MOST && self.settle(end.saturating_sub(WINDOW)).is_err() {
            // What cannot be written is found out when it is written the next time.
            return;
        }
        for (at, code) in (piece.position()..).zip(piece.audio()) {
            let Some(at) = at.checked_sub(self.written).and_then(|at| usize::try_from(at).ok()) else {
                continue;
            };
            if at >= self.window.len() {
                self.window.resize(at + 1, [0; 2]);
            }
            if let Some(sample) = self.window.get_mut(at).and_then(|frame| frame.get_mut(channel)) {
                *sample = piece.law().decode(*code);
            }
        }
    }

    /// Writes what has waited long enough.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let end = self.written + self.window.len() as u64;
        self.settle(end.saturating_sub(WINDOW))
    }

    /// Writes all that is left, and says how long the recording is.
    pub(super) fn finish(mut self) -> io::Result<Duration> {
        self.settle(self.written + self.window.len() as u64)?;
        let length = Duration::from_micros(self.written * 125);
        self.sink.finish()?;
        Ok(length)
    }

    /// Writes frames up to this one, silence where there are none.
    fn settle(&mut self, end: u64) -> io::Result<()> {
        if end <= self.written {
            return Ok(());
        }
        while self.written < end {
            let frames = (end - self.written).min(CHUNK);
            self.bytes.clear();
            for _ in 0..frames {
                let frame = self.window.pop_front().unwrap_or_default();
                match self.format {
                    Format::MuLaw => self.bytes.extend(frame.map(|sample| Law::Mu.encode(sample))),
                    Format::Pcm => self.bytes.extend(frame.map(i16::to_le_bytes).as_flattened()),
                }
            }
            self.sink.write(&self.bytes)?;
            self.written += frames;
        }
        self.sink.write_start(&start(self.format, self.written))
    }
}

/// The start of a file with so many frames of two samples: RIFF, the format, and the sizes of what follows.
pub(crate) fn start(format: Format, frames: u64) -> Vec<u8> {
    let (tag, bytes): (u16, u16) = match format {
        Format::MuLaw => (7, 1),
        Format::Pcm => (1, 2),
    };
    let align = 2 * bytes;
    let size = |size: u64| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    let data = frames.saturating_mul(align.into());
    let mut start = b"RIFF".to_vec();
    start.extend(size(data.saturating_add(50)));
    start.extend(b"WAVEfmt ");
    start.extend(18u32.to_le_bytes());
    start.extend([tag, 2].map(u16::to_le_bytes).as_flattened());
    start.extend([8_000, 8_000 * u32::from(align)].map(u32::to_le_bytes).as_flattened());
    start.extend([align, 8 * bytes, 0].map(u16::to_le_bytes).as_flattened());
    start.extend(b"fact");
    start.extend(4u32.to_le_bytes());
    start.extend(size(frames));
    start.extend(b"data");
    start.extend(size(data));
    start
}
