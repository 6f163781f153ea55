//! Descriptions as real programs write them.

use core::net::{IpAddr, SocketAddr};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::*;
use crate::g711::Law;
use crate::rtp::{Direction, Format, Profile};
use crate::srtp::Policy;

/// A SIP trunk of a large provider, unencrypted.
const TRUNK: &str = "v=0\r\n\
    o=root 1311022221 1311022221 IN IP4 172.18.165.214\r\n\
    s=Twilio Media Gateway\r\n\
    c=IN IP4 168.86.138.121\r\n\
    t=0 0\r\n\
    m=audio 12692 RTP/AVP 0 8 101\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=ptime:20\r\n\
    a=maxptime:20\r\n\
    a=sendrecv\r\n";

/// Asterisk with wideband first.
const ASTERISK: &str = "v=0\r\n\
    o=- 1078592751 1078592751 IN IP4 198.51.100.179\r\n\
    s=Asterisk\r\n\
    c=IN IP4 198.51.100.179\r\n\
    t=0 0\r\n\
    m=audio 38568 RTP/AVP 9 8 0 101\r\n\
    a=rtpmap:9 G722/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-16\r\n\
    a=ptime:20\r\n\
    a=maxptime:140\r\n\
    a=sendrecv\r\n";

/// A Cisco gateway: the address in the section, events at 97, fax capabilities.
const CISCO: &str = "v=0\r\n\
    o=CiscoSystemsSIP-GW-UserAgent 4411 9427 IN IP4 203.0.113.20\r\n\
    s=SIP Call\r\n\
    c=IN IP4 203.0.113.20\r\n\
    t=0 0\r\n\
    m=audio 16544 RTP/AVP 18 0 97 19\r\n\
    c=IN IP4 203.0.113.21\r\n\
    a=rtpmap:18 G729/8000\r\n\
    a=fmtp:18 annexb=no\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:97 telephone-event/8000\r\n\
    a=fmtp:97 0-15\r\n\
    a=rtpmap:19 CN/8000\r\n\
    m=image 16546 udptl t38\r\n\
    c=IN IP4 203.0.113.21\r\n\
    a=T38FaxVersion:0\r\n";

/// A browser, with a plain RTP section put before what it would say by itself.
pub(super) const BROWSER: &str = "v=0\r\n\
    o=- 8403615332048243445 2 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    t=0 0\r\n\
    a=group:BUNDLE 0 1 2\r\n\
    a=msid-semantic: WMS stream\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n\
    c=IN IP4 0.0.0.0\r\n\
    a=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:F7gI\r\n\
    a=setup:actpass\r\n\
    a=mid:0\r\n\
    a=sendrecv\r\n\
    a=rtcp-mux\r\n\
    a=rtpmap:96 VP8/90000\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 110 126\r\n\
    c=IN IP4 0.0.0.0\r\n\
    a=mid:1\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    m=audio 40010 RTP/AVP 111 126 96 8 110\r\n\
    c=IN IP6 2001:db8::5\r\n\
    a=rtcp:40020 IN IP6 2001:db8::6\r\n\
    a=rtcp-mux\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\n\
    a=rtpmap:96 pcmu/8000/1\r\n\
    a=rtpmap:110 telephone-event/48000\r\n\
    a=rtpmap:126 Telephone-Event/8000\r\n\
    a=maxptime:10\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
    a=sctp-port:5000\r\n";

fn local() -> Local {
    Local {
        address: "192.0.2.9".parse().unwrap(),
        port: 20_000,
        session: u64::MAX,
        version: 7,
        direction: Direction::SendRecv,
        keys: None,
    }
}

fn chosen(text: &str) -> Result<Agreed, Refusal> {
    choose(&Session::parse(text.as_bytes()).unwrap(), Policy::Off)
}

fn accepted(text: &str) -> Result<Agreed, Refusal> {
    accept(&Session::parse(text.as_bytes()).unwrap(), Direction::SendRecv, Policy::Off)
}

