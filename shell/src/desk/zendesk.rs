//! What is done in an account of Zendesk's: callers found, tickets made, written on and found again.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::api::{Api, Failure};
use super::handover::{Handover, Useless};
use super::part::What;
use super::setting::Account;
use super::share::{CLOCKS, Spoken};
use crate::store::hex;

/// How a ticket came: by a message that was left, or by a phone call that came in.
const VOICEMAIL: u64 = 33;
const PHONE_CALL: u64 = 34;

/// The tag of the ticket that Talk makes of a call that overflowed.
const OVERFLOW: &str = "call_overflow";

/// How many callers and groups are remembered.
const REMEMBERED: usize = 10_000;

/// How many tickets a page of a list has, and how many pages are looked through.
const A_PAGE: usize = 100;
const PAGES: usize = 10;

pub(super) struct Zendesk {
    api: Api,
    /// The desk's name.
    pub(super) name: String,
    /// How long after a call Talk's own ticket is looked for.
    pub(super) adopt: Duration,
    /// How long after a call the ticket is looked for that Talk makes of one that overflowed to us.
    pub(super) twin: Duration,
    /// Users by their numbers; groups, forms and brands by their names.
    callers: Memory,
    named: Memory,
    /// Whether it was said that it does not work.
    failing: AtomicBool,
}

/// A ticket as it is sent, and the key under which the account makes it once.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Draft {
    key: String,
    body: String,
}

