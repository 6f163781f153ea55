//! Telephones that prove who they are, register, and are rung where they are.

use super::*;
use crate::digest::{Login, Secret, strongest};
use crate::sip::{Message, Name, Writer};

/// Behind a NAT: its Contact is of no use to anybody.
const PHONE: &str = "192.0.2.5:41000";
const OTHER: &str = "192.0.2.6:5060";

/// The configuration, where the third trunk has two telephones and the line rings the first of them.
fn phones() -> Config<'static> {
    let mut config = config();
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let user = |texts: &mut Texts, name: &str, secret: &str| User {
        name: texts.add(name),
        secret: texts.add(secret),
    };
    let users = vec![user(&mut texts, "201", "one"), user(&mut texts, "20 2", "two")];
    let office = texts.add("office");
    let desk = Target::new(texts.add("desk"), TrunkIndex(2), texts.add("sip:201@office"), office);
    let kind = TrunkKind::Phones;
    let trunk = Trunk { kind, users: List::new(0, 2), ..config.trunks[2] };
    config.trunks = leak(vec![config.trunks[0], config.trunks[1], trunk]);
    config.interfaces = leak(vec![Interface { name: office, ..config.interfaces[0] }]);
    config.targets = leak(vec![desk]);
    config.users = leak(users);
    config.text = leak(texts.0.into_bytes());
    config
}

fn register(branch: &str, call: &str, cseq: u32, user: &str, more: &str) -> String {
    format!(
        "REGISTER sip:sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:{user}@sbc.example.com>;tag=p\r\nTo: <sip:{user}@sbc.example.com>\r\nCall-ID: {call}\r\n\
         CSeq: {cseq} REGISTER\r\n{more}{END}"
    )
}

const CONTACT: &str = "Contact: <sip:201@10.9.9.9:5060>\r\n";

/// Credentials that answer the challenge in `response`, for a request like `request`.
pub(super) fn answer(response: &str, request: &str, user: &str, secret: &str, count: u32) -> String {
    let message = Message::parse(response.as_bytes()).unwrap();
    assert_eq!(message.headers(Name::WwwAuthenticate).count(), 2, "SHA-256 and MD5: {response}");
    let challenge = strongest(message.headers(Name::WwwAuthenticate), b"sbc.example.com").unwrap();
    let request = Message::parse(request.as_bytes()).unwrap();
    let asked = (request.method().unwrap().as_bytes(), request.request_uri().unwrap().bytes);
    let login = Login { user: user.as_bytes(), secret: Secret::new(secret.as_bytes()) };
    let mut out = [0; 1024];
    let mut w = Writer::new(&mut out);
    w.name(b"Authorization");
    challenge.answer(&login, asked, count, 77, &mut w);
    w.end_line();
    let len = w.finish().unwrap();
    String::from_utf8(out[..len].to_vec()).unwrap()
}

pub(super) fn proven(request: &str, credentials: &str) -> String {
    request.replacen("CSeq:", &format!("{credentials}CSeq:"), 1).replacen(
        "branch=z9hG4bK",
        "branch=z9hG4bKp",
        1,
    )
}

impl World {
    /// Sends a request without proof, and then with it: what is answered then.
    pub(super) fn proves(&mut self, from: &str, request: &str, user: &str, secret: &str) -> Vec<Out> {
        let outs = self.hear(from, request);
        let asked = message(&outs, from, "SIP/2.0 401 Unauthorized").to_string();
        let credentials = answer(&asked, request, user, secret, 1);
        self.hear(from, &proven(request, &credentials))
    }

    fn phone(&mut self, branch: &str, call: &str, cseq: u32, more: &str) -> String {
        let outs = self.proves(PHONE, &register(branch, call, cseq, "201", more), "201", "one");
        let [Out::Message(to, text), ..] = &outs[..] else { panic!("{outs:?}") };
        assert_eq!(to, PHONE);
        text.clone()
    }
}

fn contacts(text: &str) -> Vec<&str> {
    text.split("\r\n").filter_map(|line| line.strip_prefix("Contact: ")).collect()
}

#[test]
fn a_telephone_registers_and_is_rung_where_it_is() {
    let mut w = World::with(7, phones());
    let ok = w.phone("1", "reg", 1, CONTACT);
    assert!(ok.starts_with("SIP/2.0 200 OK\r\n"), "{ok}");
    assert_eq!(contacts(&ok), ["<sip:201@10.9.9.9:5060>;expires=3600"]);
    // It comes again, and is answered as before.
    w.now = w.now.after(Duration::from_secs(10));
    let outs = w.hear(PHONE, &proven(&register("1", "reg", 1, "201", CONTACT), ""));
    assert_eq!(contacts(message(&outs, PHONE, "SIP/2.0 200")), Vec::<&str>::new());

    let outs = w.hear(AI, &invite("1", "support", ""));
    let call = started(&outs);
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let invite = message(&outs, PHONE, "INVITE sip:201@10.9.9.9:5060 SIP/2.0\r\n").to_string();
    assert_eq!(field(&invite, "To"), "<sip:201@10.9.9.9:5060>");
    w.hear(PHONE, &respond(&invite, "180 Ringing", "", ""));
    // The caller gives up: what is cancelled is what was dialled.
    let cancel = format!(
        "CANCEL sip:support@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {AI};branch=z9hG4bK1;rport\r\n\
         From: \"Caller\" <sip:01012345678@ai.example.com>;tag=a1\r\nTo: <sip:support@sbc.example.com>\r\n\
         Call-ID: call-1@ai\r\nCSeq: 1 CANCEL\r\n{END}"
    );
    let outs = w.hear(AI, &cancel);
    message(&outs, PHONE, "CANCEL sip:201@10.9.9.9:5060 SIP/2.0\r\n");
    let outs = w.hear(PHONE, &respond(&invite, "487 Request Terminated", "", ""));
    message(&outs, PHONE, "ACK sip:201@10.9.9.9:5060 SIP/2.0\r\n");
}

