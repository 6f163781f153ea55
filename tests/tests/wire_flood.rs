//! Far more calls than a node is told to take, on the wire: each gets its final answer, and what is refused is refused
//! at once. How soon is printed, and in no test's judgement.

use core::net::{SocketAddr, SocketAddrV4};
use core::time::Duration;
use std::net::UdpSocket;
use std::thread::spawn;
use std::time::Instant;

use warmline_tests::board::{Request, answer, field, status};
use warmline_tests::sipp::{AI, PATIENCE, Rung, Stage, WARMLINE, ZENDESK, ports};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// INVITEs, and how fast they come; the node takes 30 a second.
const FLOOD: usize = 900;
const EVERY: Duration = Duration::from_millis(2);

#[test]
fn a_flood_is_turned_away_at_once_and_as_many_as_may_get_through() {
    let sip = SocketAddrV4::new(WARMLINE, ports(2));
    let zendesk = SocketAddrV4::new(ZENDESK, ports(2));
    let uri = format!("sip:support@{zendesk}");
    let mut stage = Stage::build(PROGRAM, &["--grace", "0s"], &[AI], sip, &[Rung::new(zendesk, &uri)]);
    let busy = UdpSocket::bind(zendesk).expect("nobody has this port");
    spawn(move || is_busy(&busy));
    let caller = UdpSocket::bind((AI, 0)).expect("there are ports");
    caller.connect(SocketAddr::from(sip)).expect("a socket that knows where Warmline is");
    let asked = flood(&caller);
    stage.stop();

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
    // A burst, and then 30 a second for as long as it took.
    let longest = asked.last().map_or(0.0, |call| (call.since - asked[0].since).as_secs_f64());
    assert!((30..=12 + (longest * 30.0) as usize).contains(&taken), "{taken} in {longest} s");
}

/// One INVITE, and how it went.
struct Asked {
    since: Instant,
    answer: Option<(u16, Duration)>,
}

/// Calls and calls.
fn flood(caller: &UdpSocket) -> Vec<Asked> {
    caller.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket that does not wait for ever");
    let at = caller.local_addr().expect("it is bound");
    let uri = format!("sip:support@{}", caller.peer_addr().expect("it is connected"));
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
        let of = |name| field(message, name).expect("an answer has it");
        let ack = format!(
            "ACK {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\n\
             CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
            of("Via"),
            of("From"),
            of("To"),
            of("Call-ID")
        );
        caller.send(ack.as_bytes()).expect("it can be sent");
        let call_id = of("Call-ID");
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
