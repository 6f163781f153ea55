//! The image: an entry point that opens every door with bytes the optimiser knows nothing of.

use core::hint::black_box;
use core::panic::PanicInfo;

use crate::doors::{CANARY, DOORS};

#[expect(unsafe_code, reason = "the linker finds the entry point by its name")]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let mut bytes = [0; 4096];
    for door in black_box(DOORS) {
        door(black_box(&mut bytes));
    }
    black_box(CANARY)(black_box(&mut bytes));
    loop {}
}

#[panic_handler]
#[inline(never)]
fn panicked(info: &PanicInfo<'_>) -> ! {
    black_box(info);
    loop {}
}
