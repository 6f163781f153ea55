//! `[[target]]`: whom lines can ring.

use core::ops::Range;

use super::appliance;
use super::interface::Interfaces;
use super::loaded::Text;
use super::mistake::Report;
use super::names::Names;
use super::notation::{Host, number};
use super::table::{At, Table};
use super::trunk::Trunks;
use super::waiting::seconds;
use warmline_core::config::{Answers, Registrar, Span, Target, TargetIndex, TrunkIndex};
use warmline_core::time::Duration;
use warmline_core::transport::Transport;

const KEYS: &[&str] = &["name", "trunk", "uri", "answers", "settle"];

const ANSWERS: &[(&str, Option<bool>)] = &[("person", Some(false)), ("queue", Some(true))];

/// How soon a BYE means that nobody was there, where nothing is said, and at most.
const SETTLE: u16 = 20;
const LONGEST_SETTLE: Duration = Duration::from_secs(120);

/// Core counts targets in 16 bits.
const MOST: usize = 65_535;

#[derive(Debug)]
pub(super) struct Targets<'t> {
    pub(super) names: Names<'t>,
    /// None where a section had mistakes.
    pub(super) entries: Vec<Option<Target>>,
}

/// What else a target is checked against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a, 't> {
    pub(super) interfaces: &'a Interfaces<'t>,
    pub(super) trunks: &'a Trunks<'t>,
    pub(super) domains: &'a [&'t str],
    pub(super) appliance: Option<&'a appliance::Section>,
}

impl Targets<'_> {
    /// Whether the answer of this target means that its caller waits there.
    pub(super) fn is_queue(&self, number: usize) -> bool {
        let target = self.entries.get(number).and_then(Option::as_ref);
        target.is_some_and(|target| matches!(target.answers, Answers::Queue { .. }))
    }
}

pub(super) fn read<'t>(root: &Table<'t>, around: Around<'_, 't>, text: &mut Text) -> Targets<'t> {
    let mut targets = Targets { names: Names::new(root, "target"), entries: Vec::new() };
    for table in root.many("target", "[[target]]", KEYS, MOST) {
        let entry = read_one(&table, &mut targets.names, around, text);
        targets.entries.push(entry);
    }
    targets
}

fn read_one<'t>(
    table: &Table<'t>,
    names: &mut Names<'t>,
    around: Around<'_, 't>,
    text: &mut Text,
) -> Option<Target> {
    let name = names.declare(table);
    let trunk = table.need("trunk").and_then(|value| value.string());
    let trunk = trunk.and_then(|trunk| around.trunks.names.find(trunk));
    let uri = table.need("uri").and_then(|value| value.read(|uri| Uri::read(uri).map(|parts| (uri, parts))));
    let name = name.map(|name| name.value);
    let answers = answers(table);
    Some(Target { answers, ..place(table.report(), uri?, name, trunk, around, text)? })
}

/// What the target's 200 means.
fn answers(table: &Table<'_>) -> Answers {
    let queue = table.get("answers").and_then(|value| value.choice(ANSWERS)).is_some_and(|it| it.value);
    let settle = table.get("settle");
    if let Some(settle) = settle.filter(|_| !queue) {
        settle.mistake("\"settle\" goes with answers = \"queue\"");
    }
    let said = |text: &str| seconds(text, "for a queue to settle", LONGEST_SETTLE);
    let settle = settle.and_then(|value| value.read(said)).map_or(SETTLE, |settle| settle.value);
    if queue { Answers::Queue { settle } } else { Answers::Person }
}

/// A target of this name at a URI.
fn place<'t>(
    report: &Report<'_>,
    uri: At<(&'t str, Uri<'t>)>,
    name: Option<&'t str>,
    trunk: Option<usize>,
    around: Around<'_, 't>,
    text: &mut Text,
) -> Option<Target> {
    let At { value: (whole, parts), at } = uri;
    if is_ourselves(&parts, around) {
        report.mistake(at, format!("{} is Warmline itself", parts.name));
        return None;
    }
    refuse_unaskable(report, at, &parts, around);
    refuse_strange_address(report, at, &parts, trunk?, around);
    refuse_other_transport(report, at, &parts, trunk?, around);
    let span = text.add(whole);
    let within = |range: &Range<usize>| Span {
        start: span.start + u32::try_from(range.start).unwrap_or(0),
        len: u32::try_from(range.len()).unwrap_or(0),
    };
    Some(Target {
        name: text.add(name?),
        trunk: TrunkIndex(u16::try_from(trunk?).ok()?),
        uri: span,
        host: within(&parts.span),
        port: parts.port,
        answers: Answers::Person,
    })
}

