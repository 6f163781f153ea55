//! Every hand-over that has to do with a ticket, through SIPp: the rows of core's table (`core/src/call/states.md`) by each
//! door, with what the call brings, what becomes of it, and how the account is meanwhile. Each comes to the one right
//! outcome, in the log, in its record and for its platform; the account has the tickets that it should and was asked for
//! nothing else; nothing is left, and no caller has heard nobody for a second.

use core::fmt;
use core::net::SocketAddrV4;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::sync::Mutex;

use serde_json::{Value, json};
use warmline_tests::platform::{Receiver, ask};
use warmline_tests::sipp::{
    AI, CARRIER, PATIENCE, Program, Say, Script, Stage, Voice, ZENDESK, poll, ports, sipp_is_missing,
};
use warmline_tests::zendesk::api::{Act, Api, CLIENT, Ticket};
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners, Rules};

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// How many rows are played at once: they wait for most of their time.
const AT_ONCE: usize = 12;

/// Names what only those rows have in them that are to be played, as `Refers, Nothing, Slow`.
const ONLY: &str = "WARMLINE_ROWS";

/// The ticket that a call brings.
const BROUGHT: u64 = 1_001;

const TOKEN: &str = "the-agent-s-platform-is-known-by-this";

/// `whsec_` and this in base64.
const SECRET: &[u8] = b"what signs is known to two only.";
const ENCODED: &str = "d2hhdCBzaWducyBpcyBrbm93biB0byB0d28gb25seS4=";

/// How the call comes to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// (a): the platform calls it.
    Dials,
    /// The same, of a caller whom a carrier's call has brought to the agent, and that call goes on.
    DialsBack,
    /// (b): the agent refers its caller there.
    Refers,
    /// (c): the platform asks for it.
    Asks,
}

/// What it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brings {
    Nothing,
    Ticket,
    Malformed,
    Closed,
    /// One that is not there.
    Unknown,
}

/// How the account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Account {
    Quick,
    /// 300 ms for each request.
    Slow,
    /// Tickets are made, and it is said so when it is too late.
    TooSlow,
    /// It says nothing as long as there is a call.
    Dead,
    /// 429 once, with so many seconds to wait: fewer than a caller may, or more.
    TooMany(u64),
    /// The token has ended.
    Expired,
    /// 500 once, or as long as there is a call.
    Broken,
    Down,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Person,
    /// The same, and the agent does not hang up.
    AgentStays,
    Queue,
    /// The queue hangs up so soon that nobody was there.
    Unserved,
    /// Nobody answers.
    Nobody(Then),
    /// The line is closed.
    Closed(Then),
    Full,
    /// A key leads to voicemail.
    Key,
    /// The caller hangs up.
    CallerLeaves(During),
    /// The agent hangs up: before the hand-over, or while it is under way, and a person takes the caller or nobody does.
    AgentLeavesBefore,
    AgentLeavesAndPerson,
    AgentLeavesAndNobody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Return,
    /// The same, of a call that was answered.
    ReturnAnswered,
    Voicemail,
    Overflow,
    Goodbye,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum During {
    Ringing,
    Waiting,
    Settling,
    Queued,
    Talk,
    Prompt,
    Goodbye,
    Return,
}

/// Whose ticket it is in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The one that it brought.
    Brought,
    /// One that was made in time, and that Zendesk was told.
    Made,
    /// One that was made in time, and nobody was rung who could be told.
    MadeUntold,
    /// One that was made after the call.
    Afterwards,
    /// The same, though it was passed on with one of no use.
    InPlaceOfUseless,
    /// Talk's own.
    Talks,
    /// Talk's own, in which ours has ended that came too late.
    Merged,
    /// There is none: nothing was handed over.
    None,
}

/// A row.
#[derive(Clone, Copy)]
struct Row {
    door: Door,
    brings: Brings,
    account: Account,
    end: End,
    outcome: &'static str,
    reason: &'static str,
    way: Way,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}, {:?}, {:?}", self.door, self.brings, self.account, self.end)
    }
}

