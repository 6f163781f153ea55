//! A description as it came: its session part and its media sections, as spans.

use core::fmt;
use core::net::IpAddr;

use heapless::Vec;
use nom::Parser;
use nom::branch::alt;
use nom::combinator::{eof, opt, value};
use nom::sequence::{preceded, terminated};

use super::attribute::Attributes;
use super::lines::{Lines, Parsed, address, all, exactly, number, protocol, short, space, token};

/// How many media sections a description may have.
pub const MAX_MEDIA: usize = 8;

/// A session description (RFC 8866), borrowed from the bytes it was read from.
#[derive(Clone, Debug)]
pub struct Session<'a> {
    connection: Option<&'a [u8]>,
    /// Every line before the first m=.
    lines: &'a [u8],
    media: Vec<Media<'a>, MAX_MEDIA>,
}

/// A media section: an m= line and what follows it (RFC 8866 section 5.14).
#[derive(Clone, Copy, Debug)]
pub struct Media<'a> {
    /// What it is of: `audio`, `video`, `image`, ... A token, never empty.
    pub media: &'a [u8],
    /// Where it wants to be sent to; 0 where the section is refused or taken back.
    pub port: u16,
    /// What carries it, as `RTP/AVP`. Tokens joined by slashes.
    pub protocol: &'a [u8],
    formats: &'a [u8],
    /// Its own c=, or else the session's.
    pub(super) connection: Option<&'a [u8]>,
    /// Every line after its m=.
    lines: &'a [u8],
}

/// Why a description cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// It does not begin with `v=0`.
    Version,
    /// An m= line breaks the grammar.
    Media {
        /// The byte of the description at which the line begins.
        offset: u32,
    },
    /// It has more media sections than [`MAX_MEDIA`].
    TooMany,
}

impl Error {
    /// One short sentence for the peer.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Version => "SDP does not begin with v=0",
            Self::Media { .. } => "Malformed m= line in SDP",
            Self::TooMany => "Too many media sections in SDP",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())?;
        match self {
            Self::Media { offset } => write!(f, " at byte {offset}"),
            Self::Version | Self::TooMany => Ok(()),
        }
    }
}

impl core::error::Error for Error {}

impl<'a> Session<'a> {
    /// Reads a description. Work is linear in its length. Bare LF, missing s= and t=, unknown lines and any o= are
    /// taken; c= and attributes are not looked into before they are asked for.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let ([b'v', b'=', b'0', b'\n', rest @ ..] | [b'v', b'=', b'0', b'\r', b'\n', rest @ ..]) = bytes
        else {
            return Err(Error::Version);
        };
        let mut session = Self { connection: None, lines: &[], media: Vec::new() };
        let mut lines = Lines::new(rest);
        // What is being read: the session part, then one section after the other.
        let mut part = lines;
        let mut connection = None;
        while let Some(line) = lines.next() {
            match line.kind {
                b'm' => {
                    session.close(part.until(line.left), connection);
                    let Ok((_, media)) = Media::parse(line.value) else {
                        let offset = bytes.len().saturating_sub(line.left);
                        return Err(Error::Media { offset: u32::try_from(offset).unwrap_or(u32::MAX) });
                    };
                    session.media.push(media).map_err(|_| Error::TooMany)?;
                    part = lines;
                    connection = None;
                }
                b'c' if connection.is_none() => connection = Some(line.value),
                _ => {}
            }
            lines.skip_attributes();
        }
        session.close(part.until(0), connection);
        Ok(session)
    }

    #[inline(always)]
    fn close(&mut self, lines: &'a [u8], connection: Option<&'a [u8]>) {
        if let Some(media) = self.media.last_mut() {
            media.lines = lines;
            media.connection = connection.or(self.connection);
        } else {
            self.lines = lines;
            self.connection = connection;
        }
    }

    /// The media sections, in order.
    pub fn media(&self) -> &[Media<'a>] {
        &self.media
    }

    /// The attributes of the session part.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.lines)
    }
}

impl<'a> Media<'a> {
    /// `<media> <port>[/<count>] <proto> <fmt> ...`, the formats only as far as the first. More than one space
    /// between them is seen in the wild.
    #[inline]
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        // Nearly every line is of audio over RTP/AVP: those two are compared as a whole.
        let media = alt((terminated(exactly(b"audio"), space), terminated(token, space)));
        let count = opt(preceded(exactly(b"/"), number));
        let protocol = alt((terminated(exactly(b"RTP/AVP"), space), terminated(protocol, space)));
        let (formats, (media, port, _, _, protocol)) = (media, short, count, space, protocol).parse(input)?;
        let (rest, _) = (token, alt((space, value((), eof)))).parse(formats)?;
        Ok((rest, Self { media, port, protocol, formats, connection: None, lines: &[] }))
    }

    /// Whether it is of audio.
    pub const fn is_audio(&self) -> bool {
        self.media.eq_ignore_ascii_case(b"audio")
    }

    /// Where it wants to be sent to, by its own c= or else the session's. None without one, and where it names a
    /// host instead of an address. An unspecified address (0.0.0.0) is the old way to hold (RFC 3264 section 8.4).
    pub fn address(&self) -> Option<IpAddr> {
        all(address, self.connection?)
    }

    /// Its formats, in order; never none.
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.formats.split(|&byte| byte == b' ').filter(|format| !format.is_empty())
    }

    /// Its formats as RTP payload types. What is not one (0 to 127) is left out.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.formats().filter_map(super::attribute::payload_type)
    }

    /// Its attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.lines)
    }
}
