//! Whole calls through the facade, message by message, with real bytes.

mod addresses;
mod attended;
mod authentication;
mod forks;
mod handover;
mod identity;
mod info;
mod lines;
mod loops;
mod music;
mod phones;
mod pinging;
mod ports;
mod reconfigure;
mod recording;
mod records;
mod registering;
mod reliable;
mod replaces;
mod restore;
mod security;
mod sessions;
mod sources;
mod speakers;
mod streams;
mod together;
mod torture;
mod transfer;
mod unanswered;
mod whisper;

use std::boxed::Box;
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::*;
use crate::config::*;
use crate::filter::{Prefix, Range, Rate};
use crate::memory::{Block, Entry, Lingering, LingeringSlot, PortQueue, PortSlot, Slot, TimerSlot};
use crate::relay::{Control, Report};
use crate::time::Duration;
use crate::transport::Transport;

const AI: &str = "198.51.100.7:5060";
const ZENDESK: &str = "54.172.60.1:5060";

struct World {
    sbc: Sbc<'static>,
    config: Config<'static>,
    now: Instant,
    /// How often a leg waited to be answered.
    unanswered: usize,
}

fn leak<T>(values: Vec<T>) -> &'static mut [T] {
    Box::leak(values.into_boxed_slice())
}

fn empty<T>(count: usize, slot: impl Fn() -> T) -> &'static mut [T] {
    leak((0..count).map(|_| slot()).collect())
}

struct Texts(String);

impl Texts {
    fn add(&mut self, text: &str) -> Span {
        let span = Span { start: self.0.len() as u32, len: text.len() as u32 };
        self.0.push_str(text);
        span
    }
}

fn config() -> Config<'static> {
    let mut texts = Texts(String::new());
    let ip = |text: &str| text.parse().unwrap();
    let prefix = |text: &str| Prefix::parse(text).unwrap();
    let mut sources = vec![
        Range::new(0, prefix("198.51.100.0/24"), 0),
        Range::new(0, prefix("54.172.60.0/30"), 1),
        Range::new(0, prefix("192.0.2.0/28"), 2),
    ];
    let count = filter::build(&mut sources).unwrap();
    sources.truncate(count);
    let trunk = |name, kind, media| Trunk { media, max_calls: 100, ..Trunk::new(name, kind, 0) };
    let ranges = |start| MediaPolicy::Ranges(List::new(start, 1));
    let trunks = vec![
        trunk(texts.add("ai"), TrunkKind::Ai, ranges(0)),
        trunk(texts.add("zendesk"), TrunkKind::Zendesk, ranges(1)),
        trunk(texts.add("carrier"), TrunkKind::Carrier, ranges(0)),
    ];
    let media = vec![
        MediaRange { prefix: prefix("198.51.100.0/24"), ports: (1024, 65535) },
        MediaRange { prefix: prefix("168.86.128.0/18"), ports: (10000, 60000) },
    ];
    let targets = vec![Target {
        name: texts.add("zendesk-support"),
        trunk: TrunkIndex(1),
        uri: texts.add("sip:support@acme.sip.twilio.com"),
        host: texts.add("acme.sip.twilio.com"),
        port: None,
        answers: Answers::Person,
    }];
    let dials = vec![texts.add("support"), texts.add("+8225550100")];
    let lines = vec![Line::new(texts.add("support"), List::new(0, 2), List::new(0, 2), List::new(0, 1))];
    let domains = vec![texts.add("sbc.example.com")];
    let node = Node {
        name: texts.add("edge-1"),
        country: texts.add("82"),
        new_calls: Rate { per_second: 1000, burst: 1000 },
        workers: 2,
        silence: 60,
        blocked: texts.add("+8270*,+8225550123"),
    };
    Config {
        text: leak(texts.0.into_bytes()),
        node,
        domains: leak(domains),
        interfaces: leak(vec![Interface {
            name: Span::default(),
            address: ip("10.0.0.5"),
            advertise: ip("203.0.113.10"),
            media: (20000, 20099),
        }]),
        listeners: leak(vec![Listener { interface: 0, transport: Transport::Udp, port: 5060 }]),
        trunks: leak(trunks),
        sources: leak(sources),
        media: leak(media),
        targets: leak(targets),
        lines: leak(lines),
        dials: leak(dials),
        callers: leak(vec![TrunkIndex(0), TrunkIndex(2)]),
        rings: leak(vec![Ring::new(TargetIndex(0), 20_000)]),
        ..Config::EMPTY
    }
}

