//! What is in an account.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use serde_json::{Value, json};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its phone number, in E.164 with `+`.
    pub phone: Option<String>,
    /// What somebody else calls it.
    pub external_id: Option<String>,
}

/// What was written on a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The text.
    pub body: String,
    /// Whether its requester sees it.
    pub public: bool,
    /// Its files.
    pub attachments: Vec<Attachment>,
}

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// What it is called.
    pub name: String,
    /// Its kind, as its Content-Type said.
    pub kind: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub id: u64,
    /// What it is about.
    pub subject: String,
    /// `new`, `open`, ..., `closed`.
    pub status: String,
    /// What somebody else calls it.
    pub external_id: Option<String>,
    /// Whose it is.
    pub requester: Option<u64>,
    /// How it came: `voice` for phone calls.
    pub channel: String,
    /// The number of that, as it was given: 33 for voicemail, 34 for a call that came in.
    pub via: Option<u64>,
    /// Its priority.
    pub priority: Option<String>,
    /// Its type.
    pub kind: Option<String>,
    /// Its group, form and brand.
    pub group: Option<u64>,
    /// See there.
    pub form: Option<u64>,
    /// See there.
    pub brand: Option<u64>,
    /// The values of the account's own fields.
    pub fields: BTreeMap<u64, Value>,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// What was written on it.
    pub comments: Vec<Comment>,
    /// When it was made, and last changed.
    pub created: SystemTime,
    /// See there.
    pub updated: SystemTime,
    /// The ticket that it ended in.
    pub merged: Option<u64>,
    /// When it was changed in the last ten minutes.
    pub(super) changes: Vec<SystemTime>,
}

/// An answer that is given again to the same key.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) body: Vec<u8>,
    pub(super) answer: (u16, Value),
    pub(super) at: SystemTime,
}

/// An account.
#[derive(Debug)]
pub struct Account {
    /// Its users.
    pub users: Vec<User>,
    /// Its tickets, closed ones too.
    pub tickets: BTreeMap<u64, Ticket>,
    /// Its groups.
    pub groups: Vec<(u64, String)>,
    /// Its forms.
    pub forms: Vec<(u64, String)>,
    /// Its brands.
    pub brands: Vec<(u64, String)>,
    /// The numbers of its own fields.
    pub fields: BTreeSet<u64>,
    /// Numbers that it takes for no phone's.
    pub no_phones: BTreeSet<String>,
    /// How long a token lives.
    pub token_life: Duration,
    /// How many requests it takes a minute.
    pub per_minute: u64,
    pub(super) uploads: HashMap<String, (SystemTime, Attachment)>,
    pub(super) tokens: HashMap<String, SystemTime>,
    pub(super) minted: u64,
    pub(super) keys: HashMap<String, Kept>,
    pub(super) requests: Vec<SystemTime>,
    /// How far its clock is ahead.
    ahead: Duration,
    next: u64,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            tickets: BTreeMap::new(),
            groups: vec![(360_001, "Support".into()), (360_002, "Night shift".into())],
            forms: vec![(360_101, "Default".into()), (360_102, "Phone".into())],
            brands: vec![(360_201, "Acme".into()), (360_202, "Apex".into())],
            fields: [27_642, 27_643].into(),
            no_phones: BTreeSet::new(),
            uploads: HashMap::new(),
            token_life: Duration::from_secs(1_800),
            per_minute: 700,
            tokens: HashMap::new(),
            minted: 0,
            keys: HashMap::new(),
            requests: Vec::new(),
            ahead: Duration::ZERO,
            next: 35_000,
        }
    }
}

impl Account {
    /// The time, by its clock.
    pub fn now(&self) -> SystemTime {
        SystemTime::now() + self.ahead
    }

    /// Sets its clock ahead by so much more.
    pub fn pass(&mut self, time: Duration) {
        self.ahead += time;
    }

    /// How many tokens it has given.
    pub const fn minted(&self) -> u64 {
        self.minted
    }

    /// Takes every token back.
    pub fn revoke(&mut self) {
        self.tokens.clear();
    }

    /// Closes a ticket: it is not changed any more.
    pub fn close(&mut self, ticket: u64) {
        if let Some(ticket) = self.tickets.get_mut(&ticket) {
            ticket.status = "closed".to_owned();
        }
    }

    /// The tickets that have not ended in another.
    pub fn standing(&self) -> Vec<&Ticket> {
        self.tickets.values().filter(|ticket| ticket.merged.is_none()).collect()
    }

    /// What Talk does when a call reaches its line without a ticket: it makes one, for a new user where nobody has that
    /// number. Its number.
    pub fn talk_takes(&mut self, caller: &str) -> u64 {
        let known = self.users.iter().find(|user| user.phone.as_deref() == Some(caller)).map(|user| user.id);
        let user = known.unwrap_or_else(|| self.add_user(caller, Some(caller), None));
        let ticket = self.add_ticket(&format!("Call from {caller}"), "voice");
        ticket.requester = Some(user);
        ticket.id
    }

    /// What Talk does when a call has ended that it had passed on by telephone, since nobody was free: it makes a ticket of it.
    /// Its number.
    pub fn talk_passed_on(&mut self, caller: &str) -> u64 {
        let id = self.talk_takes(caller);
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.tags.insert("call_overflow".to_owned());
        }
        id
    }

    pub(super) fn add_user(&mut self, name: &str, phone: Option<&str>, external: Option<&str>) -> u64 {
        let id = self.number();
        let text = |text: &str| text.to_owned();
        self.users.push(User {
            id,
            name: text(name),
            phone: phone.map(text),
            external_id: external.map(text),
        });
        id
    }

    pub(super) fn add_ticket(&mut self, subject: &str, channel: &str) -> &mut Ticket {
        let (id, now) = (self.number(), self.now());
        self.tickets.entry(id).or_insert_with(|| Ticket {
            id,
            subject: subject.to_owned(),
            status: "new".to_owned(),
            external_id: None,
            requester: None,
            channel: channel.to_owned(),
            via: None,
            priority: None,
            kind: None,
            group: None,
            form: None,
            brand: None,
            fields: BTreeMap::new(),
            tags: BTreeSet::new(),
            comments: Vec::new(),
            created: now,
            updated: now,
            merged: None,
            changes: Vec::new(),
        })
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl User {
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "phone": self.phone, "external_id": self.external_id, "role": "end-user",
        })
    }
}

impl Ticket {
    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id, "subject": self.subject, "status": self.status, "external_id": self.external_id,
            "requester_id": self.requester, "priority": self.priority, "type": self.kind, "group_id": self.group, "ticket_form_id": self.form,
            "brand_id": self.brand, "tags": self.tags,
            "custom_fields": self.fields.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect::<Vec<_>>(),
            "via": { "channel": self.channel }, "created_at": stamp(self.created), "updated_at": stamp(self.updated),
        })
    }
}

pub(super) fn stamp(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}
