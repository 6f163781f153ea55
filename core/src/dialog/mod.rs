//! Dialogs: two user agents who know each other (RFC 3261 section 12).
//!
//! A dialog is what it takes to send the peer a request and to know its requests: Call-ID, tags, URIs, the remote
//! target, the route set and the sequence numbers. It knows nothing of calls, media or time.

mod saved;

use heapless::Vec;

use crate::random::Random;
use crate::sip::{CSeq, Essentials, Message, Name, Scheme, Uri, Writer};

/// How much text a dialog holds: Call-ID, both URIs, tag, remote target and route set together.
pub const TEXT: usize = 768;

/// One dialog, from our side of it.
#[derive(Debug)]
pub struct Dialog {
    text: Vec<u8, TEXT>,
    call_id: Piece,
    local: Piece,
    remote: Piece,
    remote_tag: Piece,
    routes: Piece,
    /// Last in `text`, since a target refresh replaces it alone.
    target: Piece,
    /// Our tag; 16 hex digits on the wire.
    local_tag: u64,
    /// The CSeq number of our latest request.
    sent: u32,
    /// The CSeq number of the peer's latest request.
    heard: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    start: u16,
    len: u16,
}

/// Why a message makes no dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DialogError {
    /// Its identifiers, URIs and routes are longer together than [`TEXT`].
    TooLong,
    /// It has no Contact with a SIP URI, or a malformed one, or a malformed Record-Route.
    Contact,
}

impl core::fmt::Display for DialogError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the dialog's identifiers and routes are too long to keep",
            Self::Contact => "the message has no usable Contact or Record-Route",
        })
    }
}

impl core::error::Error for DialogError {}

impl Dialog {
    /// The dialog that a received INVITE opens (12.1.1).
    pub fn serve(
        request: &Message<'_>,
        essentials: &Essentials<'_>,
        local_tag: u64,
    ) -> Result<Self, DialogError> {
        let mut dialog = Self::empty(local_tag);
        dialog.call_id = dialog.keep(&[essentials.call_id])?;
        dialog.local = dialog.keep(&[b"<", essentials.to.uri.bytes, b">"])?;
        dialog.remote = dialog.keep(&[b"<", essentials.from.uri.bytes, b">"])?;
        dialog.remote_tag = dialog.keep(&[essentials.from.tag().unwrap_or_default()])?;
        dialog.heard = Some(essentials.cseq.number);
        let start = dialog.text.len();
        for route in request.addresses(Name::RecordRoute) {
            dialog.add_route(start, route.map_err(|_| DialogError::Contact)?.bytes)?;
        }
        dialog.routes = dialog.piece_from(start)?;
        dialog.target = dialog.keep(&[contact(request)?.bytes])?;
        Ok(dialog)
    }

    /// The dialog that an INVITE of ours asks for (12.1.2): from `local` to `remote`, both URIs given in pieces.
    /// What the peer adds comes with [`Dialog::confirm`].
    pub fn call(random: &mut Random, local: &[&[u8]], remote: &[u8]) -> Result<Self, DialogError> {
        let mut dialog = Self::empty(random.next_u64());
        let start = dialog.text.len();
        let id = random.next_u64();
        for shift in (0..16u32).rev() {
            let digit = (id >> shift.saturating_mul(4)) & 0xf;
            let digit = b"0123456789abcdef".get(digit as usize).copied().unwrap_or(b'0');
            dialog.text.push(digit).map_err(|_| DialogError::TooLong)?;
        }
        dialog.call_id = dialog.piece_from(start)?;
        let start = dialog.text.len();
        dialog.keep(&[b"<"])?;
        dialog.keep(local)?;
        dialog.keep(&[b">"])?;
        dialog.local = dialog.piece_from(start)?;
        dialog.remote = dialog.keep(&[b"<", remote, b">"])?;
        dialog.target = dialog.keep(&[remote])?;
        Ok(dialog)
    }

    /// The dialog that a 2xx to an INVITE of ours has made, from the 2xx alone: `local_tag` is the one it names as ours.
    pub fn answered(
        response: &Message<'_>,
        essentials: &Essentials<'_>,
        local_tag: u64,
    ) -> Result<Self, DialogError> {
        let mut dialog = Self::empty(local_tag);
        dialog.call_id = dialog.keep(&[essentials.call_id])?;
        dialog.local = dialog.keep(&[b"<", essentials.from.uri.bytes, b">"])?;
        dialog.remote = dialog.keep(&[b"<", essentials.to.uri.bytes, b">"])?;
        dialog.sent = essentials.cseq.number;
        dialog.confirm(response, essentials)?;
        Ok(dialog)
    }

