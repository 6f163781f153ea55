//! What is written down of calls, and what desks are told of them: a record when a call begins, and the same one, finished,
//! when it has ended; a ticket for a hand-over, and on it what became of the call.

use std::collections::{BTreeSet, HashMap, HashSet};

use warmline_core::call::{CallId, Outcome, Progress, Stage, View};
use warmline_core::config::{Line, TrunkIndex, TrunkKind};
use warmline_core::{Cx, Event, Sbc};

use crate::config::Loaded;
use crate::desk::{Again, Answer, Closing, Context, Desk, Desks, Earlier, Handover, Kept, Missing, Wish};
use crate::store::{Change, HandedOver, Record, Store};

use super::courses::Courses;
use super::{Ask, Asks};

/// How long the ticket of a call that nobody waits in any more may take, before it is left to the outbox.
const SOLVED: core::time::Duration = core::time::Duration::from_secs(10);

pub(super) struct Clerk {
    store: Option<Store>,
    desks: Option<Desks>,
    asks: Asks,
    /// Calls that a ticket was wished for, as they were then.
    opened: HashMap<CallId, Opened>,
    /// How calls were handed over that go on.
    handed: HashMap<CallId, HandedOver>,
    /// Calls that go on after a crash, by what they are known by outside, until that is told.
    known: Vec<u64>,
    /// Those of them that have not ended yet: what was wished for them the store alone knows.
    taken_up: HashSet<CallId>,
    /// Who waits until the hand-over of a call is in the store.
    keeps: Option<(CallId, Kept)>,
}

/// A call that was handed over.
struct Opened {
    handover: Handover,
    /// The line that it is handed over to, and since when; none where it has come back.
    now: Option<(String, i64)>,
}

impl Clerk {
    pub(super) fn new(store: Option<Store>, desks: Option<Desks>, asks: Asks) -> Self {
        Self {
            store,
            desks,
            asks,
            opened: HashMap::new(),
            handed: HashMap::new(),
            known: Vec::new(),
            taken_up: HashSet::new(),
            keeps: None,
        }
    }

    /// This is let go of when the hand-over that a call begins now is in the store; or else by [`Clerk::keeps_no_more`].
    pub(super) fn keeps(&mut self, call: CallId, kept: Kept) {
        self.keeps = Some((call, kept));
    }

    pub(super) fn keeps_no_more(&mut self) {
        self.keeps = None;
    }

    /// Whether a desk is told what an AI agent has solved in a call: its line's, where there is a ticket or it makes them, or
    /// that of the platform's token.
    pub(super) fn tells_what_is_solved(
        loaded: &Loaded,
        platform: &str,
        view: &View<'_>,
        ticket: Option<core::num::NonZeroU64>,
    ) -> bool {
        let has = ticket.or(view.ticket).is_some();
        let by_line = loaded.ticket(view.line.0).is_some_and(|of| has || of.missing == Missing::Create);
        by_line || loaded.desk_of(platform).is_some()
    }

    /// Something happened in core.
    pub(super) fn event(
        &mut self,
        cx: &Cx<'_>,
        loaded: &Loaded,
        sbc: &Sbc<'_>,
        courses: &mut Courses,
        event: Event,
    ) {
        if let Event::Settled(call) = event {
            return self.settled(sbc, call);
        }
        let (Event::Started(call)
        | Event::Course(call)
        | Event::Answered(call)
        | Event::Ticket(call)
        | Event::Ended(call)) = event
        else {
            return;
        };
        if self.store.is_none() && self.desks.is_none() {
            return;
        }
        let Some(view) = sbc.call(call) else { return };
        let Some(mut record) = Record::of(cx, &view) else { return };
        if let Event::Course(_) = event
            && !self.notes(cx, call, &view, &record)
        {
            return;
        }
        record.handover = match event {
            Event::Ended(_) => self.handed.remove(&call),
            _ => self.handed.get(&call).cloned(),
        };
        match event {
            Event::Started(_) => self.expect(cx, loaded, &view, &record),
            Event::Ticket(_) => {
                // A later hand-over has one of its own.
                let context = courses.take_context(call);
                self.open(cx, loaded, call, &view, &record, context);
            }
            Event::Ended(_) => self.close(cx, loaded, call, &view, &record, courses),
            _ => {}
        }
        if let Some(store) = &self.store {
            store.write(Change::Call(Box::new(record)));
        }
    }

