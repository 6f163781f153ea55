//! Every hand-over that has to do with a ticket, through SIPp: the rows of core's table (`core/src/call/states.md`) by each
//! door, with what the call brings, what becomes of it, and how the account is meanwhile. Each comes to the one right
//! outcome, in the log, in its record and for its platform; the account has the tickets that it should and was asked for
//! nothing else; nothing is left, and no caller has heard nobody for a second.

mod parts;
mod row;
mod rows;
mod scene;
mod verdict;

use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::panic::catch_unwind;
use std::sync::Mutex;

use row::Row;
use rows::ROWS;
use scene::Scene;
use warmline_tests::sipp::sipp_is_missing;

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// How many rows are played at once: they wait for most of their time.
const AT_ONCE: usize = 12;

/// Names what only those rows have in them that are to be played, as `Refers, Nothing, Slow`.
const ONLY: &str = "WARMLINE_ROWS";

#[test]
fn every_row_of_the_table_holds() {
    if sipp_is_missing("every_row_of_the_table_holds") {
        return;
    }
    let only = std::env::var(ONLY).ok();
    let rows = ROWS.iter().map(|row| Row::of(*row));
    let chosen: Vec<Row> =
        rows.filter(|row| only.as_ref().is_none_or(|only| row.to_string().contains(only.as_str()))).collect();
    assert!(!chosen.is_empty(), "no row is {only:?}");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The others are played to their end.
                    if catch_unwind(AssertUnwindSafe(|| Scene::set(*row).holds())).is_err() {
                        println!("---- that was {row} ----");
                        wrong.lock().expect("nobody panics with it").push(row.to_string());
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panics with it");
    assert!(wrong.is_empty(), "{} of {} rows do not hold:\n{}", wrong.len(), chosen.len(), wrong.join("\n"));
}
