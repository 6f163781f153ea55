//! `[store] url`: which database.

use core::fmt;
use core::time::Duration;
use std::path::{Path, PathBuf};

/// Which database. It may hold a password: it is shown without.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// SQLite, in this file.
    Sqlite(PathBuf),
    /// SQLite, for as long as the node runs.
    Memory,
    /// PostgreSQL, by its URL.
    Postgres(String),
}

/// What is kept, where and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// The database, where one is named.
    pub(crate) database: Option<Setting>,
    /// The file that calls are kept in over a crash, where one is named.
    pub(crate) live: Option<PathBuf>,
    /// How long what is over is kept.
    pub(crate) keep: Duration,
    /// For how long a node that says nothing counts as one that is there.
    pub(crate) lease: Duration,
}

impl Default for Keeping {
    fn default() -> Self {
        let keep = Duration::from_secs(90 * 24 * 3600);
        Self { database: None, live: None, keep, lease: Duration::from_secs(30) }
    }
}

impl Setting {
    /// The file beside a configuration where none is named.
    pub(crate) fn beside(configuration: &Path) -> Self {
        Self::Sqlite(configuration.with_file_name("warmline.db"))
    }

    /// The file that calls are kept in over a crash where none is named: beside the database's, or beside the configuration.
    /// None where nothing is kept.
    pub(crate) fn live(&self, configuration: Option<&Path>) -> Option<PathBuf> {
        let beside = match self {
            Self::Sqlite(file) => Some(file.as_path()),
            Self::Postgres(_) => configuration,
            Self::Memory => None,
        };
        beside.map(|file| file.with_extension("calls"))
    }

    /// Reads `sqlite:FILE` or `postgres://USER@HOST/DATABASE`; `beside` says where a file lies that the text names.
    ///
    /// # Errors
    /// What is to be written instead. The text is not in it: it may hold a password.
    pub(crate) fn read(text: &str, beside: impl FnOnce(&str) -> PathBuf) -> Result<Self, String> {
        let file = text.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        match file {
            Some(":memory:") => return Ok(Self::Memory),
            Some("") => {
                return Err("the store's url names no file; write it like \"sqlite:warmline.db\"".to_owned());
            }
            Some(file) if file.contains('?') => {
                return Err(
                    "the store's url has options, and there are none; leave out what begins with \"?\""
                        .to_owned(),
                );
            }
            Some(file) => return Ok(Self::Sqlite(beside(file))),
            None => {}
        }
        let place = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        match place.map(str::is_empty) {
            Some(false) => Ok(Self::Postgres(text.to_owned())),
            _ => Err("the store's url is to be like \"sqlite:warmline.db\" or \"postgres://warmline@db.example.com/warmline\""
                .to_owned()),
        }
    }

    /// As the driver takes it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => {
                // A URL's path has nothing before it.
                let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
                let mut url = String::from("sqlite://");
                for byte in file.as_os_str().as_encoded_bytes() {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                            url.push(char::from(*byte));
                        }
                        other => url.push_str(&format!("%{other:02X}")),
                    }
                }
                url + "?mode=rwc"
            }
            Self::Memory => "sqlite::memory:".to_owned(),
            Self::Postgres(url) => url.clone(),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Memory => f.write_str("sqlite::memory:"),
            Self::Postgres(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", ""));
                // A password may have an '@' in it, and may also be an option.
                let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
                write!(f, "{scheme}://{}", place.split('?').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Setting, String> {
        Setting::read(text, |file| Path::new("/etc/warmline").join(file))
    }

    #[test]
    fn files_lie_beside_the_configuration() {
        let file = |name: &str| Ok(Setting::Sqlite(PathBuf::from(name)));
        assert_eq!(read("sqlite:warmline.db"), file("/etc/warmline/warmline.db"));
        assert_eq!(read("sqlite://warmline.db"), file("/etc/warmline/warmline.db"));
        assert_eq!(read("sqlite:/var/lib/warmline.db"), file("/var/lib/warmline.db"));
        assert_eq!(read("sqlite:///var/lib/warmline.db"), file("/var/lib/warmline.db"));
        assert_eq!(
            Setting::beside(Path::new("etc/warmline.toml")),
            Setting::Sqlite("etc/warmline.db".into())
        );
        for wrong in
            ["", "warmline.db", "sqlite:", "sqlite:a.db?mode=ro", "mysql://db/warmline", "postgres://"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_shown_to_nobody() {
        for url in ["postgres://me:sec@ret@db/warmline", "postgres://db/warmline?user=me&password=sec@ret"] {
            let setting = read(url).unwrap();
            assert_eq!(setting.url(), url);
            assert!(!format!("{setting} {setting:?}").contains("sec"), "{setting}");
        }
        assert!(!read("pg://me:secret@db").unwrap_err().contains("secret"));
    }

    #[test]
    fn a_files_name_may_be_anything() {
        let setting = Setting::Sqlite("/tmp/a b?c#d%é.db".into());
        assert_eq!(setting.url(), "sqlite:///tmp/a%20b%3Fc%23d%25%C3%A9.db?mode=rwc");
    }
}
