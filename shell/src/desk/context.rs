//! What an AI agent knows of a call that it hands over, for whoever takes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;

/// The most that is kept of a text, in bytes: Zendesk takes comments of 64 KiB, and there is more to say in one.
const SUMMARY: usize = 8 << 10;
const TRANSCRIPT: usize = 32 << 10;

/// The most fields and tags, and the longest of each, a field with its name.
const MOST: usize = 20;
const LONGEST: usize = 1 << 10;

/// What an AI agent knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Context {
    pub(crate) summary: Option<String>,
    pub(crate) transcript: Option<Transcript>,
    /// Those with a number for a name are custom fields of Zendesk's; the others are told in words.
    #[serde(deserialize_with = "values")]
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
    pub(crate) priority: Option<Priority>,
}

/// What was said: as one text, or turn by turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a transcript is a text, or a list of turns that each have \"speaker\" and \"text\" (or \"role\" and \"content\")"
)]
pub(crate) enum Transcript {
    Text(String),
    Turns(Vec<Turn>),
}

/// What somebody said, by these names or by those that most platforms have for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Turn {
    #[serde(alias = "role")]
    pub(crate) speaker: String,
    #[serde(alias = "content")]
    pub(crate) text: String,
}

/// How urgent a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

impl Context {
    /// The same, as a ticket can have it: a transcript that is too long loses its beginning.
    ///
    /// # Errors
    /// What cannot be had.
    pub(crate) fn sound(mut self) -> Result<Self, String> {
        if self.tags.len() > MOST || self.fields.len() > MOST {
            return Err(format!("there are at most {MOST} fields, and as many tags"));
        }
        let word = |tag: &&String| {
            let word = !tag.is_empty() && !tag.contains(|c: char| c.is_whitespace() || c.is_control());
            word && !tag.contains([',', '"']) && tag.len() <= LONGEST
        };
        if let Some(tag) = self.tags.iter().find(|tag| !word(tag)) {
            return Err(format!("\"{}\" is no tag; a tag is one word", tag.escape_debug()));
        }
        let long = |(name, value): &(&String, &String)| name.len() + value.len() > LONGEST;
        if let Some((name, _)) = self.fields.iter().find(long) {
            let name: String = name.chars().take(64).collect();
            return Err(format!("field \"{}\" is longer than {LONGEST} bytes", name.escape_debug()));
        }
        if let Some(summary) = &mut self.summary {
            *summary = printed(summary);
            summary.truncate(summary.floor_char_boundary(SUMMARY));
        }
        self.transcript = self.transcript.map(|transcript| Transcript::Text(shortened(&transcript.text())));
        Ok(self)
    }

    /// In words: what a ticket that is made with it does not have beside.
    pub(crate) fn words(&self) -> String {
        self.told(|name| field(name).is_none())
    }

    /// The same for a ticket that is there already: all but the tags.
    pub(crate) fn all_words(&self) -> String {
        let mut words = self.told(|_| true);
        if let Some(priority) = self.priority {
            words.push_str(&format!("\n\nPriority\n{}", priority.name()));
        }
        words
    }

    fn told(&self, is_told: impl Fn(&str) -> bool) -> String {
        let mut words = String::new();
        if let Some(summary) = &self.summary {
            words.push_str(&format!("\n\nSummary\n{summary}"));
        }
        let told = self.fields.iter().filter(|(name, _)| is_told(name));
        let told: Vec<_> =
            told.map(|(name, value)| format!("{}: {}", printed(name), printed(value))).collect();
        if !told.is_empty() {
            words.push_str(&format!("\n\nWhat the caller said\n{}", told.join("\n")));
        }
        if let Some(transcript) = &self.transcript {
            words.push_str(&format!("\n\nTranscript\n{}", transcript.text()));
        }
        words
    }

    /// Custom fields of Zendesk's.
    pub(crate) fn custom(&self) -> impl Iterator<Item = (u64, &str)> {
        self.fields.iter().filter_map(|(name, value)| Some((field(name)?, value.as_str())))
    }
}

impl Transcript {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Turns(turns) => {
                let lines: Vec<_> =
                    turns.iter().map(|turn| format!("{}: {}", turn.speaker, turn.text)).collect();
                lines.join("\n")
            }
        }
    }
}

