//! `[[webhook]]`: who is told what becomes of hand-overs and calls.

use base64ct::{Base64, Encoding};

use super::desk::secure_url;
use super::machine::Machine;
use super::suggest::{hint, known};
use super::table::{At, Table, Value};
use crate::webhook::{KINDS, Setting};

const KEYS: &[&str] = &["url", "secret", "events"];

/// Most of them.
const MOST: usize = 100;

/// What a secret begins with (Standard Webhooks), and how many bytes it stands for.
const PREFIX: &str = "whsec_";
const BYTES: core::ops::RangeInclusive<usize> = 24..=64;

/// What is told where nothing is said.
const EVENTS: [&str; 2] = ["handover.*", "call.ended"];

pub(super) fn read(root: &Table<'_>, machine: Machine) -> Vec<Setting> {
    let mut webhooks: Vec<Setting> = Vec::new();
    for table in root.many("webhook", "[[webhook]]", KEYS, MOST) {
        if !machine.is_server() {
            table.report().mistake(table.at, "a board has no HTTP: take [[webhook]] away");
        }
        let url = table.need("url").and_then(|value| value.read(url));
        let secret = table.need("secret").and_then(secret);
        let events = match table.get("events") {
            Some(value) => events(value),
            None => EVENTS.map(str::to_owned).to_vec(),
        };
        let Some((url, secret)) = url.zip(secret) else { continue };
        match webhooks.iter().any(|other| other.url == url.value) {
            true => table.report().mistake(url.at, "there is a [[webhook]] with this url already"),
            false => webhooks.push(Setting { url: url.value, secret, events }),
        }
    }
    webhooks
}

fn url(text: &str) -> Result<String, String> {
    secure_url(text, &['#', ' ', '@'], "https://ai.example.com/events")
}

/// `whsec_` and base64.
fn secret(value: Value<'_>) -> Option<Vec<u8>> {
    let At { value: secret, at } = value.secret()?;
    let encoded = secret.reveal().strip_prefix(PREFIX);
    let bytes = encoded.and_then(|text| Base64::decode_vec(text).ok());
    let bytes = bytes.filter(|bytes| BYTES.contains(&bytes.len()));
    if bytes.is_none() {
        let message = "a webhook's secret is \"whsec_\" and the base64 of 24 to 64 random bytes, like `echo whsec_$(openssl \
                       rand -base64 32)` gives";
        value.report().mistake(at, message);
    }
    bytes
}

/// Names of what happens, or `handover.*` for all that begin so.
fn events(value: Value<'_>) -> Vec<String> {
    let report = value.report();
    let all: Vec<String> = ["handover.*".to_owned(), "call.ended".to_owned()]
        .into_iter()
        .chain(KINDS.iter().map(|kind| format!("handover.{kind}")))
        .collect();
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut events = Vec::new();
    for At { value: name, at } in value.some_strings() {
        match names.contains(&name) {
            true => events.push(name.to_owned()),
            false => {
                let others = || known("event", &names);
                let hint = hint(name, names.iter().copied(), others);
                report.mistake(at, format!("unknown event \"{}\"{hint}", name.escape_debug()));
            }
        }
    }
    events
}
