//! Every door of core, opened once. **A new room of core adds its doors here.**
//!
//! A door is a function over bytes: it calls what core offers with values that the optimiser cannot know (read from
//! the bytes, or passed through `black_box`), and hands results to `black_box` so that nothing is left out. It must
//! not be able to panic itself, or it is named in core's place.

use core::hint::black_box;

use warmline_core::random::Random;

/// A way into core, given bytes to go in with.
pub(crate) type Door = fn(&mut [u8]);

/// All of them.
pub(crate) const DOORS: &[Door] = &[
    random,
    // Here: sbc (admit, handle, poll), once core has it.
];

/// What the check must find, or it is blind: this one does panic.
pub(crate) const CANARY: Door = canary;

#[inline(never)]
fn canary(bytes: &mut [u8]) {
    black_box(bytes[black_box(7)]);
}

#[inline(never)]
fn random(bytes: &mut [u8]) {
    let Some(seed) = bytes.first_chunk() else { return };
    let mut random = Random::new(seed);
    black_box((random.next_u32(), random.next_u64()));
}
