//! Every door of core, opened once. **A new room of core adds its doors here.**
//!
//! A door is a function over bytes: it calls what core offers with values that the optimiser cannot know (read from
//! the bytes, or passed through `black_box`), and hands results to `black_box` so that nothing is left out. It must
//! not be able to panic itself, or it is named in core's place.

use core::net::{IpAddr, SocketAddr};

use warmline_core::time::Instant;

mod digest;
mod filter;
mod image;
mod memory;
mod random;
mod relay;
mod rtp;
mod sbc;
mod sdp;
mod sip;

/// A way into core, given bytes to go in with.
pub(crate) type Door = fn(&mut [u8]);

/// All of them.
pub(crate) const DOORS: &[Door] = &[
    random::random,
    filter::prefix,
    filter::ranges,
    filter::limiter,
    image::read,
    image::write,
    image::board,
    memory::pool,
    memory::index,
    memory::key,
    memory::timers,
    memory::blocks,
    memory::ports,
    memory::lingering,
    sip::message,
    sip::uri,
    sip::framer,
    sip::writer,
    sip::echo,
    sip::errors,
    digest::client,
    digest::server,
    sdp::parse,
    sdp::negotiate,
    rtp::transcode,
    rtp::header,
    rtp::event,
    rtp::tones,
    rtp::reception,
    rtp::rtcp,
    rtp::rtcp_writer,
    relay::relay,
    sbc::sbc,
];

/// What the check must find, or it is blind: this one does panic.
pub(crate) const CANARY: Door = canary;

#[inline(never)]
fn canary(bytes: &mut [u8]) {
    core::hint::black_box(bytes[core::hint::black_box(7)]);
}

/// Uses a value.
fn see<T>(value: T) {
    core::hint::black_box(value);
}

/// Values taken from bytes, one after the other; zero once they are used up.
struct Values<'b>(&'b [u8]);

impl<'b> Values<'b> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some((first, rest)) = self.0.split_first_chunk() else { return [0; N] };
        self.0 = rest;
        *first
    }

    fn flag(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// A time that a clock can show: not in the last of 584,000 years.
    fn instant(&mut self) -> Instant {
        Instant::from_micros(self.u64() >> 8)
    }

    fn address(&mut self) -> IpAddr {
        if self.flag() { IpAddr::from(self.array::<4>()) } else { IpAddr::from(self.array::<16>()) }
    }

    fn socket(&mut self) -> SocketAddr {
        SocketAddr::new(self.address(), self.u16())
    }

    /// All that is left.
    const fn rest(&self) -> &'b [u8] {
        self.0
    }
}