    /// Takes over what a response with a To tag says of the peer: tag, target and route set (12.1.2, 13.2.2.4).
    pub fn confirm(
        &mut self,
        response: &Message<'_>,
        essentials: &Essentials<'_>,
    ) -> Result<(), DialogError> {
        let contact = contact(response)?;
        let end = usize::from(self.remote.start).saturating_add(usize::from(self.remote.len));
        self.text.truncate(end);
        self.remote_tag = self.keep(&[essentials.to.tag().unwrap_or_default()])?;
        // Reversed: the last proxy that recorded itself is the first on our way (12.1.2).
        let count = response.addresses(Name::RecordRoute).count();
        let start = self.text.len();
        for place in (0..count).rev() {
            let route = response.addresses(Name::RecordRoute).nth(place);
            let route = route.and_then(Result::ok).ok_or(DialogError::Contact)?;
            self.add_route(start, route.bytes)?;
        }
        self.routes = self.piece_from(start)?;
        self.target = self.keep(&[contact.bytes])?;
        Ok(())
    }

    /// Takes over the Contact of a target refresh, which a re-INVITE or its 2xx is (12.2); a missing or unusable one
    /// changes nothing. Whether it is another than before.
    pub fn refresh(&mut self, message: &Message<'_>) -> bool {
        let Ok(contact) = contact(message) else { return false };
        let room = TEXT.saturating_sub(usize::from(self.target.start));
        if contact.bytes.len() > room || contact.bytes == self.text(self.target) {
            return false;
        }
        self.text.truncate(usize::from(self.target.start));
        if let Ok(target) = self.keep(&[contact.bytes]) {
            self.target = target;
        }
        true
    }

    /// Whether a request of the peer belongs to this dialog, whose local tag it is known to name (12.2.2).
    pub fn is(&self, essentials: &Essentials<'_>) -> bool {
        self.text(self.call_id) == essentials.call_id
            && self.text(self.remote_tag) == essentials.from.tag().unwrap_or_default()
    }

    /// Whether it has this Call-ID and this tag of the peer's.
    pub fn is_named(&self, call_id: &[u8], remote_tag: &[u8]) -> bool {
        self.text(self.call_id) == call_id && self.text(self.remote_tag) == remote_tag
    }

    /// The peer's tag; none before it answered, or where it speaks RFC 2543.
    pub fn remote_tag(&self) -> Option<&[u8]> {
        Some(self.text(self.remote_tag)).filter(|tag| !tag.is_empty())
    }

    /// Whether a response of the peer belongs to this dialog, whose local tag it is known to name (12.2.1.2).
    pub fn answers(&self, essentials: &Essentials<'_>) -> bool {
        self.text(self.call_id) == essentials.call_id
            && self.text(self.remote_tag) == essentials.to.tag().unwrap_or_default()
    }

    /// Whether a request of the peer with this CSeq comes after all that came before it (12.2.2).
    pub fn hear(&mut self, cseq: &CSeq<'_>) -> bool {
        let newer = self.heard.is_none_or(|heard| cseq.number > heard);
        if newer {
            self.heard = Some(cseq.number);
        }
        newer
    }

    /// Our tag.
    pub const fn local_tag(&self) -> u64 {
        self.local_tag
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.text(self.call_id)
    }

    /// The CSeq number of our latest request.
    pub const fn sent(&self) -> u32 {
        self.sent
    }

    /// Counts the CSeq up for a new request of ours.
    pub fn count(&mut self) -> u32 {
        self.sent = self.sent.saturating_add(1);
        self.sent
    }

