//! The lists that challenges and credentials are: schemes, and parameters between commas (RFC 7235 section 2.1).

use super::DigestError;
use crate::sip::Writer;

/// A value. What a header has between quotes is kept as it stands, escapes untouched, and compared and hashed by what
/// it means.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    bytes: &'a [u8],
    escapes: bool,
}

impl<'a> Text<'a> {
    /// The text that is these bytes.
    pub const fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, escapes: false }
    }

    /// How many bytes it is on the wire, at most.
    pub const fn len(self) -> usize {
        self.bytes.len()
    }

    /// Whether it is no text.
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// What it means, in pieces.
    pub fn pieces(self) -> impl Iterator<Item = &'a [u8]> {
        let (mut rest, mut escaped) = (self.bytes, false);
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            // The byte behind a backslash is itself, a backslash too.
            let from = usize::from(escaped);
            let backslash = rest.iter().skip(from).position(|&byte| self.escapes && byte == b'\\');
            let at = backslash.map_or(rest.len(), |at| at.saturating_add(from));
            let (piece, tail) = rest.split_at_checked(at)?;
            rest = tail.get(1..).unwrap_or_default();
            escaped = true;
            Some(piece)
        })
    }

    /// Whether it means the same as `other`.
    pub fn is(self, other: Self) -> bool {
        self.pieces().flatten().eq(other.pieces().flatten())
    }

    /// Whether it is `word`, in any case.
    pub fn is_word(self, word: &[u8]) -> bool {
        self.bytes.eq_ignore_ascii_case(word)
    }

    /// The bytes, where there are no escapes in them.
    pub(super) fn literal(self) -> Option<&'a [u8]> {
        (!self.escapes || !self.bytes.contains(&b'\\')).then_some(self.bytes)
    }

    /// Writes it between quotes.
    pub(super) fn write(self, w: &mut Writer<'_>) {
        w.bytes(b"\"");
        if self.escapes {
            w.bytes(self.bytes);
        } else {
            for run in self.bytes.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
                match run {
                    [plain @ .., last @ (b'"' | b'\\')] => w.bytes(plain).bytes(&[b'\\', *last]),
                    plain => w.bytes(plain),
                };
            }
        }
        w.bytes(b"\"");
    }
}

impl core::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.bytes.escape_ascii())
    }
}

/// One thing in such a list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Element<'a> {
    /// A scheme: what follows belongs to it.
    Scheme(&'a [u8]),
    /// A parameter.
    Param(&'a [u8], Text<'a>),
}

/// The elements of a list, in order; nothing follows an error.
pub(super) struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    pub(super) const fn of(list: &'a [u8]) -> Self {
        Self(list)
    }

    fn read(&mut self) -> Result<Element<'a>, DigestError> {
        let (name, rest) = run(self.0, is_token);
        let after = skip(rest, is_blank);
        if name.is_empty() {
            return Err(DigestError::Malformed);
        }
        let Some(value) = after.strip_prefix(b"=") else {
            // A scheme stands alone, or with white space behind it.
            self.0 = after;
            let alone = after.is_empty() || after.len() < rest.len() || after.first() == Some(&b',');
            return if alone { Ok(Element::Scheme(name)) } else { Err(DigestError::Malformed) };
        };
        let (value, rest) = text(skip(value, is_blank))?;
        self.0 = skip(rest, is_blank);
        match self.0.first() {
            None | Some(b',') => Ok(Element::Param(name, value)),
            Some(_) => Err(DigestError::Malformed),
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, DigestError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0 = skip(self.0, |byte| byte == b',' || is_blank(byte));
        if self.0.is_empty() {
            return None;
        }
        let element = self.read();
        if element.is_err() {
            self.0 = &[];
        }
        Some(element)
    }
}

/// A value, quoted or not, and what follows it. There are no controls in it, folds included: nobody could say how they
/// are hashed.
fn text(input: &[u8]) -> Result<(Text<'_>, &[u8]), DigestError> {
    let Some(quoted) = input.strip_prefix(b"\"") else {
        let (bytes, rest) =
            run(input, |byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\\'));
        return if bytes.is_empty() { Err(DigestError::Malformed) } else { Ok((Text::plain(bytes), rest)) };
    };
    let mut escaped = false;
    let end = quoted.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let (bytes, rest) = end.and_then(|end| quoted.split_at_checked(end)).ok_or(DigestError::Malformed)?;
    if bytes.iter().any(u8::is_ascii_control) {
        return Err(DigestError::Malformed);
    }
    Ok((Text { bytes, escapes: true }, rest.get(1..).unwrap_or_default()))
}

fn run(input: &[u8], class: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let len = input.iter().position(|&byte| !class(byte)).unwrap_or(input.len());
    input.split_at_checked(len).unwrap_or_default()
}

fn skip(input: &[u8], class: impl Fn(u8) -> bool) -> &[u8] {
    run(input, class).1
}

/// White space, folds included.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Takes in a parameter that may be there once.
pub(super) fn once<'a>(place: &mut Option<Text<'a>>, value: Text<'a>) -> Result<(), DigestError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(DigestError::Twice),
    }
}
