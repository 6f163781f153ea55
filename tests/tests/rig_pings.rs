//! Addresses that are pinged: no caller waits for one that is known to fail, and none is passed over that does not.

use core::net::SocketAddr;
use core::num::NonZeroU16;

use warmline_core::reason::Reason;
use warmline_core::{Command, Health};
use warmline_tests::{Answer, Memory, Outcome, Plan, Setting, Weather, World, address};

const EVERY: u64 = 30;
const FIRST: SocketAddr = address::ZENDESK;
const SECOND: SocketAddr = address::OTHERS[0];

fn setting() -> Setting {
    let mut setting = Setting::new(64, 16);
    setting.trunks[2].ping = NonZeroU16::new(EVERY as u16);
    setting
}

/// Zendesk's name has two addresses, which both answer pings, and a third one is its backup's.
fn world<'w>(setting: &'w Setting, memory: &'w mut Memory, seed: u64, weather: Weather) -> World<'w> {
    let mut world = World::new(setting, memory, seed, weather);
    world.addresses = vec![FIRST, SECOND];
    world.pongs.extend([(FIRST, 200), (SECOND, 404), (address::BACKUP, 200)]);
    world
}

const FINE: Answer = Answer::After(100);
const OTHER: Answer = Answer::After(200);

/// One call from now, whose first address answers so: which of the addresses has answered it, and after how many
/// microseconds it was rung.
fn call(world: &mut World<'_>, first: Answer) -> (Answer, u64) {
    let plan = Plan { answers: vec![first], others: vec![OTHER], ..Plan::plain() };
    let number = world.call(plan, 0);
    let (before, began) = (world.callees.len(), world.now);
    while world.callees[before..].iter().all(|callee| !callee.answered) {
        assert!(world.now - began < 60_000_000, "nobody answers call {number}");
        world.run(10_000);
    }
    let took = world.now - began;
    let answered = world.callees[before..].iter().find(|callee| callee.answered).unwrap().answer;
    (answered, took)
}

fn health(world: &World<'_>, address: SocketAddr) -> Option<Health> {
    world.sbc().pinged().find(|pinged| pinged.address == address).map(|pinged| pinged.health)
}

/// The calls there were end, and everything is as it was; pings are stopped for that.
fn ends(mut world: World<'_>) {
    world.command(Command::Drain);
    let asked = world.pings.values().map(Vec::len).sum::<usize>();
    world.settle(150);
    world.expect_clean();
    let repeated = world.pings.values().map(Vec::len).sum::<usize>() - asked;
    assert!(repeated <= 3 * 11, "what was out is repeated, and nothing else: {repeated}");
    assert!(world.callers.iter().all(|caller| caller.outcome == Outcome::Answered));
}

#[test]
fn nobody_waits_for_an_address_that_is_known_to_be_silent() {
    for weather in [Weather::FINE, Weather::stormy(5)] {
        let (setting, mut memory) = (setting(), Memory::of(&setting()));
        let mut world = world(&setting, &mut memory, 1, weather);
        world.seconds(2 * EVERY);
        assert_eq!(health(&world, FIRST), Some(Health::Up));
        assert_eq!(call(&mut world, FINE).0, FINE);
        // Its machine is gone.
        world.pongs.remove(&FIRST);
        world.seconds(EVERY + 34);
        assert_eq!(health(&world, FIRST), Some(Health::Silent));
        let (answer, took) = call(&mut world, Answer::Silence);
        assert_eq!(answer, OTHER);
        // A little for what is lost on the way.
        assert!(took < 4_000_000, "{took}");
        // For as long as that takes, and more than a minute.
        world.seconds(600);
        assert_eq!(call(&mut world, Answer::Silence).0, OTHER);
        // It is back.
        world.pongs.insert(FIRST, 200);
        world.seconds(EVERY + 34);
        assert_eq!(call(&mut world, FINE).0, FINE);
        let told: Vec<_> = world.health.iter().filter(|told| told.1 == FIRST).map(|told| told.2).collect();
        assert_eq!(told, [None, Some(Reason::PingUnanswered), None]);
        ends(world);
    }
}

#[test]
fn who_is_full_is_passed_over_until_it_is_not() {
    let (setting, mut memory) = (setting(), Memory::of(&setting()));
    let mut world = world(&setting, &mut memory, 2, Weather::FINE);
    world.pongs.insert(FIRST, 503);
    world.seconds(2 * EVERY);
    assert_eq!(health(&world, FIRST), Some(Health::Refusing));
    assert_eq!(call(&mut world, Answer::Refuse(503, 10)).0, OTHER);
    assert_eq!(world.callees.len(), 1, "it was not even asked");
    world.pongs.insert(FIRST, 405);
    world.seconds(2 * EVERY);
    assert_eq!(call(&mut world, FINE).0, FINE);
    ends(world);
}

