//! `[platform]`: where AI agents' platforms reach us by HTTPS, and by which tokens.

use core::net::SocketAddr;

use super::certificate;
use super::desk::Desks;
use super::interface::Interfaces;
use super::machine::Machine;
use super::notation::rate;
use super::table::{At, Table, Value};
use super::trunk::Trunks;
use crate::certificates::Identity;
use crate::platform::{Setting, Token};
use warmline_core::config::TrunkKind;
use warmline_core::filter::Rate;

const KEYS: &[&str] = &["address", "certificate", "key", "max_rate", "token"];
const TOKEN: &[&str] = &["trunk", "token", "desk"];

/// Most tokens.
const MOST: usize = 1_000;

/// The shortest token, in bytes: what `openssl rand -hex 8` gives, and nobody guesses.
const SHORTEST: usize = 16;

/// How many requests a second a token is good for where nothing is said.
const RATE: u32 = 20;

pub(super) fn read(
    root: &Table<'_>,
    machine: Machine,
    interfaces: &Interfaces<'_>,
    trunks: &Trunks<'_>,
    desks: &Desks<'_>,
) -> Option<Setting> {
    let table = root.one("platform", "[platform]", KEYS)?;
    if !machine.is_server() {
        table.report().mistake(table.at, "a board has no HTTP: take [platform] away");
        return None;
    }
    let address = table.need("address").and_then(|value| value.read(socket));
    let identity = address.and_then(|address| identity(&table, address, interfaces));
    let rate = table.get("max_rate").map_or(Some(RATE), |value| value.read(rate).map(|rate| rate.value));
    // Platforms do not ask in step: a second's worth may come at once.
    let rate = rate.map(|rate| Rate { per_second: rate, burst: rate });
    let tokens = tokens(&table, trunks, desks);
    Some(Setting { address: address?.value, identity: identity?, rate: rate?, tokens })
}

/// `0.0.0.0:8443`.
fn socket(text: &str) -> Result<SocketAddr, String> {
    let socket = text.parse().ok().filter(|socket: &SocketAddr| socket.port() > 0);
    socket.ok_or_else(|| {
        format!("\"{}\" is no address with a port; write it like \"0.0.0.0:8443\"", text.escape_debug())
    })
}

/// Its certificate, or else that of the first interface that has one; on this machine alone it may do without.
fn identity(
    table: &Table<'_>,
    address: At<SocketAddr>,
    interfaces: &Interfaces<'_>,
) -> Option<Option<Identity>> {
    let shared = interfaces.identities.iter().flatten().next();
    let missing = match (table.get("certificate"), table.get("key")) {
        (Some(certificate), Some(key)) => return certificate::files(certificate, key).map(Some),
        (None, None) if address.value.ip().is_loopback() => return Some(None),
        (None, None) if shared.is_some() => return Some(shared.cloned()),
        (None, _) => "certificate",
        (_, None) => "key",
    };
    let message = format!(
        "missing key \"{missing}\" in [platform]: tokens and callers would go to {} unprotected; plain HTTP is for loopback \
         alone",
        address.value
    );
    table.report().mistake(table.at, message);
    None
}

fn tokens(table: &Table<'_>, trunks: &Trunks<'_>, desks: &Desks<'_>) -> Vec<Token> {
    let report = table.report();
    let mut tokens: Vec<Token> = Vec::new();
    let tables = table.many("token", "[[platform.token]]", TOKEN, MOST);
    if tables.is_empty() && table.get("token").is_none() {
        report.mistake(table.at, "there is no [[platform.token]]: nobody could ask for anything");
    }
    for table in tables {
        let trunk = table.need("trunk").and_then(|value| value.string());
        let number = trunk.and_then(|trunk| trunks.names.find(trunk));
        let entry = number.and_then(|number| trunks.entry(number));
        if let (Some(trunk), Some(entry)) = (trunk, entry)
            && entry.kind != TrunkKind::Ai
        {
            let message = format!("trunk \"{}\" is not of kind \"ai\": it has no platform", trunk.value);
            report.mistake(trunk.at, message);
        }
        let Some(At { value: secret, at }) = table.need("token").and_then(|value| value.secret()) else {
            continue;
        };
        let secret = secret.reveal();
        if secret.len() < SHORTEST || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!(
                "a token is at least {SHORTEST} letters, digits and signs, like `openssl rand -hex 32` gives"
            );
            report.mistake(at, message);
            continue;
        }
        let Some(trunk) = trunk else { continue };
        let desk = table.get("desk").and_then(Value::string);
        let desk = desk.and_then(|desk| desks.names.find(desk).map(|_| desk.value.to_owned()));
        let token = Token::new(trunk.value, secret).with_desk(desk);
        match tokens.iter().any(|other| other.is_same(&token)) {
            true => report.mistake(at, "this token is there already: each is for one trunk"),
            false => tokens.push(token),
        }
    }
    tokens
}