#[test]
fn who_is_not_registered_is_not_rung() {
    let mut w = World::with(7, phones());
    let rings = |w: &mut World, branch: &str| {
        let outs = w.hear(AI, &invite(branch, "support", ""));
        let call = started(&outs);
        w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }))
    };
    let outs = rings(&mut w, "1");
    let refused = message(&outs, AI, "SIP/2.0 480");
    assert!(refused.contains(Reason::PhoneNotRegistered.sentence().trim()), "{refused}");
    // Another's registration is not its, nor one that has run out, or was taken back.
    let other = register("2", "x", 1, "20%202", "Contact: <sip:202@192.0.2.6>\r\n");
    message(&w.proves(OTHER, &other, "20 2", "two"), OTHER, "SIP/2.0 200");
    message(&rings(&mut w, "3"), AI, "SIP/2.0 480");
    assert!(w.phone("4", "reg", 1, &format!("{CONTACT}Expires: 60\r\n")).contains(";expires=60\r\n"));
    w.now = w.now.after(Duration::from_secs(60));
    message(&rings(&mut w, "5"), AI, "SIP/2.0 480");
    w.phone("6", "reg", 2, CONTACT);
    assert_eq!(contacts(&w.phone("7", "reg", 3, "Contact: *\r\nExpires: 0\r\n")), Vec::<&str>::new());
    message(&rings(&mut w, "8"), AI, "SIP/2.0 480");
}

#[test]
fn registrations_are_kept_in_order_and_in_bounds() {
    let mut w = World::with(7, phones());
    w.phone("1", "reg", 5, CONTACT);
    assert!(w.phone("2", "reg", 5, CONTACT).starts_with("SIP/2.0 500"), "the same CSeq");
    assert!(w.phone("3", "reg", 4, "Contact: *\r\nExpires: 0\r\n").starts_with("SIP/2.0 500"));
    let brief = w.phone("4", "reg", 6, "Contact: <sip:201@10.9.9.9:5060>;expires=59\r\n");
    assert!(brief.starts_with("SIP/2.0 423") && field(&brief, "Min-Expires") == "60", "{brief}");
    for wrong in
        ["Contact: *\r\n", "Contact: *\r\nContact: <sip:a@b>\r\nExpires: 0\r\n", "Contact: <tel:1>\r\n"]
    {
        assert!(w.phone("5", "reg", 7, wrong).starts_with("SIP/2.0 400"), "{wrong}");
    }
    // All that is too long is not for longer than we allow; what asks lists.
    assert_eq!(contacts(&w.phone("6", "reg", 8, "")).len(), 1);
    for number in 0..9 {
        let contact = format!("Contact: <sip:201@10.9.9.{number}>;expires=99999999999\r\n");
        let ok = w.phone(&format!("7{number}"), "more", number, &contact);
        assert!(
            contacts(&ok).len() <= 4 && ok.contains(&format!("10.9.9.{number}>;expires=3600\r\n")),
            "{ok}"
        );
    }
    let gone = w.phone("8", "more", 10, "Contact: <sip:201@10.9.9.8>;expires=0\r\n");
    assert_eq!(contacts(&gone).len(), 3);
}

