//! More calls than a board takes, ten times as fast as it is made for: it turns them away, and those in it hear nothing
//! of that.

use core::time::Duration;
use std::net::UdpSocket;
use std::thread::spawn;
use std::time::Instant;

use warmline_core::reason::Reason;
use warmline_tests::board::{AI, Backstage, Request, ZENDESK, acknowledge, board_is_missing, field, status};
use warmline_tests::sipp::{PATIENCE, Scenario, poll, sipp_is_missing};

use crate::WARMLINE;

/// As many as this board is told to take.
const CALLS: u16 = 4;

/// INVITEs that are too many, and how fast they come: the limit is two a second.
const FLOOD: u16 = 120;
const EVERY: Duration = Duration::from_millis(50);

/// Packets that each end says: while they come, and longer.
const PACKETS: u16 = 400;

#[test]
fn a_full_board_turns_a_flood_away_and_its_calls_hear_nothing_of_it() {
    const TEST: &str = "a_full_board_turns_a_flood_away_and_its_calls_hear_nothing_of_it";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let backstage = Backstage::new();
    let text = backstage.configuration().replace("capacity = 16", &format!("capacity = {CALLS}"));
    let image = backstage.image(WARMLINE, &text);
    let mut stage = backstage.switch_on(&image);
    stage.board.log.wait_for("listening at", PATIENCE);
    let [ai, zendesk] = [AI, ZENDESK].map(|last| stage.lane.address(last));
    let mut talk = stage.cast.talk(CALLS, ai, PACKETS);
    let many = |name, at| Scenario { calls: CALLS, every: 667, lasting: 14_000, ..Scenario::once(name, at) };
    let target = stage.cast.answer(many("zendesk_answers", zendesk), &talk.targets());
    let caller = stage.cast.play(many("ai_calls", ai), &talk.callers());
    let log = &mut stage.board.log;
    let full = poll(PATIENCE, || (log.count(": answered by") == usize::from(CALLS)).then_some(()));
    assert!(full.is_some(), "{}", log.tail());

    let agent = UdpSocket::bind((ai, 0)).expect("nobody has this port");
    agent.connect(stage.cast.sip).expect("a socket that knows where the board is");
    let flood = spawn(move || flood(&agent));
    talk.hold(PATIENCE);
    let (refused, longest) = flood.join().expect("it gets its answers");
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    let account = stage.board.log.account_when(PATIENCE, |account| account.usage.calls == 0);
    println!("{refused} refused, the last after {} ms at most; {account:?}", longest.as_millis());
    assert_eq!(refused, FLOOD);
    let counted = [Reason::NodeFull, Reason::NewCallLimit].map(|reason| account.signalling(reason));
    assert_eq!(counted.iter().sum::<u64>(), u64::from(FLOOD), "{account:#?}");
    // Of more transactions than it can remember it forgets some, and does not know their ACKs.
    let others = account.signalling.values().sum::<u64>() - u64::from(FLOOD);
    assert!(
        others <= u64::from(FLOOD) / 10 && others == account.signalling(Reason::StrayAck),
        "{account:#?}"
    );
    assert!(stage.board.log.count(&format!("in use: {CALLS} calls")) > 0, "{}", stage.board.log.tail());

    // There is room again.
    let target = stage.cast.answer(Scenario::once("zendesk_answers", zendesk), &[9]);
    let caller = stage.cast.play(Scenario::once("ai_calls", ai), &[9]);
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    assert_eq!(stage.board.starts(), 1);
}

/// Calls and calls. Gives how many were refused with 503, and how long the slowest refusal took.
fn flood(agent: &UdpSocket) -> (u16, Duration) {
    agent.set_read_timeout(Some(Duration::from_millis(5))).expect("a socket that does not wait for ever");
    let at = agent.local_addr().expect("a socket has an address");
    let uri = format!("sip:support@{}", agent.peer_addr().expect("it is connected"));
    let invite = Request::new("INVITE", &uri, at);
    let begun = Instant::now();
    let mut asked: Vec<Option<Instant>> = Vec::new();
    let (mut refused, mut longest) = (0, Duration::ZERO);
    while refused < FLOOD && begun.elapsed() < EVERY * u32::from(FLOOD) + PATIENCE {
        if asked.len() < usize::from(FLOOD) && begun.elapsed() >= EVERY * asked.len() as u32 {
            agent.send(invite.text("flood", asked.len() as u32).as_bytes()).expect("it can be sent");
            asked.push(Some(Instant::now()));
        }
        let mut buffer = [0; 4096];
        let Ok(len) = agent.recv(&mut buffer) else { continue };
        let answer = &buffer[..len];
        if status(answer).is_none_or(|status| status < 200) {
            continue;
        }
        let ack = acknowledge(&uri, answer).expect("an answer has all of it");
        agent.send(&ack).expect("it can be sent");
        let call_id = field(answer, "Call-ID").expect("an answer has it");
        let number = call_id.rsplit_once('-').and_then(|(_, number)| number.parse::<usize>().ok());
        // It may have been sent twice.
        let since = number.and_then(|number| asked.get_mut(number)).and_then(Option::take);
        if let Some(since) = since.filter(|_| status(answer) == Some(503)) {
            refused += 1;
            longest = longest.max(since.elapsed());
        }
    }
    (refused, longest)
}
