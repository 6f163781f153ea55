//! Programs whose clock is off: by libfaketime, where that is installed.

use std::path::PathBuf;
use std::process::Command;

/// Where Debian has libraries: in a folder for each kind of machine.
const LIBRARIES: &str = "/usr/lib";

/// Whether libfaketime is not installed: then the test is not run, and says so by name; an error where everything is to be
/// there.
///
/// # Panics
/// When everything is to be there, and it is not.
pub fn faketime_is_missing(test: &str) -> bool {
    if library().is_some() {
        return false;
    }
    assert!(
        std::env::var_os("WARMLINE_E2E").is_none_or(|value| value != "1"),
        "libfaketime is not installed (Debian: faketime)"
    );
    println!("not run: {test}: libfaketime is not installed (Debian: faketime)");
    true
}

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir(LIBRARIES).ok()?.flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    files.find(|file| file.exists())
}

/// Has a program's civil time be off by so much: `-1h`.
pub(super) fn set(command: &mut Command, off: &str) {
    let library = library().expect("it is installed");
    command.env("LD_PRELOAD", library).env("FAKETIME", off);
    // What is waited for is as long as ever, and nothing is left when it is killed.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("FAKETIME_DISABLE_SHM", "1");
}
