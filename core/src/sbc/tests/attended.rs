//! Attended transfers: the referrer's two calls become one, or stay as they were.

use super::replaces::{dialog, port, tag};
use super::transfer::{BACK, CARRIER, End, answer, find, setting, told};
use super::*;
use crate::call::Progress;
use crate::relay::Side;

/// The carrier talks with the agent, and the agent with somebody at Zendesk.
struct Both {
    w: World,
    /// The calls, and who is in them: the carrier and the agent; the agent and Zendesk.
    calls: [CallId; 2],
    carrier: End,
    agent: [End; 2],
    zendesk: End,
    /// Our INVITE to Zendesk.
    invite: String,
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

impl Both {
    fn new(return_to: bool) -> Self {
        let mut w = World::with(7, setting(return_to));
        let (first, carrier, agent) = w.talk_to_agent();
        let text = invite("5", "support", "X-Zendesk-Ticket-Id: 35436\r\n");
        let outs = w.hear(AI, &text);
        let second = started(&outs);
        w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(second) }));
        let outs = w.zendesk_found(second);
        let invite = message(&outs, ZENDESK, "INVITE").to_string();
        let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
        let ok = message(&outs, AI, "SIP/2.0 200").to_string();
        w.hear(AI, &(request("ACK", "6", 1, &ok) + END));
        let (other, zendesk) = (End::calling(AI, &ok), End::called(ZENDESK, &invite, "zen"));
        Self { w, calls: [first, second], carrier, agent: [agent, other], zendesk, invite }
    }

    /// What Refer-To says of the agent's dialog with us in the other call.
    fn refer_to(&self) -> String {
        format!("<sip:203.0.113.10:5060?Replaces={}>", escaped(&dialog(&self.agent[1])))
    }

    /// The REFER, as far as the re-INVITE to Zendesk.
    fn refer(&mut self) -> String {
        let refer = self.agent[0].refer(&self.refer_to());
        let outs = self.w.hear(AI, &refer);
        let notify = format!("NOTIFY {AI} SIP/2.0 100 Trying active");
        assert_eq!(told(&outs), [&format!("SIP/2.0 202 {AI}")[..], "join C", &notify]);
        assert!(self.w.answer_notify(&outs).is_empty());
        assert_eq!(told(&self.w.hear(AI, &refer)), [format!("SIP/2.0 202 {AI}")], "once");
        let outs = self.w.place_joined(self.calls[0], Side::C);
        assert_eq!(told(&outs), [&format!("INVITE sip:{ZENDESK} {ZENDESK}")[..], "settled"]);
        let asked = find(&outs, "INVITE").to_string();
        assert_eq!(field(&asked, "Call-ID"), self.zendesk.call_id);
        assert!(port(&asked) != port(&self.invite));
        assert!(!asked.contains("X-Zendesk") && !asked.contains("Replaces"));
        asked
    }

    /// Nobody has been told anything, and whoever talked talks.
    fn as_before(&self) {
        for call in self.calls {
            assert_eq!(self.w.sbc.call(call).unwrap().progress, Progress::Answered);
        }
        assert_eq!((self.w.sbc.usage().legs, self.w.sbc.usage().ports), (4, 4));
    }

    fn end(mut self) {
        let outs = self.w.tell(Input::Command(Command::HangUpAll));
        self.w.answer_byes(&outs);
        self.calls.iter().for_each(|&call| drop(self.w.close(call)));
        self.w.is_clean();
    }
}

