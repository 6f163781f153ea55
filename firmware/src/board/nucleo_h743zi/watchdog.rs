//! The independent watchdog: it counts an oscillator of its own, and resets the board when it is not fed. It gives no
//! warning, so the only word about it is the reset's cause.

use embassy_stm32::Peri;
use embassy_stm32::pac::RCC;
use embassy_stm32::peripherals::IWDG1;
use embassy_stm32::wdg::IndependentWatchdog;

/// Microseconds until it bites.
const PERIOD: u32 = 4_000_000;

/// The watchdog, running.
pub(crate) struct Watchdog(IndependentWatchdog<'static, IWDG1>);

impl Watchdog {
    pub(super) fn start(peripheral: Peri<'static, IWDG1>) -> Self {
        if RCC.rsr().read().iwdg1rstf() {
            defmt::error!("started anew, after: the watchdog was not fed");
        }
        RCC.rsr().modify(|causes| causes.set_rmvf(true));
        let mut watchdog = IndependentWatchdog::new(peripheral, PERIOD);
        watchdog.unleash();
        Self(watchdog)
    }

    /// Says that all is well.
    pub(crate) fn feed(&mut self) {
        self.0.pet();
    }
}