impl World {
    fn new() -> Self {
        Self::seeded(7)
    }

    fn seeded(seed: u8) -> Self {
        Self::with(seed, config())
    }

    fn with(seed: u8, config: Config<'static>) -> Self {
        let sizes = Sizes::of(4, 4);
        let storage = Storage {
            calls: empty(sizes.calls, || Slot::EMPTY),
            legs: empty(sizes.legs, || Slot::EMPTY),
            dialogs: empty(sizes.dialogs, || Entry::EMPTY),
            clock: empty(sizes.clock, || TimerSlot::EMPTY),
            transactions: crate::transaction::Storage {
                live: empty(sizes.transactions, || Slot::EMPTY),
                index: empty(sizes.transaction_index, || Entry::EMPTY),
                timers: empty(sizes.transactions, || TimerSlot::EMPTY),
                finished: Lingering::new(empty(sizes.finished, || LingeringSlot::EMPTY)),
            },
            blocks: empty(sizes.blocks, || Block::EMPTY),
            ports: empty(50, || PortSlot::EMPTY),
            port_queues: empty(4, || PortQueue::EMPTY),
            trunks: empty(config.trunks.len(), TrunkState::default),
            pings: empty(4, Ping::default),
            windows: empty(4, || crate::digest::Window::EMPTY),
            phones: empty(6, Binding::default),
            announced: empty(4, || Announced::EMPTY),
            reply: empty(4096, || 0),
        };
        let now = Instant::from_micros(1_000_000);
        Self { sbc: Sbc::new(storage, &config, &[seed; 32]), config, now, unanswered: 0 }
    }

    fn cx(&self) -> Cx<'static> {
        Cx { now: self.now, utc: None, config: Box::leak(Box::new(self.config)) }
    }

    /// Everything that leaves, until it waits: messages as text behind their address, the rest as it is.
    fn drain(&mut self) -> Vec<Out> {
        let mut outs = Vec::new();
        let mut buffer = [0; 4096];
        for _ in 0..100 {
            match self.sbc.poll(&self.cx(), &mut buffer) {
                Output::Wait(_) => return outs,
                Output::Transmit { to, len } => {
                    outs.push(Out::Message(
                        to.remote.to_string(),
                        String::from_utf8_lossy(&buffer[..len]).into_owned(),
                    ));
                }
                Output::Event(Event::Unanswered(_)) => self.unanswered += 1,
                other => outs.push(Out::Other(other)),
            }
        }
        panic!("poll never waits: {outs:?}");
    }

    fn hear(&mut self, from: &str, text: &str) -> Vec<Out> {
        let path = Path { transport: Transport::Udp, listener: 0, flow: 0, remote: from.parse().unwrap() };
        let admitted = self.sbc.admit(&self.cx(), path).unwrap();
        self.sbc.handle(&self.cx(), Input::Message(admitted, text.as_bytes()));
        self.drain()
    }

    fn tell(&mut self, input: Input<'_>) -> Vec<Out> {
        self.sbc.handle(&self.cx(), input);
        self.drain()
    }

    fn later(&mut self, millis: u64) -> Vec<Out> {
        self.now = self.now.after(Duration::from_millis(millis));
        self.drain()
    }

    /// A call as far as the INVITE towards Zendesk: what was sent there.
    fn ring(&mut self) -> (CallId, String) {
        let outs = self.hear(AI, &invite("1", "support", "X-Zendesk-Ticket-Id: 35436\r\n"));
        let call = started(&outs);
        let opened = Report::Opened { stream: crate::call::stream_of(call) };
        let outs = self.tell(Input::Media(opened));
        let question = outs.iter().find_map(|out| match out {
            Out::Other(Output::Resolve(question)) => Some(*question),
            _ => None,
        });
        let outs = self.tell(Input::Resolved(question.unwrap(), &at(&[ZENDESK])));
        (call, message(&outs, ZENDESK, "INVITE").to_string())
    }

    fn close(&mut self, call: CallId) -> Vec<Out> {
        let stream = crate::call::stream_of(call);
        self.tell(Input::Media(Report::Closed { stream, sides: Default::default() }))
    }

    /// Nothing is left once everything has had its time.
    fn is_clean(&mut self) {
        // Timer B, and then what is remembered of it.
        self.later(40_000);
        self.later(40_000);
        self.later(2_000);
        self.later(2_000);
        assert_eq!(self.sbc.usage(), Usage::default());
        assert_eq!(self.sbc.ports.free(0), 50);
        assert!(self.sbc.trunks.iter().all(|trunk| (trunk.starts.legs, trunk.takes.legs) == (0, 0)));
    }
}

