//! RTP: what a packet says, how well packets arrive, and what two ends agreed to say in them.
//!
//! Nothing here knows streams, peers or sockets; that is [`relay`](crate::relay).

mod event;
mod header;
mod number;
mod profile;
mod reception;
pub mod rtcp;

pub use event::Event;
pub use header::{Error, Header};
pub use number::{Seq, Timestamp};
pub use profile::{Direction, Format, Profile};
pub use reception::{Arrival, MAX_DROPOUT, MAX_MISORDER, Reception};
