//! Why an image is refused.

use core::fmt;

/// Why an image is refused, or cannot be written. Displays as a sentence that says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ImageError {
    /// There is none: the bytes do not begin as one does, as in erased flash.
    Missing,
    /// Its format is another one.
    Version {
        /// Its version.
        found: u16,
        /// The only one that is understood.
        understood: u16,
    },
    /// It ends too early.
    Length,
    /// It is not as it was written.
    Checksum,
    /// Its body is no list of tables.
    Malformed,
    /// There is more of something than there is room for.
    TooMany(Excess),
    /// Something in it means nothing, such as the number of a trunk that is not there. Says what.
    OutOfRange(&'static str),
    /// A clip that a line plays is not behind it, or not as it was.
    Clip,
    /// It does not fit where it is to be written.
    NoRoom,
}

/// More of something than there is room for. Displays as `17 trunks, but a board takes at most 16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Excess {
    /// Who has not the room: a board's name, or `a board` where none has it.
    pub who: &'static str,
    /// Of what, as in `17 trunks`.
    pub what: &'static str,
    /// How many there are.
    pub found: usize,
    /// How many there may be.
    pub most: usize,
}

/// Who has not the room that no board has.
pub(super) const ANY: &str = "a board";

impl Excess {
    /// # Errors
    /// Where it is one.
    pub(super) const fn refuse(self) -> Result<(), ImageError> {
        if self.found > self.most { Err(ImageError::TooMany(self)) } else { Ok(()) }
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, but {} takes at most {}", self.found, self.what, self.who, self.most)
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "there is no configuration: write one with `warmline appliance build`, and put it where this board \
                 looks for it",
            ),
            Self::Version { found, understood } => write!(
                f,
                "the configuration has format {found}, and this program understands {understood}: build it with the \
                 `warmline` of the same version"
            ),
            Self::Length => f.write_str("the configuration ends too early: write all of it again"),
            Self::Checksum => {
                f.write_str("the configuration is not as it was built, by its checksum: write it again")
            }
            Self::Malformed => f.write_str("the configuration cannot be read: build it again"),
            Self::TooMany(excess) => write!(f, "the configuration has {excess}: take some away"),
            Self::OutOfRange(what) => {
                write!(f, "the configuration says of {what} what cannot be: build it again")
            }
            Self::Clip => f.write_str(
                "what a line plays is not there as it was built with the configuration: write all of it again",
            ),
            Self::NoRoom => f.write_str("the configuration does not fit where it is to be written"),
        }
    }
}

impl core::error::Error for ImageError {}
