//! The boards there are, and what each has room for.

use super::error::{Excess, ImageError};
use crate::config::Config;

/// What a board has room for, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Its name, as `--board` takes it.
    pub name: &'static str,
    /// How many calls it takes at once.
    pub calls: usize,
    /// How many new calls a second its memory is made for.
    pub rate: usize,
    /// How many legs can have SRTP at once.
    pub secured: usize,
    /// How many pairs of media ports it can have.
    pub port_pairs: usize,
    /// The longest SIP message it takes, in bytes.
    pub message: usize,
    /// How many bytes are kept for the image and what its lines play.
    pub config_len: usize,
    /// Where they are.
    pub config_address: u32,
}

/// All of them.
pub const BOARDS: &[Board] = &[
    Board {
        name: "mps2-an386",
        calls: 16,
        rate: 2,
        secured: 6,
        port_pairs: 64,
        message: 4096,
        config_len: 1 << 20,
        config_address: 0x0030_0000,
    },
    Board {
        name: "mps2-an500",
        calls: 16,
        rate: 2,
        secured: 6,
        port_pairs: 64,
        message: 4096,
        config_len: 1 << 20,
        config_address: 0x0030_0000,
    },
    Board {
        name: "nucleo-h743zi",
        calls: 32,
        rate: 4,
        secured: 72,
        port_pairs: 128,
        message: 4096,
        config_len: 1 << 20,
        config_address: 0x0810_0000,
    },
];

/// The board of this name.
pub const fn board(name: &str) -> Option<&'static Board> {
    let mut boards = BOARDS;
    while let [board, rest @ ..] = boards {
        if same(board.name.as_bytes(), name.as_bytes()) {
            return Some(board);
        }
        boards = rest;
    }
    None
}

/// Slices cannot be compared by `==` in a constant yet.
const fn same(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([a, rest_of_one @ ..], [b, rest_of_other @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (rest_of_one, rest_of_other);
    }
    one.is_empty() && other.is_empty()
}

impl Board {
    /// Whether this board, and not only some board, has the memory that a configuration takes.
    ///
    /// # Errors
    /// [`ImageError::TooMany`]: of what.
    pub fn check(&self, config: &Config<'_>, calls: u16) -> Result<(), ImageError> {
        let rate = usize::try_from(config.node.new_calls.per_second).unwrap_or(usize::MAX);
        [
            Excess { who: self.name, what: "calls at once", found: calls.into(), most: self.calls },
            Excess { who: self.name, what: "new calls a second", found: rate, most: self.rate },
            Excess {
                who: self.name,
                what: "pairs of media ports",
                found: pairs(config),
                most: self.port_pairs,
            },
        ]
        .into_iter()
        .try_for_each(Excess::refuse)
    }
}

/// How many pairs of media ports all interfaces have together.
fn pairs(config: &Config<'_>) -> usize {
    let pairs = config.interfaces.iter().map(|interface| {
        let (first, last) = interface.media;
        usize::from(last.saturating_sub(first)).div_ceil(2)
    });
    pairs.fold(0, usize::saturating_add)
}
