//! The panic link check.
//!
//! For a board this is an image in which every door of core is opened once, linked as firmware is linked (fat LTO,
//! `--gc-sections`, relocations kept). It is never run. For the host it is the program that reads that image and names
//! every place in it that can still panic, with its source line: see [`check`].
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(any(test, target_os = "none"))]
mod doors;

#[cfg(target_os = "none")]
mod image;

#[cfg(not(target_os = "none"))]
mod allowed;
#[cfg(not(target_os = "none"))]
mod check;

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    check::main()
}

/// The doors on the host: they open, and what the image links is not all dead code.
#[cfg(test)]
mod tests {
    use super::doors::{CANARY, DOORS};

    #[test]
    fn every_door_opens_on_any_bytes() {
        for fill in [0, b' ', b'\r', b'\n', b'a', 0x7f, 0x80, 0xff] {
            for door in DOORS {
                door(&mut [fill; 4096]);
            }
        }
    }

    #[test]
    #[should_panic]
    fn the_canary_panics() {
        CANARY(&mut []);
    }
}
