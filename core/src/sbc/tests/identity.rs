//! What targets are told of who calls, what is carried to them, and that nothing else comes through.

use proptest::prelude::*;

use super::*;
use crate::call::{Number, Progress};
use crate::sip::Message;

const CARRIER: &str = "192.0.2.3:5060";

/// Whom the line rings, and what each trunk says and is told.
#[derive(Clone, Copy)]
struct Told {
    kind: TrunkKind,
    /// The caller's trunk.
    header: &'static str,
    trusted: bool,
    brings: &'static str,
    /// The target's.
    caller: &'static str,
    anonymous: &'static str,
    hears: &'static str,
}

const PLAIN: Told = Told {
    kind: TrunkKind::Carrier,
    header: "",
    trusted: true,
    brings: "",
    caller: "",
    anonymous: "",
    hears: "",
};

/// A world whose line rings the third trunk, of this kind.
fn world(told: Told) -> World {
    let mut config = config();
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let mut trunks = config.trunks.to_vec();
    trunks[0].identity.header = texts.add(told.header);
    trunks[0].identity.trusted = told.trusted;
    trunks[0].identity.carried = texts.add(told.brings);
    trunks[2].kind = told.kind;
    trunks[2].identity.caller = texts.add(told.caller);
    trunks[2].identity.anonymous = match told.anonymous {
        "" => Anonymous::Withhold,
        "number" => Anonymous::Number,
        number => Anonymous::StandIn(texts.add(number)),
    };
    trunks[2].identity.carried = texts.add(told.hears);
    let (name, uri, host) = (texts.add("them"), texts.add("sip:them@192.0.2.3"), texts.add("192.0.2.3"));
    config.targets = leak(vec![Target::new(name, TrunkIndex(2), uri, host)]);
    config.trunks = leak(trunks);
    config.text = leak(texts.0.into_bytes());
    World::with(7, config)
}

const FROM: &str = "\"Caller\" <sip:01012345678@ai.example.com>";
const HIDDEN: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
const ASSERTED: &str = "P-Asserted-Identity: \"A\" <sip:+14155550100@ai.example.com>\r\n";

fn calling(from: &str, lines: &str) -> String {
    invite("1", "support", lines).replace(FROM, from)
}

/// The call, and the INVITE that the target gets.
fn rung(w: &mut World, text: &str) -> (CallId, String) {
    let call = started(&w.hear(AI, text));
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    (call, message(&outs, CARRIER, "INVITE sip:them@192.0.2.3 SIP/2.0\r\n").to_string())
}

/// From's URI, and every field that says who calls.
fn said(told: Told, from: &str, lines: &str) -> (String, Vec<String>) {
    let mut w = world(told);
    let (_, invite) = rung(&mut w, &calling(from, lines));
    let from = field(&invite, "From");
    let uri = from.split(['<', '>']).nth(1).unwrap().to_string();
    let names = ["P-Asserted", "Privacy", "Diversion", "History", "X-", "Remote-Party", "User-to", "P-Pref"];
    let fields = invite.split("\r\n").filter(|line| names.iter().any(|name| line.starts_with(name)));
    (uri, fields.map(ToString::to_string).collect())
}

