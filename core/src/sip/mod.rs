//! SIP messages (RFC 3261 sections 7, 18.3, 19, 20, 25): bytes to meaning, and back.
//!
//! [`Message::parse`] scans once for where things are and copies nothing; typed values are read when they are asked
//! for, and [`Message::essentials`] reads and checks what every message must carry. [`Writer`] composes messages,
//! [`echo`] what a response copies from its request. [`Framer`] cuts messages out of a byte stream.
//!
//! What a message means is not known here: no transaction, no dialog, no policy.

mod echo;
mod error;
mod essentials;
mod framer;
mod grammar;
mod host;
mod keypress;
mod message;
mod method;
mod name;
mod name_addr;
mod params;
mod phrase;
mod rack;
mod replaces;
mod scan;
mod start;
mod uri;
mod via;
mod writer;

pub use echo::echo;
pub use error::{Error, ErrorKind};
pub use essentials::{CSeq, Essentials};
pub use framer::{Frame, Framer};
pub use host::Host;
pub use keypress::KeyPress;
pub use message::{Field, Message};
pub use method::Method;
pub use name::Name;
pub use name_addr::NameAddr;
pub use params::Params;
pub use phrase::phrase;
pub(crate) use rack::RAck;
pub use replaces::Replaces;
pub use start::StartLine;
pub use uri::{Scheme, Uri, unescape};
pub use via::Via;
pub use writer::{Full, Writer};
