//! The few routes that an AI agent's platform needs, over HTTPS, with a token for each: to hand a call over where its REFER does
//! not work, to announce a hand-over with what the agent knows, and to ask what became of it.
//!
//! Nothing is decided here: what is asked for goes to signalling, and its answer comes back. It has a thread of its own.

mod ask;
mod guests;
mod problem;
mod routes;
mod server;
#[cfg(test)]
mod tests;
mod token;

use core::net::SocketAddr;

use warmline_core::filter::Rate;

pub(crate) use ask::{Answer, Call, HandOver, Invited, PlatformAsk, Refusal, Wanted, Why};
pub(crate) use guests::MOST as MOST_CONNECTIONS;
pub(crate) use server::{Open, Server, Serving};
pub(crate) use token::Token;

use crate::certificates::Identity;

/// `[platform]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) address: SocketAddr,
    /// None on loopback, where plain HTTP will do.
    pub(crate) identity: Option<Identity>,
    /// How often a token may ask.
    pub(crate) rate: Rate,
    pub(crate) tokens: Vec<Token>,
}
