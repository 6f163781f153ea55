//! Tokens: each speaks for one trunk.

use core::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A token, as it is kept: nobody reads it from here.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The trunk's name.
    pub(crate) trunk: Arc<str>,
    /// The desk that is told of calls that its agent has solved by itself, where their line has none.
    pub(crate) desk: Option<String>,
    hash: [u8; 32],
}

impl Token {
    /// The token `secret` for a trunk.
    pub(crate) fn new(trunk: &str, secret: &str) -> Self {
        Self { trunk: trunk.into(), desk: None, hash: Sha256::digest(secret).into() }
    }

    /// The same, whose solved calls this desk is told of.
    pub(crate) fn with_desk(self, desk: Option<String>) -> Self {
        Self { desk, ..self }
    }

    /// Whether it is the same secret.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.hash.ct_eq(&other.hash).into()
    }

    /// The one among `tokens` that `secret` is. How long that takes says nothing of any of them.
    pub(super) fn find<'t>(tokens: &'t [Self], secret: &str) -> Option<(usize, &'t Self)> {
        let shown = Self::new("", secret);
        tokens.iter().enumerate().fold(None, |found, (at, token)| match token.is_same(&shown) {
            true => Some((at, token)),
            false => found,
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.trunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_all_of_it() {
        let tokens = [Token::new("ai", "0123456789abcdef"), Token::new("other", "fedcba9876543210")];
        let of = |secret| Token::find(&tokens, secret).map(|(at, token)| (at, &*token.trunk));
        assert_eq!(of("0123456789abcdef"), Some((0, "ai")));
        assert_eq!(of("fedcba9876543210"), Some((1, "other")));
        for wrong in ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert!(!format!("{tokens:?}").contains("0123"), "it is shown to nobody");
    }
}
