//! `[[desk]]`: where tickets live; and `[line.ticket]`: what a line wants of one.

use core::time::Duration;

use super::machine::Machine;
use super::names::Names;
use super::notation::{Host, duration};
use super::table::{Table, Value};
use crate::clock::Clock;
use crate::desk::{Account, Credentials, Desk, Kind, Missing, OfLine, Part, TOKENS_END, What};

const KEYS: &[&str] = &[
    "name",
    "kind",
    "subdomain",
    "base_url",
    "client_id",
    "client_secret",
    "email",
    "token",
    "budget",
    "adopt",
    "twin",
    "tags",
    "group",
    "form",
    "brand",
    "type",
    "priority",
    "fields",
];
const TICKET: &[&str] =
    &["desk", "missing", "tags", "group", "form", "brand", "type", "priority", "fields", "recordings"];

/// What is for an account of Zendesk's alone.
const ZENDESK: &[&str] = &[
    "subdomain",
    "base_url",
    "client_id",
    "client_secret",
    "email",
    "token",
    "adopt",
    "twin",
    "form",
    "brand",
    "type",
    "fields",
];

const KINDS: &[(&str, Option<bool>)] = &[("local", Some(false)), ("zendesk", Some(true))];
const MISSING: &[(&str, Option<Missing>)] =
    &[("create", Some(Missing::Create)), ("pass", Some(Missing::Pass))];
const PRIORITIES: &[(&str, Option<&str>)] =
    &[("low", Some("low")), ("normal", Some("normal")), ("high", Some("high")), ("urgent", Some("urgent"))];

const TYPES: &[(&str, Option<&str>)] = &[
    ("problem", Some("problem")),
    ("incident", Some("incident")),
    ("question", Some("question")),
    ("task", Some("task")),
];

/// Most desks.
const MOST: usize = 100;

/// How long a caller may wait for a ticket where nothing is said, at least and at most.
const BUDGET: Duration = Duration::from_secs(2);
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// How long after a call Talk's own ticket is looked for.
const ADOPT: Duration = Duration::from_secs(600);
const LONGEST_ADOPT: Duration = Duration::from_secs(3600);

/// How long the ticket of a call that overflowed to us is looked for at most.
const LONGEST_TWIN: Duration = Duration::from_secs(600);

