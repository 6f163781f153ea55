//! Digest authentication as SIP uses it: RFC 3261 section 22, RFC 7616 and RFC 8760.
//!
//! Texts in, texts out. As a client, [`strongest`] finds the [`Challenge`] to answer and [`Challenge::answer`] writes
//! the answer. As a server, a [`Verifier`] writes challenges that nothing has to be remembered of, and checks the
//! [`DigestResponse`]s that come back. Whose secret it is, and what becomes of a request, is not known here.
//!
//! Spoken are MD5 and SHA-256 with qop `auth`, and RFC 2069's form without qop. What asks for more (`-sess`,
//! `auth-int`, SHA-512-256, hashed user names) is not understood and passed over.

mod challenge;
mod fields;
mod hash;
mod response;
mod secret;
mod verifier;

#[cfg(test)]
mod tests;

use core::fmt;

pub use challenge::{Challenge, Login, challenges, strongest};
pub use fields::Text;
pub use hash::Algorithm;
pub use response::{Counted, DigestResponse};
pub use secret::Secret;
pub use verifier::{Request, Unproven, Verifier, Window};

use crate::sip::Name;

/// Who asks for credentials: that decides the header fields (RFC 3261 22.2, 22.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Demand {
    /// A user agent server, with a 401.
    Server,
    /// A proxy, with a 407.
    Proxy,
}

impl Demand {
    /// Who answers with `status`.
    pub const fn of(status: u16) -> Option<Self> {
        match status {
            401 => Some(Self::Server),
            407 => Some(Self::Proxy),
            _ => None,
        }
    }

    /// The header field that the challenges are in.
    pub const fn challenge(self) -> Name {
        match self {
            Self::Server => Name::WwwAuthenticate,
            Self::Proxy => Name::ProxyAuthenticate,
        }
    }

    /// The header field that the credentials are in.
    pub const fn credentials(self) -> Name {
        match self {
            Self::Server => Name::Authorization,
            Self::Proxy => Name::ProxyAuthorization,
        }
    }
}

/// What is wrong with a challenge, or with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DigestError {
    /// It breaks the grammar (RFC 3261 section 25.1, RFC 7235 section 2.1).
    Malformed,
    /// It says something twice.
    Twice,
    /// It lacks what must be there.
    Incomplete,
    /// Its scheme, its algorithm or its qop is not spoken here, or it hashes user names.
    Unsupported,
}

impl fmt::Display for DigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the digest challenge or credentials break the grammar",
            Self::Twice => "the digest challenge or credentials have a parameter twice",
            Self::Incomplete => "the digest challenge or credentials lack a parameter that must be there",
            Self::Unsupported => {
                "the challenge or credentials ask for another scheme than Digest with MD5 or SHA-256"
            }
        })
    }
}

impl core::error::Error for DigestError {}
