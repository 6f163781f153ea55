//! What a line does for its callers: when it answers them, for how long they wait, what their keys do, and what becomes of
//! them when nobody takes the call.
//!
//! Whom it rings is rung by [`super::calls`], what is heard meanwhile is [`super::music`]'s.

use core::num::NonZeroU64;

use crate::call::{
    Addresses, Call, CallId, LegState, Outcome, Pending, Plan, Progress, Recording, Stage, Stream, Todo,
};
use crate::config::{Answer, Answers, Config, Line, LineIndex, Target, Then, TrunkKind};
use crate::line::holding;
use crate::reason::Reason;
use crate::relay::Side;
use crate::rtp::Digit;
use crate::time::{Duration, Instant};

use super::{Cx, Sbc};

/// How long a plan rests before it begins again.
const REST: Duration = Duration::from_secs(5);

/// How long a prompt is waited for that does not end.
const LONGEST_PROMPT: Duration = Duration::from_secs(180);

/// How often a call may go from one line to the next.
const MOST_LINES: u8 = 4;

impl Call {
    /// Whether its line's longest wait is over.
    pub(crate) fn has_waited(&self, now: Instant) -> bool {
        self.plan == Plan::Rings && self.wait_until > Instant::ZERO && self.wait_until <= now
    }

    /// A time, but none after the line's longest wait.
    pub(crate) fn not_longer(&self, until: Instant) -> Instant {
        let bounded = self.plan == Plan::Rings && self.wait_until > Instant::ZERO;
        if bounded { until.min(self.wait_until) } else { until }
    }

    /// It ends for this reason: its outcome, unless it has one.
    pub(crate) fn comes_to(&mut self, reason: Reason) {
        self.outcome.get_or_insert(match reason {
            Reason::CallerHungUp | Reason::Cancelled => Outcome::Abandoned,
            _ => Outcome::Failed,
        });
    }
}

