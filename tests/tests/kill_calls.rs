//! kill -9 at random moments of hand-overs by each door, with an account that is quick, slow or away: afterwards there is one
//! record for each call, one ticket for each that was handed over, and nobody is left with a dead line in the ear.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use warmline_tests::platform::{TOKEN, ask, asking};
use warmline_tests::sipp::{AI, CARRIER, PATIENCE, Stage, ZENDESK, agent, poll, ports};
use warmline_tests::zendesk::api::{Act, Api, Comment};
use warmline_tests::zendesk::{FarEnd, Manners, Visit, desk};
use warmline_tests::{Answer, Dice, Guest, Refers, Stay, Transfer, seed};

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

/// How a call is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// The line is called.
    Line,
    /// An agent talks with the caller, and sends a REFER.
    Refer,
    /// The same, and its platform asks for it.
    Route,
}

impl Door {
    const ALL: [Self; 3] = [Self::Line, Self::Refer, Self::Route];

    /// Which line the caller calls.
    const fn line(self) -> &'static str {
        match self {
            Self::Line => "support",
            Self::Refer => "refers",
            Self::Route => "asks",
        }
    }
}

struct Scene {
    stage: Stage,
    far_end: FarEnd,
    /// Who refers, and who has it asked for.
    agents: [FarEnd; 2],
    /// Where that is asked for.
    asks: SocketAddrV4,
    api: Api,
    /// Calls that Talk has looked at, by their Call-IDs.
    seen: BTreeSet<String>,
    /// Callers whose call was handed over.
    handed_over: BTreeSet<String>,
    /// Callers who talked on after it and hung up themselves, and those who waited and were hung up.
    went_on: BTreeSet<String>,
    cut_off: BTreeSet<String>,
    /// Callers of whom a platform has said something.
    said: BTreeSet<String>,
}

/// The legs of one caller's calls, beside the caller's own.
struct Legs {
    agents: Vec<Visit>,
    targets: Vec<Visit>,
}

impl Legs {
    /// Whether nobody is left in any.
    fn are_over(&self) -> bool {
        self.agents.iter().chain(&self.targets).all(Visit::is_gone)
    }

    /// Whether the caller talks with one of them, nobody else is rung or waits, and an agent knows what became of its REFER.
    fn rest(&self, door: Door) -> bool {
        let mut all = self.agents.iter().chain(&self.targets);
        let told = |agent: &Visit| {
            let known = door != Door::Refer || agent.referrer.over || agent.referrer.answer == Some(500);
            agent.is_gone() || known
        };
        all.clone().filter(|leg| leg.talks()).count() == 1
            && all.all(|leg| leg.talks() || leg.is_gone())
            && self.agents.iter().all(told)
    }
}

impl Scene {
    /// With a line of which `line` says more.
    fn set(line: &str) -> Self {
        let at = SocketAddrV4::new(ZENDESK, ports(2));
        let far_end = FarEnd::taking_addresses(at);
        let api = Api::here();
        api.account(|account| account.per_minute = 100_000);
        let place = || SocketAddrV4::new(Ipv4Addr::LOCALHOST, ports(2));
        let (asks, places) = (place(), [Door::Refer, Door::Route].map(|door| (door, place())));
        let agents = places.map(|(door, at)| agent(door.line(), at));
        let more = format!(
            r#"{line}
  [line.ticket]
  desk = "acme"
{}{}{}
[store]
url = "sqlite:killed.db"
"#,
            agents.concat(),
            asking(asks),
            desk(&api, "budget = \"1s\"\nadopt = \"3s\"")
        );
        let stage = Stage::furnish(PROGRAM, &more, &[AI], at);
        let agents = places.map(|(door, at)| {
            let transfer = Transfer {
                by: Refers::Target,
                after: 50,
                to: format!("<sip:support@{}>", stage.cast.sip).into(),
                attended: false,
                lines: "",
                ticket: None,
                answer: Answer::AtOnce,
                leaves: None,
                polite: true,
            };
            let transfer = (door == Door::Refer).then_some(transfer);
            let manners = Manners { answers: 20, transfer, outlives: true, ..Manners::taking_addresses() };
            FarEnd::open(&[at.into()], manners).expect("a free port")
        });
        let (seen, handed_over, went_on, cut_off, said) = Default::default();
        let scene = Self { stage, far_end, agents, asks, api, seen, handed_over, went_on, cut_off, said };
        // Its tables are made by it alone.
        assert!(poll(PATIENCE, || scene.stage.ask(PROGRAM, &["calls"]).ok()).is_some());
        scene
    }