fn fields(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

const OURS: &str = "sip:+821012345678@203.0.113.10";
const THEIRS: &str = "sip:+14155550100@203.0.113.10";
const NOBODY_KNOWS: &str = "sip:anonymous@anonymous.invalid";
const PAI: &str = "P-Asserted-Identity: <sip:+14155550100@203.0.113.10>";

#[test]
fn a_carrier_is_told_what_is_vouched_for() {
    let told = PLAIN;
    assert_eq!(said(told, FROM, ""), (OURS.into(), fields(&[])));
    assert_eq!(said(told, FROM, ASSERTED), (THEIRS.into(), fields(&[PAI])));
    assert_eq!(said(Told { trusted: false, ..told }, FROM, ASSERTED), (OURS.into(), fields(&[])));
    let own = Told { header: "X-Caller", trusted: false, ..told };
    assert_eq!(said(own, FROM, "X-Caller: +1 415 555 0100\r\n"), (THEIRS.into(), fields(&[PAI])));
}

#[test]
fn a_number_that_is_withheld_goes_to_carriers_alone() {
    let hidden = said(PLAIN, HIDDEN, ASSERTED);
    assert_eq!(hidden, (NOBODY_KNOWS.into(), fields(&[PAI, "Privacy: id"])));
    assert_eq!(said(PLAIN, FROM, &format!("{ASSERTED}Privacy: id\r\n")), hidden);
    assert_eq!(said(PLAIN, HIDDEN, ""), (NOBODY_KNOWS.into(), fields(&["Privacy: id"])));
    let phones = Told { kind: TrunkKind::Phones, ..PLAIN };
    assert_eq!(said(phones, HIDDEN, ASSERTED), (NOBODY_KNOWS.into(), fields(&[])));
    assert_eq!(said(phones, FROM, ASSERTED), (THEIRS.into(), fields(&[PAI])));
    let stand_in = Told { anonymous: "+8225550199", ..phones };
    assert_eq!(said(stand_in, HIDDEN, ASSERTED), ("sip:+8225550199@203.0.113.10".into(), fields(&[])));
    let told = Told { anonymous: "number", ..phones };
    assert_eq!(said(told, HIDDEN, ASSERTED), (THEIRS.into(), fields(&[PAI])));
}

#[test]
fn an_ai_platform_is_told_from_and_the_call() {
    let mut w = world(Told { kind: TrunkKind::Ai, ..PLAIN });
    let (call, invite) = rung(&mut w, &calling(FROM, ASSERTED));
    assert!(field(&invite, "From").starts_with(&format!("<{THEIRS}>;tag=")));
    let id = w.sbc.call(call).unwrap().id;
    assert_eq!(field(&invite, "X-Warmline-Call"), format!("{id:016x}"));
    assert!(!invite.contains("P-Asserted") && id != 0);
    let (uri, fields) = said(Told { kind: TrunkKind::Ai, ..PLAIN }, HIDDEN, ASSERTED);
    assert_eq!((uri.as_str(), fields.len()), (NOBODY_KNOWS, 1));
}

#[test]
fn zendesk_is_told_a_number_always_and_nothing_else() {
    let told =
        Told { kind: TrunkKind::Zendesk, brings: "X-Session,User-to-User", hears: "X-Session", ..PLAIN };
    let lines = format!(
        "{ASSERTED}X-Session: 1\r\nX-Other: 2\r\nUser-to-User: 3\r\nX-Zendesk-Ticket-Id: 7\r\nX-Zendesk-Ticket-Id: 7\r\nHistory-Info: <sip:a@b>\r\n"
    );
    let ticket = fields(&["X-Zendesk-Ticket-Id: 7"]);
    assert_eq!(said(told, FROM, &lines), (THEIRS.into(), ticket.clone()));
    let nobody = "sip:+266696687@203.0.113.10".to_string();
    assert_eq!(said(told, HIDDEN, &lines), (nobody.clone(), ticket));
    assert_eq!(said(told, "<sip:alice@ai>", ""), (nobody, fields(&[])));
    let named = "sip:+8225550199@203.0.113.10".to_string();
    let stand_in = Told { anonymous: "+8225550199", ..told };
    assert_eq!(said(stand_in, "<sip:alice@ai>", ""), (named.clone(), fields(&[])));
    assert_eq!(said(stand_in, HIDDEN, ASSERTED), (named, fields(&[])));
    assert_eq!(said(Told { anonymous: "number", ..told }, HIDDEN, ASSERTED).0, THEIRS);
}

#[test]
fn who_is_told_another_caller_is_told_of_the_original_one() {
    let told = Told { caller: "+8225550100", ..PLAIN };
    let us = "sip:+8225550100@203.0.113.10".to_string();
    let pai = "P-Asserted-Identity: <sip:+8225550100@203.0.113.10>";
    let diversion = format!("Diversion: <{OURS}>;reason=unconditional");
    assert_eq!(said(told, FROM, ""), (us.clone(), fields(&[pai, &diversion])));
    let private = format!("Diversion: <{THEIRS}>;reason=unconditional;privacy=full");
    assert_eq!(said(told, HIDDEN, ASSERTED), (us.clone(), fields(&[pai, &private])));
    let phones = Told { kind: TrunkKind::Phones, ..told };
    assert_eq!(said(phones, HIDDEN, ASSERTED), (us.clone(), fields(&[pai])));
    assert_eq!(said(Told { kind: TrunkKind::Zendesk, ..told }, FROM, ""), (us, fields(&[])));
}

#[test]
fn names_go_where_there_is_no_number() {
    assert_eq!(said(PLAIN, "<sip:alice@ai>", "").0, "sip:alice@203.0.113.10");
    assert_eq!(said(PLAIN, "<sip:ai>", "").0, NOBODY_KNOWS);
    assert_eq!(
        said(PLAIN, "<sip:a%0d%0aX-Evil:%201@ai>", ""),
        ("sip:a%0d%0aX-Evil@203.0.113.10".into(), fields(&[]))
    );
}

#[test]
fn what_both_trunks_list_is_carried() {
    let told = Told {
        brings: "X-Session,Diversion,User-to-User,Via",
        hears: "x-session,History-Info,Diversion,Via",
        ..PLAIN
    };
    let lines = "x-SESSION: a \"b\"\r\n c\r\nX-Session: second\r\nX-Other: no\r\nDiversion: <sip:a@b>\r\nUser-to-User: 00\r\n\
        History-Info: <sip:a@b>\r\nX-Warmline-Call: 1\r\n";
    let carried = ["X-Session: a \"b\" c", "X-Session: second", "Diversion: <sip:a@b>"];
    assert_eq!(said(told, FROM, lines).1, fields(&carried));
    assert_eq!(said(Told { hears: "", ..told }, FROM, lines).1, fields(&[]));
    assert_eq!(said(Told { brings: "", ..told }, FROM, lines).1, fields(&[]));
    let mut w = world(told);
    let (call, _) = rung(&mut w, &calling(FROM, lines));
    assert_eq!(w.sbc.call(call).unwrap().note, None);
}

/// Whatever is too long is left out, and so is what has controls; the call goes on.
#[test]
fn what_is_carried_is_bounded() {
    let told = Told { brings: "X-Session", hears: "X-Session", ..PLAIN };
    let line = format!("X-Session: {}\r\n", "x".repeat(87));
    let mut w = world(told);
    let (call, invite) = rung(&mut w, &calling(FROM, &line.repeat(60)));
    assert_eq!(invite.matches("X-Session").count(), 1008 / line.len());
    assert_eq!(w.sbc.call(call).unwrap().note, Some(Reason::HeadersLeftOut));
    assert_eq!(w.sbc.counters().get(Reason::HeadersLeftOut), 1);
    for bad in ["a\u{1}b", "a\tb", "a\u{7f}", "a\0b"] {
        let mut w = world(told);
        let (call, invite) = rung(&mut w, &calling(FROM, &format!("X-Session: {bad}\r\nX-Session: ok\r\n")));
        if bad == "a\0b" {
            // As everywhere, a NUL becomes a space.
            assert_eq!(invite.matches("X-Session: a b\r\nX-Session: ok\r\n").count(), 1);
            continue;
        }
        assert_eq!(field(&invite, "X-Session"), "ok", "{bad:?}");
        assert_eq!(w.sbc.call(call).unwrap().note, Some(Reason::HeadersLeftOut));
    }
}

/// Calls that bring as much as they can crowd no other out.
#[test]
fn a_flood_of_headers_leaves_room_for_calls() {
    let told = Told { brings: "X-Session", hears: "X-Session", ..PLAIN };
    let mut w = world(told);
    let line = format!("X-Session: {}\r\n", "x".repeat(120));
    for number in 1..=4 {
        let text = invite(&number.to_string(), "support", &line.repeat(12));
        let (call, invite) = rung(&mut w, &text);
        assert!(invite.contains("X-Session"));
        assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Ringing);
        let outs = w.hear(CARRIER, &respond(&invite, "180 Ringing", "", "").replace(ZENDESK, CARRIER));
        message(&outs, AI, "SIP/2.0 180");
        let outs = w.hear(CARRIER, &respond(&invite, "183 Session Progress", "", &answer()));
        message(&outs, AI, "SIP/2.0 183");
    }
    assert_eq!(w.sbc.counters().get(Reason::NoMemory), 0);
    w.tell(Input::Command(Command::HangUpAll));
}

