//! `credentials = { username = .., password = .., realm = .. }` of a trunk: who we are to it, where it asks.

use super::loaded::Text;
use super::secret::Secret;
use super::table::{At, Table};

const KEYS: &[&str] = &["username", "password", "realm"];

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
    let name = |text: &'t str| quotable(text).map(|()| text);
    let user = credentials.need("username").and_then(|value| value.read(name));
    let realm = match credentials.get("realm") {
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
    Some(Some(Credentials { user: user?.value, realm: realm?, secret: secret?.value }))
}

impl Credentials<'_> {
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