/// What a configuration says for it: of the line, and of its target; and how Zendesk's far end is.
fn furniture(end: End) -> (String, &'static str, Manners) {
    const SOON: &str = "answers = \"queue\"\nsettle = \"1s\"";
    const LATE: &str = "answers = \"queue\"\nsettle = \"20s\"";
    const CLOSED: &str = "  [[line.when]]\n  inside = \"always\"\n  then = ";
    let takes = |goodbye| {
        let rules = Rules { takes_addresses: true, ..Rules::default() };
        Manners { rules, goodbye, ..Manners::default() }
    };
    // It rings after a third of that, and is let go before it answers.
    let rings = || Manners { answers: 6_000, ..takes(Goodbye::Never) };
    let refuses = || Manners {
        rules: Rules { domain: Some("acme.example".into()), ..Rules::default() },
        ..takes(Goodbye::Never)
    };
    let unanswered = |then: &str| format!("  [line.unanswered]\n  then = {then}\n");
    let voicemail = "  [line.voicemail]\n  greeting = \"prompts/message.wav\"\n  longest = \"1m\"\n";
    let goodbye = || unanswered("\"goodbye\"\n  prompt = \"prompts/goodbye.wav\"");
    let at_once = "answer = \"at-once\"\n";
    match end {
        End::Person => (String::new(), "", takes(Goodbye::After(1_200))),
        End::AgentStays => (String::new(), "", takes(Goodbye::After(6_500))),
        End::Queue => (String::new(), SOON, takes(Goodbye::After(2_000))),
        End::Unserved => (String::new(), LATE, takes(Goodbye::After(300))),
        End::Nobody(Then::Return) => (String::new(), "", refuses()),
        End::Nobody(Then::ReturnAnswered) => (at_once.to_owned(), "", refuses()),
        End::Nobody(Then::Voicemail) => (unanswered("\"voicemail\"") + voicemail, "", refuses()),
        End::Nobody(Then::Overflow) => (unanswered("\"overflow\"\n  target = \"overflow\""), "", refuses()),
        End::Nobody(Then::Goodbye) => (goodbye(), "", refuses()),
        End::Closed(Then::Voicemail) => (format!("{CLOSED}\"voicemail\"\n{voicemail}"), "", refuses()),
        End::Closed(Then::Overflow) => {
            (format!("{CLOSED}\"overflow\"\n  target = \"overflow\"\n"), "", refuses())
        }
        End::Closed(Then::Goodbye) => {
            (format!("{CLOSED}\"goodbye\"\n  prompt = \"prompts/goodbye.wav\"\n"), "", refuses())
        }
        End::Closed(Then::Return | Then::ReturnAnswered) => (format!("{CLOSED}\"return\"\n"), "", refuses()),
        End::Full => ("max_waiting = 1\n".to_owned(), "", rings()),
        End::Key => {
            let key = "  [[line.key]]\n  press = \"1\"\n  then = \"voicemail\"\n";
            (format!("{at_once}{key}{voicemail}"), "", rings())
        }
        End::CallerLeaves(During::Ringing) => (String::new(), "", rings()),
        End::CallerLeaves(During::Waiting) => (at_once.to_owned(), "", rings()),
        End::CallerLeaves(During::Settling) => (String::new(), LATE, takes(Goodbye::Never)),
        End::CallerLeaves(During::Queued) => (String::new(), SOON, takes(Goodbye::Never)),
        End::CallerLeaves(During::Talk) => (String::new(), "", takes(Goodbye::Never)),
        End::CallerLeaves(During::Prompt) => (unanswered("\"voicemail\"") + voicemail, "", refuses()),
        End::CallerLeaves(During::Goodbye) => (goodbye(), "", refuses()),
        End::CallerLeaves(During::Return) => (at_once.to_owned(), "", refuses()),
        End::AgentLeavesBefore => (String::new(), "", takes(Goodbye::Never)),
        End::AgentLeavesAndPerson => {
            (String::new(), "", Manners { answers: 1_500, ..takes(Goodbye::After(1_200)) })
        }
        // It rings, and has a second left to answer.
        End::AgentLeavesAndNobody => (String::new(), "", rings()),
    }
}

struct Scene {
    row: Row,
    stage: Stage,
    far_end: FarEnd,
    api: Api,
    receiver: Receiver,
    asks: SocketAddrV4,
    agent: SocketAddrV4,
    overflow: SocketAddrV4,
    /// How many calls Talk has looked at.
    taken: usize,
}

impl Scene {
    fn set(row: Row) -> Self {
        let at = |place| SocketAddrV4::new(place, ports(2));
        let (zendesk, agent, overflow, asks, told) = (at(ZENDESK), at(AI), at(CARRIER), at(AI), at(AI));
        let (line, target, manners) = furniture(row.end);
        let far_end = FarEnd::open(&[zendesk.into()], manners).expect("free ports");
        let api = Api::open("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let receiver = Receiver::open(told, SECRET);
        api.account(|account| brought(account, row.brings));
        misbehave(&api, row.account);
        let rung = if row.end == End::AgentLeavesAndNobody { "3s" } else { "20s" };
        let stage = Stage::refurnish(PROGRAM, &[AI], zendesk, |plain| {
            let plain = plain
                .replace("name = \"zendesk-support\"", &format!("name = \"zendesk-support\"\n{target}"))
                .replace("name       = \"ai\"", "name       = \"ai\"\nreturn_to  = \"agent-again\"")
                .replace("for = \"20s\"", &format!("for = \"{rung}\""));
            format!(
                r#"{plain}greeting = "prompts/greeting.wav"
music    = "prompts/music.wav"
{line}
  [line.ticket]
  desk     = "acme"
  group    = "Support"

[[line]]
name  = "agent"
dial  = ["agent"]
from  = ["carrier"]
music = "prompts/music.wav"
ring  = [{{ targets = ["agent"], for = "20s" }}]

[[target]]
name  = "agent"
trunk = "ai"
uri   = "sip:agent@{agent}"

[[target]]
name  = "agent-again"
trunk = "ai"
uri   = "sip:again@{agent}"

[[target]]
name  = "overflow"
trunk = "carrier"
uri   = "sip:overflow@{overflow}"

[[schedule]]
name     = "always"
timezone = "UTC"
open     = ["Mon-Sun 00:00-24:00"]

[recording]
directory = "."

[platform]
address = "{asks}"

[[platform.token]]
trunk = "ai"
token = "{TOKEN}"
desk  = "acme"

[[webhook]]
url    = "http://{told}/events"
secret = "whsec_{ENCODED}"

[[desk]]
name          = "acme"
kind          = "zendesk"
base_url      = "{}"
client_id     = "{}"
client_secret = "{}"
budget        = "2s"
adopt         = "2s"
tags          = ["warmline"]

[store]
url = "sqlite:table.db"
"#,
                api.base(),
                CLIENT.0,
                CLIENT.1
            )
        });
        Self { row, stage, far_end, api, receiver, asks, agent, overflow, taken: 0 }
    }

    /// Waits until there is something; Talk looks at the calls meanwhile that have come to it, and makes a ticket of each that
    /// brings none.
    #[track_caller]
    fn waits<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let found = poll(PATIENCE, || {
            for visit in
                self.far_end.visits().iter().skip(self.taken).take_while(|visit| visit.answered || visit.over)
            {
                self.taken += 1;
                if visit.answered && visit.ticket.is_none() {
                    self.api.account(|account| account.talk_takes(&visit.caller));
                }
            }
            look(self)
        });
        found.unwrap_or_else(|| {
            let (asked, visits) = (self.api.asked(), self.far_end.visits());
            panic!("no {what}: {visits:#?}\n{asked:#?}\n{}", self.stage.warmline.written())
        })
    }