fn answer() -> String {
    ANSWER.replace("168.86.128.9", "198.51.100.9")
}

/// A call as far as its answer: the INVITE to the target, and the caller's 200.
fn talking(w: &mut World, text: &str) -> (CallId, String, String) {
    let (call, invite) = rung(w, text);
    let blocks = w.sbc.usage().blocks;
    let answer = respond(&invite, "200 OK", "", &answer()).replace(ZENDESK, CARRIER);
    let outs = w.hear(CARRIER, &answer);
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    assert!(w.sbc.usage().blocks <= blocks);
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    (call, invite, ok)
}

#[test]
fn what_was_carried_is_freed_at_the_answer() {
    let told = Told { brings: "X-Session", hears: "X-Session", ..PLAIN };
    let mut w = world(told);
    let (call, ..) = talking(&mut w, &calling(FROM, "X-Session: abc\r\n"));
    assert_eq!(w.sbc.usage().blocks, 0);
    w.tell(Input::Command(Command::HangUp(call)));
    w.close(call);
    w.is_clean();
}

#[test]
fn what_a_restart_must_know_of_the_caller_is_saved() {
    let mut w = world(PLAIN);
    let (call, ..) = talking(&mut w, &calling(HIDDEN, ASSERTED));
    let mut record = [0; 2_500];
    w.sbc.save(&w.cx(), call, &mut record).unwrap();
    let before = w.sbc.call(call).unwrap();
    let mut fresh = world(PLAIN);
    let cx = fresh.cx();
    let again = fresh.sbc.restore(&cx, &record).unwrap();
    let view = fresh.sbc.call(again).unwrap();
    assert_eq!((view.id, view.withheld, view.caller), (before.id, true, before.caller));
    assert_eq!(view.caller, Some(Number::from_slice(b"+14155550100").unwrap().as_slice()));
    assert!(fresh.sbc.calls.get(again).unwrap().identity.vouched);
}

