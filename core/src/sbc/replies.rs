//! Replies made from the message at hand, into the one reply buffer.

use crate::call::{LegId, SHORTEST};
use crate::config::{Config, Interface, Listener};
use crate::reason::Reason;
use crate::sip::{Error, ErrorKind, Essentials, Message, Method, Writer, echo, phrase};
use crate::transaction::Reply;
use crate::transport::Path;

use super::dialogs::COOKIE;
use super::extensions::{allow, capabilities, unsupported};
use super::registrar::bindings;
use super::requests::{Request, reply_path};
use super::{Admitted, Cx, Sbc};

impl Sbc<'_> {
    /// Answers a request from itself.
    pub(super) fn reply_with(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        e: &Essentials<'_>,
        reply: Reply,
    ) {
        let tag = match reply {
            Reply::Trying => None,
            _ => Some(self.passing_tag(e)),
        };
        let leg = (reply == Reply::Described).then(|| self.find_leg(from, e)).flatten();
        let registrant = match reply {
            Reply::Bindings => self.registrant(cx.config, message, from.trunk.0),
            _ => 0,
        };
        let mut w = Writer::new(self.reply);
        let status = match reply {
            Reply::Trying => 100,
            Reply::Ok | Reply::Capabilities | Reply::Bindings | Reply::Described | Reply::Kept => 200,
            Reply::Accepted { .. } => 202,
            Reply::Refused(reason) => reason.status().unwrap_or(500),
        };
        w.status_line(status, phrase(status));
        echo(&mut w, message, from.path.remote, tag);
        match reply {
            Reply::Trying | Reply::Ok | Reply::Described | Reply::Kept => {}
            Reply::Bindings => bindings(&mut w, self.phones, registrant, cx.now),
            Reply::Capabilities => {
                capabilities(&mut w);
                w.header(b"Accept", b"application/sdp");
            }
            Reply::Accepted { subscribed } => {
                if let Some((listener, interface)) = cx.config.listener(from.path.listener) {
                    contact(&mut w, listener, interface);
                }
                capabilities(&mut w);
                // RFC 4488 section 4.
                if !subscribed {
                    w.header(b"Refer-Sub", b"false");
                }
            }
            Reply::Refused(reason) => {
                match reason {
                    Reason::MethodNotAllowed | Reason::MethodUnknown => {
                        allow(&mut w);
                    }
                    Reason::ExtensionRequired => {
                        w.header(b"Unsupported", &unsupported(message));
                    }
                    Reason::InfoNotUnderstood => {
                        w.header(b"Accept", super::info::ACCEPT);
                    }
                    Reason::UnsupportedBody => {
                        w.header(b"Accept", b"application/sdp");
                    }
                    // RFC 3261 14.2: any time up to 10 s. Overload says no such thing: the peer would stop calling.
                    Reason::OutOfOrder => {
                        w.header(b"Retry-After", b"5");
                    }
                    // RFC 3311 5.2: by chance, yet the same when it is asked again.
                    Reason::OfferUnanswered => {
                        let chance = tag.unwrap_or_default() % 11;
                        w.name(b"Retry-After").number(chance).end_line();
                    }
                    Reason::SessionIntervalTooSmall => {
                        w.name(b"Min-SE").number(SHORTEST.into()).end_line();
                    }
                    Reason::RegistrationTooBrief => {
                        w.name(b"Min-Expires").number(super::registrar::LEAST.into()).end_line();
                    }
                    Reason::Draining => {
                        w.header(b"Retry-After", b"60");
                    }
                    _ => {}
                }
                warning(&mut w, cx.config, from.path.listener, reason);
            }
        }
        let described = leg.and_then(|leg| {
            let leg = self.legs.get(leg)?;
            Some((leg, self.calls.get(leg.call)?, cx.config.listener(leg.path.listener)?.1))
        });
        match described {
            Some((leg, call, interface)) => {
                w.body(b"application/sdp", |body| leg.describe(call, interface.advertise, leg.version, body));
            }
            None => {
                w.empty_body();
            }
        }
        self.replying = w.finish().ok().map(|len| (reply_path(from.path, &e.via), len));
    }

    /// Answers a request that is not well formed, from what was understood of it; nothing is remembered of it. An
    /// ACK is never answered.
    pub(super) fn reply_faulty(
        &mut self,
        cx: &Cx<'_>,
        from: Admitted,
        message: &Message<'_>,
        method: Method<'_>,
        error: Error,
    ) {
        let reason = match error.kind {
            ErrorKind::Version => Reason::UnsupportedVersion,
            ErrorKind::TooManyFields | ErrorKind::TooLong => Reason::MessageTooLarge,
            _ => Reason::MalformedRequest,
        };
        self.counters.add(reason);
        if method == Method::Ack {
            return;
        }
        let via = message.vias().next().and_then(Result::ok);
        let to = via.map_or(from.path, |via| reply_path(from.path, &via));
        let tag = self.key.hash(&[b"faulty", message.header(crate::sip::Name::CallId).unwrap_or_default()]);
        let status = reason.status().unwrap_or(400);
        let mut w = Writer::new(self.reply);
        w.status_line(status, error.kind.sentence().as_bytes());
        echo(&mut w, message, from.path.remote, Some(tag));
        warning(&mut w, cx.config, from.path.listener, reason);
        w.empty_body();
        self.replying = w.finish().ok().map(|len| (to, len));
    }

    /// Accepts a re-INVITE with what the leg now has agreed on, or with an offer where it made none.
    pub(super) fn reply_to_invite_again(
        &mut self,
        cx: &Cx<'_>,
        request: &Request<'_, '_>,
        id: LegId,
    ) -> Result<(), Reason> {
        self.revise(cx, id);
        let leg = self.legs.get(id).ok_or(Reason::NoSuchCall)?;
        let call = self.calls.get(leg.call).ok_or(Reason::NoSuchCall)?;
        let (listener, interface) = cx.config.listener(leg.path.listener).ok_or(Reason::NoSuchCall)?;
        let mut w = Writer::new(self.reply);
        w.status_line(200, phrase(200));
        echo(&mut w, request.message, request.from.path.remote, None);
        contact(&mut w, listener, interface);
        capabilities(&mut w);
        leg.timer.tell(&mut w);
        w.body(b"application/sdp", |body| leg.describe(call, interface.advertise, leg.version, body));
        let len = w.finish().map_err(|_| Reason::MessageTooLarge)?;
        let answer = self.blocks.store(self.reply.get(..len).unwrap_or_default());
        let to = leg.reply_path;
        if let Some(leg) = self.legs.get_mut(id) {
            leg.answer = answer;
        }
        self.replying = Some((to, len));
        Ok(())
    }

    /// The ACK to a failed INVITE of ours, made from the failure (17.1.1.3); `uri` is the INVITE's Request-URI.
    pub(super) fn ack_failure(&mut self, cx: &Cx<'_>, to: Path, uri: &[u8], branch: u64, e: &Essentials<'_>) {
        let mut w = Writer::new(self.reply);
        w.request_line(b"ACK", uri);
        if let Some((listener, interface)) = cx.config.listener(to.listener) {
            via(&mut w, listener, interface, branch);
        }
        ack_rest(&mut w, e);
        self.replying = w.finish().ok().map(|len| (to, len));
    }

    /// The ACK to a 2xx that came again, or from another branch of a fork, made from the 2xx: its Contact is the
    /// Request-URI, its Record-Routes, reversed, are the route (12.1.2).
    pub(super) fn ack_success(&mut self, cx: &Cx<'_>, to: Path, message: &Message<'_>, e: &Essentials<'_>) {
        use crate::sip::Name;
        let Some(Ok(contact)) = message.addresses(Name::Contact).next() else { return };
        let branch = self.random.next_u64();
        let mut w = Writer::new(self.reply);
        w.request_line(b"ACK", contact.uri.bytes);
        if let Some((listener, interface)) = cx.config.listener(to.listener) {
            via(&mut w, listener, interface, branch);
        }
        for place in (0..message.addresses(Name::RecordRoute).count()).rev() {
            if let Some(Ok(route)) = message.addresses(Name::RecordRoute).nth(place) {
                w.header(b"Route", route.bytes);
            }
        }
        ack_rest(&mut w, e);
        self.replying = w.finish().ok().map(|len| (to, len));
    }
}

