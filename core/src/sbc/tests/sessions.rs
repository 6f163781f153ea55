//! Sessions under way: timers (RFC 4028), UPDATE (RFC 3311), re-INVITEs both ways, hold, delayed offers.

use super::*;

const TIMER: &str = "Supported: timer\r\n";
const UPDATES: &str = "Allow: INVITE, ACK, BYE, UPDATE\r\n";

/// An answered call: our 200 to the caller, and our INVITE to the target.
struct Session {
    w: World,
    call: CallId,
    ok: String,
    invite: String,
    /// The peers' CSeq numbers, and branches.
    cseq: u32,
}

impl Session {
    /// `caller` stands in the caller's INVITE, `target` in the target's 200.
    fn new(caller: &str, target: &str) -> Self {
        let mut w = World::new();
        let call = started(&w.hear(AI, &invite("1", "support", caller)));
        w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let question = Question { about: About::Call(call), target: TargetIndex(0) };
        let outs = w.tell(Input::Resolved(question, &at(&[ZENDESK])));
        let invite = message(&outs, ZENDESK, "INVITE").to_string();
        let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", target, ANSWER));
        let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
        w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
        Self { w, call, ok, invite, cseq: 10 }
    }

    /// A request of a peer's within its dialog.
    fn ask(&mut self, from: &str, method: &str, lines: &str, body: &str) -> String {
        self.cseq += 1;
        let number = self.cseq;
        let head = match from {
            AI => {
                request(method, &format!("ask{number}"), number, &self.ok)
                    + &format!("Contact: <sip:ai@{AI}>\r\n{lines}")
            }
            _ => format!(
                "{method} sip:203.0.113.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {ZENDESK};branch=z9hG4bKask{number};rport\r\n\
                 From: {};tag=zen\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n\
                 Contact: <sip:{ZENDESK}>\r\n{lines}",
                field(&self.invite, "To"),
                field(&self.invite, "From"),
                field(&self.invite, "Call-ID")
            ),
        };
        if body.is_empty() { head + END } else { with_body(&head, body) }
    }

    /// What a peer's request is answered with, and what else leaves. A 2xx to an INVITE is acknowledged.
    fn answer(&mut self, from: &str, method: &str, lines: &str, body: &str) -> (String, Vec<Out>) {
        let asked = self.ask(from, method, lines, body);
        let outs = self.w.hear(from, &asked);
        let answer = message(&outs, from, "SIP/2.0").to_string();
        if method == "INVITE" && answer.starts_with("SIP/2.0 200") {
            self.ack(from, body.is_empty().then_some(if from == AI { OFFER } else { ANSWER }));
        }
        (answer, outs)
    }

    fn ack(&mut self, from: &str, body: Option<&str>) -> Vec<Out> {
        self.cseq -= 1;
        let ack = self.ask(from, "ACK", "", body.unwrap_or_default()).replace("bKask", "bKack");
        self.w.hear(from, &ack)
    }

    /// Nothing is said for so many seconds.
    fn quiet(&mut self, seconds: u64) {
        let outs = self.w.later(seconds * 1_000);
        assert!(silent(&outs), "{outs:?}");
    }

    /// A second later something is.
    fn then(&mut self, to: &str, start: &str) -> String {
        let outs = self.w.later(1_000);
        message(&outs, to, start).to_string()
    }

    fn respond(&mut self, to: &str, asked: &str, status: &str, lines: &str, body: &str) -> Vec<Out> {
        let response = respond(asked, status, lines, body);
        let response = if to == AI { response.replace(ZENDESK, AI) } else { response };
        self.w.hear(to, &response)
    }

    fn end(mut self) {
        self.w.tell(Input::Command(Command::HangUpAll));
        self.w.close(self.call);
        self.w.is_clean();
    }

    /// Both legs get a BYE now, with this reason.
    fn expect_end(mut self, outs: &[Out], reason: Reason) {
        for peer in [AI, ZENDESK] {
            let bye = message(outs, peer, "BYE").to_string();
            assert!(field(&bye, "Reason").contains(reason.sentence().trim()), "{bye}");
            self.respond(peer, &bye, "200 OK", "", "");
        }
        assert_eq!(self.w.sbc.call(self.call).map(|view| view.progress), Some(Progress::Ended(reason)));
        self.w.close(self.call);
        self.w.is_clean();
    }
}

fn description(text: &str) -> &str {
    text.split_once("\r\n\r\n").unwrap().1
}

