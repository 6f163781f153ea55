//! Whole calls through the facade: INVITE, 180, 200 and ACK on both legs, BYE from the caller.
//!
//! Peers, a resolver and a relay of the bench's own play so many calls once and everything that goes in is written
//! down. What is measured is that script, played again to a new `Sbc` of the same seed: the work of `handle` and
//! `poll` and nothing else. Sockets and media are not in it.

use core::hint::black_box;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use criterion::{Throughput, criterion_group, criterion_main};
use warmline_benches::{Cpu, criterion};
use warmline_core::config::Answers;
use warmline_core::locate::Found;
use warmline_core::relay::{Control, Report, Statistics};
use warmline_core::time::Instant;
use warmline_core::transport::{Path, Transport};
use warmline_core::{Cx, Event, Input, Output, Question, Sbc};
use warmline_tests::{Memory, Setting, Text, address};

type Criterion = criterion::Criterion<Cpu>;

const SEED: [u8; 32] = [7; 32];
const CALLS: u64 = 2_000;
/// So many calls are alive at once, on average.
const AT_ONCE: u64 = 1_000;
/// Microseconds.
const BETWEEN_CALLS: u64 = 200;
const ON_ITS_WAY: u64 = 1_000;
const TALK: u64 = AT_ONCE * BETWEEN_CALLS;

/// One way in, kept.
#[expect(clippy::large_enum_variant, reason = "each call has a handful")]
enum Step {
    Message(Path, Vec<u8>),
    Resolved(Question),
    Media(Report),
    /// A deadline has come.
    Wake,
}

/// Everything that goes in, and when.
#[derive(Default)]
struct Script {
    steps: Vec<(Instant, Step)>,
}

impl Script {
    /// Plays it to a new SBC; says how many calls ended, and how long it took.
    fn play(&self, setting: &Setting) -> (u64, Duration) {
        let config = setting.config();
        let mut memory = Memory::of(setting);
        let mut sbc = Sbc::new(memory.lend().0, &config, &SEED);
        let mut out = [0; 4096];
        let mut ended = 0;
        let start = Cpu::now();
        for (now, step) in &self.steps {
            let cx = Cx { now: *now, utc: None, config: &config };
            step.enter(&mut sbc, &cx);
            loop {
                match black_box(sbc.poll(&cx, &mut out)) {
                    Output::Wait(_) => break,
                    Output::Event(Event::Ended(_)) => ended += 1,
                    _ => {}
                }
            }
        }
        (ended, Cpu::now() - start)
    }
}

impl Step {
    fn enter(&self, sbc: &mut Sbc<'_>, cx: &Cx<'_>) {
        match self {
            Self::Message(path, bytes) => {
                let admitted = sbc.admit(cx, *path).unwrap();
                sbc.handle(cx, Input::Message(admitted, bytes));
            }
            Self::Resolved(question) => {
                sbc.handle(cx, Input::Resolved(*question, &[Found::at(address::ZENDESK)]))
            }
            Self::Media(report) => sbc.handle(cx, Input::Media(*report)),
            Self::Wake => {}
        }
    }
}

/// Everybody around the SBC.
struct Peers {
    ahead: BTreeMap<(u64, usize), Step>,
    arranged: usize,
}

impl Peers {
    /// Plays the calls once.
    fn write_down(setting: &Setting) -> Script {
        let config = setting.config();
        let mut memory = Memory::of(setting);
        let mut sbc = Sbc::new(memory.lend().0, &config, &SEED);
        let mut peers = Self { ahead: BTreeMap::new(), arranged: 0 };
        for number in 0..CALLS {
            peers.arrange(1_000_000 + number * BETWEEN_CALLS, from_caller(invite(number)));
        }
        let mut script = Script::default();
        let mut out = [0; 4096];
        let mut wake: Option<u64> = None;
        let mut ended = 0;
        while ended < CALLS {
            let next = peers.ahead.first_key_value().map(|(key, _)| key.0);
            let (now, step) = match wake {
                Some(at) if next.is_none_or(|next| at < next) => (at, Step::Wake),
                _ => {
                    let ((at, _), step) = peers.ahead.pop_first().unwrap();
                    (at, step)
                }
            };
            let cx = Cx { now: Instant::from_micros(now), utc: None, config: &config };
            step.enter(&mut sbc, &cx);
            wake = loop {
                match sbc.poll(&cx, &mut out) {
                    Output::Wait(at) => break at.map(|at| at.as_micros().max(now + 1)),
                    Output::Event(Event::Ended(_)) => ended += 1,
                    output => peers.react(now, output, &out),
                }
            };
            script.steps.push((cx.now, step));
        }
        assert!(sbc.counters().iter().all(|(_, count)| count == 0), "something was refused");
        script
    }

    fn arrange(&mut self, at: u64, step: Step) {
        self.arranged += 1;
        self.ahead.insert((at, self.arranged), step);
    }

