//! How deep the stack has been: it is painted at the start (cortex-m-rt's `paint-stack`), and what is gone was used.

use core::ptr;

const PAINT: u32 = 0xcccc_cccc;

unsafe extern "C" {
    static mut _stack_start: u32;
    static mut _stack_end: u32;
}

/// Bytes there are.
pub(crate) fn size() -> usize {
    (&raw const _stack_start).addr() - (&raw const _stack_end).addr()
}

/// Most bytes that were used at once.
pub(crate) fn highest() -> usize {
    let end = &raw const _stack_end;
    let words = size() / 4;
    // SAFETY: the linker says that the stack's memory lies there; reading what others write gives some word.
    let painted = (0..words).take_while(|&at| unsafe { ptr::read_volatile(end.add(at)) } == PAINT).count();
    (words - painted) * 4
}
