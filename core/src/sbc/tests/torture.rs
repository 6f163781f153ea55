//! The torture messages of RFC 4475 and RFC 5118: which answer each of them deserves of us, and why. The folder of them
//! lies beside the repository, where there is one.

use std::fs;
use std::path::Path as Folder;

use super::*;
use crate::sip::{Frame, Framer};

/// A node that all of them could be for: every domain of theirs is ours, everybody they call is a line, and media may
/// go where they say.
fn everybodys() -> Config<'static> {
    let mut config = config();
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let domains = [
        "example.com",
        "example.net",
        "example.org",
        "company.com",
        "chair-dnrc.example.com",
        "2001:db8::10",
    ];
    config.domains = leak(domains.map(|domain| texts.add(domain)).to_vec());
    let dials = ["user", "UserB", "vivekg", "sips:user@example.com"];
    config.dials = leak(dials.map(|dial| texts.add(dial)).to_vec());
    config.text = leak(texts.0.into_bytes());
    config.lines = leak(vec![Line { dial: List::new(0, 4), ..config.lines[0] }]);
    let trunk = Trunk { media: MediaPolicy::Signalled, ..config.trunks[0] };
    config.trunks = leak(vec![trunk, config.trunks[1], config.trunks[2]]);
    let udp = config.listeners[0];
    config.listeners = leak(vec![udp, Listener { transport: Transport::Tcp, ..udp }]);
    config
}

/// What comes back for such a message: the statuses, in order.
fn answers(bytes: &[u8], transport: Transport) -> Vec<String> {
    let mut w = World::with(7, everybodys());
    let listener = u8::from(transport == Transport::Tcp);
    let path = Path { transport, listener, flow: u32::from(listener), remote: AI.parse().unwrap() };
    let admitted = w.sbc.admit(&w.cx(), path).unwrap();
    w.sbc.handle(&w.cx(), Input::Message(admitted, bytes));
    let mut statuses = Vec::new();
    for out in w.drain() {
        if let Out::Message(to, text) = out {
            assert!(text.starts_with("SIP/2.0 "), "{text}");
            assert!(to.starts_with("198.51.100.7:"), "an answer to {to}: {text}");
            statuses.push(text[8..11].to_string());
        }
    }
    statuses
}

/// What a stream's frames are, however they come in: each message, and how the stream is left. Where it is cut is
/// `cut`; without, byte by byte.
fn frames(bytes: &[u8], cut: Option<usize>) -> (Vec<Vec<u8>>, &'static str) {
    let (mut framer, mut held, mut found) = (Framer::new(4096), Vec::new(), Vec::new());
    let pieces: Vec<&[u8]> = match cut {
        Some(cut) => vec![&bytes[..cut], &bytes[cut..]],
        None => bytes.chunks(1).collect(),
    };
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            match framer.next(&held) {
                Frame::KeepAlive(len) | Frame::Ping(len) => drop(held.drain(..len)),
                Frame::Message(len) => found.push(held.drain(..len).collect()),
                Frame::Partial => break,
                Frame::Bad(_) => return (found, "close"),
            }
        }
    }
    (found, if held.is_empty() { "" } else { "wait" })
}

/// What comes back over UDP, and over TCP, whose end `close` is a stream that cannot be read on and `wait` one that is
/// still to bring more.
fn outcome(bytes: &[u8]) -> [String; 2] {
    let (found, end) = frames(bytes, None);
    for cut in 0..=bytes.len() {
        assert_eq!(frames(bytes, Some(cut)), (found.clone(), end), "cut at {cut}");
    }
    let mut tcp: Vec<String> = found.iter().flat_map(|frame| answers(frame, Transport::Tcp)).collect();
    tcp.extend((!end.is_empty()).then(|| end.to_string()));
    [answers(bytes, Transport::Udp).join(" "), tcp.join(" ")]
}

