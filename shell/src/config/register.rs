//! `register = { uri = .., username = .., password = .., realm = .. }` of a trunk: where we register with it.

use super::credentials::{self, Credentials};
use super::table::{At, Table};

const KEYS: &[&str] = &["uri", "username", "password", "realm"];

#[derive(Debug)]
pub(super) struct Register<'t> {
    pub(super) uri: At<&'t str>,
    pub(super) user: &'t str,
}

/// A trunk's registrar, and who we are to it: none inside where it has none, none at all where that is a mistake.
pub(super) fn read<'t>(table: &Table<'t>) -> Option<Option<(Register<'t>, Credentials<'t>)>> {
    let Some(value) = table.get("register") else { return Some(None) };
    if table.get("credentials").is_some() {
        value.mistake("\"register\" names the user and the password; leave \"credentials\" out");
        return None;
    }
    let register = table.one("register", "[trunk.register]", KEYS)?;
    let uri = register.need("uri").and_then(|value| value.string());
    let credentials = credentials::said(&register)?;
    Some(Some((Register { uri: uri?, user: credentials.user() }, credentials)))
}

impl Register<'_> {
    /// What we are called there: the user at the registrar's host.
    pub(super) fn aor(&self) -> String {
        let place = self.uri.value.split_once(':').map_or("", |(_, place)| place);
        let place = place.split(';').next().unwrap_or_default();
        let host = match place.find(']') {
            Some(end) => place.get(..=end).unwrap_or_default(),
            None => place.split(':').next().unwrap_or_default(),
        };
        let mut aor = String::from("sip:");
        for byte in self.user.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'+' => {
                    aor.push(char::from(byte));
                }
                other => aor.push_str(&format!("%{other:02X}")),
            }
        }
        aor + "@" + host
    }
}
