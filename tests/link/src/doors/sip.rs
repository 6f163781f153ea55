use core::hint::black_box;
use core::net::SocketAddr;

use warmline_core::sip::{
    self, Frame, Framer, Message, Name, NameAddr, Params, Replaces, Uri, Via, Writer, unescape,
};

use super::{Values, see};

pub(super) fn message(bytes: &mut [u8]) {
    let Ok(message) = Message::parse(bytes) else { return };
    black_box((message.start(), message.method(), message.status(), message.body()));
    if let Ok(uri) = message.request_uri() {
        read_uri(uri);
    }
    if let Ok(essentials) = message.essentials() {
        read_via(essentials.via);
        read_address(essentials.from);
        read_address(essentials.to);
        black_box((
            essentials.call_id,
            essentials.cseq.number,
            essentials.cseq.method,
            essentials.max_forwards,
        ));
        black_box(essentials.cseq.method.as_bytes());
    }
    let name = Name::of(black_box(b"Contact"));
    black_box((name.as_bytes(), message.header(name)));
    black_box(message.headers(name).count());
    black_box(message.extension(black_box(b"X-Zendesk-Ticket-Id")).count());
    black_box(message.tokens(name).count());
    message.fields().for_each(see);
    message.vias().flatten().for_each(read_via);
    message.addresses(name).flatten().for_each(read_address);
    let mut buffer = [0; 512];
    if let Ok(Some(replaces)) = message.replaces() {
        let mut writer = Writer::new(black_box(&mut buffer));
        replaces.write(&mut writer);
        black_box(writer.finish()).ok();
    }
}

pub(super) fn uri(bytes: &mut [u8]) {
    if let Ok(uri) = Uri::parse(bytes) {
        read_uri(uri);
    }
    black_box(unescape(bytes, black_box(&mut [0; 64])));
}

fn read_uri(uri: Uri<'_>) {
    black_box((uri.scheme, uri.user, uri.password, uri.port, uri.bytes));
    black_box(uri.host.matches(black_box(b"example.com")));
    black_box(uri.param(black_box(b"transport")));
    black_box(uri.header(black_box(b"Replaces")).map(Replaces::parse)).and_then(Result::ok);
    black_box(uri.headers().count());
    read_params(uri.params);
}

fn read_via(via: Via<'_>) {
    black_box((via.transport, via.host, via.port, via.bytes));
    black_box((via.branch(), via.received(), via.rport()));
    read_params(via.params);
}

fn read_address(address: NameAddr<'_>) {
    black_box((address.display, address.bytes, address.tag()));
    read_uri(address.uri);
    read_params(address.params);
}

fn read_params(params: Params<'_>) {
    black_box((params.get(black_box(b"lr")), params.value(black_box(b"tag")), params.as_bytes()));
    black_box(params.iter().count());
}

pub(super) fn framer(bytes: &mut [u8]) {
    let mut framer = Framer::new(black_box(4096));
    let mut rest = &*bytes;
    loop {
        let len = match framer.next(rest) {
            Frame::KeepAlive(len) | Frame::Ping(len) | Frame::Message(len) => len,
            end @ (Frame::Partial | Frame::Bad(_)) => return see(end),
        };
        let Some(after) = rest.get(len..) else { return };
        rest = after;
    }
}

pub(super) fn writer(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut buffer = [0; 512];
    let mut writer = Writer::new(black_box(&mut buffer));
    let status = values.u16();
    writer.status_line(status, sip::phrase(status));
    writer.number(values.u64()).hex(values.u64()).ip(values.address()).socket(values.socket()).end_line();
    writer.request_line(values.rest(), values.rest()).header(values.rest(), values.rest());
    writer.name(values.rest()).bare_ip(values.address()).bytes(values.rest()).end_line();
    if values.flag() {
        writer.empty_body();
    } else {
        let length = usize::from(values.u16());
        writer.body(values.rest(), |_| black_box(Some(length)));
    }
    black_box(writer.finish()).ok();
}

pub(super) fn echo(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let (source, tag): (SocketAddr, _) = (values.socket(), values.flag().then(|| values.u64()));
    let Ok(request) = Message::parse(values.rest()) else { return };
    let mut buffer = [0; 512];
    let mut writer = Writer::new(black_box(&mut buffer));
    sip::echo(&mut writer, &request, source, tag);
    black_box(writer.finish()).ok();
}

pub(super) fn errors(bytes: &mut [u8]) {
    let Err(error) = Message::parse(bytes).and_then(|message| message.essentials().map(drop)) else { return };
    black_box((error.kind.sentence(), error.offset));
}
