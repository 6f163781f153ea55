//! `[[interface]]`: the networks we stand in.

use core::net::{IpAddr, Ipv4Addr};

use super::appliance;
use super::certificate;
use super::loaded::Text;
use super::machine::Machine;
use super::mistake::Report;
use super::names::Names;
use super::notation::{address, number, ports};
use super::table::{At, Table};
use crate::certificates::Identity;
use warmline_core::config::{Interface, Listener};
use warmline_core::image::Network;
use warmline_core::transport::Transport;

const KEYS: &[&str] = &["name", "address", "advertise", "listen", "media", "certificate", "key"];

/// Core counts interfaces and listeners in bytes.
const MOST: usize = 255;

const LISTEN: &str = "udp:5060";

/// Ports below are the system's.
const FIRST_PORT: u16 = 1024;

#[derive(Debug)]
pub(super) struct Interfaces<'t> {
    pub(super) names: Names<'t>,
    /// None where a section had mistakes.
    pub(super) entries: Vec<Option<Interface>>,
    pub(super) listeners: Vec<Listener>,
    /// The certificate of each, where it has one.
    pub(super) identities: Vec<Option<Identity>>,
}

/// A section's values, each with its place.
#[derive(Clone, Copy, Debug)]
struct Section<'t> {
    name: Option<At<&'t str>>,
    address: Option<IpAddr>,
    advertise: Option<IpAddr>,
    media: Option<At<(u16, u16)>>,
}

/// A socket to listen on, as a section asks for it.
#[derive(Clone, Copy, Debug)]
struct Socket {
    interface: usize,
    address: Option<IpAddr>,
    transport: Transport,
    port: At<u16>,
}

pub(super) fn read<'t>(
    root: &Table<'t>,
    machine: Machine,
    appliance: Option<&appliance::Section>,
    capacity: Option<At<u32>>,
    text: &mut Text,
) -> Interfaces<'t> {
    let report = root.report();
    let mut names = Names::new(root, "interface");
    let mut sections = Vec::new();
    let (mut sockets, mut identities) = (Vec::<Socket>::new(), Vec::new());
    let tables = root.many("interface", "[[interface]]", KEYS, MOST);
    if root.get("interface").is_none() {
        report.mistake(0, "there is no [[interface]]: say at which address Warmline stands");
    }
    for (interface, table) in tables.iter().enumerate() {
        let section = read_one(table, machine, appliance, &mut names);
        let address = section.address;
        let before = sockets.len();
        sockets.extend(listen(table, machine).into_iter().map(|socket| {
            let (transport, port) = socket.value;
            Socket { interface, address, transport, port: socket.with(port) }
        }));
        let tls = sockets.iter().skip(before).any(|socket| socket.transport == Transport::Tls);
        identities.push(certificate::identity(table, tls));
        sections.push(section);
    }
    if let Some(socket) = sockets.get(MOST) {
        report.mistake(socket.port.at, format!("there are more than {MOST} sockets to listen on"));
        sockets.truncate(MOST);
    }
    refuse_shared_media(report, &sections);
    refuse_shared_sockets(report, &sockets, &sections);
    refuse_few_ports(report, &sections, capacity);
    for range in sections.iter().filter_map(|section| section.media) {
        let pairs = range.with(pairs(range.value));
        machine.bound(report, pairs, "pairs of media ports", |board| board.port_pairs);
    }

    let listener = |socket: &Socket| Listener {
        interface: index(socket.interface),
        transport: socket.transport,
        port: socket.port.value,
    };
    let entry = |section: Section<'_>| {
        Some(Interface {
            name: text.add(section.name?.value),
            address: section.address?,
            advertise: section.advertise?,
            media: section.media?.value,
        })
    };
    Interfaces {
        names,
        listeners: sockets.iter().map(listener).collect(),
        identities,
        entries: sections.into_iter().map(entry).collect(),
    }
}