    /// Notes how a call is handed over by now, and when that was taken. Whether that is news.
    fn notes(&mut self, cx: &Cx<'_>, call: CallId, view: &View<'_>, record: &Record) -> bool {
        let now = match (view.transfer.0, view.outcome) {
            (Stage::Ringing, None) => HandedOver { line: record.line.clone(), taken: None },
            (_, Some(Outcome::Connected | Outcome::Queued | Outcome::Overflowed)) => {
                match self.handed.get(&call) {
                    Some(HandedOver { line, taken: None }) => {
                        HandedOver { line: line.clone(), taken: cx.utc.map(|now| now.0) }
                    }
                    _ => return false,
                }
            }
            _ => return false,
        };
        self.handed.insert(call, now.clone()).as_ref() != Some(&now)
    }

    /// This call goes on after a crash, and its record with it. Whether a ticket was wished for it is known by its line, or
    /// to the store.
    pub(super) fn takes_up(&mut self, cx: &Cx<'_>, loaded: &Loaded, sbc: &Sbc<'_>, call: CallId) {
        let Some(view) = sbc.call(call) else { return };
        self.known.push(view.id);
        self.taken_up.insert(call);
        let Some(record) = Record::of(cx, &view) else { return };
        if let Some(handover) = handover(cx, loaded, &view, &record).filter(|handover| handover.create) {
            self.opened.insert(call, Opened { handover, now: None });
        }
    }

    /// These were all: the records of others that a crash cut off end here.
    pub(super) fn taken_up(&mut self) {
        let known = core::mem::take(&mut self.known);
        if let Some(store) = &self.store {
            store.write(Change::TakenUp(known));
        }
    }

    /// A caller is here for whom a ticket may be wished soon: by the call's line, or by one to which an AI agent that is rung
    /// may hand it over.
    fn expect(&self, cx: &Cx<'_>, loaded: &Loaded, view: &View<'_>, record: &Record) {
        let (Some(desks), Some(caller), None) = (&self.desks, &record.caller, view.ticket) else { return };
        let config = cx.config;
        let rung = config.line(view.line).map(|line| config.rings(line)).unwrap_or_default();
        let rung = || rung.iter().filter_map(|ring| Some(config.target(ring.target)?.trunk));
        let agent = |trunk: &TrunkIndex| {
            rung().any(|rung| rung == *trunk)
                && config.trunk(*trunk).is_some_and(|trunk| trunk.kind == TrunkKind::Ai)
        };
        let may = |&(at, line): &(u16, &Line)| at == view.line.0 || config.callers(line).iter().any(agent);
        let wanted = (0..).zip(config.lines).filter(may).filter_map(|(at, _)| loaded.ticket(at));
        let names: BTreeSet<&String> = { wanted }
            .filter(|wanted| wanted.missing == Missing::Create)
            .map(|wanted| &wanted.desk)
            .collect();
        for desk in names {
            // Where it is too much, it is looked up when it counts.
            desks.wish(Wish::Expect { desk: desk.clone(), caller: caller.clone() });
        }
    }

    /// A call is handed over, to its line or to the next one.
    fn open(
        &mut self,
        cx: &Cx<'_>,
        loaded: &Loaded,
        call: CallId,
        view: &View<'_>,
        record: &Record,
        context: Context,
    ) {
        let asks = self.asks.clone();
        let answer = move |ticket: Option<u64>| {
            asks.send(Ask::Ticket { call, ticket: ticket.and_then(core::num::NonZeroU64::new) });
        };
        let Some(desks) = &self.desks else { return answer(None) };
        let new = handover(cx, loaded, view, record).map(|handover| handover.with(context));
        let Some(new) = new.filter(|new| new.has.is_some() || new.create) else { return answer(None) };
        let now = Some((new.line.clone(), new.began));
        let handover = match self.opened.get_mut(&call) {
            None => {
                self.opened.insert(call, Opened { handover: new.clone(), now });
                new
            }
            // Its ticket is made from what it was at first, so that it is the same.
            Some(opened) => {
                let Handover { has, line, began, context, tags, .. } = new;
                opened.handover.has = has;
                opened.handover.again.push(Again { line, began, context });
                opened.handover.takes_tags(&tags);
                opened.now = now;
                opened.handover.clone()
            }
        };
        let budget = loaded.ticket(view.line.0).map(|wanted| wanted.budget).unwrap_or_default();
        let until = std::time::Instant::now() + budget;
        let kept = self.keeps.take_if(|(waits, _)| *waits == call).map(|(_, kept)| kept);
        if !desks.wish(open(&handover, view, until, Box::new(answer.clone()), kept)) {
            answer(None);
        }
    }

