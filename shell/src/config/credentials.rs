//! `credentials = { username = .., password = .., realm = .. }` of a trunk: who we are to it, where it asks.

use super::loaded::Text;
use super::secret::Secret;
use super::table::{At, Table};

const KEYS: &[&str] = &["username", "password", "realm"];

/// What a user of a trunk has.
const USER: &[&str] = &["username", "password"];

/// Most users of one trunk.
const MOST: usize = 1000;

/// Longer ones are no names, and a request that carries them has to fit a datagram.
const LONGEST: usize = 128;

#[derive(Debug)]
pub(super) struct Credentials<'t> {
    user: &'t str,
    realm: &'t str,
    secret: Secret,
}

/// The credentials of a trunk's section: none inside where it has none, none at all where they are a mistake.
pub(super) fn read<'t>(table: &Table<'t>) -> Option<Option<Credentials<'t>>> {
    if table.get("credentials").is_none() {
        return Some(None);
    }
    let credentials = table.one("credentials", "[trunk.credentials]", KEYS)?;
    said(&credentials).map(Some)
}

/// What such a section says; its keys are among the section's.
pub(super) fn said<'t>(credentials: &Table<'t>) -> Option<Credentials<'t>> {
    let table = credentials;
    let name = |text: &'t str| quotable(text).map(|()| text);
    let user = credentials.need("username").and_then(|value| value.read(name));
    let realm = match credentials.find("realm") {
        Some(value) => value.read(name).map(|realm| realm.value),
        None => Some(""),
    };
    let secret = credentials.need("password").and_then(|value| value.secret());
    let secret = secret.filter(|At { value, at }| match quotable(value.reveal()) {
        Ok(()) => true,
        Err(_) => {
            let message = format!("the password is to be 1 to {LONGEST} bytes without control characters");
            table.report().mistake(*at, message);
            false
        }
    });
    Some(Credentials { user: user?.value, realm: realm?, secret: secret?.value })
}

/// `[[trunk.user]]`: who may speak for a trunk, by digest authentication. None where there is a mistake.
pub(super) fn users<'t>(table: &Table<'t>) -> Option<Vec<Credentials<'t>>> {
    let mut users: Vec<Credentials<'t>> = Vec::new();
    let mut sound = true;
    for section in table.many("user", "[[trunk.user]]", USER, MOST) {
        match said(&section) {
            Some(user) if users.iter().any(|known| known.user == user.user) => {
                let message = format!("user \"{}\" is there twice", user.user.escape_debug());
                table.report().mistake(section.at, message);
                sound = false;
            }
            Some(user) => users.push(user),
            None => sound = false,
        }
    }
    sound.then_some(users)
}

impl<'t> Credentials<'t> {
    pub(super) fn lower_user(&self, text: &mut Text) -> warmline_core::config::User {
        warmline_core::config::User { name: text.add(self.user), secret: text.add(self.secret.reveal()) }
    }

    pub(super) const fn user(&self) -> &'t str {
        self.user
    }

    pub(super) fn lower(&self, text: &mut Text) -> warmline_core::config::Credentials {
        warmline_core::config::Credentials {
            user: text.add(self.user),
            realm: text.add(self.realm),
            secret: text.add(self.secret.reveal()),
        }
    }
}

/// Whether it can be sent between quotes.
fn quotable(text: &str) -> Result<(), String> {
    let usable = (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
    let shown = text.escape_debug();
    usable
        .then_some(())
        .ok_or_else(|| format!("\"{shown}\" is not 1 to {LONGEST} bytes without control characters"))
}
