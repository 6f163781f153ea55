//! How far the recording of a call has come.

/// Whether a call is recorded, or about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// It is not.
    Off,
    /// Those who talk are told that it will be: so many of the two have been played that, and have heard it.
    Telling {
        /// How many are being, or were, told.
        told: u8,
        /// How many have heard all of it.
        heard: u8,
    },
    /// It is, to its end.
    On,
    /// The caller leaves a message.
    Message,
}