fn origin(text: &str) -> (&str, u64) {
    let line = text.lines().find(|line| line.starts_with("o=")).unwrap();
    let mut words = line.split(' ').skip(1);
    (words.next().unwrap(), words.next().unwrap().parse().unwrap())
}

fn controls(outs: &[Out]) -> Vec<relay::Peer> {
    let peer = |out: &Out| match out {
        Out::Other(Output::Media { control: Control::Point { peer, .. }, .. }) => Some(*peer),
        _ => None,
    };
    outs.iter().filter_map(peer).collect()
}

fn lacks(text: &str, name: &str) -> bool {
    !text.contains(&format!("\r\n{name}:"))
}

#[test]
fn a_caller_that_asks_for_a_timer_refreshes_it_or_is_hung_up() {
    let mut s = Session::new(&format!("{TIMER}Session-Expires: 600\r\n"), "");
    assert_eq!(field(&s.ok, "Session-Expires"), "600;refresher=uac");
    assert_eq!(field(&s.ok, "Require"), "timer");
    assert!(field(&s.ok, "Supported").contains("timer"));
    s.quiet(560);
    let (ok, _) = s.answer(AI, "UPDATE", &format!("{TIMER}Session-Expires: 600;refresher=uac\r\n"), "");
    assert_eq!(field(&ok, "Session-Expires"), "600;refresher=uac");
    s.quiet(560);
    let (ok, _) = s.answer(AI, "INVITE", &format!("{TIMER}Session-Expires: 600\r\n"), OFFER);
    assert_eq!(field(&ok, "Session-Expires"), "600;refresher=uac");
    assert_eq!(origin(&ok), origin(&s.ok));
    // 32 s before the end (RFC 4028 section 10).
    s.quiet(567);
    let outs = s.w.later(1_000);
    s.expect_end(&outs, Reason::SessionExpired);
}

#[test]
fn a_short_timer_ends_a_third_before_its_time() {
    let mut s = Session::new(&format!("{TIMER}Session-Expires: 90\r\n"), "");
    s.quiet(59);
    let outs = s.w.later(1_000);
    s.expect_end(&outs, Reason::SessionExpired);
}

#[test]
fn we_refresh_where_the_caller_wants_us_to() {
    // Without UPDATE by a re-INVITE that says the same, with it by an UPDATE that says nothing.
    for allow in ["", UPDATES] {
        let asks = format!("{TIMER}{allow}x: 600 ; refresher=UAS\r\n");
        let mut s = Session::new(&asks, "");
        assert_eq!(field(&s.ok, "Session-Expires"), "600;refresher=uas");
        let method = if allow.is_empty() { "INVITE" } else { "UPDATE" };
        for _ in 0..3 {
            s.quiet(299);
            let asked = s.then(AI, method);
            assert_eq!(field(&asked, "Session-Expires"), "600;refresher=uac");
            assert!(field(&asked, "Supported").contains("timer") && !field(&asked, "Contact").is_empty());
            let more = format!("{TIMER}Require: timer\r\nSession-Expires: 600;refresher=uac\r\n");
            if method == "INVITE" {
                assert_eq!(description(&asked), description(&s.ok), "not a word of it has changed");
                assert!(silent(&s.respond(AI, &asked, "100 Trying", "", "")));
                let outs = s.respond(AI, &asked, "200 OK", &more, OFFER);
                let ack = message(&outs, AI, &format!("ACK sip:{AI}")).to_string();
                assert_eq!(field(&ack, "CSeq").split(' ').next(), field(&asked, "CSeq").split(' ').next());
                let outs = s.respond(AI, &asked, "200 OK", &more, OFFER);
                message(&outs, AI, "ACK");
            } else {
                assert_eq!(description(&asked), "");
                assert!(silent(&s.respond(AI, &asked, "200 OK", &more, "")));
            }
        }
        s.end();
    }
}

#[test]
fn a_proxy_that_asks_for_a_timer_is_served_by_us() {
    let mut s = Session::new("Session-Expires: 200\r\n", "");
    assert_eq!(field(&s.ok, "Session-Expires"), "200;refresher=uas");
    assert!(lacks(&s.ok, "Require"));
    s.quiet(99);
    let asked = s.then(AI, "INVITE");
    // Its 200 says nothing of a timer: there is none any more.
    s.respond(AI, &asked, "200 OK", "", OFFER);
    s.quiet(100_000);
    s.end();
}

