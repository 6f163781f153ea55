//! SRTP: what keeps the audio of one leg secret and whole between us and its peer (RFC 3711, RFC 7714).
//!
//! A [`Master`] key comes from signalling, one for each direction ([`Secret`] makes ours). A [`Context`] is made of the
//! two: it protects packets on their way to the peer and unprotects the peer's, in place. Key derivation rate is 0 and
//! there is no MKI. Who the peer is, and what becomes of its packets, is [`relay`](crate::relay)'s business.

mod context;
mod derivation;
mod gcm;
mod master;
mod policy;
mod session;
mod suite;
#[cfg(test)]
mod tests;
mod window;

pub use context::Context;
pub use master::{Master, Secret, Security};
pub use policy::Policy;
pub use suite::Suite;

/// Why a packet does not go through a [`Context`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// It is too short, or no RTP or RTCP at all, or its buffer has no room for what protects it.
    Malformed,
    /// Its authentication tag is wrong: it was made with another key or suite, or changed on its way.
    NotAuthentic,
    /// It was here before, or is too old to tell.
    Replayed,
    /// The key has protected as many packets as it may (RFC 3711 section 9.2).
    Exhausted,
}
