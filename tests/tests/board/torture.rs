//! What is not right, from somebody who may speak: a board stays as it is.

use core::net::SocketAddrV4;
use core::time::Duration;
use std::path::Path;
use std::time::Instant;

use warmline_tests::board::{AI, Account, BoardStage, Heckler, ZENDESK, board_is_missing, said_by_agents};
use warmline_tests::mutation::recorded;
use warmline_tests::sipp::{PATIENCE, Scenario, poll, sipp_is_missing};
use warmline_tests::{Dice, Setting, seed};

use crate::WARMLINE;

/// How long a board remembers what is over: 64*T1, and a little for its log.
const FORGETS: Duration = Duration::from_secs(40);

fn heckler(stage: &BoardStage, seed: u64) -> Heckler {
    // Where no port is named, answers go to SIP's.
    let ai = SocketAddrV4::new(stage.lane.address(AI), 5060);
    Heckler::new(Dice::new(seed), stage.cast.sip, ai, stage.cast.zendesk)
}

/// A clean call right after, and then nothing is left.
fn is_well(stage: &mut BoardStage) -> Account {
    const PACKETS: u16 = 50;
    let log = &mut stage.board.log;
    log.account_when(FORGETS, |account| account.usage.calls == 0);
    // It gives an account a second, and takes two new calls in one.
    let accounts = log.count("in use: ") + 2;
    poll(PATIENCE, || (log.count("in use: ") >= accounts).then_some(())).expect("it forgets what was thrown");
    let [ai, zendesk] = [AI, ZENDESK].map(|last| stage.lane.address(last));
    let mut talk = stage.cast.talk(1, ai, PACKETS);
    let once = |name, at| Scenario { lasting: 3_000, ..Scenario::once(name, at) };
    let target = stage.cast.answer(once("zendesk_answers", zendesk), &talk.targets());
    let caller = stage.cast.play(once("ai_calls", ai), &talk.callers());
    talk.hold(PATIENCE);
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    let ended = Instant::now();
    let account = stage.board.log.account_when(FORGETS, Account::is_idle);
    println!("nothing left after {} s: {account:?}", ended.elapsed().as_secs());
    assert!(account.stack.highest < account.stack.size, "the stack may have run over: {:?}", account.stack);
    assert_eq!(stage.board.starts(), 1, "{}", stage.board.log.tail());
    assert!(stage.board.runs());
    account
}

#[test]
fn torture_messages_break_nothing() {
    const TEST: &str = "torture_messages_break_nothing";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    let corpora = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora"));
    if !corpora.exists() {
        println!("not run: {TEST}: ../shared/corpora is not there");
        return;
    }
    let mut stage = BoardStage::set(WARMLINE);
    let mut heckler = heckler(&stage, 0);
    let mut thrown = 0;
    for folder in ["rfc4475/raw", "rfc5118/fixed", "rfc5118/raw", "sip-cve-classes", "scanner"] {
        let entries = std::fs::read_dir(corpora.join(folder)).expect("a folder of messages");
        let mut files: Vec<_> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort();
        for file in files {
            let message = std::fs::read(&file).expect("a message");
            // More than fits into the emulated controller at once.
            if message.len() > 9_000 {
                continue;
            }
            thrown += 1;
            heckler.throw(&message);
            heckler.ask();
            if file.ends_with("longreq.dat") {
                assert!(heckler.heard("longreq"), "it is answered: {:?}", heckler.said);
            }
        }
    }
    println!("{thrown} thrown, {} questions repeated, {:?}", heckler.repeated, heckler.said);
    let account = stage.board.log.account();
    drop(heckler);
    is_well(&mut stage);
    assert!(account.frames.is_empty(), "{account:#?}");
}

#[test]
fn a_hundred_thousand_mutated_messages_leak_nothing() {
    const TEST: &str = "a_hundred_thousand_mutated_messages_leak_nothing";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    const MESSAGES: u32 = 100_000;
    let seed = seed(5);
    let mut stage = BoardStage::set(WARMLINE);
    let recorded = recorded(&Setting::new(300, 100), seed);
    let said = said_by_agents(&recorded, stage.lane.address(AI), stage.cast.sip);
    let mut heckler = heckler(&stage, seed);
    let begun = Instant::now();
    for _ in 0..MESSAGES {
        heckler.throw_spoilt(&said);
    }
    heckler.ask();
    let took = begun.elapsed();
    let calls = heckler.hang_up();
    println!(
        "{MESSAGES} thrown in {} s, {} questions repeated, {calls} ends of calls, {:?}",
        took.as_secs(),
        heckler.repeated,
        heckler.said
    );
    // What rings still does so for 10 s; it is answered as it should be, and hung up where that was with a 200.
    let ended = Instant::now();
    while stage.board.log.account().usage.calls > 0 {
        assert!(ended.elapsed() < FORGETS, "{:#?}", stage.board.log.account());
        heckler.hang_up();
        heckler.ask();
    }
    println!("no call left after {} s", ended.elapsed().as_secs());
    drop(heckler);
    let account = is_well(&mut stage);
    assert!(account.traffic.parsed >= u64::from(MESSAGES) * 9 / 10, "{account:#?}");
}
