//! Takes what is in the store to where it is to be told.

use core::time::Duration;
use std::collections::HashSet;
use std::sync::Arc;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::signature::signature;
use super::{Notice, Setting};
use crate::clock::Clock;
use crate::desk::client;
use crate::store::{Change, Database, Store, due_notices};

/// How often it is looked what is due.
const ROUND: Duration = Duration::from_millis(250);

/// How many are on their way to one URL at once.
const AT_ONCE: usize = 8;

/// How soon one that was not taken is sent again, at first and at most; and for how long, before it is left out.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(3 * 24 * 3_600);

/// How long what is on its way may take when the node ends; the rest is sent after the next start.
const LAST: Duration = Duration::from_secs(2);

/// How long the store is waited for.
const STORED: Duration = Duration::from_secs(10);

pub(crate) struct Courier {
    node: String,
    store: Store,
    database: watch::Receiver<Option<Database>>,
    routes: Vec<Route>,
}

/// The way to one URL.
struct Route {
    setting: Arc<Setting>,
    http: Client,
    /// Calls of which something is on its way.
    busy: HashSet<u64>,
    /// Whether it was said that nothing is taken there.
    failing: bool,
}

/// What became of a notice.
enum Done {
    Taken,
    Failed(String),
}

impl Courier {
    pub(crate) fn new(
        settings: &[Setting],
        node: String,
        store: Store,
        database: watch::Receiver<Option<Database>>,
    ) -> Self {
        let route = |setting: &Setting| Route {
            setting: Arc::new(setting.clone()),
            http: client(),
            busy: HashSet::new(),
            failing: false,
        };
        Self { node, store, database, routes: settings.iter().map(route).collect() }
    }

    /// Works until it is told that no more will come.
    pub(crate) async fn run(mut self, stop: Arc<Notify>) {
        if self.routes.is_empty() {
            return;
        }
        let mut under_way = JoinSet::new();
        let mut round = interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.notified() => break,
                _ = round.tick() => self.begin(&mut under_way).await,
                Some(over) = under_way.join_next(), if !under_way.is_empty() => self.over(over),
            }
        }
        let last = async {
            self.begin(&mut under_way).await;
            while let Some(over) = under_way.join_next().await {
                self.over(over);
                self.begin(&mut under_way).await;
            }
        };
        let _ = timeout(LAST, last).await;
    }

    /// Sends what is due, as much as there may be at once.
    async fn begin(&mut self, under_way: &mut JoinSet<(usize, u64, Done)>) {
        let Some(database) = self.database.borrow().clone() else { return };
        for (number, route) in self.routes.iter_mut().enumerate() {
            if route.busy.len() >= AT_ONCE {
                continue;
            }
            let found = due_notices(database.pool(), &self.node, &route.setting.url, AT_ONCE).await;
            for notice in found.unwrap_or_default() {
                if route.busy.len() >= AT_ONCE || !route.busy.insert(notice.call) {
                    continue;
                }
                let (setting, http, store) =
                    (Arc::clone(&route.setting), route.http.clone(), self.store.clone());
                under_way.spawn(async move {
                    let call = notice.call;
                    (number, call, deliver(&http, &setting, notice, &store).await)
                });
            }
        }
    }

    fn over(&mut self, over: Result<(usize, u64, Done), tokio::task::JoinError>) {
        let (number, call, done) = match over {
            Ok(over) => over,
            Err(error) => return tracing::error!("a webhook's task has failed: {error}"),
        };
        let Some(route) = self.routes.get_mut(number) else { return };
        route.busy.remove(&call);
        let url = &route.setting.url;
        match done {
            Done::Taken if core::mem::take(&mut route.failing) => {
                tracing::warn!("webhook {url} takes what it is told again");
            }
            Done::Failed(why) if !core::mem::replace(&mut route.failing, true) => tracing::error!(
                "webhook {url} takes nothing: {why}. It is tried again for {} days, and said here when it works",
                PATIENCE.as_secs() / 86_400
            ),
            Done::Taken | Done::Failed(_) => {}
        }
    }
}

/// Sends a notice, and has the store know what became of it before anything else of the same call is sent.
async fn deliver(http: &Client, setting: &Setting, notice: Notice, store: &Store) -> Done {
    let sent = send(http, setting, &notice).await;
    let now = Clock::utc().map_or(0, |now| now.0);
    let old = now.saturating_sub(notice.place) > micros(PATIENCE);
    let (change, done) = match sent {
        Ok(status) if status.is_success() => (Change::NoticeGone(Box::new(notice)), Done::Taken),
        // Nobody wants to hear it any more (Standard Webhooks).
        Ok(StatusCode::GONE) => (
            Change::NoticeGone(Box::new(notice)),
            Done::Failed("410 Gone: it is told no more of this".into()),
        ),
        other => {
            let why = other.map_or_else(|error| error, |status| status.to_string());
            if old {
                tracing::error!("webhook {} was never told {}: {why}", setting.url, notice.id);
                (Change::NoticeGone(Box::new(notice)), Done::Failed(why))
            } else {
                let exponent = u32::try_from(notice.attempts).unwrap_or(u32::MAX).min(16);
                let wait = FIRST.saturating_mul(1 << exponent).min(LONGEST);
                (Change::NoticeLater(Box::new(notice), wait), Done::Failed(why))
            }
        }
    };
    let _ = timeout(STORED, store.ask(change)).await;
    done
}

async fn send(http: &Client, setting: &Setting, notice: &Notice) -> Result<StatusCode, String> {
    let seconds = u64::try_from(Clock::utc().map_or(0, |now| now.0) / 1_000_000).unwrap_or_default();
    let request = http
        .post(&setting.url)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &notice.id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", signature(&setting.secret, &notice.id, seconds, &notice.body))
        .body(notice.body.clone());
    let response = request.send().await.map_err(|error| crate::desk::reason(&error.without_url()))?;
    Ok(response.status())
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
