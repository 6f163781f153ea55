//! Warmline on a board. On a host there is nothing to run.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod appliance;
#[cfg(target_os = "none")]
mod board;
#[cfg(target_os = "none")]
mod clock;
#[cfg(target_os = "none")]
mod journal;
#[cfg(target_os = "none")]
mod names;
#[cfg(target_os = "none")]
mod office;
#[cfg(target_os = "none")]
mod room;
#[cfg(target_os = "none")]
mod time;
#[cfg(target_os = "none")]
mod wire;

#[cfg(target_os = "none")]
#[cortex_m_rt::entry]
fn main() -> ! {
    board::run(appliance::start)
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("warmline-fw runs on a board: see firmware/README.md");
}
