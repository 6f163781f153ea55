//! `warmline explain`: what would become of a message, step by step.
//!
//! Nothing is explained by rules of its own: the message goes through a core made for it alone, as it would go through
//! a running node's, and what that core decides is told. Media ports are not opened, and nothing is sent.

use core::fmt::Write as _;
use core::net::{IpAddr, SocketAddr};
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use warmline_core::call::CallId;
use warmline_core::config::{Config, Span, Target, Trunk};
use warmline_core::locate::Found;
use warmline_core::reason::Reason;
use warmline_core::relay::{Control, Report};
use warmline_core::sip::{Message, Method};
use warmline_core::time::Instant;
use warmline_core::transport::Path;
use warmline_core::{Cx, Event, Input, Output, Question, Sbc};

use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::room::{self, LARGEST_MESSAGE};
use crate::signal::Once;

use super::summary::Traffic;

/// Calls that the core made for the message has room for.
const CALLS: usize = 4;

/// More than a single message brings forth.
const MOST_STEPS: usize = 64;

/// What is explained.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The message as it would arrive, in a file
    #[arg(value_name = "FILE")]
    message: PathBuf,
    /// Where it would come from: an address, and a port where that matters
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    from: SocketAddr,
    /// Which listener it would come to, like udp:5060; the first whose interface knows the address, when left out
    #[arg(long, value_name = "LISTENER")]
    to: Option<String>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = super::FILE)]
    config: PathBuf,
}

/// A core that one message goes through, and what is said of it.
struct Replay<'c, 's> {
    config: &'c Config<'c>,
    sbc: Sbc<'s>,
    said: String,
    steps: usize,
    end: Option<String>,
}

impl Explain {
    pub(super) fn command(&self) -> ExitCode {
        match self.explained() {
            Ok(said) => {
                // Whether it is explained does not depend on anyone reading it.
                let _ = stdout().write_all(said.as_bytes());
                ExitCode::SUCCESS
            }
            Err(why) => {
                eprintln!("warmline: {why}");
                ExitCode::FAILURE
            }
        }
    }

    fn explained(&self) -> Result<String, String> {
        let loaded = config::load(&self.config).map_err(|mistakes| mistakes.to_string())?;
        let text = std::fs::read(&self.message)
            .map_err(|error| format!("cannot read {}: {error}", self.message.display()))?;
        let once = Once::new(&loaded).map_err(|error| format!("cannot look names up: {error}"))?;
        let mut trouble = String::new();
        let loaded = once.with_ranges(loaded, &mut |why| {
            let _ = writeln!(trouble, "  !  {why}");
        });
        let listener = listener(&loaded, self.to.as_deref(), self.from.ip())?;
        let look_up = &mut |target: &Target| once.target(&loaded.lend(), target);
        Ok(trouble + &explain(&loaded, &text, self.from, listener, look_up))
    }
}

/// Targets looked up.
type Lookup<'l> = &'l mut dyn FnMut(&Target) -> Result<Vec<Found>, String>;

/// What would become of `text`, from `from` at a listener.
fn explain(loaded: &Loaded, text: &[u8], from: SocketAddr, listener: u8, look_up: Lookup<'_>) -> String {
    let config = loaded.lend();
    // What is explained is one message: nobody is registered with or pinged meanwhile.
    let trunk = |trunk: &Trunk| Trunk { registration: None, ping: None, ..*trunk };
    let trunks: Vec<_> = config.trunks.iter().map(trunk).collect();
    let config = Config { trunks: &trunks, ..config };
    let mut room = room::Signalling::new(CALLS, &config, false);
    let mut replay = Replay {
        sbc: Sbc::new(room.lend(), &config, &[0; 32]),
        config: &config,
        said: String::new(),
        steps: 0,
        end: None,
    };
    replay.message(text, from, listener, look_up);
    let end = replay.end.take().unwrap_or_else(|| "nothing is answered to it".to_owned());
    let _ = writeln!(replay.said, "=> {end}");
    replay.said
}

