//! `[[desk]]` and `[line.ticket]`: which desks there are, and what a line wants of one.

use core::fmt;
use core::time::Duration;

/// A desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Desk {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// How long a caller may wait for a ticket.
    pub(crate) budget: Duration,
    /// What each of its tickets is tagged with.
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
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// How long after a call its ticket is looked for that Talk makes for one without, before ours is made.
    pub(crate) adopt: Duration,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}, {})", self.base, self.client_id)
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
    pub(crate) group: Option<String>,
    pub(crate) priority: Option<String>,
    /// The desk's and its own.
    pub(crate) tags: Vec<String>,
}

/// What is done for a call without a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// One is made.
    Create,
    /// Nothing: Zendesk makes its own.
    Pass,
}
