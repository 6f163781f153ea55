//! What a REFER asks for: the line its Refer-To names, or the dialog.

use crate::config::{Config, LineIndex, TrunkIndex};
use crate::reason::Reason;
use crate::sip::{Message, Method, Name, Replaces, Scheme, Uri, unescape};

use super::dial;

/// The URI of a REFER's one Refer-To (RFC 3515 section 2.1), as name-addr or addr-spec. Of an addr-spec everything is the
/// URI's: peers forget the angle brackets around headers, and put headers behind tel: URIs, which have none.
///
/// [`Reason::MalformedRequest`] without one, and [`Reason::ReferredMethod`] where it asks for another request than
/// an INVITE.
pub fn refer_to<'a>(message: &Message<'a>) -> Result<Uri<'a>, Reason> {
    let value = message.header(Name::ReferTo).ok_or(Reason::MalformedRequest)?;
    let mut addresses = message.addresses(Name::ReferTo);
    let uri = match (addresses.next(), addresses.next()) {
        (Some(Ok(address)), None) if value.contains(&b'<') => address.uri,
        (Some(_), None) => bare(value).ok_or(Reason::MalformedRequest)?,
        _ => return Err(Reason::MalformedRequest),
    };
    match uri.param(b"method") {
        Some(method) if method != Some(Method::Invite.as_bytes()) => Err(Reason::ReferredMethod),
        _ => Ok(uri),
    }
}

/// A URI with what follows it.
fn bare(value: &[u8]) -> Option<Uri<'_>> {
    let inner = value.strip_prefix(b"<").and_then(|value| value.strip_suffix(b">")).unwrap_or(value);
    let text = inner.trim_ascii();
    if let Ok(uri) = Uri::parse(text) {
        return Some(uri);
    }
    let place = text.iter().position(|&byte| byte == b'?')?;
    let (uri, headers) = text.split_at_checked(place)?;
    let headers = headers.get(1..).unwrap_or_default();
    let sound = headers.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"'));
    Uri::parse(uri).ok().filter(|_| sound).map(|uri| Uri { headers, bytes: text, ..uri })
}

/// The longest Replaces of a Refer-To.
pub const LONGEST_REPLACES: usize = 512;

/// The dialog that the Replaces of a Refer-To names, as whoever gets the INVITE is to read it (RFC 3891 section 4); none
/// where it has none. It is decoded into `room`.
///
/// [`Reason::ReplacesMalformed`] where it cannot be read, or is longer than `room`, or there is more than one.
pub fn referred_dialog<'r>(
    uri: &Uri<'_>,
    room: &'r mut [u8; LONGEST_REPLACES],
) -> Result<Option<Replaces<'r>>, Reason> {
    let name = Name::Replaces.as_bytes();
    let Some(value) = uri.header(name) else { return Ok(None) };
    let once = uri.headers().filter(|(found, _)| found.eq_ignore_ascii_case(name)).count() < 2;
    let len = unescape(value, room).filter(|_| once).ok_or(Reason::ReplacesMalformed)?;
    let text = room.get(..len).unwrap_or_default();
    Replaces::parse(text).map(Some).map_err(|_| Reason::ReplacesMalformed)
}

/// The line that `uri` names to a peer on `trunk` that transfers a call: as [`line`](super::line) finds it, or by the
/// URI of a target that it rings. Where several lines ring that target, the first that may be dialled from there.
pub fn referred_line(
    config: &Config<'_>,
    uri: &Uri<'_>,
    trunk: TrunkIndex,
    listener: u8,
) -> Result<LineIndex, Reason> {
    let refusal = match dial::line(config, uri, trunk, listener) {
        Err(Reason::UnknownLine) => Reason::UnknownLine,
        found => return found,
    };
    let mut refusal = refusal;
    for (index, line) in (0u16..).zip(config.lines) {
        let rings = config.rings(line).iter().filter_map(|ring| config.target(ring.target));
        if !rings.into_iter().any(|target| is_same(uri, config.text(target.uri))) {
            continue;
        }
        if config.callers(line).contains(&trunk) {
            return Ok(LineIndex(index));
        }
        refusal = Reason::LineNotForTrunk;
    }
    Err(refusal)
}

/// The line that the platform behind `trunk` names outside SIP: by its own name, by what it is dialled by, or by a URI, as
/// [`referred_line`] finds it.
pub fn named_line(
    config: &Config<'_>,
    text: &[u8],
    trunk: TrunkIndex,
    listener: u8,
) -> Result<LineIndex, Reason> {
    if text.contains(&b':') {
        let uri = Uri::parse(text).map_err(|_| Reason::UnknownLine)?;
        return referred_line(config, &uri, trunk, listener);
    }
    dial::own(config, text, trunk).unwrap_or_else(|| dial::called(config, text, trunk))
}

