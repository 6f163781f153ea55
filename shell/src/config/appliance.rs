//! `[appliance]`: how a board is connected.

use core::net::{IpAddr, Ipv4Addr};

use warmline_core::image::{Appliance, Excess, MAX_DNS, Network, NetworkError};

use super::notation::number;
use super::suggest::hint;
use super::table::{At, Table, Value};
use warmline_core::filter::Prefix;

const KEYS: &[&str] = &["address", "gateway", "dns", "ntp"];

/// The address of a board that is leased one.
const DHCP: &str = "dhcp";

#[derive(Debug)]
pub(super) struct Section {
    /// None where it is a mistake.
    network: Option<At<Network>>,
    dns: Vec<Ipv4Addr>,
    ntp: Option<Ipv4Addr>,
    /// Whether a name of a host can be looked up, as far as is known.
    asks: bool,
}

/// How the board of this file is connected; none where it is for a server.
pub(super) fn read(root: &Table<'_>) -> Option<Section> {
    let table = root.one("appliance", "[appliance]", KEYS)?;
    let network = table.need("address").and_then(|value| value.read(own_address));
    let gateway = table.get("gateway");
    let network = network.and_then(|network| with_gateway(network, gateway));
    if let Some(value) = table.get("dns")
        && network.is_some_and(|network| matches!(network.value, Network::Dhcp))
    {
        value.mistake("DNS servers are leased with the address; take \"dns\" away");
    }
    let servers = table.get("dns").map(Value::strings).unwrap_or_default();
    if let Some(third) = servers.get(MAX_DNS) {
        let excess = Excess { who: "a board", what: "DNS servers", found: servers.len(), most: MAX_DNS };
        table.report().mistake(third.at, excess.to_string());
    }
    let servers: Vec<_> =
        servers.into_iter().filter_map(|text| Some((text, text.read(table.report(), host)?))).collect();
    let ntp = table
        .get("ntp")
        .and_then(|value| value.string().and_then(|text| Some((text, text.read(table.report(), host)?))));
    let section = Section {
        network,
        ntp: ntp.map(|(_, server)| server.value),
        dns: servers.iter().map(|(_, server)| server.value).collect(),
        asks: table.get("dns").is_some_and(|value| !value.is_empty_list())
            || !network.is_some_and(|network| matches!(network.value, Network::Static { .. })),
    };
    for (text, server) in servers.into_iter().chain(ntp) {
        if let Some(beyond) = section.beyond(text.value, Prefix { address: server.value.into(), length: 32 })
        {
            table.report().mistake(server.at, beyond);
        }
    }
    Some(section)
}

impl Section {
    pub(super) fn network(&self) -> Option<At<Network>> {
        self.network
    }

    /// Whether a name of a host can be looked up, as far as is known.
    pub(super) fn asks(&self) -> bool {
        self.asks
    }

    /// Why the board cannot reach addresses; none where it can, as far as is known.
    pub(super) fn beyond(&self, text: &str, addresses: Prefix) -> Option<String> {
        let network = self.network?.value;
        let Network::Static { prefix, gateway: None, address } = network else { return None };
        let IpAddr::V4(first) = addresses.address else { return None };
        let within = network.reaches(first) && addresses.length >= prefix;
        (!within).then(|| {
            format!("{text} is beyond the network of {address}/{prefix}, and [appliance] has no \"gateway\"")
        })
    }

    /// What the board is told; none where something is a mistake.
    pub(super) fn lower(&self, capacity: u32) -> Option<Appliance> {
        Some(Appliance {
            network: self.network?.value,
            dns: self.dns.iter().copied().take(MAX_DNS).collect(),
            ntp: self.ntp,
            calls: u16::try_from(capacity).unwrap_or(u16::MAX),
        })
    }
}

/// `dhcp`, or an address and how many of its bits are its network's.
fn own_address(text: &str) -> Result<Network, String> {
    if text == DHCP {
        return Ok(Network::Dhcp);
    }
    let shown = text.escape_debug();
    let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
    let address: Ipv4Addr = address.parse().map_err(|_| {
        let otherwise = || "; write it like \"192.0.2.10/24\", or \"dhcp\"".to_owned();
        format!("\"{shown}\" is no IPv4 address{}", hint(text, [DHCP], otherwise))
    })?;
    let network = Network::Static { address, prefix: number(prefix).unwrap_or(0), gateway: None };
    match network.check() {
        Err(NetworkError::Prefix) => Err(format!(
            "\"{shown}\" does not say how many bits are the network's; write it like \"192.0.2.10/24\""
        )),
        Err(_) => Err(format!("{shown} is no host's own address")),
        Ok(()) => Ok(network),
    }
}

fn with_gateway(network: At<Network>, gateway: Option<Value<'_>>) -> Option<At<Network>> {
    let Some(value) = gateway else { return Some(network) };
    let gateway = value.read(host)?.value;
    let Network::Static { address, prefix, .. } = network.value else {
        value.mistake("the gateway is leased with the address; take \"gateway\" away");
        return None;
    };
    let complete = Network::Static { address, prefix, gateway: Some(gateway) };
    if complete.check().is_err() {
        value.mistake(format!("{gateway} is not another host in the network of {address}/{prefix}"));
        return None;
    }
    Some(network.with(complete))
}

/// The address of another host.
fn host(text: &str) -> Result<Ipv4Addr, String> {
    let address: Option<Ipv4Addr> = text.parse().ok();
    let other = |address: &Ipv4Addr| {
        !(address.is_unspecified()
            || address.is_loopback()
            || address.is_multicast()
            || address.is_broadcast())
    };
    address.filter(other).ok_or_else(|| {
        format!("\"{}\" is no IPv4 address of a host; write it like \"192.0.2.1\"", text.escape_debug())
    })
}
