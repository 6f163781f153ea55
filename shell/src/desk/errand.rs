//! A call's errand at Zendesk: a ticket in time, or else one afterwards, and what became of the call on it.
//!
//! There is never a second ticket. What may have been made is looked for before it is made again; and where Zendesk's own
//! line was rung without a ticket, Talk makes one, which is taken in place of ours.
//!
//! A ticket that a call brings is looked at while there is time. One that is closed or not there is of no use to whoever
//! takes the call: what Talk does with its number is nowhere said, and nothing can be written on it. A line that makes tickets
//! has one made in its place then, a new phone call and no follow-up, since it is only of such that Zendesk says its line shows
//! them. Where a line makes none, and where there is no time, it is passed on as it is.

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::api::Failure;
use super::handover::{Closing, Handover, Useless, marker};
use super::part::leave_out;
use super::zendesk::{Draft, Page, Zendesk};
use super::{Answer, Kept, attachment};
use crate::store::{Change, Entry, Recorded, Step, Store};

/// How long the store is waited for while a caller waits.
const STORED: Duration = Duration::from_millis(250);

/// How soon a request is tried again while a caller waits, and afterwards at first and at most.
const AGAIN: Duration = Duration::from_millis(200);
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// What is said on the ticket that Talk makes of a call that overflowed to us, before the number of the call's own.
const OVERFLOWED: &str = "An AI agent took this call. It goes on in ticket #";

/// How soon what we may not do is tried again.
const FORBIDDEN: Duration = Duration::from_secs(60);

/// How long after a call its recordings are waited for.
const RECORDED: Duration = Duration::from_secs(10);

/// For how long an idempotency key is good, less what clocks may differ.
const KEY: Duration = Duration::from_secs(7_000);

pub(super) struct Errand {
    pub(super) zendesk: Arc<Zendesk>,
    pub(super) store: Store,
}

/// What there is for a call that is handed over.
enum There {
    /// A ticket.
    Ticket(u64),
    /// One that it brought, and that is of no use.
    Useless(Useless),
    /// None as yet, but Talk makes one.
    Talks,
    /// None.
    Nothing,
}

/// Why a call's errand is not over.
pub(super) struct Wait {
    /// When it goes on.
    after: Duration,
    /// What is waited for.
    why: &'static str,
}

impl Errand {
    /// Sees to a call's ticket, and answers with the one that is to take the place of what the call has; until then at the
    /// latest, with none where there is none. What was sent by then is waited for afterwards.
    pub(super) async fn open(
        &self,
        handover: Handover,
        talk: bool,
        until: Instant,
        answer: Answer,
        kept: Option<Kept>,
    ) {
        let call = handover.call;
        let looked = async {
            stored(self.step(Step::Opened(Box::new(handover.clone())))).await;
            drop(kept);
            self.there(&handover, talk).await
        };
        let useless = match in_time(until, looked).await {
            Ok(There::Ticket(ticket)) => {
                self.zendesk.works();
                answer(Some(ticket));
                return self.say(ticket, &handover).await;
            }
            Ok(There::Talks) => return answer(None),
            Ok(There::Nothing) => None,
            Ok(There::Useless(useless)) => {
                self.note(call, useless.code());
                Some(useless)
            }
            Err(failure) => {
                self.zendesk.fails(&failure);
                if handover.has.is_some() {
                    self.note(call, "ticket-unchecked");
                }
                return answer(None);
            }
        };
        if !handover.create {
            return answer(None);
        }
        let draft = match in_time(until, self.zendesk.draft(&handover, useless, false)).await {
            Ok(draft) => draft,
            Err(failure) => {
                self.zendesk.fails(&failure);
                return answer(None);
            }
        };
        let mut answer = Some(answer);
        let making = self.make(&handover, useless, draft, until);
        tokio::pin!(making);
        let made = tokio::select! {
            made = &mut making => made,
            () = tokio::time::sleep_until(until.into()) => {
                self.zendesk.fails(&too_slow());
                if let Some(answer) = answer.take() {
                    answer(None);
                }
                making.await
            }
        };
        match &made {
            Ok(ticket) => {
                let told = answer.is_some();
                let written = self.step(Step::Made { call, ticket: *ticket, told });
                if told {
                    self.zendesk.works();
                }
                if let Some(answer) = answer {
                    answer(Some(*ticket));
                }
                // Whoever looks into the store from here on is to find it.
                let _ = written.await;
                if told && !handover.again.is_empty() {
                    self.say(*ticket, &handover).await;
                }
            }
            Err(failure) => {
                self.zendesk.fails(failure);
                if let Some(answer) = answer {
                    answer(None);
                }
            }
        }
    }

