//! Transfers: REFERs from either side, what their senders are told, and who hears whom.

use super::*;
use crate::call::{Outcome, Progress};
use crate::relay::{Play, Side, Statistics};

pub(super) const CARRIER: &str = "192.0.2.3:5060";
pub(super) const BACK: &str = "198.51.100.8:5060";

/// The carrier dials `agent`, which rings the AI platform; `support` rings Zendesk, and `two` a phone that is not
/// there and then Zendesk.
pub(super) fn setting(return_to: bool) -> Config<'static> {
    let mut config = config();
    let mut texts = Texts(String::from_utf8(config.text.to_vec()).unwrap());
    let mut targets = config.targets.to_vec();
    let mut target = |name: &str, trunk, uri: &str, host: &str| {
        let (name, uri, host) = (texts.add(name), texts.add(uri), texts.add(host));
        targets.push(Target::new(name, TrunkIndex(trunk), uri, host));
    };
    target("ai-agent", 0, "sip:agent@198.51.100.7", "198.51.100.7");
    target("ai-back", 0, "sip:back@198.51.100.8", "198.51.100.8");
    target("full", 2, "sip:full@192.0.2.9", "192.0.2.9");
    let mut dials = config.dials.to_vec();
    let mut lines = config.lines.to_vec();
    for (name, rings) in [("agent", List::new(1, 1)), ("two", List::new(2, 2))] {
        let name = texts.add(name);
        dials.push(name);
        let dial = List::new(dials.len() as u16 - 1, 1);
        lines.push(Line::new(name, dial, List::new(0, 2), rings));
    }
    let ring = |target, seconds: u32| Ring::new(TargetIndex(target), seconds * 1_000);
    config.rings = leak(vec![config.rings[0], ring(1, 20), ring(3, 5), ring(0, 20)]);
    let mut trunks = config.trunks.to_vec();
    trunks[0].return_to = return_to.then_some(TargetIndex(2));
    trunks[2].max_calls = 1;
    config.trunks = leak(trunks);
    config.targets = leak(targets);
    config.dials = leak(dials);
    config.lines = leak(lines);
    config.text = leak(texts.0.into_bytes());
    config
}

/// One end of one dialog, as far as it takes to send requests in it.
pub(super) struct End {
    pub(super) at: &'static str,
    /// Our From and its own address, both with their tags, and the Call-ID.
    pub(super) ours: String,
    pub(super) own: String,
    pub(super) call_id: String,
    pub(super) number: u32,
}

impl End {
    /// The one that answered `invite` of ours with To tag `tag`.
    pub(super) fn called(at: &'static str, invite: &str, tag: &str) -> Self {
        let own = format!("{};tag={tag}", field(invite, "To"));
        Self {
            at,
            ours: field(invite, "From").into(),
            own,
            call_id: field(invite, "Call-ID").into(),
            number: 0,
        }
    }

    /// The one whose INVITE we answered with `ok`.
    pub(super) fn calling(at: &'static str, ok: &str) -> Self {
        let (ours, own) = (field(ok, "To").into(), field(ok, "From").into());
        Self { at, ours, own, call_id: field(ok, "Call-ID").into(), number: 1 }
    }

    pub(super) fn request(&mut self, method: &str, more: &str) -> String {
        self.number += 1;
        format!(
            "{method} sip:203.0.113.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{}{method}{};rport\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\nMax-Forwards: 70\r\nContact: <sip:{}>\r\n{more}{END}",
            self.at,
            self.call_id.replace('@', ""),
            self.number,
            self.own,
            self.ours,
            self.call_id,
            self.number,
            self.at,
        )
    }

    pub(super) fn refer(&mut self, to: &str) -> String {
        self.request("REFER", &format!("Refer-To: {to}\r\n"))
    }
}

/// The response of whoever is at `at` with this tag.
pub(super) fn answer(at: &str, tag: &str, request: &str, status: &str, body: &str) -> String {
    respond(request, status, "", body)
        .replace(";tag=zen\r\n", &format!(";tag={tag}\r\n"))
        .replace(&format!("Contact: <sip:{ZENDESK}>"), &format!("Contact: <sip:{at}>"))
}

