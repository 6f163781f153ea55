use core::hint::black_box;

use warmline_core::random::Random;

use super::Values;

pub(super) fn random(bytes: &mut [u8]) {
    let mut random = Random::new(&Values(bytes).array());
    black_box((random.next_u32(), random.next_u64()));
}
