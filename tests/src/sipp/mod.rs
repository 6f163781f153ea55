//! A stage for Warmline as users start it: the program, SIPp on both sides of it, and people who talk.
//!
//! SIPp signals; its scenarios are in `tests/scenarios`. What is heard is held to what was said by [`Talk`], at the
//! addresses that SIPp's session descriptions name, because SIPp does not look into what it receives.

mod authority;
mod baresip;
mod cast;
mod companding;
mod distance;
mod ear;
mod faketime;
mod furniture;
mod kamailio;
mod phrases;
mod ports;
mod postgres;
mod program;
mod script;
mod stage;
mod talk;

pub use authority::Authority;
pub use baresip::{Baresip, Telephone};
pub use cast::{Cast, Scenario, is_missing, sipp_is_missing};
pub use companding::{a_to_mu, mu_to_a};
pub use distance::Distance;
pub use ear::Voice;
pub use faketime::faketime_is_missing;
pub use furniture::{Places, agent};
pub use kamailio::{Branches, Kamailio};
pub use ports::ports;
pub use postgres::{Postgres, postgres_is_missing};
pub use program::Program;
pub use script::{Say, Script};
pub use stage::{AI, CARRIER, Node, PASSWORD, Rung, STRANGER, Stage, WARMLINE, ZENDESK};
pub use talk::{Heard, Law, Talk};

use core::time::Duration;
use std::time::Instant;

/// How long anything may take that takes some milliseconds on a machine with nothing else to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long to look away between two looks.
const MOMENT: Duration = Duration::from_millis(5);

/// Looks until there is something, or for `patience`; then none.
pub fn poll<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(MOMENT);
    }
}
