//! Targets that ask who we are: what goes out is verified as a target would, by [`Verifier`].

use super::*;
use crate::digest::{Demand, DigestResponse, Request as Asked, Secret, Unproven, Verifier, Window};
use crate::sip::Writer;

const REALM: &[u8] = b"pbx one";
const USER: &str = "warm\"line";
const SECRET: &str = "4711 ä";

/// The configuration, with credentials for the target's trunk.
fn known(realm: &str) -> Config<'static> {
    let mut config = config();
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let credentials =
        Credentials { user: texts.add(USER), realm: texts.add(realm), secret: texts.add(SECRET) };
    let trunk = Trunk { credentials: Some(credentials), ..config.trunks[1] };
    config.trunks = leak(vec![config.trunks[0], trunk, config.trunks[2]]);
    config.text = leak(texts.0.into_bytes());
    config
}

/// A target that asks for credentials.
struct Target {
    verifier: Verifier<'static>,
}

impl Target {
    fn new(seed: u8) -> Self {
        Self { verifier: Verifier::new(&mut Random::new(&[seed; 32]), leak(vec![Window::EMPTY; 4])) }
    }

    /// The header fields that ask.
    fn ask(&mut self, now: Instant, demand: Demand, stale: bool) -> String {
        let mut out = [0; 1024];
        let mut w = Writer::new(&mut out);
        self.verifier.challenge(now, OURS.parse().unwrap(), REALM, demand, stale, &mut w);
        let len = w.finish().unwrap();
        String::from_utf8(out[..len].to_vec()).unwrap()
    }

    /// Whether a request proves that it is ours.
    fn verify(&mut self, now: Instant, request: &str, demand: Demand) -> Result<(), Unproven> {
        let message = crate::sip::Message::parse(request.as_bytes()).unwrap();
        let values: Vec<_> = message.headers(demand.credentials()).collect();
        assert_eq!(values.len(), 1, "{request}");
        let credentials = DigestResponse::parse(values[0]).unwrap();
        assert!(credentials.user.is(crate::digest::Text::plain(USER.as_bytes())));
        let asked = Asked {
            source: OURS.parse().unwrap(),
            method: message.method().unwrap().as_bytes(),
            uri: message.request_uri().unwrap().bytes,
        };
        self.verifier.verify(now, &asked, REALM, &credentials, Some(Secret::new(SECRET.as_bytes())))
    }
}

const OURS: &str = "203.0.113.10";
const STATUS: [(Demand, &str); 2] =
    [(Demand::Server, "401 Unauthorized"), (Demand::Proxy, "407 Proxy Authentication Required")];

impl World {
    /// The target asks; what is acknowledged, and what is sent then.
    fn challenge(&mut self, request: &str, status: &str, more: &str) -> Vec<Out> {
        let outs = self.hear(ZENDESK, &respond(request, status, more, ""));
        if request.starts_with("INVITE") {
            let ack = message(&outs, ZENDESK, "ACK");
            assert_eq!(field(ack, "Via"), field(request, "Via"));
            assert!(matches!(&outs[0], Out::Message(to, _) if to == ZENDESK), "the ACK leaves first");
        }
        outs
    }

    fn asks(&mut self, request: &str, target: &mut Target, stale: bool) -> Vec<Out> {
        let more = target.ask(self.now, Demand::Server, stale);
        self.challenge(request, "401 Unauthorized", &more)
    }

    /// The caller hears that the target was not reached, and why; never that somebody asked.
    fn refused(&mut self, outs: &[Out], reason: Reason) {
        let told = message(outs, AI, "SIP/2.0 480").to_string();
        assert!(told.contains(reason.sentence().trim()), "{told}");
        assert!(!told.contains("uthenticate") && !told.contains("nonce"), "{told}");
        assert_eq!(self.sbc.counters().get(reason), 1);
        self.hear(AI, &(request("ACK", "1", 1, &told) + END));
    }
}

fn count(text: &str) -> &str {
    let (_, rest) = text.split_once(", nc=").unwrap_or_else(|| panic!("no count in {text}"));
    &rest[..8]
}

