//! INVITEs with Replaces: who comes into the call in whose place, and what is refused.

use super::transfer::{BACK, CARRIER, End, answer, find, setting, told};
use super::*;
use crate::call::Progress;

pub(super) fn tag(text: &str) -> &str {
    text.split(";tag=").nth(1).unwrap()
}

/// The dialog of this end, as its peer would name it to us.
pub(super) fn dialog(end: &End) -> String {
    format!("{};to-tag={};from-tag={}", end.call_id, tag(&end.ours), tag(&end.own))
}

/// An INVITE of the AI platform's other server, for the dialog that is named so.
fn replacing(branch: &str, dialog: &str, more: &str) -> String {
    let text = invite(branch, "x", &format!("Require: replaces\r\nReplaces: {dialog}\r\n{more}"));
    text.replace("sip:x@sbc.example.com SIP/2.0", "sip:203.0.113.10:5060 SIP/2.0").replace(AI, BACK)
}

fn ack(ok: &str) -> String {
    request("ACK", "ack", 1, ok).replace(AI, BACK) + END
}

pub(super) fn port(described: &str) -> &str {
    described.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap()
}

#[test]
fn another_leg_takes_the_place_of_the_called_one() {
    let mut w = World::with(7, setting(false));
    let (call, mut carrier, agent) = w.talk_to_agent();
    let invite = replacing("9", &dialog(&agent), "");
    let outs = w.hear(BACK, &invite);
    assert_eq!(
        told(&outs),
        [
            format!("SIP/2.0 100 {BACK}"),
            "point B".into(),
            format!("SIP/2.0 200 {BACK}"),
            format!("BYE sip:{AI} {AI}"),
            "settled".into()
        ]
    );
    let ok = find(&outs, "SIP/2.0 200").to_string();
    assert!(field(&ok, "Supported").contains("replaces"));
    let bye = find(&outs, "BYE").to_string();
    assert_eq!(field(&bye, "Call-ID"), agent.call_id);
    assert!(field(&bye, "Reason").contains("Call completed elsewhere"));
    assert_eq!(w.sbc.usage().ports, 2);
    w.answer_byes(&outs);
    assert_eq!(w.sbc.usage().legs, 2);
    // Until it is acknowledged the answer is repeated, and a late copy of the INVITE changes nothing.
    assert_eq!(told(&w.later(500)), [format!("SIP/2.0 200 {BACK}")]);
    assert!(told(&w.hear(BACK, &invite)).iter().all(|told| told.starts_with("SIP/2.0 200")));
    assert!(w.hear(BACK, &ack(&ok)).is_empty());
    assert!(silent(&w.later(20_000)));

    // Such a call outlives a restart, and each leg is still what it was.
    let mut record = [0; 2200];
    let len = w.sbc.save(&w.cx(), call, &mut record).unwrap();
    let mut other = World::with(8, w.config);
    let taken = other.sbc.restore(&other.cx(), &record[..len]).unwrap();
    other.drain();
    other.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(taken) }));
    let mut twin = End::calling(BACK, &ok);
    let outs = other.hear(BACK, &twin.request("BYE", ""));
    message(&outs, CARRIER, "BYE");
    assert_eq!(other.sbc.call(taken).unwrap().progress, Progress::Ended(Reason::TargetHungUp));
    other.answer_byes(&outs);
    other.close(taken);
    other.is_clean();

    let outs = w.hear(CARRIER, &carrier.request("BYE", ""));
    assert_eq!(field(message(&outs, BACK, "BYE"), "Call-ID"), "call-9@ai");
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