/// What left, in short: messages by their first words and where they went, the relay's controls, and events.
pub(super) fn told(outs: &[Out]) -> Vec<String> {
    let mut told = Vec::new();
    for out in outs {
        told.push(match out {
            Out::Message(to, text) if text.starts_with("NOTIFY") => {
                let body = text.split("\r\n\r\n").nth(1).unwrap().trim_end();
                let state = field(text, "Subscription-State");
                assert_eq!(field(text, "Content-Type"), "message/sipfrag;version=2.0");
                format!("NOTIFY {to} {body} {}", state.split(';').next().unwrap())
            }
            Out::Message(to, text) => {
                let start = text.split("\r\n").next().unwrap().trim_end_matches(" SIP/2.0");
                format!("{} {to}", start.split(' ').take(2).collect::<Vec<_>>().join(" "))
            }
            Out::Other(Output::Media { control, .. }) => match control {
                Control::Open { .. } => "open".into(),
                Control::Point { side, .. } => format!("point {side:?}"),
                Control::Secure { side, .. } => format!("secure {side:?}"),
                Control::Join { side, .. } => format!("join {side:?}"),
                Control::Learn { side, source, .. } => format!("learn {side:?} {source}"),
                Control::Bridge { pair, .. } => format!("bridge {pair:?}"),
                Control::Play { side, what: Play::Clip { clip, looped: false }, .. } => {
                    format!("greet {side:?} by {}", clip.0)
                }
                Control::Play { side, what: Play::Clip { clip, looped: true }, .. } => {
                    format!("music {side:?} of {}", clip.0)
                }
                Control::Play { side, what: Play::Tone { tone, country }, .. } => {
                    format!("{tone:?} of {country:?} {side:?}").to_lowercase()
                }
                Control::Stop { side, .. } => format!("stop {side:?}"),
                Control::Record { side, .. } => format!("record {side:?}"),
                Control::Part { side, .. } => format!("part {side:?}"),
                Control::Press { side, digit, .. } => format!("press {side:?} {digit}"),
                Control::Close { .. } => "close".into(),
            },
            // It goes with what is told here.
            Out::Other(Output::Event(Event::Course(_))) => continue,
            Out::Other(Output::Event(event)) => {
                format!("{event:?}").split(['(', ' ']).next().unwrap().to_lowercase()
            }
            Out::Other(other) => format!("{other:?}").split(['(', ' ']).next().unwrap().to_lowercase(),
        });
    }
    told
}

pub(super) fn find<'o>(outs: &'o [Out], start: &str) -> &'o str {
    outs.iter()
        .find_map(|out| match out {
            Out::Message(_, text) if text.starts_with(start) => Some(text.as_str()),
            _ => None,
        })
        .unwrap_or_else(|| panic!("no {start} in {outs:#?}"))
}

impl World {
    pub(super) fn place_joined(&mut self, call: CallId, side: Side) -> Vec<Out> {
        self.tell(Input::Media(Report::Joined { stream: crate::call::stream_of(call), side }))
    }

    pub(super) fn place_parted(&mut self, call: CallId, side: Side) -> Vec<Out> {
        let stream = crate::call::stream_of(call);
        self.tell(Input::Media(Report::Parted { stream, side, statistics: Statistics::default() }))
    }

    pub(super) fn zendesk_found(&mut self, call: CallId) -> Vec<Out> {
        let question = Question { about: About::Call(call), target: TargetIndex(0) };
        self.tell(Input::Resolved(question, &at(&[ZENDESK])))
    }

    /// The carrier's call, which the AI agent has answered: the call, the carrier, and the agent.
    pub(super) fn talk_to_agent(&mut self) -> (CallId, End, End) {
        let text = invite("1", "agent", "").replace(AI, CARRIER);
        let outs = self.hear(CARRIER, &text);
        let call = started(&outs);
        let outs = self.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
        let asked = find(&outs, "INVITE sip:agent@").to_string();
        let outs = self.hear(AI, &answer(AI, "agent", &asked, "200 OK", OFFER));
        let ok = message(&outs, CARRIER, "SIP/2.0 200").to_string();
        self.hear(CARRIER, &(request("ACK", "2", 1, &ok).replace(AI, CARRIER) + END));
        (call, End::calling(CARRIER, &ok), End::called(AI, &asked, "agent"))
    }

    /// The NOTIFY among what left is answered; what leaves then.
    pub(super) fn answer_notify(&mut self, outs: &[Out]) -> Vec<Out> {
        let (to, text) = outs
            .iter()
            .find_map(|out| match out {
                Out::Message(to, text) if text.starts_with("NOTIFY") => Some((to.clone(), text.clone())),
                _ => None,
            })
            .unwrap_or_else(|| panic!("no NOTIFY in {outs:#?}"));
        self.hear(&to, &respond(&text, "200 OK", "", ""))
    }

    /// The agent transfers to `support`, as far as the INVITE to Zendesk.
    pub(super) fn refer_to_support(&mut self, call: CallId, agent: &mut End, to: &str) -> String {
        let refer = agent.refer(to);
        let outs = self.hear(agent.at, &refer);
        assert!(find(&outs, "SIP/2.0 202").contains("Contact: <sip:203.0.113.10:5060>"));
        let mut said = told(&outs);
        let waits = said.remove(3);
        assert!(["ringback of korea a", "ringback of korea b"].contains(&&*waits), "{waits}");
        assert_eq!(
            said,
            [
                &format!("SIP/2.0 202 {}", agent.at)[..],
                "join C",
                "bridge None",
                &format!("NOTIFY {} SIP/2.0 100 Trying active", agent.at),
                "settled",
            ]
        );
        assert_eq!(told(&self.answer_notify(&outs)), [""; 0]);
        assert_eq!(told(&self.hear(agent.at, &refer)), [format!("SIP/2.0 202 {}", agent.at)], "once");
        assert_eq!(told(&self.place_joined(call, Side::C)), ["resolve"]);
        let outs = self.zendesk_found(call);
        assert_eq!(told(&outs), [format!("INVITE sip:support@acme.sip.twilio.com {ZENDESK}")]);
        find(&outs, "INVITE").to_string()
    }

