//! Via (RFC 3261 section 20.42, RFC 3581).

use nom::Parser;
use nom::bytes::complete::{tag, tag_no_case};
use nom::combinator::opt;
use nom::sequence::preceded;

use super::grammar::{Parsed, SPACE, TOKEN, before, many, skip_space, spaced, stuck};
use super::host::{Host, port};
use super::params::Params;

/// One hop a request took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport's name as it stands: `UDP`, `TCP`, `TLS`, or another token.
    pub transport: &'a [u8],
    /// The host of sent-by.
    pub host: Host<'a>,
    /// The port of sent-by, where one is written.
    pub port: Option<u16>,
    /// Its parameters.
    pub params: Params<'a>,
    /// All of it.
    pub bytes: &'a [u8],
}

impl<'a> Via<'a> {
    /// The branch: without the cookie `z9hG4bK`, or as the bare cookie, it names no transaction.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.value(b"branch")
    }

    /// The source address a server noted; brackets around an IPv6 one are left in.
    pub fn received(&self) -> Option<&'a [u8]> {
        self.params.value(b"received")
    }

    /// `Some(None)` where the client asks for its source port, `Some(Some(port))` where a server noted it; a value
    /// that is no port reads as asked for.
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.get(b"rport")?;
        Some(value.and_then(|value| match port(value) {
            Ok(([], port)) => Some(port),
            _ => None,
        }))
    }

    /// `via-parm`.
    pub(super) fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, ()) = protocol(input)?;
        let (rest, transport) = many(TOKEN)(rest)?;
        if !rest.first().is_some_and(|&byte| SPACE.has(byte)) {
            return stuck(rest);
        }
        let (rest, host) = Host::parse(skip_space(rest))?;
        let (rest, port) = opt(preceded(spaced(b':'), port)).parse(rest)?;
        let (rest, params) = Params::header(rest)?;
        Ok((rest, Self { transport, host, port, params, bytes: before(input, rest) }))
    }
}

/// `SIP/2.0/`, with the white space the grammar allows.
fn protocol(input: &[u8]) -> Parsed<'_, ()> {
    if let Some(rest) = input.strip_prefix(b"SIP/2.0/") {
        return Ok((skip_space(rest), ()));
    }
    let (rest, _) = (tag_no_case("SIP"), spaced(b'/'), tag("2.0"), spaced(b'/')).parse(input)?;
    Ok((rest, ()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::IpAddr;

    #[test]
    fn plain() {
        let text = b"SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKkdj;rport;received=2001:db8::9:255";
        let (rest, via) = Via::read(text).unwrap();
        assert!(rest.is_empty());
        assert_eq!(via.transport, b"UDP");
        assert_eq!(via.host, Host::Ip("192.0.2.1".parse::<IpAddr>().unwrap()));
        assert_eq!(via.port, Some(5061));
        assert_eq!(via.branch(), Some(&b"z9hG4bKkdj"[..]));
        assert_eq!(via.rport(), Some(None));
        assert_eq!(via.received(), Some(&b"2001:db8::9:255"[..]));
        assert_eq!(via.bytes, text);
    }

    #[test]
    fn with_all_the_white_space() {
        let text = b"SIP  / 2.0\r\n / TCP     spindle.example.com : 5060  ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP/2.0/UDP x";
        let (rest, via) = Via::read(text).unwrap();
        assert_eq!(skip_space(rest), b",\r\n SIP/2.0/UDP x");
        assert_eq!((via.transport, via.port), (&b"TCP"[..], Some(5060)));
        assert_eq!(via.branch(), Some(&b"z9hG4bK9ikj8"[..]));
    }

    #[test]
    fn what_is_no_via() {
        for text in [
            &b"SIP/7.0/UDP c.example.com"[..],
            b"SIP/2.0/UDP",
            b"SIP/2.0/UDP ",
            b"SIP/2.0/UDP:x",
            b"SIP/2.0 /x",
            b"SIP/2.0/UDP 192.0.2.15;;",
            b"SIP/2.0/UDP 2001:db8::9",
            b"",
        ] {
            let read = Via::read(text);
            assert!(!matches!(read, Ok(([], _))), "{}", text.escape_ascii());
        }
    }
}
