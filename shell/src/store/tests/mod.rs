//! What is handed over is there, also after a lock and a crash.

mod local;
mod talks;

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use sqlx::Executor;
use tokio::sync::Notify;

use super::*;

/// A folder of a test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("warmline-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    fn setting(&self) -> Setting {
        Setting::Sqlite(self.0.join("warmline.db"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(setting: Setting) -> (Store, JoinHandle<()>) {
    let alarm = Alarm(Arc::new(Notify::new()));
    // What is written here is of a day that will be long ago.
    let keeping = Keeping { keep: Duration::from_secs(1_000 * 365 * 24 * 3600), ..Keeping::default() };
    let started = Store::start(setting, &keeping, "edge-1".into(), &[], &[], alarm);
    let (store, _, thread) = started.expect("a thread starts");
    (store, thread)
}

fn stop((store, thread): (Store, JoinHandle<()>)) {
    drop(store);
    thread.join().expect("it ends well");
}

fn read<T>(setting: &Setting, ask: impl AsyncFnOnce(Database) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { ask(Database::open(setting).await.expect("it opens")).await })
}

fn all(setting: &Setting) -> Vec<Record> {
    read(setting, async |database| calls(database.pool(), 0).await.expect("calls"))
}

fn record(id: u64, over: bool) -> Record {
    let end = (1_795_959_968_500_000, "caller-hung-up".to_owned(), "The caller hung up.".to_owned());
    Record {
        id,
        node: "edge-1".into(),
        sip_call_id: "a@b".into(),
        caller: Some("+821044440100".into()),
        line: "support".into(),
        trunk: "ai".into(),
        target: over.then(|| "desk-201".to_owned()),
        started: 1_795_959_902_000_000 + i64::try_from(id % 1_000_000).expect("a small number"),
        answered: over.then_some(1_795_959_904_000_000),
        handover: None,
        end: over.then_some(end),
        ticket: over.then_some(u64::from(u32::MAX) + 7),
        note: None,
        outcome: Some("connected".into()),
        audio: match over {
            true => [
                Audio { packets: 100, lost: 1, jitter: 1_250, mos: Some(438), heard: Some(435) },
                Audio::default(),
            ],
            false => Default::default(),
        },
    }
}

fn call(id: u64, over: bool) -> Change {
    Change::Call(Box::new(record(id, over)))
}

#[test]
fn a_call_is_one_record_however_often_it_is_told() {
    let folder = Folder::new("store-one");
    let running = start(folder.setting());
    for id in [1, u64::MAX] {
        running.0.write(call(id, false));
        running.0.write(call(id, true));
        // Too late: it has ended.
        running.0.write(call(id, false));
        running.0.write(call(id, true));
    }
    stop(running);
    let mut found = all(&folder.setting());
    found.sort_by_key(|record| record.id);
    assert_eq!(found, [record(1, true), record(u64::MAX, true)]);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(folder.0.join("warmline.db")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn how_a_call_was_handed_over_is_known_after_a_crash() {
    let folder = Folder::new("store-handover");
    let running = start(folder.setting());
    let call = |over, handover: Option<(&str, Option<i64>)>| {
        let handover = handover.map(|(line, taken)| HandedOver { line: line.into(), taken });
        running.0.write(Change::Call(Box::new(Record { handover, ..record(1, over) })));
    };
    call(false, None);
    call(false, Some(("sales", Some(7))));
    // Handed over once more, and taken.
    call(false, Some(("support", None)));
    call(false, Some(("support", Some(9))));
    // What came after does not know.
    call(true, None);
    stop(running);
    let [found] = &all(&folder.setting())[..] else { panic!("one call") };
    assert_eq!(found.handover, Some(HandedOver { line: "support".into(), taken: Some(9) }));
}

#[test]
fn a_call_that_a_crash_cut_off_has_ended_after_it_unless_it_is_taken_up() {
    let folder = Folder::new("store-crash");
    let running = start(folder.setting());
    (1..=4).for_each(|id| running.0.write(call(id, id == 2)));
    stop(running);
    let running = start(folder.setting());
    running.0.write(Change::TakenUp(vec![4]));
    running.0.write(call(5, false));
    stop(running);
    let ends = || -> Vec<_> {
        all(&folder.setting()).into_iter().map(|record| record.end.map(|end| end.1)).collect()
    };
    let cut = Some("interrupted".to_owned());
    let over = Some("caller-hung-up".to_owned());
    assert_eq!(ends(), [cut.clone(), over.clone(), cut.clone(), None, None]);
    let running = start(folder.setting());
    running.0.write(call(4, true));
    stop(running);
    assert_eq!(ends(), [cut.clone(), over.clone(), cut, over, None]);
}

#[test]
fn what_was_over_long_ago_is_taken_out() {
    let folder = Folder::new("store-prune");
    let day = 24 * 3_600_000_000;
    let old = record(1, true);
    let now = crate::clock::Clock::utc().expect("a clock").0.max(old.started + 10 * day);
    let handover = |id| Handover {
        call: id,
        desk: "here".into(),
        caller: Some(format!("+82104444{id:04}")),
        line: "support".into(),
        sip_call_id: "a@b".into(),
        began: now,
        create: true,
        has: None,
        parts: vec![],
        tags: vec![],
        recordings: false,
        earlier: vec![],
        again: vec![],
        solved: false,
        context: Default::default(),
    };
    let running = start(folder.setting());
    for id in 0..1_300 {
        running.0.write(call(id, true));
        running.0.write(Change::Ticket(Box::new(handover(id))));
        running.0.write(Change::Outbox(Step::Opened(Box::new(handover(id)))));
        let note = String::new();
        running.0.write(Change::Outbox(match id {
            // What is not told is kept.
            7 => Step::Aside { call: id, why: note },
            _ => Step::Done { call: id, ticket: 1, note },
        }));
    }
    // Recordings: of a call that is told and of one that is not, and one of today's with a name that another node has too.
    for (file, call, begun) in [("told", 6, old.started), ("untold", 7, old.started), ("today", 6, now)] {
        let recorded = Recorded { file: file.into(), call, message: false, begun, length: Some(1) };
        running.0.write(Change::Recorded(recorded));
    }
    running.0.write(call(2_000, false));
    let recent =
        Record { started: now, end: Some((now, String::new(), String::new())), ..record(2_001, true) };
    running.0.write(Change::Call(Box::new(recent)));
    running.0.write(Change::Outbox(Step::Opened(Box::new(handover(2_001)))));
    running.0.write(Change::Outbox(Step::Done { call: 2_001, ticket: 1, note: String::new() }));
    stop(running);
    read(&folder.setting(), async |database| {
        let mut connection = database.pool().acquire().await.expect("a connection");
        let limit = old.started.max(old.end.expect("it is over").0) + day;
        let mut rounds = 0;
        while prune::prune(&mut connection, limit).await.expect("it is taken out") > 0 {
            rounds += 1;
        }
        assert!((3..10).contains(&rounds), "some at once: {rounds}");
        let left = calls(database.pool(), 0).await.expect("calls");
        assert_eq!(left.iter().map(|record| record.id).collect::<Vec<_>>(), [2_000, 2_001]);
        let count = async |table: &str| {
            let query = format!("SELECT COUNT(*) FROM {table}");
            let row =
                sqlx::query(sqlx::AssertSqlSafe(query)).fetch_one(database.pool()).await.expect("a count");
            sqlx::Row::get::<i64, _>(&row, 0)
        };
        assert_eq!(count("outbox").await, 2);
        let files = async || {
            let rows = sqlx::query("SELECT node, file FROM recordings ORDER BY node, file");
            let rows = rows.fetch_all(database.pool()).await.expect("rows");
            let name = |row: &sqlx::any::AnyRow, at: usize| sqlx::Row::get::<String, _>(row, at);
            rows.iter().map(|row| format!("{}/{}", name(row, 0), name(row, 1))).collect::<Vec<_>>()
        };
        assert_eq!(files().await, ["edge-1/today", "edge-1/untold"]);
        let others =
            "INSERT INTO recordings (file, node, call, message, begun) VALUES ('today', 'edge-0', '6', 0, 0)";
        sqlx::query(others).execute(database.pool()).await.expect("a row");
        while prune::prune(&mut connection, limit).await.expect("it is taken out") > 0 {}
        assert_eq!(
            files().await,
            ["edge-1/today", "edge-1/untold"],
            "another node's of that name is another"
        );
        assert_eq!((count("tickets").await, count("callers").await), (1_300, 1_300));
        while prune::prune(&mut connection, i64::MAX).await.expect("it is taken out") > 0 {}
        for table in ["tickets", "comments", "callers"] {
            assert_eq!(count(table).await, 0, "{table}");
        }
        assert_eq!(count("calls").await, 1);
    });
}

#[test]
fn nobody_waits_for_a_locked_database_and_nothing_is_lost() {
    let folder = Folder::new("store-lock");
    let setting = folder.setting();
    let running = start(setting.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // Its tables are made by one alone.
        assert_eq!(running.0.ask(call(1, true)).await, Ok(None));
        let database = Database::open(&setting).await.expect("it opens");
        let mut other = database.pool().acquire().await.expect("a connection");
        other.execute("BEGIN EXCLUSIVE").await.expect("it is locked");
        let before = Instant::now();
        (2..2_000).for_each(|id| running.0.write(call(id, true)));
        assert!(before.elapsed() < Duration::from_millis(500), "{:?}", before.elapsed());
        let waiting = running.0.ask(call(2_000, true));
        let waited = tokio::time::timeout(Duration::from_millis(300), waiting).await;
        assert!(waited.is_err(), "it cannot be written: {waited:?}");
        other.execute("COMMIT").await.expect("it is free");
        drop(other);
        database.close().await;
    });
    stop(running);
    assert_eq!(all(&setting).len(), 2_000);
}

#[test]
fn what_finds_no_room_is_counted() {
    // Nobody can write there.
    let running = start(Setting::Sqlite("/proc/warmline.db".into()));
    let most = u64::try_from(HELD).expect("a number");
    (0..2 * most).for_each(|id| running.0.write(call(id, true)));
    let lost = running.0.lost.load(Ordering::Relaxed);
    assert!((most / 2..=most).contains(&lost), "{lost}");
    stop(running);
}

#[test]
fn a_store_in_memory_is_one() {
    let running = start(Setting::Memory);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for id in 0..3 {
        assert_eq!(runtime.block_on(running.0.ask(call(id, true))), Ok(None));
    }
    stop(running);
}
