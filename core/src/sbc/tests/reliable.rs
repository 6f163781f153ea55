//! Provisional responses that are sent reliably (RFC 3262), on both legs.

use super::*;

/// The caller's INVITE with these lines, with its offer or without.
fn invite_with(lines: &str, offers: bool) -> String {
    let text = invite("1", "support", lines);
    if offers { text } else { format!("{}{END}", text.split("Content-Type").next().unwrap()) }
}

impl World {
    /// A caller's INVITE with these lines as far as the INVITE towards Zendesk.
    fn ring_for(&mut self, lines: &str, offers: bool) -> (CallId, String) {
        let call = started(&self.hear(AI, &invite_with(lines, offers)));
        self.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let question = Question { about: About::Call(call), target: TargetIndex(0) };
        let outs = self.tell(Input::Resolved(question, &at(&[ZENDESK])));
        (call, message(&outs, ZENDESK, "INVITE").to_string())
    }

    fn end_of(&mut self, call: CallId) {
        let mut outs = self.tell(Input::Command(Command::HangUpAll));
        while let Some(out) = outs.pop() {
            if let Out::Message(to, text) = &out
                && text.starts_with("BYE")
            {
                outs.extend(self.hear(to, &respond(text, "200 OK", "", "")));
            }
        }
        self.close(call);
        self.is_clean();
    }

    /// What left for the caller, by its first line.
    fn hears(&mut self, millis: u64) -> Vec<String> {
        of(&self.later(millis), AI)
    }
}

fn of(outs: &[Out], at: &str) -> Vec<String> {
    let line = |out: &Out| match out {
        Out::Message(to, text) if to == at => {
            Some(text.lines().next().unwrap_or_default().trim_start_matches("SIP/2.0 ").to_string())
        }
        _ => None,
    };
    outs.iter().filter_map(line).collect()
}

const ABLE: &str = "Supported: timer, 100REL\r\n";
const REQUIRED: &str = "Require: 100rel\r\n";

fn rseq(text: &str) -> u32 {
    assert_eq!(field(text, "Require"), "100rel");
    field(text, "RSeq").parse().unwrap()
}

/// The caller's PRACK to a provisional response of ours.
fn prack(branch: &str, number: u32, response: &str, body: &str) -> String {
    let head = request("PRACK", branch, number, response)
        + &format!("RAck: {} 1 INVITE\r\n", field(response, "RSeq"));
    if body.is_empty() { head + END } else { with_body(&head, body) }
}

/// A provisional response of Zendesk's that is to be acknowledged, in the early dialog with this tag.
fn early(invite: &str, status: &str, tag: &str, rseq: u32, body: &str) -> String {
    respond(invite, status, &format!("Require: 100rel\r\nRSeq: {rseq}\r\n"), body)
        .replace(";tag=zen", &format!(";tag={tag}"))
        .replace(&format!("<sip:{ZENDESK}>"), &format!("<sip:{tag}@{ZENDESK}>"))
}

fn has_sdp(text: &str) -> bool {
    text.contains("Content-Type: application/sdp\r\n")
}

// As UAC.