#[test]
fn a_target_that_asks_is_answered() {
    for (demand, status) in STATUS {
        let (mut w, mut target) = (World::with(7, known("pbx one")), Target::new(1));
        let (call, first) = w.ring();
        assert!(!first.contains("uthorization"));
        let outs = w.challenge(&first, status, &target.ask(w.now, demand, false));
        let second = message(&outs, ZENDESK, "INVITE").to_string();
        assert_eq!(target.verify(w.now, &second, demand), Ok(()));
        assert!(second.contains("algorithm=SHA-256") && count(&second) == "00000001");
        for same in ["From", "To", "Call-ID", "Contact", "X-Zendesk-Ticket-Id", "Max-Forwards"] {
            assert_eq!(field(&first, same), field(&second, same));
        }
        assert_ne!(field(&first, "Via"), field(&second, "Via"));
        assert_eq!((field(&first, "CSeq"), field(&second, "CSeq")), ("1 INVITE", "2 INVITE"));
        // The challenge comes again: it is acknowledged, and no more.
        let again = w.challenge(&first, status, &target.ask(w.now, demand, false));
        assert_eq!(again.len(), 1);

        let outs = w.hear(ZENDESK, &respond(&second, "200 OK", "", ANSWER));
        let ack = message(&outs, ZENDESK, "ACK");
        let name = String::from_utf8(demand.credentials().as_bytes().to_vec()).unwrap();
        assert_eq!(field(ack, &name), field(&second, &name), "an ACK has its INVITE's credentials");
        assert_eq!(field(ack, "CSeq"), "2 ACK");
        let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
        assert!(!ok.contains("uthorization"));
        w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
        // The next request answers the same nonce, counted on.
        let outs = w.hear(AI, &(request("BYE", "3", 2, &ok) + END));
        let bye = message(&outs, ZENDESK, "BYE").to_string();
        assert_eq!(target.verify(w.now, &bye, demand), Ok(()));
        assert_eq!((count(&bye), field(&bye, "CSeq")), ("00000002", "3 BYE"));
        w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
        w.close(call);
        w.is_clean();
    }
}