#[test]
fn why_a_caller_hangs_up_is_told_the_target() {
    for (lines, told) in [
        ("", None),
        ("Reason: Q.850 ;cause=16 ;text=\"ai.example.com\"\r\n", Some("Q.850;cause=16")),
        (
            "Reason: SIP;cause=200, Q.850;cause=31\r\n",
            Some("SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=31"),
        ),
        ("Reason: SIP;text=\"a\r\n b\"\r\n", None),
    ] {
        let mut w = world(PLAIN);
        let (_, _, ok) = talking(&mut w, &calling(FROM, ""));
        let outs = w.hear(AI, &(request("BYE", "3", 2, &ok) + lines + END));
        let bye = message(&outs, CARRIER, "BYE");
        match told {
            Some(told) => assert_eq!(field(bye, "Reason"), told),
            None => assert!(!bye.contains("Reason"), "{bye}"),
        }
    }
}

#[test]
fn why_a_call_is_cancelled_is_told_the_target() {
    for (lines, told) in [
        ("", "SIP;cause=487;text=\"The caller hung up before an answer.\""),
        (
            "Reason: SIP ;cause=200 ;text=\"Call completed elsewhere\"\r\n",
            "SIP;cause=200;text=\"Call completed elsewhere\"",
        ),
    ] {
        let mut w = world(PLAIN);
        let text = calling(FROM, "");
        let (_, invite) = rung(&mut w, &text);
        w.hear(CARRIER, &respond(&invite, "180 Ringing", "", ""));
        let head: String = text
            .replace("INVITE", "CANCEL")
            .split("\r\n")
            .filter(|line| !line.starts_with("Content") && !line.starts_with("Contact"))
            .take_while(|line| !line.is_empty())
            .flat_map(|line| [line, "\r\n"])
            .collect();
        let outs = w.hear(AI, &(head + lines + END));
        assert_eq!(field(message(&outs, CARRIER, "CANCEL"), "Reason"), told);
    }
}