#[test]
fn a_targets_reliable_ringing_is_acknowledged_once() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    assert!(field(&invite, "Supported").starts_with("100rel"));
    let route = "Record-Route: <sip:54.172.60.2:5080;lr>\r\n";
    let ringing =
        early(&invite, "180 Ringing", "one", 4_294_967_294, "").replace("CSeq", &format!("{route}CSeq"));
    let outs = w.hear(ZENDESK, &ringing);
    message(&outs, AI, "SIP/2.0 180");
    let sent = message(&outs, "54.172.60.2:5080", "PRACK").to_string();
    assert!(sent.starts_with(&format!("PRACK sip:one@{ZENDESK} SIP/2.0\r\n")));
    assert_eq!(field(&sent, "RAck"), "4294967294 1 INVITE");
    assert_eq!(field(&sent, "CSeq"), "2 PRACK");
    assert_eq!(field(&sent, "To"), "<sip:support@acme.sip.twilio.com>;tag=one");
    assert_eq!(field(&sent, "From"), field(&invite, "From"));
    assert_eq!(field(&sent, "Route"), "<sip:54.172.60.2:5080;lr>");
    // It comes again, and then one that is not its successor: neither is acknowledged, and nobody hears of it.
    assert!(w.hear(ZENDESK, &ringing).is_empty());
    // The PRACK is a request like any other: repeated until it is answered.
    assert_eq!(message(&w.later(500), "54.172.60.2:5080", "PRACK"), sent);
    w.hear(ZENDESK, &respond(&sent, "200 OK", "", ""));
    assert!(silent(&w.later(3_000)));
    assert!(w.hear(ZENDESK, &early(&invite, "183 Progress", "one", 7, ANSWER)).is_empty());
    // The number does not wrap.
    let outs = w.hear(ZENDESK, &early(&invite, "183 Progress", "one", u32::MAX, ANSWER));
    assert_eq!(field(message(&outs, ZENDESK, "PRACK"), "RAck"), "4294967295 1 INVITE");
    assert_eq!(field(message(&outs, ZENDESK, "PRACK"), "CSeq"), "3 PRACK");
    assert!(w.hear(ZENDESK, &early(&invite, "180 Ringing", "one", 1, "")).is_empty());
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", "").replace("zen", "one"));
    assert_eq!(field(message(&outs, ZENDESK, "ACK"), "CSeq"), "1 ACK");
    w.end_of(call);
}

#[test]
fn what_cannot_be_acknowledged_is_an_ordinary_provisional_response() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    for (from, to) in [("RSeq: 9\r\n", ""), ("RSeq: 9", "RSeq: 0"), (";tag=one", ""), ("180 R", "100 R")] {
        let text = early(&invite, "180 Ringing", "one", 9, "").replace(from, to);
        let outs = w.hear(ZENDESK, &text);
        assert!(of(&outs, ZENDESK).is_empty(), "{text}");
    }
    let without =
        early(&invite, "180 Ringing", "one", 9, "").replace(&format!("Contact: <sip:one@{ZENDESK}>\r\n"), "");
    assert_eq!(of(&w.hear(ZENDESK, &without), AI), ["180 Ringing"]);
    assert_eq!(w.sbc.counters().get(Reason::MalformedResponse), 1);
    w.end_of(call);
}

#[test]
fn each_early_dialog_of_a_fork_has_an_order_of_its_own() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let mut numbers = Vec::new();
    for (tag, rseq) in
        [("one", 10), ("two", 500), ("one", 11), ("one", 11), ("two", 502), ("two", 501), ("two", 502)]
    {
        let outs = w.hear(ZENDESK, &early(&invite, "180 Ringing", tag, rseq, ""));
        if of(&outs, ZENDESK).is_empty() {
            continue;
        }
        let prack = message(&outs, ZENDESK, &format!("PRACK sip:{tag}@")).to_string();
        assert!(field(&prack, "To").ends_with(&format!(";tag={tag}")));
        numbers.push((field(&prack, "RAck").to_string(), field(&prack, "CSeq").to_string()));
        w.hear(ZENDESK, &respond(&prack, "200 OK", "", ""));
    }
    let expected = [("10", "2"), ("500", "3"), ("11", "4"), ("501", "5"), ("502", "6")]
        .map(|(rseq, cseq)| (format!("{rseq} 1 INVITE"), format!("{cseq} PRACK")));
    assert_eq!(numbers, expected);
    // The one that loses is hung up with a number that its dialog has not seen.
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER).replace("zen", "one"));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER).replace("zen", "two"));
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    assert_eq!(field(&bye, "CSeq"), "7 BYE");
    w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    w.end_of(call);
}

#[test]
fn an_answer_that_came_reliably_is_the_answer_of_its_branch() {
    for winner in ["one", "two"] {
        let mut w = World::new();
        let (call, invite) = w.ring();
        for (tag, host) in [("one", "168.86.128.10"), ("two", "168.86.128.11")] {
            let body = ANSWER.replace("168.86.128.9", host);
            let outs = w.hear(ZENDESK, &early(&invite, "183 Progress", tag, 1, &body));
            w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "PRACK"), "200 OK", "", ""));
            // What the same dialog says later is no answer.
            let other = ANSWER.replace("168.86.128.9", "168.86.128.99");
            let outs = w.hear(ZENDESK, &early(&invite, "183 Progress", tag, 2, &other));
            assert_eq!(pointed(&outs), [format!("{host}:12000")]);
            w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "PRACK"), "200 OK", "", ""));
        }
        let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", "").replace("zen", winner));
        let host = if winner == "one" { "168.86.128.10" } else { "168.86.128.11" };
        assert_eq!(pointed(&outs), [format!("{host}:12000")]);
        assert!(has_sdp(message(&outs, AI, "SIP/2.0 200")));
        assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);
        w.tell(Input::Command(Command::HangUpAll));
    }
    // An answer that came unreliably is none.
    let mut w = World::new();
    let (_, invite) = w.ring();
    w.hear(ZENDESK, &respond(&invite, "183 Progress", "", ANSWER));
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ""));
    message(&outs, AI, "SIP/2.0 488");
    message(&outs, ZENDESK, "BYE");
}

