//! Messages of others, read as their verdicts say. The folder of them lies beside the repository, where there is one.

use std::fs;
use std::path::{Path, PathBuf};

use warmline_core::sip::ErrorKind::{
    BodyTooShort, CSeqMethod, Conflict, HeaderLine, Malformed, Missing, NotSip, RequestLine, RequestUri,
    TooLong, Truncated, Version,
};
use warmline_core::sip::{Error, ErrorKind, Host, Message, Name, Scheme, StartLine, Writer, echo, unescape};

/// The folder `name` of the corpora; none, and a word about it, where it is not there.
fn corpus(test: &str, name: &str) -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora")).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("not run: {test}: ../shared/corpora is not there");
    None
}

/// Every file under `folder` with its path from there, in order.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let end = path.extension().and_then(|end| end.to_str());
            if path.is_dir() {
                folders.push(path);
            } else if !matches!(end, Some("md" | "tsv")) {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Everything that can be asked of a message: for panics, offsets, and what comes out of it again.
fn ask_everything(bytes: &[u8]) {
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => return assert!(error.offset as usize <= bytes.len()),
    };
    let check = |error: Error| assert!(error.offset as usize <= bytes.len(), "{error}");
    message.essentials().map(drop).unwrap_or_else(check);
    message.request_uri().map(drop).unwrap_or_else(check);
    message.vias().filter_map(Result::err).for_each(check);
    for &name in Name::KNOWN {
        for address in message.addresses(name) {
            match address {
                Err(error) => check(error),
                Ok(address) => {
                    address.params.iter().for_each(drop);
                    address.uri.headers().for_each(drop);
                    assert!(address.tag().is_none_or(|tag| !tag.is_empty()));
                }
            }
        }
        message.tokens(name).for_each(drop);
    }
    let mut out = vec![0; 4 * bytes.len() + 1024];
    let mut writer = Writer::new(&mut out);
    writer.status_line(400, b"Bad Request");
    echo(&mut writer, &message, "192.0.2.1:5060".parse().unwrap(), Some(1));
    for field in message.fields() {
        writer.header(field.spelling, field.value);
    }
    writer.empty_body();
    let len = writer.finish().unwrap();
    // Nothing that was in a value begins a line of ours.
    for line in out[..len].strip_suffix(b"\r\n\r\n").unwrap().split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(!line.contains(&b'\r') && !line.contains(&0), "{}", line.escape_ascii());
        assert!(!line.starts_with(b" ") && !line.starts_with(b"\t") && !line.is_empty());
    }
}

/// What is wrong with a message, all typed fields read.
fn verdict(bytes: &[u8]) -> Result<(), ErrorKind> {
    let message = Message::parse(bytes).map_err(|error| error.kind)?;
    message.essentials().map_err(|error| error.kind)?;
    if message.method().is_some() {
        message.request_uri().map_err(|error| error.kind)?;
    }
    message.vias().try_for_each(|via| via.map(drop)).map_err(|error| error.kind)?;
    let names = [
        Name::Contact,
        Name::Route,
        Name::RecordRoute,
        Name::ReferTo,
        Name::ReferredBy,
        Name::PAssertedIdentity,
    ];
    for name in names {
        for address in message.addresses(name) {
            match address.map_err(|error| error.kind) {
                Ok(_) | Err(ErrorKind::Star) => {}
                Err(kind) => return Err(kind),
            }
        }
    }
    Ok(())
}

