//! Between an Ethernet controller and the rest of a board: the door, RTP's way past the IP stack, and the way out.
//!
//! It knows frames, the relay and who may speak, but no board and no executor, so that it is tested on a host.
#![cfg_attr(not(test), no_std)]

pub mod door;
pub mod frame;
mod gate;
pub mod neighbours;
pub mod nic;

pub use gate::{Gate, Incoming, Traffic};
pub use smoltcp::wire::EthernetAddress;