fn pointed(outs: &[Out]) -> Vec<String> {
    let of = |out: &Out| match out {
        Out::Other(Output::Media { control: Control::Point { side: relay::Side::B, peer, .. }, .. }) => {
            Some(peer.rtp.to_string())
        }
        _ => None,
    };
    outs.iter().filter_map(of).collect()
}

#[test]
fn a_flood_of_early_dialogs_is_bounded() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let before = w.sbc.usage();
    let mut pracks = 0;
    for number in 0..500 {
        let outs = w.hear(ZENDESK, &early(&invite, "180 Ringing", &format!("t{number}"), 1, ""));
        pracks += of(&outs, ZENDESK).len();
    }
    assert!((3..=8).contains(&pracks), "{pracks}");
    let after = w.sbc.usage();
    assert_eq!((after.calls, after.legs), (before.calls, before.legs));
    let all = w.sbc.blocks.capacity();
    assert!(after.blocks <= all - all / 4 + 3, "{after:?} of {all}");
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER).replace("zen", "t400"));
    message(&outs, AI, "SIP/2.0 200");
    // One that goes on for ever is bounded as well.
    let mut w2 = World::new();
    let (_, invite) = w2.ring();
    let mut pracks = 0;
    for number in 1..1_000 {
        let outs = w2.hear(ZENDESK, &early(&invite, "180 Ringing", "one", number, ""));
        if let [prack] = &of(&outs, ZENDESK)[..] {
            assert!(prack.starts_with("PRACK"));
            pracks += 1;
            w2.hear(ZENDESK, &respond(message(&outs, ZENDESK, "PRACK"), "200 OK", "", ""));
        }
    }
    assert_eq!(pracks, 250);
    w.later(40_000);
    w.end_of(call);
}

#[test]
fn a_refused_prack_ends_nothing_by_itself() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &early(&invite, "180 Ringing", "one", 1, ""));
    assert!(w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "PRACK"), "481 Gone", "", "")).is_empty());
    assert_eq!(w.sbc.counters().get(Reason::PrackRefused), 1);
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER).replace("zen", "one"));
    message(&outs, AI, "SIP/2.0 200");
    w.end_of(call);
}

#[test]
fn a_cancel_has_its_invites_number_whatever_was_acknowledged() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &early(&invite, "180 Ringing", "one", 1, ""));
    w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "PRACK"), "200 OK", "", ""));
    let outs = w.tell(Input::Command(Command::HangUpAll));
    assert_eq!(field(message(&outs, ZENDESK, "CANCEL"), "CSeq"), "1 CANCEL");
    let refused = message(&outs, AI, "SIP/2.0 503").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &refused) + END));
    w.close(call);
    // What crosses the CANCEL is acknowledged as well: its sender may be waiting for that.
    let outs = w.hear(ZENDESK, &early(&invite, "183 Progress", "one", 2, ANSWER));
    assert_eq!(field(message(&outs, ZENDESK, "PRACK"), "CSeq"), "3 PRACK");
    w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "PRACK"), "200 OK", "", ""));
    let outs = w.hear(ZENDESK, &respond(&invite, "487 Terminated", "", "").replace("zen", "one"));
    message(&outs, ZENDESK, "ACK");
    w.is_clean();
}

/// A target's request within the early dialog with this tag, at its `number`.
fn within(invite: &str, method: &str, tag: &str, number: u32) -> String {
    format!(
        "{method} sip:203.0.113.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {ZENDESK};branch=z9hG4bK{tag}{number};rport\r\n\
         From: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n\
         Contact: <sip:{tag}@{ZENDESK}>\r\n",
        field(invite, "To"),
        field(invite, "From"),
        field(invite, "Call-ID"),
    )
}