#[test]
fn another_leg_takes_the_callers_place() {
    let mut w = World::with(7, setting(false));
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let agent = End::calling(AI, &ok);
    let outs = w.hear(BACK, &replacing("9", &dialog(&agent), ""));
    let new = message(&outs, BACK, "SIP/2.0 200").to_string();
    assert_eq!(port(&new), port(&ok), "the relay's port stays");
    assert!(told(&outs).contains(&"point A".into()));
    assert_eq!(field(message(&outs, AI, "BYE"), "Call-ID"), agent.call_id);
    w.answer_byes(&outs);
    w.hear(BACK, &ack(&new));
    let view = w.sbc.call(call).unwrap();
    assert_eq!((view.call_id, view.ticket.map(|ticket| ticket.get())), (&b"call-9@ai"[..], Some(35436)));
    assert_eq!(view.caller, Some(&b"+821012345678"[..]));
    // It can do all that the old one could: transfer the call, for example.
    let mut agent = End::calling(BACK, &new);
    let second = w.refer_to_support(call, &mut agent, "<sip:support@sbc.example.com>");
    let outs = w.hear(ZENDESK, &answer(ZENDESK, "two", &second, "200 OK", ANSWER));
    assert_eq!(told(&outs)[..2], ["point C", "bridge Some([B, C])"]);
    w.end_transferred(call);
}

#[test]
fn a_ringing_leg_is_picked_up() {
    for crosses in [false, true] {
        let mut w = World::with(7, setting(false));
        let text = invite("1", "agent", "").replace(AI, CARRIER);
        let outs = w.hear(CARRIER, &text);
        let call = started(&outs);
        let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let asked = find(&outs, "INVITE sip:agent@").to_string();
        let ringing = End::called(AI, &asked, "desk");
        // Not before it has said anything.
        let outs = w.hear(BACK, &replacing("8", &dialog(&ringing), ""));
        assert_eq!(told(&outs), [&format!("SIP/2.0 481 {BACK}")[..], "refused"]);
        w.hear(AI, &answer(AI, "desk", &asked, "180 Ringing", ""));
        let wrong = dialog(&ringing).replace("from-tag=desk", "from-tag=other");
        let outs = w.hear(BACK, &replacing("7", &wrong, ""));
        assert_eq!(told(&outs), [&format!("SIP/2.0 481 {BACK}")[..], "refused"]);
        let invite = replacing("9", &format!("{};early-only", dialog(&ringing)), "");
        let outs = w.hear(BACK, &invite);
        assert_eq!(
            told(&outs),
            [
                format!("SIP/2.0 100 {BACK}"),
                "point B".into(),
                format!("SIP/2.0 200 {CARRIER}"),
                format!("SIP/2.0 200 {BACK}"),
                format!("CANCEL sip:agent@198.51.100.7 {AI}"),
                "answered".into(),
                "settled".into()
            ]
        );
        let (caller, new) = (message(&outs, CARRIER, "SIP/2.0 200"), message(&outs, BACK, "SIP/2.0 200"));
        let (caller, new) = (caller.to_string(), new.to_string());
        let cancel = find(&outs, "CANCEL").to_string();
        assert!(field(&cancel, "Reason").contains("Call completed elsewhere"));
        w.hear(AI, &respond(&cancel, "200 OK", "", ""));
        if crosses {
            let outs = w.hear(AI, &answer(AI, "desk", &asked, "200 OK", OFFER));
            assert_eq!(told(&outs), [format!("ACK sip:{AI} {AI}"), format!("BYE sip:{AI} {AI}")]);
            w.answer_byes(&outs);
        } else {
            let outs = w.hear(AI, &answer(AI, "desk", &asked, "487 Terminated", ""));
            assert_eq!(told(&outs), [format!("ACK sip:agent@198.51.100.7 {AI}")]);
        }
        w.hear(CARRIER, &(request("ACK", "2", 1, &caller).replace(AI, CARRIER) + END));
        w.hear(BACK, &ack(&new));
        assert_eq!(w.sbc.usage().legs, 2);
        assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);
        assert!(silent(&w.later(20_000)));
        w.end_transferred(call);
    }
}

