//! An endpoint's side of a dialog (RFC 3261 section 12), and the requests it makes in it.

use core::net::SocketAddr;

use warmline_core::sip::{Message, Method, Name, Writer};

use super::Missing;
use super::phone::{compose, text};

/// One side's state.
pub(super) struct Dialog {
    /// Where this side is.
    here: SocketAddr,
    tag: u64,
    user: String,
    local: String,
    remote: String,
    call_id: String,
    /// The Request-URI.
    target: String,
    cseq: u64,
}

impl Dialog {
    /// Of who calls `target`.
    pub(super) fn calling(here: SocketAddr, tag: u64, user: &str, target: String) -> Self {
        Self {
            here,
            tag,
            user: user.to_owned(),
            local: format!("<sip:{user}@{here}>;tag={tag:016x}"),
            remote: format!("<{target}>"),
            call_id: format!("{tag:016x}@{}", here.ip()),
            target,
            cseq: 0,
        }
    }

    /// Of who is called by this INVITE.
    pub(super) fn called(
        here: SocketAddr,
        tag: u64,
        user: &str,
        invite: &Message<'_>,
    ) -> Result<Self, Missing> {
        let header = |name| text(invite.header(name).unwrap_or_default());
        Ok(Self {
            here,
            tag,
            user: user.to_owned(),
            local: format!("{};tag={tag:016x}", header(Name::To)),
            remote: header(Name::From),
            call_id: header(Name::CallId),
            target: contact(invite)?,
            cseq: 0,
        })
    }

    /// The call is answered: the other side's tag and address are known.
    pub(super) fn confirm(&mut self, answer: &Message<'_>) -> Result<(), Missing> {
        self.remote = text(answer.header(Name::To).unwrap_or_default());
        self.target = contact(answer)?;
        Ok(())
    }

    /// The next request, or the last one's ACK. `headers` are whole lines.
    pub(super) fn request(
        &mut self,
        method: Method<'_>,
        headers: &str,
        body: Option<&str>,
    ) -> Result<Vec<u8>, Missing> {
        if method != Method::Ack {
            self.cseq += 1;
        }
        let meets = matches!(method, Method::Invite | Method::Refer);
        let method = method.as_bytes();
        let write = |w: &mut Writer<'_>| {
            w.request_line(method, self.target.as_bytes());
            w.name(b"Via").bytes(b"SIP/2.0/UDP ").socket(self.here).bytes(b";rport;branch=z9hG4bK");
            w.hex(self.tag).bytes(b"-").number(self.cseq).bytes(b"-").bytes(method).end_line();
            w.header(b"Max-Forwards", b"70");
            w.header(b"From", self.local.as_bytes()).header(b"To", self.remote.as_bytes());
            w.header(b"Call-ID", self.call_id.as_bytes());
            w.name(b"CSeq").number(self.cseq).bytes(b" ").bytes(method).end_line();
            if meets {
                reachable(w, &self.user, self.here);
            }
            w.lines(headers.as_bytes());
            describe(w, body);
        };
        Ok(compose(write)?)
    }
}

/// A session description as the body, or none.
pub(super) fn describe(w: &mut Writer<'_>, body: Option<&str>) {
    match body {
        None => w.empty_body(),
        Some(body) => w.body(b"application/sdp", |room| {
            room.get_mut(..body.len())?.copy_from_slice(body.as_bytes());
            Some(body.len())
        }),
    };
}

/// The Contact of who is here.
pub(super) fn reachable(w: &mut Writer<'_>, user: &str, here: SocketAddr) {
    w.name(b"Contact").bytes(b"<sip:").bytes(user.as_bytes()).bytes(b"@").socket(here).bytes(b">").end_line();
}

/// Where a message has further requests sent.
fn contact(message: &Message<'_>) -> Result<String, Missing> {
    let contact = message.addresses(Name::Contact).next().and_then(Result::ok);
    Ok(text(contact.ok_or(Missing::Sense)?.uri.bytes))
}