#[test]
fn a_target_updates_its_early_dialog() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let offer = ANSWER.replace("168.86.128.9", "168.86.128.20");
    // What has no answer yet cannot be offered anew, whoever says so.
    for (tag, number) in [("one", 4), ("none", 4)] {
        let outs = w.hear(ZENDESK, &with_body(&within(&invite, "UPDATE", tag, number), &offer));
        assert_eq!(of(&outs, ZENDESK), ["491 Request Pending"]);
    }
    let outs = w.hear(ZENDESK, &early(&invite, "183 Progress", "one", 1, ANSWER));
    w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "PRACK"), "200 OK", "", ""));
    // One that changes nothing is answered, in an early dialog of which nothing is known too.
    for tag in ["one", "none"] {
        let outs = w.hear(ZENDESK, &(within(&invite, "UPDATE", tag, 5) + END));
        let ok = message(&outs, ZENDESK, "SIP/2.0 200 OK");
        assert!(!has_sdp(ok) && field(ok, "Contact") == "<sip:203.0.113.10:5060>");
    }
    let update = with_body(&within(&invite, "UPDATE", "one", 6), &offer);
    let outs = w.hear(ZENDESK, &update);
    let ok = message(&outs, ZENDESK, "SIP/2.0 200 OK").to_string();
    assert_eq!(pointed(&outs), ["168.86.128.20:12000"]);
    let origin = |text: &str| text.lines().find(|line| line.starts_with("o=")).unwrap().to_string();
    let version = |text: &str| origin(text).split(' ').nth(2).unwrap().parse::<u32>().unwrap();
    assert_eq!(version(&ok), version(&invite) + 1, "it says something else");
    assert!(ok.contains("m=audio 20") && ok.contains("RTP/AVP 8 101\r\n"), "{ok}");
    // It is answered again as it was, and what comes after its successor is not.
    assert_eq!(message(&w.hear(ZENDESK, &update), ZENDESK, "SIP/2.0 200 OK"), ok);
    let outs = w.hear(ZENDESK, &(within(&invite, "UPDATE", "one", 3) + END));
    assert_eq!(of(&outs, ZENDESK), ["500 Server Internal Error"]);
    // In another one of the fork our offer is still to be answered.
    let outs = w.hear(ZENDESK, &early(&invite, "180 Ringing", "two", 1, ""));
    w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "PRACK"), "200 OK", "", ""));
    let outs = w.hear(ZENDESK, &with_body(&within(&invite, "UPDATE", "two", 1), &offer));
    assert_eq!(of(&outs, ZENDESK), ["491 Request Pending"]);
    // What cannot be is refused and changes nothing.
    let bad = offer.replace("RTP/AVP 8", "RTP/AVP 9");
    let outs = w.hear(ZENDESK, &with_body(&within(&invite, "UPDATE", "one", 7), &bad));
    assert_eq!(of(&outs, ZENDESK), ["488 Not Acceptable Here"]);
    let bad = offer.replace("168.86.128.20", "192.0.2.99");
    let outs = w.hear(ZENDESK, &with_body(&within(&invite, "UPDATE", "one", 8), &bad));
    assert_eq!(of(&outs, ZENDESK), ["488 Not Acceptable Here"]);
    assert!(pointed(&outs).is_empty());
    // Others than UPDATE have no business there, and strangers to the dialog neither.
    let outs = w.hear(ZENDESK, &(within(&invite, "BYE", "one", 9) + END));
    assert_eq!(of(&outs, ZENDESK), ["481 Call/Transaction Does Not Exist"]);
    let stranger = within(&invite, "UPDATE", "one", 10) + END;
    for (from, to) in [(field(&invite, "Call-ID"), "another"), (";tag=one", "")] {
        let outs = w.hear(ZENDESK, &stranger.replace(from, to));
        assert_eq!(of(&outs, ZENDESK), ["481 Call/Transaction Does Not Exist"], "{to}");
    }
    // What was agreed on last is what counts, whatever the 2xx says once more.
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER).replace("zen", "one"));
    assert!(pointed(&outs).iter().all(|at| at == "168.86.128.20:12000"), "{outs:?}");
    message(&outs, AI, "SIP/2.0 200");
    // And it goes on from there.
    let outs = w.hear(ZENDESK, &with_body(&within(&invite, "UPDATE", "one", 11), ANSWER));
    let again = message(&outs, ZENDESK, "SIP/2.0 200 OK");
    assert_eq!(
        (pointed(&outs).as_slice(), version(again)),
        (&["168.86.128.9:12000".to_string()][..], version(&ok))
    );
    w.end_of(call);
}

