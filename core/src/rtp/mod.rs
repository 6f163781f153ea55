//! RTP: what a packet says, how well packets arrive, and what two ends agreed to say in them.
//!
//! Nothing here knows streams, peers or sockets; that is [`relay`](crate::relay).

mod digit;
mod event;
mod header;
mod number;
mod profile;
mod quality;
mod reception;
pub mod rtcp;
pub mod tone;

pub use digit::Digit;
pub use event::Event;
pub use header::{Error, Header};
pub use number::{Seq, Timestamp};
pub use profile::{Direction, Format, Profile};
pub use quality::Mos;
pub use reception::{Arrival, MAX_DROPOUT, MAX_MISORDER, Reception};
