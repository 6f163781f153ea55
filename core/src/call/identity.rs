//! Who calls: the original caller's number, whether it may be told, and whether somebody we trust vouches for it.

use crate::config::{Config, Trunk};
use crate::memory::Chain;
use crate::reason::Reason;
use crate::sip::{Essentials, Message, Name, NameAddr, Scheme, Uri, unescape};

use super::{Call, Causes, Number, number};

/// The header that tells an AI platform which call an INVITE belongs to.
pub const CALL_HEADER: &[u8] = b"X-Warmline-Call";

/// The number Zendesk is told of a caller without one, where its trunk names no other: "anonymous" on a telephone's
/// keys, which Twilio, whose far end Zendesk's is, shows for callers who withhold their number.
pub const NOBODY: &[u8] = b"+266696687";

/// How many values of one header field are looked at.
const MOST: usize = 4;

/// What goes along with a call of who calls.
#[derive(Debug)]
pub(crate) struct Identity {
    /// What the call is known by outside, as `X-Warmline-Call`.
    pub(crate) id: u64,
    /// Whether the caller wants the number withheld.
    pub(crate) withheld: bool,
    /// Whether a trunk that is trusted named the number.
    pub(crate) vouched: bool,
    /// Why the peer that ended its leg did so, or a target refused.
    pub(crate) causes: Causes,
    /// Whole header fields of the caller's INVITE that may be carried to targets, while it is not answered.
    pub(crate) carried: Chain,
}

impl Identity {
    /// Somebody of whom nothing is known.
    pub(crate) const NONE: Self =
        Self { id: 0, withheld: false, vouched: false, causes: Causes::NONE, carried: Chain::EMPTY };

    /// Nothing is carried any more, and why targets refused is of the past: what is to be freed.
    pub(crate) const fn answered(&mut self) -> Chain {
        self.causes = Causes::NONE;
        core::mem::replace(&mut self.carried, Chain::EMPTY)
    }
}

/// Who withholds a number, in a list of those that are blocked.
const ANONYMOUS: &[u8] = b"anonymous";

/// The original caller, as an INVITE names it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The number; none where there is none.
    pub(crate) number: Option<Number>,
    /// Whether it is to be withheld.
    pub(crate) withheld: bool,
    /// Whether a trunk that is trusted named it.
    pub(crate) vouched: bool,
    /// What was left out.
    pub(crate) note: Option<Reason>,
}

impl Caller {
    /// It is the caller of another call, where that has one with a number: the same one's stay.
    pub(crate) fn is_that_of(&mut self, call: &Call) {
        if call.caller.is_some() {
            let Identity { withheld, vouched, .. } = call.identity;
            *self = Self { number: call.caller.clone(), withheld, vouched, note: None };
        }
    }

    /// Whether a list like [`Node::blocked`](crate::config::Node::blocked) names it.
    pub(crate) fn is_blocked(&self, list: &[u8]) -> bool {
        let number = self.number.as_ref().map(Number::as_slice).unwrap_or_default();
        list.split(|&byte| byte == b',').any(|blocked| match blocked {
            b"" => false,
            ANONYMOUS => self.withheld || number.is_empty(),
            [beginning @ .., b'*'] => number.starts_with(beginning),
            whole => number == whole,
        })
    }
}

/// Whom something names.
enum Named {
    Number(Number),
    Anonymous,
    /// A name, a short code, or nothing that can be read.
    Other,
}

/// The original caller of an INVITE from `trunk`: by the trunk's own header field, by an asserted identity where that is
/// trusted (RFC 3325), by From. The hand-over's context and the linked call, when there are such, come before these.
///
/// The number is to be withheld where Privacy says so (RFC 3323), or From or the asserted identity is anonymous.
pub(crate) fn caller(
    config: &Config<'_>,
    trunk: &Trunk,
    message: &Message<'_>,
    e: &Essentials<'_>,
) -> Caller {
    let country = config.text(config.node.country);
    let mut withheld = asks_for_privacy(message);
    let mut note = None;
    let header = config.text(trunk.identity.header);
    for value in message.extension(header).take(if header.is_empty() { 0 } else { MOST }) {
        match by_value(value, country) {
            Named::Number(number) => {
                return Caller { number: Some(number), withheld, vouched: true, note };
            }
            Named::Anonymous => return Caller { withheld: true, note, ..Caller::default() },
            Named::Other => note = Some(Reason::CallerMalformed),
        }
    }
    let from = by_uri(&e.from.uri, country);
    withheld |= matches!(from, Named::Anonymous);
    let asserted = message.addresses(Name::PAssertedIdentity).take(MOST).flatten();
    for address in asserted.filter(|_| trunk.identity.trusted) {
        match by_uri(&address.uri, country) {
            Named::Number(number) => {
                return Caller { number: Some(number), withheld, vouched: true, note };
            }
            Named::Anonymous => withheld = true,
            Named::Other => {}
        }
    }
    let number = if let Named::Number(number) = from { Some(number) } else { None };
    Caller { number, withheld, vouched: false, note }
}