    /// Writes what AI agents said of a call on its ticket, for whoever takes it now. What fails is done after the call.
    async fn say(&self, ticket: u64, handover: &Handover) {
        if !handover.said().is_empty()
            && let Err(failure) = self.told(ticket, handover).await
        {
            tracing::debug!("desk {}: ticket {ticket} is told more later: {failure}", self.zendesk.name);
        }
    }

    /// A ticket that has what AI agents said of its call, each thing once.
    async fn told(&self, ticket: u64, handover: &Handover) -> Result<Page, Failure> {
        let mut page = self.zendesk.page(ticket).await?;
        for said in handover.said() {
            if !page.has(&said.marker) {
                self.zendesk.write(ticket, &page, &said.text, &[]).await?;
                page = self.zendesk.page(ticket).await?;
            }
        }
        Ok(page)
    }

    /// What there is for a call before one is made.
    async fn there(&self, handover: &Handover, talk: bool) -> Result<There, Failure> {
        if let Some(ticket) = handover.has {
            if self.zendesk.is_failing() {
                let why = "the account does not work".to_owned();
                return Err(Failure::Later { why, after: None });
            }
            return Ok(match self.zendesk.useless(ticket).await? {
                None => There::Ticket(ticket),
                Some(useless) => There::Useless(useless),
            });
        }
        if talk {
            return Ok(self.talks(handover, None).await?.map_or(There::Talks, There::Ticket));
        }
        Ok(There::Nothing)
    }

    /// Sends a ticket, again as long as there is time; without what the account does not take.
    async fn make(
        &self,
        handover: &Handover,
        useless: Option<Useless>,
        mut draft: Draft,
        until: Instant,
    ) -> Result<u64, Failure> {
        let mut left = handover.clone();
        stored(self.sending(handover.call, &draft)).await;
        loop {
            let made = self.zendesk.create(handover.call, &draft).await;
            let after = match &made {
                Err(Failure::Later { after, .. }) => after.unwrap_or(AGAIN),
                Err(Failure::Busy { after, .. }) => *after,
                Err(Failure::Unsure(_)) => AGAIN,
                Err(Failure::Refused { status: 422, about, .. }) if self.leaves_out(&mut left, about) => {
                    draft = self.zendesk.draft(&left, useless, false).await?;
                    stored(self.sending(handover.call, &draft)).await;
                    continue;
                }
                Ok(_) | Err(Failure::Refused { .. }) => return made,
            };
            if Instant::now() + after >= until {
                return made;
            }
            tokio::time::sleep(after).await;
        }
    }

    /// Takes out of a hand-over what the account does not take; whether that was anything.
    fn leaves_out(&self, handover: &mut Handover, complaints: &[String]) -> bool {
        let out = leave_out(&mut handover.parts, complaints);
        for part in &out {
            let why = complaints.join("; ");
            tracing::warn!(
                "desk {}: the account takes no ticket with {part}: {why}. It is made without",
                self.zendesk.name
            );
        }
        !out.is_empty()
    }

