//! ARM's MPS2+ FPGA board as QEMU has it: our appliance for tests. Application note AN386 is a Cortex-M4, AN500 a
//! Cortex-M7 with Ethernet at another address.
//!
//! Facts from ARM's application notes and from QEMU's `hw/arm/mps2.c`.

mod clock;
mod lan9118;
mod registers;
mod watchdog;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use defmt_semihosting as _;
use embassy_executor::{Spawner, raw};
use semihosting::fs::File;
use semihosting::io::Read;
use static_cell::StaticCell;

pub(crate) use lan9118::Lan9118 as Controller;
pub(crate) use watchdog::Watchdog;

use registers::Registers;

#[cfg(feature = "mps2-an386")]
const ETHERNET_AT: usize = 0x4020_0000;
#[cfg(feature = "mps2-an500")]
const ETHERNET_AT: usize = 0xA000_0000;
const TIMER0_AT: usize = 0x4000_0000;
const TIMER1_AT: usize = 0x4000_1000;
const WATCHDOG_AT: usize = 0x4000_8000;

/// The system clock, which the timers and the watchdog count.
const HZ: u32 = 25_000_000;

/// Starts the board and gives its parts.
pub(crate) fn start() -> super::Parts {
    clock::start();
    // SAFETY: nothing else uses the controller.
    let controller = Controller::start(unsafe { Registers::new(ETHERNET_AT) });
    unmask(Interrupt::Ethernet);
    // SAFETY: nothing else uses the watchdog.
    let watchdog = Watchdog::start(unsafe { Registers::new(WATCHDOG_AT) });
    super::Parts { controller, watchdog, seed: seed() }
}

/// Entropy: the machine that emulates the board lends it, as the board has no source of its own.
fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    let read = File::open(c"/dev/urandom").and_then(|mut file| file.read(&mut seed));
    assert!(
        read.is_ok_and(|len| len == seed.len()),
        "no entropy: run QEMU with -semihosting-config enable=on"
    );
    seed
}

/// Runs the executor. Between tasks the processor sleeps by WFI: QEMU takes WFE, which embassy's own executor uses,
/// for a pause only, and would keep a whole core of its host busy.
pub(crate) fn run(start: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<raw::Executor> = StaticCell::new();
    let executor = EXECUTOR.init(raw::Executor::new(core::ptr::null_mut()));
    start(executor.spawner());
    loop {
        // SAFETY: only here, and not from within a task.
        unsafe { executor.poll() };
        // Whoever wakes a task is an interrupt; one that comes after this check still ends the sleep.
        cortex_m::interrupt::disable();
        if !WOKEN.swap(false, core::sync::atomic::Ordering::Relaxed) {
            cortex_m::asm::wfi();
        }
        // SAFETY: they were enabled above.
        unsafe { cortex_m::interrupt::enable() };
    }
}

static WOKEN: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);

#[unsafe(export_name = "__pender")]
fn pend(_: *mut ()) {
    WOKEN.store(true, core::sync::atomic::Ordering::Relaxed);
}

#[derive(Clone, Copy)]
#[repr(u16)]
enum Interrupt {
    Timer0 = 8,
    Timer1 = 9,
    Ethernet = 13,
}

// SAFETY: the numbers are the board's and stay what they are.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

fn unmask(interrupt: Interrupt) {
    // SAFETY: no critical section relies on a mask.
    unsafe { NVIC::unmask(interrupt) };
}

unsafe extern "C" {
    fn TIMER0();
    fn TIMER1();
    fn ETHERNET();
    fn DefaultHandler();
}

/// The vector table behind the processor's own sixteen.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [unsafe extern "C" fn(); 32] = {
    let mut table: [unsafe extern "C" fn(); 32] = [DefaultHandler; 32];
    table[Interrupt::Timer0 as usize] = TIMER0;
    table[Interrupt::Timer1 as usize] = TIMER1;
    table[Interrupt::Ethernet as usize] = ETHERNET;
    table
};
