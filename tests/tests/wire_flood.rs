//! Far more calls than a node is told to take, on the wire: each gets its final answer, what is refused is refused at
//! once, and calls in progress hear nothing of it. How soon is printed, and in no test's judgement.

use core::net::{SocketAddr, SocketAddrV4};
use core::time::Duration;
use std::net::UdpSocket;
use std::thread::spawn;
use std::time::Instant;

use warmline_tests::board::{Request, acknowledge, answer, field, status};
use warmline_tests::sipp::{
    AI, CARRIER, Cast, PATIENCE, Program, Scenario, Stage, WARMLINE, ZENDESK, poll, ports, sipp_is_missing,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// New calls a second that the node takes.
const RATE: u32 = 30;

/// INVITEs, and how fast they come: more than ten times as fast.
const FLOOD: usize = 1500;
const EVERY: Duration = Duration::from_millis(2);

#[test]
fn a_flood_is_turned_away_at_once_and_as_many_as_may_get_through() {
    let mut stage = set();
    let sip = stage.cast.sip;
    judge(&flood(sip));
    let memory = resident(&stage.warmline);
    judge(&flood(sip));
    let more = resident(&stage.warmline).saturating_sub(memory);
    println!("{memory} kB resident after the first flood, {more} more after the second");
    assert!(more < 1024, "{more} kB");
    stage.stop();
}

#[test]
fn who_talks_hears_nothing_of_a_flood() {
    const TEST: &str = "who_talks_hears_nothing_of_a_flood";
    const CALLS: u16 = 8;
    if sipp_is_missing(TEST) {
        return;
    }
    let mut stage = set();
    let mut talk = stage.cast.talk(CALLS, AI, 300);
    let many = |name, at| Scenario { calls: CALLS, every: 100, lasting: 10_000, ..Scenario::once(name, at) };
    let target = stage.cast.answer(many("zendesk_answers", ZENDESK), &talk.targets());
    let caller = stage.cast.play(many("ai_calls", AI), &talk.callers());
    let answered =
        || (stage.warmline.written().matches(": answered by").count() == usize::from(CALLS)).then_some(());
    assert!(poll(PATIENCE, answered).is_some(), "{}", stage.warmline.written());
    let sip = stage.cast.sip;
    let flooded = spawn(move || flood(sip));
    talk.hold(PATIENCE);
    judge(&flooded.join().expect("it gets its answers"));
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    talk.end(PATIENCE);
    let log = stage.stop();
    for side in ["Caller's audio: 300 packets, 0 lost, ", "target's: 300 packets, 0 lost, "] {
        assert_eq!(log.matches(side).count(), usize::from(CALLS), "{log}");
    }
}

/// A running node. A carrier dials "busy", where everybody is.
fn set() -> Stage {
    let sip = SocketAddrV4::new(WARMLINE, ports(2));
    let zendesk = SocketAddrV4::new(ZENDESK, ports(2));
    let busy = UdpSocket::bind((CARRIER, 0)).expect("there are ports");
    let at = busy.local_addr().expect("it is bound");
    spawn(move || is_busy(&busy));
    let media = ports(400);
    let configuration = format!(
        r#"
[node]
name     = "flooded"
capacity = 100
[[interface]]
name    = "loopback"
address = "{WARMLINE}"
listen  = ["udp:{port}"]
media   = "{media}-{last}"
[limits]
new_calls = "{RATE}/s"
[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["{AI}"]
media      = ["{AI}"]
[[trunk]]
name       = "zendesk"
kind       = "zendesk"
signalling = ["{ZENDESK}"]
media      = ["{ZENDESK}"]
[[trunk]]
name       = "carrier"
kind       = "carrier"
signalling = ["{CARRIER}"]
media      = ["{CARRIER}"]
[[target]]
name  = "zendesk"
trunk = "zendesk"
uri   = "sip:support@{zendesk}"
[[target]]
name  = "busy"
trunk = "carrier"
uri   = "sip:busy@{at}"
[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{{ targets = ["zendesk"] }}]
[[line]]
name = "busy"
dial = ["busy"]
from = ["carrier"]
ring = [{{ targets = ["busy"] }}]
"#,
        port = sip.port(),
        last = media + 399,
    );
    Stage::open(PROGRAM, &["--grace", "0s"], Cast::new(sip, zendesk), &configuration)
}

/// Each is answered, those that are too many at once; as many as may get through do.
fn judge(asked: &[Asked]) {
    let of = |wanted: u16| {
        asked.iter().filter(move |call| call.answer.is_some_and(|(status, _)| status == wanted))
    };
    let mut waits: Vec<Duration> = of(503).filter_map(|call| Some(call.answer?.1)).collect();
    waits.sort();
    let at = |percent: usize| {
        waits.get(waits.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
    };
    let taken = of(486).count();
    println!("{taken} taken, {} refused: p50 {:?}, p99 {:?}, max {:?}", waits.len(), at(50), at(99), at(100));
    assert_eq!(taken + waits.len(), FLOOD, "each is answered, and with nothing else");
    // A burst at most, and what comes at the rate for as long as it took.
    let longest = asked.last().map_or(0.0, |call| (call.since - asked[0].since).as_secs_f64());
    let most = longest * f64::from(RATE);
    assert!((0.8 * most..=most + 12.0).contains(&(taken as f64)), "{taken} in {longest} s");
}

/// What of its memory is in use, in kB.
fn resident(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

/// One INVITE, and how it went.
struct Asked {
    since: Instant,
    answer: Option<(u16, Duration)>,
}

/// Calls and calls.
fn flood(sip: SocketAddrV4) -> Vec<Asked> {
    let caller = UdpSocket::bind((CARRIER, 0)).expect("there are ports");
    caller.connect(SocketAddr::from(sip)).expect("a socket that knows where Warmline is");
    caller.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket that does not wait for ever");
    let at = caller.local_addr().expect("it is bound");
    let uri = format!("sip:busy@{}", caller.peer_addr().expect("it is connected"));
    let invite = Request::new("INVITE", &uri, at);
    let begun = Instant::now();
    let mut asked: Vec<Asked> = Vec::new();
    let mut open = FLOOD;
    while open > 0 && begun.elapsed() < EVERY * FLOOD as u32 + PATIENCE {
        if asked.len() < FLOOD && begun.elapsed() >= EVERY * asked.len() as u32 {
            let text = invite.text("flood", asked.len() as u32);
            asked.push(Asked { since: Instant::now(), answer: None });
            caller.send(text.as_bytes()).expect("it can be sent");
        }
        let mut buffer = [0; 4096];
        let Ok(len) = caller.recv(&mut buffer) else { continue };
        let came = Instant::now();
        let message = &buffer[..len];
        let Some(status) = status(message).filter(|&status| status >= 200) else { continue };
        let ack = acknowledge(&uri, message).expect("an answer has all of it");
        caller.send(&ack).expect("it can be sent");
        let call_id = field(message, "Call-ID").expect("an answer has it");
        let number = call_id.rsplit_once('-').and_then(|(_, number)| number.parse::<usize>().ok());
        let call = number.and_then(|number| asked.get_mut(number)).expect("a call of ours");
        if call.answer.is_none() {
            call.answer = Some((status, came - call.since));
            open -= 1;
        }
    }
    asked
}

/// A target that is busy for everybody, until the test is over.
fn is_busy(target: &UdpSocket) {
    let at = target.local_addr().expect("it is bound");
    let mut buffer = [0; 4096];
    while let Ok((len, from)) = target.recv_from(&mut buffer) {
        let message = &buffer[..len];
        if message.starts_with(b"INVITE ")
            && let Some(busy) = answer(message, 486, Some(at))
        {
            // Where nobody is any more, that shows.
            let _ = target.send_to(&busy, from);
        }
    }
}
