//! Traces: what entered core at which time, to be played again where core runs, on a host or on a board.
//!
//! A [`stream`] brings a trace and takes what leaves; a [`Player`] drives an [`Sbc`](warmline_core::Sbc) and a
//! [`Relay`](warmline_core::Relay) by it, as a board's application drives them, in a [`Room`] as large as that board's.
//! The same trace makes the same bytes leave, wherever it is played.
#![no_std]

mod departures;
mod player;
mod room;
mod srtp;
pub mod stream;

pub use departures::Departures;
pub use player::{Host, Part, PlayError, Player};
pub use room::{BOARD, Room};
pub use srtp::{SRTP, srtp};
