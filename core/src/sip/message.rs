//! A message as found by one scan: where its header fields are, nothing of what they say.

use heapless::Vec;
use memchr::memchr;

use super::error::{Error, ErrorKind};
use super::grammar::{Parsed, TOKEN, left, skip_space, trim, trim_end};
use super::method::Method;
use super::name::Name;
use super::name_addr::NameAddr;
use super::scan::blocks;
use super::start::StartLine;
use super::uri::Uri;
use super::via::Via;

/// A message, lent from the bytes it stands in. Values are read when they are asked for.
///
/// Lines end with CRLF; a bare LF is taken for one everywhere in the header, so that what is one line here is one
/// line for the [`Framer`](super::Framer) and whatever is written anew. A bare CR there is a fault.
pub struct Message<'a> {
    pub(super) bytes: &'a [u8],
    start: StartLine<'a>,
    /// Where the body begins.
    pub(super) body: u16,
    /// The first thing found wrong.
    pub(super) fault: Option<Error>,
    /// Which of the names that may occur once occur again: a bit each, by [`Name::index`].
    pub(super) repeated: u32,
    /// The first field of each name, [`NONE`] where there is none.
    first: [u8; Name::COUNT],
    fields: Vec<Span, { Message::MAX_FIELDS }>,
}

/// Where a header field stands in the message.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) name: Name,
    spelling: u8,
    start: u16,
    pub(super) value: u16,
    pub(super) end: u16,
}

const NONE: u8 = u8::MAX;

/// A header field as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: Name,
    /// The name as it is spelt.
    pub spelling: &'a [u8],
    /// Its value, outer white space left out; folds inside remain.
    pub value: &'a [u8],
}

impl<'a> Message<'a> {
    /// The longest message, in bytes.
    pub const MAX_BYTES: usize = u16::MAX as usize;
    /// The most header fields.
    pub const MAX_FIELDS: usize = 128;