#[test]
fn a_target_of_old_is_answered_in_md5_and_without_a_count() {
    let mut w = World::with(7, known(""));
    let (call, first) = w.ring();
    let outs =
        w.challenge(&first, "401 Unauthorized", "WWW-Authenticate: Digest realm=\"any\", nonce=\"n\"\r\n");
    let second = message(&outs, ZENDESK, "INVITE").to_string();
    let credentials = field(&second, "Authorization");
    assert!(credentials.starts_with("Digest username=\"warm\\\"line\", realm=\"any\", nonce=\"n\""));
    assert!(!credentials.contains("nc=") && !credentials.contains("algorithm"), "{credentials}");
    w.sbc.handle(&w.cx(), Input::Command(Command::HangUp(call)));
    w.drain();
    let outs = w.hear(ZENDESK, &respond(&second, "180 Ringing", "", ""));
    assert_eq!(field(message(&outs, ZENDESK, "CANCEL"), "CSeq"), "2 CANCEL");
    w.hear(ZENDESK, &respond(&second, "487 Request Terminated", "", ""));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_target_that_refuses_our_credentials_has_failed() {
    let (mut w, mut target) = (World::with(7, known("")), Target::new(1));
    let (call, first) = w.ring();
    let outs = w.asks(&first, &mut target, false);
    let second = message(&outs, ZENDESK, "INVITE").to_string();
    let outs = w.asks(&second, &mut target, false);
    assert!(!outs.iter().any(|out| matches!(out, Out::Message(_, text) if text.starts_with("INVITE"))));
    w.refused(&outs, Reason::TargetRefusedCredentials);
    w.close(call);
    w.is_clean();
}

#[test]
fn a_nonce_that_grew_old_is_replaced_once() {
    let (mut w, mut target) = (World::with(7, known("")), Target::new(1));
    let (call, first) = w.ring();
    let outs = w.asks(&first, &mut target, false);
    let second = message(&outs, ZENDESK, "INVITE").to_string();
    let outs = w.asks(&second, &mut target, true);
    let third = message(&outs, ZENDESK, "INVITE").to_string();
    assert_eq!(target.verify(w.now, &third, Demand::Server), Ok(()));
    assert_eq!((count(&third), field(&third, "CSeq")), ("00000001", "3 INVITE"));
    let outs = w.asks(&third, &mut target, true);
    w.refused(&outs, Reason::TargetRefusedCredentials);
    w.close(call);
    w.is_clean();
}

#[test]
fn the_same_nonce_is_not_answered_twice() {
    let (mut w, mut target) = (World::with(7, known("")), Target::new(1));
    let (call, first) = w.ring();
    let asked = target.ask(w.now, Demand::Server, false);
    let outs = w.challenge(&first, "401 Unauthorized", &asked);
    let second = message(&outs, ZENDESK, "INVITE").to_string();
    let stale = asked.replace(", qop", ", stale=true, qop");
    let outs = w.challenge(&second, "401 Unauthorized", &stale);
    w.refused(&outs, Reason::TargetRefusedCredentials);
    w.close(call);
    w.is_clean();
}

/// A proxy on the way asks, and then the target.
#[test]
fn a_proxy_and_its_target_are_both_answered() {
    let (mut w, mut proxy, mut target) = (World::with(7, known("")), Target::new(1), Target::new(2));
    let (call, first) = w.ring();
    let asked = proxy.ask(w.now, Demand::Proxy, false);
    let outs = w.challenge(&first, "407 Proxy Authentication Required", &asked);
    let second = message(&outs, ZENDESK, "INVITE").to_string();
    assert_eq!(proxy.verify(w.now, &second, Demand::Proxy), Ok(()));
    let outs = w.asks(&second, &mut target, false);
    let third = message(&outs, ZENDESK, "INVITE").to_string();
    assert_eq!(proxy.verify(w.now, &third, Demand::Proxy), Ok(()), "counted on");
    assert_eq!(target.verify(w.now, &third, Demand::Server), Ok(()));
    let outs = w.challenge(&third, "407 Proxy Authentication Required", &asked);
    w.refused(&outs, Reason::TargetRefusedCredentials);
    w.close(call);
    w.is_clean();
}

#[test]
fn who_has_no_credentials_for_it_gives_none() {
    let realm = "WWW-Authenticate: Digest realm=\"pbx two\", nonce=\"n\"\r\n";
    let unknown = "WWW-Authenticate: Digest realm=\"pbx one\", nonce=\"n\", algorithm=MD5-sess\r\n";
    let proxy = "Proxy-Authenticate: Digest realm=\"pbx one\", nonce=\"n\"\r\n";
    let long = format!("WWW-Authenticate: Digest realm=\"pbx one\", nonce=\"{}\"\r\n", "n".repeat(1000));
    for (config, asked, reason) in [
        (config(), proxy.replace("Proxy", "WWW").as_str(), Reason::TargetWantsCredentials),
        (known("pbx one"), realm, Reason::TargetWantsCredentials),
        (known("pbx one"), unknown, Reason::TargetWantsCredentials),
        (known("pbx one"), proxy, Reason::TargetWantsCredentials),
        (known("pbx one"), "", Reason::TargetWantsCredentials),
        (known("pbx one"), &long, Reason::MessageTooLarge),
    ] {
        let mut w = World::with(7, config);
        let (call, first) = w.ring();
        let outs = w.challenge(&first, "401 Unauthorized", asked);
        if reason == Reason::MessageTooLarge {
            let told = message(&outs, AI, "SIP/2.0 513").to_string();
            w.hear(AI, &(request("ACK", "1", 1, &told) + END));
        } else {
            w.refused(&outs, reason);
        }
        w.close(call);
        w.is_clean();
    }
}

/// Credentials are the trunk's: a caller, whose trunk has none, gets none of another's.
#[test]
fn a_bye_that_is_challenged_is_sent_again_once() {
    let (mut w, mut target) = (World::with(7, known("")), Target::new(1));
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let outs = w.tell(Input::Command(Command::HangUp(call)));
    let (to_caller, first) =
        (message(&outs, AI, "BYE").to_string(), message(&outs, ZENDESK, "BYE").to_string());
    let asked = target.ask(w.now, Demand::Server, false);
    assert!(silent(&w.hear(AI, &respond(&to_caller, "401 Unauthorized", &asked, ""))));
    let outs = w.asks(&first, &mut target, false);
    let second = message(&outs, ZENDESK, "BYE").to_string();
    assert_eq!(target.verify(w.now, &second, Demand::Server), Ok(()));
    assert_eq!((field(&second, "CSeq"), field(&second, "To")), ("3 BYE", field(&first, "To")));
    assert_eq!(field(&second, "Reason"), field(&first, "Reason"));
    w.close(call);
    let outs = w.asks(&second, &mut target, false);
    assert!(silent(&outs), "{outs:?}");
    w.is_clean();
}

#[test]
fn a_challenge_that_comes_after_the_cancel_ends_the_leg() {
    let (mut w, mut target) = (World::with(7, known("")), Target::new(1));
    let (call, first) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&first, "180 Ringing", "", ""));
    message(&outs, AI, "SIP/2.0 180");
    let outs = w.tell(Input::Command(Command::HangUp(call)));
    let cancel = message(&outs, ZENDESK, "CANCEL").to_string();
    let told = message(&outs, AI, "SIP/2.0 503").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &told) + END));
    w.hear(ZENDESK, &respond(&cancel, "200 OK", "", ""));
    let outs = w.asks(&first, &mut target, false);
    assert!(!outs.iter().any(|out| matches!(out, Out::Message(_, text) if !text.starts_with("ACK"))));
    w.close(call);
    w.is_clean();
}

