//! The numbers of reliable provisional responses (RFC 3262 section 7).

use super::error::{Error, ErrorKind};
use super::essentials::CSeq;
use super::grammar::{Parsed, SPACE, number, skip_space, stuck};
use super::message::Message;
use super::name::Name;

/// Which provisional response a PRACK acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RAck<'a> {
    /// The response's RSeq.
    pub(crate) response: u32,
    /// The CSeq that it shares with its request.
    pub(crate) cseq: CSeq<'a>,
}

impl<'a> RAck<'a> {
    /// `response-num LWS CSeq-num LWS Method`.
    fn read(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, response) = number(input)?;
        if !rest.first().is_some_and(|&byte| SPACE.has(byte)) {
            return stuck(rest);
        }
        let (rest, cseq) = CSeq::read(skip_space(rest))?;
        Ok((rest, Self { response, cseq }))
    }
}

impl<'a> Message<'a> {
    /// RAck, which every PRACK has.
    pub(crate) fn rack(&self) -> Result<RAck<'a>, Error> {
        self.required(Name::RAck, RAck::read).map(|(rack, _)| rack)
    }

    /// RSeq, which every reliable provisional response has: never 0.
    pub(crate) fn rseq(&self) -> Result<u32, Error> {
        let (rseq, span) = self.required(Name::RSeq, number)?;
        match rseq {
            0 => Err(Error::new(ErrorKind::Malformed(Name::RSeq), usize::from(span.value))),
            rseq => Ok(rseq),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::sip::Method;

    fn rack(value: &str) -> Option<(u32, u32, bool)> {
        let text = format!("PRACK sip:a SIP/2.0\r\nRAck: {value}\r\n\r\n");
        let RAck { response, cseq } = Message::parse(text.as_bytes()).unwrap().rack().ok()?;
        Some((response, cseq.number, cseq.method == Method::Invite))
    }

    #[test]
    fn three_parts_and_nothing_else() {
        assert_eq!(rack("776656 1 INVITE"), Some((776_656, 1, true)));
        assert_eq!(rack("4294967295  \t1 \r\n INVITE"), Some((u32::MAX, 1, true)));
        assert_eq!(rack("1 1 invite"), Some((1, 1, false)), "case matters");
        for bad in
            ["", "1", "1 1", "1 INVITE", "1 1 INVITE x", "4294967296 1 INVITE", "-1 1 INVITE", "1,1 INVITE"]
        {
            assert_eq!(rack(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_number_that_is_not_0() {
        for (value, rseq) in
            [("988789", Some(988_789)), ("0", None), ("1x", None), ("4294967296", None), ("", None)]
        {
            let text = format!("SIP/2.0 180 Ringing\r\nRSeq: {value}\r\n\r\n");
            assert_eq!(Message::parse(text.as_bytes()).unwrap().rseq().ok(), rseq, "{value}");
        }
    }
}
