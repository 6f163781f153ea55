//! Laws of the sip module: for every message, not for some.

use core::net::SocketAddr;
use core::time::Duration;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Instant;

use warmline_core::sip::{
    Error, ErrorKind, Frame, Framer, Message, Name, NameAddr, Replaces, Uri, Via, Writer, echo, phrase,
    unescape,
};

const INVITE: &[u8] = b"INVITE sip:+14155550100@acme.sip.example.com:5060;transport=udp SIP/2.0\r\n\
    Via: SIP/2.0/UDP 203.0.113.10:5061;branch=z9hG4bK74bf9;rport, SIP/2.0/TCP [2001:db8::1]\r\n\
    Max-Forwards: 70\r\n\
    From: \"A \\\"B\\\"\" <sip:alice@203.0.113.10>;tag=9fxced76sl\r\n\
    To: Bob <sips:bob@example.com?Subject=x>\r\n\
    i: 3848276298220188511@203.0.113.10\r\n\
    CSeq: 314159 INVITE\r\n\
    Contact: <sip:alice@203.0.113.10:5060>;q=0.5,\r\n sip:other@example.com\r\n\
    Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n\
    Supported: timer, 100rel\r\n\
    X-Zendesk-Ticket-Id: 4711\r\n\
    Content-Type: application/sdp\r\n\
    l: 5\r\n\r\nv=0\r\n";

/// Asks for everything; every offset must lie in the message, every piece must be a piece of it.
fn ask_everything(bytes: &[u8]) {
    let range = bytes.as_ptr_range();
    let inside = |piece: &[u8]| {
        let piece = piece.as_ptr_range();
        assert!(piece.is_empty() || range.start <= piece.start && piece.end <= range.end);
    };
    let wrong = |error: Error| {
        assert!(error.offset as usize <= bytes.len(), "{error}");
        assert!(!error.kind.sentence().is_empty());
    };
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => return wrong(error),
    };
    let address = |address: NameAddr<'_>| {
        inside(address.display);
        inside(address.bytes);
        address.params.iter().for_each(|(name, value)| {
            inside(name);
            inside(value.unwrap_or_default());
        });
        uri(address.uri, &inside);
    };
    let via = |via: Via<'_>| {
        inside(via.bytes);
        inside(via.branch().unwrap_or_default());
        let _ = (via.received(), via.rport());
    };
    match message.essentials() {
        Ok(found) => {
            via(found.via);
            address(found.from);
            address(found.to);
            inside(found.call_id);
            assert!(!found.call_id.is_empty());
        }
        Err(error) => wrong(error),
    }
    message.request_uri().map_or_else(wrong, |found| uri(found, &inside));
    for found in message.vias() {
        found.map_or_else(wrong, via);
    }
    for &name in Name::KNOWN {
        message.addresses(name).for_each(|found| found.map_or_else(wrong, address));
        message.tokens(name).for_each(inside);
        assert_eq!(message.header(name), message.headers(name).next());
        assert_eq!(
            message.headers(name).count(),
            message.fields().filter(|field| field.name == name).count()
        );
    }
    for field in message.fields() {
        inside(field.spelling);
        inside(field.value);
        assert!(message.extension(field.spelling).any(|value| value == field.value));
    }
    inside(message.body());
    let mut out = vec![0; 4 * bytes.len() + 512];
    let mut writer = Writer::new(&mut out);
    echo(&mut writer, &message, "[2001:db8::7]:5060".parse().unwrap(), Some(u64::MAX));
    let len = writer.finish().unwrap();
    out[..len].split(|&byte| byte == b'\n').for_each(|line| {
        assert!(!line.strip_suffix(b"\r").unwrap_or(line).iter().any(|byte| matches!(byte, b'\r' | 0)));
    });
}

fn uri(uri: Uri<'_>, inside: &impl Fn(&[u8])) {
    inside(uri.bytes);
    inside(uri.user.unwrap_or_default());
    uri.headers().for_each(|(name, value)| {
        inside(name);
        inside(value);
    });
    assert_eq!(Uri::parse(uri.bytes).map(|again| again.bytes), Ok(uri.bytes));
    let _ = (uri.param(b"lr"), uri.header(b"replaces"), unescape(uri.bytes, &mut [0; 64]));
}