/// RFC 4475: what the parser says of each message, and why.
const TORTURE: &[(&str, Result<(), ErrorKind>, &str)] = &[
    (
        "badaspec.dat",
        Err(Malformed(Name::To)),
        "white space inside angle brackets: refused rather than guessed",
    ),
    ("badbranch.dat", Ok(()), "a bare cookie is a branch; that it names no transaction is for transactions"),
    ("baddate.dat", Ok(()), "we do not use Date"),
    ("baddn.dat", Err(Malformed(Name::From)), "an unquoted comma in a display name"),
    ("badinv01.dat", Err(Malformed(Name::Via)), "parameters without names; Contact has them too"),
    ("badvers.dat", Err(Version), "SIP/7.0 is answered by 505"),
    ("bcast.dat", Ok(()), "where a response goes is not for the parser"),
    ("bext01.dat", Ok(()), "420 is for policy"),
    (
        "bigcode.dat",
        Err(NotSip),
        "a status of ten digits does not wrap: no status line, and nothing to answer",
    ),
    ("clerr.dat", Err(BodyTooShort), "the datagram ends before the body"),
    ("cparam01.dat", Ok(()), "the parameter belongs to Contact"),
    ("cparam02.dat", Ok(()), "the parameter belongs to the URI"),
    ("dblreq.dat", Ok(()), "what follows Content-Length: 0 in a datagram is nobody's"),
    ("esc01.dat", Ok(()), "escapes are decoded once"),
    ("esc02.dat", Ok(()), "no escapes in methods and header names"),
    ("escnull.dat", Ok(()), "%00 ends nothing"),
    ("escruri.dat", Ok(()), "the URI's headers stay in the URI"),
    ("insuf.dat", Err(Missing(Name::From)), "From, To and Call-ID are missing"),
    ("intmeth.dat", Ok(()), "unusual, and all of it allowed"),
    ("inv2543.dat", Ok(()), "RFC 2543: no branch, no From tag, no Content-Length"),
    ("invut.dat", Ok(()), "415 is for policy"),
    ("longreq.dat", Ok(()), "34 Via fields are within the bound"),
    ("ltgtruri.dat", Err(RequestUri), "angle brackets around the Request-URI"),
    ("lwsdisp.dat", Ok(()), "no space before the angle bracket, by erratum"),
    ("lwsruri.dat", Err(RequestLine), "white space in the Request-URI"),
    ("lwsstart.dat", Err(RequestLine), "more than one space in the request line"),
    ("mcl01.dat", Err(Conflict(Name::ContentLength)), "two Content-Lengths that differ"),
    ("mismatch01.dat", Err(CSeqMethod), "OPTIONS, but CSeq says INVITE"),
    ("mismatch02.dat", Err(CSeqMethod), "NEWMETHOD, but CSeq says INVITE"),
    ("mpart01.dat", Ok(()), "bodies are opaque"),
    (
        "multi01.dat",
        Err(Conflict(Name::From)),
        "From, To, Call-ID, CSeq and Max-Forwards twice, and different",
    ),
    ("ncl.dat", Err(Malformed(Name::ContentLength)), "a negative length is no length"),
    ("noreason.dat", Ok(()), "an empty reason phrase"),
    ("novelsc.dat", Ok(()), "a scheme we do not know is still a URI"),
    ("quotbal.dat", Err(Malformed(Name::To)), "a quote that never closes"),
    ("regaut01.dat", Ok(()), "credentials are not the parser's"),
    ("regbadct.dat", Err(Malformed(Name::Contact)), "a question mark outside angle brackets"),
    ("regescrt.dat", Ok(()), "a header in a Contact's URI"),
    ("scalar02.dat", Err(Malformed(Name::CSeq)), "beyond 32 bits"),
    ("scalarlg.dat", Err(Malformed(Name::CSeq)), "beyond 32 bits"),
    ("sdp01.dat", Ok(()), "bodies are opaque"),
    ("semiuri.dat", Ok(()), "semicolons in a user part"),
    ("test.dat", Err(NotSip), "no version in the first line"),
    ("transports.dat", Ok(()), "any token is a transport"),
    ("trws.dat", Err(RequestLine), "white space behind the version"),
    ("unkscm.dat", Ok(()), "416 is for policy"),
    ("unksm2.dat", Ok(()), "schemes we do not know in From, To and Contact"),
    ("unreason.dat", Ok(()), "UTF-8 in the reason phrase"),
    ("wsinv.dat", Ok(()), "all the white space and folds there can be"),
    ("zeromf.dat", Ok(()), "483 is for policy"),
];

#[test]
fn rfc4475_verdicts() {
    let Some(folder) = corpus("rfc4475_verdicts", "rfc4475/raw") else { return };
    let files = files(&folder);
    assert_eq!(files.len(), TORTURE.len());
    for ((file, bytes), (name, expected, why)) in files.iter().zip(TORTURE) {
        assert_eq!(file, name);
        assert_eq!(verdict(bytes), *expected, "{name}: {why}");
        ask_everything(bytes);
    }
    // The table refuses what the folder says must be refused, and takes what must be accepted.
    let verdicts = fs::read_to_string(folder.join("../verdicts.tsv")).unwrap();
    for line in verdicts.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let ours = TORTURE.iter().find(|(name, ..)| *name == columns[0]).unwrap().1;
        match columns[4] {
            "flag error" | "flag version" => assert!(ours.is_err(), "{line}"),
            accept if accept.starts_with("accept") => assert!(ours.is_ok(), "{line}"),
            _ => {}
        }
    }
}

