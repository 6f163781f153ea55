//! The list of panics that are known and borne.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// What `allowed.txt` allows and was not met yet.
pub(crate) struct Allowed {
    all: BTreeSet<String>,
    met: BTreeSet<String>,
}

impl Allowed {
    /// Reads the list: one entry a line, `#` begins a comment.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(&std::fs::read_to_string(path)?))
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { all: lines.map(str::to_owned).collect(), met: BTreeSet::new() }
    }

    /// Whether `key` is on the list; it counts as met from now on.
    pub(crate) fn take(&mut self, key: &str) -> bool {
        self.all.contains(key) && {
            self.met.insert(key.to_owned());
            true
        }
    }

    /// The entries nobody met.
    pub(crate) fn left(&self) -> Vec<&str> {
        self.all.difference(&self.met).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_allowed_and_what_is_not_met_is_left() {
        let mut allowed = Allowed::parse("# why\n a -> b\n\nc -> d\n");
        assert!(allowed.take("a -> b"));
        assert!(!allowed.take("b -> a"));
        assert_eq!(allowed.left(), ["c -> d"]);
    }
}