impl Draft {
    /// As it lies in the outbox.
    pub(super) fn to_store(&self) -> String {
        // Two texts: nothing that JSON has not.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// One that lies there.
    pub(super) fn stored(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// A ticket as it was read.
pub(super) struct Page {
    /// When it was last changed, as the account says it.
    stamp: Value,
    comments: Value,
}

impl Page {
    /// Whether this stands in one of its comments.
    pub(super) fn has(&self, marker: &str) -> bool {
        list(&self.comments).any(|comment| {
            let said = |key| comment[key].as_str().is_some_and(|body| body.contains(marker));
            said("body") || said("plain_body")
        })
    }

    /// Whether one of its comments is of another call than this.
    pub(super) fn is_of_another(&self, call: u64) -> bool {
        let this = hex(call);
        let bodies = list(&self.comments).filter_map(|comment| comment["body"].as_str());
        bodies.flat_map(calls).any(|call| call != this)
    }
}

/// The calls that are named in what a ticket begins with, or in what was written on it at a call's end.
fn calls(text: &str) -> impl Iterator<Item = &str> {
    let ways = [("Call ", " has ended"), ("Call: ", " (X-Warmline-Call)")];
    ways.into_iter().flat_map(move |(before, after)| {
        text.match_indices(before).filter_map(move |(at, _)| {
            let (call, rest) = text.get(at + before.len()..)?.split_at_checked(16)?;
            rest.starts_with(after).then_some(call)
        })
    })
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
        let Account { adopt, twin, .. } = account;
        Self {
            api: Api::new(account),
            name: name.to_owned(),
            adopt,
            twin,
            callers: Memory::default(),
            named: Memory::default(),
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

    /// A ticket for a hand-over, as it is sent, in place of one of no use where there is such; `message`: the caller has
    /// left one.
    pub(super) async fn draft(
        &self,
        handover: &Handover,
        useless: Option<Useless>,
        message: bool,
    ) -> Result<Draft, Failure> {
        let mut context = handover.context();
        if let Some(useless) = useless {
            context.push_str(&format!("\n{}", useless.told()));
        }
        let mut ticket = json!({
            "subject": handover.subject(),
            "comment": { "body": context, "public": false },
            "via_id": if message { VOICEMAIL } else { PHONE_CALL },
            "external_id": hex(handover.call),
            "tags": handover.tags,
        });
        if let Some(caller) = &handover.caller
            && let Some(requester) = self.requester(caller).await?
        {
            ticket["requester_id"] = requester.into();
        }
        let mut fields = Vec::new();
        for part in &handover.parts {
            let (key, named) = match &part.what {
                What::Group(name) => ("group_id", self.named("groups", name).await),
                What::Form(name) => ("ticket_form_id", self.named("ticket_forms", name).await),
                What::Brand(name) => ("brand_id", self.named("brands", name).await),
                What::Type(name) => ("type", Ok(name.as_str().into())),
                What::Priority(name) => ("priority", Ok(name.as_str().into())),
                What::Field(id, value) => {
                    fields.push(json!({ "id": id, "value": value }));
                    continue;
                }
            };
            match named {
                Ok(value) => ticket[key] = value,
                // A ticket without it is better than none.
                Err(Failure::Refused { why, .. }) => {
                    tracing::warn!("desk {}: tickets are made without {part}: {why}", self.name);
                }
                Err(other) => return Err(other),
            }
        }
        if !fields.is_empty() {
            ticket["custom_fields"] = fields.into();
        }
        // What the account does not take is left out, and is another ticket then.
        let key = format!("warmline-{}-{}", hex(handover.call), handover.parts.len());
        Ok(Draft { key, body: json!({ "ticket": ticket }).to_string() })
    }

    /// Makes it. Sent again within two hours, in the same bytes, it is the same one.
    pub(super) async fn create(&self, call: u64, draft: &Draft) -> Result<u64, Failure> {
        match self.api.post("/api/v2/tickets", draft.body.clone(), Some(&draft.key)).await {
            Ok(answer) => {
                let made = identity(&answer["ticket"]);
                made.ok_or_else(|| Failure::Unsure("the answer names no ticket".to_owned()))
            }
            // It was sent before, in other bytes.
            Err(refused @ Failure::Refused { status: 400, .. }) => self.made_of(call).await?.ok_or(refused),
            Err(other) => Err(other),
        }
    }

    /// What keeps a ticket from being written on; none where nothing does.
    pub(super) async fn useless(&self, ticket: u64) -> Result<Option<Useless>, Failure> {
        match self.api.get(&format!("/api/v2/tickets/{ticket}")).await {
            Ok(answer) => Ok(match answer["ticket"]["status"].as_str() {
                Some("closed") => Some(Useless { ticket, closed: true }),
                Some("deleted") => Some(Useless { ticket, closed: false }),
                _ => None,
            }),
            Err(Failure::Refused { status: 404, .. }) => Ok(Some(Useless { ticket, closed: false })),
            Err(other) => Err(other),
        }
    }

    /// The ticket that was made of a call, if there is one.
    pub(super) async fn made_of(&self, call: u64) -> Result<Option<u64>, Failure> {
        let answer = self.api.get(&format!("/api/v2/tickets?external_id={}", hex(call))).await?;
        // The first one, should there be more.
        Ok(list(&answer["tickets"]).filter_map(identity).min())
    }

    /// The tickets that Talk may have made of a call by itself.
    pub(super) async fn talks(&self, handover: &Handover) -> Result<Vec<Spoken>, Failure> {
        self.spoken(handover, false).await
    }

    /// The tickets of calls that overflowed to us, of which one may be this call's.
    pub(super) async fn twins(&self, handover: &Handover) -> Result<Vec<Spoken>, Failure> {
        self.spoken(handover, true).await
    }

    /// The tickets of phone calls that a caller has made since a hand-over, but ours: those that overflowed, or the others.
    async fn spoken(&self, handover: &Handover, overflowed: bool) -> Result<Vec<Spoken>, Failure> {
        let Some(caller) = &handover.caller else { return Ok(Vec::new()) };
        let since = handover.began.saturating_sub(CLOCKS);
        let fits = |ticket: &Value| {
            let ours = ticket["external_id"].as_str().is_some_and(|id| !id.is_empty());
            let spoken = matches!(ticket["via"]["channel"].as_str(), Some("voice" | "phone"));
            let tagged = list(&ticket["tags"]).any(|tag| tag.as_str() == Some(OVERFLOW));
            let closed = ticket["status"].as_str() == Some("closed");
            !ours && spoken && tagged == overflowed && !closed
        };
        let mut found = Vec::new();
        for user in self.users(caller).await? {
            let requested = format!("/api/v2/users/{user}/tickets/requested");
            for page in 1..=PAGES {
                // The last one first.
                let sorted = format!("sort_by=created_at&sort_order=desc&per_page={A_PAGE}&page={page}");
                let answer = self.api.get(&format!("{requested}?{sorted}")).await?;
                for ticket in list(&answer["tickets"]).filter(|ticket| fits(ticket)) {
                    found.extend(spoken(ticket).filter(|spoken| spoken.at >= since));
                }
                let last = list(&answer["tickets"]).last().and_then(made_at);
                if answer["next_page"].is_null() || last.is_none_or(|last| last < since) {
                    break;
                }
            }
        }
        // One may be on two pages where another was made meanwhile.
        found.sort_unstable_by_key(|spoken| spoken.ticket);
        found.dedup();
        Ok(found)
    }

    /// Reads a ticket.
    pub(super) async fn page(&self, ticket: u64) -> Result<Page, Failure> {
        let path = format!("/api/v2/tickets/{ticket}");
        let stamp = self.api.get(&path).await?["ticket"]["updated_at"].take();
        let comments = self.api.get(&format!("{path}/comments?sort_order=desc")).await?["comments"].take();
        Ok(Page { stamp, comments })
    }

    /// Writes a comment that no caller sees, with files that were uploaded. Where the ticket is not as it was read any more, it
    /// is tried again: one of ours that was on its way is seen then.
    pub(super) async fn write(
        &self,
        ticket: u64,
        page: &Page,
        text: &str,
        uploads: &[String],
    ) -> Result<(), Failure> {
        let comment = json!({ "body": text, "public": false, "uploads": uploads });
        let body =
            json!({ "ticket": { "comment": comment, "safe_update": true, "updated_stamp": page.stamp } });
        self.api.put(&format!("/api/v2/tickets/{ticket}"), &body).await.map(drop)
    }

    /// The same with nothing else, once.
    pub(super) async fn comment(&self, ticket: u64, text: &str) -> Result<(), Failure> {
        let page = self.page(ticket).await?;
        if page.has(text) { Ok(()) } else { self.write(ticket, &page, text, &[]).await }
    }

    /// Uploads a sound file: what a comment names to have it, for an hour.
    pub(super) async fn upload(&self, name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
        let path = format!("/api/v2/uploads?filename={name}");
        let answer = self.api.upload(&path, "audio/wav", bytes).await?;
        let token = answer["upload"]["token"].as_str().map(str::to_owned);
        token.ok_or_else(|| Failure::Unsure("the answer names no upload".to_owned()))
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

    /// The user with a number, made where there is none; none where the account does not take the number for one.
    async fn requester(&self, caller: &str) -> Result<Option<u64>, Failure> {
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
        match self.callers.cell(caller).get_or_try_init(find).await {
            Ok(user) => Ok(Some(*user)),
            // A ticket that has the number in its text is better than none.
            Err(Failure::Refused { status: 422, why, .. }) => {
                tracing::warn!(
                    "desk {}: tickets are made without a requester for {caller}: {why}",
                    self.name
                );
                Ok(None)
            }
            Err(other) => Err(other),
        }
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

    /// A group, a form or a brand by its name.
    async fn named(&self, kind: &str, name: &str) -> Result<Value, Failure> {
        let find = async || {
            let answer = self.api.get(&format!("/api/v2/{kind}?per_page=100")).await?;
            let found = list(&answer[kind]).find(|one| one["name"].as_str() == Some(name));
            found.and_then(identity).ok_or_else(|| Failure::Refused {
                status: 404,
                why: format!("none of its {kind} is called \"{}\"", name.escape_debug()),
                about: Vec::new(),
            })
        };
        let found = self.named.cell(&format!("{kind}/{name}"));
        Ok((*found.get_or_try_init(find).await?).into())
    }

    /// Says once that the account cannot be reached, where that is what has failed.
    pub(super) fn fails(&self, failure: &Failure) {
        if !matches!(failure, Failure::Busy { .. }) && !self.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "desk {}: {failure}. Calls go on without tickets meanwhile; those are made or found later. This is said again \
                 when it has worked in between",
                self.name
            );
        }
    }

    /// Whether it could not be reached the last time: nobody waits for it only to know more.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
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

fn spoken(ticket: &Value) -> Option<Spoken> {
    Some(Spoken { ticket: identity(ticket)?, at: made_at(ticket)? })
}

/// When a ticket was made, as the account says it: in UTC, in seconds.
fn made_at(ticket: &Value) -> Option<i64> {
    let time = humantime::parse_rfc3339(ticket["created_at"].as_str()?).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}

fn identity(value: &Value) -> Option<u64> {
    value["id"].as_u64()
}