    /// Does what an entry of the outbox has to do. What becomes of it.
    pub(super) async fn settle(&self, entry: &Entry) -> Step {
        let call = entry.handover.call;
        match self.finish(entry).await.map_err(forbidden) {
            Ok(Ok((ticket, note))) => {
                self.zendesk.works();
                Step::Done { call, ticket, note }
            }
            Ok(Err(wait)) => Step::Waits { call, wait: wait.after, why: wait.why },
            Err(Failure::Refused { status, why, .. }) => {
                let why = format!("{status}: {why}");
                tracing::error!(
                    "desk {}: what call {call:016x} has to say is refused and steps aside: {why}. `warmline outbox` shows it, \
                     and `warmline outbox retry {call:016x}` tries it again",
                    self.zendesk.name
                );
                Step::Aside { call, why }
            }
            Err(failure) => {
                self.zendesk.fails(&failure);
                let exponent = u32::try_from(entry.attempts).unwrap_or(u32::MAX).min(16);
                let wait = FIRST.saturating_mul(1 << exponent).min(LONGEST);
                let wait = match failure {
                    Failure::Later { after: Some(after), .. } | Failure::Busy { after, .. } => {
                        after.max(FIRST)
                    }
                    _ => wait,
                };
                Step::Later { call, wait, why: failure.to_string() }
            }
        }
    }

    /// The ticket that has all there is to say now, and how that came about; or what is waited for.
    async fn finish(&self, entry: &Entry) -> Result<Result<(u64, String), Wait>, Failure> {
        let (zendesk, handover) = (&self.zendesk, &entry.handover);
        let mut closing = entry.closing.clone().unwrap_or_else(|| Closing::unseen(handover));
        let carried = match &entry.closing {
            Some(closing) => closing.ticket,
            None => entry.ticket.filter(|_| entry.told).or(closing.ticket),
        };
        let useless = match carried.filter(|ticket| handover.has == Some(*ticket)) {
            Some(brought) => zendesk.useless(brought).await?,
            None => None,
        };
        if let Some(useless) = useless.filter(|_| !handover.create) {
            return Ok(Ok((useless.ticket, format!("nothing is written on it: {}", useless.code()))));
        }
        // What Talk does with a number that is of no use is not known: it may have made one.
        closing.talk |= useless.is_some();
        let (ticket, mut note) = match carried.filter(|_| useless.is_none()) {
            Some(ticket) => (ticket, "its call carried it".to_owned()),
            None => match self.belated(entry, &closing, useless).await? {
                Ok(found) => found,
                Err(wait) => return Ok(Err(wait)),
            },
        };
        for other in self.others(entry, &closing, ticket).await? {
            zendesk.merge(other, ticket).await?;
            note.push_str(&format!("; {other} was merged into it"));
        }
        let recordings = match recordings(entry, &closing) {
            Ok(recordings) => recordings,
            Err(wait) => return Ok(Err(wait)),
        };
        let page = self.told(ticket, handover).await?;
        if !page.has(&marker(handover.call)) {
            let (mut text, mut uploads) = (closing.text + &handover.times(), Vec::new());
            for recorded in recordings {
                let (told, upload) = attachment::of(zendesk, handover, recorded).await?;
                text.push_str(&told);
                uploads.extend(upload);
            }
            zendesk.write(ticket, &page, &text, &uploads).await?;
        }
        let mut tags = handover.tags.clone();
        let outcomes = handover.earlier.iter().map(|earlier| &earlier.outcome).chain([&closing.outcome]);
        tags.extend(outcomes.map(|outcome| format!("warmline_{outcome}")));
        zendesk.tag(ticket, &tags).await?;
        match self.twin(entry, ticket).await? {
            Ok(twin) => {
                note.extend(twin.map(|twin| format!("; its call had overflowed from Talk, as {twin}")));
                Ok(Ok((ticket, note)))
            }
            Err(wait) => Ok(Err(wait)),
        }
    }

