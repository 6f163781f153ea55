//! Sessions that last: timers that one leg demands and the other knows nothing of, glare, and hold in every spelling.

use warmline_core::reason::Reason;
use warmline_tests::{
    Answer, Ending, Hold, Memory, Outcome, Plan, Refresh, Setting, Tap, Timers, Told, Weather, World, seed,
};

/// Plays calls by one plan for so many seconds, and judges what nobody may do wrong.
fn play(plan: &Plan, calls: u64, weather: Weather, seconds: u64, judge: impl FnOnce(&World<'_>, &[Told])) {
    let setting = Setting::new(64, 16);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, seed(11), weather);
    if calls == 1 {
        world.tap = Some(Tap::with_ladder());
    }
    for call in 0..calls {
        world.call(plan.clone(), call * 1_300_000);
    }
    world.settle(seconds + 150);
    world.expect_clean();
    let told: Vec<Told> = world.told.values().cloned().collect();
    judge(&world, &told);
}

fn timed(side: usize, timers: Timers, ending: Ending) -> Plan {
    let mut plan = Plan { ending, answers: vec![Answer::After(900)], ..Plan::plain() };
    plan.timers[side] = Some(timers);
    plan
}

const WEATHERS: [(u64, Weather); 2] = [(1, Weather::FINE), (12, Weather::stormy(5))];

#[test]
fn a_leg_that_demands_a_timer_lives_through_ten_refreshes_beside_one_that_knows_none() {
    for (calls, weather) in WEATHERS {
        for side in [0, 1] {
            for (we_refresh, updates) in [(true, false), (true, true), (false, false), (false, true)] {
                let timers = Timers { we_refresh, updates, ..Timers::of(180) };
                let plan = timed(side, timers, Ending::Caller(960_000));
                play(&plan, calls, weather, 1_000, |world, told| {
                    for number in 0..calls as usize {
                        assert_eq!(world.callers[number].outcome, Outcome::Answered);
                    }
                    let hung_up = |told: &Told| told.reason == Some(Reason::CallerHungUp);
                    assert!(told.iter().all(hung_up), "{plan:?} {told:?}");
                    let refreshed: Vec<u32> = match side {
                        0 => world.callers.iter().map(|caller| caller.refreshed().0).collect(),
                        _ => world.callees.iter().map(|callee| callee.refreshed().0).collect(),
                    };
                    assert!(refreshed.iter().all(|&times| times >= 10), "{plan:?} {refreshed:?}");
                });
            }
        }
    }
}

#[test]
fn a_peer_that_dies_is_noticed_and_the_other_told() {
    for (calls, weather) in WEATHERS {
        for side in [0, 1] {
            for we_refresh in [true, false] {
                let timers = Timers { we_refresh, dies: true, ..Timers::of(180) };
                play(&timed(side, timers, Ending::Caller(900_000)), calls, weather, 300, |world, told| {
                    let reason = if we_refresh { Reason::RefreshFailed } else { Reason::SessionExpired };
                    assert!(told.iter().all(|told| told.reason == Some(reason)), "{side} {told:?}");
                    for callee in world.callees.iter().filter(|_| side == 0) {
                        assert!(callee.heard_bye);
                    }
                    for told in told {
                        // Told as ended when its last BYE is given up.
                        assert!(told.ended_at < 190_000_000 + calls * 1_300_000, "{}", told.ended_at);
                    }
                });
            }
        }
    }
}

#[test]
fn re_invites_that_meet_are_both_tried_again() {
    for (calls, weather) in WEATHERS {
        for side in [0, 1] {
            let timers = Timers { meets: true, ..Timers::of(120) };
            let plan = timed(side, timers, Ending::Target(400_000));
            play(&plan, calls, weather, 450, |world, told| {
                assert!(told.iter().all(|told| told.reason == Some(Reason::TargetHungUp)), "{told:?}");
                let met: u32 = match side {
                    0 => world.callers.iter().map(|caller| caller.refreshed().1).sum(),
                    _ => world.callees.iter().map(|callee| callee.refreshed().1).sum(),
                };
                assert!(met > 0, "they never met");
            });
        }
    }
}

#[test]
fn hold_and_resume_in_every_spelling() {
    for (calls, weather) in [(1, Weather::FINE), (24, Weather::stormy(5))] {
        for hold in Hold::ALL {
            for update in [false, true] {
                for refresh in [Refresh::CallerHoldsAs(hold, update), Refresh::TargetHoldsAs(hold, update)] {
                    let plan = Plan { refresh, ending: Ending::Caller(20_000), ..Plan::plain() };
                    play(&plan, calls, weather, 60, |world, told| {
                        let hung_up = |told: &Told| told.reason == Some(Reason::CallerHungUp);
                        assert!(told.iter().all(hung_up), "{told:?}");
                        let session = match refresh {
                            Refresh::CallerHoldsAs(..) => &world.callers[0].session,
                            _ => &world.callees[0].session,
                        };
                        assert_eq!(session.as_ref().unwrap().direction, "sendrecv");
                    });
                }
            }
        }
    }
}
