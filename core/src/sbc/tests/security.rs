//! Calls with SRTP on a leg: what is said of it, what the relay is told, and what is refused.

use super::*;
use crate::srtp::{Policy, Security, Suite};

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const OTHER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd";

/// The usual configuration over TLS, with SRTP as given towards the AI agent and Zendesk.
fn secure(ai: Policy, zendesk: Policy) -> World {
    let mut config = config();
    let udp = Listener { interface: 0, transport: Transport::Udp, port: 5060 };
    config.listeners = leak(vec![Listener { interface: 0, transport: Transport::Tls, port: 5061 }, udp]);
    let trunk = |at: usize, srtp| Trunk { srtp, ..config.trunks[at] };
    config.trunks = leak(vec![trunk(0, ai), trunk(1, zendesk), config.trunks[2]]);
    World::with(7, config)
}

impl World {
    fn hear_tls(&mut self, from: &str, text: &str) -> Vec<Out> {
        let path = Path { transport: Transport::Tls, listener: 0, flow: 1, remote: from.parse().unwrap() };
        let admitted = self.sbc.admit(&self.cx(), path).unwrap();
        self.sbc.handle(&self.cx(), Input::Message(admitted, text.as_bytes()));
        self.drain()
    }

    /// A call of the AI agent's with this offer, as far as the INVITE to Zendesk: what left until then, and that INVITE.
    fn ring_tls(&mut self, offer: &str) -> (CallId, Vec<Out>, String) {
        let outs = self.hear_tls(AI, &offering(offer));
        let call = started(&outs);
        let mut outs = self.opened(call);
        let question = Question { about: About::Call(call), target: TargetIndex(0) };
        outs.extend(self.tell(Input::Resolved(question, &at(&[ZENDESK]))));
        let invite = message(&outs, ZENDESK, "INVITE").to_string();
        (call, outs, invite)
    }

    fn refusal(&mut self, offer: &str) -> (u16, String) {
        let outs = self.hear_tls(AI, &offering(offer));
        let text = message(&outs, AI, "SIP/2.0 4");
        (text[8..11].parse().unwrap(), field(text, "Warning").to_string())
    }
}

fn offering(offer: &str) -> String {
    let invite = invite("1", "support", "").replace("SIP/2.0/UDP", "SIP/2.0/TLS");
    let (head, _) = invite.split_once("Content-Type").unwrap();
    if offer.is_empty() { format!("{head}{END}") } else { with_body(head, offer) }
}

/// A description of RTP/SAVP with this crypto line.
fn savp(of: &str, line: &str) -> String {
    format!("{}a=crypto:{line}\r\n", of.replace("RTP/AVP", "RTP/SAVP"))
}

fn controls(outs: &[Out]) -> Vec<Control> {
    let control = |out: &Out| match out {
        Out::Other(Output::Media { control, .. }) => Some(*control),
        _ => None,
    };
    outs.iter().filter_map(control).collect()
}

/// What the relay is told of a side: its keys, and that it is pointed to its peer right after.
#[track_caller]
fn secured(outs: &[Out], of: relay::Side) -> Option<Security> {
    let told = controls(outs);
    let told: Vec<&Control> = told
        .iter()
        .filter(|control| match control {
            Control::Secure { side, .. } | Control::Point { side, .. } => *side == of,
            _ => false,
        })
        .collect();
    match told[..] {
        [Control::Secure { security, .. }, Control::Point { .. }] => *security,
        [Control::Point { .. }] => None,
        _ => panic!("{told:?}"),
    }
}

fn crypto_lines(text: &str) -> Vec<&str> {
    text.split("\r\n").filter_map(|line| line.strip_prefix("a=crypto:")).collect()
}

