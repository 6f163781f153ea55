//! Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760) as peers compute it, without core's.

use core::fmt::Write as _;

use md5::Md5;
use sha2::{Digest as _, Sha256};

/// What is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-256.
    Sha256,
}

/// Who somebody is to whoever asks, where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login {
    pub(crate) user: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) realm: &'static str,
}

impl Algorithm {
    /// As it is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        let bytes = match self {
            Self::Md5 => Md5::digest(text).to_vec(),
            Self::Sha256 => Sha256::digest(text).to_vec(),
        };
        bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("text takes text");
            hex
        })
    }

    /// What proves that a request is the user's, with `qop=auth`.
    fn proof(self, login: Login, of: &str, method: &str) -> Option<String> {
        let value = |name| parameter(of, name);
        let who = self.hash(&format!("{}:{}:{}", login.user, login.realm, login.secret));
        let what = self.hash(&format!("{method}:{}", value("uri")?));
        let [nonce, nc, cnonce] = [value("nonce")?, value("nc")?, value("cnonce")?];
        Some(self.hash(&format!("{who}:{nonce}:{nc}:{cnonce}:auth:{what}")))
    }
}

/// The value of a parameter of a challenge, or of credentials.
pub(crate) fn parameter<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (scheme, parameters) = text.trim().split_once(' ')?;
    let mut parameters = parameters.split(',').filter_map(|parameter| parameter.trim().split_once('='));
    let (_, value) = parameters.find(|(found, _)| scheme == "Digest" && *found == name)?;
    Some(value.trim_matches('"'))
}

/// The credentials that answer a challenge, where it is one from there.
pub(crate) fn answer(
    challenge: &str,
    algorithm: Algorithm,
    login: Login,
    method: &str,
    uri: &str,
) -> Option<String> {
    let nonce = parameter(challenge, "nonce")?;
    if parameter(challenge, "realm") != Some(login.realm) {
        return None;
    }
    let mut credentials = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={}, qop=auth, \
         nc=00000001, cnonce=\"{}\"",
        login.user,
        login.realm,
        algorithm.name(),
        // Any will do.
        nonce.len(),
    );
    let proof = algorithm.proof(login, &credentials, method)?;
    write!(credentials, ", response=\"{proof}\"").expect("text takes text");
    Some(credentials)
}

/// Whether credentials prove that a request is the user's.
pub(crate) fn proves(credentials: &str, algorithm: Algorithm, login: Login, method: &str, uri: &str) -> bool {
    let value = |name| parameter(credentials, name);
    value("username") == Some(login.user)
        && value("realm") == Some(login.realm)
        && value("uri") == Some(uri)
        && value("qop") == Some("auth")
        && value("cnonce").is_some_and(|cnonce| !cnonce.is_empty())
        && value("response")
            .is_some_and(|given| algorithm.proof(login, credentials, method).as_deref() == Some(given))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1, with the erratum's cnonce.
    #[test]
    fn the_rfcs_own_examples() {
        let login = Login { user: "Mufasa", secret: "Circle of Life", realm: "http-auth@example.org" };
        for (algorithm, response) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let credentials = format!(
                "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, qop=auth, \
                 cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", response=\"{response}\"",
                algorithm.name()
            );
            assert!(proves(&credentials, algorithm, login, "GET", "/dir/index.html"));
            assert!(!proves(&credentials, algorithm, login, "PUT", "/dir/index.html"));
        }
    }
}
