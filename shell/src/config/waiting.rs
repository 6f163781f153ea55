//! What a line says of those who wait: when they are answered, for how long they wait, which keys they have, and what
//! becomes of them when nobody takes the call.

use super::notation::duration;
use super::table::{At, Table};
use super::then::{self, Around};
use warmline_core::clip::ClipId;
use warmline_core::config::{Answer, Key, Then};
use warmline_core::rtp::Digit;
use warmline_core::time::Duration;

const UNANSWERED: &[&str] = &["then", then::TARGET, then::PROMPT, then::LINE];
const KEY: &[&str] = &["press", "then", then::TARGET, then::PROMPT, then::LINE];
const VOICEMAIL: &[&str] = &["greeting", "longest"];

const ANSWERS: &[(&str, Option<Answer>)] = &[
    ("when-taken", Some(Answer::WhenTaken)),
    ("early-media", Some(Answer::EarlyMedia)),
    ("at-once", Some(Answer::AtOnce)),
];

/// How long a plan that begins again does so where nothing is said, and how long anybody may wait.
const MAX_WAIT: u16 = 300;
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// How many may wait at once, where that is bounded.
const MOST_WAITING: u32 = 65_535;

/// How long a message may be where nothing is said, and at most.
const MESSAGE: u16 = 180;
const LONGEST_MESSAGE: Duration = Duration::from_secs(1_800);

/// More keys than there are.
const MOST_KEYS: usize = 16;

/// What a line says of those who wait.
pub(super) struct Waiting {
    pub(super) answer: Answer,
    pub(super) max_wait: u16,
    pub(super) max_waiting: u16,
    pub(super) repeat: bool,
    pub(super) unanswered: Then,
    pub(super) keys: Vec<Key>,
    pub(super) voicemail: Option<ClipId>,
    pub(super) longest: u16,
}

pub(super) fn read<'t>(root: &Table<'t>, table: &Table<'t>, around: &mut Around<'_, 't>) -> Waiting {
    let answer = table.get("answer").and_then(|value| value.choice(ANSWERS));
    let repeat = table.get("repeat").and_then(|value| value.boolean()).is_some_and(|said| said.value);
    let said = |text: &str| seconds(text, "to wait", LONGEST_WAIT);
    let max_wait = table.get("max_wait").and_then(|value| value.read(said)).map(|wait| wait.value);
    let max_waiting = table.get("max_waiting").and_then(|value| value.integer(1..=MOST_WAITING));
    let message = table.one("voicemail", "[line.voicemail]", VOICEMAIL);
    around.voicemail = message.is_some();
    let (mut voicemail, mut longest) = (None, 0);
    if let Some(message) = message {
        if root.get("appliance").is_some() {
            let why = "a board has nowhere to keep messages: take [line.voicemail] away";
            root.report().mistake(message.at, why);
        } else if root.get("recording").is_none() {
            let why = "there is no [recording] to say where messages go: write its \"directory\"";
            root.report().mistake(message.at, why);
        }
        voicemail = message.get("greeting").and_then(|value| around.clips.read(value));
        let said = |text: &str| seconds(text, "for a message", LONGEST_MESSAGE);
        longest = message.get("longest").and_then(|value| value.read(said)).map_or(MESSAGE, |it| it.value);
    }
    let unanswered = table.one("unanswered", "[line.unanswered]", UNANSWERED);
    let unanswered = unanswered.and_then(|table| then::read(&table, around)).unwrap_or(Then::Return);
    Waiting {
        answer: answer.map_or(Answer::WhenTaken, |answer| answer.value),
        max_wait: max_wait.unwrap_or(if repeat { MAX_WAIT } else { 0 }),
        max_waiting: max_waiting.and_then(|most| u16::try_from(most.value).ok()).unwrap_or(0),
        repeat,
        unanswered,
        keys: keys(table, around),
        voicemail,
        longest,
    }
}

/// What callers may press.
fn keys<'t>(table: &Table<'t>, around: &mut Around<'_, 't>) -> Vec<Key> {
    let mut keys: Vec<(At<u8>, Then)> = Vec::new();
    for table in table.many("key", "[[line.key]]", KEY, MOST_KEYS) {
        let press = table.need("press").and_then(|value| value.read(key));
        let Some((press, then)) = press.zip(then::read(&table, around)) else { continue };
        if let Some((first, _)) = keys.iter().find(|(known, _)| known.value == press.value) {
            let place = table.report().place(first.at);
            table.report().mistake(press.at, format!("this key does something already, at {place}"));
        }
        keys.push((press, then));
    }
    keys.into_iter().map(|(press, then)| Key { press: press.value, then }).collect()
}

/// A key of a telephone, by its event code (RFC 4733).
pub(super) fn key(text: &str) -> Result<u8, String> {
    let digit = match text.as_bytes() {
        &[key] => Digit::of_key(key),
        _ => None,
    };
    digit.map(Digit::code).ok_or_else(|| {
        format!("\"{}\" is no key; it may be one of 0 to 9, *, #, A to D", text.escape_debug())
    })
}

/// A whole number of seconds, at least one.
pub(super) fn seconds(text: &str, what: &str, longest: Duration) -> Result<u16, String> {
    let time = duration(text)?;
    let whole = time.as_micros().is_multiple_of(1_000_000) && time.as_micros() > 0;
    u16::try_from(time.as_millis() / 1_000).ok().filter(|_| whole && time <= longest).ok_or_else(|| {
        let most = longest.as_millis() / 60_000;
        format!("\"{text}\" is no time {what}; it may be from 1s to {most}m, in whole seconds")
    })
}
