//! Writes down what leaves.

use core::fmt::{self, Write};

use heapless::String;

use crate::player::Host;
use crate::stream::{self, Departure, FRAME, Sink};

/// A [`Host`] that writes a [`Departure`] for everything that leaves.
pub struct Departures<'r, S> {
    sink: S,
    room: &'r mut [u8; FRAME],
    /// How many there were.
    pub count: u32,
    /// Whether any had more to say than there is room for.
    pub cut: bool,
}

impl<'r, S: Sink> Departures<'r, S> {
    /// One that writes to `sink`, and puts frames together in `room`.
    pub const fn new(sink: S, room: &'r mut [u8; FRAME]) -> Self {
        Self { sink, room, count: 0, cut: false }
    }

    /// What was written to.
    pub fn into_sink(self) -> S {
        self.sink
    }
}

impl<S: Sink> Host for Departures<'_, S> {
    fn left(&mut self, at: u64, what: fmt::Arguments<'_>, bytes: &[u8]) {
        let mut text = String::<4096>::new();
        self.cut |= text.write_fmt(what).is_err();
        self.count += 1;
        self.cut |= stream::write(&mut self.sink, &Departure { at, what: &text, bytes }, self.room).is_err();
    }
}
