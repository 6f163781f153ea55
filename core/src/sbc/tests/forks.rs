//! INVITEs that fork: several early dialogs, several answers, and answers that nobody waits for.

use super::*;

/// The response of the branch with this tag, whose Contact is its own too.
fn branch(invite: &str, status: &str, tag: &str, more: &str, body: &str) -> String {
    respond(invite, status, more, body)
        .replace(";tag=zen", &format!(";tag={tag}"))
        .replace(&format!("<sip:{ZENDESK}>"), &format!("<sip:{tag}@{ZENDESK}>"))
}

/// What left for Zendesk, by method and To tag.
fn told(outs: &[Out]) -> Vec<String> {
    let of = |out: &Out| match out {
        Out::Message(to, text) if to == ZENDESK => {
            let tag = field(text, "To").split(";tag=").nth(1).unwrap_or_default();
            Some(format!("{} {tag}", text.split(' ').next().unwrap_or_default()))
        }
        _ => None,
    };
    outs.iter().filter_map(of).collect()
}

impl World {
    /// A call that `first` answered: the INVITE, and the 200 the caller got.
    fn answered_by(&mut self, first: &str) -> (CallId, String, String) {
        let (call, invite) = self.ring();
        let outs = self.hear(ZENDESK, &branch(&invite, "200 OK", first, "", ANSWER));
        let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
        assert_eq!(told(&outs), [format!("ACK {first}")]);
        self.hear(AI, &(request("ACK", "2", 1, &ok) + END));
        (call, invite, ok)
    }

    fn hang_all_up(&mut self, call: CallId) {
        for out in self.tell(Input::Command(Command::HangUpAll)) {
            if let Out::Message(to, text) = &out
                && text.starts_with("BYE")
            {
                self.hear(to, &respond(text, "200 OK", "", ""));
            }
        }
        self.close(call);
        self.is_clean();
    }
}

#[test]
fn the_first_answer_wins_and_every_other_one_is_hung_up() {
    let mut w = World::new();
    let (call, invite, _) = w.answered_by("one");
    let route = "Record-Route: <sip:p2.example.net;lr>\r\nRecord-Route: <sip:54.172.60.2:5080;lr>\r\n";
    let two = branch(&invite, "200 OK", "two", route, ANSWER);
    let outs = w.hear(ZENDESK, &two);
    // In this order, by the route of that answer alone, and to its first hop.
    let [Out::Message(at_ack, ack), Out::Message(at_bye, bye)] = &outs[..] else { panic!("{outs:#?}") };
    assert_eq!((at_ack.as_str(), at_bye.as_str()), ("54.172.60.2:5080", "54.172.60.2:5080"));
    for (text, method, cseq) in [(ack, "ACK", "1 ACK"), (bye, "BYE", "2 BYE")] {
        assert!(text.starts_with(&format!("{method} sip:two@{ZENDESK} SIP/2.0\r\n")), "{text}");
        assert_eq!(field(text, "CSeq"), cseq);
        assert_eq!(field(text, "Route"), "<sip:54.172.60.2:5080;lr>,<sip:p2.example.net;lr>");
        assert_eq!(field(text, "To"), "<sip:support@acme.sip.twilio.com>;tag=two");
        assert_eq!(field(text, "From"), field(&invite, "From"));
        assert_eq!(field(text, "Call-ID"), field(&invite, "Call-ID"));
        assert_eq!(field(text, "Max-Forwards"), "70");
    }
    // Its ACK was lost: the 2xx comes again, and gets only that again. So does the first one's.
    let outs = w.hear(ZENDESK, &two);
    let [Out::Message(_, again)] = &outs[..] else { panic!("{outs:#?}") };
    assert!(again.starts_with("ACK") && field(again, "To").ends_with("tag=two"));
    assert_eq!(told(&w.hear(ZENDESK, &branch(&invite, "200 OK", "one", "", ANSWER))), ["ACK one"]);
    // The BYE is repeated as it was until it is answered.
    let repeated = w.later(500);
    let [Out::Message(_, repeated)] = &repeated[..] else { panic!("{repeated:#?}") };
    assert_eq!(repeated, bye);
    assert!(w.hear(ZENDESK, &respond(bye, "200 OK", "", "")).is_empty());
    assert!(silent(&w.later(20_000)));
    assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);
    assert_eq!(w.sbc.counters().get(Reason::AnsweredTooLate), 1);
    w.hang_all_up(call);
}