    /// Everybody answers the NOTIFYs among what left, as long as there are some.
    pub(super) fn answer_notifies(&mut self, outs: &[Out]) {
        for out in outs {
            if let Out::Message(to, text) = out
                && text.starts_with("NOTIFY")
            {
                let outs = self.hear(to, &respond(text, "200 OK", "", ""));
                self.answer_notifies(&outs);
            }
        }
    }

    /// Everybody answers the BYEs among what left.
    pub(super) fn answer_byes(&mut self, outs: &[Out]) {
        for out in outs {
            if let Out::Message(to, text) = out
                && text.starts_with("BYE")
            {
                self.hear(to, &respond(text, "200 OK", "", ""));
            }
        }
    }

    pub(super) fn end_transferred(&mut self, call: CallId) {
        let outs = self.tell(Input::Command(Command::HangUpAll));
        self.answer_byes(&outs);
        self.close(call);
        self.is_clean();
    }
}

#[test]
fn the_agent_transfers_its_caller() {
    let mut w = World::with(7, setting(false));
    let (call, mut carrier, mut agent) = w.talk_to_agent();
    let record = w.record(call);
    let invite =
        w.refer_to_support(call, &mut agent, "<sip:support@sbc.example.com?X-Zendesk-Ticket-Id=4711>");
    assert_eq!(field(&invite, "X-Zendesk-Ticket-Id"), "4711");
    assert!(field(&invite, "From").starts_with("<sip:+821012345678@203.0.113.10>;tag="));
    assert!(invite.contains("m=audio 20"));

    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    assert_eq!(told(&outs), [format!("NOTIFY {AI} SIP/2.0 180 Ringing active")]);
    let notify = find(&outs, "NOTIFY").to_string();
    assert_eq!(field(&notify, "Event"), "refer");
    assert!(!notify.contains("id="));
    // After a restart the agent would have its caller back, and be told so.
    let mut words = [0; 4_096];
    w.sbc.save_unanswered(&w.cx(), call, &mut words).unwrap();
    let mut other = World::with(8, setting(false));
    let back = other.sbc.restore(&other.cx(), &record).unwrap();
    other.sbc.end_unanswered(&other.cx(), &words).unwrap();
    let outs = other.drain();
    let last = find(&outs, "NOTIFY").to_string();
    assert!(told(&outs).contains(&format!("NOTIFY {AI} SIP/2.0 480 Temporarily Unavailable terminated")));
    assert_eq!(field(message(&outs, ZENDESK, "CANCEL"), "Via"), field(&invite, "Via"));
    assert_eq!(other.sbc.call(back).unwrap().progress, Progress::Answered);
    let number = |text: &str| -> u32 { field(text, "CSeq").split(' ').next().unwrap().parse().unwrap() };
    let outs = other.tell(Input::Command(Command::HangUp(back)));
    assert!(number(&notify) < number(&last) && number(&last) < number(message(&outs, AI, "BYE")));

    // While that is out, the answer is not told; but it is done.
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert_eq!(
        told(&outs),
        ["point C", "bridge Some([A, C])", &format!("ACK sip:54.172.60.1:5060 {ZENDESK}"), "settled"]
    );
    // Who has yet to leave would be hung up after a restart, and the others would not.
    w.sbc.save_unanswered(&w.cx(), call, &mut words).unwrap();
    let mut other = World::with(8, setting(false));
    other.sbc.end_unanswered(&other.cx(), &words).unwrap();
    let outs = other.drain();
    assert_eq!(told(&outs), [format!("BYE sip:{AI} {AI}")]);
    assert!(silent(&other.hear(AI, &respond(find(&outs, "BYE"), "200 OK", "", ""))));
    other.is_clean();

    let outs = w.hear(AI, &respond(&notify, "200 OK", "", ""));
    assert_eq!(told(&outs), [format!("NOTIFY {AI} SIP/2.0 200 OK terminated")]);
    assert!(field(find(&outs, "NOTIFY"), "CSeq") > field(&notify, "CSeq"));
    assert!(w.answer_notify(&outs).is_empty());
    // It is asked to leave after a while.
    assert!(silent(&w.later(4_900)));
    let outs = w.later(200);
    assert_eq!(told(&outs), [format!("BYE sip:{AI} {AI}")]);
    let outs = w.hear(AI, &respond(find(&outs, "BYE"), "200 OK", "", ""));
    assert_eq!(told(&outs), ["part B"]);
    assert!(w.place_parted(call, Side::B).is_empty());
    assert_eq!(w.sbc.usage().ports, 2);
    assert_eq!(w.sbc.usage().legs, 2);
    assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);
    assert_eq!(w.sbc.call(call).unwrap().ticket.map(|ticket| ticket.get()), Some(4711));

    let outs = w.hear(CARRIER, &carrier.request("BYE", ""));
    assert_eq!(told(&outs)[..2], [format!("SIP/2.0 200 {CARRIER}"), format!("BYE sip:{ZENDESK} {ZENDESK}")]);
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