#[test]
fn who_proves_nothing_gets_nothing() {
    let mut w = World::with(7, phones());
    let request = register("1", "reg", 1, "201", CONTACT);
    // Asked each time anew, and nothing is kept of it.
    for _ in 0..3 {
        message(&w.hear(PHONE, &request), PHONE, "SIP/2.0 401");
    }
    assert_eq!(w.sbc.usage(), Usage::default());
    assert_eq!(w.sbc.counters().get(Reason::NotAuthenticated), 3);
    for (user, secret) in [("201", "two"), ("203", "one"), ("", "")] {
        let outs = w.proves(PHONE, &request.replace("K1;", &format!("K{user}{secret};")), user, secret);
        message(&outs, PHONE, "SIP/2.0 403");
    }
    assert_eq!(w.sbc.counters().get(Reason::WrongCredentials), 3);
    // Another's registration is not theirs to change.
    let outs = w.proves(OTHER, &register("2", "reg", 1, "201", CONTACT), "20 2", "two");
    message(&outs, OTHER, "SIP/2.0 403");
    assert_eq!(w.sbc.counters().get(Reason::AnotherUser), 1);
    // A proof holds once, for its own source and within its time.
    let asked = message(&w.hear(PHONE, &request), PHONE, "SIP/2.0 401").to_string();
    assert!(!asked.contains("stale"));
    let good = proven(&request, &answer(&asked, &request, "201", "one", 1));
    assert!(message(&w.hear(OTHER, &good), OTHER, "SIP/2.0 401").contains("stale=true"));
    message(&w.hear(PHONE, &good), PHONE, "SIP/2.0 200");
    let replayed = good.replace("branch=z9hG4bKp", "branch=z9hG4bKq");
    assert!(message(&w.hear(PHONE, &replayed), PHONE, "SIP/2.0 401").contains("stale=true"));
    // Who guesses is no faster than this.
    let mut answered = 0;
    for number in 0..100 {
        let guess = good.replace("branch=z9hG4bKp", &format!("branch=z9hG4bKg{number}"));
        let guess = guess.replace("nc=00000001", "nc=00000009");
        answered += usize::from(!silent(&w.hear(PHONE, &guess)));
    }
    assert!((15..=21).contains(&answered), "{answered}");
}

#[test]
fn a_telephone_calls_once_it_has_proven_who_it_is() {
    let mut config = phones();
    config.callers = leak(vec![TrunkIndex(0), TrunkIndex(2)]);
    let mut w = World::with(7, config);
    let call = invite("1", "support", "").replace(AI, PHONE);
    let outs = w.hear(PHONE, &call);
    let asked = message(&outs, PHONE, "SIP/2.0 401").to_string();
    assert_eq!(outs.len(), 1, "no call begins");
    let ack = format!(
        "ACK sip:support@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bK1;rport\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: 1 ACK\r\n{END}",
        field(&asked, "From"),
        field(&asked, "To"),
        field(&asked, "Call-ID")
    );
    assert!(w.hear(PHONE, &ack).is_empty());
    assert_eq!(w.sbc.counters().get(Reason::StrayAck), 0);
    let outs = w.hear(PHONE, &proven(&call, &answer(&asked, &call, "201", "one", 1)));
    message(&outs, PHONE, "SIP/2.0 100");
    started(&outs);
    // A CANCEL is never asked who it is of.
    let cancel = format!(
        "CANCEL sip:support@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE};branch=z9hG4bKp1;rport\r\n\
         From: \"Caller\" <sip:01012345678@ai.example.com>;tag=a1\r\nTo: <sip:support@sbc.example.com>\r\n\
         Call-ID: call-1@ai\r\nCSeq: 1 CANCEL\r\n{END}"
    );
    let outs = w.hear(PHONE, &cancel);
    message(&outs, PHONE, "SIP/2.0 200");
    message(&outs, PHONE, "SIP/2.0 487");
}

#[test]
fn nobody_registers_with_a_trunk_without_users() {
    let mut w = World::new();
    let outs = w.hear(AI, &register("1", "reg", 1, "201", CONTACT));
    message(&outs, AI, "SIP/2.0 405");
}

#[test]
fn only_its_own_user_takes_a_telephones_place() {
    let mut w = World::with(7, phones());
    w.phone("1", "reg", 1, CONTACT);
    let outs = w.hear(AI, &invite("1", "support", ""));
    let call = started(&outs);
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let rung = message(&outs, PHONE, "INVITE").to_string();
    let outs = w.hear(PHONE, &respond(&rung, "200 OK", "", OFFER));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let tag = field(&rung, "From").split(";tag=").nth(1).unwrap().to_string();
    let replaces = format!("Replaces: {};to-tag={tag};from-tag=zen\r\n", field(&rung, "Call-ID"));
    let text = |branch: &str| invite(branch, "x", &replaces).replace(AI, OTHER);
    // Who is nobody yet is asked, and who is another one is refused, whoever it says it speaks for.
    let outs = w.proves(OTHER, &text("3"), "20 2", "two");
    assert!(message(&outs, OTHER, "SIP/2.0 403").contains("another trunk or user"));
    let spoken = text("4").replacen("CSeq", "Referred-By: <sip:201@sbc.example.com>\r\nCSeq", 1);
    message(&w.proves(OTHER, &spoken, "20 2", "two"), OTHER, "SIP/2.0 403");
    assert_eq!(w.sbc.usage().legs, 2);
    let outs = w.proves(OTHER, &text("5"), "201", "one");
    let new = message(&outs, OTHER, "SIP/2.0 200").to_string();
    let bye = message(&outs, PHONE, "BYE").to_string();
    w.hear(PHONE, &respond(&bye, "200 OK", "", ""));
    w.hear(OTHER, &(request("ACK", "6", 1, &new).replace(AI, OTHER) + END));
    let outs = w.tell(Input::Command(Command::HangUpAll));
    for at in [AI, OTHER] {
        w.hear(at, &respond(message(&outs, at, "BYE"), "200 OK", "", ""));
    }
    w.close(call);
    assert_eq!(w.sbc.usage().legs, 0);
}
