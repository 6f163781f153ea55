//! Clips behind an image.

use std::vec;
use std::vec::Vec;

use super::*;
use crate::clip::{ClipId, Clips};

const MUSIC: &[u8] = &[0x31; 900];
const GREETING: &[u8] = b"welcome";

/// An image whose line greets and plays music, and both behind it.
fn with_clips() -> Vec<u8> {
    let mut owned = Owned::plain();
    owned.lines[0].greeting = Some(ClipId::of(GREETING));
    owned.lines[0].music = Some(ClipId::of(MUSIC));
    let mut image = owned.image();
    let mut clips = vec![0xff; 2000];
    let len = write_clips([MUSIC, GREETING], &mut clips).unwrap();
    image.extend(&clips[..len]);
    image
}

/// The clips of an image, as a board reads them.
fn shelf(image: &[u8]) -> Result<Shelf<'_>, ImageError> {
    let mut tables = Tables::new();
    read(image, &mut tables)?;
    Shelf::read(image, &tables.lend())
}

#[test]
fn what_lines_play_is_found_behind_the_image() {
    let mut image = with_clips();
    image.resize(16 * 1024, 0xff);
    let shelf = shelf(&image).unwrap();
    assert_eq!(shelf.audio(ClipId::of(MUSIC)), Some(MUSIC));
    assert_eq!(shelf.audio(ClipId::of(GREETING)), Some(GREETING));
    assert_eq!(shelf.audio(ClipId(1)), None);
    assert_eq!(shelf.clips().count(), 2);
    assert_eq!(ClipId::of(b"123456789"), ClipId(0xcbf4_3926), "as every CRC-32 has it");
}

#[test]
fn a_clip_that_is_not_as_it_was_or_not_there_is_refused() {
    let whole = with_clips();
    let clips = 900 + 7 + 2 * 12;
    let start = whole.len() - clips;
    for at in start..whole.len() {
        let mut image = whole.clone();
        image[at] ^= 0x10;
        assert!(matches!(shelf(&image), Err(ImageError::Clip)), "byte {at}");
        assert!(matches!(shelf(&whole[..at]), Err(ImageError::Clip)), "cut at {at}");
    }
    // A line that plays nothing needs nothing.
    let mut owned = Owned::plain();
    owned.lines[0].music = None;
    let plain = owned.image();
    assert_eq!(shelf(&plain).unwrap().clips().count(), 0);
    assert!(matches!(shelf(b"WLCF"), Err(ImageError::Length)));
}

#[test]
fn clips_that_have_no_room_are_not_written() {
    for room in 0..919 {
        assert_eq!(write_clips([MUSIC, GREETING], &mut vec![0; room]), Err(ImageError::NoRoom), "{room}");
    }
    assert_eq!(write_clips([MUSIC, GREETING], &mut [0; 931]), Ok(931));
    assert_eq!(write_clips([], &mut []), Ok(0));
}
