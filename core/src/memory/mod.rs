//! Where everything core keeps is kept: fixed storage, handed in as slices when core is made.
//!
//! Each piece borrows its storage from the caller, never grows, and has a defined answer when it is full. The
//! storage's `EMPTY` values are all zero bits, so that a static of them costs no flash; none is stored as 0 and
//! the n-th as n + 1. Every `new` prepares the storage it is given, whatever it held before.
//!
//! | what | of | bytes each |
//! |---|---|---|
//! | [`Pool`] | values, by handles that go stale | 8 beside the value |
//! | [`Index`] | which slot a hash leads to | 8, three quarters used |
//! | [`Timers`] | one deadline per slot | 16 |
//! | [`Blocks`] | bytes of any length | 256, 252 of them bytes |
//! | [`Ports`] | media port pairs | 2, and 14 per relay worker and interface |
//! | [`Lingering`] | finished transactions | 16, three quarters used |

mod blocks;
mod index;
mod key;
mod lingering;
mod pool;
mod ports;
mod probing;
mod timers;

pub use blocks::{Block, Blocks, Chain};
pub use index::{Entry, Index};
pub use key::Key;
pub use lingering::{Lingering, LingeringSlot};
pub use pool::{Id, Pool, Slot};
pub use ports::{PortQueue, PortSlot, Ports};
pub use timers::{TimerSlot, Timers};

/// As much of `storage` as a `u32` can number, with one number left over for none.
fn numbered<T>(storage: &mut [T]) -> &mut [T] {
    let most = storage.len().min(u32::MAX as usize - 1);
    storage.get_mut(..most).unwrap_or_default()
}
