//! A stage for Warmline on a board: QEMU emulates it, on a network that is the test's alone.
//!
//! `tests/run` builds the firmware, makes a network namespace, and runs the tests in it. There each test lays a [`Lane`]
//! of its own: a TAP with the addresses of everyone who plays, SIPp as well as what a test does by itself. The board's
//! log is decoded as it grows ([`Log`]), so that a test waits for what it says and never for a time; what stood on the
//! wire can be looked at as well ([`Wire`]).

mod account;
mod debugger;
mod exchange;
mod flash;
mod heckler;
mod lane;
mod log;
mod machine;
mod monitor;
mod ping;
mod servers;
mod stage;
mod wire;

pub use account::{Account, Stack, Told, Traffic};
pub use debugger::Debugger;
pub use exchange::{Dialog, Request, acknowledge, answer, field, status};
pub use flash::model;
pub use heckler::{Heckler, said_by_agents};
pub use lane::{AI, BOARD, Lane, NOBODY, PHONE, RESOLVER, STRANGER, ZENDESK};
pub use log::Log;
pub use machine::Machine;
pub use monitor::Monitor;
pub use ping::ping;
pub use servers::Server;
pub use stage::{Backstage, BoardStage, NAME, board_is_missing};
pub use wire::{Audio, Packet, Wire};
