//! Memory that a reset leaves as it is, for what is to be known after one. Losing power clears it.

use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

use super::BOARD;

/// Room for the record of one call: two usual legs take less.
pub(crate) const RECORD: usize = 1152;

/// How many bytes of last words are kept.
const LAST_WORDS: usize = 240;

/// Says that what follows was written by a program, and is not what memory holds when power is switched on.
const WRITTEN: u32 = 0x574c_5031;

/// Words that the start of the program leaves alone. The compiler knows nothing of what a reset does, so they are read
/// and written one by one, and as if they were a device's.
struct Words<const N: usize>(UnsafeCell<MaybeUninit<[u32; N]>>);

// SAFETY: words are read and written whole, by the only core there is.
unsafe impl<const N: usize> Sync for Words<N> {}

impl<const N: usize> Words<N> {
    const fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    fn get(&self, at: usize) -> u32 {
        assert!(at < N, "retained memory ends there");
        // SAFETY: within the static, and any bits are a number.
        unsafe { self.0.get().cast::<u32>().add(at).read_volatile() }
    }

    fn set(&self, at: usize, word: u32) {
        assert!(at < N, "retained memory ends there");
        // SAFETY: within the static.
        unsafe { self.0.get().cast::<u32>().add(at).write_volatile(word) }
    }
}

/// Whether there are last words, how many bytes, they, and a word for nothing.
#[unsafe(link_section = ".uninit.last_words")]
static LAST: Words<{ 3 + LAST_WORDS / 4 }> = Words::new();

/// How often calls were taken up since all went well, and the records of answered calls.
#[unsafe(link_section = ".uninit.records")]
static RECORDS: Words<{ 1 + BOARD.calls * RECORD / 4 }> = Words::new();

/// What the program said before it fell, if it did; it is said once.
pub(crate) fn last_words() -> Option<heapless::String<LAST_WORDS>> {
    let (written, len) = (LAST.get(0), LAST.get(1));
    LAST.set(0, 0);
    if written != WRITTEN || len as usize > LAST_WORDS {
        return None;
    }
    let bytes = (0..len as usize).map(|at| LAST.get(2 + at / 4).to_le_bytes()[at % 4]);
    Some(bytes.map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect())
}

/// Keeps what is said and starts the board anew.
pub(crate) fn fall(words: fmt::Arguments<'_>) -> ! {
    cortex_m::interrupt::disable();
    let mut speech = Speech { len: 0, word: [0; 4] };
    let _ = speech.write_fmt(words);
    LAST.set(1, speech.len);
    LAST.set(0, WRITTEN);
    // An STM32H7's memory keeps a word back until another is written, and forgets it at a reset (RM0433 2.4, AN5342).
    LAST.set(2 + LAST_WORDS / 4, 0);
    cortex_m::asm::dsb();
    SCB::sys_reset()
}

struct Speech {
    len: u32,
    word: [u8; 4],
}

impl Write for Speech {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            let at = self.len as usize;
            if at == LAST_WORDS {
                return Err(fmt::Error);
            }
            self.word[at % 4] = byte;
            LAST.set(2 + at / 4, u32::from_le_bytes(self.word));
            self.len += 1;
        }
        Ok(())
    }
}

/// The records of answered calls, each at its call's place.
pub(crate) mod records {
    use super::{BOARD, RECORD, RECORDS, WRITTEN};

    /// Which record stands at `place`, written to `out`. It may be none at all: it says so itself.
    pub(crate) fn read(place: usize, out: &mut [u8; RECORD]) {
        for (at, word) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *word = RECORDS.get(first(place) + at).to_le_bytes();
        }
    }

    /// Keeps a record at `place`.
    pub(crate) fn write(place: usize, record: &[u8]) {
        for (at, bytes) in record.chunks(4).enumerate() {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            RECORDS.set(first(place) + at, u32::from_le_bytes(word));
        }
        flush();
    }

    /// Forgets the record at `place`.
    pub(crate) fn forget(place: usize) {
        RECORDS.set(first(place), 0);
        flush();
    }

    /// Writes a word for nothing: see [`super::fall`].
    fn flush() {
        RECORDS.set(0, RECORDS.get(0));
    }

    /// Whether records may be read: not when reading them has brought the board down twice already.
    pub(crate) fn may_be_read() -> bool {
        let before = RECORDS.get(0).checked_sub(WRITTEN).filter(|&times| times <= 2).unwrap_or(0);
        RECORDS.set(0, WRITTEN + before + 1);
        before < 2
    }

    /// All went well since they were read.
    pub(crate) fn were_good() {
        RECORDS.set(0, WRITTEN);
    }

    const fn first(place: usize) -> usize {
        assert!(place < BOARD.calls, "there are no more calls");
        1 + place * RECORD / 4
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
