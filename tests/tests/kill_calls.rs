//! kill -9 at random moments of hand-overs, with an account that is quick, slow or away: afterwards there is one record for
//! each call, one ticket for each that was handed over, and nobody is left with a dead line in the ear.

use core::net::SocketAddrV4;
use core::time::Duration;
use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;
use warmline_tests::sipp::{AI, CARRIER, PATIENCE, Stage, ZENDESK, poll, ports};
use warmline_tests::zendesk::api::{Act, Api, CLIENT};
use warmline_tests::zendesk::{FarEnd, Manners, Rules, Visit};
use warmline_tests::{Dice, Guest, Stay, seed};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// How soon after a start each leg has ended, or is known to go on.
const SOON: Duration = Duration::from_secs(5);

/// How long a caller talks on whose call goes on.
const TALK: Duration = Duration::from_millis(500);

/// How long the outbox may take in the end: longer than between two attempts.
const LATEST: Duration = Duration::from_secs(200);

/// How the account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Account {
    Up,
    Slow,
    Down,
}

struct Scene {
    stage: Stage,
    far_end: FarEnd,
    api: Api,
    /// Calls that Talk has looked at, by their Call-IDs.
    seen: BTreeSet<String>,
    /// Callers whose call was handed over.
    handed_over: BTreeSet<String>,
    /// Callers who talked on after it and hung up themselves, and those who waited and were hung up.
    went_on: BTreeSet<String>,
    cut_off: BTreeSet<String>,
}