    /// The ticket that Talk has made of the call that overflowed to us, linked with the call's own; or how long to wait for it.
    async fn twin(&self, entry: &Entry, ticket: u64) -> Result<Result<Option<u64>, Wait>, Failure> {
        let (zendesk, handover) = (&self.zendesk, &entry.handover);
        if zendesk.twin.is_zero() || handover.caller.is_none() {
            return Ok(Ok(None));
        }
        let mut twins = zendesk.twins(handover).await?;
        // It is made when the call ends that overflowed: with ours, or soon after.
        let ended = entry.closing.as_ref().map_or(handover.began, |closing| closing.ended);
        twins.sort_unstable_by_key(|twin| (twin.at.abs_diff(ended), twin.ticket));
        for twin in twins.into_iter().map(|twin| twin.ticket) {
            let said = format!("{OVERFLOWED}{ticket}.");
            let page = zendesk.page(twin).await?;
            if page.has(OVERFLOWED) && !page.has(&said) {
                // Another call's.
                continue;
            }
            zendesk.comment(twin, &said).await?;
            zendesk
                .comment(ticket, &format!("Talk has ticket #{twin} of the same call, which overflowed."))
                .await?;
            return Ok(Ok(Some(twin)));
        }
        Ok(match zendesk.twin.checked_sub(entry.age) {
            Some(left) if !left.is_zero() => {
                let after = left.min(zendesk.twin / 6).max(FIRST);
                Err(Wait { after, why: "the call_overflow ticket of the same call is waited for" })
            }
            _ => Ok(None),
        })
    }

    /// The ticket of a call that carried none of use: Talk's, or else ours; or how long to wait for Talk's.
    async fn belated(
        &self,
        entry: &Entry,
        closing: &Closing,
        useless: Option<Useless>,
    ) -> Result<Result<(u64, String), Wait>, Failure> {
        if closing.talk {
            if let Some(talks) = self.talks(&entry.handover, None).await? {
                return Ok(Ok((talks, "Talk made it".to_owned())));
            }
            let adopt = self.zendesk.adopt;
            if let Some(left) = adopt.checked_sub(entry.age) {
                let after = left.min(adopt / 10).max(FIRST);
                return Ok(Err(Wait { after, why: "Talk's own ticket is waited for" }));
            }
        }
        let ticket = match self.ours(entry).await? {
            Some(ticket) => ticket,
            None => self.create(entry, closing, useless).await?,
        };
        Ok(Ok((ticket, "it was made after its call".to_owned())))
    }

    /// The ticket that Talk has made of a call by itself, kept for it and no other; the one that it carried where that is one.
    async fn talks(&self, handover: &Handover, carried: Option<u64>) -> Result<Option<u64>, Failure> {
        let call = handover.call;
        let made = self.zendesk.talks(handover).await?;
        if let Some(carried) = made.iter().map(|spoken| spoken.ticket).find(|made| Some(*made) == carried) {
            return Ok(Some(carried));
        }
        let mut not = Vec::new();
        while made.len() > not.len() {
            let change = Change::Talks { call, made: made.clone(), not: not.clone() };
            let Ok(kept) = self.store.ask(change).await else {
                return Err(Failure::Later { why: "the store takes nothing".to_owned(), after: None });
            };
            let Some(ticket) = kept else { return Ok(None) };
            if !self.zendesk.page(ticket).await?.is_of_another(call) {
                return Ok(Some(ticket));
            }
            // The store knows nothing of that one any more, or it is another store's.
            not.push(ticket);
        }
        Ok(None)
    }

    /// The ticket that we made of a call, in time or not.
    async fn ours(&self, entry: &Entry) -> Result<Option<u64>, Failure> {
        match (entry.ticket, entry.sent) {
            (Some(ticket), _) => Ok(Some(ticket)),
            (None, Some(_)) => self.zendesk.made_of(entry.handover.call).await,
            (None, None) => Ok(None),
        }
    }

