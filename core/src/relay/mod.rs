//! The media way: from one leg's socket to the other's, in place.
//!
//! A [`Relay`] owns streams. Signalling opens them, says who the peers are, and closes them by [`Control`]; packets
//! go through [`Relay::forward`]; what the relay has to say itself (RTCP, reports) comes out of [`Relay::poll`].

mod message;

pub use message::{Control, Hop, Output, Peer, Report, Side, Statistics, StreamId, Verdict};