/// A message, what comes back for it over UDP, what over TCP (see [`outcome`]), and why: the section of the RFC it is
/// from, unless another is named.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// RFC 4475.
const RFC4475: &[Row] = &[
    ("badaspec.dat", "400", "400", "3.1.2.14, RFC 3261 25.1: no white space inside the brackets"),
    (
        "badbranch.dat",
        "200",
        "200",
        "3.2.1: a bare cookie is no branch, and matching goes as before RFC 3261 (17.2.3)",
    ),
    ("baddate.dat", "100", "100", "3.1.2.12: nobody here reads Date"),
    (
        "baddn.dat",
        "400",
        "wait",
        "3.1.2.15: an unquoted comma. Its empty line is missing, so that a stream waits for it",
    ),
    ("badinv01.dat", "400", "400", "3.1.2.1: parameters without names; it goes back to where it came from"),
    ("badvers.dat", "505", "505", "3.1.2.16"),
    ("bcast.dat", "", "", "3.3.10: answers nothing of ours, and is passed on to nobody"),
    ("bext01.dat", "420", "420", "3.3.5, RFC 3261 8.2.2.3"),
    (
        "bigcode.dat",
        "",
        "close",
        "3.1.2.19: no status line. What follows such a thing in a stream cannot be trusted",
    ),
    ("clerr.dat", "400", "close", "3.1.2.2: shorter than it says, and over a stream longer than we take"),
    ("cparam01.dat", "405", "405", "3.3.12: nobody registers here"),
    ("cparam02.dat", "405", "405", "3.3.13: nobody registers here"),
    (
        "dblreq.dat",
        "405",
        "405 404 close",
        "3.1.1.8: a datagram is one message. In a stream it is two, of which the second calls nobody here and has more body than it says",
    ),
    ("esc01.dat", "100", "100", "3.1.1.3: the user part is decoded once, and is dialled"),
    ("esc02.dat", "501", "501", "3.1.1.5: it is not REGISTER"),
    ("escnull.dat", "405", "405", "3.1.1.4: nobody registers here"),
    ("escruri.dat", "100", "100", "3.1.2.11: the URI's headers are left out, and no Route is made of them"),
    ("insuf.dat", "400", "400", "3.3.1"),
    ("intmeth.dat", "501", "501", "3.1.1.2: the method is not known"),
    (
        "inv2543.dat",
        "400",
        "400 wait",
        "3.4.1: without a Contact there is nowhere to send a BYE. What follows a header without a length is no message (18.3)",
    ),
    ("invut.dat", "415", "415", "3.3.6, RFC 3261 8.2.3"),
    ("longreq.dat", "513", "513", "3.1.1.7: longer than a dialog may be"),
    ("ltgtruri.dat", "400", "400", "3.1.2.7"),
    ("lwsdisp.dat", "200", "200", "3.1.1.6: no space is missing"),
    ("lwsruri.dat", "400", "400", "3.1.2.8"),
    ("lwsstart.dat", "400", "400", "3.1.2.9"),
    (
        "mcl01.dat",
        "400",
        "close",
        "3.3.9: which of the two lengths holds cannot be known, least of all in a stream",
    ),
    ("mismatch01.dat", "400", "400", "3.1.2.17"),
    ("mismatch02.dat", "400", "400", "3.1.2.18: malformed before it is unknown"),
    ("mpart01.dat", "405", "405", "3.1.1.11: MESSAGE is not done here, whatever is in it"),
    ("multi01.dat", "400", "400", "3.3.8"),
    ("ncl.dat", "400", "close", "3.1.2.3: no length; a stream cannot be read on"),
    ("noreason.dat", "", "", "3.1.1.13: a response is not answered"),
    ("novelsc.dat", "416", "416", "3.3.3, RFC 3261 8.2.2.1"),
    ("quotbal.dat", "400", "400", "3.1.2.6"),
    ("regaut01.dat", "405", "405", "3.3.7: nobody registers here, with credentials or without"),
    ("regbadct.dat", "405", "405", "3.1.2.13: nobody registers here, so that nobody reads its Contact"),
    ("regescrt.dat", "405", "405", "3.3.14: nobody registers here"),
    ("scalar02.dat", "400", "400", "3.1.2.4"),
    ("scalarlg.dat", "", "", "3.1.2.5: a response is not answered"),
    ("sdp01.dat", "406", "406", "3.3.15: a session description is all we could answer with"),
    ("semiuri.dat", "200", "200", "3.1.1.9"),
    ("test.dat", "", "close", "not in the RFC: not SIP"),
    ("transports.dat", "200", "200", "3.1.1.10"),
    ("trws.dat", "400", "400", "3.1.2.10"),
    ("unkscm.dat", "416", "416", "3.3.2, RFC 3261 8.2.2.1"),
    ("unksm2.dat", "405", "405", "3.3.4: nobody registers here"),
    ("unreason.dat", "", "", "3.1.1.12: a response is not answered"),
    (
        "wsinv.dat",
        "481",
        "481",
        "3.1.1.1: understood; its To tag names a dialog that is not here (RFC 3261 12.2.2)",
    ),
    ("zeromf.dat", "200", "200", "3.3.11: it goes no further than here, so that its hops do not matter"),
];

/// RFC 5118.
const RFC5118: &[Row] = &[
    ("ipv4-mapped-ipv6.sip", "488", "488", "4.9: understood; nothing but G.726 and video is offered"),
    ("ipv6-bad.sip", "400", "400", "4.2: an IPv6 address without brackets"),
    ("ipv6-bug-abnf-3-colons.sip", "200", "200", "4.10: to be put up with"),
    ("ipv6-correct-abnf-2-colons.sip", "200", "200", "4.10"),
    ("ipv6-good.sip", "405", "405", "4.1: understood; nobody registers here"),
    ("ipv6-in-sdp.sip", "404", "404", "4.6: understood; its host is not ours"),
    ("mult-ip-in-header.sip", "481", "481", "4.7: understood; its dialog is not here"),
    ("mult-ip-in-sdp.sip", "404", "404", "4.8: understood; its host is not ours"),
    ("port-ambiguous.sip", "405", "405", "4.3: the port belongs to the address; nobody registers here"),
    ("port-unambiguous.sip", "405", "405", "4.4: nobody registers here"),
    ("via-received-param-no-delim.sip", "200", "200", "4.5"),
    ("via-received-param-with-delim.sip", "481", "481", "4.5: understood; its dialog is not here"),
];

fn check(folder: &str, table: &[Row]) {
    let folder = Folder::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora")).join(folder);
    if !folder.is_dir() {
        return std::println!("not run: ../shared/corpora is not there");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), table.len());
    for (name, udp, tcp, why) in table {
        let found = outcome(&fs::read(folder.join(name)).unwrap());
        assert_eq!(found, [udp.to_string(), tcp.to_string()], "{name}: {why}");
    }
}

#[test]
fn each_message_of_rfc_4475_gets_the_answer_it_deserves() {
    check("rfc4475/raw", RFC4475);
}

#[test]
fn each_message_of_rfc_5118_gets_the_answer_it_deserves() {
    check("rfc5118/fixed", RFC5118);
}
