//! Attributes: the a= lines, typed one by one as they are walked over.

use core::net::IpAddr;

use nom::Parser;
use nom::combinator::{map_opt, opt};
use nom::sequence::{preceded, terminated};

use super::lines::{Lines, Parsed, address, all, byte, exactly, number, short, space, word};
use crate::rtp::Direction;

/// An attribute. One that is known but breaks its grammar is [`Attribute::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// `rtpmap`: what a payload type stands for (RFC 8866 section 6.6).
    RtpMap {
        /// 0 to 127.
        payload_type: u8,
        /// The encoding's name; its case has no meaning.
        encoding: &'a [u8],
        /// Hertz.
        clock: u32,
        /// The encoding's own parameter: for audio, how many channels. 1 when it is not given.
        channels: u8,
    },
    /// `fmtp`: parameters of a payload type (RFC 8866 section 6.15).
    Fmtp {
        /// 0 to 127.
        payload_type: u8,
        /// As they came.
        parameters: &'a [u8],
    },
    /// `ptime`: milliseconds of audio that shall be in a packet (RFC 8866 section 6.4). A fraction is dropped.
    PacketTime(u16),
    /// `maxptime`: milliseconds of audio that may be in a packet at most (RFC 8866 section 6.5).
    MaxPacketTime(u16),
    /// `rtcp`: where RTCP is to be sent (RFC 3605).
    Rtcp {
        /// The port.
        port: u16,
        /// The address, where it is given and is no host name.
        address: Option<IpAddr>,
    },
    /// `rtcp-mux`: RTCP may come to the RTP port (RFC 5761).
    RtcpMux,
    /// `crypto`: a suite of SRTP and its key (RFC 4568), not looked into yet.
    Crypto(&'a [u8]),
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`, seen from who wrote it (RFC 8866 section 6.7).
    Direction(Direction),
    /// Any other.
    Other {
        /// Its name as it is spelled.
        name: &'a [u8],
        /// What follows the colon, where there is one.
        value: Option<&'a [u8]>,
    },
}

/// The attributes of one part of a description, in order.
#[derive(Clone, Debug)]
pub struct Attributes<'a>(Lines<'a>);

impl<'a> Attributes<'a> {
    pub(super) const fn new(lines: &'a [u8]) -> Self {
        Self(Lines::new(lines))
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        self.0.find(|line| line.kind == b'a').map(|line| Attribute::parse(line.value))
    }
}

impl<'a> Attribute<'a> {
    /// Types what follows `a=`.
    pub fn parse(line: &'a [u8]) -> Self {
        let mut halves = line.splitn(2, |&byte| byte == b':');
        let name = halves.next().unwrap_or_default();
        let value = halves.next();
        let typed = match value {
            Some(value) => Self::with_value(name, value),
            None => Self::bare(name),
        };
        typed.unwrap_or(Self::Other { name, value })
    }

    fn with_value(name: &[u8], value: &'a [u8]) -> Option<Self> {
        // The length and first letter part most names; "a=SendRecv" was seen, so case is not looked at.
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            6 if is(b"rtpmap") => all(rtpmap, value),
            6 if is(b"crypto") => Some(Self::Crypto(value)),
            4 if is(b"fmtp") => all(fmtp, value),
            5 if is(b"ptime") => all(milliseconds, value).map(Self::PacketTime),
            8 if is(b"maxptime") => all(milliseconds, value).map(Self::MaxPacketTime),
            4 if is(b"rtcp") => all(rtcp, value),
            _ => None,
        }
    }

    fn bare(name: &[u8]) -> Option<Self> {
        let name = name.trim_ascii_end();
        if name.eq_ignore_ascii_case(b"rtcp-mux") {
            return Some(Self::RtcpMux);
        }
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|&direction| name.eq_ignore_ascii_case(spelling(direction).as_bytes()))
            .map(Self::Direction)
    }
}

/// How a direction is spelled.
pub(super) const fn spelling(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

/// An RTP payload type written out: 0 to 127 and nothing else.
#[inline]
pub(super) fn payload_type(text: &[u8]) -> Option<u8> {
    byte(text).filter(|&number| number < 128)
}

fn payload(input: &[u8]) -> Parsed<'_, u8> {
    map_opt(word, payload_type).parse(input)
}

fn rtpmap(input: &[u8]) -> Parsed<'_, Attribute<'_>> {
    let channels = opt(preceded(exactly(b"/"), map_opt(number, |number| u8::try_from(number).ok())));
    let (rest, (payload_type, _, encoding, _, clock, channels)) =
        (payload, space, word, exactly(b"/"), number, channels).parse(input)?;
    Ok((rest, Attribute::RtpMap { payload_type, encoding, clock, channels: channels.unwrap_or(1) }))
}

fn fmtp(input: &[u8]) -> Parsed<'_, Attribute<'_>> {
    let (parameters, (payload_type, _)) = (payload, space).parse(input)?;
    Ok((&[], Attribute::Fmtp { payload_type, parameters }))
}

fn milliseconds(input: &[u8]) -> Parsed<'_, u16> {
    terminated(short, opt((exactly(b"."), number))).parse(input)
}

fn rtcp(input: &[u8]) -> Parsed<'_, Attribute<'_>> {
    let (rest, port) = short(input)?;
    // A host name is no reason to overlook the port.
    let address = space(rest).ok().and_then(|(place, ())| all(address, place));
    let rest = if rest.starts_with(b" ") { &[] } else { rest };
    Ok((rest, Attribute::Rtcp { port, address }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Attribute<'_> {
        Attribute::parse(text.as_bytes())
    }

    fn other<'a>(name: &'a str, value: Option<&'a str>) -> Attribute<'a> {
        Attribute::Other { name: name.as_bytes(), value: value.map(str::as_bytes) }
    }

    #[test]
    fn rtpmaps() {
        let map = |payload_type, encoding: &'static str, clock, channels| Attribute::RtpMap {
            payload_type,
            encoding: encoding.as_bytes(),
            clock,
            channels,
        };
        assert_eq!(parse("rtpmap:0 PCMU/8000"), map(0, "PCMU", 8000, 1));
        assert_eq!(parse("rtpmap:8 pcma/8000/1"), map(8, "pcma", 8000, 1));
        assert_eq!(parse("rtpmap:101 telephone-event/8000 "), map(101, "telephone-event", 8000, 1));
        assert_eq!(parse("rtpmap:111 opus/48000/2"), map(111, "opus", 48000, 2));
        assert_eq!(parse("RTPMAP:127  G.723.1-H/8000"), map(127, "G.723.1-H", 8000, 1));
        for bad in [
            "128 x/8000",
            "-1 x/8000",
            "4294967296 x/8000",
            "0 PCMU",
            "0 PCMU/",
            "0 /8000",
            "",
            "0",
            "0 x/8000 y",
        ] {
            assert_eq!(
                Attribute::parse(std::format!("rtpmap:{bad}").as_bytes()),
                other("rtpmap", Some(bad)),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn packet_times() {
        assert_eq!(parse("ptime:20"), Attribute::PacketTime(20));
        assert_eq!(parse("ptime:20.5"), Attribute::PacketTime(20));
        assert_eq!(parse("maxptime:140"), Attribute::MaxPacketTime(140));
        assert_eq!(parse("ptime:65536"), other("ptime", Some("65536")));
        assert_eq!(parse("ptime:"), other("ptime", Some("")));
    }

    #[test]
    fn rtcp_ports() {
        let address = "192.168.20.68".parse().ok();
        assert_eq!(parse("rtcp:53020"), Attribute::Rtcp { port: 53020, address: None });
        assert_eq!(parse("rtcp:4005 IN IP4 192.168.20.68"), Attribute::Rtcp { port: 4005, address });
        let address = "2001:2345:6789:abcd::1".parse().ok();
        assert_eq!(
            parse("rtcp:53020 IN IP6 2001:2345:6789:ABCD::1"),
            Attribute::Rtcp { port: 53020, address }
        );
        assert_eq!(parse("rtcp:4005 IN IP4 example.com"), Attribute::Rtcp { port: 4005, address: None });
        assert_eq!(parse("rtcp:70000"), other("rtcp", Some("70000")));
    }

    #[test]
    fn the_rest() {
        assert_eq!(parse("SendRecv"), Attribute::Direction(Direction::SendRecv));
        assert_eq!(parse("inactive "), Attribute::Direction(Direction::Inactive));
        assert_eq!(parse("rtcp-mux"), Attribute::RtcpMux);
        assert_eq!(parse("fmtp:101 0-16"), Attribute::Fmtp { payload_type: 101, parameters: b"0-16" });
        assert_eq!(parse("ice-lite"), other("ice-lite", None));
        assert_eq!(parse("sendonly:1"), other("sendonly", Some("1")));
        assert_eq!(parse(""), other("", None));
    }
}