#[test]
fn rfc4475_facts() {
    let Some(folder) = corpus("rfc4475_facts", "rfc4475/raw") else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let mut out = [0; 128];

    let bytes = read("wsinv.dat");
    let message = Message::parse(&bytes).unwrap();
    let found = message.essentials().unwrap();
    assert_eq!((found.max_forwards, found.cseq.number), (Some(68), 9));
    assert_eq!(found.to.tag(), Some(&b"1918181833n"[..]));
    assert_eq!(found.from.display, br#"J Rosenberg \\\""#);
    assert_eq!(found.from.tag(), Some(&b"98asjd8"[..]));
    let branches: Vec<_> = message.vias().map(|via| via.unwrap().branch().unwrap()).collect();
    assert_eq!(branches, [&b"390skdjuw"[..], b"z9hG4bK9ikj8", b"z9hG4bK30239"]);
    assert_eq!(message.header(Name::Subject), Some(&b""[..]));
    assert_eq!(message.extension(b"UNKNOWNHEADERWITHUNUSUALVALUE").next(), Some(&b";;,,;;,;"[..]));
    assert_eq!(message.body().len(), 150);
    let contact = message.addresses(Name::Contact).next().unwrap().unwrap();
    assert_eq!(contact.params.value(b"newparam"), Some(&b"newvalue"[..]));
    assert_eq!(contact.params.value(b"q"), Some(&b"0.33"[..]));

    let bytes = read("intmeth.dat");
    let message = Message::parse(&bytes).unwrap();
    let found = message.essentials().unwrap();
    assert_eq!(found.to.display, b"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f");
    assert_eq!(found.from.tag(), Some(&b"_token~1'+`*%!-."[..]));
    assert_eq!(found.cseq.method.as_bytes(), b"!interesting-Method0123456789_*+`.%indeed'~");

    let bytes = read("esc01.dat");
    let message = Message::parse(&bytes).unwrap();
    let len = unescape(message.request_uri().unwrap().user.unwrap(), &mut out).unwrap();
    assert_eq!(&out[..len], b"sips:user@example.com");
    let contact = message.addresses(Name::Contact).next().unwrap().unwrap();
    let len = unescape(contact.uri.param(b"name").unwrap().unwrap(), &mut out).unwrap();
    assert_eq!(&out[..len], b"value%41");
    assert_eq!(contact.uri.param(b"lr"), Some(None));

    let bytes = read("escnull.dat");
    let message = Message::parse(&bytes).unwrap();
    let contacts: Vec<_> = message.addresses(Name::Contact).map(|c| c.unwrap().uri.user.unwrap()).collect();
    assert_eq!(contacts, [&b"%00"[..], b"%00%00"]);

    let bytes = read("esc02.dat");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.method().unwrap().as_bytes(), b"RE%47IST%45R");
    assert_eq!(message.addresses(Name::Contact).count(), 2);

    assert_eq!(Message::parse(&read("longreq.dat")).unwrap().vias().count(), 34);
    assert_eq!(Message::parse(&read("dblreq.dat")).unwrap().body(), b"");
    assert_eq!(Message::parse(&read("mpart01.dat")).unwrap().body().len(), 553);
    let noreason = StartLine::Response { status: 100, reason: b"" };
    assert_eq!(Message::parse(&read("noreason.dat")).unwrap().start(), noreason);

    let bytes = read("semiuri.dat");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.request_uri().unwrap().user, Some(&b"user;par=u%40example.net"[..]));
    assert_eq!(message.tokens(Name::Accept).count(), 6);

    let bytes = read("escruri.dat");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.header(Name::Route), None);
    assert_eq!(message.request_uri().unwrap().header(b"Route"), Some(&b"%3Csip:example.com%3E"[..]));

    let bytes = read("unkscm.dat");
    assert!(matches!(Message::parse(&bytes).unwrap().request_uri().unwrap().scheme, Scheme::Other(_)));

    let (bytes, other) = (read("cparam01.dat"), read("cparam02.dat"));
    for (bytes, in_uri) in [(&bytes, false), (&other, true)] {
        let contact = Message::parse(bytes).unwrap().addresses(Name::Contact).next().unwrap().unwrap();
        assert_eq!(contact.params.get(b"unknownparam").is_some(), !in_uri);
        assert_eq!(contact.uri.params.get(b"unknownparam").is_some(), in_uri);
    }
}

