//! Whether SRTP is spoken with a peer.

use serde::{Deserialize, Serialize};

/// Whether SRTP is spoken with a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Policy {
    /// It is not.
    #[default]
    Off,
    /// Where the peer offers it, or takes it when we offer both.
    Allowed,
    /// Or there is no call.
    Required,
}

impl Policy {
    /// Whether it is ever spoken.
    pub const fn is_on(self) -> bool {
        !matches!(self, Self::Off)
    }
}
