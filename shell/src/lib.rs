//! Warmline's shell: sockets, files and the command line around `warmline_core`.
//!
//! It decides nothing that a SIP message or a call means. A [`Node`] moves bytes, keeps time and does what core asks:
//! one thread drives signalling, and relay workers of their own drive media; [`command`] is what a person types.

pub mod bench;
pub mod command;
pub mod config;
pub mod demo;

mod certificates;
mod clips;
mod clock;
mod desk;
mod hours;
mod loopback;
mod media;
mod node;
mod platform;
mod recording;
mod reload;
mod room;
mod signal;
mod store;
mod webhook;

pub use media::{Backend, Traffic, Unavailable};
pub use node::{Node, Options, Snapshot, StartError};
pub use reload::{Changes, ReloadError};
