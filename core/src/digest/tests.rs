//! The RFCs' examples, what real peers send, and the laws between both sides.

use std::string::String;
use std::vec::Vec;
use std::{format, println, vec};

use proptest::prelude::*;

use super::*;
use crate::random::Random;
use crate::sip::{Message, Writer};
use crate::time::{Duration, Instant};

const CIRCLE: &str = "Circle of Life";
const NONCE: &str = "dcd98b7102dd2f0e8b11d0f600bfb0c093";

fn login<'a>(user: &'a str, secret: &'a str) -> Login<'a> {
    Login { user: user.as_bytes(), secret: Secret::new(secret.as_bytes()) }
}

fn written(write: impl FnOnce(&mut Writer<'_>)) -> String {
    let mut out = [0; 2048];
    let mut w = Writer::new(&mut out);
    write(&mut w);
    let len = w.finish().unwrap();
    String::from_utf8(out[..len].to_vec()).unwrap()
}

fn challenge(value: &str) -> Challenge<'_> {
    let mut all = challenges(value.as_bytes());
    let first = all.next().unwrap().unwrap();
    assert!(all.next().is_none(), "{value}");
    first
}

/// What these credentials should prove of a request by `method`, were this the secret.
fn expected(credentials: &str, secret: &str, method: &str) -> String {
    let parsed = DigestResponse::parse(credentials.as_bytes()).unwrap();
    let hex = parsed.claim(Secret::new(secret.as_bytes()), method.as_bytes()).response();
    String::from_utf8(hex.as_bytes().to_vec()).unwrap()
}

