//! What it takes no call without.

use core::fmt;

use crate::text::Text;

/// The least number of hops that an INVITE has to be allowed.
const HOPS: u32 = 20;

/// The longest number by E.164.
const DIGITS: usize = 15;

/// How its line is set: all-or-nothing, never by negotiation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// RTP; SRTP is refused.
    #[default]
    Plain,
    /// SRTP with keys in the description (RFC 4568); RTP is refused.
    Srtp,
}

/// What a line takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The line's domain; where none is named, any name will do.
    pub domain: Option<String>,
    /// Whether its media is secured.
    pub security: Security,
    /// Whether an address will do for a domain, as it never does for the real one.
    pub takes_addresses: bool,
}

/// Why an INVITE is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The Request-URI has an address where its domain should be.
    Address,
    /// The Request-URI has a domain that is not the line's.
    Domain,
    /// It may not pass enough hops.
    Hops,
    /// It is from nobody with a number in E.164 with `+`.
    Caller,
    /// It names a ticket more than once.
    Tickets,
    /// What it names is no ticket's number.
    Ticket,
    /// It offers no audio in PCMU or PCMA.
    Codecs,
    /// It offers SRTP to a plain line, RTP to a secure one, or keys that are not understood.
    Security,
}

impl Refusal {
    /// The response's status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Address | Self::Domain | Self::Caller => 403,
            Self::Hops => 483,
            Self::Tickets | Self::Ticket => 400,
            Self::Codecs | Self::Security => 488,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "an address in the Request-URI",
            Self::Domain => "another domain in the Request-URI",
            Self::Hops => "Max-Forwards under 20",
            Self::Caller => "a From that is not E.164 with +",
            Self::Tickets => "more than one X-Zendesk-Ticket-Id",
            Self::Ticket => "an X-Zendesk-Ticket-Id that is no number",
            Self::Codecs => "neither PCMU nor PCMA",
            Self::Security => "the wrong SRTP",
        })
    }
}

impl Rules {
    /// Holds an INVITE to them, in the order in which the far end looks.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge(&self, invite: &Text<'_>) -> Result<(), Refusal> {
        self.judge_place(host(invite.uri()))?;
        if number::<u32>(invite.get("Max-Forwards").unwrap_or_default()).is_none_or(|hops| hops < HOPS) {
            return Err(Refusal::Hops);
        }
        judge_caller(invite)?;
        let mut tickets = invite.all("X-Zendesk-Ticket-Id");
        match (tickets.next(), tickets.next()) {
            (_, Some(_)) => return Err(Refusal::Tickets),
            (Some(ticket), None) if number::<u64>(ticket).is_none_or(|ticket| ticket == 0) => {
                return Err(Refusal::Ticket);
            }
            _ => {}
        }
        // Without an offer it makes one of its own.
        if invite.body.is_empty() { Ok(()) } else { self.judge_offer(invite.body) }
    }

    fn judge_place(&self, host: &str) -> Result<(), Refusal> {
        let named = host.bytes().any(|byte| byte.is_ascii_alphabetic()) && !host.starts_with('[');
        match &self.domain {
            _ if !named && self.takes_addresses => Ok(()),
            _ if !named => Err(Refusal::Address),
            Some(domain) if !domain.eq_ignore_ascii_case(host) => Err(Refusal::Domain),
            _ => Ok(()),
        }
    }

    fn judge_offer(&self, offer: &str) -> Result<(), Refusal> {
        let (_, audio) = offer.split_once("\r\nm=audio ").ok_or(Refusal::Codecs)?;
        let audio = audio.split_once("\r\nm=").map_or(audio, |(audio, _)| audio);
        let mut lines = audio.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (port, profile) = (words.next(), words.next());
        if port == Some("0") || !words.any(|format| matches!(format, "0" | "8")) {
            return Err(Refusal::Codecs);
        }
        let mut keys = lines.filter_map(|line| line.strip_prefix("a=crypto:")).peekable();
        let fits = match self.security {
            Security::Plain => profile == Some("RTP/AVP") && keys.peek().is_none(),
            Security::Srtp => profile == Some("RTP/SAVP") && keys.any(is_understood),
        };
        if fits { Ok(()) } else { Err(Refusal::Security) }
    }
}

/// Whose number it is; somebody who hides it is let in, and becomes a new user each time.
fn judge_caller(invite: &Text<'_>) -> Result<(), Refusal> {
    let user = invite.address("From").and_then(|uri| uri.strip_prefix("sip:")?.split(['@', ';']).next());
    let user = user.ok_or(Refusal::Caller)?;
    let digits = user.strip_prefix('+').unwrap_or_default();
    let whole = !digits.is_empty() && digits.len() <= DIGITS && !digits.starts_with('0');
    if user == "anonymous" || whole && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(Refusal::Caller)
    }
}

