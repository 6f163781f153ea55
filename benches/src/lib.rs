//! What all benches share: the messages that are parsed, and the clock that measures.

mod cpu;
mod messages;

pub use cpu::{Cpu, criterion};
pub use messages::{Ring, VARIANTS, bye, invite, ok};