fn ack_rest(w: &mut Writer<'_>, e: &Essentials<'_>) {
    w.header(b"Max-Forwards", b"70")
        .header(b"From", e.from.bytes)
        .header(b"To", e.to.bytes)
        .header(b"Call-ID", e.call_id);
    w.name(b"CSeq").number(e.cseq.number.into()).bytes(b" ACK").end_line();
    w.empty_body();
}

/// The Via of a request of ours. `rport` asks for answers to come back the way the request went (RFC 3581).
pub(super) fn via(w: &mut Writer<'_>, listener: &Listener, interface: &Interface, branch: u64) {
    w.name(b"Via").bytes(b"SIP/2.0/").bytes(listener.transport.name().as_bytes()).bytes(b" ");
    w.ip(interface.advertise).bytes(b":").number(listener.port.into());
    w.bytes(b";branch=").bytes(COOKIE).hex(branch).bytes(b";rport").end_line();
}

/// Our Contact.
pub(super) fn contact(w: &mut Writer<'_>, listener: &Listener, interface: &Interface) {
    contact_of(w, b"", listener, interface);
}

/// Our Contact, as that of a user, whose name is escaped.
pub(super) fn contact_of(w: &mut Writer<'_>, user: &[u8], listener: &Listener, interface: &Interface) {
    w.name(b"Contact").bytes(b"<sip:").bytes(user).bytes(if user.is_empty() { b"" } else { b"@" });
    w.ip(interface.advertise).bytes(b":").number(listener.port.into());
    if listener.transport.is_reliable() {
        w.bytes(b";transport=").bytes(listener.transport.name().as_bytes());
    }
    w.bytes(b">").end_line();
}

/// Why, for the person who reads a trace at the other end (20.43).
pub(super) fn warning(w: &mut Writer<'_>, config: &Config<'_>, listener: u8, reason: Reason) {
    w.name(b"Warning").bytes(b"399 ");
    match config.listener(listener) {
        Some((_, interface)) => w.ip(interface.advertise),
        None => w.bytes(b"warmline"),
    };
    w.bytes(b" \"").bytes(reason.sentence().trim_ascii().as_bytes()).bytes(b"\"").end_line();
}
