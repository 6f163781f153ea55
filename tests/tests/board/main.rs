//! Warmline on an emulated board: `tests/run --only board` builds the firmware and runs these on a network of their own.
//! In one program, as most of their time is waiting, which is done side by side.

mod calls;
mod door;
mod falls;
mod hours;
mod image;
mod keys;
mod lease;
mod link;
mod load;
mod neighbours;
mod overload;
mod reliable;
mod reset;
mod sessions;
mod sound;
mod story;
mod torture;
mod transfer;

/// The program that makes images.
const WARMLINE: &str = env!("CARGO_BIN_EXE_warmline-tests");
