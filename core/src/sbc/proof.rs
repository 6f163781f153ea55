//! Who speaks for a trunk that has users: they prove it by digest authentication (RFC 3261 section 22), outside of
//! dialogs. A request without proof is answered with a challenge, and nothing is kept of it.

use crate::config::{Config, Trunk, User};
use crate::digest::{Demand, DigestResponse, Request as Asked, Text, Unproven};
use crate::filter::Rate;
use crate::reason::Reason;
use crate::sip::{Message, Method, Name, Writer, echo, phrase};

use super::replies::warning;
use super::requests::{Request, reply_path};
use super::{Cx, Sbc};

/// How many wrong passwords are answered, all sources together. The others are not: who guesses is no faster for it.
const WRONG: Rate = Rate { per_second: 10, burst: 20 };

impl Sbc<'_> {
    /// Whether a request outside of dialogs is turned away for want of proof that it is one of its trunk's users'.
    pub(super) fn is_unproven(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, method: Method<'_>) -> bool {
        let config = cx.config;
        let Some(trunk) = config.trunk(request.from.trunk) else { return false };
        if config.users(trunk).is_empty() {
            return false;
        }
        let Some(credentials) = credentials(config, request.message) else {
            self.challenge(cx, request, false);
            return true;
        };
        let asked = Asked {
            source: request.from.path.remote.ip(),
            method: method.as_bytes(),
            uri: request.message.request_uri().map(|uri| uri.bytes).unwrap_or_default(),
        };
        let secret = named(config, trunk, &credentials)
            .map(|user| crate::digest::Secret::new(config.text(user.secret)));
        match self.verifier.verify(cx.now, &asked, realm(config), &credentials, secret) {
            Ok(()) => return false,
            Err(Unproven::Stale | Unproven::Replayed) => self.challenge(cx, request, true),
            Err(Unproven::Wrong) if self.wrong.take(cx.now, WRONG) => {
                self.refuse(cx, request, Reason::WrongCredentials);
            }
            Err(Unproven::Wrong) => self.counters.add(Reason::WrongCredentials),
        }
        true
    }

    fn challenge(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>, stale: bool) {
        let Request { from, message, e, .. } = *request;
        let (reason, tag) = (Reason::NotAuthenticated, self.passing_tag(e));
        self.counters.add(reason);
        let mut w = Writer::new(self.reply);
        w.status_line(401, phrase(401));
        echo(&mut w, message, from.path.remote, Some(tag));
        let source = from.path.remote.ip();
        self.verifier.challenge(cx.now, source, realm(cx.config), Demand::Server, stale, &mut w);
        warning(&mut w, cx.config, from.path.listener, reason);
        w.empty_body();
        self.replying = w.finish().ok().map(|len| (reply_path(from.path, &e.via), len));
    }
}

/// The user of its trunk whose credentials a request has.
pub(super) fn user<'c>(config: &Config<'c>, trunk: &Trunk, message: &Message<'_>) -> Option<&'c User> {
    named(config, trunk, &credentials(config, message)?)
}

fn named<'c>(config: &Config<'c>, trunk: &Trunk, credentials: &DigestResponse<'_>) -> Option<&'c User> {
    config.users(trunk).iter().find(|user| credentials.user.is(Text::plain(config.text(user.name))))
}

/// A request's credentials for us.
fn credentials<'m>(config: &Config<'_>, message: &Message<'m>) -> Option<DigestResponse<'m>> {
    let all = message.headers(Name::Authorization).filter_map(|value| DigestResponse::parse(value).ok());
    let realm = Text::plain(realm(config));
    { all }.find(|credentials| credentials.realm.is(realm))
}

/// What users are asked for: the first of our domains, or the node's name.
fn realm<'c>(config: &Config<'c>) -> &'c [u8] {
    config.text(config.domains.first().copied().unwrap_or(config.node.name))
}