#[test]
fn rfc5118_verdicts() {
    let Some(folder) = corpus("rfc5118_verdicts", "rfc5118/fixed") else { return };
    for (name, bytes) in files(&folder) {
        let expected = if name == "ipv6-bad.sip" { Err(RequestUri) } else { Ok(()) };
        assert_eq!(verdict(&bytes), expected, "{name}");
        ask_everything(&bytes);
    }
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let ip = |text: &str| Host::Ip(text.parse().unwrap());
    for (name, host, port) in [
        ("port-ambiguous.sip", "2001:db8::10:5070", None),
        ("port-unambiguous.sip", "2001:db8::10", Some(5070)),
        ("ipv6-bug-abnf-3-colons.sip", "2001:db8::192.0.2.1", None),
    ] {
        let bytes = read(name);
        let uri = Message::parse(&bytes).unwrap().request_uri().unwrap();
        assert_eq!((uri.host, uri.port), (ip(host), port), "{name}");
    }
    for (name, received) in [
        ("via-received-param-no-delim.sip", &b"2001:db8::9:255"[..]),
        ("via-received-param-with-delim.sip", b"[2001:db8::9:255]"),
    ] {
        let bytes = read(name);
        assert_eq!(Message::parse(&bytes).unwrap().essentials().unwrap().via.received(), Some(received));
    }
    for (_, bytes) in files(&folder.join("../raw")) {
        ask_everything(&bytes);
    }
}

/// What is refused of all that others send, and why.
const REFUSED: &[(&str, ErrorKind, &str)] = &[
    ("pcapplusplus__sip_reqs__f00004_002.sip", Truncated, "the capture ends within a line"),
    ("suricata__sip-body-large__sip-body-large__f00005_001.sip", TooLong, "beyond our bound of 64 KiB"),
    (
        "suricata__sip-header-multi-value__sip_header_multi_val__f00001_001.sip",
        Conflict(Name::To),
        "two To that differ, as in multi01.dat",
    ),
    ("rfc3261/033_INVITE-sip-bob-biloxi-com-SI.sip", Malformed(Name::From), "a printing error: no scheme"),
    ("rfc3515/005_REFER-sip-b-atlanta-example.sip", Malformed(Name::ReferTo), "`(whatever URI)`"),
    ("rfc3515/013_REFER-sip-b-atlanta-example.sip", Malformed(Name::ReferTo), "`(some different URI)`"),
    ("rfc5359_093_REFER-sips-bob-client-biloxi_v0.sip", Malformed(Name::ReferredBy), "no scheme, by the RFC"),
    ("rfc5359_093_REFER-sips-bob-client-biloxi_v1.sip", Malformed(Name::ReferredBy), "no scheme, by the RFC"),
    ("rfc5359_093_REFER-sips-bob-client-biloxi_v2.sip", Malformed(Name::ReferredBy), "no scheme, by the RFC"),
    // sofia-sip's collection holds what bake-offs of RFC 2543 made of torture messages: not all of it is valid.
    ("own0.txt", Malformed(Name::Via), "a comment behind a Via"),
    ("own6.txt", Malformed(Name::RecordRoute), "a fold inside angle brackets"),
    ("own8.txt", Version, "SIP/1.0"),
    ("test-ack-1.txt", CSeqMethod, "ACK, but CSeq says NEWMETHOD"),
    ("test1.txt", HeaderLine, "a name folded away from its colon"),
    ("test1a.txt", HeaderLine, "a name folded away from its colon"),
    ("test11.txt", Missing(Name::From), "neither From nor To"),
    ("test12.txt", Conflict(Name::From), "two From that differ"),
    ("test15.txt", Malformed(Name::Via), "as badinv01.dat"),
    ("test16.txt", BodyTooShort, "as clerr.dat"),
    ("test17.txt", Malformed(Name::ContentLength), "as ncl.dat"),
    ("test19.txt", Malformed(Name::To), "as quotbal.dat"),
    ("test20.txt", RequestLine, "as trws.dat"),
    ("test21.txt", RequestUri, "as ltgtruri.dat"),
    ("test22.txt", RequestLine, "as lwsruri.dat"),
    ("test23.txt", RequestLine, "as lwsstart.dat"),
    ("test33.txt", Malformed(Name::Contact), "as regbadct.dat"),
    ("test40.txt", Malformed(Name::From), "as baddn.dat"),
    ("test41.txt", Version, "SIP/7.0"),
    ("test42.txt", Version, "SIP/7.0"),
];

