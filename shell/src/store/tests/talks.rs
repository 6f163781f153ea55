//! Tickets that Talk has made, and entries that cannot be read any more.

use super::*;
use crate::desk::{Context, Handover};

/// How long the store may take on a machine with much to do.
const PATIENCE: Duration = Duration::from_secs(30);

const BEGAN: i64 = 1_795_959_902_000_000;

fn opened(call: u64) -> Change {
    Change::Outbox(Step::Opened(Box::new(Handover {
        call,
        desk: "acme".into(),
        caller: Some("+821044440100".into()),
        line: "support".into(),
        sip_call_id: "a@b".into(),
        began: BEGAN,
        create: true,
        has: None,
        parts: vec![],
        tags: vec![],
        recordings: false,
        earlier: vec![],
        again: vec![],
        solved: false,
        context: Context::default(),
    })))
}

#[test]
fn an_entry_that_cannot_be_read_holds_up_neither_another_nor_the_store() {
    let folder = Folder::new("store-unreadable");
    let running = start(folder.setting());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let asked = |change| {
        let answer = running.0.ask(change);
        let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, answer).await });
        answer.expect("the store goes on")
    };
    assert!([1, 2].map(opened).into_iter().all(|change| asked(change).is_ok()));
    read(&folder.setting(), async |database| {
        let broken = sqlx::query("UPDATE outbox SET handover = '{' WHERE call = $1").bind(hex(1));
        broken.execute(database.pool()).await.expect("it is there");
    });
    let talks = |call| Change::Talks { call, made: vec![Spoken { ticket: 102, at: BEGAN }], not: vec![] };
    assert!(asked(talks(1)).is_err(), "it is left out");
    assert_eq!(asked(talks(2)), Ok(Some(102)));
    stop(running);
}
