use core::hint::black_box;

use warmline_core::g711::{self, Law};

use super::Values;

pub(super) fn transcode(bytes: &mut [u8]) {
    let flags = Values(bytes).u8();
    let law = |bit| if flags & bit == 0 { Law::Mu } else { Law::A };
    g711::transcode(law(1), law(2), black_box(bytes));
    black_box(law(4).decode(flags));
    black_box(law(4).encode(i16::from(flags)));
}