#[test]
fn each_early_dialog_has_versions_of_its_own() {
    for winner in ["one", "two", "three"] {
        let mut w = World::new();
        let (call, invite) = w.ring();
        let version = |text: &str| {
            let origin = text.lines().find(|line| line.starts_with("o=")).unwrap();
            origin.split(' ').nth(2).unwrap().parse::<u32>().unwrap()
        };
        let (mu, a) = (ANSWER.replace("RTP/AVP 8", "RTP/AVP 0"), ANSWER);
        let mut says = Vec::new();
        for (tag, offers) in [("one", vec![&mu[..], a]), ("two", vec![a]), ("three", vec![])] {
            let outs = w.hear(ZENDESK, &early(&invite, "183 Progress", tag, 1, ANSWER));
            w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "PRACK"), "200 OK", "", ""));
            for (number, offer) in (1..).zip(offers) {
                let outs = w.hear(ZENDESK, &with_body(&within(&invite, "UPDATE", tag, number), offer));
                says.push((tag, version(message(&outs, ZENDESK, "SIP/2.0 200 OK"))));
            }
        }
        assert_eq!(says, [("one", 2), ("one", 3), ("two", 2)]);
        let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", "").replace("zen", winner));
        message(&outs, ZENDESK, "ACK");
        // What is said next follows what was said there.
        let outs = w.hear(ZENDESK, &with_body(&within(&invite, "UPDATE", winner, 9), &mu));
        let next = version(message(&outs, ZENDESK, "SIP/2.0 200 OK"));
        assert_eq!(
            next,
            match winner {
                "one" => 4,
                "two" => 3,
                _ => 2,
            },
            "{winner}"
        );
        w.end_of(call);
    }
}

#[test]
fn an_early_dialog_that_is_given_up_takes_no_update() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let update = |number| within(&invite, "UPDATE", "zen", number) + END;
    message(&w.hear(ZENDESK, &update(1)), ZENDESK, "SIP/2.0 200 OK");
    w.tell(Input::Command(Command::HangUp(call)));
    assert_eq!(of(&w.hear(ZENDESK, &update(2)), ZENDESK), ["481 Call/Transaction Does Not Exist"]);
    w.hear(ZENDESK, &respond(&invite, "487 Terminated", "", ""));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_prack_without_an_answer_ends_no_bye() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &early(&invite, "183 Progress", "one", 1, ANSWER));
    message(&outs, ZENDESK, "PRACK");
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", "").replace("zen", "one"));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    (0..50).for_each(|_| drop(w.later(500)));
    let outs = w.hear(AI, &(request("BYE", "3", 2, &ok) + END));
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    w.close(call);
    // The PRACK's time is over, and the target still has not heard that the call is.
    let outs: Vec<Out> = (0..20).flat_map(|_| w.later(500)).collect();
    assert!(outs.iter().any(|out| matches!(out, Out::Message(_, text) if *text == bye)));
    let ended =
        |outs: &[Out]| outs.iter().any(|out| matches!(out, Out::Other(Output::Event(Event::Ended(_)))));
    assert!(!ended(&outs), "{outs:#?}");
    assert!(ended(&w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""))));
    w.is_clean();
}

// As UAS.