    /// All of them have played well.
    #[track_caller]
    fn end_well(&mut self, mut players: Vec<Program>) {
        self.waits("end", |_| players.iter_mut().all(|player| player.ended().is_some()).then_some(()));
        players.into_iter().for_each(|player| self.stage.cast.ends_well(player));
    }

    /// Who is rung in another's place.
    fn instead(&self, name: &str) -> Program {
        let at = if name == "overflow" { self.overflow } else { self.agent };
        self.stage.cast.follow(&Script::target(name).picks_up().is_hung_up(), at)
    }

    /// The value of `X-Warmline-Call` that the agent is told.
    fn call(&mut self) -> String {
        self.waits("X-Warmline-Call", |this| {
            let files = std::fs::read_dir(this.stage.cast.folder()).ok()?.flatten();
            let traces = files.filter(|file| file.file_name().to_string_lossy().ends_with("agent.msg"));
            let mut said = traces.filter_map(|file| std::fs::read_to_string(file.path()).ok());
            // What follows its answer is known to be of a call that is answered.
            said.find(|text| text.contains("\nACK "))
                .and_then(|text| Some(text.split_once("X-Warmline-Call: ")?.1.get(..16)?.to_owned()))
        })
    }
}

/// Puts the ticket into an account that a call brings.
fn brought(account: &mut warmline_tests::zendesk::api::Account, brings: Brings) {
    if matches!(brings, Brings::Ticket | Brings::Closed) {
        let made = account.talk_takes("+14155550100");
        let mut ticket = account.tickets.remove(&made).expect("it was made");
        // The agent's platform has made it, by the API.
        (ticket.id, ticket.channel, ticket.requester) = (BROUGHT, "api".to_owned(), None);
        account.tickets.insert(BROUGHT, ticket);
    }
    if brings == Brings::Closed {
        account.close(BROUGHT);
    }
}

fn misbehave(api: &Api, how: Account) {
    let all = |act| ["POST", "GET", "PUT"].into_iter().for_each(|method| api.upon(method, "/", act, None));
    let tickets = |act, times| api.upon("POST", "/api/v2/tickets", act, times);
    match how {
        Account::Quick => {}
        Account::Slow => all(Act::Slow(Duration::from_millis(300))),
        Account::TooSlow => tickets(Act::Late(Duration::from_secs(3)), Some(1)),
        Account::Dead => all(Act::Dead),
        Account::TooMany(seconds) => tickets(Act::Status(429, Some(seconds)), Some(1)),
        Account::Expired => tickets(Act::Unauthorised, Some(1)),
        Account::Broken => tickets(Act::Status(500, None), Some(1)),
        Account::Down => all(Act::Status(500, None)),
    }
}

// ---- Who plays ------------------------------------------------------------------------------------------------------

/// How a caller's part ends that was answered.
enum Tail {
    IsHungUp,
    Stays(u32),
}

impl Tail {
    fn of(self, script: Script) -> Script {
        match self {
            Self::IsHungUp => script.gets("BYE").answers(200).lingers(),
            Self::Stays(millis) => script.waits(millis).hangs_up().hears(200).lingers(),
        }
    }
}

/// The platform's own call.
fn dials(row: Row, named: &str) -> Script {
    let (mut script, malformed) = (Script::caller("platform"), format!("X-Zendesk-Ticket-Id: 12a\n{named}"));
    let lines = if row.brings == Brings::Malformed { malformed.as_str() } else { named };
    if !named.is_empty() {
        script = script.calls_as("+14155550199");
    }
    let script = match row.brings {
        Brings::Nothing | Brings::Malformed => script.without_ticket(),
        Brings::Ticket | Brings::Closed | Brings::Unknown => script,
    };
    let script = script.invites_with(lines, Say::Audio).may_hear(100);
    let is_refused = |status| script.clone().may_hear(180).hears(status).acknowledges_failure();
    let tail = match row.end {
        End::Nobody(Then::Return) => return is_refused(480),
        End::Closed(Then::Return) => return is_refused(480),
        End::Full => return is_refused(486),
        End::CallerLeaves(During::Ringing) => {
            return script.hears(180).cancels().hears(200).hears(487).acknowledges_failure();
        }
        End::Person | End::Queue | End::AgentStays => Tail::IsHungUp,
        End::Nobody(Then::Goodbye) | End::Closed(Then::Goodbye) => Tail::IsHungUp,
        End::Nobody(Then::Voicemail) | End::Closed(Then::Voicemail) => Tail::Stays(2_500),
        End::Key => {
            let presses = script.may_hear(180).hears(200).acknowledges().waits(1_500);
            let presses = presses.informs("application/dtmf-relay", "Signal=1\nDuration=160\n").hears(200);
            return Tail::Stays(2_500).of(presses);
        }
        End::CallerLeaves(During::Prompt | During::Goodbye) => Tail::Stays(500),
        End::CallerLeaves(During::Settling | During::Talk) => Tail::Stays(1_000),
        _ => Tail::Stays(2_500),
    };
    tail.of(script.may_hear(180).hears(200).acknowledges())
}