impl Interfaces<'_> {
    /// The interface with this number, unless it had mistakes.
    pub(super) fn entry(&self, number: usize) -> Option<&Interface> {
        self.entries.get(number)?.as_ref()
    }

    /// The first listener of an interface with this transport.
    pub(super) fn listener(&self, interface: usize, transport: Transport) -> Option<u8> {
        let fits = |listener: &Listener| {
            usize::from(listener.interface) == interface && listener.transport == transport
        };
        self.listeners.iter().position(fits).map(index)
    }
}

/// A number as core counts it; what does not fit was a mistake before.
fn index(number: usize) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

fn read_one<'t>(
    table: &Table<'t>,
    machine: Machine,
    appliance: Option<&appliance::Section>,
    names: &mut Names<'t>,
) -> Section<'t> {
    let name = names.declare(table);
    let bound = table.need("address").and_then(|value| value.read(unicast));
    let bound = bound.filter(|bound| appliance.is_none_or(|section| is_the_boards(table, *bound, section)));
    let advertised = match table.get("advertise") {
        Some(value) => value.read(unicast).and_then(|advertise| advertisable(table, bound, advertise)),
        None => bound.and_then(|bound| {
            if bound.value.is_unspecified() && appliance.is_none() {
                let message =
                    format!("\"{}\" is no address to tell peers; say \"advertise\" too", bound.value);
                table.report().mistake(bound.at, message);
                return None;
            }
            Some(bound.value)
        }),
    };
    let media = match table.get("media") {
        Some(value) => value.read(media),
        None => Some(At { value: machine.media(), at: table.at }),
    };
    Section { name, address: bound.map(|bound| bound.value), advertise: advertised, media }
}

/// A board has one address, and `[appliance]` says which.
fn is_the_boards(table: &Table<'_>, bound: At<IpAddr>, appliance: &appliance::Section) -> bool {
    let Some(network) = appliance.network() else { return true };
    let (own, why) = match network.value {
        Network::Dhcp => (Ipv4Addr::UNSPECIFIED, "is leased one"),
        Network::Static { address, .. } => (address, "has another"),
    };
    if bound.value == IpAddr::V4(own) {
        return true;
    }
    let place = table.report().place(network.at);
    let message = format!("the board {why}, by [appliance] at {place}: write \"{own}\" here");
    table.report().mistake(bound.at, message);
    false
}

fn unicast(text: &str) -> Result<IpAddr, String> {
    let address = address(text)?;
    if address.is_multicast() || address == IpAddr::from([255; 4]) {
        return Err(format!("{address} is no host's own address"));
    }
    Ok(address)
}

fn advertisable(table: &Table<'_>, bound: Option<At<IpAddr>>, advertise: At<IpAddr>) -> Option<IpAddr> {
    if advertise.value.is_unspecified() {
        let message = format!("\"{}\" is no address to tell peers", advertise.value);
        table.report().mistake(advertise.at, message);
        return None;
    }
    if bound.is_some_and(|bound| bound.value.is_ipv4() != advertise.value.is_ipv4()) {
        let message = "\"address\" and \"advertise\" must both be IPv4 or both be IPv6";
        table.report().mistake(advertise.at, message);
        return None;
    }
    Some(advertise.value)
}

/// Whole pairs of an even port for RTP and the next one for RTCP (RFC 3550 section 11).
fn media(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = ports(text)?;
    if first < FIRST_PORT {
        return Err(format!("media ports begin at {FIRST_PORT}; those below are the system's"));
    }
    let (first, end) = (u32::from(first).next_multiple_of(2), (u32::from(last) + 1) & !1);
    match (u16::try_from(first), u16::try_from(end.saturating_sub(1))) {
        (Ok(first), Ok(last)) if first < last => Ok((first, last)),
        _ => Err(format!("\"{text}\" holds no pair of an even port and the next one")),
    }
}