#[test]
fn the_agent_gets_its_caller_back() {
    let mut w = World::with(7, setting(true));
    let (call, _, mut agent) = w.talk_to_agent();
    for (turn, (status, told_as)) in [
        ("486 Busy Here", "486 Busy Here"),
        ("503 No", "500 Server Internal Error"),
        ("401 Who", "480 Temporarily Unavailable"),
    ]
    .into_iter()
    .enumerate()
    {
        let invite = w.refer_to_support(call, &mut agent, "<sip:+8225550100@sbc.example.com;user=phone>");
        let outs = w.hear(ZENDESK, &respond(&invite, status, "", ""));
        assert_eq!(
            told(&outs),
            [
                &format!("ACK sip:support@acme.sip.twilio.com {ZENDESK}")[..],
                "part C",
                "bridge Some([A, B])",
                &format!("NOTIFY {AI} SIP/2.0 {told_as} terminated"),
                "settled"
            ],
            "{status}"
        );
        let event = field(find(&outs, "NOTIFY"), "Event").to_string();
        assert_eq!(event.contains(";id="), turn > 0, "{event}");
        assert!(w.answer_notify(&outs).is_empty());
        // Not before the relay is done with the one before.
        let again = agent.refer("<sip:support@sbc.example.com>");
        assert_eq!(told(&w.hear(AI, &again)), [&format!("SIP/2.0 491 {AI}")[..], "refused"]);
        assert!(w.place_parted(call, Side::C).is_empty());
        assert!(silent(&w.later(20_000)));
    }
    w.end_transferred(call);
}

#[test]
fn one_transfer_at_a_time() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    let invite = w.refer_to_support(call, &mut agent, "<tel:+8225550100>");
    let outs = w.hear(AI, &agent.refer("<sip:support@sbc.example.com>"));
    let refused = find(&outs, "SIP/2.0 491").to_string();
    assert!(field(&refused, "Warning").contains("The call is being transferred already."));
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    w.answer_notify(&outs);
    // The new one may be transferred on; Zendesk may not.
    let mut zendesk = End::called(ZENDESK, &invite, "zen");
    let outs = w.hear(ZENDESK, &zendesk.refer("<sip:support@sbc.example.com>"));
    assert_eq!(told(&outs), [&format!("SIP/2.0 403 {ZENDESK}")[..], "refused"]);
    let outs = w.hear(AI, &agent.request("BYE", ""));
    assert_eq!(told(&outs), [&format!("SIP/2.0 200 {AI}")[..], "part B"]);
    w.place_parted(call, Side::B);
    assert!(silent(&w.later(20_000)));
    w.end_transferred(call);
}

#[test]
fn the_caller_transfers_the_called_one() {
    let mut w = World::with(7, setting(false));
    // The AI platform calls, and Zendesk answers.
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let mut agent = End::calling(AI, &ok);
    let mut first = End::called(ZENDESK, &invite, "zen");
    let second = w.refer_to_support(call, &mut agent, "<sip:support@acme.sip.twilio.com:5060>");
    assert_eq!(field(&second, "X-Zendesk-Ticket-Id"), "35436", "what the call had");
    let outs = w.hear(ZENDESK, &answer(ZENDESK, "two", &second, "200 OK", ANSWER));
    assert_eq!(told(&outs)[..2], ["point C", "bridge Some([B, C])"]);
    w.answer_notify(&outs);
    let outs = w.hear(AI, &agent.request("BYE", ""));
    assert_eq!(told(&outs), [&format!("SIP/2.0 200 {AI}")[..], "part A"]);
    w.place_parted(call, Side::A);

    // Such a call outlives a restart, with the ports it has now.
    let mut record = [0; 2200];
    let len = w.sbc.save(&w.cx(), call, &mut record).unwrap();
    let mut other = World::with(8, w.config);
    let taken = other.sbc.restore(&other.cx(), &record[..len]).unwrap();
    let outs = other.drain();
    let ports = outs.iter().find_map(|out| match out {
        Out::Other(Output::Media { control: Control::Open { ports, .. }, .. }) => Some(*ports),
        _ => None,
    });
    let port = |invite: &str| {
        let line = invite.split("m=audio ").nth(1).unwrap();
        line.split(' ').next().unwrap().parse::<u16>().unwrap()
    };
    assert_eq!(ports, Some([port(&invite), port(&second)]));
    other.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(taken) }));
    let mut twin = End::called(ZENDESK, &invite, "zen");
    let outs = other.hear(ZENDESK, &twin.request("BYE", ""));
    assert!(find(&outs, "BYE").contains(";tag=two\r\n"));
    other.answer_byes(&outs);
    other.close(taken);
    other.is_clean();

    let outs = w.hear(ZENDESK, &first.request("BYE", ""));
    assert!(find(&outs, "BYE").contains(";tag=two\r\n"));
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

