//! `[[desk]]` and `[line.ticket]`: which desks there are, and what a line wants of one.

use core::fmt;
use core::time::Duration;

use super::part::Part;

/// A desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Desk {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// How long a caller may wait for a ticket.
    pub(crate) budget: Duration,
    /// What its tickets have where a line says nothing else, and what they are tagged with.
    pub(crate) parts: Vec<Part>,
    pub(crate) tags: Vec<String>,
}

/// Where its tickets live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In our own store.
    Local,
    /// In an account of Zendesk's.
    Zendesk(Account),
}

/// An account of Zendesk's, and who we are there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// `https://acme.zendesk.com`, without a slash at its end.
    pub(crate) base: String,
    pub(crate) credentials: Credentials,
    /// How long after a call its ticket is looked for that Talk makes for one without, before ours is made.
    pub(crate) adopt: Duration,
    /// How long after a call the ticket is looked for that Talk makes of one that overflowed to us.
    pub(crate) twin: Duration,
}

/// By what an account believes us.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// An OAuth client of its own.
    Client { id: String, secret: String },
    /// An API token of somebody's, as long as there are any: see [`TOKENS_END`].
    Token { email: String, token: String },
}

/// The last day on which Zendesk takes API tokens.
pub(crate) const TOKENS_END: &str = "2027-04-30";

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match &self.credentials {
            Credentials::Client { id, .. } => id,
            Credentials::Token { email, .. } => email,
        };
        write!(f, "Account({}, {who})", self.base)
    }
}

/// What a line wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfLine {
    /// The desk's name.
    pub(crate) desk: String,
    /// The desk's, in milliseconds.
    pub(crate) budget: Duration,
    pub(crate) missing: Missing,
    /// The desk's and its own.
    pub(crate) parts: Vec<Part>,
    pub(crate) tags: Vec<String>,
    /// Whether recordings of its calls go there too, and not only messages that were left.
    pub(crate) recordings: bool,
}

/// What is done for a call without a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// One is made.
    Create,
    /// Nothing: Zendesk makes its own.
    Pass,
}