#[test]
fn a_transfer_that_rings_is_picked_up() {
    let mut w = World::with(7, setting(true));
    let (call, _, mut agent) = w.talk_to_agent();
    // To somebody of the platform's own.
    let outs = w.hear(AI, &agent.refer("<sip:agent@sbc.example.com>"));
    w.answer_notify(&outs);
    let outs = w.place_joined(call, relay::Side::C);
    let asked = find(&outs, "INVITE sip:agent@").to_string();
    w.hear(AI, &answer(AI, "two", &asked, "180 Ringing", ""));
    let rung = End::called(AI, &asked, "two");
    // The referrer's own leg is not to be replaced meanwhile.
    let outs = w.hear(BACK, &replacing("8", &dialog(&agent), ""));
    assert_eq!(told(&outs), [&format!("SIP/2.0 491 {BACK}")[..], "refused"]);
    let outs = w.hear(BACK, &replacing("9", &dialog(&rung), ""));
    let told = told(&outs);
    assert_eq!(told[1..3], ["point C", "bridge Some([A, C])"]);
    assert!(told.contains(&format!("CANCEL sip:agent@198.51.100.7 {AI}")));
    let ok = message(&outs, BACK, "SIP/2.0 200").to_string();
    w.hear(BACK, &ack(&ok));
    let cancel = find(&outs, "CANCEL").to_string();
    w.hear(AI, &respond(&cancel, "200 OK", "", ""));
    w.hear(AI, &answer(AI, "two", &asked, "487 Terminated", ""));
    // The referrer, on its way out, is none to be replaced any more.
    let outs = w.hear(BACK, &replacing("7", &dialog(&agent), ""));
    assert!(find(&outs, "SIP/2.0 603").contains("is being ended"));
    w.end_transferred(call);
}

#[test]
fn without_an_offer_the_answer_comes_with_the_ack() {
    let mut w = World::with(7, setting(false));
    let (call, _, agent) = w.talk_to_agent();
    let invite = replacing("9", &dialog(&agent), "");
    let head = invite.split("Content-Type").next().unwrap();
    let outs = w.hear(BACK, &format!("{head}{END}"));
    let ok = message(&outs, BACK, "SIP/2.0 200").to_string();
    assert!(ok.contains("m=audio") && !told(&outs).contains(&"point B".into()));
    w.answer_byes(&outs);
    let head = request("ACK", "ack", 1, &ok).replace(AI, BACK);
    let outs = w.hear(BACK, &with_body(&head, OFFER));
    assert_eq!(told(&outs), ["point B", "settled"]);
    w.end_transferred(call);
}

#[test]
fn a_replaced_leg_whose_ack_is_missing_ends_alone() {
    let mut w = World::with(7, setting(false));
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    let agent = End::calling(AI, &ok);
    let outs = w.hear(BACK, &replacing("9", &dialog(&agent), ""));
    let new = message(&outs, BACK, "SIP/2.0 200").to_string();
    w.hear(BACK, &ack(&new));
    // A BYE may not leave before the ACK is there, or is hoped for no more.
    assert!(!told(&outs).iter().any(|told| told.starts_with("BYE")));
    let mut byes = 0;
    for _ in 0..70 {
        let outs = w.later(500);
        byes +=
            outs.iter().filter(|out| matches!(out, Out::Message(_, text) if text.starts_with("BYE"))).count();
        w.answer_byes(&outs);
    }
    assert_eq!((byes, w.sbc.usage().legs), (1, 2));
    assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);
    w.end_transferred(call);
}

