//! URIs (RFC 3261 section 19.1, RFC 3966 for tel).

use super::error::{Error, ErrorKind};
use super::grammar::{OPAQUE, Parsed, Stuck, USER, USER_BARE, VALUE, before, left, many, stuck};
use super::host::{Host, hex, port};
use super::params::Params;

/// A URI's scheme; case does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme<'a> {
    /// `sip:`.
    Sip,
    /// `sips:`.
    Sips,
    /// `tel:`.
    Tel,
    /// Any other, without its colon.
    Other(&'a [u8]),
}

/// A URI. Nothing in it is unescaped: see [`unescape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// Its scheme.
    pub scheme: Scheme<'a>,
    /// What stands before the `@`, without the password; the number of a tel URI; what follows the colon of an
    /// unknown scheme.
    pub user: Option<&'a [u8]>,
    /// What stands between the first colon before the `@` and the `@`.
    pub password: Option<&'a [u8]>,
    /// Its host; none in tel URIs and unknown schemes.
    pub host: Host<'a>,
    /// Its port, where one is written.
    pub port: Option<u16>,
    /// Its parameters.
    pub params: Params<'a>,
    /// What follows the `?`, as it stands: see [`Uri::header`].
    pub headers: &'a [u8],
    /// All of it.
    pub bytes: &'a [u8],
}

impl<'a> Uri<'a> {
    /// The URI that `text` is, all of it.
    ///
    /// # Errors
    /// [`ErrorKind::Uri`] where it breaks the grammar; angle brackets and white space are none of a URI.
    pub fn parse(text: &'a [u8]) -> Result<Self, Error> {
        let fail = |left: usize| Error::new(ErrorKind::Uri, text.len().saturating_sub(left));
        match Self::read(text, true) {
            Ok(([], uri)) => Ok(uri),
            Ok((rest, _)) => Err(fail(rest.len())),
            Err(error) => Err(fail(left(error))),
        }
    }

