use core::hint::black_box;

use warmline_core::filter::{Limiter, Prefix, Range, Rate, build, is_table, lookup};

use super::Values;

pub(super) fn prefix(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let prefix = Prefix::new(values.address(), values.u8());
    black_box(prefix.map(|prefix| prefix.contains(values.address())).ok());
    let parsed = core::str::from_utf8(values.rest()).ok().map(Prefix::parse);
    black_box(parsed.and_then(Result::ok));
}

pub(super) fn ranges(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut ranges = [(); 8].map(|()| {
        let (first, last) = (u128::from_be_bytes(values.array()), u128::from_be_bytes(values.array()));
        Range { scope: values.u8(), first, last, value: values.u16() }
    });
    if let Ok(prefix) = Prefix::new(values.address(), values.u8()) {
        ranges[0] = Range::new(values.u8(), prefix, values.u16());
    }
    let ranges = black_box(ranges.as_mut_slice());
    black_box(is_table(ranges));
    let kept = build(ranges).unwrap_or_default();
    let ranges = ranges.get(..kept).unwrap_or_default();
    black_box(lookup(ranges, values.u8(), values.address()));
}

pub(super) fn limiter(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut limiter = black_box(Limiter::NEW);
    for _ in 0..2 {
        black_box(limiter.take(values.instant(), Rate { per_second: values.u32(), burst: values.u32() }));
    }
}