/// The message cut into frames, fed so many bytes at a time.
fn frames(stream: &[u8], steps: &[usize], max: usize) -> Vec<Frame> {
    let mut framer = Framer::new(max);
    let mut frames = Vec::new();
    let (mut start, mut fed) = (0, 0);
    let mut steps = steps.iter().copied().chain(core::iter::repeat(usize::MAX));
    loop {
        match framer.next(&stream[start..fed]) {
            Frame::Partial if fed == stream.len() => return frames,
            Frame::Partial => fed = fed.saturating_add(steps.next().unwrap().max(1)).min(stream.len()),
            frame @ Frame::Bad(_) => {
                frames.push(frame);
                return frames;
            }
            frame @ (Frame::KeepAlive(len) | Frame::Ping(len) | Frame::Message(len)) => {
                assert!(len > 0 && start + len <= fed);
                start += len;
                frames.push(frame);
            }
        }
    }
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,24}"
}

/// Values as they come: visible, with inner white space.
fn value() -> impl Strategy<Value = String> {
    "([!-~é]([ !-~é\t]{0,40}[!-~é])?)?"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        method in token(),
        user in "[A-Za-z0-9+]{1,12}",
        fields in vec((token(), value()), 0..40),
        body in vec(any::<u8>(), 0..1200),
    ) {
        let uri = format!("sip:{user}@example.com");
        let mut out = [0; 16384];
        let mut writer = Writer::new(&mut out);
        writer.request_line(method.as_bytes(), uri.as_bytes());
        for (name, value) in &fields {
            writer.header(name.as_bytes(), value.as_bytes());
        }
        writer.body(b"application/octet-stream", |room| {
            room.get_mut(..body.len())?.copy_from_slice(&body);
            Some(body.len())
        });
        let len = writer.finish().unwrap();
        let message = Message::parse(&out[..len]).unwrap();
        prop_assert_eq!(message.method().unwrap().as_bytes(), method.as_bytes());
        prop_assert_eq!(message.request_uri().unwrap().bytes, uri.as_bytes());
        let read: Vec<_> = message.fields().map(|field| (field.spelling, field.value)).collect();
        prop_assert_eq!(read.len(), fields.len() + 2);
        for ((name, value), (read_name, read_value)) in fields.iter().zip(&read) {
            prop_assert_eq!(name.as_bytes(), *read_name);
            prop_assert_eq!(value.as_bytes(), *read_value);
        }
        if message.headers(Name::ContentLength).count() == 1 {
            prop_assert_eq!(message.body(), &body[..]);
            prop_assert_eq!(frames(&out[..len], &[], 65535), [Frame::Message(len)]);
        }
    }

    #[test]
    fn a_replaces_is_what_was_written(
        call_id in "[!-+./0-:<-~-]{1,40}",
        to_tag in token(),
        from_tag in token(),
        early_only: bool,
        swapped: bool,
        escaped in vec(any::<bool>(), 0..200),
    ) {
        let (call_id, to, from) = (call_id.as_bytes(), to_tag.as_bytes(), from_tag.as_bytes());
        let replaces = Replaces { call_id, to_tag: to, from_tag: from, early_only };
        let mut out = [0; 512];
        let mut writer = Writer::new(&mut out);
        writer.request_line(b"INVITE", b"sip:a@b");
        replaces.write(&mut writer);
        writer.empty_body();
        let len = writer.finish().unwrap();
        let message = Message::parse(&out[..len]).unwrap();
        prop_assert_eq!(message.replaces(), Ok(Some(replaces)));

        // As others may write it, and as a REFER has it.
        let flag = if early_only { ";Early-Only" } else { "" };
        let (one, two) = (format!("To-Tag = {to_tag}"), format!("from-tag={from_tag}"));
        let (one, two) = if swapped { (two, one) } else { (one, two) };
        let value = [call_id, format!(" ;{one}; x=y{flag} ;{two}").as_bytes()].concat();
        prop_assert_eq!(Replaces::parse(&value), Ok(replaces));
        let mut uri = String::from("sip:a@b?Replaces=");
        for (&byte, plain) in value.iter().zip(escaped.into_iter().chain(core::iter::repeat(false))) {
            match plain && byte.is_ascii_alphanumeric() {
                true => uri.push(byte.into()),
                false => uri.push_str(&format!("%{byte:02x}")),
            }
        }
        let mut plain = [0; 512];
        let escaped = Uri::parse(uri.as_bytes()).unwrap().header(b"replaces").unwrap();
        let len = unescape(escaped, &mut plain).unwrap();
        prop_assert_eq!(Replaces::parse(&plain[..len]), Ok(replaces));
    }

    #[test]
    fn no_value_begins_a_line(value in vec(select(&b"a:\r\n\0 \t"[..]), 0..60)) {
        let mut out = [0; 1024];
        let mut writer = Writer::new(&mut out);
        writer.status_line(200, &value).header(b"X-A", &value).header(&value, b"x").request_line(&value, &value).end_line();
        let len = writer.finish().unwrap();
        prop_assert_eq!(out[..len].iter().filter(|&&byte| byte == b'\n').count(), 5);
        prop_assert_eq!(out[..len].iter().filter(|&&byte| byte == b'\r').count(), 5);
        prop_assert!(!out[..len].contains(&0));
    }

    #[test]
    fn mutations_do_no_harm(
        edits in vec((any::<prop::sample::Index>(), select(&b"\r\n\0 \t:;,<>\"\\@[]?=&%/*a0\xff"[..]), 0u8..4), 0..12),
    ) {
        let mut bytes = INVITE.to_vec();
        for (index, byte, how) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        ask_everything(&bytes);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..400), line in any::<bool>()) {
        let start: &[u8] = if line { b"BYE sip:a@b SIP/2.0\r\n" } else { b"SIP/2.0 200 OK\r\n" };
        ask_everything(&bytes);
        ask_everything(&[start, &bytes].concat());
        ask_everything(&[start, b"Via: ", &bytes].concat());
        ask_everything(&[start, b"Contact: ", &bytes].concat());
        let _ = Uri::parse(&bytes);
    }

    #[test]
    fn frames_do_not_depend_on_segments(
        parts in vec(select(&[INVITE, b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"OPTIONS sip:a SIP/2.0\nl: 3\n\nabc",
            b"SIP/2.0 200 OK\r\n\r\n", b"BYE sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\n", b"x", b"GET / HTTP/1.1\r\n\r\n",
            b"BYE sip:a SIP/2.0\r\nl: 99999\r\n\r\n"][..]), 0..6),
        steps in vec(1usize..40, 0..200),
        max in select(&[600usize, 700, 2000][..]),
    ) {
        let stream = parts.concat();
        let whole = frames(&stream, &[], max);
        prop_assert_eq!(&frames(&stream, &steps, max), &whole);
        prop_assert_eq!(&frames(&stream, &vec![1; stream.len()], max), &whole);
    }

    #[test]
    fn addresses_are_written_as_std_writes_them(address: SocketAddr) {
        // Flow labels and scopes are not ours.
        let address = SocketAddr::new(address.ip(), address.port());
        let mut out = [0; 64];
        let mut writer = Writer::new(&mut out);
        writer.socket(address);
        let len = writer.finish().unwrap();
        prop_assert_eq!(core::str::from_utf8(&out[..len]).unwrap(), address.to_string());
    }
}

