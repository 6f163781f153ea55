//! `[[desk]]`: where tickets live; and `[line.ticket]`: what a line wants of one.

use core::time::Duration;

use super::machine::Machine;
use super::names::Names;
use super::notation::{Host, duration};
use super::table::{Table, Value};
use crate::desk::{Account, Desk, Kind, Missing, OfLine};

const KEYS: &[&str] =
    &["name", "kind", "subdomain", "base_url", "client_id", "client_secret", "budget", "adopt", "tags"];
const TICKET: &[&str] = &["desk", "missing", "group", "priority", "tags"];

const KINDS: &[(&str, Option<bool>)] = &[("local", Some(false)), ("zendesk", Some(true))];
const MISSING: &[(&str, Option<Missing>)] =
    &[("create", Some(Missing::Create)), ("pass", Some(Missing::Pass))];
const PRIORITIES: &[(&str, Option<&str>)] =
    &[("low", Some("low")), ("normal", Some("normal")), ("high", Some("high")), ("urgent", Some("urgent"))];

/// Most desks.
const MOST: usize = 100;

/// How long a caller may wait for a ticket where nothing is said, at least and at most.
const BUDGET: Duration = Duration::from_secs(2);
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// How long after a call Talk's own ticket is looked for.
const ADOPT: Duration = Duration::from_secs(600);
const LONGEST_ADOPT: Duration = Duration::from_secs(3600);

/// The longest name of a group, and the longest tag.
const LETTERS: usize = 100;

/// All desks, and their names.
pub(super) struct Desks<'t> {
    pub(super) names: Names<'t>,
    pub(super) entries: Vec<Option<Desk>>,
}

pub(super) fn read<'t>(root: &Table<'t>, machine: Machine) -> Desks<'t> {
    let mut names = Names::new(root, "desk");
    let mut entries = Vec::new();
    for table in root.many("desk", "[[desk]]", KEYS, MOST) {
        if !machine.is_server() {
            table.report().mistake(table.at, "a board makes no tickets: take [[desk]] away");
        }
        let name = names.declare(&table);
        let kind = kind(&table);
        let budget = table.get("budget").map_or(Some(BUDGET), |value| time(value, SHORTEST, LONGEST));
        let tags = tags(&table);
        entries.push(match (name, kind, budget) {
            (Some(name), Some(kind), Some(budget)) => {
                Some(Desk { name: name.value.to_owned(), kind, budget, tags })
            }
            _ => None,
        });
    }
    Desks { names, entries }
}

fn kind(table: &Table<'_>) -> Option<Kind> {
    let kind = match table.get("kind") {
        Some(value) => value.choice(KINDS)?.value,
        None => false,
    };
    if !kind {
        for key in ["subdomain", "base_url", "client_id", "client_secret", "adopt"] {
            if let Some(value) = table.get(key) {
                value.mistake(format!("\"{key}\" is for desks of kind = \"zendesk\""));
            }
        }
        return Some(Kind::Local);
    }
    let base = match (table.get("base_url"), table.get("subdomain")) {
        (Some(base), None) => base.read(base_url),
        (None, Some(name)) => name.read(subdomain),
        (Some(base), Some(_)) => {
            base.mistake("\"base_url\" stands in for \"subdomain\": leave one of them out");
            None
        }
        (None, None) => {
            let message =
                "missing key \"subdomain\" in [[desk]]: \"acme\", where the account is at acme.zendesk.com";
            table.report().mistake(table.at, message);
            None
        }
    };
    let client_id = table.need("client_id").and_then(Value::string);
    let client_secret = table.need("client_secret").and_then(|value| value.secret());
    let adopt = table.get("adopt").map_or(Some(ADOPT), |value| time(value, Duration::ZERO, LONGEST_ADOPT));
    Some(Kind::Zendesk(Account {
        base: base?.value,
        client_id: client_id?.value.to_owned(),
        client_secret: client_secret?.value.reveal().to_owned(),
        adopt: adopt?,
    }))
}

fn base_url(text: &str) -> Result<String, String> {
    secure_url(text.trim_end_matches('/'), &['?', '#', ' ', '@'], "https://acme.zendesk.com")
}

