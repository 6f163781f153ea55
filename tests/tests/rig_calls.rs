//! Whole calls in the rig, one flow at a time, over a network that does nothing to them.

use warmline_tests::{Answer, Ending, From, Memory, Outcome, Plan, Refresh, Setting, Tap, Weather, World};

/// Plays one call to its end.
fn play(plan: Plan, judge: impl FnOnce(&World<'_>)) {
    play_all(vec![plan], judge);
}

fn play_all(plans: Vec<Plan>, judge: impl FnOnce(&World<'_>)) {
    let setting = Setting::new(8, 4);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 1, Weather::FINE);
    world.tap = Some(Tap::with_ladder());
    for plan in plans {
        world.call(plan, 0);
    }
    world.settle(150);
    world.expect_clean();
    judge(&world);
}

#[test]
fn a_plain_call() {
    play(Plan::plain(), |world| {
        assert_eq!(world.callers[0].outcome, Outcome::Answered);
        assert_eq!(world.callers[0].heard, [100, 180]);
        assert!(world.callees[0].acknowledged);
        assert_eq!(world.streams(), (0, 1));
    });
}
