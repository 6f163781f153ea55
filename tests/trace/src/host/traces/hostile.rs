//! Hostile bytes between calls: from the corpora where they are there, and nearly right messages and packets.

use core::net::SocketAddr;
use std::fs;
use std::path::Path;

use warmline_core::{Command, Usage};
use warmline_tests::{
    Answer, Audio, Dice, Ending, Entered, From, Outcome, Plan, Record, Refresh, Weather, World, address,
    mutate, renew,
};
use warmline_trace::BOARD;

use super::{Trace, outcomes, record};

/// Folders of the corpora with messages.
const MESSAGES: [&str; 8] = [
    "rfc4475/raw",
    "rfc5118/fixed",
    "rfc5118/raw",
    "rfc-flows",
    "sip-captured",
    "metamorph_np",
    "sip-cve-classes",
    "fuzz-pjsip/fuzz-sip",
];

/// Folders with packets.
const PACKETS: [&str; 2] = ["fuzz-pjsip/fuzz-rtp", "fuzz-pjsip/fuzz-rtcp"];

/// How many mutated messages there are; half as many packets.
const HURLED: usize = 6_000;

/// Every file of these folders that a board takes, in an order that no file system decides.
fn corpora(folders: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora"));
    let mut files = Vec::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(root.join(folder)) else {
            println!("hostile: without {folder}: ../shared/corpora has it not");
            continue;
        };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let documents = ["md", "tsv"];
        paths.retain(|path| !documents.iter().any(|end| path.extension().is_some_and(|is| is == *end)));
        files.extend(paths.iter().filter_map(|path| fs::read(path).ok()));
    }
    files.retain(|bytes| !bytes.is_empty() && bytes.len() <= BOARD.message);
    files
}

fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for (answer, ending, refresh) in [
        (Answer::After(600), Ending::Caller(2_000), Refresh::CallerHolds),
        (Answer::EarlyMedia(700), Ending::Target(2_000), Refresh::TargetHolds),
        (Answer::AtOnce, Ending::Caller(3_000), Refresh::CallerAsks),
        (Answer::Ring, Ending::Cancel(1_500), Refresh::None),
    ] {
        for from in [From::Ai, From::Carrier] {
            plans.push(Plan { from, ending, refresh, answers: vec![answer], ..Plan::plain() });
        }
    }
    plans
}

/// What has lately reached the SBC.
fn lately(world: &World<'_>) -> Vec<(u8, SocketAddr, Vec<u8>)> {
    let entered = world.record.as_ref().map(|record: &Record| record.entered.as_slice()).unwrap_or_default();
    let messages = entered.iter().rev().filter_map(|(_, entered)| match entered {
        Entered::Message { listener, from, bytes } if !bytes.is_empty() => {
            Some((*listener, *from, bytes.clone()))
        }
        _ => None,
    });
    messages.take(60).collect()
}

/// Who says a hostile message, and to which listener.
fn source(dice: &mut Dice) -> (u8, SocketAddr) {
    *dice.pick(&[
        (0, address::AI),
        (0, address::CARRIER),
        (1, address::ZENDESK),
        (0, address::ZENDESK),
        (0, address::STRANGER),
        (7, address::AI),
    ])
}

/// The corpora, and thousands of mutated messages and packets between calls.
pub(super) fn hostile() -> Trace {
    let (messages, packets) = (corpora(&MESSAGES), corpora(&PACKETS));
    record("hostile", 4, Weather::FINE, |world| {
        // Whoever hurls at calls may end them, and what the peers then think of us is not judged.
        world.tap = None;
        world.audio = Some(Audio::with_odd(300));
        let mut dice = Dice::new(4);
        let plans = plans();
        for message in &messages {
            let (listener, from) = source(&mut dice);
            world.run(20_000);
            world.deliver(listener, from, message);
        }
        for turn in 0..HURLED {
            if turn % 150 == 0 {
                world.call(dice.pick(&plans).clone(), 0);
            }
            world.run(5_000);
            let recent = lately(world);
            if recent.is_empty() {
                continue;
            }
            let (mut listener, mut from, mut bytes) = dice.pick(&recent).clone();
            if !messages.is_empty() && dice.chance(2_000) {
                bytes = dice.pick(&messages).clone();
                (listener, from) = source(&mut dice);
            }
            let other = dice.pick(&recent).2.clone();
            renew(&mut dice, &mut bytes);
            mutate(&mut dice, &mut bytes, &other);
            world.deliver(listener, from, &bytes);
            if dice.chance(5_000) {
                hurl(world, &mut dice, &packets);
            }
        }
        world.seconds(150);
        world.command(Command::HangUpAll);
        world.seconds(120);
        assert_eq!(world.usage(), Usage::default(), "something leaked");
        let about = outcomes(world);
        world.faults.clear();
        let number = world.call(Plan::plain(), 0);
        world.settle(20);
        assert_eq!(world.callers[number].outcome, Outcome::Answered);
        assert_eq!(world.faults, Vec::<String>::new());
        let counted: u64 = world.sbc().counters().iter().map(|(_, count)| count).sum();
        format!("{about}, {counted} times something was wrong")
    })
}

/// A packet that is none reaches a port, most often an open one, from one who may or may not speak there.
fn hurl(world: &mut World<'_>, dice: &mut Dice, packets: &[Vec<u8>]) {
    let callees = world.callees.len();
    if callees == 0 {
        return;
    }
    let number = world.callees[callees - 1 - dice.below(callees.min(6) as u64) as usize].number;
    let (at, port) = *dice.pick(&world.media_of(number));
    let odd = dice.below(2) as u16;
    let from = match dice.chance(8_000) {
        true => SocketAddr::new(at.ip(), at.port() | odd),
        false => address::STRANGER,
    };
    let mut bytes: Vec<u8> = match packets.is_empty() || dice.chance(5_000) {
        true => (0..dice.below(200)).map(|_| dice.next() as u8).collect(),
        false => dice.pick(packets).clone(),
    };
    let likely = dice.chance(5_000);
    if let Some(first) = bytes.first_mut().filter(|_| likely) {
        *first = 0x80 | *first & 0x3f;
    }
    world.packet(port | odd, from, &bytes);
}
