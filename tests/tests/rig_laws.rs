//! What holds for every call, whatever happens when.

use proptest::prelude::*;
use warmline_core::Command;
use warmline_tests::{Answer, Ending, From, Memory, Outcome, Plan, Refresh, Setting, Weather, World};

fn answers() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => (0..3_000u64).prop_map(Answer::After),
        1 => Just(Answer::AtOnce),
        2 => (0..3_000u64).prop_map(Answer::EarlyMedia),
        2 => (prop_oneof![300..310u16, 400..420u16, 480..490u16, 500..505u16, 600..607u16], 0..3_000u64)
            .prop_map(|(status, after)| Answer::Refuse(status, after)),
        1 => Just(Answer::Silence),
        1 => Just(Answer::Ring),
        2 => Just(Answer::AnswerWhenCancelled),
        1 => Just(Answer::ForgetWhenCancelled),
        1 => Just(Answer::Trying),
        1 => Just(Answer::WrongCodec),
    ]
}

fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![
        2 => (0..4_000u64).prop_map(Ending::Caller),
        2 => (0..4_000u64).prop_map(Ending::Target),
        2 => (0..4_000u64).prop_map(Ending::Both),
        4 => (0..4_000u64).prop_map(Ending::Cancel),
        1 => Just(Ending::NoAck),
        1 => (0..2_000u64).prop_map(Ending::WrongCSeq),
    ]
}

fn refreshes() -> impl Strategy<Value = Refresh> {
    prop_oneof![
        4 => Just(Refresh::None),
        1 => Just(Refresh::CallerHolds),
        1 => Just(Refresh::TargetHolds),
        1 => Just(Refresh::CallerAsks),
        1 => Just(Refresh::CallerAddsVideo),
    ]
}

prop_compose! {
    fn plans()(
        answers in prop::collection::vec(answers(), 1..3),
        ending in endings(),
        refresh in refreshes(),
        carrier in any::<bool>(),
        offers in any::<bool>(),
        proxied in any::<bool>(),
    ) -> Plan {
        Plan {
            from: if carrier { From::Carrier } else { From::Ai },
            dial: if answers.len() > 1 { "both" } else { "support" },
            answers, ending, refresh, offers, proxied,
            ..Plan::plain()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However CANCEL, 200, BYE, re-INVITE, an operator's hand and the network interleave: one outcome, nothing wrong
    /// in any message, and nothing left behind.
    #[test]
    fn every_interleaving_has_one_outcome_and_leaves_nothing(
        plans in prop::collection::vec((plans(), 0..2_000_000u64), 1..4),
        seed in any::<u64>(),
        loss in 0..30u64,
        calm in any::<bool>(),
        hangup in prop::option::weighted(0.3, 0..8_000_000u64),
    ) {
        let setting = Setting::new(4, 4);
        let mut memory = Memory::of(&setting);
        let weather = if calm { Weather::FINE } else { Weather::stormy(loss) };
        let mut world = World::new(&setting, &mut memory, seed, weather);
        for (plan, after) in plans {
            world.call(plan, after);
        }
        if let Some(at) = hangup {
            world.run(at);
            world.command(Command::HangUpAll);
        }
        world.settle(240);
        prop_assert_eq!(world.verdict(), Vec::<String>::new());
        for caller in &world.callers {
            prop_assert_ne!(caller.outcome, Outcome::Open);
        }
    }
}

#[test]
fn the_same_seed_sends_the_same_bytes() {
    let run = |seed| {
        let setting = Setting::new(16, 4);
        let mut memory = Memory::of(&setting);
        let mut world = World::new(&setting, &mut memory, seed, Weather::stormy(10));
        world.sent = Some(Vec::new());
        for after in 0..12 {
            let ending = if after % 2 == 0 { Ending::Caller(500) } else { Ending::Cancel(900) };
            world.call(Plan { ending, ..Plan::plain() }, after * 100_000);
        }
        world.settle(60);
        world.sent.take()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
