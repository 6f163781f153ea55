//! Audio that came for a leg from elsewhere than its description says.

use core::net::SocketAddr;

use crate::relay::Side;

/// What is known of audio that came from elsewhere than a leg's description says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting {
    /// The leg's side of the call's stream.
    pub(crate) side: Side,
    /// Where it came from.
    pub(crate) from: SocketAddr,
    /// Whether the peer is there.
    pub(crate) learned: Learned,
}

/// Whether the one that was seen is the peer from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// The relay is yet to be told.
    Due,
    /// It is.
    Yes,
    /// It is not.
    No,
}