/// RFC 7616 section 3.9.1: one challenge for each algorithm, and both answers.
#[test]
fn rfc_7616_example() {
    let common = "realm=\"http-auth@example.org\",\r\n qop=\"auth, auth-int\",\r\n algorithm={},\r\n \
        nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\",\r\n \
        opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    let values = ["MD5", "SHA-256"].map(|name| format!("Digest\r\n {}", common.replace("{}", name)));
    for value in &values {
        let challenge = challenge(value);
        assert!(challenge.auth && !challenge.stale);
    }
    let best = strongest(values.iter().map(String::as_bytes), b"").unwrap();
    assert_eq!(best.algorithm(), Algorithm::Sha256);
    assert!(best.realm.is(Text::plain(b"http-auth@example.org")));

    for (name, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let credentials = format!(
            "Digest username=\"Mufasa\",\r\n realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={name},\
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001,\
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\",\
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        assert_eq!(expected(&credentials, CIRCLE, "GET"), response);
        assert!(DigestResponse::parse(credentials.as_bytes()).unwrap().response.is_word(response.as_bytes()));
    }
}

/// RFC 2617 section 3.5.
#[test]
fn rfc_2617_example() {
    let credentials = format!(
        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"{NONCE}\", uri=\"/dir/index.html\", \
         qop=auth, nc=00000001, cnonce=\"0a4f113b\", response=\"6629fae49393a05397450978507c4ef1\", \
         opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""
    );
    assert_eq!(expected(&credentials, "Circle Of Life", "GET"), "6629fae49393a05397450978507c4ef1");
}

/// SIP's examples in draft-smith-sipping-auth-examples: MD5 with and without qop; SHA-256 worked out apart from this.
#[test]
fn sip_examples() {
    for (more, response) in [
        ("", "bf57e4e0d0bffc0fbaedce64d59add5e"),
        ("qop=auth,nc=00000001,cnonce=\"0a4f113b\",", "89eb0059246c02b2f6ee02c7961d5ea3"),
        (
            "algorithm=SHA-256,qop=auth,nc=00000001,cnonce=\"0a4f113b\",",
            "b3b5a6c69453abafaab9ae4dccdac90a076b6c80615d5f3498e7433b6e93bf4f",
        ),
    ] {
        let credentials = format!(
            "Digest username=\"bob\",realm=\"biloxi.com\",{more}nonce=\"{NONCE}\",uri=\"sip:bob@biloxi.com\",response=\"\""
        );
        assert_eq!(expected(&credentials, "zanzibar", "INVITE"), response);
    }
}

#[test]
fn what_is_written() {
    let asked = format!("Digest realm=\"biloxi \\\"x\\\"\", nonce=\"{NONCE}\", qop=\"auth\", opaque=\"o\"");
    let answer = written(|w| {
        let request = (&b"INVITE"[..], &b"sip:bob@biloxi.com"[..]);
        challenge(&asked).answer(&login("b\"o\\b", "zan:zibar"), request, 2, 0xab, w);
    });
    assert_eq!(
        answer,
        format!(
            "Digest username=\"b\\\"o\\\\b\", realm=\"biloxi \\\"x\\\"\", nonce=\"{NONCE}\", uri=\"sip:bob@biloxi.com\", \
             response=\"54472a17aecbb24174803699f6ec9b21\", cnonce=\"00000000000000ab\", qop=auth, nc=00000002, \
             opaque=\"o\""
        )
    );
    // The next request is answered from what was said in this one.
    let before = DigestResponse::parse(answer.as_bytes()).unwrap();
    assert_eq!(before.counted.unwrap().number(), Some(2));
    let again = written(|w| {
        let request = (&b"BYE"[..], &b"sip:bob@192.0.2.4"[..]);
        before.challenge().answer(&login("b\"o\\b", "zan:zibar"), request, 3, 0xac, w);
    });
    assert!(again.contains("realm=\"biloxi \\\"x\\\"\"") && again.contains("nc=00000003"), "{again}");
    assert!(again.contains("uri=\"sip:bob@192.0.2.4\"") && again.ends_with("opaque=\"o\""), "{again}");
}

#[test]
fn the_old_form_has_no_count() {
    let answer = written(|w| {
        let asked = format!("Digest realm=\"biloxi.com\", nonce=\"{NONCE}\"");
        let request = (&b"INVITE"[..], &b"sip:bob@biloxi.com"[..]);
        challenge(&asked).answer(&login("bob", "zanzibar"), request, 1, 1, w);
    });
    assert!(answer.ends_with("response=\"bf57e4e0d0bffc0fbaedce64d59add5e\""), "{answer}");
    assert!(DigestResponse::parse(answer.as_bytes()).unwrap().counted.is_none());
}

#[test]
fn several_challenges_in_one_field() {
    let value = b"Basic realm=\"a, b\", Negotiate abc, DIGEST realm=a , nonce = \"1\",charset=UTF-8,stale=TRUE,\
        Digest nonce=\"2\", realm=\"b\", algorithm=sha-256, qop=\"auth-int,auth\", , Digest realm=\"c\",nonce=3,\
        algorithm=\"MD5\"";
    let all: Vec<_> = challenges(value).map(Result::unwrap).collect();
    let seen: Vec<_> = all.iter().map(|c| (c.stale, c.algorithm, c.auth)).collect();
    assert_eq!(
        seen,
        [(true, None, false), (false, Some(Algorithm::Sha256), true), (false, Some(Algorithm::Md5), false)]
    );
    let values = || core::iter::once(&value[..]);
    assert!(strongest(values(), b"").unwrap().nonce.is(Text::plain(b"2")));
    assert!(strongest(values(), b"c").unwrap().nonce.is(Text::plain(b"3")));
    assert!(strongest(values(), b"C").is_none());
}

/// A challenge that cannot be answered does not hide the one behind it; of equals the first is taken.
#[test]
fn the_strongest_known_one_is_answered() {
    let values = [
        "Digest realm=\"r\", nonce=\"0\", algorithm=SHA-512-256",
        "Digest realm=\"r\", nonce=\"1\", algorithm=SHA-256-sess",
        "Digest realm=\"r\", nonce=\"2\", algorithm=MD5",
        "Digest realm=\"r\", nonce=\"3\"",
        "Digest realm=\"r\", nonce=\"4\", algorithm=SHA-256",
        "Digest realm=\"r\", nonce=\"5\", algorithm=SHA-256",
    ];
    let best = |count: usize| strongest(values[..count].iter().map(|value| value.as_bytes()), b"r");
    assert!(best(2).is_none());
    assert!(best(4).unwrap().nonce.is(Text::plain(b"2")));
    assert!(best(6).unwrap().nonce.is(Text::plain(b"4")));
}

#[test]
fn what_is_no_challenge() {
    for (value, error) in [
        ("Digest realm=\"a\"", DigestError::Incomplete),
        ("Digest nonce=\"a\"", DigestError::Incomplete),
        ("Digest", DigestError::Incomplete),
        ("Digest realm=\"a\", nonce=\"b\", REALM=\"a\"", DigestError::Twice),
        ("Digest realm=\"a\", nonce=\"b\", qop=auth, qop=auth", DigestError::Twice),
        ("Digest realm=\"a\", nonce=\"b", DigestError::Malformed),
        ("Digest realm=\"a\", nonce=\"b\\\"", DigestError::Malformed),
        ("Digest realm=\"a\" nonce=\"b\"", DigestError::Malformed),
        ("Digest realm=, nonce=\"b\"", DigestError::Malformed),
        ("Digest realm=\"a\r\n b\", nonce=\"b\"", DigestError::Malformed),
        ("Digest=x, nonce=\"b\", \"", DigestError::Malformed),
        ("=", DigestError::Malformed),
        ("Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"", DigestError::Unsupported),
        ("Digest realm=\"a\", nonce=\"b\", qop=\"\"", DigestError::Unsupported),
        ("Digest realm=\"a\", nonce=\"b\", algorithm=MD5-sess", DigestError::Unsupported),
    ] {
        let found: Vec<_> = challenges(value.as_bytes()).collect();
        assert_eq!(found.last().unwrap().as_ref().unwrap_err(), &error, "{value}");
    }
    for none in ["", " ", ",,", "Basic realm=\"a\"", "realm=\"a\""] {
        assert!(challenges(none.as_bytes()).next().is_none(), "{none}");
    }
}

#[test]
fn what_are_no_credentials() {
    let good = "Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:a@b\",response=\"00\",extension=\"x\",extension=1";
    assert!(DigestResponse::parse(good.as_bytes()).is_ok());
    for (more, error) in [
        (",qop=auth", DigestError::Incomplete),
        (",qop=auth,nc=00000001", DigestError::Incomplete),
        (",qop=auth,nc=1,cnonce=\"a\"", DigestError::Malformed),
        (",qop=auth,nc=0000000g,cnonce=\"a\"", DigestError::Malformed),
        (",qop=auth-int,nc=00000001,cnonce=\"a\"", DigestError::Unsupported),
        (",algorithm=MD5-sess", DigestError::Unsupported),
        (",userhash=true", DigestError::Unsupported),
        (",username=\"v\"", DigestError::Twice),
        (", Digest username=\"v\"", DigestError::Malformed),
        (",x=\"", DigestError::Malformed),
    ] {
        assert_eq!(DigestResponse::parse(format!("{good}{more}").as_bytes()).err(), Some(error), "{more}");
    }
    assert_eq!(DigestResponse::parse(b"Basic YTpi").err(), Some(DigestError::Unsupported));
    assert_eq!(DigestResponse::parse(b"").err(), Some(DigestError::Malformed));
    assert_eq!(DigestResponse::parse(b"Digest realm=\"r\"").err(), Some(DigestError::Incomplete));
}

#[test]
fn secrets_are_not_shown() {
    assert_eq!(format!("{:?}", login("bob", "zanzibar").secret), "Secret(..)");
    assert!(!format!("{:?}", login("bob", "zanzibar")).contains("zanzibar"));
}

// ---- Both sides -------------------------------------------------------------------------------------------------

const REALM: &[u8] = b"pbx \"one\"";
const URI: &[u8] = b"sip:support@sbc.example.com";

struct Server {
    verifier: Verifier<'static>,
    now: Instant,
}

impl Server {
    fn new(windows: usize) -> Self {
        let windows = std::boxed::Box::leak(vec![Window::EMPTY; windows].into_boxed_slice());
        Self { verifier: Verifier::new(&mut Random::new(&[3; 32]), windows), now: Instant::from_micros(9) }
    }

    /// The challenges that a client at `source` gets, as header fields of a response.
    fn challenge(&mut self, source: &str) -> String {
        let (now, source) = (self.now, source.parse().unwrap());
        let fields = written(|w| self.verifier.challenge(now, source, REALM, Demand::Server, false, w));
        format!("SIP/2.0 401 Unauthorized\r\n{fields}\r\n")
    }

    fn verify(&mut self, source: &str, credentials: &str) -> Result<(), Unproven> {
        let request = Request { source: source.parse().unwrap(), method: b"INVITE", uri: URI };
        let credentials = DigestResponse::parse(credentials.as_bytes()).unwrap();
        let secret = credentials.user.is(Text::plain(b"201")).then_some(Secret::new(b"4711"));
        self.verifier.verify(self.now, &request, REALM, &credentials, secret)
    }
}

fn answer(challenges: &str, algorithm: Algorithm, count: u32) -> String {
    let message = Message::parse(challenges.as_bytes()).unwrap();
    let mut all = message.headers(Name::WwwAuthenticate).flat_map(super::challenges).map(Result::unwrap);
    let challenge = all.find(|challenge| challenge.algorithm() == algorithm).unwrap();
    written(|w| challenge.answer(&login("201", "4711"), (b"INVITE", URI), count, 77, w))
}

const PHONE: &str = "10.0.0.9";

#[test]
fn a_server_takes_what_answers_it() {
    let mut server = Server::new(4);
    let asked = server.challenge(PHONE);
    println!("{asked}");
    let names: Vec<_> = asked.match_indices("algorithm=").map(|(at, _)| &asked[at..at + 17]).collect();
    assert_eq!(names, ["algorithm=SHA-256", "algorithm=MD5, qo"]);
    assert_eq!(server.verify(PHONE, &answer(&asked, Algorithm::Sha256, 1)), Ok(()));
    assert_eq!(server.verify(PHONE, &answer(&asked, Algorithm::Md5, 2)), Ok(()));
    // Whoever has it too may not say it again, nor say it from elsewhere.
    assert_eq!(server.verify(PHONE, &answer(&asked, Algorithm::Sha256, 1)), Err(Unproven::Replayed));
    assert_eq!(server.verify("10.0.0.8", &answer(&asked, Algorithm::Sha256, 3)), Err(Unproven::Stale));
    assert_eq!(server.verify("::ffff:10.0.0.9", &answer(&asked, Algorithm::Sha256, 3)), Ok(()));
}

#[test]
fn counts_may_come_out_of_order_but_not_twice() {
    let mut server = Server::new(4);
    let asked = server.challenge(PHONE);
    for (count, fresh) in [
        (3, true),
        (1, true),
        (3, false),
        (2, true),
        (1, false),
        (66, true),
        (3, false),
        (4, true),
        (2, false),
        (200, true),
        (136, false),
        (137, true),
        (137, false),
        (0, false),
        (u32::MAX, true),
        (u32::MAX, false),
    ] {
        let verdict = server.verify(PHONE, &answer(&asked, Algorithm::Md5, count));
        assert_eq!(verdict, if fresh { Ok(()) } else { Err(Unproven::Replayed) }, "{count}");
    }
}

#[test]
fn a_nonce_without_a_count_holds_once() {
    let mut server = Server::new(4);
    let asked = server.challenge(PHONE).replace(", qop=\"auth\"", "");
    let old = answer(&asked, Algorithm::Md5, 1);
    assert!(!old.contains("nc="));
    assert_eq!(server.verify(PHONE, &old), Ok(()));
    assert_eq!(server.verify(PHONE, &old), Err(Unproven::Replayed));
}

#[test]
fn a_nonce_has_its_time() {
    let mut server = Server::new(4);
    let asked = server.challenge(PHONE);
    server.now = server.now.after(Duration::from_secs(300));
    assert_eq!(server.verify(PHONE, &answer(&asked, Algorithm::Md5, 1)), Ok(()));
    server.now = server.now.after(Duration::from_millis(1));
    assert_eq!(server.verify(PHONE, &answer(&asked, Algorithm::Md5, 2)), Err(Unproven::Stale));
    // Not ours, though its answer is right.
    let foreign =
        Server { verifier: Verifier::new(&mut Random::new(&[4; 32]), &mut []), ..server }.challenge(PHONE);
    let mut server = Server::new(4);
    assert_eq!(server.verify(PHONE, &answer(&foreign, Algorithm::Md5, 1)), Err(Unproven::Stale));
    let stale = written(|w| {
        server.verifier.challenge(server.now, PHONE.parse().unwrap(), REALM, Demand::Proxy, true, w);
    });
    assert_eq!(stale.matches("Proxy-Authenticate: Digest").count(), 2);
    assert_eq!(stale.matches(", stale=true").count(), 2);
}

/// With more clients than windows nobody's answer holds twice; who was let go is asked again.
#[test]
fn windows_that_do_not_suffice_let_nothing_through_twice() {
    let mut server = Server::new(2);
    let asked: Vec<_> = (0..4).map(|_| server.challenge(PHONE)).collect();
    let mut say = |place: usize| server.verify(PHONE, &answer(&asked[place], Algorithm::Md5, 1));
    assert_eq!([say(1), say(0)], [Ok(()), Ok(())]);
    assert_eq!(say(3), Ok(()));
    // The first was let go, the second not yet.
    assert_eq!([say(0), say(1)], [Err(Unproven::Stale), Err(Unproven::Replayed)]);
    assert_eq!(say(2), Ok(()));
    assert_eq!([say(0), say(1)], [Err(Unproven::Stale), Err(Unproven::Stale)]);
    assert_eq!([say(2), say(3)], [Err(Unproven::Replayed), Err(Unproven::Replayed)]);
}

#[test]
fn the_uri_is_the_requests() {
    let mut server = Server::new(4);
    for (uri, holds) in [
        ("sip:support@sbc.example.com;transport=udp", true),
        ("sip:support@SBC.example.com", true),
        ("sip:support@sbc.example.com:5060", false),
        ("sip:sales@sbc.example.com", false),
        ("sips:support@sbc.example.com", false),
        ("sbc.example.com", false),
    ] {
        let asked = server.challenge(PHONE);
        let credentials = written(|w| {
            let message = Message::parse(asked.as_bytes()).unwrap();
            let challenge = strongest(message.headers(Name::WwwAuthenticate), REALM).unwrap();
            challenge.answer(&login("201", "4711"), (b"INVITE", uri.as_bytes()), 1, 7, w);
        });
        assert_eq!(server.verify(PHONE, &credentials).is_ok(), holds, "{uri}");
    }
}

#[test]
fn who_is_not_known_is_not_let_in() {
    let mut server = Server::new(4);
    let asked = server.challenge(PHONE);
    let message = Message::parse(asked.as_bytes()).unwrap();
    let challenge = strongest(message.headers(Name::WwwAuthenticate), REALM).unwrap();
    for (user, secret) in [("202", ""), ("202", "4711"), ("201", ""), ("201", "4712")] {
        let credentials = written(|w| challenge.answer(&login(user, secret), (b"INVITE", URI), 1, 7, w));
        assert_eq!(server.verify(PHONE, &credentials), Err(Unproven::Wrong), "{user} {secret}");
    }
}

fn words() -> impl Strategy<Value = String> {
    "[ -~äöü]{1,40}"
}

proptest! {
    /// What answers a challenge proves what it says, whatever the names are, and nothing once a bit of it is changed.
    #[test]
    fn what_answers_proves_and_nothing_else_does(
        (user, secret, realm) in (words(), words(), words()),
        algorithm in prop::sample::select(&Algorithm::OFFERED[..]),
        (count, cnonce, old) in (1..u32::MAX, any::<u64>(), any::<bool>()),
        (at, bit) in (any::<prop::sample::Index>(), 0..8u32),
    ) {
        let windows = &mut [Window::EMPTY; 2];
        let mut verifier = Verifier::new(&mut Random::new(&[5; 32]), windows);
        let (now, source) = (Instant::from_micros(7_000_000), PHONE.parse().unwrap());
        let mut asked = written(|w| verifier.challenge(now, source, realm.as_bytes(), Demand::Server, false, w));
        if old {
            asked = asked.replace(", qop=\"auth\"", "");
        }
        let asked = format!("SIP/2.0 401 No\r\n{asked}\r\n");
        let message = Message::parse(asked.as_bytes()).unwrap();
        let values = message.headers(Name::WwwAuthenticate);
        let challenge = values.flat_map(challenges).flatten().find(|c| c.algorithm() == algorithm).unwrap();
        prop_assert!(challenge.realm.is(Text::plain(realm.as_bytes())));
        let request = Request { source, method: b"INVITE", uri: URI };
        let login = login(&user, &secret);
        let credentials = written(|w| challenge.answer(&login, (b"INVITE", URI), count, cnonce, w));
        let mut verify = |credentials: &[u8]| {
            let credentials = DigestResponse::parse(credentials).ok()?;
            let known = credentials.user.is(Text::plain(user.as_bytes())).then_some(login.secret);
            verifier.verify(now, &request, realm.as_bytes(), &credentials, known).ok()
        };
        let mut changed = credentials.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        // What is no part of the proof may change: names' and words' case, separators.
        let harmless = same(&changed, credentials.as_bytes());
        prop_assert!(verify(&changed).is_none() || harmless, "{}", changed.escape_ascii());
        if !harmless {
            prop_assert_eq!(verify(credentials.as_bytes()), Some(()));
        }
        prop_assert_eq!(verify(credentials.as_bytes()), None, "twice");
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(prop::sample::select(&b"Digest realm=\"a\", nc=\\\r\n\0\xff"[..]), 0..80)) {
        challenges(&bytes).for_each(drop);
        let _ = DigestResponse::parse(&bytes);
    }
}

/// Whether two credentials say the same, but for what proves nothing.
fn same(one: &[u8], other: &[u8]) -> bool {
    let (Ok(one), Ok(other)) = (DigestResponse::parse(one), DigestResponse::parse(other)) else {
        return false;
    };
    let counted = |one: Option<Counted<'_>>, other: Option<Counted<'_>>| match (one, other) {
        (Some(one), Some(other)) => one.count.is(other.count) && one.cnonce.is(other.cnonce),
        (one, other) => one.is_none() && other.is_none(),
    };
    one.user.is(other.user)
        && one.realm.is(other.realm)
        && one.nonce.is(other.nonce)
        && one.uri.is(other.uri)
        && one.response.is(other.response)
        && one.algorithm.unwrap_or(Algorithm::Md5) == other.algorithm.unwrap_or(Algorithm::Md5)
        && counted(one.counted, other.counted)
}