#[test]
fn who_never_answers_pings_loses_no_call_by_that() {
    let (setting, mut memory) = (setting(), Memory::of(&setting()));
    let mut world = world(&setting, &mut memory, 3, Weather::FINE);
    world.pongs.clear();
    for _ in 0..10 {
        world.seconds(2 * EVERY);
        assert_eq!(call(&mut world, FINE).0, FINE);
    }
    assert!(world.pings[&FIRST].len() > 50, "it is asked all the same");
    assert_eq!(world.health, []);
    assert_eq!(health(&world, FIRST), Some(Health::Unknown));
    ends(world);
}

#[test]
fn what_is_lost_on_the_way_is_no_silence() {
    let (setting, mut memory) = (setting(), Memory::of(&setting()));
    let mut world = world(&setting, &mut memory, 4, Weather::stormy(20));
    world.seconds(3_600);
    let down = world.health.iter().filter(|told| told.2.is_some()).count();
    assert_eq!(down, 0, "{:?}", world.health);
    ends(world);
}

#[test]
fn pings_are_spread_and_follow_from_the_seed() {
    let first = |seed| {
        let (setting, mut memory) = (setting(), Memory::of(&setting()));
        let mut world = world(&setting, &mut memory, seed, Weather::FINE);
        world.seconds(EVERY + 1);
        let mut first: Vec<(SocketAddr, u64)> =
            world.pings.iter().map(|(&at, times)| (at, times[0])).collect();
        first.sort_unstable();
        first
    };
    assert_eq!(first(5), first(5));
    assert_ne!(first(5), first(6));
    let all: Vec<u64> = (10..40).flat_map(first).map(|(_, at)| at - 1_000_000).collect();
    assert_eq!(all.len(), 90);
    for third in 0..3 {
        let within = third * 10_000_000..(third + 1) * 10_000_000 + 100_000;
        assert!(all.iter().filter(|at| within.contains(*at)).count() > 15, "{all:?}");
    }
}

#[test]
fn an_address_that_dns_names_anew_is_pinged_and_one_that_it_does_not_is_let_go() {
    let (setting, mut memory) = (setting(), Memory::of(&setting()));
    let mut world = world(&setting, &mut memory, 7, Weather::FINE);
    world.seconds(2 * EVERY);
    world.addresses = vec![SECOND, address::OTHERS[1]];
    world.pongs.insert(address::OTHERS[1], 200);
    world.seconds(300);
    assert_eq!(health(&world, FIRST), None);
    for address in [SECOND, address::OTHERS[1], address::BACKUP] {
        assert_eq!(health(&world, address), Some(Health::Up), "{address}");
    }
    // DNS is down: there is nobody to ping but whose address is written.
    world.resolves = false;
    world.seconds(300);
    let left: Vec<_> = world.sbc().pinged().map(|pinged| pinged.address).collect();
    assert_eq!(left, [address::BACKUP]);
    ends(world);
}

#[test]
fn what_is_known_outlasts_another_configuration() {
    let (before, mut memory) = (setting(), Memory::of(&setting()));
    let mut after = setting();
    after.trunks[2].ping = NonZeroU16::new(4 * EVERY as u16);
    let mut quiet = setting();
    quiet.trunks[2].ping = None;
    let mut world = world(&before, &mut memory, 8, Weather::FINE);
    world.seconds(2 * EVERY);
    world.pongs.remove(&FIRST);
    world.seconds(EVERY + 34);
    world.reconfigure(after.config());
    assert_eq!(health(&world, FIRST), Some(Health::Silent));
    assert_eq!(call(&mut world, Answer::Silence).0, OTHER);
    let asked = world.pings[&SECOND].len();
    world.seconds(8 * EVERY);
    assert!((2..=3).contains(&(world.pings[&SECOND].len() - asked)));
    assert_eq!(call(&mut world, Answer::Silence).0, OTHER);
    world.reconfigure(quiet.config());
    let asked = world.pings.values().map(Vec::len).sum::<usize>();
    world.seconds(8 * EVERY);
    assert_eq!(world.pings.values().map(Vec::len).sum::<usize>(), asked);
    assert_eq!(world.sbc().pinged().count(), 0);
    // Nothing is known any more.
    assert_eq!(call(&mut world, FINE).0, FINE);
    ends(world);
}