#[test]
fn the_caller_comes_to_whom_the_agent_has_asked() {
    let mut b = Both::new(false);
    let asked = b.refer();
    let [first, second] = b.calls;
    let outs = b.w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
    assert_eq!(
        told(&outs),
        [
            "part B",
            "bridge None",
            "settled",
            "point C",
            "bridge Some([A, C])",
            &format!("NOTIFY {AI} SIP/2.0 200 OK terminated"),
            &format!("ACK sip:{ZENDESK} {ZENDESK}"),
            "settled",
        ]
    );
    assert!(b.w.place_parted(second, Side::B).is_empty());
    // After that it may hang up by itself, and is asked to after a while.
    assert!(b.w.answer_notify(&outs).is_empty());
    assert!(silent(&b.w.later(4_900)));
    let outs = b.w.later(200);
    let mut byes = told(&outs);
    byes.sort();
    assert_eq!(
        byes,
        [&format!("BYE sip:{AI} {AI}")[..], &format!("BYE sip:ai@{AI} {AI}"), "close", "settled"]
    );
    assert_eq!(b.w.sbc.call(second).unwrap().progress, Progress::Ended(Reason::Transferred));
    b.w.answer_byes(&outs);
    assert_eq!(told(&b.w.place_parted(first, Side::B)), [""; 0]);
    assert_eq!(told(&b.w.close(second)), ["ended"]);
    assert!(b.w.sbc.call(second).is_none());
    let view = b.w.sbc.call(first).unwrap();
    assert_eq!((view.progress, view.ticket.map(|ticket| ticket.get())), (Progress::Answered, Some(35436)));
    assert_eq!((view.caller, view.target), (Some(&b"+821012345678"[..]), Some(TargetIndex(0))));
    assert_eq!((b.w.sbc.usage().legs, b.w.sbc.usage().ports), (2, 2));

    // It outlives a restart, with the ports it has now.
    let mut record = [0; 2200];
    let len = b.w.sbc.save(&b.w.cx(), first, &mut record).unwrap();
    let mut other = World::with(8, b.w.config);
    let taken = other.sbc.restore(&other.cx(), &record[..len]).unwrap();
    let outs = other.drain();
    let ports = outs.iter().find_map(|out| match out {
        Out::Other(Output::Media { control: Control::Open { ports, .. }, .. }) => Some(ports[1]),
        _ => None,
    });
    assert_eq!(ports.map(|port| port.to_string()).as_deref(), Some(port(&asked)));
    other.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(taken) }));
    let outs = other.tell(Input::Command(Command::HangUpAll));
    message(&outs, CARRIER, "BYE");
    message(&outs, ZENDESK, "BYE");
    other.answer_byes(&outs);
    other.close(taken);
    other.is_clean();

    let outs = b.w.hear(ZENDESK, &b.zendesk.request("BYE", ""));
    assert_eq!(
        told(&outs)[..2],
        [format!("SIP/2.0 200 {ZENDESK}"), format!("BYE sip:ai@{CARRIER} {CARRIER}")]
    );
    assert_eq!(b.w.sbc.call(first).unwrap().progress, Progress::Ended(Reason::TargetHungUp));
    b.w.answer_byes(&outs);
    b.w.close(first);
    b.w.is_clean();
}

/// The agent may hang up either leg, or both, whenever it likes.
#[test]
fn a_referrer_that_leaves_early_is_not_missed() {
    for legs in [&[0][..], &[1], &[0, 1], &[1, 0]] {
        for before in [false, true] {
            let mut b = Both::new(false);
            let asked = b.refer();
            let mut parts = Vec::new();
            let mut hang_up = |b: &mut Both| {
                for &leg in legs {
                    let bye = b.agent[leg].request("BYE", "");
                    parts.extend(told(&b.w.hear(AI, &bye)));
                    b.w.place_parted(b.calls[leg], if leg == 0 { Side::B } else { Side::A });
                }
            };
            if before {
                hang_up(&mut b);
                // After a restart now, nobody could be told anything better.
                for &leg in legs {
                    let mut record = [0; 2200];
                    let len = b.w.sbc.save(&b.w.cx(), b.calls[leg], &mut record).unwrap();
                    let mut other = World::with(8, b.w.config);
                    other.sbc.restore(&other.cx(), &record[..len]).unwrap();
                    assert!(find(&other.drain(), "BYE").contains("restarted"));
                }
            }
            let outs = b.w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
            assert!(told(&outs).contains(&"bridge Some([A, C])".into()), "{legs:?}");
            b.w.place_parted(b.calls[1], Side::B);
            if !before {
                b.w.answer_notify(&outs);
                hang_up(&mut b);
            }
            for _ in 0..70 {
                let outs = b.w.later(500);
                b.w.answer_notifies(&outs);
                b.w.answer_byes(&outs);
            }
            b.w.close(b.calls[1]);
            b.w.place_parted(b.calls[0], Side::B);
            assert!(b.w.sbc.call(b.calls[1]).is_none(), "{legs:?} {before}");
            assert_eq!((b.w.sbc.usage().legs, b.w.sbc.usage().ports), (2, 2), "{legs:?} {before}");
            b.end();
        }
    }
}