fn answered(agreed: &Agreed) -> String {
    let mut out = [0; 512];
    let length = answer(agreed, &local(), &mut out).unwrap();
    String::from_utf8(out[..length].to_vec()).unwrap()
}

fn lines_of(text: &str, kind: &str) -> Vec<String> {
    text.split("\r\n").filter(|line| line.starts_with(kind)).map(ToString::to_string).collect()
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn plain(section: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{section}")
}

#[test]
fn a_trunks_offer() {
    let agreed = chosen(TRUNK).unwrap();
    assert_eq!(agreed.remote, socket("168.86.138.121:12692"));
    assert_eq!(agreed.rtcp, socket("168.86.138.121:12693"));
    let send = Format { payload_type: 0, law: Law::Mu };
    let profile = Profile {
        send,
        receive: [Some(send), None],
        event_send: Some(101),
        event_receive: Some(101),
        noise: None,
        ptime: 20,
    };
    assert_eq!(agreed.profile, profile);
    assert_eq!(agreed.direction, Direction::SendRecv);
    assert!(!agreed.rtcp_mux && !agreed.is_held());
    let expected = "v=0\r\n\
        o=- 9223372036854775807 7 IN IP4 192.0.2.9\r\n\
        s=-\r\n\
        c=IN IP4 192.0.2.9\r\n\
        t=0 0\r\n\
        m=audio 20000 RTP/AVP 0 101\r\n\
        a=rtpmap:0 PCMU/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15\r\n\
        a=ptime:20\r\n\
        a=sendrecv\r\n";
    assert_eq!(answered(&agreed), expected);
}

#[test]
fn other_codecs_are_passed_over() {
    let agreed = chosen(ASTERISK).unwrap();
    assert_eq!(agreed.profile.send, Format { payload_type: 8, law: Law::A });
    assert_eq!(lines_of(&answered(&agreed), "m="), ["m=audio 20000 RTP/AVP 8 101"]);
}

#[test]
fn a_sections_address_goes_before_the_sessions() {
    let agreed = chosen(CISCO).unwrap();
    assert_eq!(agreed.remote, socket("203.0.113.21:16544"));
    assert_eq!(agreed.profile.event_send, Some(97));
    let text = answered(&agreed);
    assert_eq!(lines_of(&text, "m="), ["m=audio 20000 RTP/AVP 0 19 97", "m=image 0 udptl t38"]);
    assert_eq!(lines_of(&text, "a=fmtp"), ["a=fmtp:97 0-15"]);
}

#[test]
fn many_sections() {
    let agreed = chosen(BROWSER).unwrap();
    assert_eq!(agreed.remote, socket("[2001:db8::5]:40010"));
    assert_eq!(agreed.rtcp, agreed.remote, "they share a port (RFC 5761)");
    assert_eq!(agreed.profile.send, Format { payload_type: 96, law: Law::Mu });
    assert_eq!(agreed.profile.event_receive, Some(126));
    assert_eq!(agreed.profile.ptime, 10);
    assert!(agreed.rtcp_mux);
    let text = answered(&agreed);
    assert_eq!(
        lines_of(&text, "m="),
        [
            "m=video 0 UDP/TLS/RTP/SAVPF 96",
            "m=audio 0 UDP/TLS/RTP/SAVPF 111",
            "m=audio 20000 RTP/AVP 96 126",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"
        ]
    );
    assert_eq!(lines_of(&text, "a=rtpmap"), ["a=rtpmap:96 PCMU/8000", "a=rtpmap:126 telephone-event/8000"]);
    assert_eq!(lines_of(&text, "a=rtcp-mux"), ["a=rtcp-mux"]);
}

#[test]
fn comfort_noise_is_taken_where_it_is_offered() {
    let offered = |formats: &str, more: &str| {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP {formats}\r\n{more}"
        );
        let agreed = chosen(&text).unwrap();
        let answer = answered(&agreed);
        (agreed.profile.noise, lines_of(&answer, "m=")[0].to_string(), answer.contains(" CN/8000"))
    };
    assert_eq!(offered("0 13", ""), (Some(13), "m=audio 20000 RTP/AVP 0 13".into(), true));
    let mapped = "a=rtpmap:101 telephone-event/8000\r\na=rtpmap:98 cn/8000\r\n";
    assert_eq!(offered("8 101 98", mapped), (Some(98), "m=audio 20000 RTP/AVP 8 98 101".into(), true));
    assert_eq!(offered("0", ""), (None, "m=audio 20000 RTP/AVP 0".into(), false));
    assert_eq!(offered("0 13", "a=rtpmap:13 CN/16000\r\n").0, None, "of another clock");
}