impl Priority {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

/// Fields whose values are texts, or numbers and booleans, which are told as they are written.
fn values<'de, D: Deserializer<'de>>(fields: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a field is a text, a number, or true or false")]
    enum Field {
        Text(String),
        Number(Number),
        Boolean(bool),
    }
    let text = |(name, field)| {
        let value = match field {
            Field::Text(text) => text,
            Field::Number(number) => number.to_string(),
            Field::Boolean(boolean) => boolean.to_string(),
        };
        (name, value)
    };
    Ok(BTreeMap::<String, Field>::deserialize(fields)?.into_iter().map(text).collect())
}

/// The number of a custom field.
fn field(name: &str) -> Option<u64> {
    name.parse().ok()
}

/// A text without characters that PostgreSQL and people cannot read.
fn printed(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// A transcript's end, from a line's beginning on.
fn shortened(text: &str) -> String {
    let text = printed(text);
    let Some(over) = text.len().checked_sub(TRANSCRIPT).filter(|over| *over > 0) else { return text };
    let from = text.ceil_char_boundary(over);
    let from = text.get(from..).and_then(|rest| rest.find('\n')).map_or(from, |line| from + line + 1);
    format!("[the first {from} bytes are left out]\n{}", text.get(from..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Context, String> {
        serde_json::from_str::<Context>(json).map_err(|error| error.to_string())?.sound()
    }

    #[test]
    fn all_of_it_is_told() {
        let context = read(
            r#"{"summary": "Wants a refund.", "fields": {"27642": "745", "order": "A-17"}, "tags": ["refund"],
                "priority": "high", "transcript": [{"speaker": "caller", "text": "Hi\u0000"}, {"speaker": "agent", "text": "Hello"}]}"#,
        )
        .expect("it is sound");
        assert_eq!(
            context.words(),
            "\n\nSummary\nWants a refund.\n\nWhat the caller said\norder: A-17\n\nTranscript\ncaller: Hi\nagent: Hello"
        );
        let all = context.all_words();
        assert!(
            all.contains("caller said\n27642: 745\norder: A-17\n") && all.ends_with("\n\nPriority\nhigh"),
            "{all}"
        );
        assert_eq!(context.custom().collect::<Vec<_>>(), [(27642, "745")]);
        let again = serde_json::to_string(&context).expect("it is written");
        assert_eq!(read(&again).expect("it is sound"), context, "what the store has is the same");
        assert_eq!(read("{}").expect("it is sound").words(), "");
    }

    #[test]
    fn other_platforms_words_and_values_are_taken() {
        let context = read(
            r#"{"transcript": [{"role": "user", "content": "Hi"}], "fields": {"27642": 745, "vip": true, "sum": 1.5}}"#,
        );
        let words = context.expect("it is sound").all_words();
        assert_eq!(
            words, "\n\nWhat the caller said\n27642: 745\nsum: 1.5\nvip: true\n\nTranscript\nuser: Hi",
            "{words}"
        );
    }

    #[test]
    fn a_long_transcript_loses_its_beginning() {
        let lines: String = (0..9_000).map(|line| format!("caller: 전화 {line}\n")).collect();
        let context = Context { transcript: Some(Transcript::Text(lines)), ..Context::default() };
        let words = context.sound().expect("it is sound").words();
        assert!(words.len() < TRANSCRIPT + 100, "{}", words.len());
        let mut lines = words.lines().skip(3);
        assert!(lines.next().is_some_and(|line| line.ends_with("bytes are left out]")), "{words:.200}");
        assert!(lines.next().is_some_and(|line| line.starts_with("caller: ")), "{words:.200}");
        assert!(words.ends_with("caller: 전화 8999\n"));
    }

    #[test]
    fn what_a_ticket_cannot_have_is_refused() {
        for (json, why) in [
            (r#"{"tags": ["two words"]}"#, "is no tag"),
            (r#"{"tags": [""]}"#, "is no tag"),
            (r#"{"priority": "asap"}"#, "unknown variant `asap`"),
            (r#"{"sumary": "x"}"#, "unknown field `sumary`"),
            (r#"{"transcript": [{"who": "caller", "text": "Hi"}]}"#, "\"speaker\" and \"text\""),
            (r#"{"fields": {"order": ["A-17"]}}"#, "a field is a text, a number, or true or false"),
        ] {
            let found = read(json).expect_err("it is refused");
            assert!(found.contains(why), "{found}");
        }
        let long = format!(r#"{{"fields": {{"a": "{}"}}}}"#, "x".repeat(1_024));
        assert!(read(&long).expect_err("it is refused").contains("longer than 1024 bytes"));
    }
}
