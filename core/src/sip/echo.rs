//! The lines a response copies from its request (RFC 3261 section 8.2.6.2).

use core::net::SocketAddr;

use super::host::Host;
use super::message::{Message, element};
use super::name::Name;
use super::name_addr::NameAddr;
use super::via::Via;
use super::writer::Writer;

/// Writes every Via, Record-Route, From, To, Call-ID and CSeq of `request` as they came, folds undone. The topmost Via
/// gets `received` and `rport` of `source` (RFC 3261 section 18.2.1, RFC 3581 section 4), whatever it claimed of them;
/// To gets `tag` where it has none. Of a faulty request, what is there.
pub fn echo(w: &mut Writer<'_>, request: &Message<'_>, source: SocketAddr, tag: Option<u64>) {
    for (index, value) in request.headers(Name::Via).enumerate() {
        w.name(b"Via");
        match (index, element(value, Via::read)) {
            (0, (Ok(via), rest)) => {
                top_via(w, &via, source);
                if !rest.is_empty() {
                    w.bytes(b", ").bytes(rest);
                }
            }
            _ => {
                w.bytes(value);
            }
        }
        w.end_line();
    }
    for value in request.headers(Name::RecordRoute) {
        w.header(b"Record-Route", value);
    }
    if let Some(from) = request.header(Name::From) {
        w.header(b"From", from);
    }
    if let Some(to) = request.header(Name::To) {
        w.name(b"To").bytes(to);
        if let Some(tag) = tag.filter(|_| !has_tag(to)) {
            w.bytes(b";tag=").hex(tag);
        }
        w.end_line();
    }
    for name in [Name::CallId, Name::CSeq] {
        if let Some(value) = request.header(name) {
            w.header(name.as_bytes(), value);
        }
    }
}

/// The topmost Via with what we know of its sender.
fn top_via(w: &mut Writer<'_>, via: &Via<'_>, source: SocketAddr) {
    let params = via.params.as_bytes();
    let sent_by = via.bytes.len().saturating_sub(params.len());
    w.bytes(via.bytes.get(..sent_by).unwrap_or_default());
    let asked = via.rport().is_some();
    for (name, text) in via.params.pieces() {
        if name.eq_ignore_ascii_case(b"rport") {
            w.bytes(b";rport=").number(u64::from(source.port()));
        } else if !name.eq_ignore_ascii_case(b"received") {
            w.bytes(text);
        }
    }
    let ip = source.ip().to_canonical();
    if asked || !matches!(via.host, Host::Ip(host) if host.to_canonical() == ip) {
        w.bytes(b";received=").bare_ip(ip);
    }
}

/// Whether a To has a tag; where it cannot be read, whether it looks as if.
fn has_tag(to: &[u8]) -> bool {
    match NameAddr::read(to) {
        Ok((_, address)) => address.tag().is_some(),
        Err(_) => to.windows(4).any(|window| window.eq_ignore_ascii_case(b"tag=")),
    }
}
