//! Session descriptions of other programs, and hostile ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use warmline_core::random::Random;
use warmline_core::rtp::Direction;
use warmline_core::sdp::{Agreed, Error, Local, Refusal, Session, accept, answer, choose};
use warmline_core::srtp::{Policy, Secret, Suite};

/// The folder of test bytes, or none when it is not there: then the test says so and passes.
fn corpora(test: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora"));
    if path.is_dir() {
        Some(path.to_path_buf())
    } else {
        println!("not run: {test}: ../shared/corpora is not there");
        None
    }
}

/// Every file below `folder`, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What follows the empty line of a SIP message.
fn body(message: &[u8]) -> &[u8] {
    message.windows(4).position(|end| end == b"\r\n\r\n").map_or(&[], |at| &message[at + 4..])
}

fn sockets(agreed: &Agreed) -> (String, String) {
    (agreed.remote.to_string(), agreed.rtcp.to_string())
}

/// Whatever can be agreed on can be answered, section by section.
fn answers(session: &Session<'_>, policy: Policy) -> Result<Agreed, Refusal> {
    let agreed = choose(session, policy)?;
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
    for (ours, theirs) in answer.media().iter().zip(session.media()) {
        assert_eq!((ours.media, ours.protocol), (theirs.media, theirs.protocol));
        assert!(theirs.formats().any(|format| Some(format) == ours.formats().next()));
    }
    Ok(agreed)
}

#[test]
fn odd_but_valid() {
    let Some(corpora) = corpora("odd_but_valid") else { return };
    let read = |name: &str| fs::read(corpora.join("sofia-sip/sdp").join(name)).unwrap();
    assert_eq!(Session::parse(&read("message-1.sdp")).map(|_| ()), Err(Error::Version));
    for (name, sections, outcome) in [
        // To a group of hosts.
        ("message-2.sdp", 3, Err(Refusal::BadAddress)),
        ("message-3.sdp", 1, Err(Refusal::BadAddress)),
        ("message-4.sdp", 1, Ok("135.180.144.94:3456")),
        // To a host by its name.
        ("message-5.sdp", 1, Err(Refusal::BadAddress)),
        ("message-6.sdp", 2, Err(Refusal::BadAddress)),
        ("message-7.sdp", 3, Err(Refusal::BadAddress)),
        ("message-8.sdp", 3, Err(Refusal::BadAddress)),
        ("message-9.sdp", 3, Err(Refusal::BadAddress)),
        ("message-10.sdp", 3, Err(Refusal::BadAddress)),
        ("message-11.sdp", 1, Ok("77.75.1.10:54424")),
    ] {
        let bytes = read(name);
        let session = Session::parse(&bytes).unwrap();
        assert_eq!(session.media().len(), sections, "{name}");
        let remote = answers(&session, Policy::Off).map(|agreed| agreed.remote.to_string());
        assert_eq!(remote, outcome.map(str::to_string), "{name}");
    }
}

#[test]
fn captured() {
    let Some(corpora) = corpora("captured") else { return };
    let read = |name: &str| fs::read(corpora.join(name)).unwrap();
    for (name, outcome) in [
        ("sip-captured/pcapplusplus__sdp__f00001_001.sip", Ok(("10.33.6.100:6010", "10.33.6.100:6011"))),
        (
            "sip-captured/pcapplusplus__sip_non_default_port__f00001_001.sip",
            Ok(("192.168.20.68:4004", "192.168.20.68:4005")),
        ),
        (
            "sip-captured/pcapplusplus__sip_reqs__f00001_001.sip",
            Ok(("200.57.7.196:40376", "200.57.7.196:40377")),
        ),
        (
            "sip-captured/pcapplusplus__sip_resp__f00003_003.sip",
            Ok(("200.57.7.204:8000", "200.57.7.204:8001")),
        ),
        (
            "sip-captured/suricata__sip-sdp__sdp__f00002_002.sip",
            Ok(("192.168.1.2:30000", "192.168.1.2:30001")),
        ),
        (
            "sip-captured/wireshark__sip__f00003_003.sip",
            Ok(("192.168.109.113:29156", "192.168.109.113:29157")),
        ),
        ("sip-captured-live/baresip_register_03.sip", Ok(("192.0.2.2:45642", "192.0.2.2:45643"))),
        ("sip-captured-live/sipp_uac_01.sip", Ok(("127.0.0.1:6000", "127.0.0.1:6001"))),
        ("sip-text-real/asterisk22_invite_tls.sip", Err(Refusal::Secure)),
        ("sip-text-real/twilio_inbound_invite_tls_srtp.sip", Err(Refusal::Secure)),
    ] {
        let message = read(name);
        let session = Session::parse(body(&message)).unwrap();
        let outcome = outcome.map(|(rtp, rtcp)| (rtp.to_string(), rtcp.to_string()));
        assert_eq!(
            answers(&session, Policy::Off).as_ref().map(sockets).map_err(|refusal| *refusal),
            outcome,
            "{name}"
        );
        let accepted = accept(&session, Direction::SendRecv, Policy::Off);
        assert_eq!(accepted.as_ref().map(sockets).map_err(|refusal| *refusal), outcome, "{name}");
    }
}