/// A URL to which something secret may go, without these characters, or what is wrong with it.
pub(super) fn secure_url(text: &str, without: &[char], like: &str) -> Result<String, String> {
    let (scheme, place) = text.split_once("://").unwrap_or_default();
    let host = place.split(['/', '?']).next().unwrap_or_default();
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let usable = Host::read(bare).is_some() && !text.contains(without);
    // What goes there is secret.
    let safe = scheme == "https" || scheme == "http" && matches!(bare, "127.0.0.1" | "localhost" | "[::1]");
    match (usable, safe) {
        (true, true) => Ok(text.to_owned()),
        (true, false) if scheme == "http" => Err(
            "tokens and callers would go there unprotected: write https, as http is for this machine alone"
                .to_owned(),
        ),
        _ => Err(format!("\"{}\" is no URL of a server; write it like \"{like}\"", text.escape_debug())),
    }
}

fn subdomain(text: &str) -> Result<String, String> {
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || text.len() > 63 || !text.bytes().all(usable) {
        let shown = text.escape_debug();
        return Err(format!("\"{shown}\" is no subdomain; write \"acme\" for acme.zendesk.com"));
    }
    Ok(format!("https://{text}.zendesk.com"))
}

pub(super) fn time(value: Value<'_>, least: Duration, most: Duration) -> Option<Duration> {
    let read = |text: &str| {
        let time = Duration::from_micros(duration(text)?.as_micros());
        if (least..=most).contains(&time) {
            return Ok(time);
        }
        let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
        Err(format!("\"{text}\" is not from {least} to {most}"))
    };
    value.read(read).map(|time| time.value)
}

/// Words that Zendesk takes for tags.
fn tags(table: &Table<'_>) -> Vec<String> {
    let tag = |text: &str| match usable(text) && !text.contains([' ', ',', '"']) {
        true => Ok(text.to_owned()),
        false => Err(format!("\"{}\" is no tag; a tag is one word", text.escape_debug())),
    };
    let words = table.get("tags").map(Value::strings).unwrap_or_default();
    words.into_iter().filter_map(|word| Some(word.read(table.report(), tag)?.value)).collect()
}

fn usable(text: &str) -> bool {
    !text.is_empty() && text.len() <= LETTERS && !text.chars().any(char::is_control)
}

/// What a line wants; none where it leaves tickets alone.
pub(super) fn of_line(table: &Table<'_>, desks: &Desks<'_>) -> Option<OfLine> {
    let value = table.get("ticket")?;
    if value.is_string() {
        // Who calls makes its own: nothing is to be done here.
        value.choice(&[("pass", Some(()))]);
        return None;
    }
    let table = table.one("ticket", "[line.ticket]", TICKET)?;
    let desk = table.need("desk").and_then(Value::string).and_then(|name| desks.names.find(name));
    let missing = match table.get("missing") {
        Some(value) => value.choice(MISSING)?.value,
        None => Missing::Create,
    };
    let priority = table.get("priority").and_then(|value| value.choice(PRIORITIES));
    let group = table.get("group").and_then(|value| {
        value.read(|text| match usable(text) {
            true => Ok(text.to_owned()),
            false => Err(format!("\"{}\" is no group's name", text.escape_debug())),
        })
    });
    let own = tags(&table);
    let desk = desks.entries.get(desk?)?.as_ref()?;
    let mut all = desk.tags.clone();
    all.extend(own);
    all.dedup();
    Some(OfLine {
        desk: desk.name.clone(),
        budget: desk.budget,
        missing,
        group: group.map(|group| group.value),
        priority: priority.map(|priority| priority.value.to_owned()),
        tags: all,
    })
}

/// For how many milliseconds core waits for a ticket; 0 where none is made.
pub(super) fn budget(ticket: Option<&OfLine>) -> u16 {
    let made = ticket.filter(|ticket| ticket.missing == Missing::Create);
    made.map_or(0, |ticket| u16::try_from(ticket.budget.as_millis()).unwrap_or(u16::MAX))
}
