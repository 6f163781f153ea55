use core::hint::black_box;
use core::net::{Ipv4Addr, SocketAddr};

use warmline_core::sip::{
    Frame, Framer, Message, Name, NameAddr, Params, Replaces, StartLine, Uri, Via, Writer, echo, phrase,
    unescape,
};

/// Reads everything there is in a message, and answers it when it is a request.
pub fn message(data: &[u8]) {
    let message = match Message::parse(data) {
        Ok(message) => message,
        Err(error) => return assert!(error.offset as usize <= data.len(), "{error}"),
    };
    assert!(message.body().len() <= data.len());
    let fields = message.fields().count();
    assert!(fields <= Message::MAX_FIELDS);
    for field in message.fields() {
        assert_eq!(Name::of(field.spelling), field.name, "{}", field.spelling.escape_ascii());
        assert!(message.extension(field.spelling).next().is_some());
        // The lists of a name once, not once for each of its fields.
        if message.header(field.name).is_some_and(|first| first.as_ptr() == field.value.as_ptr()) {
            assert!(message.headers(field.name).count() <= fields);
            message.tokens(field.name).for_each(see);
            message.addresses(field.name).flatten().for_each(read_address);
        }
    }
    message.vias().flatten().for_each(read_via);
    if let Ok(uri) = message.request_uri() {
        read_uri(uri);
    }
    match message.essentials() {
        Ok(essentials) => {
            read_via(essentials.via);
            read_address(essentials.from);
            read_address(essentials.to);
        }
        Err(error) => assert!(error.offset as usize <= data.len() && !error.kind.sentence().is_empty()),
    }
    message.headers(Name::Replaces).for_each(replaces);
    assert!(message.replaces().ok().flatten().is_none() || message.headers(Name::Replaces).count() == 1);
    if let StartLine::Request { .. } = message.start() {
        answer(&message);
    }
}

/// What a Replaces says, it says again when it is written.
fn replaces(value: &[u8]) {
    let Ok(read) = Replaces::parse(value) else { return };
    let mut buffer = [0; 64 * 1024];
    let mut writer = Writer::new(&mut buffer);
    read.write(&mut writer);
    let Ok(len) = writer.finish() else { return };
    let written = buffer[..len].strip_prefix(b"Replaces: ").and_then(|line| line.strip_suffix(b"\r\n"));
    assert_eq!(Replaces::parse(written.expect("it is one line")), Ok(read));
}

/// Whatever a request says, what answers it is a message that says the same of it.
fn answer(request: &Message<'_>) {
    let mut buffer = [0; 16 * 1024];
    let mut writer = Writer::new(&mut buffer);
    writer.status_line(400, phrase(400));
    echo(&mut writer, request, SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 5060)), Some(7));
    writer.empty_body();
    let Ok(len) = writer.finish() else { return };
    let answer = Message::parse(&buffer[..len]).expect("our own answer is a message");
    assert_eq!(answer.status(), Some(400));
    assert_eq!(answer.headers(Name::Via).count(), request.headers(Name::Via).count());
    if request.essentials().is_ok() {
        let essentials = answer.essentials().expect("the answer to a sound request is sound");
        assert!(essentials.to.tag().is_some());
    }
}

/// Reads a URI alone, and takes its escapes away.
pub fn uri(data: &[u8]) {
    if let Ok(uri) = Uri::parse(data) {
        assert_eq!(uri.bytes, data);
        read_uri(uri);
    }
    let mut plain = [0; 4096];
    if let Some(len) = unescape(data, &mut plain) {
        assert!(len <= data.len());
    }
}

/// However a stream is cut into pieces, the same frames come out of it. The first bytes say where it is cut.
pub fn framer(data: &[u8]) {
    let Some((cuts, stream)) = data.split_first_chunk::<8>() else { return };
    let mut whole = frames(Framer::new(4096), stream, &[usize::MAX]);
    let pieces = cuts.map(|cut| usize::from(cut) + 1);
    let mut cut = frames(Framer::new(4096), stream, &pieces);
    loop {
        let frame = whole.next();
        assert_eq!(frame, cut.next());
        match frame {
            Some(Frame::Message(len)) => assert!(len > 0 && len <= 4096),
            Some(_) => {}
            None => return,
        }
    }
}

/// The frames of a stream that comes in pieces of these lengths, over and over; ends with the stream or a bad frame.
fn frames<'a>(mut framer: Framer, stream: &'a [u8], pieces: &'a [usize]) -> impl Iterator<Item = Frame> + 'a {
    let (mut done, mut received, mut bad) = (0, 0, false);
    let mut pieces = pieces.iter().cycle();
    core::iter::from_fn(move || {
        while !bad {
            let bytes = &stream[done..received];
            match framer.next(bytes) {
                Frame::Partial if received == stream.len() => return None,
                Frame::Partial => received = pieces.next()?.saturating_add(received).min(stream.len()),
                frame => {
                    match frame {
                        Frame::KeepAlive(len) | Frame::Ping(len) | Frame::Message(len) => {
                            assert!(len > 0 && len <= bytes.len());
                            done += len;
                        }
                        _ => bad = true,
                    }
                    return Some(frame);
                }
            }
        }
        None
    })
}

fn read_uri(uri: Uri<'_>) {
    see((uri.host.matches(b"example.com"), uri.param(b"transport")));
    let mut plain = [0; 4096];
    if let Some(len) = uri.header(b"Replaces").and_then(|value| unescape(value, &mut plain)) {
        replaces(&plain[..len]);
    }
    uri.headers().for_each(see);
    read_params(uri.params);
}

fn read_via(via: Via<'_>) {
    see((via.branch(), via.received(), via.rport()));
    read_params(via.params);
}

fn read_address(address: NameAddr<'_>) {
    see(address.tag());
    read_uri(address.uri);
    read_params(address.params);
}

fn read_params(params: Params<'_>) {
    for (name, _) in params.iter() {
        assert!(params.get(name).is_some());
    }
}

fn see<T>(value: T) {
    black_box(value);
}