impl Scene {
    /// With a line of which `line` says more.
    fn set(line: &str) -> Self {
        let at = SocketAddrV4::new(ZENDESK, ports(2));
        let rules = Rules { takes_addresses: true, ..Rules::default() };
        let far_end = FarEnd::open(&[at.into()], Manners { rules, ..Manners::default() });
        let api = Api::open("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        api.account(|account| account.per_minute = 100_000);
        let more = format!(
            r#"{line}
  [line.ticket]
  desk = "acme"

[[desk]]
name          = "acme"
kind          = "zendesk"
base_url      = "{}"
client_id     = "{}"
client_secret = "{}"
budget        = "1s"
adopt         = "3s"

[store]
url = "sqlite:killed.db"
"#,
            api.base(),
            CLIENT.0,
            CLIENT.1
        );
        let stage = Stage::furnish(PROGRAM, &more, &[AI], at);
        let far_end = far_end.expect("free ports");
        let (seen, handed_over, went_on, cut_off) = Default::default();
        let scene = Self { stage, far_end, api, seen, handed_over, went_on, cut_off };
        // Its tables are made by it alone.
        assert!(poll(PATIENCE, || scene.stage.ask(PROGRAM, &["calls"]).ok()).is_some());
        scene
    }

    /// Calls that were taken at the far end; Talk makes tickets for those that bring none.
    fn visits(&mut self) -> Vec<Visit> {
        let visits = self.far_end.visits();
        for visit in &visits {
            if visit.answered && self.seen.insert(visit.call_id.clone()) && visit.ticket.is_none() {
                self.api.account(|account| account.talk_takes(&visit.caller));
            }
        }
        visits
    }

    /// What is written down of a caller's calls.
    fn records(&self, number: &str) -> Vec<Value> {
        let list = self.stage.ask(PROGRAM, &["calls", "--json"]).expect("a list");
        let records: Vec<Value> = serde_json::from_str(&list).expect("a list");
        records.into_iter().filter(|record| record["caller"] == number).collect()
    }

    /// Waits until it holds of a guest, for so long.
    fn minds(
        &mut self,
        guest: &mut Guest,
        patience: Duration,
        holds: impl Fn(&Guest, &[Visit]) -> bool,
    ) -> bool {
        let until = Instant::now() + patience;
        loop {
            guest.mind().expect("what comes is right");
            let visits = self.visits();
            let its: Vec<Visit> = visits.into_iter().filter(|visit| visit.caller == guest.number).collect();
            if holds(guest, &its) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// One call, in the middle of which Warmline is killed.
    fn kill(&mut self, number: &str, account: Account, dice: &mut Dice) {
        let slow = |millis| Act::Slow(Duration::from_millis(millis));
        let act = match account {
            Account::Up => None,
            Account::Slow => {
                Some(*dice.pick(&[slow(100), slow(300), Act::Late(Duration::from_millis(1_900))]))
            }
            Account::Down => Some(*dice.pick(&[Act::Cut, Act::Dead, Act::Lost, Act::Status(503, Some(1))])),
        };
        if let Some(act) = act {
            for method in ["POST", "GET", "PUT"] {
                self.api.upon(method, "/", act, None);
            }
        }
        let moment = Duration::from_millis(dice.between(0, if act.is_some() { 1_800 } else { 700 }));
        let mut guest = Guest::call(number, CARRIER, self.stage.cast.sip);
        self.minds(&mut guest, moment, |_, _| false);
        self.stage.warmline.kill();
        let heard = guest.stay;
        let records = self.records(number);
        let open = self.stage.ask(PROGRAM, &["outbox"]).expect("a list");
        self.stage.restart(PROGRAM);
        self.api.behave();
        let about = format!("{number} after {moment:?}, {act:?}, {heard:?}");
        let told = |guest: &Guest, _: &[Visit]| !matches!(guest.stay, Stay::Calling | Stay::Waiting);
        // Who was not heard calls on, and is heard now: that is as long as another call takes.
        let patience = if heard == Stay::Calling { PATIENCE } else { SOON };
        let answered = self.minds(&mut guest, patience, told);
        assert!(answered, "{about}: the caller waits on\n{}", self.stage.warmline.written());
        let after = guest.stay;
        if after == Stay::Talking {
            // Nobody hangs up on a caller who talks with somebody.
            let hung_up = self.minds(&mut guest, TALK, |guest, _| guest.stay != Stay::Talking);
            if hung_up {
                self.cut_off.insert(number.to_owned());
            } else {
                guest.hang_up();
                self.went_on.insert(number.to_owned());
            }
        }
        let gone = |guest: &Guest, visits: &[Visit]| {
            guest.stay != Stay::Leaving && visits.iter().all(|visit| visit.over || visit.cancelled)
        };
        let over = self.minds(&mut guest, SOON, gone);
        let visits: Vec<_> = self.visits().into_iter().filter(|visit| visit.caller == number).collect();
        assert!(over, "{about}: {after:?}, {:?}, {visits:?}\n{}", guest.stay, self.stage.warmline.written());
        assert_ne!(
            guest.stay,
            Stay::Unknown,
            "{about}: nobody knows of the call\n{}",
            self.stage.warmline.written()
        );
        let opened =
            records.iter().filter_map(|record| record["call"].as_str()).any(|call| open.contains(call));
        if !visits.is_empty() || opened || heard == Stay::Calling {
            self.handed_over.insert(number.to_owned());
        }
        println!("{about}: {after:?}, at the far end {}, in the outbox {opened}", visits.len());
    }

    fn judge(&self, numbers: &[String]) {
        self.api.behave();
        let list = || self.stage.ask(PROGRAM, &["outbox"]);
        let empty = poll(LATEST, || list().is_ok_and(|list| list.lines().count() == 1).then_some(()));
        assert!(empty.is_some(), "{:?}\n{}", list(), self.stage.warmline.written());
        for number in numbers {
            let records = self.records(number);
            let handed_over = self.handed_over.contains(number);
            assert!(records.len() == 1 || !handed_over && records.is_empty(), "{number}: {records:?}");
            assert!(records.iter().all(|record| !record["ended"].is_null()), "{records:?}");
            if self.went_on.contains(number) {
                assert_eq!(records[0]["reason"], "caller-hung-up", "{records:?}");
            }
            if self.cut_off.contains(number) {
                assert_eq!(records[0]["reason"], "wait-cut", "{records:?}");
            }
            self.api.account(|account| {
                let users: Vec<u64> = account
                    .users
                    .iter()
                    .filter(|user| user.phone.as_deref() == Some(number))
                    .map(|user| user.id)
                    .collect();
                let tickets: Vec<_> = account
                    .standing()
                    .into_iter()
                    .filter(|ticket| ticket.requester.is_some_and(|requester| users.contains(&requester)))
                    .collect();
                let right = tickets.len() == 1 || !handed_over && tickets.is_empty();
                assert!(right, "{number}: {tickets:?}\n{records:?}");
                for ticket in tickets {
                    let ends =
                        |comment: &&warmline_tests::zendesk::api::Comment| comment.body.contains("has ended");
                    assert_eq!(ticket.comments.iter().filter(ends).count(), 1, "{number}: {ticket:?}");
                }
            });
        }
    }
}

/// Kills it so often.
fn kills(line: &str, count: usize, account: Account, usual: u64) -> Scene {
    let mut dice = Dice::new(seed(usual));
    let mut scene = Scene::set(line);
    let numbers: Vec<String> = (0..count).map(|number| format!("+821077{number:06}")).collect();
    for number in &numbers {
        scene.kill(number, account, &mut dice);
    }
    scene.judge(&numbers);
    let [went_on, cut_off, handed_over] =
        [&scene.went_on, &scene.cut_off, &scene.handed_over].map(BTreeSet::len);
    println!(
        "{count} calls: {went_on} went on, {cut_off} were hung up while they waited, {handed_over} handed over"
    );
    scene
}

/// The same, of callers who are answered only when somebody takes the call.
fn kills_of_those_who_wait(count: usize, account: Account, usual: u64) {
    let scene = kills("", count, account, usual);
    assert!(scene.cut_off.is_empty(), "who talks is not cut off: {:?}", scene.cut_off);
}

/// And of callers who are answered at once, and hear music until somebody is there.
fn kills_of_those_who_are_answered(count: usize, usual: u64) {
    let scene = kills("answer = \"at-once\"", count, Account::Slow, usual);
    assert!(
        !scene.cut_off.is_empty() && !scene.went_on.is_empty(),
        "{:?} {:?}",
        scene.cut_off,
        scene.went_on
    );
}

#[test]
fn killed_with_an_account_that_is_quick() {
    kills_of_those_who_wait(16, Account::Up, 61);
}

#[test]
fn killed_with_an_account_that_is_slow() {
    kills_of_those_who_wait(12, Account::Slow, 62);
}

#[test]
fn killed_with_an_account_that_is_away() {
    kills_of_those_who_wait(12, Account::Down, 63);
}

#[test]
fn killed_while_callers_hear_music() {
    kills_of_those_who_are_answered(8, 67);
}

#[test]
#[ignore = "takes minutes"]
fn killed_often_while_callers_hear_music() {
    kills_of_those_who_are_answered(30, 68);
}

#[test]
#[ignore = "takes minutes"]
fn killed_often_with_an_account_that_is_quick() {
    kills_of_those_who_wait(60, Account::Up, 64);
}

#[test]
#[ignore = "takes minutes"]
fn killed_often_with_an_account_that_is_slow() {
    kills_of_those_who_wait(50, Account::Slow, 65);
}

#[test]
#[ignore = "takes minutes"]
fn killed_often_with_an_account_that_is_away() {
    kills_of_those_who_wait(50, Account::Down, 66);
}
