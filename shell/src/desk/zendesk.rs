//! What is done in an account of Zendesk's: callers found, tickets made, written on and found again.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::api::{Api, Failure};
use super::handover::Handover;
use super::setting::Account;
use crate::store::{hex, utc};

/// A phone call that came in.
const PHONE_CALL: u64 = 34;

/// How many callers and groups are remembered.
const REMEMBERED: usize = 10_000;

/// How much earlier than a hand-over Talk's ticket may say it was made: clocks differ.
const CLOCKS: i64 = 30_000_000;

pub(super) struct Zendesk {
    api: Api,
    /// The desk's name.
    pub(super) name: String,
    /// How long after a call Talk's own ticket is looked for.
    pub(super) adopt: Duration,
    /// Users by their numbers, and groups by their names.
    callers: Memory,
    groups: Memory,
    /// Whether it was said that it does not work.
    failing: AtomicBool,
}

/// What was looked up, by its name; who asks meanwhile waits for the same answer.
#[derive(Default)]
struct Memory(Mutex<HashMap<String, Arc<OnceCell<u64>>>>);

impl Memory {
    fn cell(&self, name: &str) -> Arc<OnceCell<u64>> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.len() >= REMEMBERED {
            cells.clear();
        }
        Arc::clone(cells.entry(name.to_owned()).or_default())
    }
}

impl Zendesk {
    pub(super) fn new(name: &str, account: Account) -> Self {
        let adopt = account.adopt;
        Self {
            api: Api::new(account),
            name: name.to_owned(),
            adopt,
            callers: Memory::default(),
            groups: Memory::default(),
            failing: AtomicBool::new(false),
        }
    }

    /// Gets ready for a call of this number: a token, and who it is. What fails is tried again when it counts.
    pub(super) async fn expect(&self, caller: &str) {
        let ready = async {
            self.api.warm().await?;
            self.requester(caller).await
        };
        match ready.await {
            Ok(_) => self.works(),
            Err(failure) => self.fails(&failure),
        }
    }