/// A carrier's call to the agent.
fn dials_agent(row: Row) -> Script {
    let script = Script::caller("caller").dials("agent").without_ticket().gets_through();
    let late = row.account != Account::Quick || row.end == End::AgentLeavesAndNobody;
    let tail = match row.end {
        _ if row.door == Door::DialsBack => Tail::IsHungUp,
        End::Person | End::AgentStays | End::Queue | End::AgentLeavesAndPerson => Tail::IsHungUp,
        End::Nobody(Then::Goodbye) | End::Closed(Then::Goodbye) | End::AgentLeavesBefore => Tail::IsHungUp,
        // It waits for longer where its ticket is waited for.
        _ if late => Tail::Stays(6_000),
        _ => Tail::Stays(4_000),
    };
    tail.of(script)
}

/// The agent, who is called, and hands over.
fn agent(row: Row) -> Script {
    let script = Script::target("agent").picks_up();
    if row.door == Door::DialsBack {
        return script.waits(6_000).hangs_up().hears(200).lingers();
    }
    let script = match (row.door, row.end) {
        (_, End::AgentLeavesBefore) => return script.waits(500).hangs_up().hears(200).lingers(),
        (Door::Asks, End::AgentLeavesAndPerson | End::AgentLeavesAndNobody) => {
            return script.waits(1_500).hangs_up().hears(200).lingers();
        }
        (Door::Asks, _) => return script.gets("BYE").answers(200).lingers(),
        _ => {
            let ticket = match row.brings {
                Brings::Nothing => String::new(),
                Brings::Malformed => "X-Zendesk-Ticket-Id: 12a\n".to_owned(),
                Brings::Ticket | Brings::Closed | Brings::Unknown => {
                    format!("X-Zendesk-Ticket-Id: {BROUGHT}\n")
                }
            };
            let lines = format!("Refer-To: <sip:support@warmline>\n{ticket}");
            script.waits(300).says("REFER", &lines).hears(202)
        }
    };
    // What it is told of how that goes, and whether it hangs up then or is hung up.
    let (told, leaves): (&[&str], bool) = match row.end {
        End::Person | End::Queue => (&["100", "180", "200"], true),
        End::AgentStays => (&["100", "180", "200"], false),
        End::Unserved => (&["100", "180", "480"], false),
        End::Nobody(Then::Return | Then::ReturnAnswered) => (&["100", "480"], false),
        End::Nobody(Then::Goodbye) | End::Closed(Then::Goodbye) => (&["100", "480"], false),
        End::Nobody(Then::Voicemail) | End::Closed(Then::Voicemail) => (&["100", "200"], false),
        End::Closed(Then::Return | Then::ReturnAnswered) => (&["100", "480"], false),
        End::Nobody(Then::Overflow) | End::Closed(Then::Overflow) => (&["100", "180", "200"], true),
        End::CallerLeaves(During::Ringing | During::Waiting) => (&["100", "180", "487"], false),
        End::CallerLeaves(During::Queued | During::Talk) => (&["100", "180", "200"], true),
        End::CallerLeaves(During::Settling) => (&["100", "180", "200"], false),
        End::AgentLeavesAndPerson | End::AgentLeavesAndNobody => (&["100", "180"], true),
        _ => (&["100"], false),
    };
    let script = told.iter().fold(script, |script, status| {
        let state = if matches!(*status, "100" | "180") { "active" } else { "terminated" };
        script.gets_with("NOTIFY", &format!("Subscription-State: {state}.*SIP/2.0 {status}")).answers(200)
    });
    match leaves {
        true => script.hangs_up().hears(200).lingers(),
        false => script.is_hung_up(),
    }
}

impl Scene {
    /// Plays it to its end.
    fn play(&mut self) {
        let row = self.row;
        let own = SocketAddrV4::new(AI, ports(2));
        let mut players = Vec::new();
        if matches!(row.end, End::Nobody(Then::Overflow) | End::Closed(Then::Overflow)) {
            players.push(self.instead("overflow"));
        }
        if row.door == Door::Dials {
            match row.end {
                End::Unserved | End::Nobody(Then::ReturnAnswered) => {
                    players.push(self.instead("again"));
                }
                End::CallerLeaves(During::Return) => {
                    let rings =
                        Script::target("again").is_invited().answers_invite(180, Say::Nothing).gets("CANCEL");
                    let rings = rings.answers(200).answers_invite(487, Say::Nothing).gets("ACK").lingers();
                    players.push(self.stage.cast.follow(&rings, self.agent));
                }
                End::Full => {
                    let first = Script::caller("first").calls_as("+14155550111").without_ticket();
                    let first = first.invites(Say::Audio).may_hear(100).hears(180).waits(1_000).cancels();
                    let first = first.hears(200).hears(487).acknowledges_failure();
                    players.push(self.stage.cast.call(&first, SocketAddrV4::new(AI, ports(2))));
                    self.waits("first caller", |this| {
                        this.stage.warmline.written().contains("dialled \"support\"").then_some(())
                    });
                }
                _ => {}
            }
            players.push(self.stage.cast.call(&dials(row, ""), own));
            return self.end_well(players);
        }
        let agent = self.stage.cast.follow(&agent(row), self.agent);
        let caller = SocketAddrV4::new(CARRIER, ports(2));
        players.push(self.stage.cast.call(&dials_agent(row), caller));
        match row.door {
            Door::DialsBack => {
                let named = format!("X-Warmline-Call: {}\n", self.call());
                players.push(self.stage.cast.call(&dials(row, &named), own));
            }
            Door::Asks if row.end != End::AgentLeavesBefore => {
                let path = format!("/v1/calls/{}/handover", self.call());
                let ticket = match row.brings {
                    Brings::Nothing | Brings::Malformed => Value::Null,
                    Brings::Ticket | Brings::Closed | Brings::Unknown => json!(BROUGHT),
                };
                let body = json!({ "line": "support", "ticket": ticket });
                let (status, call) = ask(self.asks, TOKEN, "POST", &path, &body);
                assert_eq!(status, 202, "{call}");
            }
            _ => {}
        }
        if row.end == End::AgentLeavesAndNobody {
            // Another one answers at the same place.
            self.end_well(vec![agent]);
            players.push(self.instead("again"));
        } else {
            players.push(agent);
        }
        self.end_well(players);
    }

