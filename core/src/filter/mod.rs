//! Who may speak, and how often. This decides before a byte is parsed, by addresses and time alone.

mod limiter;
mod prefix;
mod ranges;

pub use limiter::{Limiter, Rate};
pub use prefix::{Prefix, PrefixError};
pub use ranges::{Overlap, Range, build, is_table, lookup};