#[test]
fn what_others_send_is_read() {
    let names = [
        "sip-captured",
        "sip-captured-live",
        "sip-text-real",
        "rfc-flows",
        "metamorph_np",
        "sofia-sip/sip",
        "scanner",
    ];
    let mut wrong = Vec::new();
    for name in names {
        let Some(folder) = corpus("what_others_send_is_read", name) else { return };
        for (file, bytes) in files(&folder) {
            ask_everything(&bytes);
            let refused = REFUSED.iter().find(|(not, ..)| *not == file).map(|&(_, kind, _)| kind);
            let found = verdict(&bytes).err();
            if found != refused {
                wrong.push((name, file, found));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// What a message says, however it is written: values without white space, lists as one, names in order.
fn meaning(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let message = Message::parse(bytes).unwrap();
    let mut meaning: Vec<(String, Vec<u8>)> = Vec::new();
    for field in message.fields() {
        let name = match field.name {
            Name::Other => field.spelling.to_ascii_lowercase(),
            name => name.as_bytes().to_vec(),
        };
        let name = String::from_utf8(name).unwrap();
        let value = field.value.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
        match meaning.iter_mut().find(|(known, _)| *known == name) {
            None => meaning.push((name, value.collect())),
            Some((_, list)) => {
                list.push(b',');
                list.extend(value);
            }
        }
    }
    meaning.sort();
    if let Ok(found) = message.essentials() {
        let mut typed = |name: &str, value: &[u8]| meaning.push((name.to_owned(), value.to_vec()));
        typed("call-id", found.call_id);
        typed("cseq", format!("{} {:?}", found.cseq.number, found.cseq.method).as_bytes());
        typed("max-forwards", format!("{:?}", found.max_forwards).as_bytes());
        typed("from", found.from.uri.bytes);
        typed("from tag", found.from.tag().unwrap_or_default());
        typed("from display", found.from.display);
        typed("to", found.to.uri.bytes);
        typed("to tag", found.to.tag().unwrap_or_default());
        for via in message.vias().map(Result::unwrap) {
            typed("via", format!("{:?} {:?} {:?}", via.host, via.port, via.branch()).as_bytes());
        }
        for contact in message.addresses(Name::Contact).flatten() {
            typed("contact", contact.uri.bytes);
        }
    }
    meaning.push(("body".to_owned(), message.body().to_vec()));
    meaning
}

#[test]
fn rewritten_messages_mean_the_same() {
    let Some(folder) = corpus("rewritten_messages_mean_the_same", "metamorph_np") else { return };
    let index = fs::read_to_string(folder.join("index.tsv")).unwrap();
    let mut bases = std::collections::BTreeMap::new();
    for line in index.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        // Where the base is not in the folder, the first variant stands for it.
        let variant = meaning(&fs::read(folder.join(columns[0])).unwrap());
        let base = bases.entry(columns[1].to_owned()).or_insert_with(|| {
            fs::read(folder.join("..").join(columns[1]))
                .map_or_else(|_| variant.clone(), |bytes| meaning(&bytes))
        });
        assert_eq!(*base, variant, "{line}");
    }
    assert_eq!(bases.len(), 75);
}

#[test]
fn hostile_messages_do_no_harm() {
    for name in ["sip-cve-classes", "fuzz-pjsip", "fuzz-opensips"] {
        let Some(folder) = corpus("hostile_messages_do_no_harm", name) else { return };
        for (_, bytes) in files(&folder) {
            ask_everything(&bytes);
        }
    }
    let Some(folder) = corpus("hostile_messages_do_no_harm", "sip-cve-classes") else { return };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    for (name, expected) in [
        ("hdr_bare_cr_inject.sip", Err(ErrorKind::BareReturn)),
        ("cl_plus.sip", Err(Malformed(Name::ContentLength))),
        ("cl_u64_wrap.sip", Err(Malformed(Name::ContentLength))),
        ("via_x200.sip", Err(ErrorKind::TooManyFields)),
        ("resp_code_099.sip", Err(ErrorKind::Status)),
        ("via_garbage_totag.sip", Err(Malformed(Name::Via))),
        ("udp_nul_keepalive.sip", Err(NotSip)),
        ("udp_empty.sip", Err(NotSip)),
        ("udp_tls_hello.sip", Err(NotSip)),
        ("hdr_nul_in_value.sip", Ok(())),
        ("hdr_fold_value.sip", Ok(())),
        ("hdr_space_before_colon.sip", Ok(())),
        ("display_ctrl_chars.sip", Ok(())),
    ] {
        assert_eq!(verdict(&read(name)), expected, "{name}");
    }
    // A name is that name with white space before its colon, and a fold does not begin a header field.
    let bytes = read("hdr_space_before_colon.sip");
    assert!(Message::parse(&bytes).unwrap().header(Name::PAssertedIdentity).is_some());
    let bytes = read("hdr_fold_value.sip");
    assert!(Message::parse(&bytes).unwrap().header(Name::PAssertedIdentity).is_none());
}