    /// The other tickets that were made of the same call, one by us and one by Talk.
    async fn others(&self, entry: &Entry, closing: &Closing, ticket: u64) -> Result<Vec<u64>, Failure> {
        let mut others: Vec<u64> = Vec::new();
        // What it brought is whoever's it was.
        if entry.sent.is_some() {
            others.extend(self.ours(entry).await?.filter(|ours| entry.handover.has != Some(*ours)));
        }
        if closing.talk {
            others.extend(self.talks(&entry.handover, Some(ticket)).await?);
        }
        others.retain(|other| *other != ticket);
        Ok(others)
    }

    /// Makes a ticket that is not there, without what the account does not take.
    async fn create(
        &self,
        entry: &Entry,
        closing: &Closing,
        useless: Option<Useless>,
    ) -> Result<u64, Failure> {
        let (zendesk, handover) = (&self.zendesk, &entry.handover);
        let message = closing.outcome == "voicemail";
        let fresh = entry.sent.is_none_or(|ago| ago < KEY);
        let sent = entry.body.as_deref().filter(|_| fresh).and_then(Draft::stored);
        let mut draft = match sent {
            // The same bytes, as long as the account remembers them.
            Some(draft) => draft,
            None => zendesk.draft(handover, useless, message).await?,
        };
        let mut left = handover.clone();
        loop {
            // Nobody waits: nothing is sent before it is known to have been.
            if self.sending(handover.call, &draft).await.is_err() {
                return Err(Failure::Later { why: "the store takes nothing".to_owned(), after: None });
            }
            match zendesk.create(handover.call, &draft).await {
                Err(Failure::Refused { status: 422, about, .. }) if self.leaves_out(&mut left, &about) => {
                    draft = zendesk.draft(&left, useless, message).await?;
                }
                made => {
                    let ticket = made?;
                    let _ = self.step(Step::Made { call: handover.call, ticket, told: false }).await;
                    return Ok(ticket);
                }
            }
        }
    }

    fn sending(&self, call: u64, draft: &Draft) -> oneshot::Receiver<Option<u64>> {
        self.step(Step::Sending { call, body: draft.to_store() })
    }

    fn step(&self, step: Step) -> oneshot::Receiver<Option<u64>> {
        self.store.ask(Change::Outbox(step))
    }

    /// Notes this in the call's record.
    fn note(&self, call: u64, note: &'static str) {
        self.store.write(Change::Note { call, note });
    }
}

/// What was recorded of a call and goes to its ticket; or how long it is waited for.
fn recordings<'e>(entry: &'e Entry, closing: &Closing) -> Result<Vec<&'e Recorded>, Wait> {
    let goes = |recorded: &&Recorded| recorded.message || entry.handover.recordings;
    let recordings: Vec<_> = entry.recordings.iter().filter(goes).collect();
    let left = closing.outcome == "voicemail" && !recordings.iter().any(|recorded| recorded.message);
    let open = left || recordings.iter().any(|recorded| recorded.length.is_none());
    // Who did not see the end of the call will not see that of its recording.
    if open && entry.closing.is_some() && entry.age < RECORDED {
        return Err(Wait { after: FIRST, why: "its recording is not finished yet" });
    }
    Ok(recordings)
}

/// What comes of it by then.
async fn in_time<T>(until: Instant, what: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout_at(until.into(), what).await.unwrap_or_else(|_| Err(too_slow()))
}

/// Waits for the store, but not for long: it is written later then.
async fn stored(written: oneshot::Receiver<Option<u64>>) {
    let _ = tokio::time::timeout(STORED, written).await;
}

/// What we may not do is the same for every call, and may be done once somebody has looked at that: it waits.
fn forbidden(failure: Failure) -> Failure {
    match failure {
        Failure::Refused { status: 403, why, .. } => {
            let why = format!("403: {why}: look at what its OAuth client, or who owns its token, may do");
            Failure::Later { why, after: Some(FORBIDDEN) }
        }
        other => other,
    }
}

fn too_slow() -> Failure {
    Failure::Later { why: "no answer within its budget".to_owned(), after: None }
}