#[derive(Debug)]
enum Out {
    Message(String, String),
    Other(Output),
}

/// These addresses, to be tried in this order.
fn at(addresses: &[&str]) -> Vec<Found> {
    let found = |(priority, text): (u16, &&str)| Found { priority, ..Found::at(text.parse().unwrap()) };
    (0..).zip(addresses).map(found).collect()
}

fn started(outs: &[Out]) -> CallId {
    outs.iter()
        .find_map(|out| match out {
            Out::Other(Output::Event(Event::Started(call))) => Some(*call),
            _ => None,
        })
        .unwrap_or_else(|| panic!("no call in {outs:?}"))
}

fn message<'o>(outs: &'o [Out], to: &str, start: &str) -> &'o str {
    outs.iter()
        .find_map(|out| match out {
            Out::Message(at, text) if at == to && text.starts_with(start) => Some(text.as_str()),
            _ => None,
        })
        .unwrap_or_else(|| panic!("no {start} to {to} in {outs:#?}"))
}

fn silent(outs: &[Out]) -> bool {
    !outs.iter().any(|out| matches!(out, Out::Message(..)))
}

fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let lines: Vec<&str> = text.split("\r\n").filter(|line| line.starts_with(name)).collect();
    assert_eq!(lines.len(), 1, "{name} in {text}");
    lines[0][name.len()..].trim_start_matches(':').trim()
}

const OFFER: &str = "v=0\r\no=ai 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
const ANSWER: &str = "v=0\r\no=z 1 1 IN IP4 168.86.128.9\r\ns=-\r\nc=IN IP4 168.86.128.9\r\nt=0 0\r\n\
    m=audio 12000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fn with_body(head: &str, body: &str) -> String {
    format!("{head}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn invite(branch: &str, user: &str, more: &str) -> String {
    with_body(
        &format!(
            "INVITE sip:{user}@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {AI};branch=z9hG4bK{branch};rport\r\n\
             From: \"Caller\" <sip:01012345678@ai.example.com>;tag=a{branch}\r\nTo: <sip:{user}@sbc.example.com>\r\n\
             Call-ID: call-{branch}@ai\r\nCSeq: 1 INVITE\r\nContact: <sip:ai@{AI}>\r\nMax-Forwards: 70\r\n{more}"
        ),
        OFFER,
    )
}

/// A request of the caller's within the dialog that `response` (to its INVITE) made.
fn request(method: &str, branch: &str, number: u32, response: &str) -> String {
    format!(
        "{method} sip:203.0.113.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {AI};branch=z9hG4bK{branch};rport\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n",
        field(response, "From"),
        field(response, "To"),
        field(response, "Call-ID")
    )
}

/// Zendesk's response to a request of ours.
fn respond(request: &str, status: &str, more: &str, body: &str) -> String {
    let to = field(request, "To");
    let to = if to.contains(";tag=") || status.starts_with("100") {
        to.to_string()
    } else {
        format!("{to};tag=zen")
    };
    let head = format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <sip:{ZENDESK}>\r\n{more}",
        field(request, "Via"),
        field(request, "From"),
        field(request, "Call-ID"),
        field(request, "CSeq")
    );
    if body.is_empty() { format!("{head}Content-Length: 0\r\n\r\n") } else { with_body(&head, body) }
}