    /// Scans one datagram, or one message cut from a stream. Line ends before the start line are skipped (RFC 3261
    /// section 7.5). Faults that leave something to answer are kept for [`Message::essentials`].
    ///
    /// # Errors
    /// [`ErrorKind::NotSip`] and [`ErrorKind::TooLong`]: nothing can be answered.
    // Inlined, so that the message is made where it stays: some 1,200 bytes are better not moved.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let (start, fault, next) = Self::first_line(bytes)?;
        let mut message = Self {
            bytes,
            start,
            body: bytes.len() as u16,
            fault,
            repeated: 0,
            first: [NONE; Name::COUNT],
            fields: Vec::new(),
        };
        message.scan(next);
        Ok(message)
    }

    /// The start line, what is wrong with it, and where the next one begins.
    fn first_line(bytes: &'a [u8]) -> Result<(StartLine<'a>, Option<Error>, usize), Error> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(Error::new(ErrorKind::TooLong, Self::MAX_BYTES));
        }
        let blank = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
        let rest = bytes.get(blank..).unwrap_or_default();
        let len = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..len).unwrap_or_default();
        match StartLine::read(line.strip_suffix(b"\r").unwrap_or(line)) {
            Some((start, fault)) => {
                let fault = fault.map(|kind| Error::new(kind, blank));
                Ok((start, fault, blank.saturating_add(len).saturating_add(1)))
            }
            None => Err(Error::new(ErrorKind::NotSip, blank)),
        }
    }

    /// Finds the header fields from `start` on, and the body behind them.
    fn scan(&mut self, start: usize) {
        let bytes = self.bytes;
        // Where the field begins, where its present line, and where its colon is, or one behind it.
        let (mut start, mut line, mut colon) = (start, start, None);
        for marks in blocks(bytes, start) {
            colon = colon.or_else(|| marks.colon());
            for at in marks.controls() {
                if at < line {
                    // The LF of a CRLF.
                    continue;
                }
                let after = at.wrapping_add(1);
                let next = match bytes.get(at) {
                    Some(b'\r') if bytes.get(after) == Some(&b'\n') => after.wrapping_add(1),
                    Some(b'\n') => after,
                    Some(b'\r') => {
                        self.note(ErrorKind::BareReturn, at);
                        continue;
                    }
                    _ => continue,
                };
                if at == line {
                    self.body = next as u16;
                    return;
                }
                line = next;
                if let Some(b' ' | b'\t') = bytes.get(next) {
                    continue;
                }
                match Span::of(bytes, start, colon, at) {
                    None => self.note(ErrorKind::HeaderLine, start),
                    Some(span) => {
                        if !self.keep(span) {
                            return;
                        }
                    }
                }
                start = next;
                colon = marks.colon_from(start);
            }
        }
        // The blank line is missing; a line end is not missed.
        if start < bytes.len() {
            self.note(ErrorKind::Truncated, bytes.len());
            self.keep_last(start, colon);
        }
    }

    /// Takes in a field that ends with the message.
    #[cold]
    fn keep_last(&mut self, start: usize, colon: Option<usize>) {
        if let Some(span) = Span::of(self.bytes, start, colon, self.bytes.len()) {
            self.keep(span);
        }
    }

    /// Takes in a field. Whether there was room for it.
    #[inline]
    fn keep(&mut self, span: Span) -> bool {
        let number = self.fields.len() as u8;
        if self.fields.push(span).is_err() {
            self.note(ErrorKind::TooManyFields, usize::from(span.start));
            return false;
        }
        if let Some(first) = self.first.get_mut(span.name.index()) {
            if *first == NONE {
                *first = number;
            } else if span.name.is_single() {
                self.repeated |= 1 << (span.name as u32 & 31);
            }
        }
        true
    }

    /// Keeps the first fault.
    #[cold]
    fn note(&mut self, kind: ErrorKind, offset: usize) {
        if self.fault.is_none() {
            self.fault = Some(Error::new(kind, offset));
        }
    }

    /// The start line.
    pub fn start(&self) -> StartLine<'a> {
        self.start
    }

    /// A request's method.
    pub fn method(&self) -> Option<Method<'a>> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// A response's status code.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// A request's Request-URI. Its headers, which a Request-URI must not have, are never made header fields.
    ///
    /// # Errors
    /// [`ErrorKind::RequestUri`] where it breaks the grammar, or this is a response.
    pub fn request_uri(&self) -> Result<Uri<'a>, Error> {
        let StartLine::Request { uri, .. } = self.start else {
            return Err(Error::new(ErrorKind::RequestUri, 0));
        };
        let offset = self.offset_of(uri);
        Uri::parse(uri)
            .map_err(|error| Error::new(ErrorKind::RequestUri, offset.saturating_add(error.offset as usize)))
    }

    /// The value of the first field of this name, outer white space left out; folds inside remain.
    pub fn header(&self, name: Name) -> Option<&'a [u8]> {
        self.first_span(name).map(|span| self.value(span))
    }

    /// The values of all fields of this name, in order.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &'a [u8]> {
        self.spans(name).map(|span| self.value(span))
    }

    /// The values of all fields spelt so, in any case, in order.
    pub fn extension(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        self.spans(Name::of(name))
            .filter(|span| span.name != Name::Other || self.spelling(span).eq_ignore_ascii_case(name))
            .map(|span| self.value(span))
    }

    /// All header fields as they came.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> {
        self.fields.iter().map(|span| Field {
            name: span.name,
            spelling: self.spelling(span),
            value: self.value(span),
        })
    }

    /// The body: as long as Content-Length says, or the rest where it is missing (RFC 3261 section 18.3) or wrong.
    pub fn body(&self) -> &'a [u8] {
        let rest = self.rest();
        match self.content_length() {
            Ok(Some(len)) => rest.get(..len).unwrap_or(rest),
            _ => rest,
        }
    }

    /// Every Via, the latest hop first, over all fields.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'a>, Error>> {
        self.list(Name::Via, Via::read)
    }

    /// Every address in the fields of this name: Contact, Route, P-Asserted-Identity and their like. A Contact of `*`
    /// is [`ErrorKind::Star`]; after an error the next field follows.
    pub fn addresses(&self, name: Name) -> impl Iterator<Item = Result<NameAddr<'a>, Error>> {
        self.list(name, NameAddr::read)
    }

    /// Every token, or whatever stands between commas, in the fields of this name: Require, Supported, Allow.
    pub fn tokens(&self, name: Name) -> impl Iterator<Item = &'a [u8]> {
        self.headers(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(trim)
            .filter(|t| !t.is_empty())
    }

    /// Content-Length, none where it is missing.
    pub(super) fn content_length(&self) -> Result<Option<usize>, Error> {
        let Some(span) = self.first_span(Name::ContentLength) else { return Ok(None) };
        let fail = || Error::new(ErrorKind::Malformed(Name::ContentLength), usize::from(span.value));
        match super::grammar::number(self.value(span)) {
            Ok(([], len)) => usize::try_from(len).map(Some).map_err(|_| fail()),
            _ => Err(fail()),
        }
    }

    /// What follows the header.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(usize::from(self.body)..).unwrap_or_default()
    }

    pub(super) fn first_span(&self, name: Name) -> Option<&Span> {
        let first = *self.first.get(name.index())?;
        self.fields.get(usize::from(first))
    }

    pub(super) fn spans(&self, name: Name) -> impl Iterator<Item = &Span> {
        let first = self.first.get(name.index()).map_or(usize::MAX, |&first| usize::from(first));
        self.fields.get(first..).unwrap_or_default().iter().filter(move |span| span.name == name)
    }

    pub(super) fn value(&self, span: &Span) -> &'a [u8] {
        self.bytes.get(usize::from(span.value)..usize::from(span.end)).unwrap_or_default()
    }

    fn spelling(&self, span: &Span) -> &'a [u8] {
        let start = usize::from(span.start);
        self.bytes.get(start..start.saturating_add(usize::from(span.spelling))).unwrap_or_default()
    }

    /// Where in the message a piece of it stands; an empty piece may stand nowhere.
    fn offset_of(&self, piece: &[u8]) -> usize {
        let offset = piece.as_ptr().addr().wrapping_sub(self.bytes.as_ptr().addr());
        if offset < self.bytes.len() { offset } else { 0 }
    }

    /// The elements of the comma lists in all fields of a name.
    fn list<T>(
        &self,
        name: Name,
        read: impl Fn(&'a [u8]) -> Parsed<'a, T>,
    ) -> impl Iterator<Item = Result<T, Error>> {
        let mut spans = self.spans(name);
        let mut rest: &[u8] = &[];
        let mut end = 0usize;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                let span = spans.next()?;
                rest = self.value(span);
                end = usize::from(span.end);
                if rest == b"*" {
                    rest = &[];
                    return Some(Err(Error::new(ErrorKind::Star, end.saturating_sub(1))));
                }
            }
            let (item, after) = element(rest, &read);
            rest = after;
            Some(item.map_err(|left| Error::new(ErrorKind::Malformed(name), end.saturating_sub(left))))
        })
    }
}