#[test]
fn a_referrer_that_leaves_early_does_not_end_the_transfer() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    let invite = w.refer_to_support(call, &mut agent, "sip:support@sbc.example.com");
    let outs = w.hear(AI, &agent.request("BYE", ""));
    assert_eq!(told(&outs), [&format!("SIP/2.0 200 {AI}")[..], "settled", "part B"]);
    w.place_parted(call, Side::B);
    // After a restart now, the caller could not be told anything better.
    let mut record = [0; 2200];
    let len = w.sbc.save(&w.cx(), call, &mut record).unwrap();
    let mut other = World::with(8, w.config);
    other.sbc.restore(&other.cx(), &record[..len]).unwrap();
    let outs = other.drain();
    assert!(find(&outs, "BYE").contains("A restart") || find(&outs, "BYE").contains("restart"));

    assert!(told(&w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""))).is_empty(), "nobody is told");
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert_eq!(
        told(&outs),
        ["point C", "bridge Some([A, C])", &format!("ACK sip:54.172.60.1:5060 {ZENDESK}"), "settled"]
    );
    assert!(silent(&w.later(20_000)));
    w.end_transferred(call);
}

#[test]
fn a_transfer_that_fails_without_its_referrer_returns_to_its_platform() {
    let mut w = World::with(7, setting(true));
    let (call, _, mut agent) = w.talk_to_agent();
    let invite = w.refer_to_support(call, &mut agent, "<sip:support@sbc.example.com>");
    w.hear(AI, &agent.request("BYE", ""));
    w.place_parted(call, Side::B);
    let outs = w.hear(ZENDESK, &respond(&invite, "486 Busy Here", "", ""));
    assert_eq!(
        told(&outs),
        [
            format!("ACK sip:support@acme.sip.twilio.com {ZENDESK}"),
            format!("INVITE sip:back@198.51.100.8 {BACK}")
        ]
    );
    let back = find(&outs, "INVITE").to_string();
    let outs = w.hear(BACK, &answer(BACK, "back", &back, "200 OK", OFFER));
    assert_eq!(told(&outs)[..2], ["point C", "bridge Some([A, C])"]);
    // It may transfer again.
    let mut agent = End::called(BACK, &back, "back");
    let refer = agent.refer("<sip:support@sbc.example.com>");
    let outs = w.hear(BACK, &refer);
    assert_eq!(told(&outs)[..3], [&format!("SIP/2.0 202 {BACK}")[..], "join B", "bridge None"]);
    w.answer_notify(&outs);
    w.place_joined(call, Side::B);
    let outs = w.zendesk_found(call);
    let invite = find(&outs, "INVITE").to_string();
    // And this time nobody takes it either: the call ends, and says why.
    w.hear(BACK, &agent.request("BYE", ""));
    w.place_parted(call, Side::C);
    w.hear(ZENDESK, &respond(&invite, "486 Busy Here", "", ""));
    let outs = w.later(0);
    assert!(silent(&outs));
    let rung = w.later(500);
    let back = find(&rung, "INVITE sip:back").to_string();
    let outs = w.hear(BACK, &answer(BACK, "no", &back, "480 Gone", ""));
    let bye = message(&outs, CARRIER, "BYE");
    assert!(field(bye, "Reason").contains("cause=480"), "{bye}");
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

#[test]
fn who_has_waited_for_long_enough_still_returns() {
    let mut config = setting(true);
    let mut lines = config.lines.to_vec();
    lines[0].max_wait = 10;
    config.lines = leak(lines);
    let mut w = World::with(7, config);
    let (call, _, mut agent) = w.talk_to_agent();
    let invite = w.refer_to_support(call, &mut agent, "<sip:support@sbc.example.com>");
    w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    w.hear(AI, &agent.request("BYE", ""));
    w.place_parted(call, Side::B);
    let back = find(&w.later(10_000), "INVITE sip:back@").to_string();
    w.hear(BACK, &answer(BACK, "back", &back, "200 OK", OFFER));
    assert_eq!(w.sbc.call(call).unwrap().outcome, Some(Outcome::Returned));
}

#[test]
fn the_caller_hangs_up_meanwhile() {
    let mut w = World::with(7, setting(true));
    let (call, mut carrier, mut agent) = w.talk_to_agent();
    let invite = w.refer_to_support(call, &mut agent, "<sip:support@sbc.example.com>");
    let ringing = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let outs = w.hear(CARRIER, &carrier.request("BYE", ""));
    // The agent's BYE waits for what it is still to be told.
    assert_eq!(
        told(&outs),
        [
            &format!("SIP/2.0 200 {CARRIER}")[..],
            &format!("CANCEL sip:support@acme.sip.twilio.com {ZENDESK}"),
            "close",
            "settled"
        ]
    );
    w.close(call);
    let outs = w.answer_notify(&ringing);
    assert_eq!(told(&outs), [format!("NOTIFY {AI} SIP/2.0 487 Request Terminated terminated")]);
    let outs = w.answer_notify(&outs);
    assert_eq!(told(&outs), [format!("BYE sip:{AI} {AI}")]);
    w.answer_byes(&outs);
    w.hear(ZENDESK, &respond(&invite, "487 Terminated", "", ""));
    w.is_clean();
}

#[test]
fn a_referrer_that_does_not_want_to_know_is_not_told() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    let refer = agent.request(
        "REFER",
        "Refer-To: <sip:support@sbc.example.com>\r\nRefer-Sub: false\r\nRequire: norefersub\r\n",
    );
    let outs = w.hear(AI, &refer);
    assert_eq!(field(find(&outs, "SIP/2.0 202"), "Refer-Sub"), "false");
    assert_eq!(
        told(&outs),
        [&format!("SIP/2.0 202 {AI}")[..], "join C", "bridge None", "ringback of korea a", "settled"]
    );
    assert_eq!(told(&w.hear(AI, &refer)), [format!("SIP/2.0 202 {AI}")]);
    w.place_joined(call, Side::C);
    let outs = w.zendesk_found(call);
    let invite = find(&outs, "INVITE").to_string();
    assert!(w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", "")).is_empty());
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert!(!outs.iter().any(|out| matches!(out, Out::Message(to, _) if to == AI)));
    assert_eq!(told(&w.later(5_001)), [format!("BYE sip:{AI} {AI}")]);
    w.end_transferred(call);
}

#[test]
fn a_notify_that_fails_does_not_stop_the_transfer() {
    for status in ["481 Gone", "489 Bad Event", "500 No", "401 Who", "408"] {
        let mut w = World::with(7, setting(false));
        let (call, _, mut agent) = w.talk_to_agent();
        let outs = w.hear(AI, &agent.refer("<sip:support@sbc.example.com>"));
        let notify = find(&outs, "NOTIFY").to_string();
        w.place_joined(call, Side::C);
        let outs = w.zendesk_found(call);
        let invite = find(&outs, "INVITE").to_string();
        w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
        if status == "408" {
            w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
            // Timer F: 32 s, and then 5.
            assert!(!told(&w.later(31_000)).iter().any(|told| told.starts_with("BYE")));
            w.later(1_500);
            assert_eq!(told(&w.later(5_000)), [format!("BYE sip:{AI} {AI}")]);
        } else {
            assert!(w.hear(AI, &respond(&notify, status, "", "")).is_empty());
            let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
            assert_eq!(told(&outs)[1], "bridge Some([A, C])");
            assert_eq!(told(&w.later(5_001)), [format!("BYE sip:{AI} {AI}")]);
        }
        w.end_transferred(call);
    }
}

#[test]
fn a_prack_without_an_answer_is_no_notify_without_one() {
    let mut w = World::with(7, setting(false));
    let outs = w.hear(CARRIER, &invite("1", "agent", "").replace(AI, CARRIER));
    let call = started(&outs);
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let asked = find(&outs, "INVITE sip:agent@").to_string();
    let reliably = answer(AI, "agent", &asked, "180 Ringing", "");
    let outs = w.hear(AI, &reliably.replace("CSeq:", "Require: 100rel\r\nRSeq: 1\r\nCSeq:"));
    find(&outs, "PRACK");
    let outs = w.hear(AI, &answer(AI, "agent", &asked, "200 OK", OFFER));
    let ok = message(&outs, CARRIER, "SIP/2.0 200").to_string();
    w.hear(CARRIER, &(request("ACK", "2", 1, &ok).replace(AI, CARRIER) + END));
    (0..60).for_each(|_| drop(w.later(500)));
    let mut agent = End::called(AI, &asked, "agent");
    let outs = w.hear(AI, &agent.refer("<sip:support@sbc.example.com>"));
    let notify = find(&outs, "NOTIFY").to_string();
    w.place_joined(call, Side::C);
    let rung = find(&w.zendesk_found(call), "INVITE").to_string();
    (0..10).for_each(|_| drop(w.later(500)));
    // The PRACK had its time; the NOTIFY has not, and the next waits for its answer.
    let outs = w.hear(ZENDESK, &respond(&rung, "180 Ringing", "", ""));
    assert_eq!(told(&outs), [""; 0]);
    let outs = w.hear(AI, &respond(&notify, "200 OK", "", ""));
    assert_eq!(told(&outs), [format!("NOTIFY {AI} SIP/2.0 180 Ringing active")]);
    w.answer_notify(&outs);
    w.tell(Input::Command(Command::HangUpAll));
}

#[test]
fn what_is_refused() {
    let mut w = World::with(7, setting(false));
    let (call, mut carrier, mut agent) = w.talk_to_agent();
    for (to, more, status) in [
        ("<sip:nobody@sbc.example.com>", "", 404),
        ("<sip:support@evil.example.net>", "", 404),
        ("<sip:+19005551234@sbc.example.com>", "", 404),
        ("<tel:+19005551234>", "", 404),
        ("<mailto:a@b>", "", 416),
        ("<sip:support@sbc.example.com;method=BYE>", "", 501),
        ("<sip:support@sbc.example.com>, <sip:two@sbc.example.com>", "", 400),
        ("support", "", 400),
        ("<sip:support@sbc.example.com>", "Require: precondition\r\n", 420),
        ("<sip:support@sbc.example.com?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>", "", 403),
    ] {
        let refer = agent.request("REFER", &format!("Refer-To: {to}\r\n{more}"));
        let outs = w.hear(AI, &refer);
        assert_eq!(told(&outs), [&format!("SIP/2.0 {status} {AI}")[..], "refused"], "{to} {more}");
    }
    let outs = w.hear(AI, &agent.request("REFER", ""));
    assert_eq!(told(&outs), [&format!("SIP/2.0 400 {AI}")[..], "refused"]);
    let outs = w.hear(CARRIER, &carrier.refer("<sip:support@sbc.example.com>"));
    assert!(field(find(&outs, "SIP/2.0 403"), "Warning").contains("does not transfer calls"));
    assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);
    assert_eq!(w.sbc.usage().ports, 2);
    w.end_transferred(call);
}