#[test]
fn an_offer_of_ours() {
    let mut out = [0; 320];
    let local = Local { address: "2001:db8::9".parse().unwrap(), session: 12, ..local() };
    let length = offer(&local, Law::A, &mut out).unwrap();
    let expected = "v=0\r\n\
        o=- 12 7 IN IP6 2001:db8::9\r\n\
        s=-\r\n\
        c=IN IP6 2001:db8::9\r\n\
        t=0 0\r\n\
        m=audio 20000 RTP/AVP 8 0 101\r\n\
        a=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:0 PCMU/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15\r\n\
        a=ptime:20\r\n\
        a=sendrecv\r\n";
    assert_eq!(core::str::from_utf8(&out[..length]), Ok(expected));
    for short in 0..length {
        assert_eq!(offer(&local, Law::A, &mut out[..short]), None);
    }
}

#[test]
fn what_is_promised_to_fit_does() {
    let address: IpAddr = "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap();
    let longest = Local {
        address,
        port: u16::MAX,
        session: u64::MAX,
        version: u64::MAX,
        direction: Direction::SendRecv,
        keys: None,
    };
    assert!(offer(&longest, Law::Mu, &mut [0; 320]).is_some());
    let sections = "m=a 1 b c\r\n".repeat(7);
    let text = plain(&format!(
        "m=audio 4000 RTP/AVP 127 126\r\na=rtpmap:127 PCMU/8000\r\na=rtpmap:126 telephone-event/8000\r\n{sections}"
    ));
    assert!(answer(&chosen(&text).unwrap(), &longest, &mut [0; 480]).is_some());
    let text = text.replace(&sections, &format!("m=application 1 {} x\r\n", "b".repeat(112 - 15)));
    assert_eq!(chosen(&text).unwrap().refused().next().map(<[u8]>::len), Some(111));
    assert!(answer(&chosen(&text).unwrap(), &longest, &mut [0; 480]).is_some());
    let text = text.replace("m=application", "m=applications");
    assert_eq!(chosen(&text), Err(Refusal::TooMany));
}

#[test]
fn answers_to_ours() {
    // Another number for what we send, our own for what we receive.
    let agreed = accepted(&plain(
        "m=audio 4000 RTP/AVP 13 96 0 97\r\na=rtpmap:96 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\na=ptime:30\r\n",
    ))
    .unwrap();
    let profile = Profile {
        send: Format { payload_type: 96, law: Law::A },
        receive: [Some(Format::fixed(Law::A)), Some(Format::fixed(Law::Mu))],
        event_send: Some(97),
        event_receive: Some(101),
        noise: None,
        ptime: 30,
    };
    assert_eq!(agreed.profile, profile);
    let agreed = accepted(&plain("m=audio 4000 RTP/AVP 8\r\n")).unwrap();
    assert_eq!(agreed.profile.receive, [Some(Format::fixed(Law::A)), None]);
    assert_eq!((agreed.profile.event_send, agreed.profile.event_receive), (None, None));
    assert_eq!(accepted(&plain("m=audio 0 RTP/AVP 0\r\n")), Err(Refusal::NoAudio));
    assert_eq!(accepted(&plain("m=image 4000 udptl t38\r\n")), Err(Refusal::NoAudio));
    assert_eq!(accepted(&plain("m=audio 4000 RTP/SAVP 0\r\n")), Err(Refusal::Secure));
    // PCMU's number for something else.
    assert_eq!(
        accepted(&plain("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 G722/8000\r\n")),
        Err(Refusal::NoCommonCodec)
    );
}

