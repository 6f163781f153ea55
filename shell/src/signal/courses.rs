//! How calls go: what platforms that ask, and webhooks, are told of them; and what AI agents said of those that they hand over.
//!
//! A hand-over is `requested`, `ticketed`, `ringing`, and then has one outcome. There is one when an AI agent's platform calls a
//! line, and each time it transfers a call; core says when.

use std::collections::{HashMap, VecDeque};

use serde_json::json;
use warmline_core::call::{CallId, Outcome, Progress, Stage, View};
use warmline_core::config::{Config, TrunkIndex, TrunkKind};
use warmline_core::time::Instant;
use warmline_core::{Cx, Event, Sbc};

use crate::desk::Context;
use crate::platform;
use crate::store::{Record, hex, utc};
use crate::webhook::Webhooks;

/// How many calls are remembered that have ended.
const REMEMBERED: usize = 1_024;

pub(super) struct Courses {
    webhooks: Option<Webhooks>,
    /// Whether anybody wants to know.
    wanted: bool,
    going: HashMap<CallId, Course>,
    over: VecDeque<Course>,
    /// What was said of hand-overs that were announced, and until when they are good.
    announced: HashMap<u64, (Context, Instant)>,
}

/// How a call goes.
struct Course {
    call: platform::Call,
    /// The number of its id.
    id: u64,
    /// The trunks of platforms that are in it, or were.
    platforms: Vec<String>,
    handover: Option<HandOver>,
    context: Context,
    /// The platform whose agent says that it has done what the caller wanted.
    solved: Option<String>,
}

/// How a hand-over goes.
struct HandOver {
    requested: i64,
    announced: Option<u64>,
    line: String,
    ticketed: bool,
    ringing: bool,
    outcome: Option<Outcome>,
}

impl HandOver {
    fn state(&self) -> &'static str {
        match self {
            Self { outcome: Some(outcome), .. } => outcome.code(),
            Self { ringing: true, .. } => "ringing",
            Self { ticketed: true, .. } => "ticketed",
            _ => "requested",
        }
    }

    fn told(&self) -> platform::HandOver {
        platform::HandOver {
            id: self.announced.map(hex),
            line: self.line.clone(),
            state: self.state(),
            requested: utc(self.requested),
        }
    }
}

impl Courses {
    /// `asked`: there may be platforms that ask.
    pub(super) fn new(webhooks: Option<Webhooks>, asked: bool) -> Self {
        let wanted = asked || webhooks.is_some();
        Self { webhooks, wanted, going: HashMap::new(), over: VecDeque::new(), announced: HashMap::new() }
    }

    /// A hand-over was announced, and this said of it.
    pub(super) fn announced(&mut self, now: Instant, id: u64, context: Context, until: Instant) {
        self.announced.retain(|_, (_, until)| *until > now);
        self.announced.insert(id, (context, until));
    }

    /// It gave way to another.
    pub(super) fn announced_no_more(&mut self, id: u64) {
        self.announced.remove(&id);
    }

    /// This was said of a call.
    pub(super) fn said(&mut self, cx: &Cx<'_>, sbc: &Sbc<'_>, call: CallId, context: Context) {
        if let Some((course, ..)) = self.course(cx, sbc, call) {
            course.context = context;
        }
    }

    /// What was said of a call that is handed over now.
    pub(super) fn take_context(&mut self, call: CallId) -> Context {
        self.going.get_mut(&call).map(|course| core::mem::take(&mut course.context)).unwrap_or_default()
    }

    /// What is known of a call, which may just have ended, and was not handed over since.
    pub(super) fn context(&self, call: CallId, id: u64) -> Context {
        self.known(call, id).map(|course| course.context.clone()).unwrap_or_default()
    }

    /// A platform's agent has done what the caller wanted.
    pub(super) fn solved(&mut self, call: CallId, trunk: &str) {
        if let Some(course) = self.going.get_mut(&call) {
            course.solved = Some(trunk.to_owned());
        }
    }

    /// The platform that said so, of a call that may just have ended.
    pub(super) fn solved_by(&self, call: CallId, id: u64) -> Option<&str> {
        self.known(call, id)?.solved.as_deref()
    }

    fn known(&self, call: CallId, id: u64) -> Option<&Course> {
        let ended = || self.over.back().filter(|course| course.id == id);
        self.going.get(&call).or_else(ended)
    }

    /// A call as it is now.
    pub(super) fn call(&mut self, cx: &Cx<'_>, sbc: &Sbc<'_>, call: CallId) -> Option<platform::Call> {
        self.course(cx, sbc, call).map(|(course, ..)| course.call.clone())
    }

