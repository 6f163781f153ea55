//! RFC 3261's timers as a clock sees them on the wire: how Warmline, as users start it, sends again what nobody
//! answers, and when it gives up.

use core::net::{SocketAddr, SocketAddrV4};
use core::time::Duration;
use std::collections::HashMap;
use std::net::UdpSocket;
use std::time::Instant;

use warmline_tests::Text;
use warmline_tests::sipp::{AI, Rung, Stage, WARMLINE, ZENDESK, ports};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// 64*T1: timers B, F and H.
const GIVE_UP: f64 = 32.0;
/// Seconds in which all of this happens, and nothing more may.
const LONG: Duration = Duration::from_millis(35_500);

/// From T1, doubling (timer A), until timer B.
const DOUBLING: [f64; 6] = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
/// From T1, doubling up to T2 (timers E and G), until timers F and H.
const DOUBLING_TO_T2: [f64; 10] = [0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0];

/// What a call is for: the number of its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Call {
    /// Nobody answers the INVITE.
    Invite = 1,
    /// The caller hangs up; nobody answers the BYE.
    Bye = 2,
    /// The caller does not acknowledge the answer.
    Answer = 3,
    /// The caller does not acknowledge a failure.
    Failure = 4,
    /// The target rings and no more: its INVITE is not sent again.
    Ringing = 5,
}

const CALLS: [Call; 5] = [Call::Invite, Call::Bye, Call::Answer, Call::Failure, Call::Ringing];

/// A message that came: from which call, whether to the caller, what it is, and when.
#[derive(Clone, Debug)]
struct Came {
    call: Call,
    to_caller: bool,
    what: String,
    at: Instant,
}

struct Peers {
    caller: UdpSocket,
    target: UdpSocket,
    sip: SocketAddr,
    /// Which of the target's dialogs is of which call.
    rung: HashMap<String, Call>,
    came: Vec<Came>,
}

#[test]
fn what_nobody_answers_is_sent_again_by_the_timers_of_rfc_3261() {
    let sip = SocketAddrV4::new(WARMLINE, ports(2));
    let zendesk = SocketAddrV4::new(ZENDESK, ports(2));
    let uri = format!("sip:support@{zendesk}");
    let mut stage = Stage::build(
        PROGRAM,
        &["--grace", "0s"],
        &[AI],
        sip,
        &[Rung { seconds: 60, ..Rung::new(zendesk, &uri) }],
    );
    let socket = |at: SocketAddrV4| {
        let socket = UdpSocket::bind(at).expect("a free port");
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("sockets can wait");
        socket
    };
    let mut peers = Peers {
        caller: socket(SocketAddrV4::new(AI, ports(2))),
        target: socket(zendesk),
        sip: sip.into(),
        rung: HashMap::new(),
        came: Vec::new(),
    };
    for call in CALLS {
        peers.invite(call);
    }
    let since = Instant::now();
    while since.elapsed() < LONG {
        peers.listen();
    }
    let wrong = peers.judge();
    stage.warmline.terminate();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), stage.warmline.written());
}

impl Peers {
    fn invite(&self, call: Call) {
        let at = self.caller.local_addr().expect("it is bound");
        let sdp = sdp(at, 0);
        self.say(
            &self.caller,
            &format!(
                "INVITE sip:support@{} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-{call:?};rport\r\n\
                 From: <sip:+8210444401001@{at}>;tag={call:?}\r\nTo: <sip:support@{}>\r\nCall-ID: {call:?}\r\n\
                 CSeq: 1 INVITE\r\nContact: <sip:caller@{at}>\r\nMax-Forwards: 70\r\n\
                 X-Zendesk-Ticket-Id: {}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                self.sip,
                self.sip,
                call as u8,
                sdp.len()
            ),
        );
    }

    fn say(&self, socket: &UdpSocket, text: &str) {
        socket.send_to(text.as_bytes(), self.sip).expect("loopback takes it");
    }

    fn listen(&mut self) {
        let mut buffer = [0; 65_535];
        if let Ok((len, _)) = self.caller.recv_from(&mut buffer) {
            self.caller_hears(&Text::parse(&buffer[..len]).expect("what we send is well formed"));
        }
        if let Ok((len, _)) = self.target.recv_from(&mut buffer) {
            self.target_hears(&Text::parse(&buffer[..len]).expect("what we send is well formed"));
        }
    }

    fn caller_hears(&mut self, text: &Text<'_>) {
        let call_id = text.get("Call-ID").unwrap_or_default();
        let Some(call) = CALLS.into_iter().find(|call| format!("{call:?}") == call_id) else { return };
        self.came.push(Came { call, to_caller: true, what: what(text), at: Instant::now() });
        let at = self.caller.local_addr().expect("it is bound");
        if call == Call::Bye && text.status() == Some(200) && text.cseq() == Some((1, "INVITE")) {
            for (cseq, method) in [(1, "ACK"), (2, "BYE")] {
                self.say(
                    &self.caller,
                    &format!(
                        "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-{method};rport\r\n\
                         From: <sip:+8210444401001@{at}>;tag={call:?}\r\nTo: {}\r\nCall-ID: {call:?}\r\n\
                         CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
                        text.address("Contact").unwrap_or_default(),
                        text.get("To").unwrap_or_default(),
                    ),
                );
            }
        }
        // A BYE that ends what was not acknowledged.
        if text.method() == "BYE" {
            self.respond(&self.caller, text, 200, "", "");
        }
    }