/// The first element of a comma list, or how far from the end it broke, and what follows its comma.
pub(super) fn element<'a, T>(
    list: &'a [u8],
    read: impl Fn(&'a [u8]) -> Parsed<'a, T>,
) -> (Result<T, usize>, &'a [u8]) {
    match read(list) {
        Ok((rest, item)) => match skip_space(rest) {
            [] => (Ok(item), &[]),
            // Nothing after a comma is a fault of what should be there, said when it is asked for.
            [b',', after @ ..] => match skip_space(after) {
                [] => (Err(0), &[]),
                after => (Ok(item), after),
            },
            stuck => (Err(stuck.len()), &[]),
        },
        Err(error) => (Err(left(error)), &[]),
    }
}

impl Span {
    /// The field between `start` and `end` whose first colon is at `colon`, if it is one.
    #[inline(always)]
    fn of(bytes: &[u8], start: usize, colon: Option<usize>, end: usize) -> Option<Self> {
        let (mut spelling, value) = bytes.get(start..end)?.split_at_checked(colon?.wrapping_sub(start))?;
        if let [.., b' ' | b'\t'] = spelling {
            spelling = trim_end(spelling);
        }
        let name = Name::of(spelling);
        if name == Name::Other && !TOKEN.all(spelling) {
            return None;
        }
        let value = match value {
            [_, b' ', value @ ..] | [_, value @ ..] => skip_space(value),
            [] => return None,
        };
        let at = end.wrapping_sub(value.len());
        let value = trim_end(value);
        Some(Self {
            name,
            spelling: u8::try_from(spelling.len()).ok()?,
            start: start as u16,
            value: at as u16,
            end: at.wrapping_add(value.len()) as u16,
        })
    }
}
