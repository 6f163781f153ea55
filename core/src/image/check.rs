//! What core relies on in a configuration, and a board in its own.

use core::net::{IpAddr, Ipv4Addr};

use super::appliance::{Appliance, Network};
use super::error::ImageError;
use crate::call::{may_be_carried, number};
use crate::config::{
    Anonymous, Config, Credentials, Identity, Interface, Key, List, MediaPolicy, Ring, Span, Then,
    TrunkIndex, User,
};
use crate::filter::is_table;
use crate::line::{Schedule, When};
use crate::rtp::Digit;
use crate::transport::Transport;

/// # Errors
/// [`ImageError::OutOfRange`].
pub(super) fn check(config: &Config<'_>, appliance: &Appliance) -> Result<(), ImageError> {
    let dns = match appliance.network {
        Network::Dhcp => appliance.dns.is_empty(),
        Network::Static { .. } => appliance.dns.iter().all(is_unicast),
    };
    if appliance.network.check().is_err() || !dns {
        return Err(ImageError::OutOfRange("the network"));
    }
    ensure(appliance.ntp.as_ref().is_none_or(is_unicast), "who tells the time")?;
    ensure(appliance.calls > 0, "the number of calls")?;
    ensure(config.node.workers == 1, "relay workers")?;
    ensure(is_text(config), "names, URIs or numbers")?;
    interface(config, appliance.network)?;
    trunks(config)?;
    hours(config)?;
    lines(config)
}

fn ensure(sound: bool, what: &'static str) -> Result<(), ImageError> {
    if sound { Ok(()) } else { Err(ImageError::OutOfRange(what)) }
}

fn is_unicast(address: &Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}

/// Whether every name is in the text, and has no character that could end a header of ours.
fn is_text(config: &Config<'_>) -> bool {
    let within = |span: Span| text(config, span).is_some_and(|text| text.iter().all(u8::is_ascii_graphic));
    within(config.node.name)
        && within(config.node.country)
        && config.text(config.node.country).iter().all(u8::is_ascii_digit)
        && config.domains.iter().chain(config.dials).all(|&span| within(span))
        && config.interfaces.iter().all(|interface| within(interface.name))
        && config.trunks.iter().all(|trunk| within(trunk.name) && is_identity(config, &trunk.identity))
        && config.targets.iter().all(|t| within(t.name) && within(t.uri) && within(t.host))
        && config.lines.iter().all(|line| within(line.name))
        && config.schedules.iter().all(|schedule| within(schedule.name))
}

/// The text a span names; none where it leads outside.
fn text<'c>(config: &Config<'c>, span: Span) -> Option<&'c [u8]> {
    let end = span.start.checked_add(span.len).and_then(|end| usize::try_from(end).ok())?;
    config.text.get(usize::try_from(span.start).ok()?..end)
}

/// Whether what a trunk is told of who calls is in the text, and can be written as it is.
fn is_identity(config: &Config<'_>, identity: &Identity) -> bool {
    let in_e164 = |span: Span| text(config, span).is_some_and(|text| text.is_empty() || is_number(text));
    let stand_in = match identity.anonymous {
        Anonymous::StandIn(span) => span.len > 0 && in_e164(span),
        Anonymous::Withhold | Anonymous::Number => true,
    };
    let names = |span: Span| {
        text(config, span)
            .is_some_and(|text| text.is_empty() || text.split(|&byte| byte == b',').all(may_be_carried))
    };
    let header = text(config, identity.header).is_some_and(|text| text.iter().all(u8::is_ascii_graphic));
    stand_in && in_e164(identity.caller) && header && names(identity.carried)
}

/// Whether it is in E.164, with its `+`.
fn is_number(text: &[u8]) -> bool {
    number(text, b"").is_some_and(|number| number.as_slice() == text)
}

/// Whether credentials are in the text, and can be written between quotes. They may be in any language.
fn is_login(config: &Config<'_>, credentials: &Credentials) -> bool {
    let Credentials { user, realm, secret } = *credentials;
    let sound = |span| text(config, span).is_some_and(|text| !text.iter().any(u8::is_ascii_control));
    user.len > 0 && [user, realm, secret].into_iter().all(sound)
}

/// One interface, where the network says, and sockets on it.
fn interface(config: &Config<'_>, network: Network) -> Result<(), ImageError> {
    let [interface] = config.interfaces else { return Err(ImageError::OutOfRange("interfaces")) };
    let &Interface { address: IpAddr::V4(address), advertise: IpAddr::V4(advertise), media, .. } = interface
    else {
        return Err(ImageError::OutOfRange("the interface's address"));
    };
    let (own, told) = match network {
        Network::Dhcp => (address.is_unspecified(), advertise.is_unspecified() || is_unicast(&advertise)),
        Network::Static { address: own, .. } => (address == own, is_unicast(&advertise)),
    };
    ensure(own && told, "the interface's address")?;
    let (first, last) = media;
    ensure(first >= 1024 && first % 2 == 0 && last % 2 == 1 && first < last, "media ports")?;
    ensure(!config.listeners.is_empty(), "sockets to listen on")?;
    for (number, listener) in config.listeners.iter().enumerate() {
        let again = config.listeners.iter().skip(number.saturating_add(1)).any(|l| l.port == listener.port);
        let sound = listener.interface == 0
            && listener.transport == Transport::Udp
            && listener.port > 0
            && !(first..=last).contains(&listener.port);
        ensure(sound && !again, "sockets to listen on")?;
    }
    Ok(())
}