/// Whether the caller wants not to be named (RFC 3323 section 4.2, RFC 3325 section 9.3).
fn asks_for_privacy(message: &Message<'_>) -> bool {
    let words =
        message.headers(Name::Privacy).flat_map(|value| value.split(|byte| matches!(byte, b';' | b',')));
    words.map(<[u8]>::trim_ascii).any(|word| {
        [&b"id"[..], b"header", b"user", b"critical"].iter().any(|known| word.eq_ignore_ascii_case(known))
    })
}

/// Whom a header field's value names: a number as a person writes it, a URI, or an address.
fn by_value(value: &[u8], country: &[u8]) -> Named {
    if is_anonymous(value) {
        return Named::Anonymous;
    }
    match (number(value, country), NameAddr::parse(value)) {
        (Some(number), _) => Named::Number(number),
        (None, Ok(address)) => by_uri(&address.uri, country),
        (None, Err(_)) => Named::Other,
    }
}

fn by_uri(uri: &Uri<'_>, country: &[u8]) -> Named {
    let user = uri.user.unwrap_or_default();
    if is_anonymous(user) || uri.host.matches(b"anonymous.invalid") {
        return Named::Anonymous;
    }
    if matches!(uri.scheme, Scheme::Other(_)) {
        return Named::Other;
    }
    let mut decoded = [0; 64];
    let Some(len) = unescape(user, &mut decoded) else { return Named::Other };
    // RFC 3966 5.1.5: where a number is not global, the context says of which country it is.
    let context = uri.param(b"phone-context").flatten().or_else(|| {
        let mut params = user.split(|&byte| byte == b';').skip(1);
        params.find_map(|param| param.strip_prefix(b"phone-context="))
    });
    let code = context.and_then(|context| context.strip_prefix(b"+"));
    let code = code.filter(|code| (1..=3).contains(&code.len()) && code.iter().all(u8::is_ascii_digit));
    match number(decoded.get(..len).unwrap_or_default(), code.unwrap_or(country)) {
        Some(number) => Named::Number(number),
        None => Named::Other,
    }
}

fn is_anonymous(user: &[u8]) -> bool {
    [&b"anonymous"[..], b"restricted", b"private"].iter().any(|word| user.eq_ignore_ascii_case(word))
}

