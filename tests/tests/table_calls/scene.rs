//! A row's scene: Warmline with the line that the row needs, and everybody around it.

use core::net::SocketAddrV4;
use core::time::Duration;

use warmline_tests::platform::{Receiver, asking, telling};
use warmline_tests::sipp::{AI, PATIENCE, Places, Program, Script, Stage, poll, ports};
use warmline_tests::zendesk::api::{self, Act, Api};
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners, Rules, desk};

use super::PROGRAM;
use super::row::{Account, BROUGHT, Brings, During, End, Row, Then};

/// What a configuration says for it: of the line, and of its target; and how Zendesk's far end is.
///
/// What is to come first does so by some seconds: a machine may have much to do.
fn furniture(end: End) -> (String, &'static str, Manners) {
    const SOON: &str = "answers = \"queue\"\nsettle = \"1s\"";
    const LATE: &str = "answers = \"queue\"\nsettle = \"20s\"";
    const CLOSED: &str = "  [[line.when]]\n  inside = \"always\"\n  then = ";
    let takes = |goodbye| Manners { goodbye, ..Manners::taking_addresses() };
    // It rings after a third of that, and is let go before it answers.
    let rings = |answers| Manners { answers, ..takes(Goodbye::Never) };
    let refuses = || Manners {
        rules: Rules { domain: Some("acme.example".into()), ..Rules::default() },
        ..takes(Goodbye::Never)
    };
    let unanswered = |then: &str| format!("  [line.unanswered]\n  then = {then}\n");
    let voicemail =
        |prompt| format!("  [line.voicemail]\n  greeting = \"prompts/{prompt}.wav\"\n  longest = \"1m\"\n");
    let message = || voicemail("message");
    let goodbye = |prompt| format!("\"goodbye\"\n  prompt = \"prompts/{prompt}.wav\"\n");
    let at_once = "answer = \"at-once\"\n";
    match end {
        End::Person => (String::new(), "", takes(Goodbye::After(2_500))),
        End::AgentStays => (String::new(), "", takes(Goodbye::After(6_500))),
        End::Queue => (String::new(), SOON, takes(Goodbye::After(3_000))),
        End::Unserved => (String::new(), LATE, takes(Goodbye::After(300))),
        End::Nobody(Then::Return) => (String::new(), "", refuses()),
        End::Nobody(Then::ReturnAnswered) => (at_once.to_owned(), "", refuses()),
        End::Nobody(Then::Voicemail) => (unanswered("\"voicemail\"") + &message(), "", refuses()),
        End::Nobody(Then::Overflow) => (unanswered("\"overflow\"\n  target = \"overflow\""), "", refuses()),
        End::Nobody(Then::Goodbye) => (unanswered(&goodbye("goodbye")), "", refuses()),
        End::Closed(Then::Voicemail) => (format!("{CLOSED}\"voicemail\"\n{}", message()), "", refuses()),
        End::Closed(Then::Overflow) => {
            (format!("{CLOSED}\"overflow\"\n  target = \"overflow\"\n"), "", refuses())
        }
        End::Closed(Then::Goodbye) => (format!("{CLOSED}{}", goodbye("goodbye")), "", refuses()),
        End::Closed(Then::Return | Then::ReturnAnswered) => (format!("{CLOSED}\"return\"\n"), "", refuses()),
        End::Full => ("max_waiting = 1\n".to_owned(), "", rings(9_000)),
        End::Key => {
            let key = "  [[line.key]]\n  press = \"1\"\n  then = \"voicemail\"\n";
            (format!("{at_once}{key}{}", message()), "", rings(9_000))
        }
        End::CallerLeaves(During::Ringing) => (String::new(), "", rings(9_000)),
        End::CallerLeaves(During::Waiting) => (at_once.to_owned(), "", rings(9_000)),
        End::CallerLeaves(During::Settling) => (String::new(), LATE, takes(Goodbye::Never)),
        End::CallerLeaves(During::Queued) => (String::new(), SOON, takes(Goodbye::Never)),
        End::CallerLeaves(During::Talk) => (String::new(), "", takes(Goodbye::Never)),
        End::CallerLeaves(During::Prompt) => {
            (unanswered("\"voicemail\"") + &voicemail("long"), "", refuses())
        }
        End::CallerLeaves(During::Goodbye) => (unanswered(&goodbye("long")), "", refuses()),
        End::CallerLeaves(During::Return) => (at_once.to_owned(), "", refuses()),
        End::AgentLeavesBefore => (String::new(), "", takes(Goodbye::Never)),
        End::AgentLeavesAndPerson => {
            (String::new(), "", Manners { answers: 4_500, ..takes(Goodbye::After(2_500)) })
        }
        // It rings, and has some seconds left to answer.
        End::AgentLeavesAndNobody => (String::new(), "", rings(6_000)),
    }
}

