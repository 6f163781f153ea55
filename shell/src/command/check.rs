//! `warmline check`.

use std::io::{Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use warmline_core::image::BOARDS;

use super::appliance::Image;
use super::hours::{self, Then};
use super::summary::Summary;
use crate::config::{self, Loaded};
use crate::desk::{Account, Credentials, Desk, Kind, TOKENS_END};
use crate::recording::Format;
use crate::store::Setting;

/// Says what is wrong with a configuration, or what it comes to.
pub(super) fn check(file: &Path) -> ExitCode {
    match config::load(file) {
        Ok(loaded) => {
            let summary = Summary {
                config: &loaded.lend(),
                capacity: loaded.capacity(),
                appliance: loaded.appliance(),
                // A board has one way.
                media: loaded.appliance().is_none().then(|| loaded.media()),
                named: loaded.named_ranges(),
                clips: loaded.clips(),
                ticket: &|line| loaded.ticket(line),
            };
            let cautions: String = loaded.cautions().iter().map(|caution| format!("{caution}\n")).collect();
            // Whether it is sound does not depend on anyone reading why.
            let _ = write!(
                stdout(),
                "{}: no mistakes\n{cautions}{summary}{}{}{}",
                file.display(),
                kept(file, &loaded),
                told(&loaded),
                boards(file, &loaded)
            );
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            eprintln!("{mistakes}");
            ExitCode::FAILURE
        }
    }
}

/// Where calls and tickets are written down, a line for each place.
fn kept(file: &Path, loaded: &Loaded) -> String {
    if loaded.appliance().is_some() {
        return String::new();
    }
    let store = loaded.store().cloned().unwrap_or_else(|| Setting::beside(file));
    let desk = |desk: &Desk| {
        let place = match &desk.kind {
            Kind::Local => "in the store",
            Kind::Zendesk(account) => &account.base,
        };
        let ends = match &desk.kind {
            Kind::Zendesk(Account { credentials: Credentials::Token { .. }, .. }) => {
                format!("; API tokens are taken until {TOKENS_END} and no longer: make an OAuth client")
            }
            _ => String::new(),
        };
        format!(
            "desk \"{}\": tickets {place}, at most {} ms while a caller waits{ends}\n",
            desk.name,
            desk.budget.as_millis()
        )
    };
    let desks: String = loaded.desks().iter().map(desk).collect();
    format!("store: {store}\n{desks}")
}

/// What is recorded where, which platforms may ask, and who is told what becomes of calls: a line for each.
fn told(loaded: &Loaded) -> String {
    let mut said = String::new();
    if let Some(recording) = loaded.recording() {
        let format = match recording.format {
            Format::MuLaw => "mu-law",
            Format::Pcm => "PCM",
        };
        let sealed = match recording.recipients.len() {
            0 => String::new(),
            recipients => format!(", sealed to {recipients} recipients"),
        };
        said += &format!("recording: to {} as {format}{sealed}\n", recording.directory.display());
    }
    if let Some(platform) = loaded.platform() {
        let how = if platform.identity.is_some() { "HTTPS" } else { "plain HTTP" };
        let tokens: Vec<_> = { &platform.tokens }
            .iter()
            .map(|token| match &token.desk {
                Some(desk) => format!("\"{}\" (solved calls to desk \"{desk}\")", token.trunk),
                None => format!("\"{}\"", token.trunk),
            })
            .collect();
        let (address, rate) = (platform.address, platform.rate.per_second);
        said += &format!("platform: {how} at {address}, {rate}/s each for trunk {}\n", tokens.join(" "));
    }
    for webhook in loaded.webhooks() {
        // What follows may be a secret.
        let url = webhook.url.split('?').next().unwrap_or_default();
        said += &format!("webhook {url}: {}\n", webhook.events.join(" "));
    }
    said
}

/// Says what each line does at a time.
pub(super) fn at(file: &Path, at: DateTime, zone: Option<TimeZone>) -> ExitCode {
    match config::load(file)
        .map_err(|mistakes| mistakes.to_string())
        .and_then(|loaded| then(loaded, at, zone))
    {
        Ok(said) => {
            // As above.
            let _ = write!(stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn then(mut loaded: Loaded, at: DateTime, zone: Option<TimeZone>) -> Result<String, String> {
    let at = hours::moment(&loaded, at, zone)?;
    let compiled = loaded.written().compile(at.timestamp());
    let nothing = compiled.iter().any(|compiled| compiled.changes.is_empty());
    if nothing || loaded.set_hours(&compiled).is_err() {
        return Err(format!("what holds on {} cannot be told: say a time from 1970 to 2105", at.date()));
    }
    Ok(Then { config: &loaded.lend(), at: &at }.to_string())
}

/// Which boards an appliance's file fits, a line for each.
fn boards(file: &Path, loaded: &Loaded) -> String {
    if loaded.appliance().is_none() {
        return String::new();
    }
    let line = |board| match Image::build(board, file) {
        Ok(image) => format!("board {}: has room for it, {}\n", board.name, image.size()),
        Err(why) => format!("board {}: has no room for it\n{why}\n", board.name),
    };
    BOARDS.iter().map(line).collect()
}