#[test]
fn the_message_these_laws_start_from_is_valid() {
    let message = Message::parse(INVITE).unwrap();
    let found = message.essentials().unwrap();
    assert_eq!(found.cseq.number, 314159);
    assert_eq!(message.vias().map(Result::unwrap).count(), 2);
    assert_eq!(message.addresses(Name::Contact).map(Result::unwrap).count(), 2);
    assert_eq!(message.extension(b"x-zendesk-ticket-id").next(), Some(&b"4711"[..]));
    assert_eq!(message.body(), b"v=0\r\n");
    ask_everything(INVITE);
}

#[test]
fn offsets_point_at_the_fault() {
    for (from, to, kind, at) in [
        ("CSeq: 314159 INVITE", "CSeq: 314159 BYE", ErrorKind::CSeqMethod, "314159"),
        ("CSeq: 314159", "CSeq: 31x159", ErrorKind::Malformed(Name::CSeq), "x159"),
        ("alice@203.0.113.10>;tag=", "alice@203.0.113.10>;;ag=", ErrorKind::Malformed(Name::From), ";ag="),
        ("l: 5", "l: 5 ", ErrorKind::BodyTooShort, "v=0"),
        ("l: 5", "l: 5x", ErrorKind::Malformed(Name::ContentLength), "5x"),
        ("To: Bob", "Tx: Bob", ErrorKind::Missing(Name::To), "v=0"),
        ("X-Zendesk-Ticket-Id: 4711", "X-Zendesk-Ticket-Id 4711", ErrorKind::HeaderLine, "X-Z"),
        ("Supported: timer", "Supported: tim\rer", ErrorKind::BareReturn, "\rer"),
    ] {
        let text = core::str::from_utf8(INVITE).unwrap();
        assert!(text.contains(from));
        let mut text = text.replace(from, to);
        if kind == ErrorKind::BodyTooShort {
            text.truncate(text.len() - 5);
        }
        let error = Message::parse(text.as_bytes()).unwrap().essentials().unwrap_err();
        assert_eq!(error.kind, kind);
        let expected = text.find(at).unwrap_or(text.len());
        let expected =
            if kind == ErrorKind::CSeqMethod { text.find("314159 BYE").unwrap() } else { expected };
        assert_eq!(error.offset as usize, expected, "{to}");
    }
}