    /// The legs of a caller's calls; Talk makes tickets for those that are taken at the far end and bring none.
    fn legs(&mut self, number: &str) -> Legs {
        let targets = self.far_end.visits();
        for visit in &targets {
            if visit.answered && self.seen.insert(visit.call_id.clone()) && visit.ticket.is_none() {
                self.api.account(|account| account.talk_takes(&visit.caller));
            }
        }
        let its = |visits: Vec<Visit>| visits.into_iter().filter(|visit| visit.caller == number).collect();
        let agents = self.agents.iter().flat_map(FarEnd::visits).collect();
        Legs { agents: its(agents), targets: its(targets) }
    }

    /// Waits until it holds of a guest, for so long.
    fn minds(
        &mut self,
        guest: &mut Guest,
        patience: Duration,
        holds: impl Fn(&Guest, &Legs) -> bool,
    ) -> bool {
        Guest::wait(core::slice::from_mut(guest), patience, |guests| {
            guests.iter().all(|guest| holds(guest, &self.legs(&guest.number)))
        })
    }

    /// Has a caller call, and an agent hand it over where there is one.
    fn begins(&mut self, number: &str, door: Door) -> Guest {
        let mut guest = Guest::dial(door.line(), number, CARRIER, self.stage.cast.sip);
        if door == Door::Line {
            return guest;
        }
        let talks = |guest: &Guest, legs: &Legs| guest.stay == Stay::Talking && legs.agents[0].answered;
        assert!(self.minds(&mut guest, PATIENCE, talks), "{guest:?}\n{}", self.stage.warmline.written());
        guest
    }

    /// The agent's platform asks for a hand-over.
    fn asks_for_it(&mut self, number: &str) {
        let call = self.legs(number).agents[0].call_id.clone();
        let said = json!({ "line": "support", "context": { "summary": summary(number) } });
        let (status, answer) = ask(self.asks, TOKEN, "POST", &format!("/v1/calls/{call}/handover"), &said);
        assert_eq!(status, 202, "{answer}");
        self.said.insert(number.to_owned());
        // What was promised is kept.
        self.handed_over.insert(number.to_owned());
    }

    /// One call, in the middle of whose hand-over Warmline is killed.
    fn kill(&mut self, number: &str, door: Door, account: Account, dice: &mut Dice) {
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
        let mut guest = self.begins(number, door);
        if door == Door::Route {
            self.asks_for_it(number);
        }
        self.minds(&mut guest, moment, |_, _| false);
        self.stage.warmline.kill();
        let heard = guest.stay;
        let records = self.stage.records(PROGRAM);
        let open = self.stage.ask(PROGRAM, &["outbox"]).expect("a list");
        self.stage.restart(PROGRAM);
        self.api.behave();
        let about = format!("{number} by {door:?} after {moment:?}, {act:?}, {heard:?}");
        match door {
            Door::Line => self.told(&mut guest, &about),
            Door::Refer | Door::Route => self.goes_on(&mut guest, door, &about),
        }
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
        let gone = |guest: &Guest, legs: &Legs| guest.stay != Stay::Leaving && legs.are_over();
        let over = self.minds(&mut guest, SOON, gone);
        let Legs { agents, targets } = self.legs(number);
        assert!(
            over,
            "{about}: {after:?}, {:?}, {agents:?} {targets:?}\n{}",
            guest.stay,
            self.stage.warmline.written()
        );
        assert_ne!(
            guest.stay,
            Stay::Unknown,
            "{about}: nobody knows of the call\n{}",
            self.stage.warmline.written()
        );
        let opened =
            of(number, &records).filter_map(|record| record["call"].as_str()).any(|call| open.contains(call));
        if !targets.is_empty() || opened || heard == Stay::Calling {
            self.handed_over.insert(number.to_owned());
        }
        let told = agents.iter().map(|agent| (agent.referrer.answer, agent.referrer.told.clone()));
        println!(
            "{about}: {after:?}, at the far end {}, in the outbox {opened}, agents {:?}",
            targets.len(),
            told.collect::<Vec<_>>()
        );
    }

    /// Who called the line is told what became of the call.
    fn told(&mut self, guest: &mut Guest, about: &str) {
        // Who was not heard calls on, and is heard now: that is as long as another call takes.
        let patience = if guest.stay == Stay::Calling { PATIENCE } else { SOON };
        let told = |guest: &Guest, _: &Legs| !matches!(guest.stay, Stay::Calling | Stay::Waiting);
        let answered = self.minds(guest, patience, told);
        assert!(answered, "{about}: the caller waits on\n{}", self.stage.warmline.written());
    }

