//! The clips behind an image: what its lines play, read from flash as it is.
//!
//! Each begins with the letters `WLCP`, its name and its length (four bytes each, the low one first), and its audio
//! follows. The first place where there are no such letters is their end. They belong to the image, and a board that
//! has one without the other answers nothing; but they are no part of its body, which is read into memory.

use super::HEADER;
use super::body;
use super::error::ImageError;
use crate::clip::{ClipId, Clips};
use crate::config::Config;

/// What a clip begins with.
const CLIP: [u8; 4] = *b"WLCP";

/// Writes clips to the start of `out`, which is what follows an image, and says how long they are.
///
/// # Errors
/// [`ImageError::NoRoom`].
pub fn write_clips<'a>(
    clips: impl IntoIterator<Item = &'a [u8]>,
    out: &mut [u8],
) -> Result<usize, ImageError> {
    let mut len = 0usize;
    for audio in clips {
        let room = out.get_mut(len..).unwrap_or_default();
        let size = u32::try_from(audio.len()).map_err(|_| ImageError::NoRoom)?;
        let head = [CLIP, ClipId::of(audio).0.to_le_bytes(), size.to_le_bytes()];
        let bytes = head.as_flattened().iter().chain(audio);
        let used = head.as_flattened().len().saturating_add(audio.len());
        let room = room.get_mut(..used).ok_or(ImageError::NoRoom)?;
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        len = len.saturating_add(used);
    }
    Ok(len)
}

/// The clips behind an image.
#[derive(Clone, Copy, Debug)]
pub struct Shelf<'b>(&'b [u8]);

impl<'b> Shelf<'b> {
    /// The clips behind the image that `bytes` begin with, which is of this configuration: every one that it names is
    /// there, and whole.
    ///
    /// # Errors
    /// What [`read`](super::read) says of its header; [`ImageError::Clip`].
    pub fn read(bytes: &'b [u8], config: &Config<'_>) -> Result<Self, ImageError> {
        let len = HEADER.saturating_add(body(bytes)?.len());
        let shelf = Self(bytes.get(len..).unwrap_or_default());
        let whole = |name| shelf.audio(name).is_some_and(|audio| ClipId::of(audio) == name);
        if config.clips().all(whole) { Ok(shelf) } else { Err(ImageError::Clip) }
    }

    /// The clips, in their order.
    pub fn clips(self) -> impl Iterator<Item = (ClipId, &'b [u8])> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (&name, bytes) = rest.strip_prefix(&CLIP)?.split_first_chunk()?;
            let (&len, bytes) = bytes.split_first_chunk()?;
            let len = usize::try_from(u32::from_le_bytes(len)).ok()?;
            let (audio, behind) = bytes.split_at_checked(len)?;
            rest = behind;
            Some((ClipId(u32::from_le_bytes(name)), audio))
        })
    }
}

impl Clips for Shelf<'_> {
    fn audio(&self, clip: ClipId) -> Option<&[u8]> {
        self.clips().find(|(name, _)| *name == clip).map(|(_, audio)| audio)
    }
}
