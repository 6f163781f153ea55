//! How the player is linked for its board: QEMU's mps2-an386.

use std::path::PathBuf;
use std::{env, fs};

/// All of the board's flash, but for its last 64 KiB.
const MEMORY: &str = "\
MEMORY
{
    FLASH : ORIGIN = 0x00000000, LENGTH = 0x003f0000
    RAM : ORIGIN = 0x20000000, LENGTH = 4M
}
";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(folder.join("memory.x"), MEMORY).expect("cargo has made the folder");
    println!("cargo::rustc-link-search={}", folder.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}