#[test]
fn what_fails_leaves_all_as_it_was() {
    for (status, told_as) in [
        ("488 No", "488 Not Acceptable Here"),
        ("500 No", "500 Server Internal Error"),
        ("486 Busy", "486 Busy Here"),
        ("401 Who", "480 Temporarily Unavailable"),
    ] {
        let mut b = Both::new(true);
        let asked = b.refer();
        let outs = b.w.hear(ZENDESK, &respond(&asked, status, "", ""));
        let told = told(&outs);
        assert!(told.contains(&format!("NOTIFY {AI} SIP/2.0 {told_as} terminated")), "{told:?}");
        assert!(told.contains(&"part C".into()));
        b.w.answer_notify(&outs);
        b.w.place_parted(b.calls[0], Side::C);
        b.as_before();
        assert!(silent(&b.w.later(20_000)));
        // It may be tried again.
        let asked = b.refer();
        let outs = b.w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
        b.w.answer_notify(&outs);
        b.w.place_parted(b.calls[1], Side::B);
        b.end();
    }
}

#[test]
fn one_that_is_busy_is_asked_again() {
    let mut b = Both::new(false);
    let asked = b.refer();
    b.w.hear(ZENDESK, &respond(&asked, "491 Pending", "", ""));
    // Its own re-INVITE is answered with what holds.
    let more = "Content-Type: application/sdp\r\n";
    let text = b.zendesk.request("INVITE", more);
    let head = text.strip_suffix(END).unwrap();
    let outs = b.w.hear(ZENDESK, &format!("{head}Content-Length: {}\r\n\r\n{ANSWER}", ANSWER.len()));
    let ok = find(&outs, "SIP/2.0 200").to_string();
    assert_eq!(port(&ok), port(&b.invite));
    b.w.hear(ZENDESK, &b.zendesk.request("ACK", "").replace("CSeq: 2", "CSeq: 1"));
    let outs = b.w.later(4_100);
    let asked = find(&outs, "INVITE").to_string();
    assert_ne!(port(&asked), port(&b.invite));
    let outs = b.w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
    assert!(told(&outs).contains(&"bridge Some([A, C])".into()));
    b.w.answer_notify(&outs);
    b.w.place_parted(b.calls[1], Side::B);
    b.end();
}

/// Whoever was to come is lost: the caller stays with the agent.
#[test]
fn who_hangs_up_meanwhile_comes_nowhere() {
    for gone in [false, true] {
        let mut b = Both::new(gone);
        let asked = b.refer();
        let outs = match gone {
            true => b.w.hear(ZENDESK, &respond(&asked, "481 Gone", "", "")),
            false => b.w.hear(ZENDESK, &b.zendesk.request("BYE", "")),
        };
        let told = told(&outs);
        let status = if gone { "408 Request Timeout" } else { "480 Temporarily Unavailable" };
        assert!(told.contains(&format!("NOTIFY {AI} SIP/2.0 {status} terminated")), "{told:?}");
        assert!(told.contains(&"part C".into()));
        assert!(told.contains(&format!("BYE sip:ai@{AI} {AI}")), "the agent's other leg");
        b.w.answer_notify(&outs);
        b.w.answer_byes(&outs);
        b.w.place_parted(b.calls[0], Side::C);
        b.w.close(b.calls[1]);
        if !gone {
            b.w.hear(ZENDESK, &respond(&asked, "481 Gone", "", ""));
        }
        assert_eq!(b.w.sbc.call(b.calls[0]).unwrap().progress, Progress::Answered);
        assert_eq!((b.w.sbc.usage().legs, b.w.sbc.usage().ports), (2, 2));
        b.end();
    }
}