const END: &str = "Content-Length: 0\r\n\r\n";

#[test]
fn a_call_goes_through() {
    let mut w = World::new();
    let outs = w.hear(AI, &invite("1", "support", "X-Zendesk-Ticket-Id: 35436\r\n"));
    message(&outs, AI, "SIP/2.0 100 Trying");
    let call = started(&outs);
    assert!(
        outs.iter().any(|out| matches!(out, Out::Other(Output::Media { control: Control::Open { .. }, .. })))
    );
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    assert!(silent(&outs));
    let question = Question { about: About::Call(call), target: TargetIndex(0) };
    assert!(outs.iter().any(|out| matches!(out, Out::Other(Output::Resolve(asked)) if *asked == question)));

    let outs = w.tell(Input::Resolved(question, &at(&["203.0.113.66:5060", ZENDESK])));
    let invite = message(&outs, ZENDESK, "INVITE sip:support@acme.sip.twilio.com SIP/2.0\r\n").to_string();
    assert_eq!(field(&invite, "X-Zendesk-Ticket-Id"), "35436");
    assert!(field(&invite, "From").starts_with("<sip:+821012345678@203.0.113.10>;tag="));
    assert_eq!(field(&invite, "To"), "<sip:support@acme.sip.twilio.com>");
    assert_eq!(field(&invite, "Max-Forwards"), "70");
    assert_eq!(field(&invite, "Contact"), "<sip:203.0.113.10:5060>");
    assert!(
        !invite.contains("ai.example.com") && !invite.contains("198.51.100.7") && !invite.contains("call-1")
    );

    assert!(silent(&w.hear(ZENDESK, &respond(&invite, "100 Trying", "", ""))));
    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    message(&outs, AI, "SIP/2.0 180 Ringing");
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ack = message(&outs, ZENDESK, &format!("ACK sip:{ZENDESK} SIP/2.0\r\n"));
    assert_eq!(field(ack, "CSeq"), "1 ACK");
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    assert!(ok.contains("RTP/AVP 0 101\r\n"), "{ok}");
    assert!(silent(&w.hear(AI, &(request("ACK", "2", 1, &ok) + END))));
    assert!(silent(&w.later(20_000)));
    assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Answered);

    let outs = w.hear(AI, &(request("BYE", "3", 2, &ok) + END));
    message(&outs, AI, "SIP/2.0 200 OK");
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    assert_eq!(field(&bye, "CSeq"), "2 BYE");
    assert!(bye.contains(";tag=zen\r\n"));
    assert!(w.close(call).is_empty(), "a call lasts to the last BYE");
    let outs = w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    assert!(matches!(outs[..], [Out::Other(Output::Event(Event::Ended(ended)))] if ended == call));
    // What comes again is answered again, and does nothing.
    message(&w.hear(AI, &(request("BYE", "3", 2, &ok) + END)), AI, "SIP/2.0 200 OK");
    message(&w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER)), ZENDESK, "ACK");
    w.is_clean();
}

#[test]
fn the_target_hangs_up_before_the_caller_has_acknowledged() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    let bye = format!(
        "BYE sip:203.0.113.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {ZENDESK};branch=z9hG4bKz\r\nFrom: {};tag=zen\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 9 BYE\r\n{END}",
        field(&invite, "To"),
        field(&invite, "From"),
        field(&invite, "Call-ID")
    );
    let outs = w.hear(ZENDESK, &bye);
    message(&outs, ZENDESK, "SIP/2.0 200 OK");
    assert!(
        !outs.iter().any(|out| matches!(out, Out::Message(to, _) if to == AI)),
        "a callee sends no BYE before the ACK"
    );
    let outs = w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let bye = message(&outs, AI, "BYE").to_string();
    w.hear(AI, &respond(&bye, "200 OK", "", ""));
    w.close(call);
    w.is_clean();
}

