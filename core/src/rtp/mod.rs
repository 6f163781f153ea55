//! RTP: what a packet says, and what two ends agreed to say in them.

mod profile;

pub use profile::{Direction, Format, Profile};