    /// Whether there is all in the account that there is to be.
    fn is_told(&self, outcome: &str) -> bool {
        let others = usize::from(self.row.end == End::Full);
        self.api.account(|account| {
            let told = |ticket: &&&Ticket| {
                ticket.tags.contains(&format!("warmline_{outcome}"))
                    && ticket.comments.iter().any(|comment| comment.body.contains("has ended"))
            };
            let abandoned = |ticket: &&&Ticket| ticket.tags.contains("warmline_abandoned");
            let standing = account.standing();
            standing.iter().filter(told).count() >= 1 && standing.iter().filter(abandoned).count() >= others
        })
    }

    fn holds(mut self) {
        let row = self.row;
        self.play();
        self.api.behave();
        if row.way != Way::None {
            self.waits("ticket that says all", |this| this.is_told(row.outcome).then_some(()));
        }
        let ended = |this: &Self| {
            let told = this.receiver.told();
            let ends = told.iter().filter(|told| told.body["type"] == "call.ended").count();
            (ends == calls(row)).then_some(told)
        };
        let told = self.waits("end that the platform is told", ended);
        self.waits("empty outbox", |this| {
            let list = this.stage.ask(PROGRAM, &["outbox"]).expect("a list");
            (list.lines().count() == 1).then_some(())
        });
        // One outcome of each hand-over, for its platform.
        let kinds = told.iter().filter_map(|told| told.body["type"].as_str()?.strip_prefix("handover."));
        let mut outcomes: Vec<_> =
            { kinds }.filter(|kind| !["requested", "ticketed", "ringing"].contains(kind)).collect();
        outcomes.sort_unstable();
        let expected: &[&str] = match row.end {
            End::AgentLeavesBefore => &[],
            End::Full => &["abandoned", row.outcome],
            _ => &[row.outcome],
        };
        assert_eq!(outcomes, expected, "{told:#?}");
        self.is_recorded();
        let voices = self.stage.cast.voices();
        let taken = matches!(row.outcome, "connected" | "queued") && row.end != End::AgentLeavesBefore;
        if taken {
            assert!(voices.iter().any(|voices| voices.last() == Some(&Voice::ZENDESK)), "{voices:?}");
        }
        self.is_accounted_for();
    }

    /// One outcome of each call, in the log and in its record.
    fn is_recorded(&mut self) {
        let row = self.row;
        let log = self.stage.stop();
        let ends: Vec<&str> =
            log.lines().filter(|line| line.contains("ended after") && line.contains("call ")).collect();
        let of_row = |end: &&&str| end.contains(&format!(": {}, ", row.outcome)) && end.contains(row.reason);
        assert_eq!(ends.len(), calls(row), "{log}");
        assert!(ends.iter().filter(of_row).count() >= 1, "{} {}: {ends:#?}", row.outcome, row.reason);
        let list = self.stage.ask(PROGRAM, &["calls", "--json"]).expect("a list");
        let records: Vec<Value> = serde_json::from_str(&list).unwrap_or_else(|why| panic!("{why}: {list}"));
        assert_eq!(records.len(), calls(row), "{list}");
        assert!(records.iter().all(|record| record["ended"].is_string()), "{list}");
        let of_row = |record: &&Value| record["outcome"] == row.outcome && record["reason"] == row.reason;
        assert!(records.iter().any(|record| of_row(&record)), "{} {}: {list}", row.outcome, row.reason);
        let noted = |note: &str| records.iter().any(|record| record["note"] == note);
        let unchecked = matches!(row.account, Account::Dead | Account::Down);
        match row.brings {
            Brings::Malformed => assert!(noted("ticket-malformed"), "{list}"),
            _ if row.brings != Brings::Nothing && unchecked => assert!(noted("ticket-unchecked"), "{list}"),
            Brings::Closed => assert!(noted("ticket-closed"), "{list}"),
            Brings::Unknown => assert!(noted("ticket-unknown"), "{list}"),
            Brings::Nothing | Brings::Ticket => {}
        }
        if row.account == Account::Quick {
            assert!(!log.contains("ERROR"), "{log}");
        }
    }