#[test]
fn branches_ring_side_by_side() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    for (tag, status) in [("one", "180 Ringing"), ("two", "180 Ringing"), ("three", "181 Forwarded")] {
        message(&w.hear(ZENDESK, &branch(&invite, status, tag, "", "")), AI, "SIP/2.0 18");
    }
    // Whoever spoke last is heard, until somebody answers.
    let early = |host: &str| ANSWER.replace("168.86.128.9", host);
    for (tag, host) in [("one", "168.86.128.10"), ("two", "168.86.128.11"), ("one", "168.86.128.10")] {
        let outs = w.hear(ZENDESK, &branch(&invite, "183 Session Progress", tag, "", &early(host)));
        message(&outs, AI, "SIP/2.0 183");
        assert_eq!(pointed(&outs), [format!("{host}:12000")]);
    }
    let outs = w.hear(ZENDESK, &branch(&invite, "200 OK", "three", "", &early("168.86.128.12")));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    assert_eq!(pointed(&outs), ["168.86.128.12:12000"]);
    assert_eq!(told(&outs), ["ACK three"]);
    // A branch that rings on changes nothing.
    assert!(w.hear(ZENDESK, &branch(&invite, "183 Session Progress", "two", "", ANSWER)).is_empty());
    w.hang_all_up(call);
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

/// The caller's CANCEL, and what it makes leave.
fn cancel(w: &mut World) -> Vec<Out> {
    let outs = w.hear(AI, &format!(
        "CANCEL sip:support@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {AI};branch=z9hG4bK1;rport\r\nFrom: \"Caller\" <sip:01012345678@ai.example.com>;tag=a1\r\n\
         To: <sip:support@sbc.example.com>\r\nCall-ID: call-1@ai\r\nCSeq: 1 CANCEL\r\n{END}"
    ));
    let terminated = message(&outs, AI, "SIP/2.0 487").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &terminated) + END));
    outs
}

#[test]
fn answers_after_a_cancel_are_hung_up_each_by_itself() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    w.hear(ZENDESK, &branch(&invite, "180 Ringing", "one", "", ""));
    assert_eq!(told(&cancel(&mut w)), ["CANCEL "]);
    w.close(call);
    // One crosses the CANCEL, and one comes when the call has been over for long.
    let outs = w.hear(ZENDESK, &branch(&invite, "200 OK", "one", "", ANSWER));
    assert_eq!(told(&outs), ["ACK one", "BYE one"]);
    w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "BYE"), "200 OK", "", ""));
    assert_eq!(w.sbc.usage().calls, 0);
    w.later(25_000);
    let outs = w.hear(ZENDESK, &branch(&invite, "200 OK", "two", "", ANSWER));
    assert_eq!(told(&outs), ["ACK two", "BYE two"]);
    w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "BYE"), "481 Gone", "", ""));
    // By now the INVITE is forgotten, but not whom it was too late for.
    w.later(15_000);
    assert_eq!(told(&w.hear(ZENDESK, &branch(&invite, "200 OK", "two", "", ANSWER))), ["ACK two"]);
    assert!(w.hear(ZENDESK, &branch(&invite, "200 OK", "three", "", ANSWER)).is_empty());
    w.is_clean();
}

#[test]
fn an_answer_after_a_failure_is_hung_up() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    w.hear(ZENDESK, &branch(&invite, "180 Ringing", "one", "", ""));
    cancel(&mut w);
    // The proxy gives up for its branches, but passes on every 2xx (16.7).
    assert_eq!(told(&w.hear(ZENDESK, &branch(&invite, "487 Terminated", "proxy", "", ""))), ["ACK proxy"]);
    w.close(call);
    assert_eq!(told(&w.hear(ZENDESK, &branch(&invite, "200 OK", "one", "", ANSWER))), ["ACK one", "BYE one"]);
    assert_eq!(told(&w.hear(ZENDESK, &branch(&invite, "200 OK", "one", "", ANSWER))), ["ACK one"]);
    assert_eq!(told(&w.hear(ZENDESK, &branch(&invite, "487 Terminated", "proxy", "", ""))), ["ACK proxy"]);
    w.is_clean();
}