#[test]
fn who_requires_it_gets_every_provisional_response_reliably() {
    let mut w = World::new();
    let (call, invite) = w.ring_for(REQUIRED, true);
    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let ringing = message(&outs, AI, "SIP/2.0 180").to_string();
    assert!((1..1 << 31).contains(&rseq(&ringing)) && !has_sdp(&ringing));
    // Repeated after 0.5, 1.5, 3.5 and 7.5 s, without T2 as a limit.
    let mut at = Vec::new();
    for half in 1..=15 {
        let outs = w.later(500);
        if !silent(&outs) {
            assert_eq!(message(&outs, AI, "SIP/2.0 180"), ringing);
            at.push(half);
        }
    }
    assert_eq!(at, [1, 3, 7, 15]);
    // What follows waits: only the latest of it is said, with the description.
    assert!(silent(&w.hear(ZENDESK, &respond(&invite, "181 Forwarded", "", ""))));
    assert!(silent(&w.hear(ZENDESK, &respond(&invite, "183 Progress", "", ANSWER))));
    for (from, to) in [
        (field(&ringing, "RSeq"), "7"),
        (" 1 INVITE", " 2 INVITE"),
        (" 1 INVITE", " 1 invite"),
        ("RAck: ", "RAck: x"),
    ] {
        let number = w.sbc.parsed() as u32;
        let outs = w.hear(AI, &prack(&format!("p{number}"), number, &ringing, "").replace(from, to));
        let refused = of(&outs, AI);
        assert!(matches!(&refused[0][..3], "481" | "400"), "{refused:?}");
    }
    let outs = w.hear(AI, &prack("p", 100, &ringing, ""));
    message(&outs, AI, "SIP/2.0 200");
    let progress = message(&outs, AI, "SIP/2.0 183").to_string();
    assert_eq!(rseq(&progress), rseq(&ringing) + 1);
    assert!(has_sdp(&progress));
    // The same PRACK again is answered again; another one for the same acknowledges nothing.
    assert_eq!(of(&w.hear(AI, &prack("p", 100, &ringing, "")), AI), ["200 OK"]);
    assert_eq!(of(&w.hear(AI, &prack("q", 101, &ringing, "")), AI), ["481 Call/Transaction Does Not Exist"]);
    assert_eq!(w.sbc.counters().get(Reason::NothingToAcknowledge), 4);
    // The answer came, but the one with the description has not arrived for certain.
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert!(of(&outs, AI).is_empty());
    assert_eq!(w.hears(500), ["183 Session Progress"]);
    let outs = w.hear(AI, &prack("r", 102, &progress, ""));
    assert_eq!(of(&outs, AI), ["200 OK", "200 OK"]);
    let ok = outs.iter().rev().find_map(|out| match out {
        Out::Message(_, text) => Some(text.clone()),
        Out::Other(_) => None,
    });
    let ok = ok.unwrap();
    assert_eq!(field(&ok, "CSeq"), "1 INVITE");
    assert!(!has_sdp(&ok), "the answer was given");
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    assert!(silent(&w.later(5_000)));
    w.end_of(call);
}

#[test]
fn who_supports_it_gets_early_media_reliably_and_nothing_else() {
    let mut w = World::new();
    let (call, invite) = w.ring_for(ABLE, true);
    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let ringing = message(&outs, AI, "SIP/2.0 180");
    assert!(!ringing.contains("RSeq") && !ringing.contains("Require"));
    let outs = w.hear(ZENDESK, &respond(&invite, "183 Progress", "", ANSWER));
    let progress = message(&outs, AI, "SIP/2.0 183").to_string();
    assert!(has_sdp(&progress));
    // Late ringing waits its turn, and has no description.
    assert!(silent(&w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""))));
    let outs = w.hear(AI, &prack("p", 2, &progress, ""));
    let ringing = message(&outs, AI, "SIP/2.0 180").to_string();
    assert!(!ringing.contains("RSeq") && !has_sdp(&ringing));
    for _ in 0..3 {
        let outs = w.hear(ZENDESK, &respond(&invite, "183 Progress", "", ANSWER));
        assert!(!has_sdp(message(&outs, AI, "SIP/2.0 183")));
    }
    // One branch of a fork has ended.
    assert!(w.hear(ZENDESK, &respond(&invite, "199 Early Dialog Terminated", "", "")).is_empty());
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    assert!(!has_sdp(&ok));
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    w.end_of(call);
}

#[test]
fn who_says_nothing_of_it_gets_nothing_reliably() {
    let mut w = World::new();
    let (call, invite) = w.ring_for("Supported: timer\r\n", true);
    for (status, body) in [("180 Ringing", ""), ("183 Progress", ANSWER), ("180 Ringing", "")] {
        let outs = w.hear(ZENDESK, &respond(&invite, status, "", body));
        let text = message(&outs, AI, "SIP/2.0 18");
        assert!(!text.contains("RSeq") && !text.contains("Require"));
    }
    assert!(silent(&w.later(3_000)));
    w.end_of(call);
}

