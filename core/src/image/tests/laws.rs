//! What holds for every image.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::sample::sound;
use super::*;

/// A body with the header that says it is whole.
pub(super) fn sealed(body: &[u8]) -> Vec<u8> {
    let mut image = MAGIC.to_vec();
    image.extend(VERSION.to_le_bytes());
    image.extend((body.len() as u32).to_le_bytes());
    image.extend(CRC.checksum(body).to_le_bytes());
    image.extend(body);
    image
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(owned in sound()) {
        let (image, tables, appliance) = there_and_back(&owned);
        prop_assert_eq!(lent(&image, &tables), owned.lend());
        prop_assert_eq!(&appliance, &owned.appliance);
        prop_assert_eq!(sealed(&image[HEADER..]), image);
    }

    #[test]
    fn one_changed_byte_is_refused(owned in sound(), other in 1..=255_u8) {
        let mut image = owned.image();
        let mut tables = Tables::new();
        for at in 0..image.len().min(400) {
            // Everything near the start, and then anywhere.
            let at = if at < 200 { at } else { at * 7919 % image.len() };
            image[at] ^= other;
            prop_assert!(read(&image, &mut tables).is_err(), "byte {}", at);
            prop_assert!(tables.lend() == Tables::new().lend(), "byte {}", at);
            image[at] ^= other;
        }
        prop_assert!(read(&image, &mut tables).is_ok());
    }

    #[test]
    fn what_ends_early_is_refused(owned in sound(), at in any::<prop::sample::Index>()) {
        let image = owned.image();
        let cut = at.index(image.len());
        let expected = if cut < 4 { ImageError::Missing } else { ImageError::Length };
        prop_assert_eq!(read(&image[..cut], &mut Tables::new()), Err(expected));
        // Where the header knows of it, the tables are not whole, or there is something behind them.
        let body = &image[HEADER..];
        let cut = at.index(body.len());
        prop_assert!(read(&sealed(&body[..cut]), &mut Tables::new()).is_err());
        let longer = [body, &[0]].concat();
        prop_assert_eq!(read(&sealed(&longer), &mut Tables::new()), Err(ImageError::Malformed));
        let mut out = vec![0; at.index(image.len())];
        prop_assert_eq!(write(&owned.lend(), &owned.appliance, &mut out), Err(ImageError::NoRoom));
    }

    /// Bytes that nobody wrote, under a sound checksum: whatever is let in can be written and read again.
    #[test]
    fn nothing_odd_is_let_in(
        owned in sound(),
        changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..6),
    ) {
        let mut body = owned.image()[HEADER..].to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let mut tables = Tables::new();
        let image = sealed(&body);
        if let Ok(appliance) = read(&image, &mut tables) {
            let mut out = vec![0; 32 * 1024];
            let len = write(&lent(&image, &tables), &appliance, &mut out).unwrap();
            let mut again = Tables::new();
            prop_assert_eq!(read(&out[..len], &mut again), Ok(appliance));
            prop_assert_eq!(lent(&out, &again), lent(&image, &tables));
        }
    }

    #[test]
    fn any_bytes_do(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(read(&bytes, &mut Tables::new()), Err(ImageError::Missing));
        let _ = read(&sealed(&bytes), &mut Tables::new());
    }
}