/// The transports and ports of `listen`.
fn listen(table: &Table<'_>, machine: Machine) -> Vec<At<(Transport, u16)>> {
    let texts = match table.get("listen") {
        Some(value) => value.some_strings(),
        None => vec![At { value: LISTEN, at: table.at }],
    };
    let read = |text: &str| match socket(text)? {
        (Transport::Udp, port) => Ok((Transport::Udp, port)),
        _ if !machine.is_server() => Err(format!("\"{text}\": a board listens on udp only")),
        socket => Ok(socket),
    };
    texts.into_iter().filter_map(|text| text.read(table.report(), read)).collect()
}

fn socket(text: &str) -> Result<(Transport, u16), String> {
    let malformed = || {
        let text = text.escape_debug();
        format!("\"{text}\" is no transport and port; write them like \"udp:5060\"")
    };
    let (transport, port) = text.split_once(':').ok_or_else(malformed)?;
    let port = number::<u16>(port).filter(|&port| port > 0).ok_or_else(malformed)?;
    match transport {
        "udp" => Ok((Transport::Udp, port)),
        "tcp" => Ok((Transport::Tcp, port)),
        "tls" => Ok((Transport::Tls, port)),
        _ => Err(malformed()),
    }
}

/// A media port must name its interface.
fn refuse_shared_media(report: &Report<'_>, sections: &[Section<'_>]) {
    let mut ranges: Vec<_> = sections.iter().filter_map(|section| section.media).collect();
    ranges.sort_by_key(|range| (range.value.0, range.at));
    for pair in ranges.windows(2) {
        let [one, other] = pair else { continue };
        if one.value.1 >= other.value.0 {
            let (early, late) = if one.at <= other.at { (one, other) } else { (other, one) };
            let ((first, last), place) = (late.value, report.place(early.at));
            report.mistake(
                late.at,
                format!("media ports {first}-{last} overlap another interface's, at {place}"),
            );
        }
    }
}

/// One socket to an address and port, and none of them among the media ports.
fn refuse_shared_sockets(report: &Report<'_>, sockets: &[Socket], sections: &[Section<'_>]) {
    for (number, socket) in sockets.iter().enumerate() {
        let port = socket.port;
        let streams = |socket: &Socket| socket.transport.is_reliable();
        let same = |earlier: &&Socket| {
            (earlier.interface != socket.interface || earlier.transport != socket.transport)
                && streams(earlier) == streams(socket)
                && earlier.address.is_some_and(|address| Some(address) == socket.address)
                && earlier.port.value == port.value
        };
        if let Some(first) = sockets.iter().take(number).find(same) {
            let place = report.place(first.port.at);
            let message = format!("port {} is listened on already at this address, at {place}", port.value);
            report.mistake(port.at, message);
        }
        let among = |range: &At<(u16, u16)>| {
            !streams(socket) && (range.value.0..=range.value.1).contains(&port.value)
        };
        if let Some(range) = sections.iter().filter_map(|section| section.media).find(among) {
            let place = report.place(range.at);
            report.mistake(port.at, format!("port {} is among the media ports at {place}", port.value));
        }
    }
}

/// How many pairs of ports a range has.
fn pairs((first, last): (u16, u16)) -> u32 {
    u32::from(last.saturating_sub(first)).div_ceil(2)
}

/// Each call has two legs, and each leg a pair of ports.
fn refuse_few_ports(report: &Report<'_>, sections: &[Section<'_>], capacity: Option<At<u32>>) {
    let pairs = sections.iter().map(|section| Some(pairs(section.media?.value))).sum::<Option<u32>>();
    let Some((pairs, capacity)) = pairs.zip(capacity) else { return };
    let needed = capacity.value * 2;
    if !sections.is_empty() && pairs < needed {
        let message = format!(
            "{} calls at once need {needed} pairs of media ports, two a call; the interfaces have {pairs}",
            capacity.value
        );
        report.mistake(capacity.at, message);
    }
}
