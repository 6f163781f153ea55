//! Transactions: one request and its responses (RFC 3261 section 17, RFC 6026).
//!
//! [`Machine`] holds the rules. [`Transactions`] holds the transactions: the live ones, which still send or wait,
//! with the bytes they repeat, and the finished ones, which only answer stragglers, in 16 bytes each. It knows a
//! transaction by a keyed hash of what RFC 3261 17.1.3 and 17.2.3 match on; it composes nothing and decides
//! nothing about calls.

mod finished;
mod machine;
mod table;

pub use finished::{Answerer, Finished, Reply};
pub use machine::{Action, Class, Event, GIVE_UP, Machine, State, T1, T2, T4};
pub use table::{Asked, Due, Heard, Live, Lost, Received, Storage, TransactionId, Transactions};