#[test]
fn an_answer_is_repeated_until_it_is_acknowledged() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    assert!(silent(&w.later(499)));
    assert_eq!(message(&w.later(1), AI, "SIP/2.0 200 OK"), ok);
    assert_eq!(message(&w.later(1000), AI, "SIP/2.0 200 OK"), ok);
    for _ in 0..40 {
        let outs = w.later(1000);
        if outs.iter().any(|out| matches!(out, Out::Message(to, text) if to == AI && text.starts_with("BYE")))
        {
            message(&outs, ZENDESK, "BYE");
            w.close(call);
            return w.is_clean();
        }
    }
    panic!("the call goes on without an ACK");
}

#[test]
fn a_cancelled_call_is_cancelled_at_the_target() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let cancel = format!(
        "CANCEL sip:support@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {AI};branch=z9hG4bK1;rport\r\nFrom: \"Caller\" <sip:01012345678@ai.example.com>;tag=a1\r\n\
         To: <sip:support@sbc.example.com>\r\nCall-ID: call-1@ai\r\nCSeq: 1 CANCEL\r\n{END}"
    );
    let outs = w.hear(AI, &cancel);
    message(&outs, AI, "SIP/2.0 200 OK");
    let terminated = message(&outs, AI, "SIP/2.0 487").to_string();
    assert!(
        !outs.iter().any(|out| matches!(out, Out::Message(to, _) if to == ZENDESK)),
        "no CANCEL before a provisional response"
    );
    w.hear(AI, &(request("ACK", "1", 1, &terminated) + END));
    let outs = w.hear(ZENDESK, &respond(&invite, "180 Ringing", "", ""));
    let cancel = message(&outs, ZENDESK, "CANCEL sip:support@acme.sip.twilio.com SIP/2.0").to_string();
    assert_eq!(field(&cancel, "Via"), field(&invite, "Via"));
    assert_eq!(field(&cancel, "CSeq"), "1 CANCEL");
    // The answer crosses the CANCEL: it is acknowledged, and the call ended.
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    message(&outs, ZENDESK, "ACK");
    let bye = message(&outs, ZENDESK, "BYE").to_string();
    w.hear(ZENDESK, &respond(&cancel, "200 OK", "", ""));
    w.hear(ZENDESK, &respond(&bye, "200 OK", "", ""));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_busy_target_is_a_busy_line() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "486 Busy Here", "", ""));
    let ack = message(&outs, ZENDESK, "ACK sip:support@acme.sip.twilio.com SIP/2.0");
    assert_eq!(field(ack, "Via"), field(&invite, "Via"));
    let busy = message(&outs, AI, "SIP/2.0 486 Busy Here").to_string();
    assert_eq!(field(&busy, "Reason"), "SIP;cause=486");
    assert_eq!(message(&w.later(500), AI, "SIP/2.0 486"), busy);
    w.hear(AI, &(request("ACK", "1", 1, &busy) + END));
    assert!(silent(&w.later(5000)));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_trunk_that_carries_what_it_may_brings_no_more() {
    let mut trunks = config().trunks.to_vec();
    trunks[0].max_calls = 1;
    let mut w = World::with(7, Config { trunks: leak(trunks), ..config() });
    let (call, invite) = w.ring();
    let outs = w.hear(AI, &self::invite("2", "support", ""));
    let full = message(&outs, AI, "SIP/2.0 480 ").to_string();
    assert!(!full.contains("Retry-After"));
    assert_eq!(w.sbc.counters().get(Reason::TrunkFull), 1);
    w.hear(AI, &(request("ACK", "2", 1, &full) + END));
    // The call that it has goes on, and when it is over there is room.
    let outs = w.hear(ZENDESK, &respond(&invite, "486 Busy Here", "", ""));
    let busy = message(&outs, AI, "SIP/2.0 486").to_string();
    w.hear(AI, &(request("ACK", "1", 1, &busy) + END));
    w.later(5000);
    w.close(call);
    let again = started(&w.hear(AI, &self::invite("3", "support", "")));
    w.tell(Input::Command(Command::HangUp(again)));
    w.close(again);
    w.is_clean();
}

