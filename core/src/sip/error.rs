//! What can be wrong with a message, and where.

use core::fmt;

use super::Name;

/// What is wrong, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where: bytes from the start of the message, or of the text when that was parsed alone.
    pub offset: u32,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The first line is neither a request line nor a status line: nothing can be answered.
    NotSip,
    /// The version is not SIP/2.0 (RFC 3261 section 21.5.7).
    Version,
    /// The request line has spaces that do not belong there, or a method that is no token.
    RequestLine,
    /// The status code is not between 100 and 699.
    Status,
    /// More bytes than [`Message::MAX_BYTES`](super::Message::MAX_BYTES), or than a stream was granted.
    TooLong,
    /// More header fields than [`Message::MAX_FIELDS`](super::Message::MAX_FIELDS).
    TooManyFields,
    /// A header line has no colon, or no token before it.
    HeaderLine,
    /// A carriage return stands in the header without a line feed.
    BareReturn,
    /// The header ends within a line.
    Truncated,
    /// The body is shorter than Content-Length says.
    BodyTooShort,
    /// The Request-URI breaks the grammar.
    RequestUri,
    /// A URI breaks the grammar.
    Uri,
    /// CSeq names another method than the request line.
    CSeqMethod,
    /// A header field that every message must carry is not there.
    Missing(Name),
    /// A header field's value breaks the grammar.
    Malformed(Name),
    /// A header field that may occur once occurs with different values.
    Conflict(Name),
    /// The Contact is `*`, which is no address.
    Star,
}

impl Error {
    pub(super) const fn new(kind: ErrorKind, offset: usize) -> Self {
        // Offsets are within MAX_BYTES; what was parsed alone may be longer, and saturates.
        Self { kind, offset: if offset > u32::MAX as usize { u32::MAX } else { offset as u32 } }
    }
}

impl ErrorKind {
    /// What is wrong in a few words, fit for a reason phrase.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NotSip => "Not a SIP message",
            Self::Version => "SIP version is not 2.0",
            Self::RequestLine => "Malformed request line",
            Self::Status => "Status code out of range",
            Self::TooLong => "Message too long",
            Self::TooManyFields => "Too many header fields",
            Self::HeaderLine => "Malformed header line",
            Self::BareReturn => "CR without LF in header",
            Self::Truncated => "Header ends within a line",
            Self::BodyTooShort => "Body shorter than Content-Length",
            Self::RequestUri => "Malformed Request-URI",
            Self::Uri => "Malformed URI",
            Self::CSeqMethod => "CSeq method differs from request",
            Self::Missing(name) => name.missing(),
            Self::Malformed(name) => name.malformed(),
            Self::Conflict(name) => name.conflict(),
            Self::Star => "Contact is *",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for Error {}