    /// A call goes on: where it was handed over, and is back where it came from, that hand-over is over.
    fn settled(&mut self, sbc: &Sbc<'_>, call: CallId) {
        let Some(opened) = self.opened.get_mut(&call) else { return };
        let Some(view) = sbc.call(call) else { return };
        if view.progress != Progress::Answered || view.outcome != Some(Outcome::Returned) {
            return;
        }
        let Some((line, began)) = opened.now.take() else { return };
        let outcome = Outcome::Returned.code().to_owned();
        opened.handover.earlier.push(Earlier { line, began, outcome });
        if let Some(desks) = &self.desks {
            // Where it is too much, it is told at the call's end.
            desks.wish(Wish::Returned(Box::new(opened.handover.clone())));
        }
    }

    /// A call has ended: what became of it is for its ticket, where it has one or is to have one.
    fn close(
        &mut self,
        cx: &Cx<'_>,
        loaded: &Loaded,
        call: CallId,
        view: &View<'_>,
        record: &Record,
        courses: &Courses,
    ) {
        let (opened, taken_up) = (self.opened.remove(&call), self.taken_up.remove(&call));
        let Some(desks) = &self.desks else { return };
        // Of what was before a crash, only the first answer is known.
        let seen = !taken_up || record.handover.is_some();
        let closing = Closing::of(record, view.outcome.map_or("failed", Outcome::code), view.talk, seen);
        let brought = || view.ticket.and_then(|_| handover(cx, loaded, view, record));
        let solved = || {
            let platform = courses.solved_by(call, record.id)?;
            match loaded.desk_of(platform) {
                Some(desk) => solved(desk, view, record),
                None => solved_on_line(cx, loaded, view, record),
            }
        };
        if let Some(store) = self.store.as_ref().filter(|_| taken_up) {
            store.write(Change::Ended { call: record.id, closing: Box::new(closing.clone()) });
        }
        let late = || {
            let handover = brought().or_else(solved)?.with(courses.context(call, record.id));
            if view.ticket.is_none() {
                let soon = std::time::Instant::now() + SOLVED;
                desks.wish(open(&handover, view, soon, Box::new(|_| {}), None));
            }
            Some(handover)
        };
        let Some(handover) = opened.map(|opened| opened.handover).or_else(late) else { return };
        if !desks.wish(Wish::Close(Box::new((handover, closing)))) {
            tracing::error!(
                "too many calls end at once: the ticket of call {:016x} is not told so",
                record.id
            );
        }
    }
}

/// What a line's desk is told of a call; none where the line has none.
fn handover(cx: &Cx<'_>, loaded: &Loaded, view: &View<'_>, record: &Record) -> Option<Handover> {
    let wanted = loaded.ticket(view.line.0)?;
    Some(Handover {
        call: record.id,
        desk: wanted.desk.clone(),
        caller: record.caller.clone().filter(|_| !view.withheld),
        line: record.line.clone(),
        sip_call_id: record.sip_call_id.clone(),
        began: cx.utc.map_or(record.started, |now| now.0),
        create: wanted.missing == Missing::Create,
        has: record.ticket,
        parts: wanted.parts.clone(),
        tags: wanted.tags.clone(),
        recordings: wanted.recordings,
        earlier: Vec::new(),
        again: Vec::new(),
        solved: false,
        context: Context::default(),
    })
}

/// That a call's ticket is to be seen to by then.
fn open(
    handover: &Handover,
    view: &View<'_>,
    until: std::time::Instant,
    answer: Answer,
    kept: Option<Kept>,
) -> Wish {
    Wish::Open { handover: Box::new(handover.clone()), talk: view.talk, until, answer, kept }
}

/// What a desk is told of a call that an AI agent has solved by itself.
fn solved(desk: &Desk, view: &View<'_>, record: &Record) -> Option<Handover> {
    (view.outcome == Some(Outcome::Resolved)).then(|| Handover {
        call: record.id,
        desk: desk.name.clone(),
        caller: record.caller.clone().filter(|_| !view.withheld),
        line: record.line.clone(),
        sip_call_id: record.sip_call_id.clone(),
        began: record.started,
        create: true,
        has: record.ticket,
        parts: desk.parts.clone(),
        tags: desk.tags.clone(),
        recordings: false,
        earlier: Vec::new(),
        again: Vec::new(),
        solved: true,
        context: Context::default(),
    })
}

/// The same for its line's desk, where that makes tickets.
fn solved_on_line(cx: &Cx<'_>, loaded: &Loaded, view: &View<'_>, record: &Record) -> Option<Handover> {
    let handover = handover(cx, loaded, view, record).filter(|handover| handover.create)?;
    let solved = Handover { began: record.started, recordings: false, solved: true, ..handover };
    (view.outcome == Some(Outcome::Resolved)).then_some(solved)
}