#[test]
fn a_silent_target_is_rung_for_its_time() {
    let mut w = World::new();
    let (call, _) = w.ring();
    let mut sends = 1;
    for _ in 0..40 {
        let outs = w.later(500);
        sends += outs
            .iter()
            .filter(
                |out| matches!(out, Out::Message(to, text) if to == ZENDESK && text.starts_with("INVITE")),
            )
            .count();
        if outs
            .iter()
            .any(|out| matches!(out, Out::Message(to, text) if to == AI && text.starts_with("SIP/2.0 480")))
        {
            assert_eq!(sends, 6, "at 0, 0.5, 1.5, 3.5, 7.5 and 15.5 s");
            w.close(call);
            return w.is_clean();
        }
    }
    panic!("rung for ever");
}

#[test]
fn a_reinvite_is_answered_by_its_own_leg() {
    let mut w = World::new();
    let (call, invite) = w.ring();
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    w.hear(AI, &(request("ACK", "2", 1, &ok) + END));
    let hold = OFFER.replace("m=audio", "a=sendonly\r\nm=audio");
    let outs = w.hear(
        AI,
        &with_body(&(request("INVITE", "4", 2, &ok) + &format!("Contact: <sip:ai@{AI}>\r\n")), &hold),
    );
    let held = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    assert!(held.contains("a=recvonly"), "{held}");
    assert!(
        outs.iter()
            .any(|out| matches!(out, Out::Other(Output::Media { control: Control::Point { .. }, .. })))
    );
    assert!(!outs.iter().any(|out| matches!(out, Out::Message(to, _) if to == ZENDESK)));
    let version = |text: &str| {
        text.lines().find(|line| line.starts_with("o=")).unwrap().split(' ').nth(2).unwrap().to_string()
    };
    assert_ne!(version(&held), version(&ok));
    assert_eq!(message(&w.later(500), AI, "SIP/2.0 200 OK"), held);
    w.hear(AI, &(request("ACK", "5", 2, &ok) + END));
    assert!(silent(&w.later(5000)));
    w.tell(Input::Command(Command::HangUpAll));
    w.close(call);
    w.is_clean();
}

#[test]
fn an_offer_in_the_answer_is_answered_in_the_ack() {
    let mut w = World::new();
    let text = invite("1", "support", "");
    let head = text.split("Content-Type").next().unwrap();
    let outs = w.hear(AI, &format!("{head}{END}"));
    let call = started(&outs);
    let outs = w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    assert!(
        !outs.iter().any(|out| matches!(out, Out::Other(Output::Media { .. }))),
        "nobody to point at yet"
    );
    w.tell(Input::Resolved(Question { about: About::Call(call), target: TargetIndex(0) }, &at(&[ZENDESK])));
    let invite = w.later(500).pop();
    let Some(Out::Message(_, invite)) = invite else { panic!("{invite:?}") };
    let outs = w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    let ok = message(&outs, AI, "SIP/2.0 200 OK").to_string();
    assert!(ok.contains("m=audio 20"), "{ok}");
    let outs = w.hear(AI, &with_body(&request("ACK", "2", 1, &ok), OFFER));
    assert!(
        outs.iter().any(|out| matches!(
            out,
            Out::Other(Output::Media { control: Control::Point { side: relay::Side::A, .. }, .. })
        )),
        "{outs:?}"
    );
    w.tell(Input::Command(Command::HangUpAll));
    w.close(call);
    w.is_clean();
}