/// Whether a URI names who is reached at `target`: user, host and port are the same (RFC 3261 section 19.1.4).
/// Parameters are not looked at: what is dialled is the target's own URI.
fn is_same(uri: &Uri<'_>, target: &[u8]) -> bool {
    let Ok(target) = Uri::parse(target) else { return false };
    let port = |uri: &Uri<'_>| match (uri.port, uri.scheme) {
        (Some(port), _) => port,
        (None, Scheme::Sips) => 5061,
        _ => 5060,
    };
    let mut texts = [[0; 64]; 2];
    let [a, b] = &mut texts;
    matches!(uri.scheme, Scheme::Sip | Scheme::Sips)
        && port(uri) == port(&target)
        && same_host(uri, &target)
        && match (uri.user, target.user) {
            (Some(user), Some(other)) => {
                let user = unescape(user, a).and_then(|len| a.get(..len));
                user.is_some() && user == unescape(other, b).and_then(|len| b.get(..len))
            }
            (None, None) => true,
            _ => false,
        }
}

fn same_host(uri: &Uri<'_>, target: &Uri<'_>) -> bool {
    use crate::sip::Host;
    match (uri.host, target.host) {
        (Host::Ip(a), Host::Ip(b)) => a == b,
        (a @ Host::Name(_), Host::Name(b)) => a.matches(b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;

    use super::*;

    fn of(value: &str) -> Result<(String, String), Reason> {
        let text = format!("REFER sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n{value}\r\n");
        let message = Message::parse(text.as_bytes()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        refer_to(&message).map(|uri| (text(uri.user.unwrap_or_default()), text(uri.headers)))
    }

    #[test]
    fn the_ways_to_write_it() {
        let both = |user: &str, headers: &str| Ok((String::from(user), String::from(headers)));
        for (line, user, headers) in [
            ("Refer-To: <sip:support@sbc.example.com>\r\n", "support", ""),
            ("r: sip:support@sbc.example.com\r\n", "support", ""),
            (
                "Refer-To: \"Us\" <sip:support@b?X-Zendesk-Ticket-Id=7>;x=y\r\n",
                "support",
                "X-Zendesk-Ticket-Id=7",
            ),
            ("Refer-To: <sip:support@b;method=INVITE?X=7&Y=8>\r\n", "support", "X=7&Y=8"),
            ("Refer-To: sip:support@b?X-Zendesk-Ticket-Id=7\r\n", "support", "X-Zendesk-Ticket-Id=7"),
            ("Refer-To: sip:support@b;method=INVITE?X=7\r\n", "support", "X=7"),
            ("Refer-To: <tel:+1-800-555-0100>\r\n", "+1-800-555-0100", ""),
            ("Refer-To: tel:+18005550100\r\n", "+18005550100", ""),
            ("Refer-To: tel:+18005550100?X=7\r\n", "+18005550100", "X=7"),
            ("Refer-To: <tel:+18005550100?X=7>\r\n", "+18005550100", "X=7"),
        ] {
            assert_eq!(of(line), both(user, headers), "{line}");
        }
    }

    #[test]
    fn the_dialog_it_names() {
        let of = |headers: &str| {
            let uri = format!("sip:support@b?{headers}");
            let mut room = [0; LONGEST_REPLACES];
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let named = referred_dialog(&Uri::parse(uri.as_bytes()).unwrap(), &mut room)?;
            Ok(named.map(|named| [named.call_id, named.to_tag, named.from_tag].map(text).join(" ")))
        };
        assert_eq!(of("X=7"), Ok(None));
        let named = Ok(Some(String::from("a@b 1 2")));
        assert_eq!(of("Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2"), named);
        assert_eq!(of("X=7&replaces=a@b%3b%66rom-tag%3d2%3bto-tag%3d1%3Bearly-only&Require=replaces"), named);
        assert_eq!(of("Replace%73=a@b;from-tag=2;to-tag=1"), named);
        for bad in [
            "Replaces=",
            "Replaces=a",
            "Replaces=a%40b%3Bto-tag%3D1",
            "Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2%0d%0aX:%20y",
            "Replaces=a%4",
            "Replaces=a;to-tag=1;from-tag=2&replaces=a;to-tag=1;from-tag=2",
            &format!("Replaces={};to-tag=1;from-tag=2", "a".repeat(500)),
        ] {
            assert_eq!(of(bad), Err(Reason::ReplacesMalformed), "{bad}");
        }
    }

    #[test]
    fn what_is_refused() {
        for line in [
            "",
            "Refer-To: \r\n",
            "Refer-To: <support>\r\n",
            "Refer-To: <sip:a@b>, <sip:c@d>\r\n",
            "Refer-To: sip:a@b?X=<7>\r\n",
        ] {
            assert_eq!(of(line), Err(Reason::MalformedRequest), "{line}");
        }
        for method in ["BYE", "SUBSCRIBE", "invite", ""] {
            let line = format!("Refer-To: <sip:a@b;method={method}>\r\n");
            assert_eq!(of(&line), Err(Reason::ReferredMethod), "{line}");
        }
    }
}
