//! What holds for every description.

use core::net::{IpAddr, SocketAddr};
use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::g711::Law;
use crate::random::Random;
use crate::rtp::{Direction, Format};
use crate::srtp::{Policy, Secret};

fn directions() -> impl Strategy<Value = Direction> {
    prop_oneof![
        Just(Direction::SendRecv),
        Just(Direction::SendOnly),
        Just(Direction::RecvOnly),
        Just(Direction::Inactive)
    ]
}

fn laws() -> impl Strategy<Value = Law> {
    prop_oneof![Just(Law::Mu), Just(Law::A)]
}

fn locals() -> impl Strategy<Value = Local> {
    let address = prop_oneof![
        (1_u32..0xe000_0000).prop_map(|bits| IpAddr::V4(bits.into())),
        (1_u128 << 64..0xff00_u128 << 112).prop_map(|bits| IpAddr::V6(bits.into())),
    ];
    (address, 1..u16::MAX, any::<u64>(), any::<u64>(), directions()).prop_map(
        |(address, port, session, version, direction)| Local {
            address,
            port,
            session,
            version,
            direction,
            keys: None,
        },
    )
}

/// One section of a peer's offer, and which formats it takes to answer it.
#[derive(Clone, Debug)]
struct Section {
    text: String,
    media: &'static str,
    protocol: &'static str,
    first: u8,
    taken: Option<(Format, Option<u8>)>,
}

fn refused() -> impl Strategy<Value = Section> {
    let kinds = prop_oneof![
        Just(("video", "RTP/AVP")),
        Just(("audio", "RTP/SAVP")),
        Just(("text", "RTP/AVP")),
        Just(("audio", "RTP/AVP")),
        Just(("image", "udptl")),
    ];
    (kinds, 1..u16::MAX, 20_u8..128).prop_map(|((media, protocol), port, first)| Section {
        text: format!("m={media} {port} {protocol} {first} 19\r\na=rtpmap:{first} X/8000\r\na=inactive\r\n"),
        media,
        protocol,
        first,
        taken: None,
    })
}

fn taken() -> impl Strategy<Value = Section> {
    let number = prop_oneof![Just(None), (96_u8..112).prop_map(Some)];
    (laws(), number, proptest::option::of(112_u8..128), 1..u16::MAX, any::<bool>()).prop_map(
        |(law, number, event, port, wideband)| {
            let payload_type = number.unwrap_or_else(|| law.payload_type());
            let name = if law == Law::Mu { "pcmU" } else { "PCMa" };
            let mut text = format!("m=audio {port} RTP/AVP");
            if wideband {
                text += " 9";
            }
            text += &format!(" {payload_type}");
            if let Some(event) = event {
                text += &format!(" {event}");
            }
            text += "\r\nc=IN IP4 192.0.2.77\r\n";
            if number.is_some() {
                text += &format!("a=rtpmap:{payload_type} {name}/8000\r\n");
            }
            if let Some(event) = event {
                text += &format!("a=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-15\r\n");
            }
            let first = if wideband { 9 } else { payload_type };
            let taken = Some((Format { payload_type, law }, event));
            Section { text, media: "audio", protocol: "RTP/AVP", first, taken }
        },
    )
}

/// What makes trouble when descriptions are built of it.
const PIECES: &[&str] = &[
    "\n",
    "\r\n",
    "m=",
    "c=",
    "a=",
    "m",
    "x",
    "=\0",
    "\nm=audio 1 RTP/AVP 0\n",
    "\r\nm=video 2 RTP/AVP 31\r\na=x",
    "\nc=IN IP4 192.0.2.1\n",
    "\nc=2\r\n",
    "\na=0123456789012345678901234567890\n",
    "\na=01234567890123456\r\n",
    "\na=rtpmap:0 PCMU/8000\r\n",
    "\ns=-\r\n",
];

/// The m= and c= values that [`Session::parse`] shall find, the slow way.
fn parts(text: &[u8]) -> Vec<(&[u8], Option<&[u8]>)> {
    let mut parts: Vec<(&[u8], Option<&[u8]>)> = std::vec![(b"".as_slice(), None)];
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(value) = line.strip_prefix(b"m=") {
            parts.push((value, None));
        } else if let Some(value) = line.strip_prefix(b"c=") {
            parts.last_mut().unwrap().1.get_or_insert(value);
        }
    }
    let session = parts.remove(0).1;
    for part in &mut parts {
        part.1 = part.1.or(session);
    }
    parts
}

