//! A call's errand at Zendesk: a ticket in time, or else one afterwards, and what became of the call on it.
//!
//! There is never a second ticket. What may have been made is looked for before it is made again; and where Zendesk's own
//! line was rung without a ticket, Talk makes one, which is taken in place of ours.

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::Answer;
use super::api::Failure;
use super::handover::{Closing, Handover};
use super::zendesk::Zendesk;
use crate::clock::Clock;
use crate::store::{Change, Entry, Step, Store};

/// How long the store is waited for while a caller waits.
const STORED: Duration = Duration::from_millis(250);

/// How soon a request is tried again while a caller waits, and afterwards at first and at most.
const AGAIN: Duration = Duration::from_millis(200);
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// For how long an idempotency key is good, less what clocks may differ.
const KEY: i64 = 7_000 * 1_000_000;

pub(super) struct Errand {
    pub(super) zendesk: Arc<Zendesk>,
    pub(super) store: Store,
}

impl Errand {
    /// Makes a call's ticket, and answers with it; until then at the latest, with none where there is none. What was sent by
    /// then is waited for afterwards.
    pub(super) async fn open(&self, handover: Handover, until: Instant, answer: Answer) {
        let call = handover.call;
        let drafted = async {
            stored(self.step(Step::Opened(Box::new(handover.clone())))).await;
            self.zendesk.draft(&handover).await
        };
        let draft = match tokio::time::timeout_at(until.into(), drafted).await {
            Ok(Ok(draft)) => draft,
            Ok(Err(failure)) => {
                self.zendesk.fails(&failure);
                return answer(None);
            }
            Err(_) => {
                self.zendesk.fails(&too_slow());
                return answer(None);
            }
        };
        let at = now();
        stored(self.step(Step::Sending { call, body: draft.clone(), at })).await;
        let mut answer = Some(answer);
        let making = self.make(call, &draft, until);
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
            }
            Err(failure) => {
                self.zendesk.fails(failure);
                if let Some(answer) = answer {
                    answer(None);
                }
            }
        }
    }

    /// Sends a ticket, again as long as there is time.
    async fn make(&self, call: u64, draft: &str, until: Instant) -> Result<u64, Failure> {
        loop {
            let made = self.zendesk.create(call, draft).await;
            let after = match &made {
                Err(Failure::Later { after, .. }) => after.unwrap_or(AGAIN),
                Err(Failure::Unsure(_)) => AGAIN,
                Ok(_) | Err(Failure::Refused { .. }) => return made,
            };
            if Instant::now() + after >= until {
                return made;
            }
            tokio::time::sleep(after).await;
        }
    }

    /// Does what an entry of the outbox has to do. What becomes of it.
    pub(super) async fn settle(&self, entry: &Entry) -> Step {
        let call = entry.handover.call;
        match self.finish(entry).await {
            Ok(Ok((ticket, note))) => {
                self.zendesk.works();
                Step::Done { call, ticket, note }
            }
            Ok(Err(wait)) => Step::Waits { call, due: later(wait) },
            Err(Failure::Refused { status, why }) => {
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
                    Failure::Later { after: Some(after), .. } => after.max(FIRST),
                    _ => wait,
                };
                Step::Later { call, due: later(wait), why: failure.to_string() }
            }
        }
    }

    /// The ticket that has all there is to say now, and how that came about; or how long to wait for Talk's own.
    async fn finish(&self, entry: &Entry) -> Result<Result<(u64, String), Duration>, Failure> {
        let (zendesk, handover) = (&self.zendesk, &entry.handover);
        let closing = entry.closing.clone().unwrap_or_else(|| Closing::unseen(handover));
        let carried = match &entry.closing {
            Some(closing) => closing.ticket,
            None => entry.ticket.filter(|_| entry.told),
        };
        let (ticket, note) = match carried {
            Some(ticket) => (ticket, "its call carried it".to_owned()),
            None => match self.belated(entry, &closing).await? {
                Ok(found) => found,
                Err(wait) => return Ok(Err(wait)),
            },
        };
        zendesk.comment(ticket, &handover.marker(), &closing.text).await?;
        let mut tags = handover.tags.clone();
        tags.push(format!("warmline_{}", closing.outcome));
        zendesk.tag(ticket, &tags).await?;
        Ok(Ok((ticket, note)))
    }

    /// The ticket of a call that carried none: Talk's, or else ours; or how long to wait for Talk's.
    async fn belated(
        &self,
        entry: &Entry,
        closing: &Closing,
    ) -> Result<Result<(u64, String), Duration>, Failure> {
        let (zendesk, handover) = (&self.zendesk, &entry.handover);
        let ours = match (entry.ticket, entry.sent) {
            (Some(ticket), _) => Some(ticket),
            (None, Some(_)) => zendesk.made_of(handover.call).await?,
            (None, None) => None,
        };
        if handover.talk {
            if let Some(talks) = zendesk.talks(handover).await? {
                let Some(ours) = ours else { return Ok(Ok((talks, "Talk made it".to_owned()))) };
                zendesk.merge(ours, talks).await?;
                return Ok(Ok((talks, format!("Talk made it; {ours} was merged into it"))));
            }
            let waited = u64::try_from(now().saturating_sub(closing.ended)).unwrap_or_default();
            if let Some(left) = zendesk.adopt.checked_sub(Duration::from_micros(waited)) {
                return Ok(Err(left.min(zendesk.adopt / 10).max(FIRST)));
            }
        }
        let ticket = match ours {
            Some(ticket) => ticket,
            None => self.create(entry).await?,
        };
        Ok(Ok((ticket, "it was made after its call".to_owned())))
    }

    /// Makes a ticket that is not there.
    async fn create(&self, entry: &Entry) -> Result<u64, Failure> {
        let call = entry.handover.call;
        let fresh = entry.sent.is_none_or(|sent| now().saturating_sub(sent) < KEY);
        let draft = match &entry.body {
            // The same bytes, as long as the account remembers them.
            Some(body) if fresh => body.clone(),
            _ => self.zendesk.draft(&entry.handover).await?,
        };
        let sending = Step::Sending { call, body: draft.clone(), at: now() };
        // Nobody waits: nothing is sent before it is known to have been.
        if self.step(sending).await.is_err() {
            return Err(Failure::Later { why: "the store takes nothing".to_owned(), after: None });
        }
        let ticket = self.zendesk.create(call, &draft).await?;
        let _ = self.step(Step::Made { call, ticket, told: false }).await;
        Ok(ticket)
    }

    fn step(&self, step: Step) -> oneshot::Receiver<Option<u64>> {
        self.store.ask(Change::Outbox(step))
    }
}

/// Waits for the store, but not for long: it is written later then.
async fn stored(written: oneshot::Receiver<Option<u64>>) {
    let _ = tokio::time::timeout(STORED, written).await;
}

fn too_slow() -> Failure {
    Failure::Later { why: "no answer within its budget".to_owned(), after: None }
}

fn now() -> i64 {
    Clock::utc().map_or(0, |now| now.0)
}

fn later(wait: Duration) -> i64 {
    now().saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX))
}
