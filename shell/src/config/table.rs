//! TOML's tables as sections are read from them: each names the keys it knows, and every other key is a mistake.

use core::ops::RangeInclusive;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Report;
use super::secret::Secret;
use super::suggest::{hint, known, quoted};

/// A value and the offset at which the text says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) at: usize,
}

impl<T> At<T> {
    /// The same place, another value.
    pub(super) fn with<U>(&self, value: U) -> At<U> {
        At { value, at: self.at }
    }
}

impl<'t> At<&'t str> {
    /// What `read` makes of the text, or else a mistake in its words.
    pub(super) fn read<T>(
        self,
        report: &Report<'_>,
        read: impl FnOnce(&'t str) -> Result<T, String>,
    ) -> Option<At<T>> {
        match read(self.value) {
            Ok(value) => Some(self.with(value)),
            Err(message) => {
                report.mistake(self.at, message);
                None
            }
        }
    }
}

/// A table whose keys are all known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'t> {
    report: &'t Report<'t>,
    /// What messages call it: `[[trunk]]`.
    title: &'static str,
    /// Where it begins.
    pub(super) at: usize,
    keys: &'static [&'static str],
    entries: &'t DeTable<'t>,
}

/// The value of a key, or an entry of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'t> {
    report: &'t Report<'t>,
    /// The key it belongs to.
    key: &'static str,
    pub(super) at: usize,
    value: &'t DeValue<'t>,
}

impl<'t> Table<'t> {
    /// The whole document.
    pub(super) fn document(
        report: &'t Report<'t>,
        entries: &'t DeTable<'t>,
        sections: &'static [&'static str],
    ) -> Self {
        let table = Self { report, title: "", at: 0, keys: sections, entries };
        table.refuse_others(|key| {
            let others = || known("section", sections);
            format!(
                "unknown section \"{}\"{}",
                key.escape_debug(),
                hint(key, sections.iter().copied(), others)
            )
        });
        table
    }

    fn section(
        report: &'t Report<'t>,
        title: &'static str,
        keys: &'static [&'static str],
        at: usize,
        entries: &'t DeTable<'t>,
    ) -> Self {
        let table = Self { report, title, at, keys, entries };
        table.refuse_others(|key| {
            let others = || known("key", keys);
            format!(
                "unknown key \"{}\" in {title}{}",
                key.escape_debug(),
                hint(key, keys.iter().copied(), others)
            )
        });
        table
    }

    fn refuse_others(&self, message: impl Fn(&str) -> String) {
        for key in self.entries.keys().filter(|key| !self.keys.contains(&key.get_ref().as_ref())) {
            self.report.mistake(key.span().start, message(key.get_ref().as_ref()));
        }
    }

    /// Where mistakes are noted.
    pub(super) fn report(&self) -> &'t Report<'t> {
        self.report
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'t>> {
        debug_assert!(self.keys.contains(&key), "{key} is not listed among the known keys");
        let found = self.entries.get(key)?;
        Some(Value { report: self.report, key, at: found.span().start, value: found.get_ref() })
    }

    /// The value of a key that only some sections like this know.
    pub(super) fn find(&self, key: &'static str) -> Option<Value<'t>> {
        self.keys.contains(&key).then(|| self.get(key))?
    }

    /// Where the section `key` begins, or of several the one with this number; the start of the text where there is none.
    pub(super) fn section_at(&self, key: &'static str, number: usize) -> usize {
        let Some(value) = self.get(key) else { return 0 };
        value.entries().get(number).map_or(value.at, |entry| entry.at)
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &'static str) -> Option<Value<'t>> {
        let found = self.get(key);
        if found.is_none() {
            self.report.mistake(self.at, format!("missing key \"{key}\" in {}", self.title));
        }
        found
    }

    /// The one table `key`, empty if it is not there. `title` is `[key]`.
    pub(super) fn one(
        &self,
        key: &'static str,
        title: &'static str,
        keys: &'static [&'static str],
    ) -> Option<Self> {
        let value = self.get(key)?;
        match value.value {
            DeValue::Table(entries) => Some(Self::section(self.report, title, keys, value.at, entries)),
            DeValue::Array(_) => {
                let at = value.entries().first().map_or(value.at, |first| first.at);
                self.report.mistake(at, format!("\"{key}\" is a single table: write {title}"));
                None
            }
            _ => {
                value.expected("a table");
                None
            }
        }
    }

    /// The tables `key`, of which there may be up to `most`; none if there is no such key. `title` is `[[key]]`.
    pub(super) fn many(
        &self,
        key: &'static str,
        title: &'static str,
        keys: &'static [&'static str],
        most: usize,
    ) -> Vec<Self> {
        let Some(value) = self.get(key) else { return Vec::new() };
        if let DeValue::Table(_) = value.value {
            self.report.mistake(value.at, format!("\"{key}\" is a list of tables: write {title}"));
            return Vec::new();
        }
        let mut tables = value.tables(title, keys);
        if let Some(table) = tables.get(most) {
            self.report.mistake(table.at, format!("there are more {title} than {most}"));
            tables.truncate(most);
        }
        tables
    }
}

