//! ST's NUCLEO-H743ZI2: an STM32H743ZI (Cortex-M7) with Ethernet. Built and linked, never run: we had no board.
//!
//! The data cache stays off, as the Ethernet controller reads and writes memory behind its back.

mod clocks;
mod ethernet;
mod watchdog;

use defmt_rtt as _;
use embassy_executor::{Executor, Spawner};
use embassy_stm32::{bind_interrupts, eth, peripherals, rng};
use smoltcp::wire::EthernetAddress;
use static_cell::{ConstStaticCell, StaticCell};

pub(crate) use ethernet::Mac as Controller;
pub(crate) use watchdog::Watchdog;

bind_interrupts!(struct Interrupts {
    ETH => eth::InterruptHandler;
    RNG => rng::InterruptHandler<peripherals::RNG>;
});

/// Frames that wait to be sent, and to be read: RTP comes in bursts, one packet of each stream.
const FRAMES_OUT: usize = 4;
const FRAMES_IN: usize = 8;

static FRAMES: ConstStaticCell<eth::PacketQueue<FRAMES_OUT, FRAMES_IN>> =
    ConstStaticCell::new(eth::PacketQueue::new());

/// Starts the board and gives its parts.
pub(crate) fn start() -> super::Parts {
    if let Some(mut processor) = cortex_m::Peripherals::take() {
        processor.SCB.enable_icache();
    }
    let board = embassy_stm32::init(clocks::config());
    let watchdog = Watchdog::start(board.IWDG1);
    let mut seed = [0; 32];
    rng::Rng::new(board.RNG, Interrupts).fill_bytes(&mut seed);
    let address = hardware_address();
    // Pins as ST's UM2407 has them wired to the LAN8742A.
    let controller = eth::Ethernet::new(
        FRAMES.take(),
        board.ETH,
        Interrupts,
        board.PA1,
        board.PA7,
        board.PC4,
        board.PC5,
        board.PG13,
        board.PB13,
        board.PG11,
        address.0,
        board.ETH_SMA,
        board.PA2,
        board.PC1,
    );
    super::Parts { controller: Controller::new(controller, address), watchdog, seed }
}

/// An address of our own making, from the chip's number (a locally administered one, IEEE 802 section 8.4).
fn hardware_address() -> EthernetAddress {
    // FNV-1a: the numbers of two chips of a wafer differ in few bits.
    let number = embassy_stm32::uid::uid();
    let hash = number.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let [a, b, c, d, e, ..] = hash.to_le_bytes();
    EthernetAddress([0x02, a, b, c, d, e])
}

/// Runs the executor.
pub(crate) fn run(start: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    EXECUTOR.init_with(Executor::new).run(start)
}