#[test]
fn a_malformed_ticket_does_not_stop_the_transfer() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    let invite = w.refer_to_support(
        call,
        &mut agent,
        "<sip:support@sbc.example.com?X-Zendesk-Ticket-Id=12%0d%0aX:%20y>",
    );
    assert!(!invite.contains("X-Zendesk") && !invite.contains("\r\nX"), "{invite}");
    assert_eq!(w.sbc.call(call).unwrap().note, Some(Reason::TicketMalformed));
    w.end_transferred(call);
}

#[test]
fn the_refers_own_ticket_comes_first() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    let more = "Refer-To: <sip:support@sbc.example.com?x-zendesk-ticket-id=7>\r\nX-Zendesk-Ticket-Id: X-Zendesk-Ticket-Id=8\r\n";
    let outs = w.hear(AI, &agent.request("REFER", more));
    w.answer_notify(&outs);
    w.place_joined(call, Side::C);
    let outs = w.zendesk_found(call);
    assert_eq!(field(find(&outs, "INVITE"), "X-Zendesk-Ticket-Id"), "8");
    w.end_transferred(call);
}

#[test]
fn outside_a_dialog() {
    let mut w = World::with(7, setting(false));
    let (call, mut carrier, agent) = w.talk_to_agent();
    let tag = |text: &str| text.split(";tag=").nth(1).unwrap().to_string();
    let own = |more: &str, number: u32| {
        format!(
            "REFER sip:sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {AI};branch=z9hG4bKown{number};rport\r\n\
             From: <sip:agent@ai>;tag=own\r\nTo: <sip:sbc.example.com>\r\nCall-ID: own-{number}\r\nCSeq: 5 REFER\r\n\
             Contact: <sip:own@{AI}>\r\nRefer-To: <sip:support@sbc.example.com>\r\n{more}{END}"
        )
    };
    let outs = w.hear(AI, &own("", 1));
    assert!(field(find(&outs, "SIP/2.0 403"), "Warning").contains("Target-Dialog"));
    let outs = w.hear(AI, &own("Target-Dialog: nothing;local-tag=a;remote-tag=b\r\n", 2));
    assert_eq!(told(&outs), [&format!("SIP/2.0 481 {AI}")[..], "refused"]);
    let dialog = format!(
        "Target-Dialog: {} ; local-tag={} ;remote-tag={}\r\nRequire: tdialog\r\n",
        agent.call_id,
        tag(&agent.own),
        tag(&agent.ours)
    );
    let refer = own(&dialog, 3);
    let outs = w.hear(AI, &refer);
    assert_eq!(
        told(&outs),
        [
            &format!("SIP/2.0 202 {AI}")[..],
            "join C",
            "bridge None",
            "ringback of korea a",
            &format!("NOTIFY {AI} SIP/2.0 100 Trying active"),
            "settled"
        ]
    );
    let accepted = find(&outs, "SIP/2.0 202").to_string();
    let notify = find(&outs, "NOTIFY").to_string();
    assert!(notify.starts_with(&format!("NOTIFY sip:own@{AI} SIP/2.0\r\n")));
    assert_eq!(field(&notify, "From"), field(&accepted, "To"));
    assert_eq!(field(&notify, "Call-ID"), "own-3");
    assert_eq!(find(&w.hear(AI, &refer), "SIP/2.0 202"), accepted);
    w.answer_notify(&outs);
    w.place_joined(call, Side::C);
    let outs = w.zendesk_found(call);
    let invite = find(&outs, "INVITE").to_string();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert_eq!(told(&outs)[1], "bridge Some([A, C])");
    assert_eq!(w.sbc.usage().legs, 4);
    w.answer_notify(&outs);
    assert_eq!(w.sbc.usage().legs, 3, "its dialog ends with its last NOTIFY");
    // The agent's own leg is asked to leave.
    let outs = w.later(5_001);
    assert_eq!(told(&outs), [format!("BYE sip:{AI} {AI}")]);
    assert_eq!(field(find(&outs, "BYE"), "Call-ID"), agent.call_id);
    w.answer_byes(&outs);
    w.place_parted(call, Side::B);
    let outs = w.hear(CARRIER, &carrier.request("BYE", ""));
    w.answer_byes(&outs);
    w.close(call);
    w.is_clean();
}

