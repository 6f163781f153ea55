//! Hostile bytes for core's parsers, and for a board's door.
//!
//! Each target is a plain function over bytes that panics where core breaks a promise: a panic of its own, a range
//! outside its input, an answer that depends on how bytes were cut. libFuzzer calls them from `fuzz_targets`, and
//! `tests/replay.rs` does on seeds and random mutations, without a fuzzer and on any toolchain.
#![no_std]

mod digest;
mod frame;
mod image;
mod media;
mod record;
mod sdp;
mod sip;
mod srtp;

pub use digest::digest;
pub use frame::frame;
pub use image::image;
pub use media::{rtcp, rtp};
pub use record::record;
pub use sdp::sdp;
pub use sip::{framer, message, uri};
pub use srtp::srtp;