    fn react(&mut self, now: u64, output: Output, out: &[u8]) {
        match output {
            Output::Transmit { to, len } => {
                let message = Text::parse(&out[..len]).unwrap();
                if to.remote == address::AI {
                    self.caller_hears(now, &message);
                } else {
                    self.target_hears(now, &message);
                }
            }
            Output::Resolve(question) => self.arrange(now + ON_ITS_WAY, Step::Resolved(question)),
            Output::Media { control: Control::Open { stream, .. }, .. } => {
                self.arrange(now + ON_ITS_WAY, Step::Media(Report::Opened { stream }));
            }
            Output::Media { control: Control::Close { stream }, .. } => {
                let sides = [Statistics::default(); 3];
                self.arrange(now + ON_ITS_WAY, Step::Media(Report::Closed { stream, sides }));
            }
            Output::Media { .. } | Output::Event(_) | Output::Wait(_) => {}
        }
    }

    fn caller_hears(&mut self, now: u64, message: &Text<'_>) {
        if message.status() == Some(200) && message.cseq().unwrap().1 == "INVITE" {
            self.arrange(now + ON_ITS_WAY, from_caller(in_dialog("ACK", 1, message)));
            self.arrange(now + ON_ITS_WAY + TALK, from_caller(in_dialog("BYE", 2, message)));
        }
    }

    fn target_hears(&mut self, now: u64, message: &Text<'_>) {
        match message.method() {
            "INVITE" => {
                for (after, status) in [(1, "180 Ringing"), (5, "200 OK")] {
                    self.arrange(now + after * ON_ITS_WAY, from_target(respond(status, message)));
                }
            }
            "BYE" => self.arrange(now + ON_ITS_WAY, from_target(respond("200 OK", message))),
            _ => {}
        }
    }
}

fn from_caller(bytes: String) -> Step {
    message(0, address::AI, bytes)
}

fn from_target(bytes: String) -> Step {
    message(1, address::ZENDESK, bytes)
}

fn message(listener: u8, remote: SocketAddr, bytes: String) -> Step {
    Step::Message(Path { transport: Transport::Udp, listener, flow: 0, remote }, bytes.into_bytes())
}

fn with_body(head: &str, ip: &str, formats: &str) -> String {
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 20000 RTP/AVP {formats} 101\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    format!("{head}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn invite(number: u64) -> String {
    let at = address::AI;
    let head = format!(
        "INVITE sip:support@sbc.example.com SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{number}i;rport\r\n\
         Max-Forwards: 70\r\nFrom: \"Agent\" <sip:+1415555{number:04}@ai.example.com>;tag=from{number}\r\n\
         To: <sip:support@sbc.example.com>\r\nCall-ID: {number:x}-{number}@ai.example.com\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:agent@{at}>\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, REFER\r\nSupported: timer, replaces\r\n\
         User-Agent: agent/2.1\r\nX-Zendesk-Ticket-Id: {}\r\n",
        35_000 + number
    );
    with_body(&head, "198.51.100.20", "0 8")
}

/// A request of the caller's within the dialog that `answer` made.
fn in_dialog(method: &str, number: u32, answer: &Text<'_>) -> String {
    let [from, to, id] = ["From", "To", "Call-ID"].map(|name| answer.get(name).unwrap());
    format!(
        "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={}{method};rport\r\nMax-Forwards: 70\r\nFrom: {from}\r\n\
         To: {to}\r\nCall-ID: {id}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n",
        answer.address("Contact").unwrap(),
        address::AI,
        answer.branch(),
    )
}

/// The target's response.
fn respond(status: &str, request: &Text<'_>) -> String {
    let [via, from, to, id, cseq] =
        ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| request.get(name).unwrap());
    let tag = if to.contains(";tag=") { String::new() } else { format!(";tag=to-{id}") };
    let head = format!(
        "SIP/2.0 {status}\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to}{tag}\r\nCall-ID: {id}\r\nCSeq: {cseq}\r\n\
         Contact: <sip:{}>\r\n",
        address::ZENDESK
    );
    if status == "200 OK" && request.method() == "INVITE" {
        with_body(&head, "203.0.113.5", "8")
    } else {
        format!("{head}Content-Length: 0\r\n\r\n")
    }
}

fn setting() -> Setting {
    Setting::new(2 * AT_ONCE as u16, (1_000_000 / BETWEEN_CALLS) as usize)
}

fn calls(c: &mut Criterion) {
    let (mut queue, mut bounded) = (setting(), setting());
    queue.targets[0].answers = Answers::Queue { settle: 0 };
    bounded.lines[0].max_waiting = u16::MAX;
    let mut group = c.benchmark_group("sbc");
    group.throughput(Throughput::Elements(CALLS)).sample_size(20);
    for (line, setting) in
        [("", setting()), (", to a queue", queue), (", to a line on which not all may wait", bounded)]
    {
        let script = Peers::write_down(&setting);
        let messages = script.steps.iter().filter(|(_, step)| matches!(step, Step::Message(..))).count();
        println!("{CALLS} calls, {messages} messages in, {} steps in all", script.steps.len());
        assert_eq!(script.play(&setting).0, CALLS, "the same script and seed make the same calls");
        group.bench_function(format!("calls set up and torn down, 1,000 at once{line}"), |b| {
            b.iter_custom(|times| (0..times).map(|_| script.play(&setting).1).sum());
        });
    }
    group.finish();
}

criterion_group!(name = benches; config = criterion(); targets = calls);
criterion_main!(benches);
