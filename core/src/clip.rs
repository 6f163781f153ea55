//! Clips: recorded audio that callers are played, such as music and prompts.
//!
//! A clip is named by what is in it. So a name means the same audio before and after another configuration is loaded, on
//! every node and every board, and a host can tell whether what it has is whole.

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use serde::{Deserialize, Serialize};

/// Names a clip: the CRC-32 of its audio, as Ethernet has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClipId(pub u32);

/// Bit by bit: a clip is summed up once, and a table would take 1 KiB of flash.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

impl ClipId {
    /// The name of this audio.
    pub const fn of(audio: &[u8]) -> Self {
        Self(CRC.checksum(audio))
    }
}

/// Where a host keeps its clips.
pub trait Clips {
    /// A clip's audio: G.711 mu-law, 8,000 samples a second, one channel. None where there is no such clip; who is
    /// played one that is not there, or is empty, hears silence.
    fn audio(&self, clip: ClipId) -> Option<&[u8]>;
}

/// A host without clips.
impl Clips for () {
    fn audio(&self, _: ClipId) -> Option<&[u8]> {
        None
    }
}