/// What Twilio and Asterisk offer over TLS is taken where SRTP is allowed or required.
#[test]
fn keys_of_real_programs_are_taken() {
    let Some(corpora) = corpora("keys_of_real_programs_are_taken") else { return };
    for name in
        ["sip-text-real/asterisk22_invite_tls.sip", "sip-text-real/twilio_inbound_invite_tls_srtp.sip"]
    {
        let message = fs::read(corpora.join(name)).unwrap();
        let session = Session::parse(body(&message)).unwrap();
        for policy in [Policy::Allowed, Policy::Required] {
            let crypto = answers(&session, policy).unwrap().crypto.unwrap();
            assert_eq!((crypto.tag, crypto.master.suite()), (1, Suite::AesCm128HmacSha1_80), "{name}");
            assert_eq!(crypto.master.bytes(), [0; 30]);
        }
    }
}

#[test]
fn every_body_of_a_real_program_is_read() {
    let Some(corpora) = corpora("every_body_of_a_real_program_is_read") else { return };
    let (mut read, mut agreed) = (0, 0);
    for folder in ["sip-captured", "sip-captured-live", "sip-text-real", "rfc-flows", "metamorph_np"] {
        for path in files(&corpora.join(folder)) {
            let message = fs::read(&path).unwrap();
            let body = body(&message);
            if body.starts_with(b"v=0") {
                let session = Session::parse(body).unwrap_or_else(|error| panic!("{path:?}: {error}"));
                read += 1;
                agreed += usize::from(answers(&session, Policy::Off).is_ok());
            }
        }
    }
    println!("{read} read, {agreed} agreed on");
    assert!(read > 100 && agreed > 50, "{read} read, {agreed} agreed on");
}

#[test]
fn seeds_do_no_harm() {
    let Some(corpora) = corpora("seeds_do_no_harm") else { return };
    let outcomes: Vec<_> = files(&corpora.join("fuzz-pjsip/fuzz-sdp"))
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "sdp"))
        .map(|path| {
            let bytes = fs::read(path).unwrap();
            Session::parse(&bytes)
                .map(|session| answers(&session, Policy::Off).map(|agreed| agreed.remote.port()))
        })
        .collect();
    let by_name = Ok(Err(Refusal::BadAddress));
    // The last one's m= line is broken.
    assert_eq!(outcomes, [by_name, by_name, by_name, by_name, by_name, Err(Error::Media { offset: 102 })]);
}

#[test]
fn classes_of_faults() {
    let Some(corpora) = corpora("classes_of_faults") else { return };
    let read = |name: &str| fs::read(corpora.join("sip-cve-classes").join(name)).unwrap();
    let ours = Ok(Ok(17000));
    for (name, outcome) in [
        ("sdp_pt_128.sip", Ok(Err(Refusal::NoCommonCodec))),
        ("sdp_c_long_512.sip", Ok(Err(Refusal::BadAddress))),
        ("sdp_bomb_1000_m_lines.sip", Err(Error::TooMany)),
        ("sdp_bomb_5000_attr.sip", ours),
        ("sdp_bomb_pts_1000.sip", ours),
        ("sdp_bomb_ice_2000.sip", ours),
    ] {
        let message = read(name);
        let found = Session::parse(body(&message))
            .map(|session| answers(&session, Policy::Off).map(|agreed| agreed.remote.port()));
        assert_eq!(found, outcome, "{name}");
    }
}

/// Ten times the bytes may cost some ten times the time, not a hundred.
#[test]
fn work_is_linear() {
    let head = "v=0\r\nc=IN IP4 192.0.2.1\r\n";
    let many = |count: usize, piece: &str| piece.repeat(count);
    let attributes =
        |count| format!("{head}m=audio 4000 RTP/AVP 0\r\n{}", many(count, "a=rtpmap:96 x/8000\r\n"));
    let formats = |count| format!("{head}m=audio 4000 RTP/AVP{} 0\r\n", many(count, " 96"));
    let both = |count| {
        let maps = many(count, "a=rtpmap:96 x/8000\r\n");
        format!("{head}m=audio 4000 RTP/AVP{} 0\r\n{maps}", many(count, " 96"))
    };
    let parts =
        |count| format!("{head}m=audio 4000 RTP/AVP 0\r\n{}", many(count, "c=IN IP4 192.0.2.2\r\na=\r\n"));
    let makers: [&dyn Fn(usize) -> String; 4] = [&attributes, &formats, &both, &parts];
    for make in makers {
        let time = |text: &str| {
            let rounds = (0..20).map(|_| {
                let start = Instant::now();
                assert!(answers(&Session::parse(text.as_bytes()).unwrap(), Policy::Off).is_ok());
                start.elapsed()
            });
            rounds.min().unwrap()
        };
        let (small, large) = (time(&make(500)), time(&make(5_000)));
        assert!(large < small * 40, "{small:?} for a tenth of what takes {large:?}");
    }
}