/// Where trunks register: a target without a name for each, behind the others.
pub(super) fn registrars<'t>(
    root: &Table<'t>,
    around: Around<'_, 't>,
    targets: &mut Targets<'t>,
    text: &mut Text,
) -> Vec<(usize, Registrar)> {
    let mut registrars = Vec::new();
    for (trunk, register) in &around.trunks.registers {
        let uri = register.uri;
        let parts = uri.read(root.report(), |whole| {
            let parts = Uri::read(whole)?;
            match whole.contains('@') {
                true => Err(format!("\"{whole}\": a registrar's URI has no user; the user is \"username\"")),
                false => Ok((whole, parts)),
            }
        });
        let Some(target) =
            parts.and_then(|parts| place(root.report(), parts, Some(""), Some(*trunk), around, text))
        else {
            continue;
        };
        let Ok(index) = u16::try_from(targets.entries.len()) else { continue };
        targets.entries.push(Some(target));
        let aor = text.add(&register.aor());
        registrars.push((*trunk, Registrar { target: TargetIndex(index), aor }));
    }
    registrars
}

/// What is needed of a URI that we dial (RFC 3261 section 19.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Uri<'t> {
    name: &'t str,
    host: Host,
    /// The host in the URI's text, without brackets; or its `maddr`.
    span: Range<usize>,
    port: Option<u16>,
    /// The transport it asks for.
    transport: Option<Transport>,
}

impl<'t> Uri<'t> {
    fn read(text: &'t str) -> Result<Self, String> {
        let shown = text.escape_debug();
        let malformed =
            || format!("\"{shown}\" is no SIP URI; write it like \"sip:support@acme.sip.twilio.com\"");
        let (scheme, rest) = text.split_once(':').ok_or_else(malformed)?;
        if scheme.eq_ignore_ascii_case("sips") {
            return Err(format!("\"{shown}\": sips is not there yet; write \"sip:\""));
        }
        let graphic = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&byte));
        if !scheme.eq_ignore_ascii_case("sip") || !graphic {
            return Err(malformed());
        }
        let (user, rest) = rest.split_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        if user.is_some_and(|user| user.contains(':')) {
            return Err(format!("\"{shown}\": a password does not belong into a URI"));
        }
        if user.is_some_and(|user| user.is_empty() || !escapes_are_whole(user)) || rest.contains('@') {
            return Err(malformed());
        }
        if rest.contains('?') {
            return Err(format!("\"{shown}\": what follows the \"?\" cannot be dialled"));
        }
        let (place, parameters) = rest.split_once(';').map_or((rest, ""), |(place, rest)| (place, rest));
        let mut transport = None;
        for text in parameters.split(';') {
            transport = parameter(text).map_err(|why| format!("\"{shown}\": {why}"))?.or(transport);
        }
        let bracket = place.starts_with('[').then(|| place.find(']').map_or(place.len(), |at| at + 1));
        let (name, port) = match place.split_at(bracket.or_else(|| place.find(':')).unwrap_or(place.len())) {
            (name, "") => (name, None),
            (name, port) => {
                let port = port.strip_prefix(':').and_then(number::<u16>).filter(|&port| port > 0);
                (name, Some(port.ok_or_else(malformed)?))
            }
        };
        let host = Host::read(name).ok_or_else(malformed)?;
        // It is reached where `maddr` says, by the name of its host (RFC 3263 section 4).
        let (name, host) = match maddr(parameters) {
            Some(name) => (name, Host::read(name).ok_or_else(malformed)?),
            None => (name, host),
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let start = bare.as_ptr().addr() - text.as_ptr().addr();
        Ok(Self { name, host, span: start..start + bare.len(), port, transport })
    }
}

/// Whether every `%` stands before two hexadecimal digits.
fn escapes_are_whole(user: &str) -> bool {
    user.split('%').skip(1).all(|rest| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2)
}

fn parameter(text: &str) -> Result<Option<Transport>, String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    match name.to_ascii_lowercase().as_str() {
        "transport" => {
            let named = Transport::named(value.as_bytes());
            named.map(Some).ok_or_else(|| format!("transport={value} is not spoken; use udp, tcp or tls"))
        }
        _ => Ok(None),
    }
}