    /// How a call goes now: one that was taken up after a restart was not there when it began.
    fn course<'s>(
        &mut self,
        cx: &Cx<'_>,
        sbc: &'s Sbc<'_>,
        call: CallId,
    ) -> Option<(&mut Course, View<'s>, Record)> {
        let view = sbc.call(call)?;
        let record = Record::of(cx, &view)?;
        let course = self.going.entry(call).or_insert_with(|| Course::of(&record));
        course.call.follow(&record, &view);
        course.notice_platforms(cx.config, &view);
        Some((course, view, record))
    }

    /// A call that a platform was in, and is not any more, by its id or the Call-ID of the platform's INVITE.
    pub(super) fn left(&self, trunk: &str, name: &str) -> Option<platform::Call> {
        let meant = |course: &&Course| {
            (course.call.id == name || course.call.sip_call_id.as_deref() == Some(name))
                && course.platforms.iter().any(|platform| platform == trunk)
        };
        let mut courses = self.going.values().chain(self.over.iter().rev());
        courses.find(meant).map(|course| course.call.clone())
    }

    /// Something happened in core.
    pub(super) fn event(&mut self, cx: &Cx<'_>, sbc: &Sbc<'_>, event: Event) {
        let (Event::Started(call)
        | Event::Course(call)
        | Event::Ticket(call)
        | Event::Answered(call)
        | Event::Ended(call)) = event
        else {
            return;
        };
        if !self.wanted {
            return;
        }
        let announced = sbc.announced(call);
        let said = announced.and_then(|id| self.announced.remove(&id));
        let Some((course, view, record)) = self.course(cx, sbc, call) else { return };
        let now = cx.utc.map_or(record.started, |now| now.0);
        if let Some((context, _)) = said {
            course.context = context;
        }
        let began = course.begins(cx.config, &view, matches!(event, Event::Started(_)));
        if began {
            course.handover = Some(HandOver {
                requested: now,
                announced,
                line: record.line,
                ticketed: false,
                ringing: false,
                outcome: None,
            });
        }
        let ended = matches!(event, Event::Ended(_));
        let mut news = course.news(&view, began, ended);
        course.call.handover = course.handover.as_ref().map(HandOver::told);
        if ended {
            news.push("call.ended".to_owned());
        }
        if let Some((webhooks, course)) = self.webhooks.as_mut().zip(self.going.get(&call)) {
            news.iter().for_each(|kind| course.tell(webhooks, kind, now));
        }
        if ended && let Some(course) = self.going.remove(&call) {
            if self.over.len() >= REMEMBERED {
                self.over.pop_front();
            }
            self.over.push_back(course);
        }
    }
}

impl Course {
    fn of(record: &Record) -> Self {
        Self {
            call: platform::Call {
                id: hex(record.id),
                sip_call_id: None,
                state: "waiting",
                line: String::new(),
                caller: None,
                ticket: None,
                started: utc(record.started),
                answered: None,
                ended: None,
                reason: None,
                outcome: None,
                handover: None,
            },
            id: record.id,
            platforms: Vec::new(),
            handover: None,
            context: Context::default(),
            solved: None,
        }
    }

    /// Remembers which platforms are in it.
    fn notice_platforms(&mut self, config: &Config<'_>, view: &View<'_>) {
        if platform_of(config, view.trunk).is_some() && self.call.sip_call_id.is_none() {
            self.call.sip_call_id = Some(view.call_id.escape_ascii().to_string());
        }
        let rung = view.target.and_then(|target| config.target(target)).map(|target| target.trunk);
        for trunk in [Some(view.trunk), rung, Some(view.transfer.1)].into_iter().flatten() {
            let Some(name) = platform_of(config, trunk) else { continue };
            if !self.platforms.contains(&name) {
                self.platforms.push(name);
            }
        }
    }

    /// Whether it is handed over now.
    fn begins(&self, config: &Config<'_>, view: &View<'_>, started: bool) -> bool {
        let open = self.handover.as_ref().is_some_and(|handover| handover.outcome.is_none());
        let by = match view.transfer {
            (Stage::Ringing, trunk) => Some(trunk),
            (Stage::None, _) if started => Some(view.trunk),
            _ => None,
        };
        !open && by.is_some_and(|trunk| platform_of(config, trunk).is_some())
    }

    /// What is to be told of its hand-over now.
    fn news(&mut self, view: &View<'_>, began: bool, ended: bool) -> Vec<String> {
        let mut news = Vec::new();
        let Some(handover) = self.handover.as_mut().filter(|handover| handover.outcome.is_none()) else {
            return Vec::new();
        };
        if began {
            news.push("requested");
        }
        if view.ticket.is_some() && !core::mem::replace(&mut handover.ticketed, true) {
            news.push("ticketed");
        }
        if view.progress == Progress::Ringing && !core::mem::replace(&mut handover.ringing, true) {
            news.push("ringing");
        }
        let outcome = view.outcome.filter(|_| ended || !view.settles);
        let outcome = outcome.or_else(|| ended.then_some(Outcome::Failed));
        if let Some(outcome) = outcome {
            handover.outcome = Some(outcome);
            news.push(outcome.code());
        }
        news.into_iter().map(|kind| format!("handover.{kind}")).collect()
    }

    fn tell(&self, webhooks: &mut Webhooks, kind: &str, now: i64) {
        let mut data = json!(self.call);
        let state = kind.strip_prefix("handover.");
        if let Some(state) = state {
            // It may have come further since.
            data["handover"]["state"] = state.into();
        }
        let since = self.handover.as_ref().filter(|_| state.is_some()).map_or(0, |it| it.requested);
        webhooks.tell(kind, self.id, since, now, &data);
    }
}

impl platform::Call {
    /// As the call is now.
    fn follow(&mut self, record: &Record, view: &View<'_>) {
        self.state = match view.progress {
            Progress::Ended(_) => "ended",
            Progress::Answered => "talking",
            _ => "waiting",
        };
        self.line.clone_from(&record.line);
        self.caller.clone_from(&record.caller);
        self.ticket = record.ticket;
        self.answered = record.answered.map(utc);
        self.ended = record.end.as_ref().map(|(ended, ..)| utc(*ended));
        self.reason = record.end.as_ref().map(|(_, reason, _)| reason.clone());
        self.outcome = view.outcome.filter(|_| !view.settles || self.ended.is_some()).map(Outcome::code);
    }
}

/// The name of a trunk that is an AI agent's platform.
fn platform_of(config: &Config<'_>, trunk: TrunkIndex) -> Option<String> {
    let trunk = config.trunk(trunk).filter(|trunk| trunk.kind == TrunkKind::Ai)?;
    Some(String::from_utf8_lossy(config.text(trunk.name)).into_owned())
}
