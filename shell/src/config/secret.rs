//! Secrets: in the file, or better in the environment.

use core::fmt;

/// A secret. It is shown to nobody.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What the environment variable `name` holds.
    pub(super) fn from_environment(name: &str) -> Result<Self, String> {
        let shown = name.escape_debug();
        match std::env::var(name) {
            Ok(secret) => Ok(Self(secret)),
            Err(std::env::VarError::NotPresent) => {
                Err(format!("the environment variable {shown} is not set; it is to hold a secret"))
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(format!("the environment variable {shown} does not hold UTF-8"))
            }
        }
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