#[test]
fn an_answer_cannot_widen_an_offer() {
    let text = plain("m=audio 4000 RTP/AVP 0\r\n");
    let session = Session::parse(text.as_bytes()).unwrap();
    for direction in [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive] {
        assert_eq!(accept(&session, direction, Policy::Off).unwrap().direction, direction);
    }
}

#[test]
fn hold_in_all_spellings() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let audio = "m=audio 4000 RTP/AVP 0\r\n";
    for (text, ours, said) in [
        (plain(audio), SendRecv, "a=sendrecv"),
        (plain(&format!("{audio}a=sendonly\r\n")), RecvOnly, "a=recvonly"),
        (plain(&format!("{audio}a=recvonly\r\n")), SendOnly, "a=sendonly"),
        (plain(&format!("{audio}a=inactive\r\n")), Inactive, "a=inactive"),
        (plain(&format!("a=sendonly\r\n{audio}")), RecvOnly, "a=recvonly"),
        (plain(&format!("a=inactive\r\n{audio}")), Inactive, "a=inactive"),
        (plain(&format!("a=sendonly\r\n{audio}a=sendrecv\r\n")), SendRecv, "a=sendrecv"),
        (plain(&format!("{audio}c=IN IP4 0.0.0.0\r\n")), RecvOnly, "a=sendrecv"),
        (plain(&format!("{audio}c=IN IP6 ::\r\n")), RecvOnly, "a=sendrecv"),
        (plain(&format!("{audio}c=IN IP4 0.0.0.0\r\na=sendonly\r\n")), RecvOnly, "a=recvonly"),
        (plain(&format!("{audio}c=IN IP4 0.0.0.0\r\na=recvonly\r\n")), Inactive, "a=sendonly"),
        (plain(&format!("{audio}c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 192.0.2.7\r\n")), RecvOnly, "a=sendrecv"),
    ] {
        let agreed = chosen(&text).unwrap();
        assert_eq!(agreed.direction, ours, "{text}");
        assert_eq!(agreed.is_held(), text.contains("0.0.0.0") || text.contains("::"), "{text}");
        assert_eq!(agreed.is_held(), agreed.rtcp.ip().is_unspecified(), "{text}");
        assert!(answered(&agreed).ends_with(&format!("{said}\r\n")), "{text}");
    }
    assert_eq!(chosen(&plain("m=audio 0 RTP/AVP 0\r\n")), Err(Refusal::NoAudio));
}

#[test]
fn an_answer_says_no_more_than_we_want() {
    let agreed = chosen(TRUNK).unwrap();
    let mut out = [0; 320];
    let length = answer(&agreed, &Local { direction: Direction::SendOnly, ..local() }, &mut out).unwrap();
    assert!(out[..length].ends_with(b"a=sendonly\r\n"));
}

#[test]
fn refusals() {
    let no_connection = "v=0\r\nm=audio 4000 RTP/AVP 0\r\n";
    for (text, refusal) in [
        (plain(""), Refusal::NoAudio),
        (plain("m=video 4000 RTP/AVP 31\r\n"), Refusal::NoAudio),
        (plain("m=audio 4000 RTP/SAVP 0\r\n"), Refusal::Secure),
        (plain("m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\n"), Refusal::Secure),
        (plain("m=audio 4000 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 9\r\n"), Refusal::NoCommonCodec),
        (plain("m=audio 4000 RTP/AVP 9 18\r\n"), Refusal::NoCommonCodec),
        (plain("m=audio 4000 RTP/AVP 128 256 1000 -1 0x0 00\r\n"), Refusal::NoCommonCodec),
        (plain("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/16000\r\n"), Refusal::NoCommonCodec),
        (plain("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000/2\r\n"), Refusal::NoCommonCodec),
        (plain("m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n"), Refusal::NoCommonCodec),
        (no_connection.to_string(), Refusal::BadAddress),
        (plain("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 host.example.com\r\n"), Refusal::BadAddress),
        (plain("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.2.0.1/127\r\n"), Refusal::BadAddress),
        (plain("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 255.255.255.255\r\n"), Refusal::BadAddress),
        (plain("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\0\r\n"), Refusal::BadAddress),
        (plain("m=audio 65535 RTP/AVP 0\r\n"), Refusal::BadAddress),
    ] {
        assert_eq!(chosen(&text), Err(refusal), "{text}");
    }
}