#[test]
fn one_leg_is_secure_and_the_other_plain() {
    let mut w = secure(Policy::Allowed, Policy::Off);
    let (call, outs, invite) =
        w.ring_tls(&savp(OFFER, &format!("7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20")));
    let keys = secured(&outs, relay::Side::A).unwrap();
    assert_eq!(keys.receive.bytes(), b"YS___semctl () {\t220;}\n}\nunles");
    assert_eq!((keys.send.suite(), keys.receive.suite()), (Suite::AesCm128HmacSha1_32, keys.send.suite()));
    assert!(crypto_lines(&invite).is_empty() && invite.contains("RTP/AVP"));
    let outs = w.hear_tls(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert_eq!(secured(&outs, relay::Side::B), None);
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    assert!(ok.contains("m=audio 20000 RTP/SAVP 0 101\r\n"), "{ok}");
    let [line] = crypto_lines(&ok)[..] else { panic!("{ok}") };
    assert!(line.starts_with("7 AES_CM_128_HMAC_SHA1_32 inline:") && !line.contains(KEY));

    // The relay finds that the caller has another key.
    let stream = crate::call::stream_of(call);
    let outs = w.tell(Input::Media(Report::NotAuthentic { stream, side: relay::Side::A }));
    let [Out::Other(Output::Event(Event::NotAuthentic { call: of, trunk, named }))] = outs[..] else {
        panic!("{outs:?}")
    };
    assert_eq!((of, trunk, named.to_string()), (call, TrunkIndex(0), "198.51.100.7:40000".into()));
}

#[test]
fn a_target_is_offered_every_suite_and_takes_one() {
    let mut w = secure(Policy::Off, Policy::Required);
    let (_, _, invite) = w.ring_tls(OFFER);
    assert!(invite.contains("m=audio 20004 RTP/SAVP 0 8 101\r\n"), "{invite}");
    let lines = crypto_lines(&invite);
    assert_eq!(lines.len(), 4);
    for (line, suite) in lines.iter().zip(Suite::ALL) {
        let tag = suite.index() + 1;
        assert!(line.starts_with(&format!("{tag} {} inline:", suite.name())), "{line}");
    }
    let answer = savp(ANSWER, &format!("2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}"));
    let outs = w.hear_tls(ZENDESK, &respond(&invite, "200 OK", "", &answer));
    let keys = secured(&outs, relay::Side::B).unwrap();
    assert_eq!(keys.send.suite(), Suite::AesCm128HmacSha1_32);
    assert!(message(&outs, AI, "SIP/2.0 200 OK").contains("RTP/AVP"));
}

#[test]
fn a_target_that_does_not_take_what_is_required_is_hung_up() {
    for (answer, reason) in [
        (ANSWER.to_string(), Reason::SrtpRequired),
        (savp(ANSWER, &format!("1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}")), Reason::SrtpNoSuite),
        (savp(ANSWER, "1 AES_CM_128_HMAC_SHA1_80 inline:short"), Reason::SrtpNoSuite),
    ] {
        let mut w = secure(Policy::Off, Policy::Required);
        let (call, _, invite) = w.ring_tls(OFFER);
        let outs = w.hear_tls(ZENDESK, &respond(&invite, "200 OK", "", &answer));
        message(&outs, ZENDESK, "ACK");
        assert!(message(&outs, ZENDESK, "BYE").contains(reason.sentence().trim()));
        let refused = message(&outs, AI, "SIP/2.0 488");
        assert!(field(refused, "Warning").contains(reason.sentence().trim()), "{refused}");
        assert_eq!(w.sbc.counters().get(reason), 1);
        w.close(call);
    }
}

#[test]
fn where_it_is_allowed_a_plain_answer_is_taken() {
    let mut w = secure(Policy::Off, Policy::Allowed);
    let (_, _, invite) = w.ring_tls(OFFER);
    assert!(invite.contains("RTP/AVP") && crypto_lines(&invite).len() == 4);
    let outs = w.hear_tls(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert_eq!(secured(&outs, relay::Side::B), None);
    message(&outs, AI, "SIP/2.0 200 OK");
}

#[test]
fn what_is_refused_says_why() {
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let mki = format!("{line}|2^20|1:1");
    for (policy, offer, reason) in [
        (Policy::Off, savp(OFFER, &line), Reason::SrtpOff),
        (Policy::Required, OFFER.into(), Reason::SrtpRequired),
        (Policy::Required, savp(OFFER, &mki), Reason::SrtpNoSuite),
        (Policy::Allowed, savp(OFFER, &mki), Reason::SrtpNoSuite),
        (Policy::Allowed, OFFER.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF"), Reason::SrtpNoSuite),
    ] {
        let mut w = secure(policy, Policy::Off);
        let (status, warning) = w.refusal(&offer);
        assert_eq!(status, 488);
        assert!(warning.contains(reason.sentence().trim()), "{policy:?} {warning}");
        w.is_clean();
    }
}

#[test]
fn keys_go_by_udp_where_the_trunk_says_so() {
    let mut config = config();
    let clear = |at: usize| Trunk { srtp: Policy::Required, keys_in_clear: true, ..config.trunks[at] };
    config.trunks = leak(vec![clear(0), clear(1), config.trunks[2]]);
    let mut w = World::with(7, config);
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    let offer = offering(&savp(OFFER, &line)).replace("SIP/2.0/TLS", "SIP/2.0/UDP");
    let outs = w.hear(AI, &offer);
    let call = started(&outs);
    let outs = w.opened(call);
    assert!(secured(&outs, relay::Side::A).is_some());
    let question = Question { about: About::Call(call), target: TargetIndex(0) };
    let outs = w.tell(Input::Resolved(question, &at(&[ZENDESK])));
    let invite = message(&outs, ZENDESK, "INVITE").to_string();
    assert_eq!(crypto_lines(&invite).len(), 4);
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", &savp(ANSWER, &line)));
    assert!(secured(&outs, relay::Side::B).is_some());
    assert_eq!(crypto_lines(message(&outs, AI, "SIP/2.0 200 OK")).len(), 1);
}

#[test]
fn keys_are_taken_and_given_over_tls_only() {
    let line = format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}");
    for (policy, offer) in [
        (Policy::Allowed, savp(OFFER, &line)),
        (Policy::Required, savp(OFFER, &line)),
        (Policy::Required, String::new()),
    ] {
        let mut w = secure(policy, Policy::Off);
        let path = Path { transport: Transport::Udp, listener: 1, flow: 0, remote: AI.parse().unwrap() };
        let admitted = w.sbc.admit(&w.cx(), path).unwrap();
        let text = offering(&offer).replace("SIP/2.0/TLS", "SIP/2.0/UDP");
        w.sbc.handle(&w.cx(), Input::Message(admitted, text.as_bytes()));
        let outs = w.drain();
        let refused = message(&outs, AI, "SIP/2.0 488");
        assert!(field(refused, "Warning").contains(Reason::SrtpNotOverTls.sentence().trim()), "{refused}");
    }
    // A Contact does not lead the dialog away from there.
    let mut w = secure(Policy::Required, Policy::Off);
    let offer = offering(&savp(OFFER, &line))
        .replace(&format!("<sip:ai@{AI}>"), "<sip:ai@198.51.100.7;transport=udp>");
    let outs = w.hear_tls(AI, &offer);
    let call = started(&outs);
    let leg = w.sbc.calls.get(call).and_then(|call| call.first).and_then(|leg| w.sbc.legs.get(leg)).unwrap();
    assert_eq!(leg.path.transport, Transport::Tls);
}

#[test]
fn a_caller_without_an_offer_is_made_one() {
    let mut w = secure(Policy::Required, Policy::Off);
    let (call, _, invite) = w.ring_tls("");
    let outs = w.hear_tls(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    assert_eq!((ok.contains("RTP/SAVP"), crypto_lines(&ok).len()), (true, 4));
    let answer = savp(OFFER, &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"));
    let ack = with_body(&request("ACK", "2", 1, &ok).replace("/UDP", "/TLS"), &answer);
    let outs = w.hear_tls(AI, &ack);
    assert_eq!(secured(&outs, relay::Side::A).unwrap().receive.suite(), Suite::AesCm128HmacSha1_80);
    assert!(w.sbc.call(call).is_some());
}

#[test]
fn a_new_key_in_a_re_invite_takes_the_place_of_the_old() {
    let mut w = secure(Policy::Required, Policy::Off);
    let line = |key: &str| format!("1 AES_CM_128_HMAC_SHA1_80 inline:{key}");
    let (_, outs, invite) = w.ring_tls(&savp(OFFER, &line(KEY)));
    let first = secured(&outs, relay::Side::A).unwrap();
    let outs = w.hear_tls(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    w.hear_tls(AI, &(request("ACK", "2", 1, &ok) + END));
    for (n, key, same) in [(2, KEY, true), (3, OTHER, false), (4, OTHER, true)] {
        let head = request("INVITE", &format!("re{n}"), n, &ok) + &format!("Contact: <sip:ai@{AI}>\r\n");
        let outs = w.hear_tls(AI, &with_body(&head.replace("/UDP", "/TLS"), &savp(OFFER, &line(key))));
        let keys = secured(&outs, relay::Side::A).unwrap();
        assert_eq!(keys.send, first.send);
        assert_eq!(keys.receive == first.receive, same && n < 3);
        let again = message(&outs, AI, "SIP/2.0 200 OK");
        assert_eq!(crypto_lines(again), crypto_lines(&ok), "ours is what it was");
        assert_eq!(again.contains(" 1 IN IP4"), ok.contains(" 1 IN IP4"), "and so is what we say");
        w.hear_tls(AI, &(request("ACK", &format!("ack{n}"), n, &ok) + END));
    }
    // Without SRTP it is refused, and the session is as it was.
    let head = request("INVITE", "re9", 9, &ok) + &format!("Contact: <sip:ai@{AI}>\r\n");
    let outs = w.hear_tls(AI, &with_body(&head.replace("/UDP", "/TLS"), OFFER));
    message(&outs, AI, "SIP/2.0 488");
    assert!(controls(&outs).is_empty());
}

#[test]
fn keys_outlive_a_restart() {
    let mut w = secure(Policy::Required, Policy::Required);
    let (call, outs, invite) = w.ring_tls(&savp(OFFER, &format!("3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")));
    let a = secured(&outs, relay::Side::A).unwrap();
    let gcm = "4 AEAD_AES_256_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9RdWlkIHBybyBxdW8=";
    let outs = w.hear_tls(ZENDESK, &respond(&invite, "200 OK", "", &savp(ANSWER, gcm)));
    let b = secured(&outs, relay::Side::B).unwrap();
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    w.hear_tls(AI, &(request("ACK", "2", 1, &ok) + END));
    let record = w.record(call);
    let mut again = World::with(8, w.config);
    let call = again.sbc.restore(&again.cx(), &record).unwrap();
    again.drain();
    let outs = again.opened(call);
    assert!(silent(&outs));
    assert_eq!(secured(&outs, relay::Side::A), Some(a));
    assert_eq!(secured(&outs, relay::Side::B), Some(b));
    // What is said again is what was said.
    let head = request("INVITE", "re2", 2, &ok) + &format!("Contact: <sip:ai@{AI}>\r\n");
    let offer = savp(OFFER, &format!("3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"));
    let outs = again.hear_tls(AI, &with_body(&head.replace("/UDP", "/TLS"), &offer));
    assert_eq!(crypto_lines(message(&outs, AI, "SIP/2.0 200 OK")), crypto_lines(&ok));
}

#[test]
fn who_takes_the_place_of_a_secure_leg_is_plain_if_it_says_so() {
    let mut w = secure(Policy::Off, Policy::Allowed);
    let (_, _, invite) = w.ring_tls(OFFER);
    let early = savp(ANSWER, &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"));
    let outs = w.hear_tls(ZENDESK, &respond(&invite, "183 Session Progress", "", &early));
    assert!(secured(&outs, relay::Side::B).is_some());
    // Another branch of the fork answers, without.
    let answer = respond(&invite, "200 OK", "", ANSWER).replace(";tag=zen", ";tag=other");
    let outs = w.hear_tls(ZENDESK, &answer);
    let told = controls(&outs);
    assert!(matches!(told[..], [Control::Secure { security: None, .. }, Control::Point { .. }]), "{told:?}");
}

#[test]
fn a_call_ends_where_there_is_no_room_for_its_keys() {
    let mut w = secure(Policy::Allowed, Policy::Off);
    let (call, _, _) = w.ring_tls(&savp(OFFER, &format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")));
    let stream = crate::call::stream_of(call);
    let outs = w.tell(Input::Media(Report::NotSecured { stream, side: relay::Side::A }));
    let refused = message(&outs, AI, "SIP/2.0 503");
    assert!(field(refused, "Warning").contains(Reason::SrtpFull.sentence().trim()), "{refused}");
    assert_eq!(w.sbc.counters().get(Reason::SrtpFull), 1);
}
