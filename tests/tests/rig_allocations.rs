//! Core never allocates: counted over ten thousand calls.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicU64, Ordering};
use std::alloc::System;

use warmline_tests::{
    Answer, Ending, From, Memory, Outcome, Plan, Refresh, Setting, Weather, World, core_is_running,
};

/// How often memory was asked for while a thread was inside core, and how often elsewhere.
static IN_CORE: AtomicU64 = AtomicU64::new(0);
static ELSEWHERE: AtomicU64 = AtomicU64::new(0);

struct Counting;

fn count() {
    let counter = if core_is_running() { &IN_CORE } else { &ELSEWHERE };
    counter.fetch_add(1, Ordering::Relaxed);
}

#[expect(unsafe_code, reason = "an allocator cannot be had without")]
// SAFETY: everything is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if core_is_running() {
            count();
        }
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn ten_thousand_calls_take_no_memory_in_core() {
    let setting = Setting::new(1_000, 200);
    let mut memory = Memory::of(&setting);
    let mut world = World::new(&setting, &mut memory, 5, Weather::stormy(2));
    world.tap = None;
    let answers = [Answer::After(500), Answer::EarlyMedia(700), Answer::Refuse(486, 200), Answer::AtOnce];
    let endings = [Ending::Caller(1_500), Ending::Target(1_500), Ending::Cancel(400), Ending::Both(800)];
    let refreshes =
        [Refresh::None, Refresh::None, Refresh::CallerHolds, Refresh::TargetHolds, Refresh::CallerAsks];
    for number in 0..10_000usize {
        let plan = Plan {
            from: if number % 7 == 0 { From::Carrier } else { From::Ai },
            answers: vec![answers[number % 4]],
            ending: endings[number / 4 % 4],
            refresh: refreshes[number % 5],
            offers: number % 11 != 0,
            ..Plan::plain()
        };
        world.call(plan, number as u64 * 10_000);
    }
    world.settle(250);
    let outcomes = |outcome| world.callers.iter().filter(|caller| caller.outcome == outcome).count();
    let (answered, busy) = (outcomes(Outcome::Answered), outcomes(Outcome::Failed(486)));
    let elsewhere = ELSEWHERE.load(Ordering::Relaxed);
    println!("{answered} answered, {busy} busy; {} per call in the rig's own peers", elsewhere / 10_000);
    assert!(answered > 5_000 && busy > 1_500);
    assert!(elsewhere > 1_000_000, "the counter counts");
    assert_eq!(IN_CORE.load(Ordering::Relaxed), 0);
}
