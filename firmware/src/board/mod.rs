//! The boards. Each gives its parts, its way to sleep, and its interrupts.
//!
//! Here alone stands code that the compiler cannot check: registers, interrupt vectors, memory that outlives a reset.
#![allow(unsafe_code)]

#[cfg(feature = "mps2")]
#[path = "mps2/mod.rs"]
mod chosen;
#[cfg(feature = "nucleo-h743zi")]
#[path = "nucleo_h743zi/mod.rs"]
mod chosen;

pub(crate) mod retained;
pub(crate) mod stack;

pub(crate) use chosen::{Controller, Watchdog, run, start};

use core::slice;

use warmline_core::image::{self, Board};

/// What the application is given.
pub(crate) struct Parts {
    /// The Ethernet controller.
    pub(crate) controller: Controller,
    /// The watchdog, running.
    pub(crate) watchdog: Watchdog,
    /// 32 bytes that nobody can foresee.
    pub(crate) seed: [u8; 32],
}

/// What this program is built for.
pub(crate) const BOARD: &Board = match image::board(env!("WARMLINE_BOARD")) {
    Some(board) => board,
    None => panic!("core knows no board of this name"),
};

/// The flash that is kept for the configuration image, whatever stands there.
pub(crate) fn image() -> &'static [u8] {
    let start = core::ptr::with_exposed_provenance(BOARD.config_address as usize);
    // SAFETY: the board's memory map keeps this flash free of the program (`boards/*/memory.x`), and nothing writes
    // to it while the program runs.
    unsafe { slice::from_raw_parts(start, BOARD.config_len) }
}