    /// Who talked with an agent talks with it, or with whoever took the call over, and with nobody else; and the agent is
    /// told so, or hung up.
    fn goes_on(&mut self, guest: &mut Guest, door: Door, about: &str) {
        // A REFER that was not heard is sent again, and the hand-over is as long as another one.
        let heard = |agent: &Visit| door == Door::Route || agent.referrer.answer.is_some();
        let heard = self.legs(&guest.number).agents.iter().all(heard);
        let patience = if heard { SOON } else { PATIENCE };
        let rests = self.minds(guest, patience, |_, legs| legs.rest(door));
        let Legs { agents, targets } = self.legs(&guest.number);
        let legs = format!("{about}: {agents:?} {targets:?}");
        assert!(rests && guest.stay == Stay::Talking, "{legs}\n{}", self.stage.warmline.written());
        if let Some(told) = agents.iter().find(|agent| agent.talks()).map(|agent| &agent.referrer)
            && told.answer == Some(202)
        {
            let last = told.told.last().copied();
            assert!(last.is_some_and(|status| status >= 300), "the agent has its caller back: {legs}");
        }
    }

    fn judge(&self, numbers: &[String]) {
        self.api.behave();
        let empty = poll(LATEST, || (self.stage.untold(PROGRAM) == Ok(0)).then_some(()));
        assert!(
            empty.is_some(),
            "{:?}\n{}",
            self.stage.ask(PROGRAM, &["outbox"]),
            self.stage.warmline.written()
        );
        let all = self.stage.records(PROGRAM);
        for number in numbers {
            let records: Vec<_> = of(number, &all).collect();
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
                    let with = |text: &str| {
                        let has = |comment: &&Comment| comment.body.contains(text);
                        ticket.comments.iter().filter(has).count()
                    };
                    assert_eq!(with("has ended"), 1, "{number}: {ticket:?}");
                    let said = usize::from(self.said.contains(number));
                    assert_eq!(with(&summary(number)), said, "{number}: {ticket:?}");
                }
            });
        }
    }
}

/// The records of a caller's calls.
fn of<'r>(number: &'r str, records: &'r [Value]) -> impl Iterator<Item = &'r Value> {
    records.iter().filter(move |record| record["caller"] == number)
}

/// What an agent says of this caller.
fn summary(number: &str) -> String {
    format!("{number} wants a refund.")
}

/// Kills it so often, with callers who come by these doors in turn.
fn kills(line: &str, doors: &[Door], count: usize, account: Account, usual: u64) -> Scene {
    let mut dice = Dice::new(seed(usual));
    let mut scene = Scene::set(line);
    let numbers: Vec<String> = (0..count).map(|number| format!("+821077{number:06}")).collect();
    for (number, door) in numbers.iter().zip(doors.iter().cycle()) {
        scene.kill(number, *door, account, &mut dice);
    }
    scene.judge(&numbers);
    let [went_on, cut_off, handed_over] =
        [&scene.went_on, &scene.cut_off, &scene.handed_over].map(BTreeSet::len);
    println!(
        "{count} calls: {went_on} went on, {cut_off} were hung up while they waited, {handed_over} handed over"
    );
    scene
}

/// The same, of callers who are answered only when somebody takes the call, or by an agent.
fn kills_of_those_who_wait(count: usize, account: Account, usual: u64) {
    let scene = kills("", &Door::ALL, count, account, usual);
    assert!(scene.cut_off.is_empty(), "who talks is not cut off: {:?}", scene.cut_off);
}

/// And of callers who are answered at once, and hear music until somebody is there.
fn kills_of_those_who_are_answered(count: usize, usual: u64) {
    let scene = kills("answer = \"at-once\"", &[Door::Line], count, Account::Slow, usual);
    // How many of each is chance.
    assert!(scene.cut_off.len() + scene.went_on.len() > 0, "they are answered");
}

#[test]
fn killed_with_an_account_that_is_quick() {
    kills_of_those_who_wait(12, Account::Up, 61);
}

#[test]
fn killed_with_an_account_that_is_slow() {
    kills_of_those_who_wait(12, Account::Slow, 62);
}

#[test]
fn killed_with_an_account_that_is_away() {
    kills_of_those_who_wait(9, Account::Down, 63);
}

#[test]
fn killed_while_callers_hear_music() {
    kills_of_those_who_are_answered(7, 67);
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
