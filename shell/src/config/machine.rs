//! What a configuration is for: a server, or a board and which. It says how much there is of what the file does not
//! mention, and how much there may be.

use warmline_core::image::{BOARDS, Board, Excess};

use super::mistake::Report;
use super::table::{At, Table};

const CAPACITY: u32 = 1000;
const NEW_CALLS: u32 = 30;
const FIRST_MEDIA: u16 = 20_000;
const LAST_MEDIA: u16 = 29_999;

#[derive(Clone, Copy, Debug)]
pub(super) enum Machine {
    Server,
    /// A board, but nobody said which: what is not mentioned does for every one.
    AnyBoard,
    Board(&'static Board),
}

impl Machine {
    /// Where no board is named, a file is for one if it says how one is connected.
    pub(super) fn of(board: Option<&'static Board>, root: &Table<'_>) -> Self {
        match board {
            Some(board) => Self::Board(board),
            None if root.get("appliance").is_some() => Self::AnyBoard,
            None => Self::Server,
        }
    }

    pub(super) const fn is_server(self) -> bool {
        matches!(self, Self::Server)
    }

    /// How many calls there may be at once, where nothing is said.
    pub(super) fn capacity(self) -> u32 {
        self.least(|board| board.calls).unwrap_or(CAPACITY)
    }

    /// How often a request outside a dialog is taken, where nothing is said.
    pub(super) fn new_calls(self) -> u32 {
        self.least(|board| board.rate).unwrap_or(NEW_CALLS)
    }

    /// The media ports, where nothing is said.
    pub(super) fn media(self) -> (u16, u16) {
        let pairs = self.least(|board| board.port_pairs).and_then(|pairs| u16::try_from(pairs).ok());
        let last = pairs.and_then(|pairs| FIRST_MEDIA.checked_add(pairs.checked_mul(2)?.checked_sub(1)?));
        (FIRST_MEDIA, last.unwrap_or(LAST_MEDIA))
    }

    /// A mistake where the board has not the room for so much of something.
    pub(super) fn bound(
        self,
        report: &Report<'_>,
        found: At<u32>,
        what: &'static str,
        room: fn(&Board) -> usize,
    ) {
        let Self::Board(board) = self else { return };
        let excess = Excess {
            who: board.name,
            what,
            found: usize::try_from(found.value).unwrap_or(usize::MAX),
            most: room(board),
        };
        if excess.found > excess.most {
            report.mistake(found.at, excess.to_string());
        }
    }

    /// How many bytes of flash are kept for the image; none for a server.
    pub(super) fn flash(self) -> Option<usize> {
        self.least(|board| board.config_len).and_then(|least| usize::try_from(least).ok())
    }

    /// What every board has that this may be for; none for a server.
    fn least(self, room: fn(&Board) -> usize) -> Option<u32> {
        let least = match self {
            Self::Server => None,
            Self::AnyBoard => BOARDS.iter().map(room).min(),
            Self::Board(board) => Some(room(board)),
        };
        least.and_then(|least| u32::try_from(least).ok())
    }
}