impl<'t> Value<'t> {
    /// Notes a mistake about this value.
    pub(super) fn mistake(&self, message: impl Into<String>) {
        self.report.mistake(self.at, message);
    }

    fn expected(&self, what: &str) {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.mistake(format!("\"{}\" is {found}, where {what} is expected", self.key));
    }

    /// `true` or `false`.
    pub(super) fn boolean(self) -> Option<At<bool>> {
        match self.value {
            DeValue::Boolean(value) => Some(At { value: *value, at: self.at }),
            _ => {
                self.expected("true or false");
                None
            }
        }
    }

    /// Where mistakes are noted.
    pub(super) fn report(&self) -> &'t Report<'t> {
        self.report
    }

    /// Whether it is a string, for the keys that may be several things.
    pub(super) fn is_string(&self) -> bool {
        self.value.is_str()
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// Whether it is a list without entries.
    pub(super) fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(|entries| entries.is_empty())
    }

    /// A string.
    pub(super) fn string(self) -> Option<At<&'t str>> {
        match self.value {
            DeValue::String(text) => Some(At { value: text.as_ref(), at: self.at }),
            _ => {
                self.expected("a string");
                None
            }
        }
    }

    /// A string that `read` understands, or whose mistake it tells.
    pub(super) fn read<T>(self, read: impl FnOnce(&'t str) -> Result<T, String>) -> Option<At<T>> {
        self.string()?.read(self.report, read)
    }

    /// A secret: a string, or `{ env = "NAME" }` for what the environment has. No mistake shows it.
    pub(super) fn secret(self) -> Option<At<Secret>> {
        match self.value {
            DeValue::String(text) => Some(At { value: Secret::new(text.as_ref()), at: self.at }),
            DeValue::Table(entries) => {
                let table = Table::section(self.report, "a secret", &["env"], self.at, entries);
                let name = table.need("env")?.string()?;
                name.read(self.report, Secret::from_environment)
            }
            _ => {
                self.expected("a string or { env = \"NAME\" }");
                None
            }
        }
    }

    /// One of a few words. Those without a meaning are known to be missing still.
    pub(super) fn choice<T: Copy>(self, choices: &[(&str, Option<T>)]) -> Option<At<T>> {
        let word = self.string()?;
        let usable: Vec<&str> =
            choices.iter().filter(|(_, meaning)| meaning.is_some()).map(|(choice, _)| *choice).collect();
        match choices.iter().find(|(choice, _)| *choice == word.value) {
            Some((_, Some(meaning))) => return Some(word.with(*meaning)),
            Some(_) => {
                let instead = quoted(&usable, "or");
                self.mistake(format!("{} \"{}\" is not there yet; use {instead}", self.key, word.value));
            }
            None => {
                let others = || format!("; it may be {}", quoted(&usable, "or"));
                let hint = hint(word.value, usable.iter().copied(), others);
                self.mistake(format!("unknown {} \"{}\"{hint}", self.key, word.value.escape_debug()));
            }
        }
        None
    }

    /// An integer within bounds.
    pub(super) fn integer(self, bounds: RangeInclusive<u32>) -> Option<At<u32>> {
        let DeValue::Integer(digits) = self.value else {
            self.expected("an integer");
            return None;
        };
        let value = u32::from_str_radix(digits.as_str(), digits.radix()).ok();
        let value = value.filter(|value| bounds.contains(value));
        if value.is_none() {
            self.mistake(format!("\"{}\" must be from {} to {}", self.key, bounds.start(), bounds.end()));
        }
        value.map(|value| At { value, at: self.at })
    }

    /// The entries of a table whose keys are whatever they are.
    pub(super) fn pairs(self) -> Vec<(At<&'t str>, Self)> {
        let DeValue::Table(entries) = self.value else {
            self.expected("a table");
            return Vec::new();
        };
        let pair = |(key, value): (&'t Spanned<_>, &'t Spanned<DeValue<'t>>)| {
            let key: &'t Spanned<std::borrow::Cow<'t, str>> = key;
            let value = Self { at: value.span().start, value: value.get_ref(), ..self };
            (At { value: key.get_ref().as_ref(), at: key.span().start }, value)
        };
        entries.iter().map(pair).collect()
    }

    /// A string, an integer, true or false, or a list of strings, for whoever it is passed on to.
    pub(super) fn plain(self) -> Option<At<serde_json::Value>> {
        let value = match self.value {
            DeValue::String(text) => text.as_ref().into(),
            DeValue::Boolean(value) => (*value).into(),
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix()).ok()?.into(),
            DeValue::Array(_) => self.strings().into_iter().map(|text| text.value).collect(),
            _ => {
                self.expected("a string, an integer, true or false, or a list of strings");
                return None;
            }
        };
        Some(At { value, at: self.at })
    }

    /// A list of strings, none of them twice.
    pub(super) fn strings(self) -> Vec<At<&'t str>> {
        let mut seen = HashMap::new();
        let mut fresh = |string: &At<&'t str>| match seen.entry(string.value) {
            Entry::Vacant(place) => {
                place.insert(string.at);
                true
            }
            Entry::Occupied(first) => {
                let (text, place) = (string.value.escape_debug(), self.report.place(*first.get()));
                self.report.mistake(string.at, format!("\"{text}\" is listed already, at {place}"));
                false
            }
        };
        self.list().into_iter().filter_map(Self::string).filter(|string| fresh(string)).collect()
    }

    /// A list of strings, at least one and none of them twice.
    pub(super) fn some_strings(self) -> Vec<At<&'t str>> {
        self.refuse_empty();
        self.strings()
    }

    fn refuse_empty(&self) {
        if self.is_empty_list() {
            self.mistake(format!("\"{}\" is empty", self.key));
        }
    }

    fn list(self) -> Vec<Self> {
        if !self.is_list() {
            self.expected("a list");
        }
        self.entries()
    }

    fn entries(&self) -> Vec<Self> {
        let entry = |entry: &'t Spanned<DeValue<'t>>| Self {
            at: entry.span().start,
            value: entry.get_ref(),
            ..*self
        };
        self.value.as_array().map(|entries| entries.iter().map(entry).collect()).unwrap_or_default()
    }

    /// A list of tables, at least one.
    pub(super) fn tables(self, title: &'static str, keys: &'static [&'static str]) -> Vec<Table<'t>> {
        let table = |entry: Self| match entry.value {
            DeValue::Table(entries) => Some(Table::section(self.report, title, keys, entry.at, entries)),
            _ => {
                entry.expected("a table");
                None
            }
        };
        self.refuse_empty();
        self.list().into_iter().filter_map(table).collect()
    }
}