    fn target_hears(&mut self, text: &Text<'_>) {
        let call_id = text.get("Call-ID").unwrap_or_default().to_owned();
        if text.method() == "INVITE" {
            let ticket = text.get("X-Zendesk-Ticket-Id").unwrap_or_default();
            let call = CALLS.into_iter().find(|&call| (call as u8).to_string() == ticket);
            self.rung.insert(call_id.clone(), call.expect("a call of ours"));
        }
        let Some(&call) = self.rung.get(&call_id) else { return };
        let first = !self.came.iter().any(|came| !came.to_caller && came.call == call);
        self.came.push(Came { call, to_caller: false, what: what(text), at: Instant::now() });
        let at = self.target.local_addr().expect("it is bound");
        let contact = format!("Contact: <sip:target@{at}>\r\n");
        match (call, text.method()) {
            (Call::Bye | Call::Answer, "INVITE") if first => {
                let lines = format!("{contact}Content-Type: application/sdp\r\n");
                self.respond(&self.target, text, 200, &lines, &sdp(at, 8));
            }
            (Call::Failure, "INVITE") if first => self.respond(&self.target, text, 486, "", ""),
            (Call::Ringing, "INVITE") if first => self.respond(&self.target, text, 180, &contact, ""),
            (Call::Ringing, "CANCEL") => self.respond(&self.target, text, 200, "", ""),
            (Call::Answer, "BYE") => self.respond(&self.target, text, 200, "", ""),
            _ => {}
        }
    }

    fn respond(&self, socket: &UdpSocket, request: &Text<'_>, status: u16, lines: &str, body: &str) {
        let field = |name: &str| request.get(name).unwrap_or_default().to_owned();
        let tag = if request.tag("To").is_some() { "" } else { ";tag=target" };
        self.say(
            socket,
            &format!(
                "SIP/2.0 {status} So\r\nVia: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
                 {lines}Content-Length: {}\r\n\r\n{body}",
                field("Via"),
                field("From"),
                field("To"),
                field("Call-ID"),
                field("CSeq"),
                body.len()
            ),
        );
    }

    /// The intervals between the same messages of a call, in seconds.
    fn intervals(&self, call: Call, to_caller: bool, what: &str) -> Vec<f64> {
        let same = |came: &&Came| came.call == call && came.to_caller == to_caller && came.what == what;
        let times: Vec<_> = self.came.iter().filter(same).map(|came| came.at).collect();
        times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
    }

    /// How long after the first of one the first of another came.
    fn between(&self, first: (Call, bool, &str), then: (Call, bool, &str)) -> Option<f64> {
        let find = |(call, to_caller, what): (Call, bool, &str)| {
            let same = |came: &&Came| came.call == call && came.to_caller == to_caller && came.what == what;
            self.came.iter().find(same).map(|came| came.at)
        };
        Some(find(then)?.checked_duration_since(find(first)?)?.as_secs_f64())
    }

    fn judge(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (timers, call, to_caller, what, expected) in [
            ("E and F: a BYE", Call::Bye, false, "BYE 2", &DOUBLING_TO_T2[..]),
            ("G and H: a failure", Call::Failure, true, "486 INVITE", &DOUBLING_TO_T2),
            ("G and H: an answer (13.3.1.4)", Call::Answer, true, "200 INVITE", &DOUBLING_TO_T2),
            ("A and B: an INVITE", Call::Invite, false, "INVITE 1", &DOUBLING),
            ("none: an INVITE that is answered by 180", Call::Ringing, false, "INVITE 1", &[]),
        ] {
            let found = self.intervals(call, to_caller, what);
            println!("{timers}: {found:.2?}");
            if !fit(&found, expected) {
                wrong.push(format!("{timers}: {found:.3?} s and not {expected:?}"));
            }
        }
        for (timer, first, then) in [
            ("B: 408 for an INVITE", (Call::Invite, true, "100 INVITE"), (Call::Invite, true, "408 INVITE")),
            ("H: a BYE for an answer", (Call::Answer, true, "200 INVITE"), (Call::Answer, true, "BYE 1")),
        ] {
            let after = self.between(first, then);
            println!("{timer}: after {after:.2?} s");
            if !after.is_some_and(|after| fits(after, GIVE_UP)) {
                wrong.push(format!("{timer}: after {after:.3?} s and not {GIVE_UP}"));
            }
        }
        wrong
    }
}

/// A message in short.
fn what(text: &Text<'_>) -> String {
    let (cseq, method) = text.cseq().unwrap_or_default();
    match text.status() {
        Some(status) => format!("{status} {method}"),
        None => format!("{method} {cseq}"),
    }
}

fn fit(found: &[f64], expected: &[f64]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(&found, &expected)| fits(found, expected))
}

fn fits(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= expected / 10.0
}

fn sdp(at: SocketAddr, format: u8) -> String {
    let name = if format == 0 { "PCMU" } else { "PCMA" };
    format!(
        "v=0\r\no=peer 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 9 RTP/AVP {format}\r\n\
         a=rtpmap:{format} {name}/8000\r\n",
        ip = at.ip()
    )
}
