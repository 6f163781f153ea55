//! What is asked of an Ethernet controller.

use core::task::Waker;

use smoltcp::wire::EthernetAddress;

use crate::frame::Frame;

/// An Ethernet controller.
pub trait Nic {
    /// Its hardware address.
    fn hardware_address(&self) -> EthernetAddress;

    /// Whether its link is up. `waker` is woken when that changes.
    fn link_is_up(&mut self, waker: &Waker) -> bool;

    /// Takes the next frame off the wire. `wanted` is shown its first bytes, at least
    /// [`HEAD`](crate::door::HEAD) of them where it has as many; what is not wanted is not moved any further.
    /// `waker` is woken when one comes after [`Taken::Nothing`].
    fn receive(&mut self, waker: &Waker, frame: &mut Frame, wanted: impl FnOnce(&[u8]) -> bool) -> Taken;

    /// Whether there is room to send a frame. `waker` is woken when there is, after there was not.
    fn can_send(&mut self, waker: &Waker) -> bool;

    /// Sends a frame, as long as there is room; says whether there was.
    fn send(&mut self, frame: &[u8]) -> bool;
}

/// What was taken off the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// No frame has come.
    Nothing,
    /// A frame that was not wanted, or was damaged.
    Refused,
    /// A frame of so many bytes.
    Frame(usize),
}