impl<'c> Replay<'c, '_> {
    fn message(&mut self, text: &[u8], from: SocketAddr, number: u8, look_up: Lookup<'_>) {
        let cx = self.cx();
        let Some((listener, interface)) = self.config.listener(number) else { return };
        let path = Path { transport: listener.transport, listener: number, flow: 0, remote: from };
        let at = format!(
            "{from} to {}:{} of \"{}\"",
            listener.transport.name().to_lowercase(),
            listener.port,
            self.text(interface.name)
        );
        let admitted = match self.sbc.admit(&cx, path) {
            Ok(admitted) => admitted,
            Err(reason) => {
                self.step("source", &at);
                return self.end =
                    Some(format!("it is not even read, and gets no answer: {}", because(reason)));
            }
        };
        let speakers = self.config.speakers(admitted.source()).filter_map(|trunk| self.config.trunk(trunk));
        let speakers: Vec<_> = speakers.map(|trunk| format!("\"{}\"", self.text(trunk.name))).collect();
        self.step("source", &format!("{at}: trunk {}", speakers.join(" or ")));

        let text = on_the_wire(text);
        match Message::parse(&text) {
            Ok(message) => {
                let line = text.split(|&byte| byte == b'\r').next().unwrap_or_default();
                let line = line.escape_ascii().to_string();
                let known =
                    message.essentials().err().map(|error| format!(", but: {}", error.kind.sentence()));
                self.step("message", &format!("{line}, {} bytes{}", text.len(), known.unwrap_or_default()));
                let speaker = self.sbc.speaker(self.config, admitted, &message);
                let Some(trunk) = self.config.trunk(speaker.trunk()) else { return };
                if speakers.len() > 1 {
                    self.step(
                        "trunk",
                        &format!("\"{}\", by what it dials or who it proves to be", self.text(trunk.name)),
                    );
                }
                if message.method() == Some(Method::Invite) {
                    let all = self.config.node.new_calls.per_second;
                    self.step("limits", &format!("{}; {all}/s of all trunks together", Traffic(trunk)));
                }
            }
            Err(error) => self.step("message", &format!("{} bytes: {}", text.len(), error.kind.sentence())),
        }
        self.sbc.handle(&cx, Input::Message(admitted, &text));
        self.follow(from, look_up);
        if self.end.is_none()
            && let Some((reason, _)) = self.sbc.counters().iter().next()
        {
            self.end = Some(format!("nothing is answered to it: {}", because(reason)));
        }
    }

    /// Does what core wants done, until a target is rung or nothing is left to do.
    fn follow(&mut self, from: SocketAddr, look_up: Lookup<'_>) {
        let mut out = vec![0; LARGEST_MESSAGE];
        for _ in 0..MOST_STEPS {
            let cx = self.cx();
            let next = match self.sbc.poll(&cx, &mut out) {
                Output::Wait(_) => return,
                Output::Transmit { to, len } => {
                    self.transmit(to, out.get(..len).unwrap_or_default(), from);
                    continue;
                }
                Output::Media { control: Control::Open { stream, ports: [a, b] }, .. } => {
                    self.step("media", &format!("port {a} towards the caller, {b} towards the target"));
                    Input::Media(Report::Opened { stream })
                }
                Output::Resolve(question) => {
                    let found = self.resolve(question, look_up);
                    self.sbc.handle(&cx, Input::Resolved(question, &found));
                    continue;
                }
                Output::Event(event) => {
                    self.event(event);
                    continue;
                }
                Output::Media { .. } => continue,
            };
            self.sbc.handle(&cx, next);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Refused { reason, .. } => {
                self.end = Some(match reason.status() {
                    Some(status) => format!("it is refused with {status}, {}", because(reason)),
                    None => because(reason),
                });
                if matches!(reason, Reason::UnknownLine | Reason::LineNotForTrunk) {
                    self.dialled();
                }
            }
            Event::Digit { .. } | Event::Course(_) => {}
            Event::Started(call) => self.started(call),
            Event::Ended(call) => {
                let progress = self.sbc.call(call).map(|view| view.progress);
                if let Some(warmline_core::call::Progress::Ended(reason)) = progress {
                    self.end.get_or_insert_with(|| format!("the call fails: {}", because(reason)));
                }
            }
            Event::Answered(_) | Event::Settled(_) | Event::Unanswered(_) | Event::Ticket(_) => {}
            Event::Learned { .. }
            | Event::Elsewhere { .. }
            | Event::NotAuthentic { .. }
            | Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::Reachable { .. }
            | Event::Unreachable { .. } => {}
        }
    }

    /// What could have been dialled.
    fn dialled(&mut self) {
        for line in self.config.lines {
            let dials = self.config.dials(line).iter().map(|&dial| self.text(dial));
            let callers = self.config.callers(line).iter().filter_map(|&trunk| self.config.trunk(trunk));
            let callers = callers.map(|trunk| self.text(trunk.name));
            let said = format!(
                "\"{}\" is dialled as {} from {}",
                self.text(line.name),
                dials.collect::<Vec<_>>().join(" "),
                callers.collect::<Vec<_>>().join(" ")
            );
            self.step("line", &said);
        }
    }

    fn started(&mut self, call: CallId) {
        let Some(view) = self.sbc.call(call) else { return };
        let line = self.config.line(view.line).map(|line| line.name).unwrap_or_default();
        let caller = view.caller.map(|caller| caller.escape_ascii().to_string());
        let ticket = view.ticket.map_or_else(|| "no ticket".to_owned(), |ticket| format!("ticket {ticket}"));
        let said = format!(
            "\"{}\"; caller {}; {ticket}",
            self.text(line),
            caller.as_deref().unwrap_or("without a number")
        );
        let note = view.note;
        self.step("line", &said);
        if let Some(note) = note {
            self.step("note", &because(note));
        }
    }

    fn resolve(&mut self, question: Question, look_up: Lookup<'_>) -> Vec<Found> {
        let Some(target) = self.config.target(question.target) else { return vec![] };
        let (name, host) = (self.text(target.name), self.text(target.host));
        let found = look_up(target);
        let said = match &found {
            Ok(found) if found.is_empty() => "has no address".to_owned(),
            Ok(found) => {
                let found: Vec<_> = found.iter().map(|found| found.address.to_string()).collect();
                format!("has {}", found.join(", "))
            }
            Err(error) => error.clone(),
        };
        self.step("target", &format!("\"{name}\": {host} {said}"));
        found.unwrap_or_default()
    }

    fn transmit(&mut self, to: Path, bytes: &[u8], from: SocketAddr) {
        let text = String::from_utf8_lossy(bytes);
        let line = text.lines().next().unwrap_or_default();
        let answered = bytes.starts_with(b"SIP/2.0") && to.remote.ip() == from.ip();
        self.step(if answered { "answer" } else { "sent" }, &format!("to {}: {line}", to.remote));
        for line in text.lines().skip(1) {
            let _ = writeln!(self.said, "             | {line}");
        }
        if bytes.starts_with(b"INVITE ") {
            self.end = Some(format!("a target is rung at {}", to.remote));
        } else if answered && !bytes.starts_with(b"SIP/2.0 1") {
            self.end.get_or_insert_with(|| format!("it is answered: {line}"));
        }
    }

    fn step(&mut self, name: &str, said: &str) {
        self.steps += 1;
        let _ = writeln!(self.said, "{:>3}  {name:<8}{said}", self.steps);
    }

    fn text(&self, span: Span) -> &'c str {
        core::str::from_utf8(self.config.text(span)).unwrap_or("?")
    }

    fn cx(&self) -> Cx<'c> {
        Cx { now: Instant::from_micros(1_000_000), utc: Clock::utc(), config: self.config }
    }
}

