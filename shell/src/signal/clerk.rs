//! What is written down of calls, and what desks are told of them: a record when a call begins, and the same one, finished,
//! when it has ended; a ticket for a hand-over, and on it what became of the call.

use std::collections::HashMap;

use warmline_core::call::{CallId, Outcome, View};
use warmline_core::config::{Config, TrunkKind};
use warmline_core::{Cx, Event, Sbc};

use crate::config::Loaded;
use crate::desk::{Closing, Context, Desk, Desks, Handover, Missing, Wish};
use crate::store::{Change, Record, Store};

use super::courses::Courses;
use super::{Ask, Asks};

/// How long the ticket of a call that nobody waits in any more may take, before it is left to the outbox.
const SOLVED: core::time::Duration = core::time::Duration::from_secs(10);

pub(super) struct Clerk {
    store: Option<Store>,
    desks: Option<Desks>,
    asks: Asks,
    /// Calls that a ticket was wished for, as they were then.
    opened: HashMap<CallId, Handover>,
    /// Calls that go on after a crash, by what they are known by outside, until that is told.
    known: Vec<u64>,
}

impl Clerk {
    pub(super) fn new(store: Option<Store>, desks: Option<Desks>, asks: Asks) -> Self {
        Self { store, desks, asks, opened: HashMap::new(), known: Vec::new() }
    }

    /// Something happened in core.
    pub(super) fn event(
        &mut self,
        cx: &Cx<'_>,
        loaded: &Loaded,
        sbc: &Sbc<'_>,
        courses: &Courses,
        event: Event,
    ) {
        let (Event::Started(call) | Event::Answered(call) | Event::Ticket(call) | Event::Ended(call)) = event
        else {
            return;
        };
        if self.store.is_none() && self.desks.is_none() {
            return;
        }
        let Some(view) = sbc.call(call) else { return };
        let Some(record) = Record::of(cx, &view) else { return };
        let context = || courses.context(call, record.id);
        match event {
            Event::Started(_) => self.expect(loaded, &view, &record),
            Event::Ticket(_) => self.open(cx, loaded, call, &view, &record, context()),
            Event::Ended(_) => self.close(cx, loaded, call, &view, &record, courses),
            _ => {}
        }
        if let Some(store) = &self.store {
            store.write(Change::Call(Box::new(record)));
        }
    }

    /// This call goes on after a crash, and its record with it. Whether a ticket was wished for it is known by its line.
    pub(super) fn takes_up(&mut self, cx: &Cx<'_>, loaded: &Loaded, sbc: &Sbc<'_>, call: CallId) {
        let Some(view) = sbc.call(call) else { return };
        self.known.push(view.id);
        let Some(record) = Record::of(cx, &view) else { return };
        if let Some(handover) = handover(cx, loaded, &view, &record).filter(|handover| handover.create) {
            self.opened.insert(call, handover);
        }
    }

    /// These were all: the records of others that a crash cut off end here.
    pub(super) fn taken_up(&mut self) {
        let known = core::mem::take(&mut self.known);
        if let Some(store) = &self.store {
            store.write(Change::TakenUp(known));
        }
    }

    /// A caller is here for whom a ticket may be wished soon.
    fn expect(&self, loaded: &Loaded, view: &View<'_>, record: &Record) {
        let wanted = loaded.ticket(view.line.0).filter(|wanted| wanted.missing == Missing::Create);
        if let (Some(desks), Some(wanted), Some(caller), None) =
            (&self.desks, wanted, &record.caller, view.ticket)
        {
            // Where it is too much, it is looked up when it counts.
            desks.wish(Wish::Expect { desk: wanted.desk.clone(), caller: caller.clone() });
        }
    }

    /// A call is handed over without a ticket.
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
        let wanted = loaded.ticket(view.line.0);
        let (Some(desks), Some(wanted)) = (&self.desks, wanted) else { return answer(None) };
        let handover = handover(cx, loaded, view, record);
        let Some(handover) = handover.map(|handover| handover.with(context)) else { return answer(None) };
        let until = std::time::Instant::now() + wanted.budget;
        self.opened.insert(call, handover.clone());
        if !desks.wish(Wish::Open(Box::new(handover), until, Box::new(answer.clone()))) {
            answer(None);
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
        let opened = self.opened.remove(&call);
        let Some(desks) = &self.desks else { return };
        let brought = || view.ticket.and_then(|_| handover(cx, loaded, view, record));
        let (made, context) = (opened.is_some(), courses.context(call, record.id));
        let solved = || {
            let platform = courses.solved_by(call, record.id)?;
            solved(loaded.desk_of(platform)?, view, record)
        };
        let Some(handover) = opened.or_else(brought).or_else(solved) else { return };
        let mut closing = Closing::of(&handover, record, view.outcome.map_or("failed", Outcome::code));
        let handover = if made {
            handover
        } else if view.ticket.is_some() {
            // Its ticket was not begun with it.
            closing.text.push_str(&context.words());
            handover
        } else {
            let handover = handover.with(context);
            let soon = std::time::Instant::now() + SOLVED;
            desks.wish(Wish::Open(Box::new(handover.clone()), soon, Box::new(|_| {})));
            handover
        };
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
        talk: rings_zendesk(cx.config, view),
        create: wanted.missing == Missing::Create,
        group: wanted.group.clone(),
        priority: wanted.priority.clone(),
        tags: wanted.tags.clone(),
        solved: false,
        context: Context::default(),
    })
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
        talk: false,
        create: true,
        group: None,
        priority: None,
        tags: desk.tags.clone(),
        solved: true,
        context: Context::default(),
    })
}

/// Whether Zendesk's own line is among those whom a call's line rings.
fn rings_zendesk(config: &Config<'_>, view: &View<'_>) -> bool {
    let Some(line) = config.line(view.line) else { return false };
    let kind = |target| config.trunk(config.target(target)?.trunk).map(|trunk| trunk.kind);
    config.rings(line).iter().any(|ring| kind(ring.target) == Some(TrunkKind::Zendesk))
}
