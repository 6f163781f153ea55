//! Keeps the relocations in the image, so that the check can read who refers to whom.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo::rustc-link-arg-bins=--emit-relocs");
    }
}