#[test]
fn without_a_prack_the_invite_is_refused_after_32_seconds() {
    for answered in [false, true] {
        let mut w = World::new();
        let (call, invite) = w.ring_for(REQUIRED, true);
        w.hear(ZENDESK, &respond(&invite, "183 Progress", "", ANSWER));
        if answered {
            assert!(of(&w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER)), AI).is_empty());
        } else {
            w.sbc.calls.get_mut(call).unwrap().ring_until = w.now.after(Duration::from_secs(100));
            w.sbc.clock.set(call.index(), w.now.after(Duration::from_secs(100)));
        }
        let mut heard = Vec::new();
        for _ in 0..63 {
            heard.extend(w.hears(500));
        }
        assert_eq!(heard, vec!["183 Session Progress"; 6]);
        let outs = w.later(500);
        let refused = message(&outs, AI, "SIP/2.0 504").to_string();
        assert!(field(&refused, "Warning").contains("never acknowledged"));
        let told = if answered { "BYE" } else { "CANCEL" };
        let told = message(&outs, ZENDESK, told).to_string();
        assert_eq!(w.sbc.counters().get(Reason::PrackMissing), 1);
        w.hear(AI, &(request("ACK", "1", 1, &refused) + END));
        w.hear(ZENDESK, &respond(&told, "200 OK", "", ""));
        if !answered {
            w.hear(ZENDESK, &respond(&invite, "487 Terminated", "", ""));
        }
        w.close(call);
        w.is_clean();
    }
}

#[test]
fn a_caller_without_an_offer_is_made_one_and_answers_in_its_prack() {
    for lines in [ABLE, REQUIRED] {
        let mut w = World::new();
        let (call, invite) = w.ring_for(lines, false);
        let outs = w.hear(ZENDESK, &respond(&invite, "183 Progress", "", ANSWER));
        let progress = message(&outs, AI, "SIP/2.0 183").to_string();
        assert!(progress.contains("RTP/AVP 0 8 101") || progress.contains("RTP/AVP 8 0 101"), "{progress}");
        let outs = w.hear(AI, &prack("p", 2, &progress, OFFER));
        assert!(!has_sdp(message(&outs, AI, "SIP/2.0 200")));
        assert!(outs.iter().any(|out| matches!(
            out,
            Out::Other(Output::Media { control: Control::Point { side: relay::Side::A, .. }, .. })
        )));
        let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
        let ok = message(&outs, AI, "SIP/2.0 200").to_string();
        assert!(!has_sdp(&ok));
        w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
        assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);
        w.end_of(call);
    }
    // An answer that says nothing is none.
    let mut w = World::new();
    let (call, invite) = w.ring_for(REQUIRED, false);
    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let ringing = message(&outs, AI, "SIP/2.0 180").to_string();
    assert!(has_sdp(&ringing), "the first reliable response offers");
    let outs = w.hear(AI, &prack("p", 2, &ringing, ""));
    assert_eq!(of(&outs, AI), ["200 OK", "400 Bad Request"]);
    message(&outs, ZENDESK, "CANCEL");
    w.close(call);
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200() {
    let mut w = World::new();
    let (call, invite) = w.ring_for(ABLE, true);
    let outs = w.hear(ZENDESK, &respond(&invite, "183 Progress", "", ANSWER));
    let progress = message(&outs, AI, "SIP/2.0 183").to_string();
    // One that cannot be taken is refused, and acknowledges nothing.
    let bad = OFFER.replace("RTP/AVP 0 101", "RTP/AVP 9 101");
    assert_eq!(of(&w.hear(AI, &prack("o", 2, &progress, &bad)), AI), ["488 Not Acceptable Here"]);
    assert_eq!(w.hears(500), ["183 Session Progress"]);
    let other = OFFER.replace("40000", "40002").replace("m=audio", "a=sendonly\r\nm=audio");
    let outs = w.hear(AI, &prack("p", 3, &progress, &other));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    assert!(ok.contains("a=recvonly") && field(&ok, "CSeq") == "3 PRACK", "{ok}");
    let version = |text: &str| text.split("o=").nth(1).unwrap().split(' ').nth(2).unwrap().to_string();
    assert_ne!(version(&ok), version(&progress));
    assert!(outs.iter().any(|out| matches!(out, Out::Other(Output::Media { control: Control::Point { side: relay::Side::A, peer, .. }, .. }) if peer.rtp.port() == 40_002)));
    assert_eq!(message(&w.hear(AI, &prack("p", 3, &progress, &other)), AI, "SIP/2.0 200"), ok);
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert!(!has_sdp(message(&outs, AI, "SIP/2.0 200")));
    w.end_of(call);

    // While the first offer has no answer there can be no second.
    let mut w = World::new();
    let (call, invite) = w.ring_for(REQUIRED, true);
    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let ringing = message(&outs, AI, "SIP/2.0 180").to_string();
    assert_eq!(of(&w.hear(AI, &prack("p", 2, &ringing, OFFER)), AI), ["491 Request Pending"]);
    assert_eq!(of(&w.hear(AI, &prack("q", 3, &ringing, "")), AI), ["200 OK"]);
    w.end_of(call);
}