    /// A ticket for a hand-over, as it is sent.
    pub(super) async fn draft(&self, handover: &Handover) -> Result<String, Failure> {
        let mut ticket = json!({
            "subject": handover.subject(),
            "comment": { "body": handover.context(), "public": false },
            "via_id": PHONE_CALL,
            "external_id": hex(handover.call),
            "tags": handover.tags,
        });
        if let Some(caller) = &handover.caller {
            ticket["requester_id"] = self.requester(caller).await?.into();
        }
        if let Some(priority) = &handover.priority {
            ticket["priority"] = priority.as_str().into();
        }
        let fields: Vec<_> =
            handover.context.custom().map(|(id, value)| json!({ "id": id, "value": value })).collect();
        if !fields.is_empty() {
            ticket["custom_fields"] = fields.into();
        }
        if let Some(group) = &handover.group {
            match self.group(group).await {
                Ok(id) => ticket["group_id"] = id.into(),
                // A ticket in no group is better than none.
                Err(Failure::Refused { why, .. }) => {
                    tracing::warn!("desk {}: tickets are made without their group: {why}", self.name);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(json!({ "ticket": ticket }).to_string())
    }

    /// Makes it. Sent again within two hours, in the same bytes, it is the same one.
    pub(super) async fn create(&self, call: u64, draft: &str) -> Result<u64, Failure> {
        let key = format!("warmline-{}", hex(call));
        let answer = self.api.post("/api/v2/tickets", draft.to_owned(), Some(&key)).await?;
        identity(&answer["ticket"]).ok_or_else(|| Failure::Unsure("the answer names no ticket".to_owned()))
    }

    /// The ticket that was made of a call, if there is one.
    pub(super) async fn made_of(&self, call: u64) -> Result<Option<u64>, Failure> {
        let answer = self.api.get(&format!("/api/v2/tickets?external_id={}", hex(call))).await?;
        // The first one, should there be more.
        Ok(list(&answer["tickets"]).filter_map(identity).min())
    }

    /// The ticket that Talk has made of a hand-over itself.
    pub(super) async fn talks(&self, handover: &Handover) -> Result<Option<u64>, Failure> {
        let Some(caller) = &handover.caller else { return Ok(None) };
        let since = utc(handover.began.saturating_sub(CLOCKS));
        let is_talks = |ticket: &&Value| {
            let ours = ticket["external_id"].as_str().is_some_and(|id| !id.is_empty());
            let spoken = matches!(ticket["via"]["channel"].as_str(), Some("voice" | "phone"));
            // Both in UTC, and so in the order of time.
            !ours && spoken && ticket["created_at"].as_str().is_some_and(|at| at >= since.as_str())
        };
        for user in self.users(caller).await? {
            let answer = self.api.get(&format!("/api/v2/users/{user}/tickets/requested")).await?;
            if let Some(ticket) = list(&answer["tickets"]).filter(is_talks).filter_map(identity).min() {
                return Ok(Some(ticket));
            }
        }
        Ok(None)
    }

    /// Writes a comment that no caller sees, once: where one with this marker is there already, it is left.
    pub(super) async fn comment(&self, ticket: u64, marker: &str, text: &str) -> Result<(), Failure> {
        let answer = self.api.get(&format!("/api/v2/tickets/{ticket}/comments?sort_order=desc")).await?;
        let there = |comment: &Value| {
            let said = |key| comment[key].as_str().is_some_and(|body| body.contains(marker));
            said("body") || said("plain_body")
        };
        if list(&answer["comments"]).any(there) {
            return Ok(());
        }
        let body = json!({ "ticket": { "comment": { "body": text, "public": false } } });
        self.api.put(&format!("/api/v2/tickets/{ticket}"), &body).await.map(drop)
    }

    /// Adds tags to those that a ticket has.
    pub(super) async fn tag(&self, ticket: u64, tags: &[String]) -> Result<(), Failure> {
        let body = json!({ "tags": tags });
        self.api.put(&format!("/api/v2/tickets/{ticket}/tags"), &body).await.map(drop)
    }

    /// Has `one` end in `other`, where it has not already.
    pub(super) async fn merge(&self, one: u64, other: u64) -> Result<(), Failure> {
        let ticket = self.api.get(&format!("/api/v2/tickets/{one}")).await?;
        if ticket["ticket"]["status"].as_str() == Some("closed") {
            return Ok(());
        }
        let body = json!({
            "ids": [one],
            "source_comment": format!("The same call has ticket {other}: this one came too late for it."),
            "source_comment_is_public": false,
            "target_comment": format!("Ticket {one} was made for the same call, and came too late for it."),
            "target_comment_is_public": false,
        });
        self.api.post(&format!("/api/v2/tickets/{other}/merge"), body.to_string(), None).await.map(drop)
    }

    /// The user with a number, made where there is none.
    async fn requester(&self, caller: &str) -> Result<u64, Failure> {
        let find = async || {
            if let Some(user) = self.users(caller).await?.first() {
                return Ok(*user);
            }
            let body = json!({ "user": {
                "name": format!("Caller {caller}"),
                "phone": caller,
                // Keyed by this alone: asked for twice, it is one user.
                "external_id": format!("tel:{caller}"),
                "role": "end-user",
            }});
            let answer = self.api.post("/api/v2/users/create_or_update", body.to_string(), None).await?;
            identity(&answer["user"]).ok_or_else(|| Failure::Unsure("the answer names no user".to_owned()))
        };
        self.callers.cell(caller).get_or_try_init(find).await.copied()
    }

    /// The users with a number.
    async fn users(&self, caller: &str) -> Result<Vec<u64>, Failure> {
        let digits: String = caller.chars().filter(char::is_ascii_digit).collect();
        let path = format!("/api/v2/users/search?query=role:end-user%20phone:{digits}");
        let answer = self.api.get(&path).await?;
        // A search finds what is alike, too.
        let same = |user: &&Value| {
            let phone = user["phone"].as_str().unwrap_or_default();
            phone.chars().filter(char::is_ascii_digit).eq(digits.chars())
        };
        Ok(list(&answer["users"]).filter(same).filter_map(identity).collect())
    }

    /// A group by its name.
    async fn group(&self, name: &str) -> Result<u64, Failure> {
        let find = async || {
            let answer = self.api.get("/api/v2/groups?per_page=100").await?;
            let found = list(&answer["groups"]).find(|group| group["name"].as_str() == Some(name));
            found.and_then(identity).ok_or_else(|| Failure::Refused {
                status: 404,
                why: format!("no group is called \"{}\"", name.escape_debug()),
            })
        };
        self.groups.cell(name).get_or_try_init(find).await.copied()
    }

    /// Says once that the account cannot be reached.
    pub(super) fn fails(&self, failure: &Failure) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "desk {}: {failure}. Calls go on without tickets meanwhile; those are made or found later. This is said again \
                 when it has worked in between",
                self.name
            );
        }
    }

    pub(super) fn works(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::warn!("desk {} works again", self.name);
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn identity(value: &Value) -> Option<u64> {
    value["id"].as_u64()
}