/// When the last day is over on which API tokens are taken ([`TOKENS_END`]), in microseconds since 1970 in UTC.
const TOKENS_OVER: i64 = 1_809_129_600_000_000;

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
        let (parts, tags) = (parts(&table), tags(&table));
        entries.push(match (name, kind, budget) {
            (Some(name), Some(kind), Some(budget)) => {
                Some(Desk { name: name.value.to_owned(), kind, budget, parts, tags })
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
        refuse_zendesks(table);
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
    let credentials = credentials(table);
    let within =
        |key, usual, most| table.get(key).map_or(Some(usual), |value| time(value, Duration::ZERO, most));
    let adopt = within("adopt", ADOPT, LONGEST_ADOPT);
    let twin = within("twin", Duration::ZERO, LONGEST_TWIN);
    Some(Kind::Zendesk(Account { base: base?.value, credentials: credentials?, adopt: adopt?, twin: twin? }))
}

/// Notes what only an account of Zendesk's knows.
fn refuse_zendesks(table: &Table<'_>) {
    for key in ZENDESK {
        if let Some(value) = table.find(key) {
            value.mistake(format!("\"{key}\" is for desks of kind = \"zendesk\""));
        }
    }
}

/// An OAuth client, or an API token as long as there are any.
fn credentials(table: &Table<'_>) -> Option<Credentials> {
    let (email, token) = (table.get("email"), table.get("token"));
    let Some(one) = email.or(token) else {
        let id = table.need("client_id").and_then(Value::string);
        let secret = table.need("client_secret").and_then(|value| value.secret());
        let (id, secret) = (id?.value.to_owned(), secret?.value.reveal().to_owned());
        return Some(Credentials::Client { id, secret });
    };
    if let Some(other) = table.get("client_id").or_else(|| table.get("client_secret")) {
        other.mistake(
            "\"client_id\" and \"client_secret\" stand in for \"email\" and \"token\": leave the latter out",
        );
        return None;
    }
    if tokens_are_over(Clock::utc().map_or(0, |now| now.0)) {
        one.mistake(format!(
            "Zendesk takes no API tokens since {TOKENS_END}: make an OAuth client in its Admin Center, and write its \
             \"client_id\" and \"client_secret\""
        ));
        return None;
    }
    let email = table.need("email").and_then(|email| {
        email.read(|text| match text.contains('@') && !text.contains([':', '/', ' ']) {
            true => Ok(text.to_owned()),
            false => Err(format!("\"{}\" is no address of mail", text.escape_debug())),
        })
    });
    let token = table.need("token").and_then(|value| value.secret());
    Some(Credentials::Token { email: email?.value, token: token?.value.reveal().to_owned() })
}

/// Whether API tokens are of no use any more at this time, in microseconds since 1970 in UTC.
const fn tokens_are_over(now: i64) -> bool {
    now >= TOKENS_OVER
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

/// What tickets are to have, with its place.
fn parts(table: &Table<'_>) -> Vec<Part> {
    let report = table.report();
    let name = |value: Value<'_>| {
        value.read(|text| match usable(text) {
            true => Ok(text.to_owned()),
            false => Err(format!("\"{}\" is no name", text.escape_debug())),
        })
    };
    let mut parts = Vec::new();
    let named = |key, what: fn(String) -> What| {
        let name = table.get(key).and_then(name)?;
        Some(name.with(what(name.value.clone())))
    };
    parts.extend(named("group", What::Group));
    parts.extend(named("form", What::Form));
    parts.extend(named("brand", What::Brand));
    let kind = table.get("type").and_then(|value| value.choice(TYPES));
    parts.extend(kind.map(|kind| kind.with(What::Type(kind.value.to_owned()))));
    let priority = table.get("priority").and_then(|value| value.choice(PRIORITIES));
    parts.extend(priority.map(|priority| priority.with(What::Priority(priority.value.to_owned()))));
    for (id, value) in table.get("fields").map(Value::pairs).unwrap_or_default() {
        let number = |text: &str| match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!(
                "\"{}\" is no number of a field; write it like {{ 27642 = \"745\" }}",
                text.escape_debug()
            )),
        };
        let (id, content) = (id.read(report, number), value.plain());
        parts.extend(id.zip(content).map(|(id, content)| id.with(What::Field(id.value, content.value))));
    }
    parts.into_iter().map(|part| Part { at: report.place(part.at), what: part.value }).collect()
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
    let (mut parts, mut own) = (parts(&table), tags(&table));
    let recordings = table.get("recordings").and_then(|value| value.boolean());
    let desk = desks.entries.get(desk?)?.as_ref()?;
    if desk.kind == Kind::Local {
        refuse_zendesks(&table);
        if let Some(recordings) = recordings.filter(|recordings| recordings.value) {
            let message = "recordings go to desks of kind = \"zendesk\": those of a local desk's calls lie in [recording]";
            table.report().mistake(recordings.at, message);
        }
    }
    // A line's own comes in place of its desk's.
    let other = |part: &&Part| !parts.iter().any(|own| own.what.excludes(&part.what));
    let of_desk: Vec<_> = desk.parts.iter().filter(other).cloned().collect();
    parts.extend(of_desk);
    let mut all = desk.tags.clone();
    all.append(&mut own);
    all.dedup();
    Some(OfLine {
        desk: desk.name.clone(),
        budget: desk.budget,
        missing,
        parts,
        tags: all,
        recordings: recordings.is_some_and(|recordings| recordings.value),
    })
}

/// For how many milliseconds core waits for a ticket, or to hear that one that is brought is of use; 0 where no desk is asked.
pub(super) fn budget(ticket: Option<&OfLine>) -> u16 {
    ticket.map_or(0, |ticket| u16::try_from(ticket.budget.as_millis()).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_tokens_are_taken_until_the_end_of_their_last_day() {
        let end: jiff::Timestamp = format!("{TOKENS_END}T23:59:59.999999Z").parse().expect("a time");
        assert!(!tokens_are_over(end.as_microsecond()));
        assert!(tokens_are_over(end.as_microsecond() + 1));
    }
}