#[test]
fn what_is_too_short_is_refused_and_what_is_no_number_is_none() {
    for (lines, told) in [
        ("Session-Expires: 89\r\n", None),
        ("Session-Expires: 0\r\n", None),
        ("Session-Expires: 90\r\n", Some("90;refresher=uac")),
        ("Session-Expires: 00000000000000000000000000090\r\n", Some("90;refresher=uac")),
        ("Session-Expires: 86399\r\nMin-SE: 4294967295\r\n", Some("86399;refresher=uac")),
        ("Session-Expires: 4294967295\r\n", Some("1800;refresher=uac")),
        ("Session-Expires: 99999999999999999999999\r\nMin-SE: 3600\r\n", Some("3600;refresher=uac")),
        (
            "Session-Expires: 99999999999999999999999\r\nMin-SE: 99999999999999\r\n",
            Some("1800;refresher=uac"),
        ),
        ("Session-Expires: 600\r\nSession-Expires: 600\r\n", Some("600;refresher=uac")),
        ("Session-Expires: 600;refresher=both;x=\"y\"\r\n", Some("600;refresher=uac")),
        ("Session-Expires: -600\r\n", Some("")),
        ("Session-Expires: 6e2\r\n", Some("")),
        ("Session-Expires: ;refresher=uac\r\n", Some("")),
        ("Session-Expires:\r\nMin-SE: x\r\n", Some("")),
        ("Min-SE: 4294967296\r\n", Some("")),
    ] {
        let Some(told) = told else {
            let mut w = World::new();
            let outs = w.hear(AI, &invite("1", "support", &format!("{TIMER}{lines}")));
            let refused = message(&outs, AI, "SIP/2.0 422 Session Interval Too Small");
            assert_eq!(field(refused, "Min-SE"), "90");
            assert_eq!(w.sbc.counters().get(Reason::SessionIntervalTooSmall), 1);
            w.is_clean();
            continue;
        };
        let s = Session::new(&format!("{TIMER}{lines}"), "");
        if told.is_empty() {
            assert!(lacks(&s.ok, "Session-Expires"), "{lines}");
        } else {
            assert_eq!(field(&s.ok, "Session-Expires"), told, "{lines}");
        }
        s.end();
    }
    let mut w = World::new();
    let twice = format!("{TIMER}Session-Expires: 600\r\nSession-Expires: 90\r\n");
    message(&w.hear(AI, &invite("1", "support", &twice)), AI, "SIP/2.0 400");
    w.is_clean();
}

#[test]
fn a_refresh_that_is_too_short_changes_nothing() {
    let mut s = Session::new(&format!("{TIMER}Session-Expires: 600\r\n"), "");
    for method in ["INVITE", "UPDATE"] {
        s.quiet(10);
        let (refused, outs) = s.answer(AI, method, &format!("{TIMER}Session-Expires: 30\r\n"), OFFER);
        assert_eq!(field(&refused, "Min-SE"), "90");
        assert!(controls(&outs).is_empty());
        s.ack(AI, None);
    }
    s.quiet(547);
    let outs = s.w.later(1_000);
    s.expect_end(&outs, Reason::SessionExpired);
}

#[test]
fn a_target_is_asked_for_a_timer_and_says_what_it_is() {
    // None at all.
    let mut s = Session::new("", "");
    assert_eq!(field(&s.invite, "Session-Expires"), "1800");
    assert!(field(&s.invite, "Supported").contains("timer"));
    assert!(lacks(&s.ok, "Session-Expires"));
    s.quiet(100_000);
    s.end();
    // It refreshes, or is dead.
    let mut s = Session::new("", "Require: timer\r\nSession-Expires: 1200;refresher=uas\r\n");
    s.quiet(1_167);
    let (ok, _) = s.answer(ZENDESK, "UPDATE", &format!("{TIMER}Session-Expires: 1200;refresher=uac\r\n"), "");
    assert_eq!(field(&ok, "Session-Expires"), "1200;refresher=uac");
    s.quiet(1_167);
    let outs = s.w.later(1_000);
    s.expect_end(&outs, Reason::SessionExpired);
    // We do.
    let mut s = Session::new("", "Require: timer\r\nSession-Expires: 1800;refresher=uac\r\n");
    s.quiet(899);
    let asked = s.then(ZENDESK, "INVITE sip:54.172.60.1:5060");
    assert_eq!(description(&asked), description(&s.invite));
    assert_eq!(field(&asked, "Session-Expires"), "1800;refresher=uac");
    s.respond(ZENDESK, &asked, "200 OK", "Session-Expires: 1800;refresher=uac\r\n", ANSWER);
    s.quiet(899);
    s.then(ZENDESK, "INVITE");
    s.end();
}

