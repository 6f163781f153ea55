//! A peripheral's registers, as words at an address.

use core::ptr;

/// The registers of one peripheral.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers(usize);

impl Registers {
    /// Those at `base`.
    ///
    /// # Safety
    /// A peripheral's registers are there, and what is read and written by this does not contradict what others do
    /// with them.
    pub(super) const unsafe fn new(base: usize) -> Self {
        Self(base)
    }

    /// Reads the word at an offset below 4 KiB, a multiple of four.
    pub(super) fn get(self, offset: usize) -> u32 {
        // SAFETY: whoever made this said that it is a register.
        unsafe { ptr::read_volatile(ptr::with_exposed_provenance(self.at(offset))) }
    }

    /// Writes the word at an offset below 4 KiB, a multiple of four.
    pub(super) fn set(self, offset: usize, value: u32) {
        // SAFETY: whoever made this said that it is a register.
        unsafe { ptr::write_volatile(ptr::with_exposed_provenance_mut(self.at(offset)), value) }
    }

    const fn at(self, offset: usize) -> usize {
        debug_assert!(offset < 0x1000 && offset.is_multiple_of(4));
        self.0 + offset
    }
}