#[test]
fn bounds() {
    let request = |fields: usize| {
        let mut text = b"OPTIONS sip:a@b SIP/2.0\r\n".to_vec();
        (0..fields).for_each(|_| text.extend(b"X: y\r\n"));
        text.extend(b"\r\n");
        text
    };
    let fault = |text: &[u8]| Message::parse(text).unwrap().essentials().unwrap_err().kind;
    assert_eq!(fault(&request(Message::MAX_FIELDS)), ErrorKind::Missing(Name::Via));
    assert_eq!(fault(&request(Message::MAX_FIELDS + 1)), ErrorKind::TooManyFields);
    let mut long = request(1);
    long.resize(Message::MAX_BYTES, b'x');
    assert!(Message::parse(&long).is_ok());
    long.push(b'x');
    assert_eq!(Message::parse(&long).err().map(|error| error.kind), Some(ErrorKind::TooLong));
}

#[test]
fn duplicates_are_refused_where_they_differ() {
    let text = core::str::from_utf8(INVITE).unwrap();
    let with = |line: &str| text.replace("Supported", &format!("{line}\r\nSupported"));
    assert!(Message::parse(with("Content-Length: 5").as_bytes()).unwrap().essentials().is_ok());
    assert!(Message::parse(with("Max-Forwards: 70").as_bytes()).unwrap().essentials().is_ok());
    for line in ["Content-Length: 4", "Max-Forwards: 69", "Call-ID: x", "CSeq: 2 INVITE", "t: <sip:x@y>"] {
        let kind = Message::parse(with(line).as_bytes()).unwrap().essentials().unwrap_err().kind;
        assert!(matches!(kind, ErrorKind::Conflict(_)), "{line}: {kind:?}");
    }
}

#[test]
fn hostile_lengths_take_linear_time() {
    let start = "OPTIONS sip:a@b SIP/2.0\r\n";
    let room = Message::MAX_BYTES - 200;
    for line in [
        format!("To: \"{}\" <sip:a@b>", "\\\"".repeat(room / 2)),
        format!("To: \"{}", "x".repeat(room)),
        format!("To: <sip:a@b{}>", ";p".repeat(room / 2)),
        format!("Contact: {}<sip:a@b>", "<sip:a@b>,".repeat(room / 10)),
        format!("Via: {}SIP/2.0/UDP a", "SIP/2.0/UDP a,".repeat(room / 14)),
        format!("Contact: <sip:{}", "a:".repeat(room / 2)),
        format!("Contact: {}", "\t".repeat(room)),
        format!("X: {}", "\r\n x".repeat(room / 4)),
        format!("{}: x", "n".repeat(room)),
        format!("Require: {}", ",".repeat(room)),
    ] {
        let text = format!("{start}{line}\r\nFrom: <sip:a@b>\r\n\r\n");
        let started = Instant::now();
        for _ in 0..10 {
            ask_everything(text.as_bytes());
        }
        // Some 64 KiB ten times: a quadratic scan would take seconds.
        assert!(started.elapsed() < Duration::from_secs(1), "{}", &line[..30]);
    }
}