    /// The first parameter of this name, as [`Params::get`] but with escapes in names understood: `%6C%72` is `lr`.
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.params.iter().find(|(found, _)| same(found, name)).map(|(_, value)| value)
    }

    /// The first header of this name behind the `?`, its value as it stands.
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers().find(|(found, _)| same(found, name)).map(|(_, value)| value)
    }

    /// Name and value of each header behind the `?`, as they stand (RFC 3261 section 19.1.1).
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.headers.split(|&byte| byte == b'&').filter(|header| !header.is_empty()).map(|header| {
            let mut parts = header.splitn(2, |&byte| byte == b'=');
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        })
    }

    /// A URI at the start of `input`. Where it is not `whole`, but an `addr-spec` without angle brackets, the
    /// parameters that follow are not its own (RFC 3261 section 20.10).
    #[inline]
    pub(super) fn read(input: &'a [u8], whole: bool) -> Parsed<'a, Self> {
        let (rest, scheme) = scheme(input)?;
        let mut uri = Self {
            scheme,
            user: None,
            password: None,
            host: Host::None,
            port: None,
            params: Params::EMPTY,
            headers: &[],
            bytes: input,
        };
        let mut rest = match scheme {
            Scheme::Sip | Scheme::Sips => uri.authority(rest, whole)?,
            Scheme::Tel => uri.number(rest)?,
            Scheme::Other(_) => {
                let (rest, opaque) = if whole { many(OPAQUE)(rest)? } else { many(VALUE)(rest)? };
                uri.user = Some(opaque);
                rest
            }
        };
        if whole && !matches!(scheme, Scheme::Other(_)) {
            (rest, uri.params) = Params::uri(rest)?;
            if let ([b'?', headers @ ..], false) = (rest, matches!(scheme, Scheme::Tel)) {
                (rest, uri.headers) = many(OPAQUE)(headers)?;
            }
        }
        uri.bytes = before(input, rest);
        Ok((rest, uri))
    }

    /// `[ userinfo "@" ] hostport`.
    fn authority(&mut self, input: &'a [u8], whole: bool) -> Result<&'a [u8], nom::Err<Stuck>> {
        let mut rest = self.userinfo(input, whole).unwrap_or(input);
        if self.user.is_some_and(<[u8]>::is_empty) {
            return Err(nom::Err::Error(Stuck(input.len())));
        }
        (rest, self.host) = Host::parse(rest)?;
        if let [b':', after @ ..] = rest {
            let (after, port) = port(after)?;
            self.port = Some(port);
            rest = after;
        }
        Ok(rest)
    }

    /// `userinfo "@"`, and what follows, if there is an `@` in what a URI may begin with.
    #[inline]
    fn userinfo(&mut self, input: &'a [u8], whole: bool) -> Option<&'a [u8]> {
        let class = if whole { USER } else { USER_BARE };
        let (user, mut rest) = input.split_at_checked(class.run(input))?;
        if let [b':', secret @ ..] = rest {
            // A password, which may have colons, or a port.
            while let [b':', after @ ..] = rest {
                rest = after.get(class.run(after)..)?;
            }
            self.password = Some(before(secret, rest)).filter(|_| rest.first() == Some(&b'@'));
        }
        let rest = rest.strip_prefix(b"@")?;
        self.user = Some(user);
        Some(rest)
    }

    /// The number of a tel URI: digits, visual separators, `+`, `*`, `#`, hexadecimal digits.
    fn number(&mut self, input: &'a [u8]) -> Result<&'a [u8], nom::Err<Stuck>> {
        let (rest, number) = nom::bytes::complete::take_while1(|byte: u8| {
            byte.is_ascii_hexdigit() || matches!(byte, b'+' | b'*' | b'#' | b'-' | b'.' | b'(' | b')')
        })(input)?;
        self.user = Some(number);
        Ok(rest)
    }
}

/// `scheme ":"`.
fn scheme(input: &[u8]) -> Parsed<'_, Scheme<'_>> {
    if let [a, b, c, d, rest @ ..] = input {
        let word = u32::from_be_bytes([a | 0x20, b | 0x20, c | 0x20, *d]);
        if word == u32::from_be_bytes(*b"sip:") {
            return Ok((rest, Scheme::Sip));
        }
        if word == u32::from_be_bytes(*b"tel:") {
            return Ok((rest, Scheme::Tel));
        }
    }
    let len = input
        .iter()
        .position(|&byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'-' | b'.'))
        .unwrap_or(input.len());
    match input.split_at_checked(len) {
        Some((name @ [first, ..], [b':', rest @ ..])) if first.is_ascii_alphabetic() => {
            let sips = name.eq_ignore_ascii_case(b"sips");
            Ok((rest, if sips { Scheme::Sips } else { Scheme::Other(name) }))
        }
        _ => stuck(input),
    }
}

/// Whether an escaped name is `name`; case does not matter.
fn same(escaped: &[u8], name: &[u8]) -> bool {
    let mut rest = escaped;
    for &wanted in name {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => (hex(*high) << 4 | hex(*low), after),
            [byte, after @ ..] => (*byte, after),
            [] => return false,
        };
        if !byte.eq_ignore_ascii_case(&wanted) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// Decodes `%` escapes of `src` into `out`, once. The length; none where an escape is no two hexadecimal digits or
/// `out` is too small.
pub fn unescape(src: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut rest = src;
    let mut len = 0usize;
    while let [first, tail @ ..] = rest {
        let (byte, after) = match (first, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex(*high) << 4 | hex(*low), after)
            }
            (b'%', _) => return None,
            _ => (*first, tail),
        };
        *out.get_mut(len)? = byte;
        len = len.wrapping_add(1);
        rest = after;
    }
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::IpAddr;

    fn parse(text: &str) -> Uri<'_> {
        Uri::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn all_the_parts() {
        let uri = parse(
            "sip:alice:secret@Atlanta.example.com:5070;transport=tcp;lr?Subject=hi&X-Zendesk-Ticket-Id=7",
        );
        assert_eq!(uri.scheme, Scheme::Sip);
        assert_eq!(uri.user, Some(&b"alice"[..]));
        assert_eq!(uri.password, Some(&b"secret"[..]));
        assert!(uri.host.matches(b"atlanta.EXAMPLE.com"));
        assert_eq!(uri.port, Some(5070));
        assert_eq!(uri.param(b"TRANSPORT"), Some(Some(&b"tcp"[..])));
        assert_eq!(uri.param(b"lr"), Some(None));
        assert_eq!(uri.header(b"x-zendesk-ticket-id"), Some(&b"7"[..]));
        assert_eq!(uri.headers().count(), 2);
    }

    #[test]
    fn addresses_as_hosts() {
        let uri = parse("SIPS:[2001:db8::10]:5070");
        assert_eq!(uri.scheme, Scheme::Sips);
        assert_eq!(uri.host, Host::Ip("2001:db8::10".parse::<IpAddr>().unwrap()));
        assert_eq!(uri.port, Some(5070));
        assert_eq!(parse("sip:[2001:db8::10:5070]").port, None);
        assert_eq!(parse("sip:u@192.0.2.1").host, Host::Ip("192.0.2.1".parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn users_may_look_like_anything() {
        let uri = parse("sip:user;par=u%40example.net@example.com");
        assert_eq!(uri.user, Some(&b"user;par=u%40example.net"[..]));
        let uri = parse("sip:sips%3Auser%40example.com@example.net");
        let mut out = [0; 64];
        let len = unescape(uri.user.unwrap(), &mut out).unwrap();
        assert_eq!(&out[..len], b"sips:user@example.com");
    }

    #[test]
    fn other_schemes() {
        let uri = parse("tel:+1-201-555-0123;phone-context=example.com");
        assert_eq!((uri.scheme, uri.user), (Scheme::Tel, Some(&b"+1-201-555-0123"[..])));
        assert_eq!(uri.param(b"phone-context"), Some(Some(&b"example.com"[..])));
        assert_eq!(uri.host, Host::None);
        let uri = parse("soap.beep://192.0.2.103:3002");
        assert_eq!(uri.scheme, Scheme::Other(b"soap.beep"));
        assert_eq!(uri.user, Some(&b"//192.0.2.103:3002"[..]));
    }

    #[test]
    fn what_is_no_uri() {
        for (text, offset) in [
            ("<sip:user@example.com>", 0),
            ("sip:2001:db8::10", 9),
            ("sip:user@example.com; lr", 21),
            ("sip:", 4),
            ("sip:@example.com", 4),
            ("sip:user@", 9),
            ("sip:user@host:99999", 14),
            ("sip:user@host:", 14),
            ("sip:a@b@c", 7),
            ("sip:[::1", 4),
            ("alan@example.com", 0),
            ("*", 0),
            ("", 0),
            ("tel:", 4),
            ("sip:user@host?", 14),
            ("sip:u\r\n@host", 5),
        ] {
            let error = Uri::parse(text.as_bytes()).expect_err(text);
            assert_eq!((error.kind, error.offset), (ErrorKind::Uri, offset), "{text}");
        }
    }

    #[test]
    fn escapes_are_decoded_once() {
        let mut out = [0; 16];
        let len = unescape(b"va%6Cue%25%34%31", &mut out).unwrap();
        assert_eq!(&out[..len], b"value%41");
        assert_eq!(unescape(b"%4", &mut out), None);
        assert_eq!(unescape(b"%zz", &mut out), None);
        assert_eq!(unescape(b"abc", &mut [0; 2]), None);
        assert_eq!(parse("sip:h;%6C%72;n%61me=1").param(b"name"), Some(Some(&b"1"[..])));
        assert_eq!(parse("sip:h;%6C%72").param(b"lr"), Some(None));
    }
}
