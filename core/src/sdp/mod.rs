//! Session descriptions: what one end says about its media, and how two ends agree on it.
//!
//! A description is read once into a [`Session`] of spans; its attributes are typed when they are asked for. On
//! top of that stands offer and answer (RFC 3264) for the one thing this node carries: one audio stream in PCMU
//! or PCMA over RTP/AVP or RTP/SAVP, with telephone-events and comfort noise. [`choose`] and [`answer()`] serve an offer
//! that came in, [`offer()`]
//! and [`accept`] one that goes out.
//!
//! It is not a general SDP toolkit: bandwidth, ICE candidates, repeat times and the like are stepped over,
//! nothing of a description is passed on, and host names are never looked up. Whether the addresses a peer names
//! may be spoken to is the caller's to check, for RTP and RTCP alike.

mod agreement;
mod attribute;
mod crypto;
mod lines;
mod session;
mod write;

pub use agreement::{Agreed, Refusal, accept, accept_again, choose};
pub use attribute::{Attribute, Attributes};
pub use crypto::{Crypto, Keys};
pub use session::{Error, MAX_MEDIA, Media, Session};
pub use write::{Local, answer, offer};

/// The payload type we offer for telephone-events.
const EVENT: u8 = 101;

/// The static payload type of comfort noise (RFC 3551 table 4).
const NOISE: u8 = 13;

/// Milliseconds of audio in a packet when nothing else is said (RFC 3551 section 4.5), and what we ask for.
const PTIME: u8 = 20;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod secure;
#[cfg(test)]
mod tests;
