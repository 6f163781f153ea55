//! Calls whose callers are at the end of a connection.

use warmline_tests::{Answer, Ending, Memory, Plan, Refresh, Setting, Weather, World};

fn plans() -> Vec<Plan> {
    let plain = || Plan { connected: true, ..Plan::plain() };
    vec![
        plain(),
        Plan { ending: Ending::Target(2_000), ..plain() },
        Plan { ending: Ending::Both(2_000), ..plain() },
        Plan { ending: Ending::Cancel(700), answers: vec![Answer::Ring], ..plain() },
        Plan { answers: vec![Answer::Refuse(486, 100)], ..plain() },
        Plan { answers: vec![Answer::EarlyMedia(900)], ..plain() },
        Plan { refresh: Refresh::CallerHolds, ending: Ending::Caller(6_000), ..plain() },
        Plan { refresh: Refresh::TargetHolds, ending: Ending::Caller(6_000), ..plain() },
        Plan { offers: false, ..plain() },
        Plan { proxied: true, ..plain() },
        Plan::plain(),
    ]
}

/// Plays so many calls, one every 40 ms; how many connections were lost.
fn play(seed: u64, calls: usize, weather: Weather, cut: u64) -> u64 {
    let mut setting = Setting::new(200, 50);
    setting.have_connections(false);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed, weather);
    world.cut = cut;
    let plans = plans();
    for (number, plan) in plans.iter().cycle().take(calls).enumerate() {
        world.call(plan.clone(), number as u64 * 40_000);
    }
    world.seconds(calls as u64 / 25 + 80);
    world.settle(60);
    world.expect_clean();
    world.cuts
}

#[test]
fn in_fine_weather() {
    assert_eq!(play(1, 110, Weather::FINE, 0), 0);
}

#[test]
fn with_slow_connections() {
    for seed in 2..6 {
        play(seed, 110, Weather::stormy(0), 0);
    }
}

#[test]
fn connections_are_lost_now_and_then() {
    let cuts: u64 = (6..10).map(|seed| play(seed, 220, Weather::stormy(0), 200)).sum();
    assert!(cuts > 20, "{cuts}");
}