/// Whether a header field may be carried across where both trunks list it: `X-` fields that are not ours to write,
/// Diversion (RFC 5806), History-Info (RFC 7044) and User-to-User (RFC 7433). Never one that dialogs, routing,
/// credentials or bodies depend on.
pub fn may_be_carried(name: &[u8]) -> bool {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
    let is = |other: &&[u8]| name.eq_ignore_ascii_case(other);
    let extension = matches!(name, [b'x' | b'X', b'-', _, ..]) && name.len() <= 64 && name.iter().all(token);
    (extension && ![CALL_HEADER, super::TICKET_HEADER].iter().any(is))
        || [&b"Diversion"[..], b"History-Info", b"User-to-User"].iter().any(is)
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;

    use super::*;
    use crate::config::{Identity, Node, Span, TrunkKind};

    /// Number, whether withheld, whether vouched for; `header` is the trunk's own, X-Caller.
    fn of(trusted: bool, header: bool, from: &str, lines: &str) -> (Option<String>, bool, bool) {
        let text = b"82X-Caller";
        let span = |start, len| Span { start, len };
        let rate = crate::filter::Rate::UNLIMITED;
        let node = Node {
            name: Span::EMPTY,
            country: span(0, 2),
            new_calls: rate,
            workers: 1,
            silence: 60,
            blocked: Span::default(),
        };
        let config = Config { text, node, ..Config::EMPTY };
        let mut trunk = Trunk::new(Span::default(), TrunkKind::Ai, 0);
        trunk.identity =
            Identity { trusted, header: if header { span(2, 8) } else { Span::default() }, ..trunk.identity };
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: {from};tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: 1\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        let message = Message::parse(text.as_bytes()).unwrap();
        let caller = caller(&config, &trunk, &message, &message.essentials().unwrap());
        let number = caller.number.map(|number| String::from_utf8(number.to_vec()).unwrap());
        (number, caller.withheld, caller.vouched)
    }

    #[test]
    fn who_is_blocked() {
        const LIST: &[u8] = b"+8270*,+14155550100,anonymous";
        let caller = |text: &str, withheld| Caller {
            number: number(text.as_bytes(), b"82"),
            withheld,
            ..Caller::default()
        };
        for (number, withheld, blocked) in [
            ("+827012345678", false, true),
            ("07012345678", false, true),
            ("+14155550100", false, true),
            ("+141555501001", false, false),
            ("+1415555010", false, false),
            ("+821012345678", false, false),
            ("+821012345678", true, true),
            ("", false, true),
        ] {
            assert_eq!(caller(number, withheld).is_blocked(LIST), blocked, "{number} {withheld}");
        }
        assert!(!caller("", true).is_blocked(b""));
        assert!(!caller("", false).is_blocked(b"+82*"));
    }

    fn some(number: &str) -> Option<String> {
        Some(number.into())
    }

    const FROM: &str = "\"A\" <sip:01012345678@ai>";
    const PAI: &str = "P-Asserted-Identity: \"x\" <sip:alice@c>, <tel:+14155550100>\r\n";

    #[test]
    fn in_the_order_of_the_design() {
        let own = "X-Caller: 02-2555-0100\r\n";
        let all = format!("{own}{PAI}");
        assert_eq!(of(true, true, FROM, &all), (some("+82225550100"), false, true));
        assert_eq!(of(true, false, FROM, &all), (some("+14155550100"), false, true));
        assert_eq!(of(false, false, FROM, &all), (some("+821012345678"), false, false));
        assert_eq!(of(true, true, FROM, "X-Caller: alice\r\n"), (some("+821012345678"), false, false));
        for value in
            ["<sip:+14155550100@x>", "tel:+1-415-555-0100", "+1 (415) 555-0100", "\"B\" <tel:0014155550100>"]
        {
            let line = format!("x-caller: {value}\r\n");
            assert_eq!(of(false, true, FROM, &line), (some("+14155550100"), false, true), "{value}");
        }
    }

    #[test]
    fn spellings_of_numbers() {
        for from in [
            "<tel:+14155550100>",
            "<sip:%2B14155550100@x>",
            "<sip:+1-415-555-0100;phone-context=example.com@x;user=phone>",
            "<tel:04155550100;phone-context=+1>",
            "<sip:04155550100;phone-context=+1@x;user=phone>",
        ] {
            assert_eq!(of(true, true, from, ""), (some("+14155550100"), false, false), "{from}");
        }
        for from in ["<sip:alice@x>", "<sip:x>", "<sip:201@x>", "<sip:+1415555%0d%0aX@x>", "<http://a>"] {
            assert_eq!(of(true, true, from, ""), (None, false, false), "{from}");
        }
    }

    #[test]
    fn who_wants_to_be_nobody() {
        let hidden = "<sip:anonymous@anonymous.invalid>";
        assert_eq!(of(true, false, hidden, PAI), (some("+14155550100"), true, true));
        assert_eq!(of(false, false, hidden, PAI), (None, true, false));
        assert_eq!(of(false, false, "<sip:Anonymous@x>", ""), (None, true, false));
        for privacy in ["id", "user;critical", "none, header", "session; ID"] {
            let line = format!("{PAI}Privacy: {privacy}\r\n");
            assert_eq!(of(true, false, FROM, &line), (some("+14155550100"), true, true), "{privacy}");
        }
        assert!(!of(true, false, FROM, &format!("{PAI}Privacy: none\r\n")).1);
        assert_eq!(of(true, true, FROM, &format!("{PAI}X-Caller: anonymous\r\n")), (None, true, false));
        let asserted = "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>\r\n";
        assert_eq!(of(true, false, FROM, asserted), (some("+821012345678"), true, false));
    }

    #[test]
    fn what_may_be_carried() {
        for name in ["X-Session", "x-a", "diversion", "History-Info", "USER-TO-USER"] {
            assert!(may_be_carried(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "X-",
            "Via",
            "From",
            "x-warmline-call",
            "X-Zendesk-Ticket-ID",
            "X-A B",
            "X-A:",
            "X-A\r\nB",
            "Route",
        ] {
            assert!(!may_be_carried(name.as_bytes()), "{name}");
        }
    }
}
