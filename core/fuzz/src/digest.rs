use core::net::{IpAddr, Ipv4Addr};

use warmline_core::digest::{
    self as core_digest, Demand, DigestResponse, Login, Request, Secret, Text, Unproven, Verifier, Window,
};
use warmline_core::random::Random;
use warmline_core::sip::{Message, Writer};
use warmline_core::time::Instant;

const LOGIN: Login<'_> = Login { user: b"warm\\line", secret: Secret::new(b"secret") };
const URI: &[u8] = b"sip:support@example.com";

/// Reads challenges and answers them, and reads what was answered; reads credentials, and believes none of them. They
/// are a header field's value, or those of a message.
pub fn digest(data: &[u8]) {
    value(data);
    let Ok(message) = Message::parse(data) else { return };
    for demand in [Demand::Server, Demand::Proxy] {
        message.headers(demand.challenge()).chain(message.headers(demand.credentials())).for_each(value);
    }
}

fn value(data: &[u8]) {
    for challenge in core_digest::challenges(data).flatten() {
        let mut out = [0; 20_000];
        let mut w = Writer::new(&mut out);
        challenge.answer(&LOGIN, (b"INVITE", URI), 1, 1, &mut w);
        let len = w.finish().expect("a challenge is no longer than 8 KiB");
        let answer = DigestResponse::parse(&out[..len]).expect("we understand what we answer");
        assert!(answer.user.is(Text::plain(LOGIN.user)) && answer.uri.is(Text::plain(URI)));
        assert!(answer.nonce.is(challenge.nonce) && answer.realm.is(challenge.realm));
        assert_eq!(answer.challenge().algorithm(), challenge.algorithm());
    }
    let Ok(credentials) = DigestResponse::parse(data) else { return };
    let mut windows = [Window::EMPTY; 2];
    let mut verifier = Verifier::new(&mut Random::new(&[1; 32]), &mut windows);
    let (now, source) = (Instant::from_micros(1), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let request = Request { source, method: b"INVITE", uri: URI };
    let verdict = verifier.verify(now, &request, b"realm", &credentials, Some(LOGIN.secret));
    assert!(matches!(verdict, Err(Unproven::Wrong | Unproven::Stale)), "no nonce was given out");
    let mut out = [0; 1024];
    verifier.challenge(now, source, b"realm", Demand::Server, true, &mut Writer::new(&mut out));
}
