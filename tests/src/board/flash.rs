//! The configuration image that a board finds in its flash.

use warmline_core::image::{Appliance, Board, board, write};

/// The board that is emulated.
pub(super) const MODEL: &Board = board("mps2-an386").expect("core knows it");

/// The image of a configuration file's `text`, as it is written for a board.
///
/// # Panics
/// When there cannot be one.
pub fn image(text: &str, appliance: &Appliance) -> Vec<u8> {
    let loaded =
        warmline::config::parse("board.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
    let mut image = vec![0; MODEL.config_len];
    let len = write(&loaded.lend(), appliance, &mut image).unwrap_or_else(|error| panic!("{error}\n{text}"));
    image.truncate(len);
    image
}
