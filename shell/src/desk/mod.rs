//! Desks: where tickets live. Zendesk, by its API, or the local desk in our own store.
//!
//! A hand-over asks its line's desk for a ticket, and the caller waits for that no longer than the desk's budget: then the
//! call goes on without, and what was due follows by the outbox. All of it runs beside the store, on its thread.

mod api;
mod attachment;
mod context;
mod errand;
mod handover;
mod lease;
mod outbox;
mod part;
mod setting;
mod share;
#[cfg(test)]
mod tests;
mod zendesk;

use core::convert::Infallible;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

pub(crate) use api::{client, reason};
pub(crate) use context::Context;
pub(crate) use handover::{Again, Closing, Earlier, Handover, length};
pub(crate) use part::{Part, What};
pub(crate) use setting::{Account, Credentials, Desk, Kind, Missing, OfLine, TOKENS_END};
pub(crate) use share::{Rung, Spoken, share};

use crate::store::{Change, Database, Entry, Step, Store};
use errand::Errand;
use outbox::Outbox;
use zendesk::Zendesk;

/// How many wishes may wait, for a moment: more of them go without.
const WAITING: usize = 4_096;

/// How often the outbox is looked at.
const ROUND: Duration = Duration::from_millis(500);

/// How long requests that are under way are waited for when the node ends; what is not answered then is in the outbox.
const LAST: Duration = Duration::from_secs(2);

/// How much of a budget is kept for the way back.
const WAY_BACK: Duration = Duration::from_millis(30);

/// What signalling wants of desks.
pub(crate) enum Wish {
    /// A caller is here whom a desk may soon be asked about.
    Expect {
        /// The desk's name.
        desk: String,
        /// The caller's number.
        caller: String,
    },
    /// A call is handed over, and its ticket is to be seen to by then: one that takes the place of what it has is told
    /// there, or that there is none.
    Open {
        handover: Box<Handover>,
        /// Whether Talk may have made one of it by itself.
        talk: bool,
        until: Instant,
        answer: Answer,
        kept: Option<Kept>,
    },
    /// A call that was handed over came back, and goes on.
    Returned(Box<Handover>),
    /// A call has ended that was handed over.
    Close(Box<(Handover, Closing)>),
}

/// Who waits for a ticket.
pub(crate) type Answer = Box<dyn FnOnce(Option<u64>) + Send>;

/// Who waits until what a hand-over is to bring about is in the store: let go of then, or when it never will be.
pub(crate) type Kept = oneshot::Sender<Infallible>;

/// Where signalling says so.
#[derive(Clone, Debug)]
pub(crate) struct Desks(Sender<Wish>);

impl Desks {
    /// Never waits. False where it is too much now.
    pub(crate) fn wish(&self, wish: Wish) -> bool {
        self.0.try_send(wish).is_ok()
    }
}

/// The desks at work.
pub(crate) struct Office {
    wishes: Receiver<Wish>,
    desks: HashMap<String, Place>,
    node: String,
    lease: Duration,
    store: Store,
    database: watch::Receiver<Option<Database>>,
}

/// What has been done.
enum Done {
    /// Nothing that anybody waits for.
    Nothing,
    /// A call was handed over.
    Opened(u64),
    /// An entry of the outbox was seen to.
    Entry(u64),
    /// This is due.
    Asked(Vec<Entry>),
}

/// Where a desk's tickets are.
#[derive(Clone)]
enum Place {
    Local,
    Zendesk(Arc<Zendesk>),
}