#[test]
fn what_the_relay_cannot_do_fails_the_transfer() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    let stream = crate::call::stream_of(call);
    // It says so, or nothing at all, or when it is too late.
    for turn in 0..3 {
        let outs = w.hear(AI, &agent.refer("<sip:support@sbc.example.com>"));
        w.answer_notify(&outs);
        let outs = match turn {
            0 => loop {
                // Each time another port is tried.
                let outs = w.tell(Input::Media(Report::NotJoined { stream, side: Side::C }));
                assert!(w.sbc.usage().ports <= 3);
                if !told(&outs).contains(&"join C".into()) {
                    break outs;
                }
            },
            _ => w.later(5_001),
        };
        assert!(told(&outs).contains(&"bridge Some([A, B])".into()), "{:?}", told(&outs));
        assert!(told(&outs).contains(&format!("NOTIFY {AI} SIP/2.0 503 Service Unavailable terminated")));
        w.answer_notify(&outs);
        if turn > 0 {
            assert_eq!(told(&w.place_joined(call, Side::C)), ["part C"]);
            w.place_parted(call, Side::C);
        }
        assert_eq!(w.sbc.usage().ports, 2);
    }
    w.end_transferred(call);
}

#[test]
fn a_transfer_tries_every_target_of_its_line() {
    let mut w = World::with(7, setting(false));
    let (call, _, mut agent) = w.talk_to_agent();
    let outs = w.hear(AI, &agent.refer("<sip:two@sbc.example.com>"));
    w.answer_notify(&outs);
    // The first one's trunk is full: the carrier carries one call.
    assert_eq!(told(&w.place_joined(call, Side::C)), ["resolve"]);
    let outs = w.zendesk_found(call);
    find(&outs, "INVITE sip:support");
    // Nobody answers it in its 20 s.
    let invite = find(&outs, "INVITE").to_string();
    w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let outs = w.later(20_001);
    let told = told(&outs);
    assert!(told.contains(&format!("CANCEL sip:support@acme.sip.twilio.com {ZENDESK}")), "{told:?}");
    assert!(told.contains(&"bridge Some([A, B])".into()), "{told:?}");
    w.end_transferred(call);
}