fn trunks(config: &Config<'_>) -> Result<(), ImageError> {
    for trunk in config.trunks {
        ensure(config.listener(trunk.listener).is_some(), "a trunk's listener")?;
        let login = trunk.credentials.as_ref().is_none_or(|credentials| is_login(config, credentials));
        ensure(login, "a trunk's credentials")?;
        let registrar = trunk.registration.is_none_or(|registrar| {
            let aor = text(config, registrar.aor).filter(|aor| aor.iter().all(u8::is_ascii_graphic));
            let known = config.target(registrar.target).is_some();
            known && trunk.credentials.is_some() && aor.is_some_and(|aor| crate::sip::Uri::parse(aor).is_ok())
        });
        ensure(registrar, "a trunk's registrar")?;
        ensure(within(trunk.users, config.users), "a trunk's users")?;
        // There are no connections on a board.
        ensure(!trunk.certified, "a trunk's certificate")?;
        // Nor TLS, by which keys would go.
        ensure(trunk.keys_in_clear || !trunk.srtp.is_on(), "a trunk's SRTP")?;
        let known = trunk.return_to.is_none_or(|target| config.target(target).is_some());
        ensure(known, "where a trunk's callers go back to")?;
        if let MediaPolicy::Ranges(list) = trunk.media {
            ensure(within(list, config.media), "a trunk's media ranges")?;
        }
    }
    let user = |user: &User| {
        is_login(config, &Credentials { user: user.name, realm: Span::EMPTY, secret: user.secret })
    };
    ensure(config.users.iter().all(user), "users of trunks")?;
    ensure(config.media.iter().all(|range| range.ports.0 <= range.ports.1), "media ranges")?;
    let shared = |set: &List<TrunkIndex>| set.len > 0 && within(*set, config.callers);
    ensure(config.shared.iter().all(shared), "trunks that speak from the same addresses")?;
    let source = |value: u16, scope: u8| config.speakers(value).next().is_some() && scope == 0;
    let known = config.sources.iter().all(|range| source(range.value, range.scope));
    ensure(known && is_table(config.sources), "the ranges that trunks signal from")
}

fn lines(config: &Config<'_>) -> Result<(), ImageError> {
    let target = config.targets.iter().all(|t| config.trunk(t.trunk).is_some() && t.port != Some(0));
    ensure(target, "targets")?;
    for line in config.lines {
        let sound = within(line.dial, config.dials)
            && within(line.from, config.callers)
            && within(line.ring, config.rings)
            && within(line.when, config.whens)
            && within(line.keys, config.keys)
            && is_then(config, line.unanswered);
        ensure(sound, "lines")?;
        // There is nowhere on a board to keep one.
        ensure(!line.record, "a line's recordings")?;
        // Nor a message, and nobody to make a ticket.
        ensure(line.voicemail.is_none() && line.longest == 0, "a line's voicemail")?;
        ensure(line.budget == 0, "a line's tickets")?;
    }
    let key = |key: &Key| Digit::of_code(key.press).is_some() && is_then(config, key.then);
    ensure(config.keys.iter().all(key), "keys that callers may press")?;
    ensure(config.callers.iter().all(|&trunk| config.trunk(trunk).is_some()), "who dials a line")?;
    let rung = |ring: &Ring| {
        let key = ring.whisper.and_then(|whisper| whisper.accept);
        config.target(ring.target).is_some() && key.is_none_or(|key| Digit::of_code(key).is_some())
    };
    ensure(config.rings.iter().all(rung), "whom a line rings")
}

/// Each schedule's changes in their order.
fn hours(config: &Config<'_>) -> Result<(), ImageError> {
    let sound = |schedule: &Schedule| {
        within(schedule.changes, config.instants)
            && config.changes(schedule).is_sorted_by(|one, next| one < next)
    };
    ensure(config.schedules.iter().all(sound), "when a schedule opens and closes")?;
    let when = |when: &When| config.schedule(when.schedule).is_some() && is_then(config, when.then);
    ensure(config.whens.iter().all(when), "what lines do when")
}

/// Whether what becomes of a caller leads somewhere, and can be done on a board.
fn is_then(config: &Config<'_>, then: Then) -> bool {
    match then {
        Then::Return | Then::Goodbye(_) => true,
        Then::Voicemail => false,
        Then::Overflow(target) => config.target(target).is_some(),
        Then::Line(line) => config.line(line).is_some(),
    }
}

/// Whether a list is in its table.
fn within<T>(list: List<T>, table: &[T]) -> bool {
    usize::from(list.start).saturating_add(usize::from(list.len)) <= table.len()
}