#[test]
fn why_a_target_refused_is_told_the_caller() {
    let mut w = world(PLAIN);
    let (_, invite) = rung(&mut w, &calling(FROM, ""));
    let outs =
        w.hear(CARRIER, &respond(&invite, "486 Busy Here", "Reason: Q.850;cause=17;text=\"x\"\r\n", ""));
    assert_eq!(field(message(&outs, AI, "SIP/2.0 486"), "Reason"), "SIP;cause=486, Q.850;cause=17");
}

/// One side's names, addresses and identifiers, in every field where a program may leave one.
fn telltales(side: &str) -> String {
    format!(
        "User-Agent: {side}-agent\r\nServer: {side}-server\r\nOrganization: {side}-org\r\nSubject: {side}-subject\r\n\
         X-{side}: {side}-x\r\nCall-Info: <http://{side}.internal/i>\r\nWarning: 399 {side}.internal \"{side}\"\r\n\
         Session-ID: {side}5e55\r\nP-Preferred-Identity: <sip:{side}@{side}.internal>\r\nReply-To: <sip:{side}@{side}.internal>\r\n\
         Remote-Party-ID: <sip:{side}@{side}.internal>\r\nHistory-Info: <sip:{side}@{side}.internal>\r\n\
         Reason: SIP;cause=480;text=\"{side}-text\"\r\nDate: {side}\r\nAlert-Info: <http://{side}.internal/a>\r\n"
    )
}

/// Whatever crosses, in either direction, from the INVITE to the BYE: no trace of the other side.
#[test]
fn nothing_of_one_side_is_seen_on_the_other() {
    for ending in ["bye", "refuse", "cancel", "target"] {
        let mut w = world(PLAIN);
        let mut seen = Vec::new();
        let via = format!("Via: SIP/2.0/UDP calling.internal;branch=z9hG4bKold\r\n{}", telltales("calling"));
        let text = calling("\"calling-name\" <sip:+14155550100@calling.internal>", &via);
        let outs = w.hear(AI, &text);
        let call = started(&outs);
        seen.extend(outs);
        seen.extend(w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) })));
        let invite = message(&seen, CARRIER, "INVITE").to_string();
        let called = telltales("called") + "Record-Route: <sip:called.internal;lr>\r\n";
        let answers =
            |status, body: &str| respond(&invite, status, &called, body).replace("tag=zen", "tag=called");
        seen.extend(w.hear(CARRIER, &answers("180 Called-rings", "")));
        seen.extend(w.hear(CARRIER, &answers("183 Called-talks", &answer().replace("o=z", "o=called"))));
        match ending {
            "refuse" => seen.extend(w.hear(CARRIER, &answers("480 Called-refuses", ""))),
            "cancel" => {
                seen.extend(w.tell(Input::Command(Command::HangUp(call))));
            }
            _ => {
                let outs =
                    w.hear(CARRIER, &answers("200 Called-answers", &answer().replace("o=z", "o=called")));
                let ok = message(&outs, AI, "SIP/2.0 200").to_string();
                seen.extend(outs);
                seen.extend(w.hear(AI, &(request("ACK", "2", 1, &ok) + &telltales("calling") + END)));
                if ending == "bye" {
                    seen.extend(w.hear(AI, &(request("BYE", "3", 2, &ok) + &telltales("calling") + END)));
                } else {
                    let bye = format!(
                        "BYE sip:203.0.113.10 SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bKz\r\nFrom: {};tag=called\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 9 BYE\r\n{called}{END}",
                        field(&invite, "To"),
                        field(&invite, "From"),
                        field(&invite, "Call-ID")
                    );
                    seen.extend(w.hear(CARRIER, &bye));
                }
            }
        }
        let mut counts = [0; 2];
        for out in &seen {
            let Out::Message(to, text) = out else { continue };
            let lower = text.to_ascii_lowercase();
            let others: &[&str] = if to == CARRIER {
                counts[0] += 1;
                &["calling", "call-1", "198.51.100.7", "ai.example.com", "z9hg4bkold", "sbc.example.com"]
            } else {
                counts[1] += 1;
                &["called", "192.0.2.3", "198.51.100.9", "sip:them"]
            };
            for other in others {
                assert!(!lower.contains(other), "{ending}: {other} reaches {to}: {text}");
            }
        }
        assert!(counts[0] >= 2 && counts[1] >= 3, "{ending} {counts:?}");
    }
}

