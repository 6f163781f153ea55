//! The configuration image that a board finds in its flash.

use std::path::Path;
use std::process::{Command, Stdio};

use warmline_core::image::{Board, board};

/// What names the board, where it is not the usual one.
const NAME: &str = "WARMLINE_BOARD";
const USUAL: &str = "mps2-an386";

/// The board that is emulated.
///
/// # Panics
/// When there is none of the name that was asked for.
pub fn model() -> &'static Board {
    let name = std::env::var(NAME).unwrap_or_default();
    let name = if name.is_empty() { USUAL } else { &name };
    board(name).unwrap_or_else(|| panic!("{NAME}: there is no board {name:?}"))
}

/// The image that `program` (the `warmline` command) makes of the configuration `text`.
///
/// # Panics
/// When it makes none.
pub(super) fn image(program: &str, text: &str, folder: &Path) -> Vec<u8> {
    let [file, image] = ["board.toml", "image.bin"].map(|name| folder.join(name));
    std::fs::write(&file, text).expect("a file can be written");
    let output = Command::new(program)
        .args(["appliance", "build", "--board", model().name, "--output"])
        .args([&image, &file])
        .stdin(Stdio::null())
        .output()
        .expect("the command can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{text}");
    std::fs::read(&image).expect("it says that it has written the image")
}