/// How a target is reached is its trunk's business: its URI may only say the same.
fn refuse_other_transport(
    report: &Report<'_>,
    at: usize,
    uri: &Uri<'_>,
    trunk: usize,
    around: Around<'_, '_>,
) {
    let Some(entry) = around.trunks.entry(trunk) else { return };
    let Some(listener) = around.interfaces.listeners.get(usize::from(entry.listener)) else { return };
    if let Some(named) = uri.transport.filter(|&named| named != listener.transport) {
        let word = |transport: Transport| transport.name().to_ascii_lowercase();
        let name = around.trunks.names.of(trunk);
        let (named, reached) = (word(named), word(listener.transport));
        let message = format!(
            "transport={named}, and trunk \"{name}\" is reached by {reached}: say transport = \"{named}\" there"
        );
        report.mistake(at, message);
    }
}

fn maddr(parameters: &str) -> Option<&str> {
    let maddr = |text: &'_ str| -> bool {
        text.split_once('=').is_some_and(|(name, _)| name.eq_ignore_ascii_case("maddr"))
    };
    let (_, value) = parameters.split(';').find(|text| maddr(text))?.split_once('=')?;
    Some(value)
}

/// A line that rings ourselves would go round in circles.
fn is_ourselves(uri: &Uri<'_>, around: Around<'_, '_>) -> bool {
    match uri.host {
        Host::Name => around.domains.iter().any(|domain| domain.eq_ignore_ascii_case(uri.name)),
        Host::Ip(address) => around.interfaces.listeners.iter().any(|listener| {
            listener.port == uri.port.unwrap_or_else(|| listener.transport.port())
                && around
                    .interfaces
                    .entry(usize::from(listener.interface))
                    .is_some_and(|interface| [interface.address, interface.advertise].contains(&address))
        }),
    }
}

/// A name that a board has nobody to ask about.
fn refuse_unaskable(report: &Report<'_>, at: usize, uri: &Uri<'_>, around: Around<'_, '_>) {
    if uri.host == Host::Name && around.appliance.is_some_and(|section| !section.asks()) {
        let name = uri.name;
        let message = format!(
            "nobody can be asked for the address of {name}: say \"dns\" in [appliance], like [\"192.0.2.1\"]"
        );
        report.mistake(at, message);
    }
}

/// What answers from an address that its trunk does not have is not let in.
fn refuse_strange_address(
    report: &Report<'_>,
    at: usize,
    uri: &Uri<'_>,
    trunk: usize,
    around: Around<'_, '_>,
) {
    let Host::Ip(address) = uri.host else { return };
    let Some(entry) = around.trunks.entry(trunk) else { return };
    let Some(listener) = around.interfaces.listeners.get(usize::from(entry.listener)) else { return };
    if !around.trunks.may_hold(listener.interface, address, trunk) {
        let name = around.trunks.names.of(trunk);
        report.mistake(at, format!("{address} is in no signalling range of trunk \"{name}\""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> (&str, Option<u16>) {
        let uri = Uri::read(text).unwrap();
        (&text[uri.span], uri.port)
    }

    #[test]
    fn hosts_and_ports_are_found() {
        assert_eq!(host("sip:support@acme.sip.twilio.com"), ("acme.sip.twilio.com", None));
        assert_eq!(host("SIP:acme.example:5070;transport=udp;edge=dublin"), ("acme.example", Some(5070)));
        assert_eq!(host("sip:+8225550100;phone-context=x@192.0.2.1:5080"), ("192.0.2.1", Some(5080)));
        assert_eq!(host("sip:a%20b@[2001:db8::1]:5070"), ("2001:db8::1", Some(5070)));
        assert_eq!(host("sip:[2001:db8::1]"), ("2001:db8::1", None));
        assert_eq!(host("sip:a@acme.example:5070;x;MADDR=[2001:db8::1]"), ("2001:db8::1", Some(5070)));
        assert_eq!(host("sip:a@acme.example;maddr=proxy.example;lr"), ("proxy.example", None));
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for wrong in [
            "",
            "sip",
            "sip:",
            "sip:@",
            "sip:@host",
            "sip:a@",
            "sip:a@b@c",
            "tel:+1",
            "sip:a b@c",
            "sip:a@b:",
            "sip:a@b:0",
            "sip:a@b:70000",
            "sip:a@[::1",
            "sip:a@[]",
            "sip:a@[::1]5060",
            "sip:a@10.0.0.256",
            "sip:a%2@b",
            "sip:<a@b>",
            "sip:a@b;maddr=",
            "sip:a@b;maddr=10.0.0.256",
        ] {
            assert!(Uri::read(wrong).is_err(), "{wrong}");
        }
    }
}