#[test]
fn a_target_that_wants_longer_is_asked_again_but_not_for_ever() {
    let mut w = World::new();
    let (call, first) = w.ring();
    let refuse = |w: &mut World, asked: &str, least: &str| {
        let outs = w.hear(
            ZENDESK,
            &respond(asked, "422 Session Interval Too Small", &format!("Min-SE: {least}\r\n"), ""),
        );
        message(&outs, ZENDESK, "ACK sip:support@acme");
        outs
    };
    let outs = refuse(&mut w, &first, "3600");
    let second = message(&outs, ZENDESK, "INVITE").to_string();
    assert_eq!((field(&second, "Session-Expires"), field(&second, "Min-SE")), ("3600", "3600"));
    assert_eq!(field(&second, "CSeq"), "2 INVITE");
    assert_eq!(field(&second, "Call-ID"), field(&first, "Call-ID"));
    assert_ne!(field(&second, "Via"), field(&first, "Via"));
    // What is no more than was asked for, or no one can mean, is a refusal.
    let outs = refuse(&mut w, &second, "3600");
    message(&outs, AI, "SIP/2.0 480");
    w.close(call);
    for absurd in ["4294967295", "99999999999999", "", "90"] {
        let mut w = World::new();
        let (call, first) = w.ring();
        message(&refuse(&mut w, &first, absurd), AI, "SIP/2.0 480");
        w.close(call);
    }
    let mut w = World::new();
    let (_, mut asked) = w.ring();
    let mut times = 0;
    loop {
        times += 1;
        let outs = refuse(&mut w, &asked, &(1_800 + times).to_string());
        let again =
            |out: &Out| matches!(out, Out::Message(to, text) if to == ZENDESK && text.starts_with("INVITE"));
        if !outs.iter().any(again) {
            message(&outs, AI, "SIP/2.0 480");
            break;
        }
        asked = message(&outs, ZENDESK, "INVITE").to_string();
    }
    assert_eq!(times, 11);
}