    /// The account has the tickets that it should, and was asked for them and for nothing else.
    fn is_accounted_for(&self) {
        let row = self.row;
        let asked = self.api.asked();
        let visits = self.far_end.visits();
        let done = |method: &str, holds: &dyn Fn(&str) -> bool| {
            asked
                .iter()
                .filter(|(of, path, status)| of == method && holds(path) && (200..300).contains(status))
                .count()
        };
        let path = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        let created = done("POST", &|target| path(target) == "/api/v2/tickets");
        let merged = done("POST", &|target| path(target).ends_with("/merge"));
        let uploaded = done("POST", &|target| path(target) == "/api/v2/uploads");
        let written = done("PUT", &|target| !path(target).ends_with("/tags"));
        let looked = done("GET", &|target| path(target) == format!("/api/v2/tickets/{BROUGHT}"));
        // Nothing that the API has not, and nothing that it does not take.
        let wrong = asked.iter().filter(|(_, path, status)| {
            let unknown = row.brings == Brings::Unknown && path.contains(&format!("/tickets/{BROUGHT}"));
            (400..500).contains(status) && !matches!(status, 401 | 409 | 429) && !unknown
        });
        assert_eq!(wrong.count(), 0, "{asked:#?}");
        self.api.account(|account| {
            let useless = row.brings == Brings::Closed;
            let mut standing = account.standing();
            standing.retain(|ticket| !(useless && ticket.id == BROUGHT));
            let first = |ticket: &&Ticket| ticket.tags.contains("warmline_abandoned") && row.end == End::Full;
            let others = standing.iter().filter(|ticket| first(ticket)).count();
            standing.retain(|ticket| !first(ticket));
            let whole = account.tickets.len() - usize::from(useless) - others;
            if row.way == Way::None {
                assert_eq!((whole, created, written), (0, 0, 0), "{asked:#?}");
                return;
            }
            let [ticket] = standing[..] else { panic!("{row}: {:#?}", account.tickets) };
            let told = ticket.comments.iter().filter(|comment| comment.body.contains("has ended")).count();
            assert_eq!(told, 1, "{ticket:#?}");
            let outcomes: BTreeSet<_> =
                ticket.tags.iter().filter_map(|tag| tag.strip_prefix("warmline_")).collect();
            assert_eq!(outcomes, [row.outcome].into(), "{ticket:#?}");
            // What Zendesk is told, in each call that reaches it.
            let carried = match row.way {
                Way::Brought => Some(BROUGHT),
                Way::Made => Some(ticket.id),
                Way::InPlaceOfUseless => Some(BROUGHT),
                Way::MadeUntold | Way::Afterwards | Way::Talks | Way::Merged | Way::None => None,
            };
            let of_row = visits.iter().filter(|visit| visit.caller != "+14155550111");
            let carries: Vec<_> = { of_row }.map(|visit| visit.ticket.clone()).collect();
            let rung = !matches!(row.end, End::Closed(_) | End::Full);
            assert_eq!(carries, vec![carried.map(|ticket| ticket.to_string()); rung.into()], "{visits:#?}");
            let (tickets, made, merges) = match row.way {
                Way::Brought => (1, 0, 0),
                Way::Made | Way::MadeUntold | Way::Afterwards | Way::InPlaceOfUseless => (1, 1, 0),
                Way::Talks => (1, 0, 0),
                Way::Merged => (2, 1, 1),
                Way::None => (0, 0, 0),
            };
            assert_eq!((whole, created - others, merged), (tickets, made, merges), "{asked:#?}");
            assert_eq!(written - others, 1, "it is written on once: {asked:#?}");
            let brought = matches!(row.brings, Brings::Ticket | Brings::Closed);
            assert_eq!(looked > 0, brought, "what is brought is looked at: {asked:#?}");
            // By hand-overs alone does Talk's ticket of it count as ours.
            assert_eq!(ticket.external_id.is_some(), made == 1 && merges == 0, "{ticket:#?}");
            let message = row.outcome == "voicemail";
            assert_eq!(uploaded, usize::from(message), "{asked:#?}");
            let files: Vec<_> = ticket.comments.iter().flat_map(|comment| &comment.attachments).collect();
            assert_eq!(files.len(), usize::from(message), "{ticket:#?}");
            if let [file] = files[..] {
                // What the caller said for a second and more: as loud as it was said.
                let loud = file.bytes.iter().skip(44).filter(|byte| matches!(byte, 0x9f | 0x1f)).count();
                assert!(file.bytes.starts_with(b"RIFF") && loud > 8_000, "{loud} of {}", file.bytes.len());
            }
            if row.account == Account::Expired {
                assert_eq!(account.minted(), 2);
            }
        });
    }
}

/// How many calls there are in it.
fn calls(row: Row) -> usize {
    if row.door == Door::DialsBack || row.end == End::Full { 2 } else { 1 }
}

// ---- The rows -------------------------------------------------------------------------------------------------------

type Line = (Door, Brings, Account, End, &'static str, &'static str, Way);

