//! Who asks for credentials before a target's telephones ring (RFC 3261 section 22).

use core::net::SocketAddr;

use crate::digest::{Algorithm, parameter, proves};
use crate::peer::{Peer, Sent};
use crate::setting::LOGIN;
use crate::text::Text;

/// How a target asks who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whether a proxy asks (407), or the target itself (401).
    pub proxy: bool,
    /// The only algorithm that it offers; where it is none, it offers both.
    pub algorithm: Option<Algorithm>,
    /// Whether it takes the first proof for stale.
    pub stale: bool,
}

/// One door, for one INVITE and what it comes again as. Nothing is sent again of itself, as by a server without state
/// (8.2.7): a challenge that is lost comes again when the INVITE does.
#[derive(Debug)]
pub(crate) struct Door {
    challenge: Challenge,
    peer: Peer,
    /// The branch of the INVITE that was let in.
    let_in: Option<String>,
}

impl Door {
    /// One at `at`, named after the number of its call.
    pub(crate) fn new(challenge: Challenge, number: usize, at: SocketAddr, sbc: SocketAddr) -> Self {
        Self { challenge, peer: Peer::new(format!("zxb{number}d"), at, sbc, at), let_in: None }
    }

    /// Whether a message is an ACK to one of its challenges.
    pub(crate) fn is_acknowledged_by(&self, text: &Text<'_>) -> bool {
        text.method() == "ACK" && text.tag("To") == Some("door")
    }

    /// Whether an INVITE is let in, or else asked for credentials.
    pub(crate) fn lets_in(
        &mut self,
        now: u64,
        invite: &Text<'_>,
        out: &mut Vec<Sent>,
    ) -> Result<bool, String> {
        if let Some(let_in) = &self.let_in {
            if let_in == invite.branch() {
                return Ok(true);
            }
            // Earlier ones may arrive later, but not another one with the proof that was good.
            let fresh = self.nonce(usize::from(self.challenge.stale));
            if invite.get(self.field()).and_then(|given| parameter(given, "nonce")) == Some(&fresh) {
                return Err("an INVITE again that was let in".into());
            }
        }
        let Some(given) = invite.get(self.field()) else {
            self.ask(now, 0, invite, out);
            return Ok(false);
        };
        let algorithm = match parameter(given, "algorithm") {
            Some("SHA-256") => Algorithm::Sha256,
            _ => Algorithm::Md5,
        };
        let offered = self.challenge.algorithm.unwrap_or(Algorithm::Sha256);
        let opaque = parameter(given, "opaque") == Some("door");
        if algorithm != offered || !opaque || !proves(given, algorithm, LOGIN, "INVITE", invite.uri()) {
            return Err(format!("{:?} is answered with {given}", self.challenge));
        }
        let nonce = parameter(given, "nonce");
        if self.challenge.stale && nonce == Some(&self.nonce(0)) {
            self.ask(now, 1, invite, out);
            return Ok(false);
        }
        if nonce != Some(&self.nonce(usize::from(self.challenge.stale))) {
            return Err(format!("a nonce of nobody's: {given}"));
        }
        self.let_in = Some(invite.branch().to_owned());
        Ok(true)
    }

    fn field(&self) -> &'static str {
        if self.challenge.proxy { "Proxy-Authorization" } else { "Authorization" }
    }

    fn nonce(&self, turn: usize) -> String {
        format!("{}-{turn}", self.peer.name)
    }

    fn ask(&mut self, now: u64, turn: usize, invite: &Text<'_>, out: &mut Vec<Sent>) {
        let (status, name) =
            if self.challenge.proxy { (407, "Proxy-Authenticate") } else { (401, "WWW-Authenticate") };
        let stale = if turn > 0 { ", stale=true" } else { "" };
        let lines: String = [Algorithm::Sha256, Algorithm::Md5]
            .into_iter()
            .filter(|&algorithm| self.challenge.algorithm.is_none_or(|only| only == algorithm))
            .map(|algorithm| {
                format!(
                    "{name}: Digest realm=\"{}\", nonce=\"{}\", opaque=\"door\", qop=\"auth\", algorithm={}{stale}\r\n",
                    LOGIN.realm,
                    self.nonce(turn),
                    algorithm.name()
                )
            })
            .collect();
        self.peer.local = format!("{};tag=door", invite.get("To").unwrap_or_default());
        self.peer.respond(now, invite, status, &lines, "", out);
    }
}