/// The caller hangs up when the other one has been asked to come: that one is told to stay, if it has to be.
#[test]
fn a_caller_that_hangs_up_meanwhile_leaves_the_others_together() {
    for accepts in [true, false] {
        let mut b = Both::new(false);
        let asked = b.refer();
        let outs = b.w.hear(CARRIER, &b.carrier.request("BYE", ""));
        assert!(told(&outs).contains(&format!("NOTIFY {AI} SIP/2.0 487 Request Terminated terminated")));
        let outs = b.w.answer_notify(&outs);
        b.w.answer_byes(&outs);
        b.w.close(b.calls[0]);
        if accepts {
            let outs = b.w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
            let again = find(&outs, "INVITE").to_string();
            assert_eq!(port(&again), port(&b.invite), "where it was");
            b.w.hear(ZENDESK, &respond(&again, "200 OK", "", ANSWER));
        } else {
            b.w.hear(ZENDESK, &respond(&asked, "488 No", "", ""));
        }
        assert_eq!(b.w.sbc.call(b.calls[1]).unwrap().progress, Progress::Answered);
        assert_eq!((b.w.sbc.usage().legs, b.w.sbc.usage().ports), (2, 2));
        assert!(silent(&b.w.later(20_000)));
        let outs = b.w.hear(ZENDESK, &b.zendesk.request("BYE", ""));
        assert_eq!(field(message(&outs, AI, "BYE"), "Call-ID"), b.agent[1].call_id);
        b.w.answer_byes(&outs);
        b.w.close(b.calls[1]);
        b.w.is_clean();
    }
}

/// Nobody answers the re-INVITE: that ends its dialog, and the caller stays where it is.
#[test]
fn who_does_not_answer_is_lost_alone() {
    let mut b = Both::new(false);
    b.refer();
    let mut all = Vec::new();
    for _ in 0..70 {
        let outs = b.w.later(500);
        b.w.answer_notifies(&outs);
        b.w.answer_byes(&outs);
        all.extend(told(&outs));
    }
    assert!(all.contains(&format!("NOTIFY {AI} SIP/2.0 408 Request Timeout terminated")), "{all:?}");
    assert!(all.contains(&format!("BYE sip:{ZENDESK} {ZENDESK}")));
    b.w.place_parted(b.calls[0], Side::C);
    b.w.close(b.calls[1]);
    assert_eq!(b.w.sbc.call(b.calls[0]).unwrap().progress, Progress::Answered);
    b.end();
}

/// Without the agent, a caller who cannot come returns to its platform, and whoever was asked is let go.
#[test]
fn without_its_referrer_a_failed_transfer_returns() {
    let mut b = Both::new(true);
    let asked = b.refer();
    for leg in 0..2 {
        let bye = b.agent[leg].request("BYE", "");
        b.w.hear(AI, &bye);
    }
    b.w.place_parted(b.calls[0], Side::B);
    b.w.place_parted(b.calls[1], Side::A);
    let outs = b.w.hear(ZENDESK, &respond(&asked, "488 No", "", ""));
    let all = told(&outs);
    assert!(all.contains(&format!("BYE sip:{ZENDESK} {ZENDESK}")), "{all:?}");
    assert!(all.contains(&"bridge None".into()));
    let back = message(&outs, BACK, "INVITE sip:back@").to_string();
    b.w.answer_byes(&outs);
    b.w.close(b.calls[1]);
    let outs = b.w.hear(BACK, &answer(BACK, "back", &back, "200 OK", OFFER));
    assert!(told(&outs).contains(&"bridge Some([A, C])".into()));
    b.end();
}