#[test]
fn a_cancelled_invite_that_was_given_up_is_still_known() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    w.hear(ZENDESK, &branch(&invite, "180 Ringing", "one", "", ""));
    cancel(&mut w);
    w.close(call);
    w.later(32_000);
    assert_eq!(w.sbc.usage().calls, 0);
    assert_eq!(told(&w.hear(ZENDESK, &branch(&invite, "200 OK", "one", "", ANSWER))), ["ACK one", "BYE one"]);
    w.is_clean();
}

#[test]
fn a_flood_of_answers_is_bounded_and_costs_no_call_anything() {
    let mut w = World::new();
    let (call, invite, ok) = w.answered_by("first");
    let before = w.sbc.usage();
    let flood = |w: &mut World| {
        let mut told = Vec::new();
        for number in 0..500 {
            let answer = branch(&invite, "200 OK", &format!("t{number}"), "", ANSWER);
            told.extend(self::told(&w.hear(ZENDESK, &answer)));
        }
        told
    };
    let heard = flood(&mut w);
    // An ACK never without its BYE, and of each at most 8.
    assert_eq!(heard.len(), 16);
    assert!(heard.chunks(2).all(|pair| pair[0].replace("ACK", "BYE") == pair[1]), "{heard:?}");
    assert_eq!(w.sbc.counters().get(Reason::TooManyAnswers), 492);
    let after = w.sbc.usage();
    assert_eq!((after.calls, after.legs, after.dialogs), (before.calls, before.legs, before.dialogs));
    assert_eq!(after.transactions - before.transactions, 8);
    assert_eq!(flood(&mut w).len(), 8, "only the ACKs again");
    // The next call has all the room it needs.
    let outs = w.hear(AI, &super::invite("9", "support", ""));
    let second = started(&outs);
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(second) }));
    let question = Question { about: About::Call(second), target: TargetIndex(0) };
    message(&w.tell(Input::Resolved(question, &at(&[ZENDESK]))), ZENDESK, "INVITE");
    let outs = w.hear(AI, &(request("BYE", "3", 2, &ok) + END));
    assert_eq!(told(&outs), ["BYE first"]);
    w.hear(ZENDESK, &respond(message(&outs, ZENDESK, "BYE"), "200 OK", "", ""));
    w.close(call);
    w.tell(Input::Command(Command::HangUpAll));
    w.close(second);
    w.is_clean();
}

#[test]
fn answers_too_many_leave_a_quarter_of_the_transactions_to_calls() {
    let mut w = World::new();
    let capacity = Sizes::of(4, 4).transactions;
    let mut invites = Vec::new();
    for number in 1..=4 {
        let call = started(&w.hear(AI, &invite(&number.to_string(), "support", "")));
        w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let question = Question { about: About::Call(call), target: TargetIndex(0) };
        let outs = w.tell(Input::Resolved(question, &at(&[ZENDESK])));
        invites.push(message(&outs, ZENDESK, "INVITE").to_string());
        let outs =
            w.hear(ZENDESK, &branch(invites.last().unwrap(), "200 OK", &format!("f{number}"), "", ANSWER));
        message(&outs, AI, "SIP/2.0 200");
    }
    let (mut told, mut bye) = (Vec::new(), None);
    for invite in &invites {
        for number in 0..8 {
            let outs = w.hear(ZENDESK, &branch(invite, "200 OK", &format!("t{number}"), "", ANSWER));
            told.extend(self::told(&outs));
            if !outs.is_empty() {
                bye = Some(message(&outs, ZENDESK, "BYE").to_string());
            }
        }
    }
    assert_eq!(w.sbc.usage().transactions, capacity - capacity / 4);
    assert_eq!(told.len(), 2 * w.sbc.usage().transactions, "no ACK without a BYE");
    // Whoever got nothing says it again, and gets it when there is room.
    w.hear(ZENDESK, &respond(&bye.unwrap(), "200 OK", "", ""));
    let outs = w.hear(ZENDESK, &branch(&invites[3], "200 OK", "t7", "", ANSWER));
    assert_eq!(self::told(&outs), ["ACK t7", "BYE t7"]);
}

#[test]
fn what_cannot_be_told_to_hang_up_is_not_acknowledged() {
    let mut w = World::new();
    let (call, invite, _) = w.answered_by("one");
    let without = branch(&invite, "200 OK", "two", "", ANSWER)
        .replace(&format!("Contact: <sip:two@{ZENDESK}>\r\n"), "");
    assert!(w.hear(ZENDESK, &without).is_empty());
    assert_eq!(w.sbc.counters().get(Reason::MalformedResponse), 1);
    w.hang_all_up(call);
}