#[test]
fn faults() {
    for (text, error) in [
        ("", Error::Version),
        ("v=0", Error::Version),
        ("v=1\r\n", Error::Version),
        ("\r\nv=0\r\n", Error::Version),
        ("v=0\0\r\n", Error::Version),
        ("v=0\r\nm=\r\n", Error::Media { offset: 5 }),
        ("v=0\ns=-\nm=audio 65536 RTP/AVP 0\n", Error::Media { offset: 8 }),
        ("v=0\nm=audio 1 RTP/AVP\n", Error::Media { offset: 4 }),
        ("v=0\nm=audio 1 RTP/AVP \n", Error::Media { offset: 4 }),
        ("v=0\nm=audio +1 RTP/AVP 0\n", Error::Media { offset: 4 }),
        ("v=0\nm=aud\0io 1 RTP/AVP 0\n", Error::Media { offset: 4 }),
        ("v=0\nm=audio 1 RTP/AVP 0\rm=x\n", Error::Media { offset: 4 }),
    ] {
        assert_eq!(Session::parse(text.as_bytes()).map(|_| ()), Err(error), "{text:?}");
    }
    let most = plain(&"m=audio 1 RTP/AVP 0\r\n".repeat(MAX_MEDIA));
    assert_eq!(Session::parse(most.as_bytes()).unwrap().media().len(), MAX_MEDIA);
    let more = plain(&"m=audio 1 RTP/AVP 0\r\n".repeat(MAX_MEDIA + 1));
    assert_eq!(Session::parse(more.as_bytes()).map(|_| ()), Err(Error::TooMany));
}

#[test]
fn oddities_are_taken() {
    let bare = TRUNK.replace("\r\n", "\n");
    assert_eq!(chosen(&bare), chosen(TRUNK));
    let spaced = TRUNK.replace("m=audio 12692 RTP/AVP 0 8 101", "m=audio  12692/1 RTP/AVP   0  8 101 ");
    assert_eq!(chosen(&spaced), chosen(TRUNK));
    let unended = TRUNK.trim_end();
    assert_eq!(chosen(unended), chosen(TRUNK));
    let short: String = TRUNK
        .lines()
        .filter(|line| !line.starts_with("s=") && !line.starts_with("t=") && !line.starts_with("o="))
        .map(|line| format!("{line}\r\n"))
        .collect();
    assert_eq!(chosen(&short), chosen(TRUNK));
    // A NUL ends nothing.
    let nul = TRUNK.replace("s=Twilio", "s=\0Twilio").replace("a=ptime", "a=x\0y\r\na=ptime");
    assert_eq!(chosen(&nul), chosen(TRUNK));
    // A host name for RTCP leaves the port.
    let rtcp = TRUNK.replace("a=ptime", "a=rtcp:4005 IN IP4 example.com\r\na=ptime");
    assert_eq!(chosen(&rtcp).unwrap().rtcp, socket("168.86.138.121:4005"));
}

#[test]
fn packet_times() {
    for (attributes, ptime) in [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:30\r\na=maxptime:20\r\n", 20),
        ("a=maxptime:140\r\n", 20),
        ("a=ptime:0\r\n", 20),
        ("a=ptime:65535\r\n", 20),
        ("a=ptime:99999999999999999999\r\n", 20),
        ("a=maxptime:0\r\n", 20),
    ] {
        let text = plain(&format!("m=audio 4000 RTP/AVP 0\r\n{attributes}"));
        assert_eq!(chosen(&text).unwrap().profile.ptime, ptime, "{attributes:?}");
    }
}

#[test]
fn what_is_kept_is_small() {
    assert!(size_of::<Agreed>() <= 248, "{}", size_of::<Agreed>());
}
