//! `[node]`: what holds for the node as a whole.

use super::loaded::Text;
use super::machine::Machine;
use super::names::name;
use super::notation::Host;
use super::table::{At, Table};
use warmline_core::config::Span;

const KEYS: &[&str] = &["name", "capacity", "domains", "country"];

const NAME: &str = "warmline";

/// Two pairs of ports a call, and ports from 1024 on: no node carries more.
const MOST_CALLS: u32 = 16_128;

#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) name: Span,
    pub(super) country: Span,
    /// None where it is a mistake.
    pub(super) capacity: Option<At<u32>>,
    pub(super) domains: Vec<&'t str>,
}

pub(super) fn read<'t>(root: &Table<'t>, machine: Machine, text: &mut Text) -> Node<'t> {
    let table = root.one("node", "[node]", KEYS);
    let get = |key| table.and_then(|table| table.get(key));
    let name = get("name").and_then(|value| value.read(name)).map_or(NAME, |name| name.value);
    let country = get("country").and_then(|value| value.read(country)).map_or("", |country| country.value);
    let default = At { value: machine.capacity(), at: table.map_or(0, |table| table.at) };
    let capacity = get("capacity").map_or(Some(default), |value| value.integer(1..=MOST_CALLS));
    if let Some(capacity) = capacity {
        machine.bound(root.report(), capacity, "calls at once", |board| board.calls);
    }
    Node {
        name: text.add(name),
        country: text.add(country),
        capacity,
        domains: get("domains")
            .map(|value| value.strings())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|text| text.read(root.report(), domain))
            .map(|domain| domain.value)
            .collect(),
    }
}

fn country(text: &str) -> Result<&str, String> {
    let digits = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || text.starts_with('0') {
        let text = text.escape_debug();
        return Err(format!("\"{text}\" is no country code; write its digits alone, like \"82\""));
    }
    Ok(text)
}

fn domain(text: &str) -> Result<&str, String> {
    if Host::read(text).is_none() {
        return Err(format!("\"{}\" is no host; write it like \"sbc.example.com\"", text.escape_debug()));
    }
    Ok(text)
}