/// A row, and who plays it.
pub(crate) struct Scene {
    pub(crate) row: Row,
    pub(crate) stage: Stage,
    pub(crate) far_end: FarEnd,
    pub(crate) api: Api,
    pub(crate) receiver: Receiver,
    /// Where the platform asks, and where people stand.
    pub(crate) asks: SocketAddrV4,
    pub(crate) places: Places,
    /// How many calls Talk has looked at.
    taken: usize,
}

impl Scene {
    pub(crate) fn set(row: Row) -> Self {
        let places = Places::find();
        let [asks, told] = [(); 2].map(|()| SocketAddrV4::new(AI, ports(2)));
        let (line, target, manners) = furniture(row.end);
        let far_end = FarEnd::open(&[places.zendesk.into()], manners).expect("free ports");
        let (api, receiver) = (Api::here(), Receiver::open(told));
        api.account(|account| brought(account, row.brings));
        misbehave(&api, row.account);
        let rung = if row.end == End::AgentLeavesAndNobody { "5s" } else { "20s" };
        let line = format!("{line}\n  [line.ticket]\n  desk = \"acme\"\n  group = \"Support\"");
        let budget = row.account.budget();
        let keys = format!("budget = \"{budget}\"\nadopt = \"2s\"\ntags = [\"warmline\"]");
        let more = [
            asking(asks),
            telling(told),
            desk(&api, &keys),
            "\n[store]\nurl = \"sqlite:table.db\"\n".to_owned(),
        ];
        let stage = Stage::refurnish(PROGRAM, &[AI], places.zendesk, |plain| {
            let plain = plain.replace("for = \"20s\"", &format!("for = \"{rung}\""));
            places.furnish(&plain, &line, target) + &more.concat()
        });
        Self { row, stage, far_end, api, receiver, asks, places, taken: 0 }
    }

    /// Waits until there is something; Talk looks at the calls meanwhile that have come to it, and makes a ticket of each that
    /// brings none.
    #[track_caller]
    pub(crate) fn waits<T>(&mut self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
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
    pub(crate) fn end_well(&mut self, mut players: Vec<Program>) {
        self.waits("end", |_| players.iter_mut().all(|player| player.ended().is_some()).then_some(()));
        players.into_iter().for_each(|player| self.stage.cast.ends_well(player));
    }

    /// Who is rung in another's place.
    pub(crate) fn instead(&self, name: &str) -> Program {
        let at = if name == "overflow" { self.places.overflow } else { self.places.agent };
        self.stage.cast.follow(&Script::target(name).picks_up().is_hung_up(), at)
    }

    /// The value of `X-Warmline-Call` that the agent is told.
    pub(crate) fn call(&mut self) -> String {
        self.waits("X-Warmline-Call", |this| this.stage.cast.call_of("agent"))
    }
}

/// Puts the ticket into an account that a call brings.
fn brought(account: &mut api::Account, brings: Brings) {
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
