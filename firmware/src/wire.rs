//! The gate as embassy's IP stack sees it: an Ethernet driver that hands over only what is the stack's.

use core::cell::RefCell;
use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use warmline_gate::frame::{Frame, LARGEST};
use warmline_gate::nic::Nic;
use warmline_gate::{Gate, Incoming};

use crate::board::Controller;
use crate::time::now;

/// The gate, shared by the stack and the signalling. Nobody holds it across an await.
pub(crate) type Shared = RefCell<Gate<'static, 'static, Controller>>;

/// Rings when a packet has given the relay something to say.
pub(crate) static NEWS: Signal<CriticalSectionRawMutex, ()> = Signal::new();

/// The driver.
pub(crate) struct Wire {
    gate: &'static Shared,
    frame: &'static mut Frame,
}

impl Wire {
    pub(crate) fn new(gate: &'static Shared, frame: &'static mut Frame) -> Self {
        Self { gate, frame }
    }
}

impl Driver for Wire {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, Sending)> {
        let mut gate = self.gate.borrow_mut();
        if !gate.nic().can_send(cx.waker()) {
            return None;
        }
        let before = gate.relay.deadline();
        let incoming = gate.receive(now(), cx.waker(), self.frame);
        if gate.relay.deadline().is_some_and(|at| before.is_none_or(|before| at < before)) {
            NEWS.signal(());
        }
        match incoming {
            Incoming::Nothing => None,
            Incoming::More => {
                cx.waker().wake_by_ref();
                None
            }
            Incoming::Stack(len) => Some((Received(&mut self.frame.bytes()[..len]), Sending(self.gate))),
        }
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Sending> {
        self.gate.borrow_mut().nic().can_send(cx.waker()).then_some(Sending(self.gate))
    }

    fn link_state(&mut self, cx: &mut Context<'_>) -> LinkState {
        if self.gate.borrow_mut().nic().link_is_up(cx.waker()) { LinkState::Up } else { LinkState::Down }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = LARGEST;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.gate.borrow_mut().nic().hardware_address().0)
    }
}

/// A frame for the stack.
pub(crate) struct Received<'a>(&'a mut [u8]);

impl embassy_net_driver::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// Leave to send one frame.
pub(crate) struct Sending(&'static Shared);

impl embassy_net_driver::TxToken for Sending {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        // On the stack: the frames of the IP stack's own are few, and never two at once.
        let mut frame = Frame::EMPTY;
        let frame = &mut frame.bytes()[..len];
        let result = write(frame);
        self.0.borrow_mut().send_frame(frame);
        result
    }
}
