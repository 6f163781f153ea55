//! Warmline on a board. On a host there is nothing to run.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("warmline-fw runs on a board: see firmware/README.md");
}