impl Office {
    /// Desks that write to this store, and read what they left there.
    pub(crate) fn new(
        desks: &[Desk],
        node: String,
        lease: Duration,
        store: Store,
        database: watch::Receiver<Option<Database>>,
    ) -> (Desks, Self) {
        let (sender, wishes) = mpsc::channel(WAITING);
        let place = |desk: &Desk| match &desk.kind {
            Kind::Local => Place::Local,
            Kind::Zendesk(account) => {
                if let Credentials::Token { .. } = &account.credentials {
                    tracing::warn!(
                        "desk {}: Zendesk takes API tokens until {TOKENS_END} and no longer: make an OAuth client in its \
                         Admin Center, and write its client_id and client_secret in place of email and token",
                        desk.name
                    );
                }
                Place::Zendesk(Arc::new(Zendesk::new(&desk.name, account.clone())))
            }
        };
        let desks = desks.iter().map(|desk| (desk.name.clone(), place(desk))).collect();
        (Desks(sender), Self { wishes, desks, node, lease, store, database })
    }

    /// Works until signalling has let go of [`Desks`].
    pub(crate) async fn run(mut self) {
        let mut under_way = JoinSet::new();
        let mut outbox =
            Outbox::new(self.node.clone(), self.lease, self.store.clone(), self.database.clone());
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                wish = self.wishes.recv() => match wish {
                    Some(wish) => self.grant(wish, &mut under_way, &mut outbox),
                    None => break,
                },
                _ = round.tick() => outbox.ask(&mut under_way),
                Some(over) = under_way.join_next(), if !under_way.is_empty() => match over {
                    Ok(Done::Nothing) => {}
                    Ok(Done::Opened(call)) => outbox.opened(call),
                    Ok(Done::Entry(call)) => outbox.over(call),
                    Ok(Done::Asked(due)) => outbox.begin(due, &self.desks, &mut under_way),
                    Err(error) => tracing::error!("a desk's task has failed: {error}"),
                },
            }
        }
        let all = async { while under_way.join_next().await.is_some() {} };
        // What has no answer by then is found again: it is in the outbox.
        let _ = tokio::time::timeout(LAST, all).await;
    }

    fn grant(&self, wish: Wish, under_way: &mut JoinSet<Done>, outbox: &mut Outbox) {
        match wish {
            Wish::Expect { desk, caller } => {
                if let Some(Place::Zendesk(zendesk)) = self.desks.get(&desk) {
                    let zendesk = Arc::clone(zendesk);
                    under_way.spawn(async move {
                        zendesk.expect(&caller).await;
                        Done::Nothing
                    });
                }
            }
            Wish::Open { handover, talk, until, answer, kept } => {
                let until = until.checked_sub(WAY_BACK).unwrap_or(until);
                match self.desks.get(&handover.desk) {
                    None => answer(None),
                    Some(Place::Local) if handover.has.is_some() || !handover.create => {
                        answer(None);
                        let said = self.store.ask(Change::TicketSaid(handover));
                        under_way.spawn(async move {
                            let _ = said.await;
                            drop(kept);
                            Done::Nothing
                        });
                    }
                    Some(Place::Local) => {
                        let made = self.store.ask(Change::Ticket(handover));
                        under_way.spawn(async move {
                            let made = tokio::time::timeout_at(until.into(), made).await;
                            drop(kept);
                            answer(made.ok().and_then(Result::ok).flatten());
                            Done::Nothing
                        });
                    }
                    Some(Place::Zendesk(zendesk)) => {
                        let number = handover.call;
                        outbox.opens(number);
                        let errand = Errand { zendesk: Arc::clone(zendesk), store: self.store.clone() };
                        under_way.spawn(async move {
                            errand.open(*handover, talk, until, answer, kept).await;
                            Done::Opened(number)
                        });
                    }
                }
            }
            Wish::Returned(handover) => {
                if let Some(Place::Zendesk(_)) = self.desks.get(&handover.desk) {
                    self.store.write(Change::Outbox(Step::Opened(handover)));
                }
            }
            Wish::Close(both) => match self.desks.get(&both.0.desk) {
                None => {}
                Some(Place::Local) => self.store.write(Change::TicketClosed(both)),
                Some(Place::Zendesk(_)) => {
                    self.store.write(Change::Outbox(Step::Closed(both)));
                }
            },
        }
    }
}