#[test]
fn what_is_refused() {
    let mut w = World::with(7, setting(false));
    let (call, mut carrier, mut agent) = w.talk_to_agent();
    let (ours, other) = (dialog(&agent), dialog(&carrier));
    let swapped = format!("{};to-tag={};from-tag={}", agent.call_id, tag(&agent.own), tag(&agent.ours));
    for (number, (named, more, status)) in [
        ("a@b;to-tag=1;from-tag=2", "", 481),
        (&swapped, "", 481),
        (&ours.replace("from-tag=agent", "from-tag=agend"), "", 481),
        (&ours.replacen(&agent.call_id, "x", 1), "", 481),
        (&format!("{ours};early-only"), "", 486),
        (&other, "", 403),
        (&agent.call_id, "", 400),
        (&format!("{ours};to-tag=1"), "", 400),
        (&ours, &format!("Replaces: {ours}\r\n"), 400),
        (&ours, "Join: a@b;to-tag=1;from-tag=2\r\n", 400),
        (&ours, "Session-Expires: 60\r\nSupported: timer\r\n", 422),
        (&ours, "Accept: text/plain\r\n", 406),
        (&ours, "Require: precondition\r\n", 420),
    ]
    .into_iter()
    .enumerate()
    {
        let outs = w.hear(BACK, &replacing(&format!("r{number}"), named, more));
        assert_eq!(told(&outs), [&format!("SIP/2.0 {status} {BACK}")[..], "refused"], "{named} {more}");
    }
    let unusable = replacing("r97", &ours, "").replace("RTP/AVP 0 101", "RTP/AVP 9 101");
    assert_eq!(told(&w.hear(BACK, &unusable)), [&format!("SIP/2.0 488 {BACK}")[..], "refused"]);
    // Nobody but the platform itself, and not who may not transfer.
    let text = replacing("r98", &other, "").replace(BACK, CARRIER);
    let outs = w.hear(CARRIER, &text);
    assert!(find(&outs, "SIP/2.0 403").contains("that does not transfer calls"));
    let text = replacing("r99", &ours, "").replace(BACK, ZENDESK);
    assert_eq!(told(&w.hear(ZENDESK, &text)), [&format!("SIP/2.0 403 {ZENDESK}")[..], "refused"]);
    // It belongs to a new INVITE.
    let replaces = format!("Replaces: {ours}\r\n");
    for method in ["INVITE", "OPTIONS", "REFER"] {
        let more = format!("{replaces}Refer-To: <sip:support@sbc.example.com>\r\n");
        let outs = w.hear(AI, &agent.request(method, &more));
        assert_eq!(told(&outs), [&format!("SIP/2.0 400 {AI}")[..], "refused"], "{method}");
    }
    let text = invite("r96", "x", &replaces).replace("INVITE", "OPTIONS");
    assert_eq!(told(&w.hear(AI, &text)), [&format!("SIP/2.0 400 {AI}")[..], "refused"]);
    assert_eq!(w.sbc.usage().legs, 2);

    // What is being ended, or was.
    let outs = w.hear(CARRIER, &carrier.request("BYE", ""));
    assert_eq!(
        told(&w.hear(BACK, &replacing("e1", &ours, ""))),
        [&format!("SIP/2.0 603 {BACK}")[..], "refused"]
    );
    w.answer_byes(&outs);
    assert_eq!(
        told(&w.hear(BACK, &replacing("e2", &ours, ""))),
        [&format!("SIP/2.0 481 {BACK}")[..], "refused"]
    );
    w.close(call);
    w.is_clean();
}

#[test]
fn a_callers_early_dialog_is_not_replaced() {
    let mut w = World::with(7, setting(false));
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let ringing = message(&outs, AI, "SIP/2.0 180").to_string();
    let outs = w.hear(BACK, &replacing("9", &dialog(&End::calling(AI, &ringing)), ""));
    assert_eq!(told(&outs), [&format!("SIP/2.0 481 {BACK}")[..], "refused"]);
    // Neither is one that no INVITE of theirs can know of: Zendesk's.
    let outs = w.hear(BACK, &replacing("8", &dialog(&End::called(ZENDESK, &invite, "zen")), ""));
    assert_eq!(told(&outs), [&format!("SIP/2.0 403 {BACK}")[..], "refused"]);
    let outs = w.tell(Input::Command(Command::HangUpAll));
    w.hear(ZENDESK, &respond(find(&outs, "CANCEL"), "200 OK", "", ""));
    w.hear(ZENDESK, &respond(&invite, "487 Gone", "", ""));
    let refused = message(&outs, AI, "SIP/2.0 503").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &refused) + END));
    w.close(call);
    w.is_clean();
}
