//! Hands the linker the chosen board's memory map and, for boards without a crate that does it, its interrupts' names.

use std::env;
use std::fs;
use std::path::PathBuf;

const BOARDS: [&str; 3] = ["mps2-an386", "mps2-an500", "nucleo-h743zi"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=boards");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let chosen = |board: &&str| {
        let feature = board.replace('-', "_").to_uppercase();
        env::var_os(format!("CARGO_FEATURE_{feature}")).is_some()
    };
    let chosen: Vec<&str> = BOARDS.into_iter().filter(chosen).collect();
    let [board] = chosen[..] else {
        panic!("choose one board: --no-default-features --features <one of {}>", BOARDS.join(", "));
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let folder = PathBuf::from("boards").join(board);
    for file in ["memory.x", "device.x"] {
        if let Ok(text) = fs::read(folder.join(file)) {
            fs::write(out.join(file), text).expect("OUT_DIR can be written");
        }
    }
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
    // The linker aligns sections to what stands in them.
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rustc-env=WARMLINE_BOARD={board}");
    println!("cargo:rerun-if-env-changed=DEFMT_LOG");
    if env::var_os("DEFMT_LOG").is_none() {
        println!("cargo:rustc-env=DEFMT_LOG=info");
    }
}