#[test]
fn a_refresh_that_fails_ends_the_call() {
    for status in ["408 Request Timeout", "481 Call/Transaction Does Not Exist"] {
        for allow in ["", UPDATES] {
            let mut s = Session::new("", &format!("{allow}Session-Expires: 600;refresher=uac\r\n"));
            s.quiet(299);
            let asked = s.then(ZENDESK, if allow.is_empty() { "INVITE" } else { "UPDATE" });
            let outs = s.respond(ZENDESK, &asked, status, "", "");
            if allow.is_empty() {
                let ack = message(&outs, ZENDESK, "ACK sip:54.172.60.1:5060");
                assert_eq!(field(ack, "Via"), field(&asked, "Via"));
            }
            s.expect_end(&outs, Reason::RefreshFailed);
        }
    }
    for allow in ["", UPDATES] {
        let mut s = Session::new("", &format!("{allow}Session-Expires: 600;refresher=uac\r\n"));
        s.quiet(299);
        s.then(ZENDESK, if allow.is_empty() { "INVITE" } else { "UPDATE" });
        let mut outs = Vec::new();
        for _ in 0..31 {
            outs = s.w.later(1_000);
            assert!(!outs.iter().any(|out| matches!(out, Out::Message(_, text) if text.starts_with("BYE"))));
        }
        outs.extend(s.w.later(1_000));
        s.expect_end(&outs, Reason::RefreshFailed);
    }
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_when_it_may_be() {
    let begin = |allow: &str| {
        let mut s = Session::new("", &format!("{allow}Session-Expires: 600;refresher=uac\r\n"));
        s.quiet(299);
        let asked = s.then(ZENDESK, if allow.is_empty() { "INVITE" } else { "UPDATE" });
        (s, asked)
    };
    // 14.1: between 2.1 and 4 s, as the Call-ID is ours.
    for allow in ["", UPDATES] {
        let (mut s, asked) = begin(allow);
        assert_eq!(
            s.respond(ZENDESK, &asked, "491 Request Pending", "", "").len(),
            usize::from(allow.is_empty())
        );
        assert!(silent(&s.w.later(2_099)));
        let outs = s.w.later(1_901);
        let again = message(&outs, ZENDESK, if allow.is_empty() { "INVITE" } else { "UPDATE" }).to_string();
        assert_ne!(field(&again, "CSeq"), field(&asked, "CSeq"));
        s.end();
    }
    // The caller's Call-ID is not.
    let mut s = Session::new(&format!("{TIMER}Session-Expires: 600;refresher=uas\r\n"), "");
    s.quiet(299);
    let asked = s.then(AI, "INVITE");
    s.respond(AI, &asked, "491 Request Pending", "", "");
    message(&s.w.later(2_000), AI, "INVITE");
    s.end();
    // As long as it says, at most a minute; else for 10 s.
    for (lines, wait) in [("Retry-After: 7\r\n", 7), ("Retry-After: 3600 (later)\r\n", 60), ("", 10)] {
        for status in ["503 Service Unavailable", "500 Server Internal Error", "488 Not Acceptable Here"] {
            let (mut s, asked) = begin(UPDATES);
            s.respond(ZENDESK, &asked, status, lines, "");
            s.quiet(wait - 1);
            s.then(ZENDESK, "UPDATE");
            s.end();
        }
    }
    // It said that it takes UPDATE, and does not.
    for status in ["405 Method Not Allowed", "501 Not Implemented"] {
        let (mut s, asked) = begin(UPDATES);
        let outs = s.respond(ZENDESK, &asked, status, "", "");
        message(&outs, ZENDESK, "INVITE");
        s.end();
    }
    let (mut s, asked) = begin("");
    let outs = s.respond(ZENDESK, &asked, "422 Session Interval Too Small", "Min-SE: 3600\r\n", "");
    let again = message(&outs, ZENDESK, "INVITE").to_string();
    assert_eq!(field(&again, "Session-Expires"), "3600;refresher=uac");
    s.end();
    // A request of the peer's own that gets nowhere is no refusal, but who asks that often does so less often.
    let (mut s, mut asked) = begin(UPDATES);
    for _ in 0..10 {
        s.respond(ZENDESK, &asked, "491 Request Pending", "", "");
        asked = message(&s.w.later(4_000), ZENDESK, "UPDATE").to_string();
    }
    s.respond(ZENDESK, &asked, "491 Request Pending", "", "");
    s.quiet(9);
    s.then(ZENDESK, "UPDATE");
    s.end();
    // Not for ever: the session expires.
    let (mut s, mut asked) = begin(UPDATES);
    let mut times = 0;
    let outs = loop {
        s.respond(ZENDESK, &asked, "500 Server Internal Error", "", "");
        let outs = s.w.later(10_000);
        match outs.iter().find(|out| matches!(out, Out::Message(_, text) if text.starts_with("UPDATE"))) {
            Some(Out::Message(_, text)) => asked = text.clone(),
            _ => break outs,
        }
        times += 1;
    };
    assert!(silent(&outs));
    assert_eq!(times, 10);
    s.quiet(189);
    let outs = s.w.later(1_000);
    s.expect_end(&outs, Reason::SessionExpired);
}

#[test]
fn an_update_is_answered_by_its_own_leg_and_again_when_it_comes_again() {
    for (peer, offer, other) in [(AI, OFFER, ZENDESK), (ZENDESK, ANSWER, AI)] {
        let mut s = Session::new("", "");
        let asked = s.ask(peer, "UPDATE", "", &offer.replace("m=audio", "a=sendonly\r\nm=audio"));
        let outs = s.w.hear(peer, &asked);
        let held = message(&outs, peer, "SIP/2.0 200 OK").to_string();
        assert!(held.contains("a=recvonly"), "{held}");
        assert_eq!(controls(&outs)[0].direction, crate::rtp::Direction::RecvOnly);
        assert!(!outs.iter().any(|out| matches!(out, Out::Message(to, _) if to == other)));
        let outs = s.w.hear(peer, &asked);
        assert_eq!(message(&outs, peer, "SIP/2.0 200 OK"), held);
        let (bare, outs) = s.answer(peer, "UPDATE", "", "");
        assert!(lacks(&bare, "Content-Type") && controls(&outs).is_empty());
        // Not the latest any more, and in time forgotten.
        assert!(s.w.hear(peer, &asked).is_empty());
        s.quiet(40);
        message(&s.w.hear(peer, &asked), peer, "SIP/2.0 500");
        let (refused, outs) = s.answer(
            peer,
            "UPDATE",
            "",
            &offer.replace("RTP/AVP 0", "RTP/AVP 9").replace("RTP/AVP 8", "RTP/AVP 9"),
        );
        assert!(refused.starts_with("SIP/2.0 488") && controls(&outs).is_empty());
        s.end();
    }
}

#[test]
fn an_update_before_the_answer() {
    let mut w = World::new();
    let (call, out) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&out, "180 Ringing", "", ""));
    let ringing = message(&outs, AI, "SIP/2.0 180").to_string();
    let contact = "Contact: <sip:elsewhere@198.51.100.9>\r\n";
    let update = |number: u32| request("UPDATE", &format!("u{number}"), number, &ringing) + contact;
    let bare = update(2) + END;
    let outs = w.hear(AI, &bare);
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    assert!(lacks(&ok, "Content-Type"));
    // The offer in the INVITE has no answer yet.
    let refused = w.hear(AI, &with_body(&update(3), OFFER));
    let refused = message(&refused, AI, "SIP/2.0 500").to_string();
    assert!((0..=10).contains(&field(&refused, "Retry-After").parse::<u32>().unwrap()));
    assert_eq!(message(&w.hear(AI, &with_body(&update(3), OFFER)), AI, "SIP/2.0 500"), refused);
    let outs = w.hear(ZENDESK, &respond(&out, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    // Its ACK is missing, but nothing is open.
    let outs = w.hear(AI, &with_body(&update(4), OFFER));
    message(&outs, AI, "SIP/2.0 200 OK");
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let outs = w.tell(Input::Command(Command::HangUpAll));
    message(&outs, "198.51.100.9:5060", "BYE sip:elsewhere@198.51.100.9 SIP/2.0");
    w.close(call);
    w.is_clean();
}

#[test]
fn both_ask_at_once() {
    let mut s = Session::new("", "Session-Expires: 600;refresher=uac\r\n");
    s.quiet(299);
    let asked = s.then(ZENDESK, "INVITE");
    for (method, body) in [("INVITE", ANSWER), ("INVITE", ""), ("UPDATE", ANSWER)] {
        let (refused, _) = s.answer(ZENDESK, method, "", body);
        assert!(refused.starts_with("SIP/2.0 491"), "{refused}");
        s.ack(ZENDESK, None);
    }
    let (ok, _) = s.answer(ZENDESK, "UPDATE", "", "");
    assert!(ok.starts_with("SIP/2.0 200"), "nothing is offered");
    let outs = s.respond(ZENDESK, &asked, "491 Request Pending", "", "");
    message(&outs, ZENDESK, "ACK");
    // The peer refreshed it meanwhile, without a timer: nothing is due any more.
    let (ok, _) = s.answer(ZENDESK, "INVITE", "", ANSWER);
    assert!(ok.starts_with("SIP/2.0 200"));
    s.quiet(5_000);
    s.end();
    // While the peer's 2xx waits for its ACK, ours waits.
    let mut s = Session::new("", "Session-Expires: 600;refresher=uac\r\n");
    s.quiet(299);
    let lines = format!("{TIMER}Session-Expires: 90;refresher=uas\r\n");
    let again = s.ask(ZENDESK, "INVITE", &lines, ANSWER);
    s.w.hear(ZENDESK, &again);
    for _ in 0..30 {
        let outs = s.w.later(1_000);
        assert!(!outs.iter().any(|out| matches!(out, Out::Message(_, text) if text.starts_with("INVITE"))));
    }
    s.ack(ZENDESK, None);
    s.quiet(14);
    s.then(ZENDESK, "INVITE");
    s.end();
}

#[test]
fn a_re_invite_of_ours_and_a_bye_of_either_side() {
    for first in [true, false] {
        let mut s = Session::new("", "Session-Expires: 600;refresher=uac\r\n");
        s.quiet(299);
        let asked = s.then(ZENDESK, "INVITE");
        let bye = if first {
            s.answer(ZENDESK, "BYE", "", "").1
        } else {
            let outs = s.w.tell(Input::Command(Command::HangUpAll));
            let bye = message(&outs, ZENDESK, "BYE").to_string();
            s.respond(ZENDESK, &bye, "200 OK", "", "");
            outs
        };
        let bye = message(&bye, AI, "BYE").to_string();
        s.respond(AI, &bye, "200 OK", "", "");
        s.w.close(s.call);
        let outs = match first {
            true => s.respond(ZENDESK, &asked, "487 Request Terminated", "", ""),
            false => s.respond(ZENDESK, &asked, "200 OK", "", ANSWER),
        };
        message(&outs, ZENDESK, "ACK");
        assert_eq!(outs.iter().filter(|out| matches!(out, Out::Message(..))).count(), 1, "{outs:?}");
        // It comes again when nothing is left to know it by but the transaction.
        if !first {
            message(&s.respond(ZENDESK, &asked, "200 OK", "", ANSWER), ZENDESK, "ACK");
        }
        s.w.is_clean();
    }
    // Nobody ever says more than 100.
    let mut s = Session::new("", "Session-Expires: 600;refresher=uac\r\n");
    s.quiet(299);
    let asked = s.then(ZENDESK, "INVITE");
    s.respond(ZENDESK, &asked, "100 Trying", "", "");
    s.quiet(299);
    let outs = s.w.later(1_000);
    s.expect_end(&outs, Reason::SessionExpired);
}

/// Every way to hold, and what it is answered with.
const HOLDS: [(&str, &str, &str, bool); 7] = [
    ("m=audio", "a=sendonly\r\nm=audio", "recvonly", false),
    ("m=audio", "a=inactive\r\nm=audio", "inactive", false),
    ("m=audio", "a=recvonly\r\nm=audio", "sendonly", true),
    ("8000\r\n", "8000\r\na=sendonly\r\n", "recvonly", false),
    ("8000\r\n", "8000\r\na=inactive\r\n", "inactive", false),
    ("c=IN IP4 ", "c=IN IP4 0.0.0.0\r\nx=", "sendrecv", false),
    ("m=audio", "c=IN IP4 0.0.0.0\r\na=inactive\r\nm=audio", "inactive", false),
];

#[test]
fn hold_and_resume_in_every_spelling_from_either_leg() {
    for (peer, offer) in [(AI, OFFER), (ZENDESK, ANSWER)] {
        for method in ["INVITE", "UPDATE"] {
            for (from, to, told, sends) in HOLDS {
                let mut s = Session::new("", "");
                let hold = if to.ends_with("x=") {
                    offer.replacen("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0", 1).replacen(
                        "c=IN IP4 168.86.128.9",
                        "c=IN IP4 0.0.0.0",
                        1,
                    )
                } else {
                    offer.replacen(from, to, 1)
                };
                let (held, outs) = s.answer(peer, method, "", &hold);
                assert!(held.contains(&format!("\r\na={told}\r\n")), "{to}: {held}");
                let point = controls(&outs);
                assert_eq!(point.len(), 1, "{to}");
                assert_eq!(point[0].direction.sends() && !point[0].rtp.ip().is_unspecified(), sends, "{to}");
                let (resumed, outs) = s.answer(peer, method, "", offer);
                assert!(resumed.contains("\r\na=sendrecv\r\n"), "{resumed}");
                assert!(controls(&outs)[0].direction.sends() && controls(&outs)[0].direction.receives());
                assert_eq!(origin(&resumed).0, origin(&held).0);
                let same = told == "sendrecv";
                assert_eq!(origin(&resumed).1, origin(&held).1 + u64::from(!same), "{to}");
                s.end();
            }
        }
    }
}

#[test]
fn what_cannot_be_is_refused_and_the_session_goes_on() {
    for (peer, offer) in [(AI, OFFER), (ZENDESK, ANSWER)] {
        for method in ["INVITE", "UPDATE"] {
            let mut s = Session::new("", "");
            let agreed = |s: &Session| {
                let call = s.w.sbc.calls.get(s.call).unwrap();
                [call.first, call.called].map(|leg| s.w.sbc.legs.get(leg.unwrap()).unwrap().agreed)
            };
            let before = agreed(&s);
            for bad in [
                // Port 0, no codec of ours, addresses that are nobody's or not the trunk's, and what cannot be read.
                offer.replace("m=audio 40000", "m=audio 0").replace("m=audio 12000", "m=audio 0"),
                offer.replace("AVP 0 101", "AVP 9 101").replace("AVP 8 101", "AVP 9 101"),
                offer
                    .replace("c=IN IP4 198.51.100.7", "c=IN IP4 192.0.2.200")
                    .replace("c=IN IP4 168.86.128.9", "c=IN IP4 192.0.2.200"),
                offer.replace("RTP/AVP", "RTP/SAVP"),
            ] {
                let (refused, outs) = s.answer(peer, method, "", &bad);
                assert!(refused.starts_with("SIP/2.0 488 Not Acceptable Here"), "{bad}: {refused}");
                assert!(lacks(&refused, "Content-Type") && !field(&refused, "Warning").is_empty());
                assert!(controls(&outs).is_empty());
                s.ack(peer, None);
            }
            let (refused, _) = s.answer(peer, method, "", "hello");
            assert!(refused.starts_with("SIP/2.0 400"), "{refused}");
            s.ack(peer, None);
            assert_eq!(agreed(&s), before);
            s.end();
        }
    }
}

#[test]
fn a_new_codec_or_address_turns_the_relay() {
    use crate::g711::Law;
    let mut s = Session::new("", "");
    let (ok, outs) = s.answer(AI, "INVITE", "", &OFFER.replace("AVP 0", "AVP 8"));
    assert!(ok.contains("RTP/AVP 8 101\r\n"), "{ok}");
    assert_eq!(controls(&outs)[0].profile.send.law, Law::A);
    let (ok, outs) = s.answer(ZENDESK, "UPDATE", "", &ANSWER.replace("AVP 8", "AVP 0"));
    assert!(ok.contains("RTP/AVP 0 101\r\n"), "{ok}");
    assert_eq!(controls(&outs)[0].profile.send.law, Law::Mu);
    let (_, outs) =
        s.answer(ZENDESK, "INVITE", "", &ANSWER.replace("c=IN IP4 168.86.128.9", "c=IN IP4 168.86.191.250"));
    assert_eq!(controls(&outs)[0].rtp, "168.86.191.250:12000".parse().unwrap());
    s.end();
}

#[test]
fn a_re_invite_that_asks_for_an_offer_is_answered_in_its_ack() {
    for (peer, good, bad) in [(AI, OFFER, ANSWER), (ZENDESK, ANSWER, OFFER)] {
        let (mut s, unheld) = (Session::new("", ""), good.replace("m=audio", "a=inactive\r\nm=audio"));
        let again = s.ask(peer, "INVITE", "", "");
        let outs = s.w.hear(peer, &again);
        let offer = message(&outs, peer, "SIP/2.0 200 OK").to_string();
        assert!(offer.contains("a=rtpmap:0 PCMU/8000") && offer.contains("a=rtpmap:8 PCMA/8000"), "{offer}");
        // Nothing else may be offered before that.
        let (refused, _) = s.answer(peer, "UPDATE", "", good);
        assert!(refused.starts_with("SIP/2.0 491"), "{refused}");
        s.cseq -= 1;
        let outs = s.ack(peer, Some(&unheld));
        assert_eq!(controls(&outs)[0].direction, crate::rtp::Direction::Inactive);
        s.end();
        for (body, reason) in [
            (None, Reason::AnswerMissing),
            (Some("hello"), Reason::MalformedSdp),
            (Some(bad), Reason::MediaOutsideRange),
        ] {
            let mut s = Session::new("", "");
            let again = s.ask(peer, "INVITE", "", "");
            s.w.hear(peer, &again);
            let outs = s.ack(peer, body);
            s.expect_end(&outs, reason);
        }
    }
}

#[test]
fn a_restored_call_goes_on_with_its_timers() {
    let mut s = Session::new(
        &format!("{TIMER}Session-Expires: 600\r\n"),
        &format!("{UPDATES}Session-Expires: 400;refresher=uac\r\n"),
    );
    s.quiet(150);
    let record = s.w.record(s.call);
    let (mut w, call, _) = World::after(&record);
    w.opened(call);
    // 200 s after its answer, with an UPDATE; the caller's ends 32 s before 600.
    assert!(silent(&w.later(49_000)));
    let update = message(&w.later(1_000), ZENDESK, "UPDATE").to_string();
    assert_eq!(field(&update, "Session-Expires"), "400;refresher=uac");
    let outs = w.hear(ZENDESK, &respond(&update, "200 OK", "Session-Expires: 1800;refresher=uac\r\n", ""));
    assert!(outs.iter().any(|out| matches!(out, Out::Other(Output::Event(Event::Settled(_))))), "{outs:?}");
    assert!(silent(&w.later(367_000)));
    let outs = w.later(1_000);
    for peer in [AI, ZENDESK] {
        assert!(message(&outs, peer, "BYE").contains("SIP;cause=408"));
    }
    w.close(call);
    w.is_clean();
}