/// Who is another trunk's peer asks for nothing.
#[test]
fn only_the_trunk_that_is_rung_can_ask() {
    let (mut w, mut target) = (World::with(7, known("")), Target::new(1));
    let (call, first) = w.ring();
    let asked = target.ask(w.now, Demand::Server, false);
    let outs = w.hear(AI, &respond(&first, "401 Unauthorized", &asked, ""));
    assert!(!outs.iter().any(|out| matches!(out, Out::Message(_, text) if text.contains("uthorization"))));
    let told = message(&outs, AI, "SIP/2.0 480").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &told) + END));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_configuration_that_is_shown_shows_no_secret() {
    let config = known("pbx one");
    let shown = format!("{config:?} {:?}", config.login(&config.trunks[1].credentials.unwrap()));
    let bytes = format!("{:?}", SECRET.as_bytes());
    assert!(!shown.contains("4711") && !shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
}

/// A provisional response that is to be acknowledged.
fn reliable(invite: &str, number: u32) -> String {
    respond(invite, "180 Ringing", &format!("Require: 100rel\r\nRSeq: {number}\r\n"), "")
}

#[test]
fn a_prack_has_credentials_of_its_own() {
    let (mut w, mut target) = (World::with(7, known("pbx one")), Target::new(1));
    let (_, first) = w.ring();
    let outs = w.asks(&first, &mut target, false);
    let invite = message(&outs, ZENDESK, "INVITE").to_string();
    assert_eq!(target.verify(w.now, &invite, Demand::Server), Ok(()));
    for (number, nc) in [(1, "00000002"), (2, "00000003")] {
        let outs = w.hear(ZENDESK, &reliable(&invite, number));
        let prack = message(&outs, ZENDESK, "PRACK").to_string();
        assert_eq!(target.verify(w.now, &prack, Demand::Server), Ok(()));
        assert_eq!((count(&prack), field(&prack, "CSeq")), (nc, &*format!("{} PRACK", number + 2)));
        w.hear(ZENDESK, &respond(&prack, "200 OK", "", ""));
    }
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ack = message(&outs, ZENDESK, "ACK");
    assert_eq!(field(ack, "Authorization"), field(&invite, "Authorization"));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let outs = w.tell(Input::Command(Command::HangUpAll));
    let bye = message(&outs, ZENDESK, "BYE");
    assert_eq!(target.verify(w.now, bye, Demand::Server), Ok(()));
    assert_eq!((count(bye), field(bye, "CSeq")), ("00000004", "5 BYE"));
}

#[test]
fn a_prack_that_is_challenged_goes_again_with_the_response() {
    let (mut w, mut target) = (World::with(7, known("pbx one")), Target::new(1));
    let (_, invite) = w.ring();
    let ringing = reliable(&invite, 7);
    let outs = w.hear(ZENDESK, &ringing);
    let first = message(&outs, ZENDESK, "PRACK").to_string();
    assert!(!first.contains("uthorization"));
    assert!(w.asks(&first, &mut target, false).is_empty());
    let outs = w.hear(ZENDESK, &ringing);
    let second = message(&outs, ZENDESK, "PRACK").to_string();
    assert_eq!(target.verify(w.now, &second, Demand::Server), Ok(()));
    assert_eq!((field(&second, "RAck"), field(&second, "CSeq")), ("7 1 INVITE", "3 PRACK"));
    w.hear(ZENDESK, &respond(&second, "200 OK", "", ""));
    assert!(w.hear(ZENDESK, &ringing).is_empty());
    // Whoever asks again is not answered again.
    let outs = w.hear(ZENDESK, &reliable(&invite, 8));
    let third = message(&outs, ZENDESK, "PRACK").to_string();
    assert!(w.asks(&third, &mut target, false).is_empty());
    assert!(w.hear(ZENDESK, &reliable(&invite, 8)).is_empty());
    assert_eq!(w.sbc.counters().get(Reason::TargetRefusedCredentials), 1);
}