#[test]
fn a_cancel_ends_what_waits() {
    let mut w = World::new();
    let (call, invite) = w.ring_for(REQUIRED, true);
    let outs = w.hear(ZENDESK, &respond(&invite, "183 Progress", "", ANSWER));
    let progress = message(&outs, AI, "SIP/2.0 183").to_string();
    w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let outs = w.hear(AI, &format!(
        "CANCEL sip:support@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {AI};branch=z9hG4bK1;rport\r\nFrom: \"Caller\" <sip:01012345678@ai.example.com>;tag=a1\r\n\
         To: <sip:support@sbc.example.com>\r\nCall-ID: call-1@ai\r\nCSeq: 1 CANCEL\r\n{END}"
    ));
    assert_eq!(of(&outs, AI), ["200 OK", "487 Request Terminated"]);
    w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "CANCEL"), "200 OK", "", ""));
    // The PRACK was on its way: what it acknowledges did go out.
    assert_eq!(of(&w.hear(AI, &prack("p", 2, &progress, "")), AI), ["200 OK"]);
    let terminated = message(&outs, AI, "SIP/2.0 487").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &terminated) + END));
    w.hear(ZENDESK, &respond(&invite, "487 Terminated", "", ""));
    assert!(silent(&w.later(5_000)));
    // With its leg gone still.
    assert_eq!(of(&w.hear(AI, &prack("q", 3, &progress, "")), AI), ["200 OK"]);
    let another = prack("r", 4, &progress, "").replace("RAck: ", "RAck: 1");
    assert_eq!(of(&w.hear(AI, &another), AI), ["481 Call/Transaction Does Not Exist"]);
    w.close(call);
    w.is_clean();
}

#[test]
fn an_answer_need_not_wait_for_ringing_to_be_acknowledged() {
    let mut w = World::new();
    let (call, invite) = w.ring_for(REQUIRED, true);
    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let ringing = message(&outs, AI, "SIP/2.0 180").to_string();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    assert!(has_sdp(&ok));
    // The ringing is not repeated any more, the answer is, and a late PRACK is taken.
    assert_eq!(w.hears(500), ["200 OK"]);
    assert_eq!(of(&w.hear(AI, &prack("p", 2, &ringing, "")), AI), ["200 OK"]);
    assert_eq!(w.hears(1_000), ["200 OK"]);
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    assert!(silent(&w.later(5_000)));
    w.end_of(call);
}

#[test]
fn a_prack_for_nobody_finds_nobody() {
    let mut w = World::new();
    let text = format!(
        "PRACK sip:203.0.113.10 SIP/2.0\r\nVia: SIP/2.0/UDP {AI};branch=z9hG4bKn\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@c>\r\nCall-ID: n\r\nCSeq: 1 PRACK\r\nRAck: 1 1 INVITE\r\n{END}"
    );
    assert_eq!(of(&w.hear(AI, &text), AI), ["481 Call/Transaction Does Not Exist"]);
    let text = text.replace("z9hG4bKn", "z9hG4bKm").replace("<sip:a@c>", "<sip:a@c>;tag=0123456789abcdef");
    assert_eq!(of(&w.hear(AI, &text), AI), ["481 Call/Transaction Does Not Exist"]);
    w.is_clean();
}
