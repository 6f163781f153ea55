//! A board's configuration as bytes, which lie in its flash apart from the program: written by a server's
//! `warmline appliance build`, read by the board when it starts.
//!
//! An image is the letters `WLCF`, the [`VERSION`] of its format (two bytes, the low one first), the length of its body
//! (four), the body's CRC-32 as Ethernet has it (four), and the body: a [`Config`]'s instants, an [`Appliance`] and the
//! rest of the configuration in postcard's form, table after table. Behind that are the clips that its lines play, for [`Shelf`] to find. What lies behind them does
//! not count, so that all of the flash kept for it may be given.
//!
//! An image holds the secrets of trunks that ask for credentials as they are: who can read it, or the flash it lies in,
//! has them.
//!
//! The format is the same for every board. What a [`Board`] has room for is another matter, which
//! [`Board::check`] answers.

mod appliance;
mod board;
mod check;
mod clips;
mod error;
mod tables;

#[cfg(test)]
mod tests;

pub use appliance::{Appliance, MAX_DNS, Network, NetworkError};
pub use board::{BOARDS, Board, board};
pub use clips::{Shelf, write_clips};
pub use error::{Excess, ImageError};
pub use tables::{
    MAX_CALLERS, MAX_DIALS, MAX_DOMAINS, MAX_INSTANTS, MAX_INTERFACES, MAX_KEYS, MAX_LINES, MAX_LISTENERS,
    MAX_MEDIA, MAX_RINGS, MAX_SCHEDULES, MAX_SHARED, MAX_SOURCES, MAX_TARGETS, MAX_TEXT, MAX_TRUNKS,
    MAX_USERS, MAX_WHENS, Tables,
};

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

use crate::config::Config;
use crate::line::Second;

/// What an image begins with.
pub const MAGIC: [u8; 4] = *b"WLCF";

/// The version of the format that is written, and the only one understood.
pub const VERSION: u16 = 7;

/// The bytes before the body.
pub const HEADER: usize = 14;

/// Bit by bit: an image is read once, and a table would take 1 KiB of flash.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Writes an image to the start of `out`, and says how long it is.
///
/// # Errors
/// Whatever [`read`] would refuse, and an `out` that is too short.
pub fn write(config: &Config<'_>, appliance: &Appliance, out: &mut [u8]) -> Result<usize, ImageError> {
    tables::check_room(config)?;
    check::check(config, appliance)?;
    let (header, body) = out.split_first_chunk_mut::<HEADER>().ok_or(ImageError::NoRoom)?;
    let len = tables::encode(config, appliance, body)?;
    let body = body.get(..len).ok_or(ImageError::NoRoom)?;
    let ([m0, m1, m2, m3], [v0, v1]) = (MAGIC, VERSION.to_le_bytes());
    let [l0, l1, l2, l3] = u32::try_from(len).map_err(|_| ImageError::NoRoom)?.to_le_bytes();
    let [c0, c1, c2, c3] = CRC.checksum(body).to_le_bytes();
    *header = [m0, m1, m2, m3, v0, v1, l0, l1, l2, l3, c0, c1, c2, c3];
    Ok(HEADER.saturating_add(len))
}

/// Reads an image from the start of `bytes` into `tables`, and checks all that core relies on.
///
/// # Errors
/// What is wrong with it; `tables` are then empty.
pub fn read(bytes: &[u8], tables: &mut Tables) -> Result<Appliance, ImageError> {
    tables.clear();
    let checked = body(bytes).and_then(|body| {
        let appliance = tables::decode(body, tables)?;
        check::check(&Config { instants: tables::instants(body)?, ..tables.lend() }, &appliance)?;
        Ok(appliance)
    });
    if checked.is_err() {
        tables.clear();
    }
    checked
}

/// The times at which schedules open and close, for [`Config::instants`]: they stay where the image lies.
///
/// # Errors
/// What [`read`] says of its header, and that it is malformed.
pub fn instants(bytes: &[u8]) -> Result<&[Second], ImageError> {
    tables::instants(body(bytes)?)
}

/// The body, as it was written.
fn body(bytes: &[u8]) -> Result<&[u8], ImageError> {
    let bytes = bytes.strip_prefix(&MAGIC).ok_or(ImageError::Missing)?;
    let (&version, rest) = bytes.split_first_chunk().ok_or(ImageError::Length)?;
    let found = u16::from_le_bytes(version);
    if found != VERSION {
        return Err(ImageError::Version { found, understood: VERSION });
    }
    let (&len, rest) = rest.split_first_chunk().ok_or(ImageError::Length)?;
    let (&checksum, rest) = rest.split_first_chunk().ok_or(ImageError::Length)?;
    let len = usize::try_from(u32::from_le_bytes(len)).map_err(|_| ImageError::Length)?;
    let body = rest.get(..len).ok_or(ImageError::Length)?;
    if CRC.checksum(body) != u32::from_le_bytes(checksum) {
        return Err(ImageError::Checksum);
    }
    Ok(body)
}