/// A key in a suite that it has (RFC 4568 section 6.2), without a master key identifier.
fn is_understood(key: &str) -> bool {
    let mut words = key.split(' ').skip(1);
    let suite = matches!(words.next(), Some("AES_CM_128_HMAC_SHA1_80" | "AES_CM_128_HMAC_SHA1_32"));
    // inline:KEY|LIFETIME|MKI:LENGTH
    let key = words.next().and_then(|key| key.strip_prefix("inline:"));
    suite && key.is_some_and(|key| !key.contains(':'))
}

/// The host of a SIP URI, without its port.
fn host(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.split([';', '?']).next().unwrap_or_default();
    if rest.starts_with('[') { rest } else { rest.split(':').next().unwrap_or_default() }
}

/// A number in digits alone.
fn number<T: core::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=w 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                         m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

    fn invite(offer: &str) -> String {
        format!(
            "INVITE sip:support@acme.sip.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+14155550100@192.0.2.1>;tag=1\r\n\
             To: <sip:support@acme.sip.example.net>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
             X-Zendesk-Ticket-Id: 35436\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{offer}",
            offer.len()
        )
    }

    fn judge(rules: &Rules, text: &str) -> Result<(), Refusal> {
        rules.judge(&Text::parse(text.as_bytes()).expect("a message"))
    }

    #[test]
    fn a_proper_invite_is_taken() {
        let text = invite(OFFER);
        assert_eq!(judge(&Rules::default(), &text), Ok(()));
        let ours = Rules { domain: Some("ACME.sip.example.net".into()), ..Rules::default() };
        assert_eq!(judge(&ours, &text), Ok(()));
        assert_eq!(judge(&ours, &text.replace("+14155550100", "anonymous")), Ok(()));
        assert_eq!(judge(&ours, &text.replace("X-Zendesk-Ticket-Id: 35436\r\n", "")), Ok(()));
    }

    #[test]
    fn each_rule_that_is_broken_is_named() {
        let good = invite(OFFER);
        let rules = Rules { domain: Some("acme.sip.example.net".into()), ..Rules::default() };
        let ticket = "X-Zendesk-Ticket-Id: 35436\r\n";
        for (from, to, refusal, status) in [
            ("support@acme.sip.example.net SIP", "support@192.0.2.9 SIP", Refusal::Address, 403),
            ("support@acme.sip.example.net SIP", "support@[2001:db8::1]:5060 SIP", Refusal::Address, 403),
            ("support@acme.sip.example.net SIP", "support@other.example.net SIP", Refusal::Domain, 403),
            ("Max-Forwards: 70", "Max-Forwards: 19", Refusal::Hops, 483),
            ("+14155550100", "14155550100", Refusal::Caller, 403),
            ("+14155550100", "+04155550100", Refusal::Caller, 403),
            ("+14155550100", "+1415555010012345", Refusal::Caller, 403),
            ("+14155550100", "agent", Refusal::Caller, 403),
            (ticket, "X-Zendesk-Ticket-Id: 1\r\nx-zendesk-ticket-id: 1\r\n", Refusal::Tickets, 400),
            (ticket, "X-Zendesk-Ticket-Id: X-Zendesk-Ticket-Id=1\r\n", Refusal::Ticket, 400),
            (ticket, "X-Zendesk-Ticket-Id: 0\r\n", Refusal::Ticket, 400),
            ("RTP/AVP 0 8 101", "RTP/AVP 9 1 101", Refusal::Codecs, 488),
            ("RTP/AVP 0 8 101", "RTP/SAV 0 8 101", Refusal::Security, 488),
        ] {
            let text = good.replace(from, to);
            assert_ne!(text, good, "{from}");
            let long = text.find("\r\n\r\n").map(|at| text.len() - at - 4).expect("a body");
            let text =
                text.replace(&format!("Content-Length: {}", OFFER.len()), &format!("Content-Length: {long}"));
            assert_eq!(judge(&rules, &text), Err(refusal), "{to}");
            assert_eq!(refusal.status(), status);
        }
    }

    #[test]
    fn a_secure_line_wants_keys_it_understands() {
        let secure = Rules { security: Security::Srtp, ..Rules::default() };
        let offer = OFFER.replace("RTP/AVP", "RTP/SAVP");
        let with = |key: &str| invite(&format!("{offer}a=crypto:1 {key}\r\n"));
        let key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        let suite = "AES_CM_128_HMAC_SHA1_80";
        assert_eq!(judge(&secure, &with(&format!("{suite} {key}"))), Ok(()));
        for wrong in [
            invite(OFFER),
            invite(&offer),
            with(&format!("F8_128 {key}")),
            with(&format!("{suite} {key}|2^20|1:4")),
        ] {
            assert_eq!(judge(&secure, &wrong), Err(Refusal::Security), "{wrong}");
        }
        let plain = Rules::default();
        assert_eq!(judge(&plain, &with(&format!("{suite} {key}"))), Err(Refusal::Security));
        let opportunistic = invite(&format!("{OFFER}a=crypto:1 {suite} {key}\r\n"));
        assert_eq!(judge(&plain, &opportunistic), Err(Refusal::Security));
    }
}