/// As it would stand on the wire: lines that end as the RFC says, and a Content-Length that fits, where the file was
/// written by hand.
fn on_the_wire(text: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(text.len() + 64);
    for (place, &byte) in text.iter().enumerate() {
        if byte == b'\n' && (place == 0 || text[place - 1] != b'\r') {
            wire.push(b'\r');
        }
        wire.push(byte);
    }
    let Some(head) = wire.windows(4).position(|end| end == b"\r\n\r\n").map(|end| end + 4) else {
        wire.extend_from_slice(if wire.ends_with(b"\r\n") { b"\r\n" } else { b"\r\n\r\n" });
        return wire;
    };
    let body = wire.len() - head;
    let name = b"\r\ncontent-length:";
    let is_name = |part: &[u8]| part.eq_ignore_ascii_case(name);
    let Some(start) = wire[..head].windows(name.len()).position(is_name).map(|at| at + name.len()) else {
        return wire;
    };
    let end = start + wire[start..].iter().position(|&byte| byte == b'\r').unwrap_or(0);
    wire.splice(start..end, format!(" {body}").into_bytes());
    wire
}

/// The number of the listener with this name, or of the first whose interface knows the address.
fn listener(loaded: &Loaded, named: Option<&str>, from: IpAddr) -> Result<u8, String> {
    let config = loaded.lend();
    let names = config
        .listeners
        .iter()
        .map(|listener| format!("{}:{}", listener.transport.name().to_lowercase(), listener.port));
    let names: Vec<_> = names.collect();
    let found = match named {
        Some(named) => names.iter().position(|name| name == named),
        None => Some(
            config
                .listeners
                .iter()
                .position(|l| warmline_core::filter::lookup(config.sources, l.interface, from).is_some())
                .unwrap_or(0),
        ),
    };
    found.and_then(|found| u8::try_from(found).ok()).ok_or_else(|| {
        format!("there is no listener \"{}\"; there are {}", named.unwrap_or_default(), names.join(" "))
    })
}

