//! What every message must carry (RFC 3261 section 8.1.1), read and checked.

use super::error::{Error, ErrorKind};
use super::grammar::{Parsed, SPACE, Stuck, TOKEN, left, many, number, skip_space, stuck};
use super::message::{Message, Span, element};
use super::method::Method;
use super::name::Name;
use super::name_addr::NameAddr;
use super::scan::first_blank;
use super::start::StartLine;
use super::via::Via;

/// What every message must carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Essentials<'a> {
    /// The topmost Via.
    pub via: Via<'a>,
    /// Who asks. Without a tag where RFC 2543 is spoken.
    pub from: NameAddr<'a>,
    /// Who is asked.
    pub to: NameAddr<'a>,
    /// The call's identity.
    pub call_id: &'a [u8],
    /// Which request of the call.
    pub cseq: CSeq<'a>,
    /// How many hops are left, where it is said.
    pub max_forwards: Option<u8>,
}

/// A request's number within its dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The number: below 2^31 by the RFC, any 32 bits as heard.
    pub number: u32,
    /// The request's method.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// `1*DIGIT LWS Method`.
    pub(super) fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, number) = number(input)?;
        if !rest.first().is_some_and(|&byte| SPACE.has(byte)) {
            return stuck(rest);
        }
        let (rest, method) = many(TOKEN)(skip_space(rest))?;
        Ok((rest, Self { number, method: Method::of(method) }))
    }
}

impl<'a> Message<'a> {
    /// Reads and checks what the message must carry.
    ///
    /// # Errors
    /// The first of: what scanning found; a status code out of range; a field that is missing, malformed or there
    /// twice with different values; a CSeq of another method; a body shorter than Content-Length. The Request-URI is
    /// [`Message::request_uri`]'s to check.
    pub fn essentials(&self) -> Result<Essentials<'a>, Error> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.repeated != 0 {
            let single = Name::KNOWN.iter().filter(|name| name.is_single());
            single.copied().try_for_each(|name| self.check_single(name))?;
        }
        let (via, _) = self.required(Name::Via, |value| match element(value, Via::read) {
            // What follows the first is for others to read.
            (Ok(via), _) => Ok((&[], via)),
            (Err(left), _) => Err(nom::Err::Error(Stuck(left))),
        })?;
        let (from, _) = self.required(Name::From, NameAddr::read)?;
        let (to, _) = self.required(Name::To, NameAddr::read)?;
        let (call_id, _) = self.required(Name::CallId, call_id)?;
        let (cseq, span) = self.required(Name::CSeq, CSeq::read)?;
        match self.start() {
            StartLine::Request { method, .. } if method != cseq.method => {
                return Err(Error::new(ErrorKind::CSeqMethod, usize::from(span.value)));
            }
            StartLine::Response { status, .. } if !(100..=699).contains(&status) => {
                return Err(Error::new(ErrorKind::Status, 0));
            }
            _ => {}
        }
        let max_forwards = match self.first_span(Name::MaxForwards) {
            Some(span) => Some(self.whole(Name::MaxForwards, span, max_forwards)?),
            None => None,
        };
        if self.content_length()?.is_some_and(|len| len > self.rest().len()) {
            return Err(Error::new(ErrorKind::BodyTooShort, self.bytes.len()));
        }
        Ok(Essentials { via, from, to, call_id, cseq, max_forwards })
    }

    /// The value of a field that must be there, and where it is.
    pub(super) fn required<T>(
        &self,
        name: Name,
        read: impl Fn(&'a [u8]) -> Parsed<'a, T>,
    ) -> Result<(T, &Span), Error> {
        let span = self
            .first_span(name)
            .ok_or_else(|| Error::new(ErrorKind::Missing(name), usize::from(self.body)))?;
        Ok((self.whole(name, span, read)?, span))
    }

    /// A field's value, all of it.
    fn whole<T>(
        &self,
        name: Name,
        span: &Span,
        read: impl Fn(&'a [u8]) -> Parsed<'a, T>,
    ) -> Result<T, Error> {
        let left = match read(self.value(span)) {
            Ok(([], value)) => return Ok(value),
            Ok((rest, _)) => rest.len(),
            Err(error) => left(error),
        };
        Err(Error::new(ErrorKind::Malformed(name), usize::from(span.end).saturating_sub(left)))
    }

    /// Fields of a name that may occur once must all say the same.
    pub(super) fn check_single(&self, name: Name) -> Result<(), Error> {
        let mut spans = self.spans(name);
        let Some(first) = spans.next() else { return Ok(()) };
        match spans.find(|span| self.value(span) != self.value(first)) {
            Some(other) => Err(Error::new(ErrorKind::Conflict(name), usize::from(other.value))),
            None => Ok(()),
        }
    }
}

/// `word [ "@" word ]`: anything without white space and controls here.
fn call_id(input: &[u8]) -> Parsed<'_, &[u8]> {
    if input.is_empty() {
        return stuck(input);
    }
    match first_blank(input) {
        None => Ok((&[], input)),
        Some(at) => stuck(input.get(at..).unwrap_or_default()),
    }
}

/// A number up to 255.
fn max_forwards(input: &[u8]) -> Parsed<'_, u8> {
    let (rest, hops) = number(input)?;
    u8::try_from(hops).map_or_else(|_| stuck(input), |hops| Ok((rest, hops)))
}