/// By which door, with what, how the account is, and what happens: to what it comes and why, and whose ticket it is.
#[rustfmt::skip]
const ROWS: &[Line] = {
    use Account::{Broken, Dead, Down, Expired, Quick, Slow, TooMany, TooSlow};
    use Brings::{Closed as ClosedTicket, Malformed, Nothing, Ticket, Unknown};
    use Door::{Asks, Dials, DialsBack, Refers};
    use During::{Goodbye as Goodbyes, Prompt, Queued, Return as Returns, Ringing, Settling, Talk, Waiting};
    use End::{AgentLeavesAndNobody, AgentLeavesAndPerson, AgentLeavesBefore, AgentStays, CallerLeaves, Closed, Full, Key, Nobody, Person, Queue, Unserved};
    use Then::{Goodbye, Overflow, Return, ReturnAnswered, Voicemail};
    use Way::{Afterwards, Brought, InPlaceOfUseless, Made, MadeUntold, Merged, None, Talks};
    &[
        // Each state of the account, by each door.
        (Dials, Nothing, Quick, Person, "connected", "target-hung-up", Made),
        (Dials, Nothing, Slow, Queue, "queued", "target-hung-up", Made),
        (Dials, Nothing, TooSlow, Queue, "queued", "target-hung-up", Merged),
        (Dials, Nothing, Dead, Person, "connected", "target-hung-up", Talks),
        (Dials, Nothing, TooMany(1), Queue, "queued", "target-hung-up", Made),
        (Dials, Nothing, TooMany(5), Person, "connected", "target-hung-up", Talks),
        (Dials, Nothing, Expired, Person, "connected", "target-hung-up", Made),
        (Dials, Nothing, Broken, Queue, "queued", "target-hung-up", Made),
        (Dials, Nothing, Down, Queue, "queued", "target-hung-up", Talks),
        (Refers, Nothing, Quick, Queue, "queued", "target-hung-up", Made),
        (Refers, Nothing, Slow, Person, "connected", "target-hung-up", Made),
        (Refers, Nothing, TooSlow, Person, "connected", "target-hung-up", Merged),
        (Refers, Nothing, Dead, Queue, "queued", "target-hung-up", Talks),
        (Refers, Nothing, TooMany(1), Person, "connected", "target-hung-up", Made),
        (Refers, Nothing, TooMany(5), Queue, "queued", "target-hung-up", Talks),
        (Refers, Nothing, Expired, Queue, "queued", "target-hung-up", Made),
        (Refers, Nothing, Broken, Person, "connected", "target-hung-up", Made),
        (Refers, Nothing, Down, Person, "connected", "target-hung-up", Talks),
        (Asks, Nothing, Quick, Person, "connected", "target-hung-up", Made),
        (Asks, Nothing, Slow, Queue, "queued", "target-hung-up", Made),
        (Asks, Nothing, TooSlow, Queue, "queued", "target-hung-up", Merged),
        (Asks, Nothing, Dead, Person, "connected", "target-hung-up", Talks),
        (Asks, Nothing, TooMany(1), Queue, "queued", "target-hung-up", Made),
        (Asks, Nothing, TooMany(5), Person, "connected", "target-hung-up", Talks),
        (Asks, Nothing, Expired, Person, "connected", "target-hung-up", Made),
        (Asks, Nothing, Broken, Queue, "queued", "target-hung-up", Made),
        (Asks, Nothing, Down, Queue, "queued", "target-hung-up", Talks),
        (DialsBack, Nothing, Quick, Queue, "queued", "target-hung-up", Made),
        (DialsBack, Nothing, Slow, Person, "connected", "target-hung-up", Made),
        (DialsBack, Nothing, TooSlow, Person, "connected", "target-hung-up", Merged),
        (DialsBack, Nothing, Dead, Queue, "queued", "target-hung-up", Talks),
        (DialsBack, Nothing, Expired, Person, "connected", "target-hung-up", Made),
        (DialsBack, Nothing, Down, Queue, "queued", "target-hung-up", Talks),
        // What it brings, by each door.
        (Dials, Ticket, Quick, Queue, "queued", "target-hung-up", Brought),
        (Dials, Malformed, Quick, Person, "connected", "target-hung-up", Made),
        (Dials, ClosedTicket, Quick, Person, "connected", "target-hung-up", Made),
        (Dials, Unknown, Quick, Queue, "queued", "target-hung-up", Made),
        (Dials, Ticket, Dead, Queue, "queued", "target-hung-up", Brought),
        (Dials, ClosedTicket, Down, Person, "connected", "target-hung-up", InPlaceOfUseless),
        (Dials, Ticket, Slow, Nobody(Return), "returned", "target-refused", Brought),
        (Refers, Ticket, Quick, Person, "connected", "target-hung-up", Brought),
        (Refers, Malformed, Quick, Queue, "queued", "target-hung-up", Made),
        (Refers, ClosedTicket, Slow, Queue, "queued", "target-hung-up", Made),
        (Refers, Unknown, Quick, Person, "connected", "target-hung-up", Made),
        (Refers, Ticket, Down, Person, "connected", "target-hung-up", Brought),
        (Refers, Ticket, Quick, Nobody(Voicemail), "voicemail", "caller-hung-up", Brought),
        (Asks, Ticket, Quick, Queue, "queued", "target-hung-up", Brought),
        (Asks, ClosedTicket, Quick, Person, "connected", "target-hung-up", Made),
        (Asks, Unknown, Slow, Person, "connected", "target-hung-up", Made),
        (Asks, Ticket, Dead, Queue, "queued", "target-hung-up", Brought),
        (Asks, Ticket, Quick, Nobody(Return), "returned", "caller-hung-up", Brought),
        (DialsBack, Ticket, Quick, Person, "connected", "target-hung-up", Brought),
        (DialsBack, Malformed, Quick, Queue, "queued", "target-hung-up", Made),
        (DialsBack, ClosedTicket, Quick, Queue, "queued", "target-hung-up", Made),
        // What becomes of it, by each door, whatever the account does meanwhile.
        (Dials, Nothing, Quick, Unserved, "returned", "caller-hung-up", Made),
        (Dials, Nothing, Quick, Nobody(Return), "returned", "target-refused", Made),
        (Dials, Nothing, Slow, Nobody(ReturnAnswered), "returned", "caller-hung-up", Made),
        (Dials, Nothing, Quick, Nobody(Voicemail), "voicemail", "caller-hung-up", Made),
        (Dials, Nothing, TooSlow, Nobody(Voicemail), "voicemail", "caller-hung-up", Afterwards),
        (Dials, Nothing, Expired, Nobody(Overflow), "overflowed", "caller-hung-up", Made),
        (Dials, Nothing, Broken, Nobody(Goodbye), "failed", "target-refused", Made),
        (Dials, Nothing, Quick, Closed(Return), "returned", "out-of-hours", MadeUntold),
        (Dials, Nothing, Down, Closed(Voicemail), "voicemail", "caller-hung-up", Afterwards),
        (Dials, Nothing, Quick, Closed(Overflow), "overflowed", "caller-hung-up", MadeUntold),
        (Dials, Nothing, Quick, Closed(Goodbye), "failed", "out-of-hours", MadeUntold),
        (Dials, Nothing, Quick, Full, "returned", "line-full", MadeUntold),
        (Dials, Nothing, Quick, Key, "voicemail", "caller-hung-up", Made),
        (Dials, Nothing, Quick, CallerLeaves(Ringing), "abandoned", "cancelled", Made),
        (Dials, Nothing, Slow, CallerLeaves(Waiting), "abandoned", "caller-hung-up", Made),
        (Dials, Nothing, Quick, CallerLeaves(Settling), "queued", "caller-hung-up", Made),
        (Dials, Nothing, TooMany(1), CallerLeaves(Queued), "queued", "caller-hung-up", Made),
        (Dials, Nothing, Expired, CallerLeaves(Talk), "connected", "caller-hung-up", Made),
        (Dials, Nothing, Quick, CallerLeaves(Prompt), "abandoned", "caller-hung-up", Made),
        (Dials, Nothing, Quick, CallerLeaves(Goodbyes), "abandoned", "caller-hung-up", Made),
        (Dials, Nothing, Quick, CallerLeaves(Returns), "abandoned", "caller-hung-up", Made),
        (Refers, Nothing, Quick, Unserved, "returned", "caller-hung-up", Made),
        (Refers, Nothing, Down, Nobody(Return), "returned", "caller-hung-up", Afterwards),
        (Refers, Nothing, Slow, Nobody(Voicemail), "voicemail", "caller-hung-up", Made),
        (Refers, Nothing, Dead, Nobody(Overflow), "overflowed", "caller-hung-up", Afterwards),
        (Refers, Nothing, Quick, Nobody(Goodbye), "failed", "target-refused", Made),
        (Refers, Nothing, Quick, Closed(Return), "returned", "caller-hung-up", MadeUntold),
        (Refers, Nothing, Quick, Closed(Voicemail), "voicemail", "caller-hung-up", MadeUntold),
        (Refers, Nothing, Quick, Closed(Overflow), "overflowed", "caller-hung-up", MadeUntold),
        (Refers, Nothing, Broken, Closed(Goodbye), "failed", "out-of-hours", MadeUntold),
        (Refers, Nothing, Quick, CallerLeaves(Ringing), "abandoned", "caller-hung-up", Made),
        (Refers, Nothing, Quick, CallerLeaves(Settling), "queued", "caller-hung-up", Made),
        (Refers, Nothing, Slow, CallerLeaves(Queued), "queued", "caller-hung-up", Made),
        (Refers, Nothing, TooSlow, CallerLeaves(Talk), "connected", "caller-hung-up", Merged),
        (Refers, Nothing, Quick, AgentStays, "connected", "target-hung-up", Made),
        (Refers, Nothing, Quick, AgentLeavesBefore, "connected", "target-hung-up", None),
        (Refers, Nothing, Quick, AgentLeavesAndPerson, "connected", "target-hung-up", Made),
        (Refers, Nothing, Quick, AgentLeavesAndNobody, "returned", "caller-hung-up", Made),
        (Asks, Nothing, Slow, Unserved, "returned", "caller-hung-up", Made),
        (Asks, Nothing, Quick, Nobody(Return), "returned", "caller-hung-up", Made),
        (Asks, Nothing, Quick, Nobody(Voicemail), "voicemail", "caller-hung-up", Made),
        (Asks, Nothing, Quick, Nobody(Overflow), "overflowed", "caller-hung-up", Made),
        (Asks, Nothing, Quick, Nobody(Goodbye), "failed", "target-refused", Made),
        (Asks, Nothing, Expired, Closed(Return), "returned", "caller-hung-up", MadeUntold),
        (Asks, Nothing, Slow, Closed(Voicemail), "voicemail", "caller-hung-up", MadeUntold),
        (Asks, Nothing, Quick, CallerLeaves(Ringing), "abandoned", "caller-hung-up", Made),
        (Asks, Nothing, Quick, CallerLeaves(Queued), "queued", "caller-hung-up", Made),
        (Asks, Nothing, Quick, AgentLeavesAndPerson, "connected", "target-hung-up", Made),
        (Asks, Nothing, Quick, AgentLeavesAndNobody, "returned", "caller-hung-up", Made),
        (DialsBack, Nothing, Quick, Nobody(Return), "returned", "target-refused", Made),
        (DialsBack, Nothing, Quick, Nobody(Voicemail), "voicemail", "caller-hung-up", Made),
        (DialsBack, Nothing, Quick, CallerLeaves(Queued), "queued", "caller-hung-up", Made),
    ]
};

#[test]
fn every_row_of_the_table_holds() {
    if sipp_is_missing("every_row_of_the_table_holds") {
        return;
    }
    let only = std::env::var(ONLY).ok();
    let rows: Vec<Row> = ROWS
        .iter()
        .map(|&(door, brings, account, end, outcome, reason, way)| Row {
            door,
            brings,
            account,
            end,
            outcome,
            reason,
            way,
        })
        .collect();
    let chosen: Vec<&Row> = rows
        .iter()
        .filter(|row| only.as_ref().is_none_or(|only| row.to_string().contains(only.as_str())))
        .collect();
    assert!(!chosen.is_empty(), "no row is {only:?}");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The others are played to their end.
                    if catch_unwind(AssertUnwindSafe(|| Scene::set(**row).holds())).is_err() {
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