#[test]
fn what_the_relay_cannot_do_fails_it() {
    for silent in [false, true] {
        let mut b = Both::new(false);
        let refer = b.agent[0].refer(&b.refer_to());
        let outs = b.w.hear(AI, &refer);
        b.w.answer_notify(&outs);
        let stream = crate::call::stream_of(b.calls[0]);
        let outs = match silent {
            true => b.w.later(5_001),
            false => loop {
                let outs = b.w.tell(Input::Media(Report::NotJoined { stream, side: Side::C }));
                if !told(&outs).contains(&"join C".into()) {
                    break outs;
                }
            },
        };
        assert!(told(&outs).contains(&format!("NOTIFY {AI} SIP/2.0 503 Service Unavailable terminated")));
        b.w.answer_notify(&outs);
        if silent {
            assert_eq!(told(&b.w.place_joined(b.calls[0], Side::C)), ["part C"]);
            b.w.place_parted(b.calls[0], Side::C);
        }
        b.as_before();
        b.end();
    }
}

/// The REFER goes the other way: to whom the agent has asked, for the dialog with the caller.
#[test]
fn the_one_who_was_asked_gets_the_caller() {
    let mut b = Both::new(false);
    let to = format!("<sip:x@203.0.113.10?Replaces={}>", escaped(&dialog(&b.agent[0])));
    let refer = b.agent[1].refer(&to);
    let outs = b.w.hear(AI, &refer);
    assert_eq!(told(&outs)[..2], [&format!("SIP/2.0 202 {AI}")[..], "join C"]);
    b.w.answer_notify(&outs);
    let outs = b.w.place_joined(b.calls[1], Side::C);
    let asked = message(&outs, CARRIER, "INVITE").to_string();
    assert!(asked.contains("m=audio"));
    let outs = b.w.hear(CARRIER, &answer(CARRIER, "x", &asked, "200 OK", OFFER));
    assert!(told(&outs).contains(&"bridge Some([C, B])".into()), "{:?}", told(&outs));
    b.w.answer_notify(&outs);
    let view = b.w.sbc.call(b.calls[1]).unwrap();
    assert_eq!(view.trunk, TrunkIndex(2), "it is the carrier's call now");
    assert_eq!(view.ticket.map(|ticket| ticket.get()), Some(35436));
    b.w.place_parted(b.calls[0], Side::A);
    let outs = b.w.later(5_001);
    b.w.answer_byes(&outs);
    b.w.close(b.calls[0]);
    b.w.place_parted(b.calls[1], Side::A);
    assert_eq!((b.w.sbc.usage().legs, b.w.sbc.usage().ports), (2, 2));
    let outs = b.w.hear(CARRIER, &b.carrier.request("BYE", ""));
    message(&outs, ZENDESK, "BYE");
    assert_eq!(b.w.sbc.call(b.calls[1]).unwrap().progress, Progress::Ended(Reason::CallerHungUp));
    b.w.answer_byes(&outs);
    b.w.close(b.calls[1]);
    b.w.is_clean();
}