proptest! {
    #[test]
    fn what_is_written_is_read(local in locals(), first in laws()) {
        let mut out = [0; 320];
        let length = offer(&local, first, &mut out).unwrap();
        let session = Session::parse(&out[..length]).unwrap();
        let [media] = session.media() else { panic!() };
        prop_assert_eq!(media.address(), Some(local.address.to_canonical()));
        prop_assert_eq!(media.port, local.port);
        let second = if first == Law::Mu { 8 } else { 0 };
        prop_assert_eq!(media.payload_types().collect::<Vec<_>>(), [first.payload_type(), second, 101]);
        prop_assert!(media.attributes().any(|attribute| attribute == Attribute::Direction(local.direction)));
        prop_assert!(media.attributes().any(|attribute| attribute == Attribute::PacketTime(20)));
    }

    #[test]
    fn both_sides_agree(caller in locals(), callee in locals(), first in laws()) {
        let mut out = [0; 320];
        let length = offer(&caller, first, &mut out).unwrap();
        let theirs = choose(&Session::parse(&out[..length]).unwrap(), Policy::Off).unwrap();
        let length = answer(&theirs, &callee, &mut out).unwrap();
        let ours = accept(&Session::parse(&out[..length]).unwrap(), caller.direction, Policy::Off).unwrap();

        prop_assert_eq!(theirs.remote, SocketAddr::new(caller.address.to_canonical(), caller.port));
        prop_assert_eq!(ours.remote, SocketAddr::new(callee.address.to_canonical(), callee.port));
        prop_assert_eq!(ours.rtcp.port(), callee.port + 1);
        prop_assert_eq!(ours.profile.send, Format::fixed(first));
        prop_assert_eq!(ours.profile, theirs.profile);

        // What one sends the other receives, as far as both want it.
        let sends = caller.direction.sends() && callee.direction.receives();
        let receives = caller.direction.receives() && callee.direction.sends();
        prop_assert_eq!((ours.direction.sends(), ours.direction.receives()), (sends, receives));
        prop_assert_eq!((theirs.direction.receives(), theirs.direction.sends()),
            (caller.direction.sends(), caller.direction.receives()));
    }

    #[test]
    fn an_answer_has_the_offers_sections(
        mut sections in proptest::collection::vec(refused(), 0..6),
        taken in taken(),
        place in any::<prop::sample::Index>(),
        local in locals(),
    ) {
        let place = place.index(sections.len() + 1);
        sections.insert(place, taken);
        let text: String = sections.iter().map(|section| section.text.as_str()).collect();
        let text = format!("v=0\r\no=- 0 0 IN IP4 x\r\ns=-\r\nt=0 0\r\n{text}");
        let agreed = choose(&Session::parse(text.as_bytes()).unwrap(), Policy::Off).unwrap();
        let mut out = [0; 480];
        let length = answer(&agreed, &local, &mut out).unwrap();
        let session = Session::parse(&out[..length]).unwrap();
        prop_assert_eq!(session.media().len(), sections.len());
        for (media, section) in session.media().iter().zip(&sections) {
            prop_assert_eq!(media.media, section.media.as_bytes());
            prop_assert_eq!(media.protocol, section.protocol.as_bytes());
            if let Some((format, event)) = section.taken {
                prop_assert_eq!(media.port, local.port);
                let numbers: Vec<u8> = [format.payload_type].into_iter().chain(event).collect();
                prop_assert_eq!(media.payload_types().collect::<Vec<_>>(), numbers);
                prop_assert_eq!(agreed.profile.send, format);
                prop_assert_eq!(agreed.profile.event_receive, event);
            } else {
                prop_assert_eq!(media.port, 0);
                prop_assert_eq!(media.payload_types().collect::<Vec<_>>(), [section.first]);
            }
        }
    }

    #[test]
    fn every_part_is_found(pieces in proptest::collection::vec(prop::sample::select(PIECES), 0..40)) {
        let text = format!("v=0\r\n{}", pieces.concat());
        let expected = parts(text.as_bytes());
        match Session::parse(text.as_bytes()) {
            Ok(session) => {
                let found: Vec<_> = session.media().iter().map(|media| (media.media, media.connection)).collect();
                let expected: Vec<_> = expected
                    .into_iter()
                    .map(|(value, connection)| (value.split(|&byte| byte == b' ').next().unwrap(), connection))
                    .collect();
                prop_assert_eq!(found, expected);
            }
            Err(Error::TooMany) => prop_assert!(expected.len() > MAX_MEDIA),
            Err(Error::Media { offset }) => {
                let line = text.get(offset as usize..).unwrap().split('\n').next().unwrap();
                prop_assert!(line.starts_with("m=") && !line.starts_with("m=audio 1 RTP/AVP 0\r"));
            }
            Err(Error::Version) => prop_assert!(false),
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        harm(&bytes);
        harm(&[b"v=0\r\n", bytes.as_slice()].concat());
        harm(&[b"v=0\nm=audio 4000 RTP/AVP 0 101\nc=IN IP4 192.0.2.1\na=", bytes.as_slice()].concat());
    }

    #[test]
    fn changed_bytes_do_no_harm(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut text = tests::BROWSER.as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(text.len());
            text[place] = byte;
        }
        harm(&text);
    }
}

/// Nothing panics, and what is agreed on can be said and read.
fn harm(bytes: &[u8]) {
    let Ok(session) = Session::parse(bytes) else { return };
    for media in session.media() {
        let _ = (media.address(), media.formats().count(), media.payload_types().count());
        let _ = media.attributes().chain(session.attributes()).count();
    }
    for policy in [Policy::Off, Policy::Allowed, Policy::Required] {
        harm_by(&session, policy);
    }
}

fn harm_by(session: &Session<'_>, policy: Policy) {
    let _ = accept(session, Direction::SendRecv, policy);
    if let Ok(agreed) = choose(session, policy) {
        let local = Local {
            address: "192.0.2.9".parse().unwrap(),
            port: 20_000,
            session: 1,
            version: 1,
            direction: Direction::SendRecv,
            keys: Some((policy, Secret::new(&mut Random::new(&[1; 32])))),
        };
        let mut out = [0; 600];
        let length = answer(&agreed, &local, &mut out).unwrap();
        let answer = Session::parse(&out[..length]).unwrap();
        assert_eq!(answer.media().len(), session.media().len());
        assert_eq!(answer.media().iter().filter(|media| media.port != 0).count(), 1);
    }
}
