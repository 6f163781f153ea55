//! embassy's time driver on two CMSDK timers: one counts without end, the other is the alarm.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

use super::registers::Registers;
use super::{HZ, Interrupt, TIMER0_AT, TIMER1_AT, unmask};

const CONTROL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;
const INTERRUPT: usize = 0xC;

/// Enabled, with its interrupt.
const RUN: u32 = 0b1001;

/// Timer ticks in a microsecond.
const TICKS: u64 = (HZ / 1_000_000) as u64;

/// The longest an alarm is set for: it rings early and is set again.
const LONGEST: u64 = 1 << 30;

// SAFETY: these two timers belong to this file.
const COUNTER: Registers = unsafe { Registers::new(TIMER0_AT) };
// SAFETY: as above.
const ALARM: Registers = unsafe { Registers::new(TIMER1_AT) };

struct Clock {
    /// How often the counter has run through its 32 bits.
    wraps: Mutex<Cell<u32>>,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock {
    wraps: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

pub(super) fn start() {
    COUNTER.set(RELOAD, u32::MAX);
    COUNTER.set(VALUE, u32::MAX);
    COUNTER.set(CONTROL, RUN);
    unmask(Interrupt::Timer0);
    unmask(Interrupt::Timer1);
}

impl Clock {
    /// Timer ticks since the start.
    fn ticks(&self, token: CriticalSection<'_>) -> u64 {
        let (before, value) = (COUNTER.get(INTERRUPT), COUNTER.get(VALUE));
        // A wrap that was not counted yet: seen before the value was read, or the value is from just after it.
        let pending = before != 0 || (COUNTER.get(INTERRUPT) != 0 && value > u32::MAX / 2);
        let wraps = u64::from(self.wraps.borrow(token).get()) + u64::from(pending);
        wraps << 32 | u64::from(!value)
    }

    /// Wakes whom it is time to wake, and sets the alarm for the next.
    fn ring(&self, token: CriticalSection<'_>) {
        let mut queue = self.queue.borrow(token).borrow_mut();
        loop {
            let now = self.ticks(token);
            let next = queue.next_expiration(now / TICKS);
            ALARM.set(CONTROL, 0);
            ALARM.set(INTERRUPT, 1);
            if next == u64::MAX {
                return;
            }
            let Some(left) =
                next.saturating_mul(TICKS).checked_sub(self.ticks(token)).filter(|&left| left > 0)
            else {
                continue;
            };
            let left = left.min(LONGEST) as u32;
            ALARM.set(RELOAD, left);
            ALARM.set(VALUE, left);
            ALARM.set(CONTROL, RUN);
            return;
        }
    }
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|token| self.ticks(token) / TICKS)
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|token| {
            if self.queue.borrow(token).borrow_mut().schedule_wake(at, waker) {
                self.ring(token);
            }
        });
    }
}

/// The counter has run through.
#[unsafe(no_mangle)]
extern "C" fn TIMER0() {
    critical_section::with(|token| {
        COUNTER.set(INTERRUPT, 1);
        let wraps = CLOCK.wraps.borrow(token);
        wraps.set(wraps.get().wrapping_add(1));
    });
}

/// The alarm.
#[unsafe(no_mangle)]
extern "C" fn TIMER1() {
    critical_section::with(|token| CLOCK.ring(token));
}