#[test]
fn what_is_refused() {
    let mut b = Both::new(false);
    let named = |dialog: &str| format!("<sip:203.0.113.10:5060?Replaces={}>", escaped(dialog));
    let (own, others) = (dialog(&b.agent[0]), [dialog(&b.carrier), dialog(&b.zendesk)]);
    let other = dialog(&b.agent[1]);
    for (to, status) in [
        (named("gone@x;to-tag=1;from-tag=2"), 481),
        (named(&other.replace(tag(&b.agent[1].ours), "0123456789abcdef")), 481),
        (named(&own), 403),
        (named(&others[0]), 403),
        (named(&others[1]), 403),
        (named(&format!("{other};early-only")), 486),
        (named("gone@x"), 400),
        (named(&format!("{other}\r\nX: y")), 400),
        (format!("<sip:a@b?Replaces={0}&Replaces={0}>", escaped(&other)), 400),
        // Somebody else's, which nobody at Zendesk is told of.
        ("<sip:support@sbc.example.com?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>".into(), 403),
    ] {
        let outs = b.w.hear(AI, &b.agent[0].refer(&to));
        assert_eq!(told(&outs), [&format!("SIP/2.0 {status} {AI}")[..], "refused"], "{to}");
    }
    b.as_before();
    // One transfer at a time, from either side.
    let asked = b.refer();
    for leg in 0..2 {
        let outs = b.w.hear(AI, &b.agent[leg].refer("<sip:support@sbc.example.com>"));
        assert_eq!(told(&outs), [&format!("SIP/2.0 491 {AI}")[..], "refused"]);
    }
    let outs = b.w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
    b.w.answer_notify(&outs);
    b.w.place_parted(b.calls[1], Side::B);
    b.end();
}

/// A consultation that nobody has answered yet is not taken over.
#[test]
fn an_early_dialog_is_refused() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    let outs = w.hear(AI, &invite("5", "support", ""));
    let second = started(&outs);
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(second) }));
    let outs = w.zendesk_found(second);
    let invite = message(&outs, ZENDESK, "INVITE").to_string();
    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let ringing = message(&outs, AI, "SIP/2.0 180").to_string();
    let other = End::calling(AI, &ringing);
    let to = format!("<sip:x@203.0.113.10?Replaces={}>", escaped(&dialog(&other)));
    let outs = w.hear(AI, &agent.refer(&to));
    assert_eq!(told(&outs), [&format!("SIP/2.0 481 {AI}")[..], "refused"]);
    let outs = w.tell(Input::Command(Command::HangUpAll));
    w.answer_byes(&outs);
    w.hear(ZENDESK, &respond(find(&outs, "CANCEL"), "200 OK", "", ""));
    w.hear(ZENDESK, &respond(&invite, "487 Gone", "", ""));
    let refused = message(&outs, AI, "SIP/2.0 503").to_string();
    w.hear(AI, &(request("ACK", "5", 1, &refused) + END));
    w.close(call);
    w.close(second);
    w.is_clean();
}

/// A dialog that the platform has with somebody of its own, past us: whoever is rung there is told of it.
#[test]
fn a_dialog_that_is_not_ours_is_passed_on() {
    let mut w = World::with(7, setting(true));
    let (call, _, mut agent) = w.talk_to_agent();
    let to = "<sip:agent@sbc.example.com?Replaces=a%40b%3Bfrom-tag%3Dc%3Bto-tag%3Db%3bearly-only>";
    let more = format!("Refer-To: {to}\r\nReferred-By: \"A\" <sip:agent@ai>;cid=\"1@ai\"\r\n");
    let outs = w.hear(AI, &agent.request("REFER", &more));
    assert_eq!(told(&outs)[..3], [&format!("SIP/2.0 202 {AI}")[..], "join C", "bridge None"]);
    w.answer_notify(&outs);
    let outs = w.place_joined(call, Side::C);
    let asked = find(&outs, "INVITE sip:agent@").to_string();
    assert_eq!(field(&asked, "Replaces"), "a@b;to-tag=b;from-tag=c;early-only");
    assert_eq!(field(&asked, "Require"), "replaces");
    assert_eq!(field(&asked, "Referred-By"), "<sip:agent@ai>");
    // Whoever does not know of it refuses, and what comes back is not told of it.
    w.hear(AI, &agent.request("BYE", ""));
    w.place_parted(call, Side::B);
    let outs = w.hear(AI, &answer(AI, "two", &asked, "420 Bad Extension", ""));
    let back = message(&outs, BACK, "INVITE sip:back@").to_string();
    assert!(!back.contains("Replaces") && !back.contains("Require"));
    let outs = w.hear(BACK, &answer(BACK, "back", &back, "200 OK", OFFER));
    assert!(told(&outs).contains(&"bridge Some([A, C])".into()));
    w.end_transferred(call);
}

