//! Memory that a reset leaves as it is, for what is to be known after one. Losing power clears it.

use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::str;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

/// Says that words follow, and not what memory holds after power was switched on.
const WRITTEN: u32 = 0x57_4c_50_31;

/// How many bytes of last words are kept.
const ROOM: usize = 240;

#[repr(C)]
struct LastWords {
    written: u32,
    len: u32,
    bytes: [u8; ROOM],
    /// Written last, for nothing: an STM32H7's memory keeps back a write of less than its 8 bytes until another comes,
    /// and forgets it at a reset (RM0433 section 2.4, AN5342).
    flush: u64,
}

struct Retained<T>(UnsafeCell<MaybeUninit<T>>);

// SAFETY: it is touched at the start, before there are tasks, and at the end, when nothing runs any more.
unsafe impl<T> Sync for Retained<T> {}

#[unsafe(link_section = ".uninit.last_words")]
static LAST_WORDS: Retained<LastWords> = Retained(UnsafeCell::new(MaybeUninit::uninit()));

/// What the program said before it fell, if it did. Is to be called once.
pub(crate) fn last_words() -> Option<&'static str> {
    // SAFETY: any bits are numbers and bytes, and nobody else looks or writes now.
    let words = unsafe { (*LAST_WORDS.0.get()).assume_init_mut() };
    let written = core::mem::take(&mut words.written);
    let bytes = words.bytes.get(..words.len as usize)?;
    (written == WRITTEN).then(|| str::from_utf8(bytes).unwrap_or("in words that cannot be read"))
}

/// Keeps what is said and starts the board anew.
fn fall(words: fmt::Arguments<'_>) -> ! {
    cortex_m::interrupt::disable();
    // SAFETY: any bits are numbers and bytes, and with interrupts off nothing else runs any more.
    let last = unsafe { (*LAST_WORDS.0.get()).assume_init_mut() };
    last.len = 0;
    let _ = last.write_fmt(words);
    last.written = WRITTEN;
    // SAFETY: it is ours, as above.
    unsafe { (&raw mut last.flush).cast::<u32>().write_volatile(0) };
    cortex_m::asm::dsb();
    SCB::sys_reset()
}

impl Write for LastWords {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            *self.bytes.get_mut(self.len as usize).ok_or(fmt::Error)? = byte;
            self.len += 1;
        }
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    match info.location() {
        Some(place) => fall(format_args!("{}:{}: {}", place.file(), place.line(), info.message())),
        None => fall(format_args!("{}", info.message())),
    }
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    fall(format_args!("hard fault at {:#010x}, called from {:#010x}", frame.pc(), frame.lr()))
}

/// The watchdog's warning: nobody has fed it.
#[exception]
unsafe fn NonMaskableInt() {
    fall(format_args!("the watchdog was not fed"))
}