fn because(reason: Reason) -> String {
    format!("{}: {}", reason.code(), reason.sentence().trim())
}

/// `198.51.100.7`, or with a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    let alone = || text.trim_matches(['[', ']']).parse().map(|ip: IpAddr| SocketAddr::new(ip, 5060));
    text.parse()
        .or_else(|_| alone())
        .map_err(|_| "write it like 198.51.100.7 or 198.51.100.7:5060".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:support@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bKx\n\
        From: <sip:+14155550100@127.0.0.1>;tag=1\nTo: <sip:support@127.0.0.1>\nCall-ID: 1\nCSeq: 1 INVITE\n\
        Max-Forwards: 70\nContact: <sip:127.0.0.1:5062>\nX-Zendesk-Ticket-Id: 35436\nContent-Type: application/sdp\n\
        Content-Length: 999\n\nv=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 4000 RTP/AVP 0\n";

    fn explained(text: &str, from: &str) -> String {
        let loaded = config::parse("embedded", config::EMBEDDED).expect("it is sound");
        let from = address(from).expect("an address");
        let at = listener(&loaded, None, from.ip()).expect("a listener");
        explain(&loaded, text.as_bytes(), from, at, &mut |_| Err("nobody is asked".to_owned()))
    }

    #[test]
    fn a_call_that_goes_through() {
        let said = explained(INVITE, "127.0.0.1");
        for part in [
            "trunk \"ai\"",
            "at most 100 calls; 30/s of all",
            "\"support\"; caller +14155550100; ticket 35436",
            "| X-Zendesk-Ticket-Id: 35436",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert!(said.ends_with("=> a target is rung at 127.0.0.2:5080\n"), "{said}");
    }

    #[test]
    fn calls_that_do_not() {
        for (text, from, end) in [
            (INVITE.to_owned(), "192.0.2.1", "no answer: unknown-source"),
            (
                INVITE.replace("sip:support@127.0.0.1 SIP", "sip:sales@127.0.0.1 SIP"),
                "127.0.0.1",
                "404, unknown-line",
            ),
            (INVITE.replace("AVP 0", "AVP 18"), "127.0.0.1", "488, no-common-codec"),
            (INVITE.replace("Max-Forwards: 70", "Max-Forwards: 0"), "127.0.0.1", "483, too-many-hops"),
            (INVITE.replace("CSeq: 1 INVITE", "CSeq: x"), "127.0.0.1", "400"),
            (INVITE.to_owned(), "127.0.0.2", "403, trunk-may-not-call"),
            ("hello".to_owned(), "127.0.0.1", "not-sip"),
        ] {
            let said = explained(&text, from);
            let last = said.lines().last().unwrap_or_default();
            assert!(last.starts_with("=> ") && last.contains(end), "{end} in {said}");
        }
    }

    #[test]
    fn what_was_written_by_hand() {
        assert_eq!(on_the_wire(b"A\nL: 1\n\nab"), b"A\r\nL: 1\r\n\r\nab");
        assert_eq!(on_the_wire(b"A\r\ncontent-LENGTH:7\r\n\r\nab"), b"A\r\ncontent-LENGTH: 2\r\n\r\nab");
        assert_eq!(on_the_wire(b"A\nB: 1"), b"A\r\nB: 1\r\n\r\n");
    }
}