/// Whoever has come into a call is as any other who is called there: it may transfer the call itself.
#[test]
fn the_call_can_be_transferred_on() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    // The agent asks another agent.
    let outs = w.hear(AI, &invite("5", "agent", ""));
    let second = started(&outs);
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(second) }));
    let asked = find(&outs, "INVITE sip:agent@").to_string();
    let outs = w.hear(AI, &answer(AI, "two", &asked, "200 OK", OFFER));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "6", 1, &ok) + END));
    let mut other = End::called(AI, &asked, "two");
    let to = format!("<sip:x@203.0.113.10?Replaces={}>", escaped(&dialog(&End::calling(AI, &ok))));
    let outs = w.hear(AI, &agent.refer(&to));
    w.answer_notify(&outs);
    let outs = w.place_joined(call, Side::C);
    let again = find(&outs, "INVITE").to_string();
    let outs = w.hear(AI, &answer(AI, "two", &again, "200 OK", OFFER));
    w.answer_notifies(&outs);
    w.place_parted(second, Side::B);
    // Not before the first one has left.
    let outs = w.hear(AI, &other.refer("<sip:support@sbc.example.com>"));
    assert_eq!(told(&outs), [&format!("SIP/2.0 491 {AI}")[..], "refused"]);
    let outs = w.later(5_001);
    w.answer_byes(&outs);
    w.close(second);
    w.place_parted(call, Side::B);
    let outs = w.hear(AI, &other.refer("<sip:support@sbc.example.com>"));
    assert_eq!(told(&outs)[..3], [&format!("SIP/2.0 202 {AI}")[..], "join B", "bridge None"]);
    w.answer_notifies(&outs);
    w.place_joined(call, Side::B);
    let outs = w.zendesk_found(call);
    let invite = find(&outs, "INVITE sip:support@").to_string();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert!(told(&outs).contains(&"bridge Some([A, B])".into()));
    w.answer_notifies(&outs);
    let outs = w.later(5_001);
    w.answer_byes(&outs);
    w.place_parted(call, Side::C);
    assert_eq!((w.sbc.usage().legs, w.sbc.usage().ports), (2, 2));
    w.end_transferred(call);
}

/// What a crash may leave: the record of the one call has the leg already, that of the other still.
#[test]
fn a_leg_that_changed_calls_is_taken_up_once() {
    for new_first in [true, false] {
        let mut b = Both::new(false);
        let mut old = [0; 2200];
        let old_len = b.w.sbc.save(&b.w.cx(), b.calls[1], &mut old).unwrap();
        let asked = b.refer();
        b.w.hear(ZENDESK, &respond(&asked, "200 OK", "", ANSWER));
        let mut new = [0; 2200];
        let new_len = b.w.sbc.save(&b.w.cx(), b.calls[0], &mut new).unwrap();
        let records = [&new[..new_len], &old[..old_len]];
        let mut w = World::with(8, b.w.config);
        let order = if new_first { [0, 1] } else { [1, 0] };
        let calls = order.map(|record| w.sbc.restore(&w.cx(), records[record]).unwrap());
        assert_eq!(w.sbc.usage().legs, 3);
        let outs = w.drain();
        // Who is left over is hung up.
        assert_eq!(w.sbc.call(calls[1]).unwrap().progress, Progress::Ended(Reason::Transferred));
        message(&outs, if new_first { AI } else { CARRIER }, "BYE");
        w.answer_byes(&outs);
        assert!(w.sbc.restore(&w.cx(), records[order[0]]).is_err());
        w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(calls[0]) }));
        assert_eq!(w.sbc.usage().legs, 2);
        let outs = w.tell(Input::Command(Command::HangUpAll));
        w.answer_byes(&outs);
        calls.iter().for_each(|&call| drop(w.close(call)));
        w.is_clean();
    }
}
