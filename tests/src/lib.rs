//! What the end-to-end tests are made of.
//!
//! [`World`] is a rig: an [`Sbc`](warmline_core::Sbc) between callers and targets, a network that loses, delays,
//! doubles and reorders, and a clock that only moves when nothing is left to do. Everything in it follows from one
//! seed. The peers and the [`Tap`] read and write SIP on their own, without core's parser, and so bear witness
//! against it.
//!
//! [`sipp`] is a stage for the program itself: Warmline as users start it, between SIP programs that are not ours.
//! [`board`] is one for Warmline on an emulated board.

mod callee;
mod caller;
mod dice;
mod digest;
mod door;
mod guest;
mod keys;
mod keytone;
mod media;
mod peer;
mod plan;
mod record;
mod referrer;
mod sdp;
mod setting;
mod tap;
mod text;
mod timer;
mod visit;
mod world;

pub mod board;
pub mod mutation;
pub mod platform;
pub mod sipp;
pub mod zendesk;

pub use callee::Callee;
pub use caller::{Caller, Outcome};
pub use dice::{Dice, seed};
pub use digest::Algorithm;
pub use door::Challenge;
pub use guest::{Guest, Stay};
pub use keytone::whistle;
pub use mutation::{mutate, renew};
pub use plan::{
    Answer, Crypto, Ending, From, Hold, Plan, Refers, Refresh, Reliable, Timers, Transfer, Who, Wish,
};
pub use record::{Entered, Left, Record};
pub use referrer::Referrer;
pub use setting::{LINES, Memory, Setting, address};
pub use tap::Tap;
pub use text::Text;
pub use visit::{Handed, Manner, Visit};
pub use world::{Audio, Hears, Told, Weather, World, core_is_running};
