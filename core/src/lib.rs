//! Warmline's core: everything a session border controller decides, and nothing else.
//!
//! Core is sans-IO. Bytes and time go in; bytes, media controls, events and the next deadline come out. It reads
//! no clock, opens no socket, draws no randomness of its own and never allocates: storage is handed in as slices
//! when it is made, and its configuration is lent for each call. It cannot panic on any input.
//!
//! Two ways lead through it.
//!
//! * Signalling: [`filter`] (may this address speak) → [`sip`] (what does it say) → [`transaction`] → [`dialog`]
//!   → [`call`] → [`mod@line`] (what happens at this hour), and back out the same way. The door is [`Sbc`].
//! * Media: [`relay`] (is this the peer) → [`rtp`] → [`g711`] → out. The door is [`Relay`].
//!
//! The two meet only by the messages [`relay::Control`] and [`relay::Report`], so that a server can run one `Sbc`
//! beside many `Relay`s on other cores.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
    )
)]

#[cfg(test)]
extern crate std;

pub mod call;
pub mod clip;
pub mod config;
pub mod dialog;
pub mod digest;
pub mod filter;
pub mod g711;
pub mod image;
pub mod ip;
pub mod line;
pub mod locate;
pub mod memory;
pub mod random;
pub mod reason;
pub mod relay;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod srtp;
pub mod time;
pub mod transaction;
pub mod transport;

mod record;
mod sbc;

pub use record::VERSION as RECORD_VERSION;
pub use relay::Relay;
pub use sbc::{
    About, Admitted, Announced, Announcement, Binding, Command, Cx, Event, Excerpt, HandOver, Health, Input,
    Invitation, Output, Ping, Pinged, Question, Registered, Registration, RestoreError, Sbc, Sizes, Storage,
    TrunkState, Usage,
};