impl Sbc<'_> {
    /// A call has come to its line, and the relay is there for it.
    pub(super) fn line_begins(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.plan = Plan::Rings;
        let line = cx.config.line(call.line);
        let longest = line.map_or(0, |line| line.max_wait);
        call.wait_until = match longest {
            0 => Instant::ZERO,
            seconds => cx.now.after(Duration::from_secs(seconds.into())),
        };
        if let Some(when) = line.and_then(|line| holding(cx.config, line, cx.utc)) {
            return self.then(cx, id, when.then, Reason::OutOfHours);
        }
        if let Some((then, reason)) = line.and_then(|line| self.has_no_place(cx.config, id, line)) {
            return self.then(cx, id, then, reason);
        }
        let arrives = self.calls.get(id).is_some_and(|call| call.transfer.stage == Stage::None);
        match line.map(|line| line.answer).filter(|_| arrives) {
            None | Some(Answer::WhenTaken) => {}
            Some(Answer::EarlyMedia) => self.answer_caller(id, 183),
            Some(Answer::AtOnce) => self.answer_caller(id, 200),
        }
        self.next_target(cx, id);
    }

    /// What becomes of a caller who may not wait for this line, and why: it is full, or the caller waits in a queue that it
    /// rings already, whose overflow has led here again. That is not known by any header where it goes by PSTN.
    fn has_no_place(&self, config: &Config<'_>, id: CallId, line: &Line) -> Option<(Then, Reason)> {
        let this = self.calls.get(id)?;
        let others = || self.calls.iter().filter(|&(other, _)| other != id).map(|(_, call)| call);
        let rings_queue = config.rings(line).iter().any(|ring| {
            config.target(ring.target).is_some_and(|target| matches!(target.answers, Answers::Queue { .. }))
        });
        let same = |call: &Call| call.caller.is_some() && call.caller == this.caller;
        let queued =
            |call: &Call| call.progress == Progress::Answered && call.outcome == Some(Outcome::Queued);
        // A number is one caller's where a carrier has shown it: a platform may show its own for all of them.
        let by_telephone =
            |call: &Call| config.trunk(call.trunk).is_some_and(|trunk| trunk.kind == TrunkKind::Carrier);
        let shown = || by_telephone(this) || others().any(|call| same(call) && by_telephone(call));
        if rings_queue && others().any(|call| same(call) && queued(call)) && shown() {
            let then = if line.longest > 0 { Then::Voicemail } else { Then::Return };
            return Some((then, Reason::QueuedAlready));
        }
        let waits =
            |call: &&Call| call.line == this.line && call.plan == Plan::Rings && call.progress.is_open();
        // Only a call that somebody has taken goes on without a timer, and of those there may be many.
        let timed = self.clock.keys().filter_map(|key| self.calls.id_at(key)).filter(|&other| other != id);
        let most = usize::from(line.max_waiting);
        let full = most > 0 && timed.filter_map(|id| self.calls.get(id)).filter(waits).count() >= most;
        debug_assert_eq!(full, most > 0 && others().filter(waits).count() >= most);
        full.then_some((line.unanswered, Reason::LineFull))
    }

    /// Has the caller hear what the line has to say, as early media (183) or with its leg answered (200).
    pub(super) fn answer_caller(&mut self, id: CallId, status: u16) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let Some(caller) = call.first.and_then(|leg| self.legs.get_mut(leg)) else { return };
        if caller.side != Side::A || caller.state != LegState::Proceeding {
            return;
        }
        // One that made no offer could hear nothing before its ACK.
        if status < 200 && caller.agreed.is_none() {
            return;
        }
        caller.early |= status < 200;
        caller.status = status;
        caller.todo.add(Todo::RESPOND);
        call.hears = true;
        call.pending.add(Pending::BRIDGE);
        if status >= 200 {
            call.pending.add(Pending::SETTLED);
        }
        self.wake(id);
    }

    /// No target is left of what is rung: the plan begins again, or what its line says of that happens.
    pub(super) fn unreached(&mut self, cx: &Cx<'_>, id: CallId, reason: Reason) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let line = cx.config.line(call.line);
        let rings = call.plan == Plan::Rings && call.stream == Stream::Open;
        let Some(line) = line.filter(|_| rings) else {
            return self.give_back(cx, id, reason);
        };
        let again = cx.now.after(REST);
        if line.repeat && again < call.wait_until {
            call.progress = Progress::Waiting;
            self.clock.set(id.index(), again);
            return self.wake(id);
        }
        self.then(cx, id, line.unanswered, reason);
    }

    /// Nobody is rung any more in a call that has come so far for `reason`.
    pub(super) fn then(&mut self, cx: &Cx<'_>, id: CallId, then: Then, reason: Reason) {
        match then {
            Then::Return => self.give_back(cx, id, reason),
            Then::Overflow(target) => self.ring_instead(cx, id, Plan::Instead(target)),
            Then::Line(line) => self.next_line(cx, id, line),
            Then::Goodbye(Some(clip)) => self.prompt(cx, id, Plan::Goodbye(clip, reason), LONGEST_PROMPT),
            Then::Goodbye(None) => self.end(cx, id, reason),
            Then::Voicemail => self.prompt(cx, id, Plan::Message, LONGEST_PROMPT),
        }
    }

    pub(super) fn ring_instead(&mut self, cx: &Cx<'_>, id: CallId, plan: Plan) {
        let Some(call) = self.calls.get_mut(id) else { return };
        (call.plan, call.tried, call.addresses) = (plan, 0, Addresses::EMPTY);
        call.progress = Progress::Opening;
        self.next_target(cx, id);
    }

    fn next_line(&mut self, cx: &Cx<'_>, id: CallId, line: LineIndex) {
        let Some(call) = self.calls.get_mut(id) else { return };
        if call.lines >= MOST_LINES {
            self.counters.add(Reason::TooManyLines);
            return self.give_back(cx, id, Reason::TooManyLines);
        }
        call.lines = call.lines.saturating_add(1);
        call.line = line;
        call.failure = None;
        if call.ticket.is_none() && call.ticket_by == Instant::ZERO {
            self.wants_ticket(cx, id);
        }
        self.ring_instead(cx, id, Plan::New);
    }

    /// A caller whose leg was answered before anybody took the call goes back by a new call, where its trunk has somewhere to
    /// go back to.
    pub(super) fn goes_back(&mut self, cx: &Cx<'_>, id: CallId) -> bool {
        let Some(call) = self.calls.get(id) else { return false };
        let trunk = cx.config.trunk(call.trunk).filter(|trunk| trunk.kind == TrunkKind::Ai);
        let caller = call.first.and_then(|leg| self.legs.get(leg));
        let answered = caller.is_some_and(|leg| leg.state != LegState::Proceeding);
        let open = call.plan.rings() && call.transfer.stage == Stage::None;
        let rung = |back| [Plan::Instead(back), Plan::Back(back)].contains(&call.plan);
        let may = call.hears && answered && open;
        let back = trunk.and_then(|trunk| trunk.return_to).filter(|&back| may && !rung(back));
        back.map(|back| self.ring_instead(cx, id, Plan::Back(back))).is_some()
    }

    /// A caller whose leg was not answered has its call refused: whoever sent it has it back.
    pub(super) fn is_refused(&mut self, config: &Config<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let platform = config.trunk(call.trunk).is_some_and(|trunk| trunk.kind == TrunkKind::Ai);
        let caller = call.first.and_then(|leg| self.legs.get(leg));
        let refused = caller.is_some_and(|leg| leg.side == Side::A && leg.state == LegState::Proceeding);
        if platform && refused && call.transfer.stage == Stage::None {
            call.outcome = Some(Outcome::Returned);
        }
    }

    /// Plays who waits a prompt after which nobody is rung any more.
    fn prompt(&mut self, cx: &Cx<'_>, id: CallId, plan: Plan, longest: Duration) {
        self.answer_caller(id, 200);
        let Some(call) = self.calls.get_mut(id) else { return };
        call.plan = plan;
        call.progress = Progress::Waiting;
        call.pending.add(Pending::BRIDGE);
        self.clock.set(id.index(), cx.now.after(longest));
        if plan == Plan::Message {
            let line = cx.config.line(call.line);
            if line.and_then(|line| line.voicemail).is_none() {
                self.take_message(cx, id);
            }
        }
        self.line_takes_over(cx, id);
        self.wake(id);
    }

    /// Who waits has heard all of what was said. Whether that was a prompt after which something else happens.
    pub(super) fn prompt_is_over(&mut self, cx: &Cx<'_>, id: CallId) -> bool {
        match self.calls.get(id).map(|call| call.plan) {
            Some(Plan::Goodbye(_, reason)) => self.end(cx, id, reason),
            Some(Plan::Message) => self.take_message(cx, id),
            _ => return false,
        }
        true
    }

    fn take_message(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let longest = cx.config.line(call.line).map_or(0, |line| line.longest);
        call.outcome = Some(Outcome::Voicemail);
        // One that is recorded already stays so: its message is a part of that.
        if call.recording == Recording::Off {
            call.recording = Recording::Message;
            call.pending.add(Pending::RECORD);
        }
        self.clock.set(id.index(), cx.now.after(Duration::from_secs(longest.into())));
    }

    /// The time is over that a call had in which nobody was rung.
    pub(super) fn waited(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        match call.plan {
            Plan::Goodbye(_, reason) => self.end(cx, id, reason),
            Plan::Message => self.end(cx, id, Reason::MessageLeft),
            _ if call.next_ring(cx.config).is_some() => {
                call.ticket_by = Instant::ZERO;
                self.next_target(cx, id);
            }
            // The plan begins again.
            _ => {
                call.tried = 0;
                self.next_target(cx, id);
            }
        }
    }

    /// Who waits has pressed a key.
    pub(super) fn key_pressed(&mut self, cx: &Cx<'_>, id: CallId, side: Side, digit: Digit) {
        if self.takes_by_key(cx, id, side, digit) {
            return;
        }
        let Some(call) = self.calls.get_mut(id).filter(|call| call.is_waited_in()) else { return };
        let waits = call.anchor.and_then(|leg| self.legs.get(leg)).is_some_and(|leg| leg.place == side);
        let does = |line: &Line| {
            let keys = cx.config.keys(line).iter();
            { keys }.find(|key| key.press == digit.code()).map(|key| key.then)
        };
        let then = cx.config.line(call.line).and_then(does);
        let rings = call.plan.rings() && call.transfer.stage != Stage::Returning;
        let Some(then) = then.filter(|_| waits && rings && call.stream == Stream::Open) else {
            return;
        };
        self.stop_ringing(cx, id, Reason::KeyPressed);
        self.then(cx, id, then, Reason::KeyPressed);
        self.wake(id);
    }

    /// Has the host see to the ticket of a call that is handed over, where its line says so: one is made where there is
    /// none, and one that there is may be of no use.
    pub(super) fn wants_ticket(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let budget = cx.config.line(call.line).map_or(0, |line| line.budget);
        if budget > 0 {
            call.ticket_by = cx.now.after(Duration::from_millis(budget.into()));
            call.pending.add(Pending::TICKET);
        }
    }

    /// Whether the target is not rung yet, since a ticket may still come for it.
    pub(super) fn waits_for_ticket(&mut self, cx: &Cx<'_>, id: CallId, target: &Target) -> bool {
        let zendesk = |config: &Config<'_>| config.trunk(target.trunk).map(|trunk| trunk.kind);
        let Some(call) = self.calls.get_mut(id) else { return false };
        if call.ticket_by <= cx.now || zendesk(cx.config) != Some(TrunkKind::Zendesk) {
            return false;
        }
        call.progress = Progress::Waiting;
        self.clock.set(id.index(), call.not_longer(call.ticket_by));
        self.wake(id);
        true
    }

    /// The host has made a ticket, or has none but what there is.
    pub(super) fn ticket_comes(&mut self, cx: &Cx<'_>, id: CallId, ticket: Option<NonZeroU64>) {
        let Some(call) = self.calls.get_mut(id) else { return };
        call.ticket = ticket.or(call.ticket);
        call.ticket_by = Instant::ZERO;
        call.pending.add(Pending::COURSE);
        call.unsettle();
        if call.progress == Progress::Waiting && call.next_ring(cx.config).is_some() {
            self.next_target(cx, id);
        }
        self.wake(id);
    }

    /// Somebody has answered.
    pub(super) fn comes_out(&mut self, cx: &Cx<'_>, id: CallId) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let answers = call.target.and_then(|target| cx.config.target(target)).map(|target| target.answers);
        call.outcome = Some(match (call.plan, answers) {
            (Plan::Back(_), _) => Outcome::Returned,
            (Plan::Instead(_), _) => Outcome::Overflowed,
            (_, Some(Answers::Queue { .. })) => Outcome::Queued,
            _ => Outcome::Connected,
        });
        call.pending.add(Pending::COURSE);
        call.settles = false;
        if let Some(Answers::Queue { settle: settle @ 1.. }) = answers {
            call.settles = true;
            call.ring_until = cx.now.after(Duration::from_secs(settle.into()));
            self.clock.set(id.index(), call.ring_until);
        }
    }

    /// Whoever answered has been there for long enough: it is certain that somebody is.
    pub(super) fn somebody_is_there(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(id).filter(|call| call.settles) {
            call.settles = false;
            call.pending.add(Pending::COURSE);
        }
    }

    /// Whoever answered hangs up: whether that was so soon that nobody was there, and the plan goes on.
    pub(super) fn nobody_was_there(&mut self, cx: &Cx<'_>, id: CallId) -> bool {
        let Some(call) = self.calls.get_mut(id).filter(|call| call.progress == Progress::Answered) else {
            return false;
        };
        let soon = core::mem::take(&mut call.settles) && cx.now < call.ring_until;
        if !soon || !matches!(call.transfer.stage, Stage::None | Stage::Settling) {
            return false;
        }
        if call.transfer.stage == Stage::Settling {
            call.transfer.stage = Stage::Ringing;
        }
        call.hears = true;
        call.progress = Progress::Opening;
        call.outcome = None;
        call.pending.add(Pending::BRIDGE);
        call.pending.add(Pending::SETTLED);
        self.target_failed(cx, id, Reason::NobodyThere, None);
        true
    }
}
