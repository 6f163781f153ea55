//! embassy's driver for the STM32's Ethernet controller, as our own [`Nic`].

use core::pin::pin;
use core::task::{Context, Waker};

use embassy_net_driver::{Driver, LinkState, RxToken, TxToken};
use embassy_stm32::eth::{Ethernet, GenericPhy, Sma};
use embassy_stm32::peripherals::{ETH, ETH_SMA};
use embassy_time::{Duration, Instant, Timer};
use smoltcp::wire::EthernetAddress;
use warmline_gate::door::HEAD;
use warmline_gate::frame::{Frame, LARGEST};
use warmline_gate::nic::{Nic, Taken};

type Inner = Ethernet<'static, ETH, GenericPhy<Sma<'static, ETH_SMA>>>;

/// How often the PHY is asked for its link: each question holds the processor up for some 50 microseconds.
const LOOK: Duration = Duration::from_millis(500);

/// A frame's check sequence: the controller leaves it at the end, where nobody minds it.
const CHECK: usize = 4;

/// The controller.
pub(crate) struct Mac {
    inner: Inner,
    address: EthernetAddress,
    /// Who waits for frames: the driver wakes only whom it was told of last, and asks at every use.
    waiting: Waker,
    link: bool,
    next_look: Instant,
}

impl Mac {
    pub(super) fn new(inner: Inner, address: EthernetAddress) -> Self {
        Self { inner, address, waiting: Waker::noop().clone(), link: false, next_look: Instant::MIN }
    }
}

impl Nic for Mac {
    fn hardware_address(&self) -> EthernetAddress {
        self.address
    }

    fn link_is_up(&mut self, waker: &Waker) -> bool {
        let mut cx = Context::from_waker(waker);
        let now = Instant::now();
        if now >= self.next_look {
            self.link = self.inner.link_state(&mut cx) == LinkState::Up;
            self.next_look = now + LOOK;
        }
        let _ = pin!(Timer::at(self.next_look)).poll(&mut cx);
        self.link
    }

    fn receive(&mut self, waker: &Waker, frame: &mut Frame, wanted: impl FnOnce(&[u8]) -> bool) -> Taken {
        self.waiting.clone_from(waker);
        let Some((received, _)) = self.inner.receive(&mut Context::from_waker(waker)) else {
            return Taken::Nothing;
        };
        received.consume(|bytes| {
            if bytes.len() > LARGEST + CHECK || !wanted(&bytes[..bytes.len().min(HEAD)]) {
                return Taken::Refused;
            }
            let len = bytes.len().min(LARGEST);
            frame.bytes()[..len].copy_from_slice(&bytes[..len]);
            Taken::Frame(len)
        })
    }

    fn can_send(&mut self, waker: &Waker) -> bool {
        self.waiting.clone_from(waker);
        self.inner.transmit(&mut Context::from_waker(waker)).is_some()
    }

    fn send(&mut self, frame: &[u8]) -> bool {
        let Some(room) = self.inner.transmit(&mut Context::from_waker(&self.waiting)) else { return false };
        room.consume(frame.len(), |bytes| bytes.copy_from_slice(frame));
        true
    }
}
