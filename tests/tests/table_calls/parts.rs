//! Who plays: callers, agents, and whoever is rung in their place.
//!
//! They wait for so long that what is to come before has come on a machine that has much to do.

use core::net::SocketAddrV4;

use serde_json::{Value, json};
use warmline_tests::platform::{TOKEN, ask};
use warmline_tests::sipp::{AI, CARRIER, Say, Script, ports};

use super::row::{Account, BROUGHT, Brings, Door, During, End, Row, Then};
use super::scene::Scene;

/// How a caller's part ends that was answered.
enum Tail {
    IsHungUp,
    Stays(u32),
}

impl Tail {
    fn of(self, script: Script) -> Script {
        match self {
            Self::IsHungUp => script.is_hung_up(),
            Self::Stays(millis) => script.waits(millis).leaves(),
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
        End::CallerLeaves(During::Ringing) => return script.hears(180).gives_up(),
        End::Person | End::Queue | End::AgentStays => Tail::IsHungUp,
        End::Nobody(Then::Goodbye) | End::Closed(Then::Goodbye) => Tail::IsHungUp,
        End::Nobody(Then::Voicemail) | End::Closed(Then::Voicemail) => Tail::Stays(4_500),
        End::Key => {
            let presses = script.may_hear(180).hears(200).acknowledges().waits(4_000).presses("1");
            return Tail::Stays(4_500).of(presses);
        }
        End::CallerLeaves(During::Prompt | During::Goodbye) => Tail::Stays(500),
        End::CallerLeaves(During::Settling | During::Talk) => Tail::Stays(1_000),
        _ => Tail::Stays(4_500),
    };
    tail.of(script.may_hear(180).hears(200).acknowledges())
}

/// A carrier's call to the agent.
fn dials_agent(row: Row) -> Script {
    let script = Script::caller("caller").dials("agent").without_ticket().gets_through();
    let late = row.account != Account::Quick;
    let tail = match row.end {
        _ if row.door == Door::DialsBack => Tail::IsHungUp,
        End::Person | End::AgentStays | End::Queue | End::AgentLeavesAndPerson => Tail::IsHungUp,
        End::Nobody(Then::Goodbye) | End::Closed(Then::Goodbye) | End::AgentLeavesBefore => Tail::IsHungUp,
        // It waits for longer until another agent is there, or where its ticket is waited for.
        End::AgentLeavesAndNobody => Tail::Stays(14_000),
        _ if late => Tail::Stays(9_000),
        _ => Tail::Stays(6_500),
    };
    tail.of(script)
}

/// The agent, who is called, and hands over.
fn agent(row: Row) -> Script {
    let script = Script::target("agent").picks_up();
    if row.door == Door::DialsBack {
        return script.waits(9_000).leaves();
    }
    let script = match (row.door, row.end) {
        (_, End::AgentLeavesBefore) => return script.waits(500).leaves(),
        (Door::Asks, End::AgentLeavesAndPerson | End::AgentLeavesAndNobody) => {
            return script.waits(2_500).leaves();
        }
        (Door::Asks, _) => return script.is_hung_up(),
        _ => {
            let ticket = match row.brings {
                Brings::Nothing => String::new(),
                Brings::Malformed => "X-Zendesk-Ticket-Id: 12a\n".to_owned(),
                Brings::Ticket | Brings::Closed | Brings::Unknown => {
                    format!("X-Zendesk-Ticket-Id: {BROUGHT}\n")
                }
            };
            script.waits(300).refers(&ticket)
        }
    };
    // What it is told of how that goes, and whether it hangs up then or is hung up.
    let (told, leaves): (&[u16], bool) = match row.end {
        End::Person | End::Queue => (&[100, 180, 200], true),
        End::AgentStays => (&[100, 180, 200], false),
        End::Unserved => (&[100, 180, 480], false),
        End::Nobody(Then::Return | Then::ReturnAnswered) => (&[100, 480], false),
        End::Nobody(Then::Goodbye) | End::Closed(Then::Goodbye) => (&[100, 480], false),
        End::Nobody(Then::Voicemail) | End::Closed(Then::Voicemail) => (&[100, 200], false),
        End::Closed(Then::Return | Then::ReturnAnswered) => (&[100, 480], false),
        End::Nobody(Then::Overflow) | End::Closed(Then::Overflow) => (&[100, 180, 200], true),
        End::CallerLeaves(During::Ringing | During::Waiting) => (&[100, 180, 487], false),
        End::CallerLeaves(During::Queued | During::Talk) => (&[100, 180, 200], true),
        End::CallerLeaves(During::Settling) => (&[100, 180, 200], false),
        End::AgentLeavesAndPerson | End::AgentLeavesAndNobody => (&[100, 180], true),
        _ => (&[100], false),
    };
    let script = told.iter().fold(script, |script, status| script.is_told(*status));
    if leaves { script.leaves() } else { script.is_hung_up() }
}

impl Scene {
    /// Plays it to its end.
    pub(crate) fn play(&mut self) {
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
                    let rings = Script::target("again").is_cancelled();
                    players.push(self.stage.cast.follow(&rings, self.places.agent));
                }
                End::Full => {
                    let first = Script::caller("first").calls_as("+14155550111").without_ticket();
                    let first = first.invites(Say::Audio).may_hear(100).hears(180).waits(2_000).gives_up();
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
        let agent = self.stage.cast.follow(&agent(row), self.places.agent);
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
}