/// Whoever has transferred its call is not missed, however it goes.
#[test]
fn a_referrer_that_is_lost_is_lost_alone() {
    for answered in [true, false] {
        let mut w = World::with(7, setting(true));
        let (call, invite) = w.ring();
        let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
        // Its ACK never comes.
        let mut agent = End::calling(AI, message(&outs, AI, "SIP/2.0 200"));
        if !answered {
            w.later(25_000);
        }
        let second = w.refer_to_support(call, &mut agent, "<sip:support@sbc.example.com>");
        if answered {
            let outs = w.hear(ZENDESK, &answer(ZENDESK, "two", &second, "200 OK", ANSWER));
            w.answer_notify(&outs);
        } else {
            w.hear(ZENDESK, &answer(ZENDESK, "two", &second, "180 Ringing", ""));
        }
        let mut byes = 0;
        for _ in 0..30 {
            let outs = w.later(500);
            byes += told(&outs).iter().filter(|told| told.starts_with("BYE")).count();
            w.answer_byes(&outs);
            w.answer_notifies(&outs);
        }
        if answered {
            for _ in 0..40 {
                let outs = w.later(500);
                byes += told(&outs).iter().filter(|told| told.starts_with("BYE")).count();
                w.answer_byes(&outs);
            }
        } else {
            let outs = w.hear(ZENDESK, &answer(ZENDESK, "two", &second, "486 Busy Here", ""));
            let back = find(&outs, "INVITE sip:back@").to_string();
            w.hear(BACK, &answer(BACK, "back", &back, "200 OK", OFFER));
        }
        assert_eq!(byes, 1, "{answered}");
        assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);
        w.place_parted(call, Side::A);
        w.end_transferred(call);
    }
}