#[test]
fn refusals_say_why_and_are_remembered() {
    let mut w = World::new();
    let nobody = invite("1", "nobody", "");
    let outs = w.hear(AI, &nobody);
    let refused = message(&outs, AI, "SIP/2.0 404 Not Found").to_string();
    assert!(field(&refused, "Warning").contains("No line is dialled by this name or number."));
    assert!(outs.iter().any(|out| matches!(out, Out::Other(Output::Event(Event::Refused { reason: Reason::UnknownLine, asked, .. })) if asked.as_str() == "sip:nobody@sbc.example.com")));
    let outs = w.hear(AI, &nobody);
    assert_eq!(message(&outs, AI, "SIP/2.0 404"), refused);
    assert_eq!(outs.len(), 1);
    assert!(w.hear(AI, &(request("ACK", "1", 1, &refused) + END)).is_empty());
    assert_eq!(w.sbc.counters().get(Reason::UnknownLine), 1);

    let options = "OPTIONS sip:sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKo\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@c>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n";
    let outs = w.hear("198.51.100.7:40000", &format!("{options}{END}"));
    assert_eq!(
        field(message(&outs, "198.51.100.7:5060", "SIP/2.0 200 OK"), "Allow"),
        "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, REFER, INFO"
    );
    let outs =
        w.hear(AI, &format!("{}Require: 100rel, foo\r\n{END}", options.replace("z9hG4bKo", "z9hG4bKp")));
    assert_eq!(field(message(&outs, AI, "SIP/2.0 420"), "Unsupported"), "foo");
    w.is_clean();
}

#[test]
fn a_flood_of_refusals_costs_no_call_its_stragglers() {
    let mut w = World::new();
    for number in 0..2000 {
        let outs = w.hear(AI, &invite(&format!("f{number}"), "nobody", ""));
        message(&outs, AI, "SIP/2.0 ");
    }
    let flood = w.sbc.usage().finished;
    w.later(1000);
    let (call, invite) = w.ring();
    w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER));
    assert!(w.sbc.usage().finished > flood, "the INVITE is remembered beside the flood");
    // The ACK was lost: the 2xx comes again, and is acknowledged again.
    message(&w.hear(ZENDESK, &respond(&invite, "200 OK", "", ANSWER)), ZENDESK, "ACK");
    w.tell(Input::Command(Command::HangUpAll));
    w.close(call);
}

#[test]
fn a_carriers_ticket_goes_nowhere() {
    let mut w = World::new();
    let text = invite("1", "support", "X-Zendesk-Ticket-Id: 35436\r\n")
        .replace("198.51.100.7:5060", "192.0.2.3:5060");
    let outs = w.hear("192.0.2.3:5060", &text);
    let call = started(&outs);
    assert_eq!(w.sbc.call(call).unwrap().ticket, None);
    assert_eq!(w.sbc.call(call).unwrap().note, Some(Reason::TicketNotTrusted));
    w.tell(Input::Media(Report::Opened { stream: crate::call::stream_of(call) }));
    let outs = w.tell(Input::Resolved(
        Question { about: About::Call(call), target: TargetIndex(0) },
        &at(&[ZENDESK]),
    ));
    assert!(!message(&outs, ZENDESK, "INVITE").contains("X-Zendesk"));
}

#[test]
fn unknown_sources_are_not_read() {
    let mut w = World::new();
    let path = Path {
        transport: Transport::Udp,
        listener: 0,
        flow: 0,
        remote: "198.51.101.1:5060".parse().unwrap(),
    };
    assert_eq!(w.sbc.admit(&w.cx(), path), Err(Reason::UnknownSource));
    assert_eq!(w.sbc.parsed(), 0);
    assert_eq!(w.sbc.counters().get(Reason::UnknownSource), 1);
}

#[test]
fn a_full_node_turns_new_calls_away_and_keeps_the_rest() {
    let mut w = World::new();
    let (first, invite_out) = w.ring();
    for number in 2..=4 {
        w.hear(AI, &invite(&number.to_string(), "support", ""));
    }
    let outs = w.hear(AI, &invite("5", "support", ""));
    let full = message(&outs, AI, "SIP/2.0 503");
    assert!(!full.contains("Retry-After"));
    assert_eq!(w.sbc.counters().get(Reason::NodeFull), 1);
    let outs = w.hear(ZENDESK, &respond(&invite_out, "200 OK", "", ANSWER));
    message(&outs, AI, "SIP/2.0 200 OK");
    w.tell(Input::Command(Command::Drain));
    let outs = w.hear(AI, &invite("6", "support", ""));
    assert_eq!(field(message(&outs, AI, "SIP/2.0 503"), "Retry-After"), "60");
    assert_eq!(w.sbc.call(first).unwrap().progress, Progress::Answered);
}

use crate::call::Progress;