#[test]
fn hostile_streams_take_linear_time() {
    let stream = [b"OPTIONS sip:a@b SIP/2.0\r\nX: ".to_vec(), vec![b'\t'; 65000]].concat();
    let mut framer = Framer::new(65535);
    let started = Instant::now();
    for end in 0..stream.len() {
        assert_eq!(framer.next(&stream[..end]), Frame::Partial);
    }
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn pings_and_pongs() {
    assert_eq!(frames(b"\r\n\r\n", &[], 4096), [Frame::KeepAlive(2), Frame::Ping(2)]);
    assert_eq!(frames(b"\r\n", &[], 4096), [Frame::KeepAlive(2)]);
    let stream = [b"\r\n", INVITE, b"\r\n"].concat();
    assert_eq!(
        frames(&stream, &[], 4096),
        [Frame::KeepAlive(2), Frame::Message(INVITE.len()), Frame::KeepAlive(2)]
    );
}

#[test]
fn streams_that_cannot_go_on() {
    let kind = |stream: &[u8]| match frames(stream, &[], 1000).last() {
        Some(Frame::Bad(error)) => Some(error.kind),
        _ => None,
    };
    let request = |lines: &str| format!("BYE sip:a@b SIP/2.0\r\n{lines}\r\n\r\n").into_bytes();
    assert_eq!(kind(&request("l: 1\r\nContent-Length: 2")), Some(ErrorKind::Conflict(Name::ContentLength)));
    assert_eq!(kind(&request("l: -1")), Some(ErrorKind::Malformed(Name::ContentLength)));
    assert_eq!(kind(&request("l: 4294967328")), Some(ErrorKind::Malformed(Name::ContentLength)));
    assert_eq!(kind(&request("l: 18446744073709551626")), Some(ErrorKind::Malformed(Name::ContentLength)));
    assert_eq!(kind(&request("l: 1000")), Some(ErrorKind::TooLong));
    assert_eq!(kind(&request(&format!("X: {}", "x".repeat(1000)))), Some(ErrorKind::TooLong));
    assert_eq!(kind(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"), Some(ErrorKind::NotSip));
    let many = format!("BYE sip:a@b SIP/2.0\r\n{}\r\n", "X:\r\n".repeat(129));
    assert_eq!(kind(many.as_bytes()), Some(ErrorKind::TooManyFields));
    assert_eq!(frames(&request("X: y"), &[], 1000), [Frame::Message(request("X: y").len())]);
}

/// The response's echoed part for a request with this Via, from this source.
fn echoed(via: &str, source: &str) -> String {
    let request = format!(
        "BYE sip:a@b SIP/2.0\r\nVia: {via}\r\nv: SIP/2.0/TCP second\r\nRecord-Route: <sip:p;lr>\r\nf: <sip:a@b>;tag=1\r\n\
         To: <sip:c@d>\r\n ;x\r\nCall-ID: 1@2\r\nCSeq: 2 BYE\r\nSubject: no\r\n\r\n"
    );
    let message = Message::parse(request.as_bytes()).unwrap();
    let mut out = [0; 1024];
    let mut writer = Writer::new(&mut out);
    echo(&mut writer, &message, source.parse().unwrap(), Some(0xabc));
    let len = writer.finish().unwrap();
    String::from_utf8(out[..len].to_vec()).unwrap()
}

#[test]
fn echoes() {
    assert_eq!(
        echoed("SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1", "192.0.2.1:5070"),
        "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1\r\nVia: SIP/2.0/TCP second\r\nRecord-Route: <sip:p;lr>\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:c@d> ;x;tag=0000000000000abc\r\nCall-ID: 1@2\r\nCSeq: 2 BYE\r\n"
    );
    for (via, source, expected) in [
        ("SIP/2.0/UDP pc33;branch=1", "192.0.2.1:9", "SIP/2.0/UDP pc33;branch=1;received=192.0.2.1"),
        (
            "SIP/2.0/UDP 192.0.2.1;rport;branch=1",
            "192.0.2.1:9",
            "SIP/2.0/UDP 192.0.2.1;rport=9;branch=1;received=192.0.2.1",
        ),
        // What the sender claims of itself does not count.
        (
            "SIP/2.0/UDP 192.0.2.9;received=198.51.100.1;rport=53",
            "192.0.2.1:9",
            "SIP/2.0/UDP 192.0.2.9;rport=9;received=192.0.2.1",
        ),
        (
            "SIP/2.0/UDP [2001:db8::1]:5060;b=\"x;y\"",
            "[2001:db8::1]:1",
            "SIP/2.0/UDP [2001:db8::1]:5060;b=\"x;y\"",
        ),
        ("SIP/2.0/UDP a;rport", "[2001:db8::1]:1", "SIP/2.0/UDP a;rport=1;received=2001:db8::1"),
        (
            "SIP/2.0/UDP a , SIP/2.0/UDP b;rport",
            "192.0.2.1:9",
            "SIP/2.0/UDP a;received=192.0.2.1, SIP/2.0/UDP b;rport",
        ),
        ("SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:9", "SIP/2.0/UDP 192.0.2.1"),
        // What cannot be read goes back as it came.
        ("SIP/2.0/UDP a;;;", "192.0.2.1:9", "SIP/2.0/UDP a;;;"),
    ] {
        assert_eq!(echoed(via, source).lines().next(), Some(format!("Via: {expected}").as_str()));
    }
}

#[test]
fn a_response_to_a_faulty_request_echoes_what_there_is() {
    let message =
        Message::parse(b"INVITE sip:a@b  SIP/2.0\r\nTo: \"x <sip:c@d>\r\nCSeq: 1 INVITE\r\n\r\n").unwrap();
    let mut out = [0; 256];
    let mut writer = Writer::new(&mut out);
    writer.status_line(400, message.essentials().unwrap_err().kind.sentence().as_bytes());
    echo(&mut writer, &message, "192.0.2.1:9".parse().unwrap(), Some(1));
    writer.empty_body();
    let len = writer.finish().unwrap();
    assert_eq!(
        core::str::from_utf8(&out[..len]).unwrap(),
        "SIP/2.0 400 Malformed request line\r\nTo: \"x <sip:c@d>;tag=0000000000000001\r\nCSeq: 1 INVITE\r\n\
         Content-Length: 0\r\n\r\n"
    );
}

#[test]
fn writing() {
    let mut out = [0; 256];
    let mut writer = Writer::new(&mut out);
    writer.status_line(486, phrase(486)).name(b"Retry-After").number(0).end_line();
    writer.name(b"X").hex(0xfedc).bytes(b" a\r\n b").ip("2001:db8::1".parse().unwrap()).end_line();
    writer.body(b"text/plain", |room| {
        room[..5].copy_from_slice(b"hello");
        Some(5)
    });
    let len = writer.finish().unwrap();
    assert_eq!(
        core::str::from_utf8(&out[..len]).unwrap(),
        "SIP/2.0 486 Busy Here\r\nRetry-After: 0\r\nX: 000000000000fedc a b[2001:db8::1]\r\n\
         Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
    );
    // One byte too few, wherever, and it is said.
    for size in 0..len {
        let mut out = vec![0; size];
        let mut writer = Writer::new(&mut out);
        writer.status_line(486, phrase(486)).header(b"Retry-After", b"0");
        writer.name(b"X").hex(0xfedc).bytes(b" a\r\n b").ip("2001:db8::1".parse().unwrap()).end_line();
        writer.body(b"text/plain", |room| {
            room.get_mut(..5)?.copy_from_slice(b"hello");
            Some(5)
        });
        assert!(writer.finish().is_err(), "{size}");
    }
}
