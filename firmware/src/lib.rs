//! Warmline on a board: the same core as on a server, between an Ethernet controller and embassy's IP stack.
//!
//! What can be tested on a host stands here; boards, their drivers and the application that runs on them are in the
//! program beside it.
#![cfg_attr(not(test), no_std)]

pub mod door;
pub mod frame;
pub mod gate;
pub mod neighbours;
pub mod nic;

pub use smoltcp::wire::EthernetAddress;
