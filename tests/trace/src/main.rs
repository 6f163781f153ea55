//! Plays traces, on the host and on a board.
//!
//! For a board this is an image that plays the trace named on its command line, over semihosting. For the host it is
//! the program that makes the traces, plays them here and on that board under QEMU, compares what left, and prints how
//! many instructions core took there.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod board;

#[cfg(not(target_os = "none"))]
mod host;

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    host::main()
}
