//! The CMSDK watchdog: when it is not fed it interrupts (NMI), and a period later resets the board.

use super::HZ;
use super::registers::Registers;

const LOAD: usize = 0x0;
const CONTROL: usize = 0x8;
const INTERRUPT_CLEAR: usize = 0xC;
const LOCK: usize = 0xC00;
const UNLOCK: u32 = 0x1ACC_E551;

/// Seconds until it bites, and then once more as long until it resets by itself.
const SECONDS: u32 = 4;

/// The watchdog, running.
pub(crate) struct Watchdog(Registers);

impl Watchdog {
    pub(super) fn start(registers: Registers) -> Self {
        registers.set(LOCK, UNLOCK);
        registers.set(LOAD, SECONDS * HZ);
        registers.set(CONTROL, 0b11); // interrupt, then reset
        Self(registers)
    }

    /// Says that all is well.
    pub(crate) fn feed(&mut self) {
        self.0.set(INTERRUPT_CLEAR, 1); // also loads the counter anew
    }
}