/// Bytes as somebody hostile would choose them.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        Just(b"\r\n".to_vec()),
        Just(b"\r\n ".to_vec()),
        Just(b"\r\nX-Evil: 1".to_vec()),
        Just(b"%0d%0aX-Evil: 1".to_vec()),
        Just(b"\nX-Evil: 1\r\n\t".to_vec()),
        Just(b"\0X-Evil:".to_vec()),
        Just(b"\"<sip:+1415555010@x>".to_vec()),
        "[ -~]{1,8}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// The names of all fields.
fn names(bytes: &[u8]) -> Vec<String> {
    let message = Message::parse(bytes).unwrap();
    message.essentials().unwrap();
    message.fields().map(|field| String::from_utf8_lossy(field.spelling).into_owned()).collect()
}

proptest! {
    /// Whatever stands in a caller's fields, its target's INVITE has only the fields it would have had.
    #[test]
    fn nothing_injects_a_header(
        display in hostile(), user in hostile(), asserted in hostile(), own in hostile(), session in hostile(), uui in hostile(),
        kind in prop::sample::select(vec![TrunkKind::Ai, TrunkKind::Carrier, TrunkKind::Phones, TrunkKind::Zendesk]),
    ) {
        let list = "X-Session,User-to-User";
        let mut w = world(Told { kind, header: "X-Caller", brings: list, hears: list, ..PLAIN });
        let plain = invite("1", "support", "");
        let (head, body) = plain.split_once("\r\n\r\n").unwrap();
        let (first, second) = head.split_once(FROM).unwrap();
        let text = [
            first.as_bytes(), b"\"", &display, b"\" <sip:", &user, b"@ai.example.com>", second.as_bytes(),
            b"\r\nP-Asserted-Identity: \"", &asserted, b"\" <sip:", &asserted, b"@x>\r\nX-Caller: ", &own, b"\r\nX-Session: ", &session,
            b"\r\nUser-to-User: ", &uui, b"\r\n\r\n", body.as_bytes(),
        ].concat();
        let path = Path { transport: Transport::Udp, listener: 0, flow: 0, remote: AI.parse().unwrap() };
        let admitted = w.sbc.admit(&w.cx(), path).unwrap();
        w.sbc.handle(&w.cx(), Input::Message(admitted, &text));
        w.drain();
        let Some(call) = w.sbc.calls().next() else { return Ok(()) };
        w.sbc.handle(&w.cx(), Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let mut buffer = [0; 4096];
        let len = loop {
            match w.sbc.poll(&w.cx(), &mut buffer) {
                Output::Transmit { len, .. } => break len,
                Output::Wait(_) => return Ok(()),
                _ => {}
            }
        };
        let names = names(&buffer[..len]);
        let ours = ["Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq", "Contact", "Allow", "Supported"];
        let usual = [&ours[..], &["Session-Expires", "Min-SE", "Content-Type", "Content-Length"]].concat();
        let more = ["P-Asserted-Identity", "Privacy", "X-Session", "User-to-User", "X-Warmline-Call"];
        for name in &names {
            prop_assert!(usual.contains(&name.as_str()) || more.contains(&name.as_str()), "{name}");
        }
        // A line that the peer has really written twice is there twice.
        let lines = |name: &str| Message::parse(&text).unwrap().extension(name.as_bytes()).count();
        for name in ["X-Session", "User-to-User"] {
            let count = names.iter().filter(|found| *found == name).count();
            let most = if kind == TrunkKind::Zendesk { 0 } else { lines(name) };
            prop_assert!(count <= most);
        }
        for name in usual {
            prop_assert!(names.iter().filter(|found| *found == name).count() <= 1, "{name}");
        }
        prop_assert!(!buffer[..len].contains(&0));
    }
}