    /// Where a request in the dialog goes next: the first route's URI, or the remote target (12.2.1.1).
    pub fn next_hop(&self) -> Option<Uri<'_>> {
        Uri::parse(self.first_route().unwrap_or_else(|| self.text(self.target))).ok()
    }

    /// Writes the same of a request outside the dialog that asks for it: an INVITE, or the CANCEL of one (8.1.1, 9.1).
    pub fn first_request(
        &self,
        w: &mut Writer<'_>,
        method: &[u8],
        uri: &[u8],
        cseq: u32,
        max_forwards: u8,
        between: impl FnOnce(&mut Writer<'_>),
    ) {
        w.request_line(method, uri);
        between(w);
        w.name(b"Max-Forwards").number(max_forwards.into()).end_line();
        w.name(b"From").bytes(self.text(self.local)).bytes(b";tag=").hex(self.local_tag).end_line();
        w.header(b"To", self.text(self.remote));
        w.header(b"Call-ID", self.text(self.call_id));
        w.name(b"CSeq").number(cseq.into()).bytes(b" ").bytes(method).end_line();
    }

    /// The peer's URI: what was dialled, where it is we who called.
    pub fn dialled(&self) -> &[u8] {
        let remote = self.text(self.remote);
        remote.strip_prefix(b"<").and_then(|remote| remote.strip_suffix(b">")).unwrap_or(remote)
    }

    /// The user part of the peer's URI, written to `out`; none without one, or when it does not fit.
    pub fn remote_user<'o>(&self, out: &'o mut [u8]) -> Option<&'o [u8]> {
        let remote = self.text(self.remote);
        let uri = remote.strip_prefix(b"<")?.strip_suffix(b">")?;
        let user = Uri::parse(uri).ok()?.user?;
        let out = out.get_mut(..user.len())?;
        out.iter_mut().zip(user).for_each(|(room, &byte)| *room = byte);
        Some(out)
    }

    /// The Request-URI of a request in the dialog (12.2.1.1).
    pub fn request_uri(&self) -> &[u8] {
        self.strict_route().unwrap_or_else(|| self.text(self.target))
    }

    /// Writes a request's line, what `between` writes (its Via), and the dialog's headers: Route, Max-Forwards,
    /// From, To, Call-ID and CSeq (12.2.1.1).
    pub fn request(
        &self,
        w: &mut Writer<'_>,
        method: &[u8],
        cseq: u32,
        max_forwards: u8,
        between: impl FnOnce(&mut Writer<'_>),
    ) {
        let (target, routes) = (self.text(self.target), self.text(self.routes));
        let strict = self.strict_route();
        w.request_line(method, self.request_uri());
        between(w);
        match strict {
            None if routes.is_empty() => {}
            None => {
                w.header(b"Route", routes);
            }
            Some(_) => {
                let rest =
                    memchr::memchr(b',', routes).and_then(|comma| routes.get(comma.saturating_add(1)..));
                w.name(b"Route");
                if let Some(rest) = rest {
                    w.bytes(rest).bytes(b",");
                }
                w.bytes(b"<").bytes(target).bytes(b">").end_line();
            }
        }
        w.name(b"Max-Forwards").number(max_forwards.into()).end_line();
        w.name(b"From").bytes(self.text(self.local)).bytes(b";tag=").hex(self.local_tag).end_line();
        w.name(b"To").bytes(self.text(self.remote));
        let tag = self.text(self.remote_tag);
        if !tag.is_empty() {
            w.bytes(b";tag=").bytes(tag);
        }
        w.end_line();
        w.header(b"Call-ID", self.text(self.call_id));
        w.name(b"CSeq").number(cseq.into()).bytes(b" ").bytes(method).end_line();
    }

    fn empty(local_tag: u64) -> Self {
        let none = Piece::default();
        Self {
            text: Vec::new(),
            call_id: none,
            local: none,
            remote: none,
            remote_tag: none,
            routes: none,
            target: none,
            local_tag,
            sent: 0,
            heard: None,
        }
    }

    fn text(&self, piece: Piece) -> &[u8] {
        let start = usize::from(piece.start);
        self.text.get(start..start.saturating_add(usize::from(piece.len))).unwrap_or_default()
    }

    fn keep(&mut self, pieces: &[&[u8]]) -> Result<Piece, DialogError> {
        let start = self.text.len();
        for piece in pieces {
            self.text.extend_from_slice(piece).map_err(|_| DialogError::TooLong)?;
        }
        self.piece_from(start)
    }

    fn piece_from(&self, start: usize) -> Result<Piece, DialogError> {
        let len = self.text.len().saturating_sub(start);
        match (u16::try_from(start), u16::try_from(len)) {
            (Ok(start), Ok(len)) => Ok(Piece { start, len }),
            _ => Err(DialogError::TooLong),
        }
    }

    fn add_route(&mut self, start: usize, route: &[u8]) -> Result<(), DialogError> {
        if self.text.len() > start {
            self.keep(&[b","])?;
        }
        self.keep(&[route]).map(drop)
    }

    /// A first route without `lr` is a strict router: it takes the Request-URI's place, and the target goes last.
    fn strict_route(&self) -> Option<&[u8]> {
        let lacks_lr = |route: &&[u8]| Uri::parse(route).is_ok_and(|uri| uri.params.get(b"lr").is_none());
        self.first_route().filter(lacks_lr)
    }

    /// The URI between the brackets of the first route.
    fn first_route(&self) -> Option<&[u8]> {
        let routes = self.text(self.routes);
        let open = memchr::memchr(b'<', routes)?;
        let rest = routes.get(open.saturating_add(1)..)?;
        rest.get(..memchr::memchr(b'>', rest)?)
    }
}

fn contact<'a>(message: &Message<'a>) -> Result<Uri<'a>, DialogError> {
    let address = message.addresses(Name::Contact).next().ok_or(DialogError::Contact)?;
    let uri = address.map_err(|_| DialogError::Contact)?.uri;
    matches!(uri.scheme, Scheme::Sip | Scheme::Sips).then_some(uri).ok_or(DialogError::Contact)
}
