//! What is asked of an account, and what it answers.

use core::time::Duration;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account::{Account, Attachment, Comment, Kept, Ticket, User, stamp};
use super::http::{Request, Response};
use super::{API_TOKEN, CLIENT};

/// How long an idempotency key is remembered.
const KEY: Duration = Duration::from_secs(2 * 3600);

/// How often a ticket may be changed in ten minutes.
const CHANGES: usize = 30;
const TEN_MINUTES: Duration = Duration::from_secs(600);

const MINUTE: Duration = Duration::from_secs(60);

/// How long an upload is kept that no comment names, and the largest.
const UPLOAD: Duration = Duration::from_secs(3600);
const LARGEST: usize = 50 * 1_000_000;

/// How many a page of a list has, at most.
const PAGE: usize = 100;

const TYPES: [&str; 4] = ["problem", "incident", "question", "task"];
const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];

/// Does what is asked.
pub(super) fn answer(account: &mut Account, request: &Request) -> Response {
    let path = request.path();
    if let ["oauth", "tokens"] = path[..] {
        return mint(account, request);
    }
    let now = account.now();
    let authorised = match request.header("authorization").and_then(|text| text.split_once(' ')) {
        Some(("Bearer", token)) => account.tokens.get(token).is_some_and(|until| *until > now),
        Some(("Basic", proof)) => proof == basic(&format!("{}/token:{}", API_TOKEN.0, API_TOKEN.1)),
        _ => false,
    };
    if !authorised {
        return Response::unauthorised();
    }
    account.requests.retain(|at| now.duration_since(*at).is_ok_and(|since| since < MINUTE));
    let spent = account.requests.len() as u64;
    let first =
        account.requests.first().and_then(|first| now.duration_since(*first).ok()).unwrap_or_default();
    let reset = (MINUTE.saturating_sub(first)).as_secs().max(1);
    let mut response = match spent >= account.per_minute {
        true => Response::too_many(reset),
        false => {
            account.requests.push(now);
            let ["api", "v2", rest @ ..] = &path[..] else { return Response::not_found() };
            route(account, request, rest)
        }
    };
    let (limit, left) =
        (account.per_minute, account.per_minute.saturating_sub(account.requests.len() as u64));
    response.headers.extend([
        ("X-Rate-Limit", limit.to_string()),
        ("X-Rate-Limit-Remaining", left.to_string()),
        ("ratelimit-limit", limit.to_string()),
        ("ratelimit-remaining", left.to_string()),
        ("ratelimit-reset", reset.to_string()),
    ]);
    response
}

fn route(account: &mut Account, request: &Request, path: &[&str]) -> Response {
    let id = |text: &str| text.parse::<u64>().unwrap_or_default();
    match (request.method.as_str(), path) {
        ("GET", ["groups"]) => named("groups", &account.groups),
        ("GET", ["ticket_forms"]) => named("ticket_forms", &account.forms),
        ("GET", ["brands"]) => named("brands", &account.brands),
        ("POST", ["uploads"]) => upload(account, request),
        ("GET", ["users", "search"]) => search(account, request),
        ("POST", ["users"]) => make_user(account, &request.json()["user"]),
        ("POST", ["users", "create_or_update"]) => make_or_change_user(account, &request.json()["user"]),
        ("GET", ["users", user, "tickets", "requested"]) => {
            let requested = account.tickets.values().filter(|ticket| ticket.requester == Some(id(user)));
            listed(request, requested.collect())
        }
        ("GET", ["tickets"]) => {
            let wanted = request.query("external_id");
            let found = account.tickets.values().filter(|ticket| ticket.external_id == wanted);
            listed(request, found.collect())
        }
        ("POST", ["tickets"]) => create(account, request),
        ("GET", ["tickets", ticket]) => match account.tickets.get(&id(ticket)) {
            Some(ticket) => Response::new(200, json!({ "ticket": ticket.json() })),
            None => Response::not_found(),
        },
        ("PUT", ["tickets", ticket]) => update(account, id(ticket), &request.json()["ticket"]),
        ("GET", ["tickets", ticket, "comments"]) => match account.tickets.get(&id(ticket)) {
            Some(ticket) => {
                let mut comments: Vec<Value> = ticket.comments.iter().map(Comment::json).collect();
                if request.query("sort_order").as_deref() == Some("desc") {
                    comments.reverse();
                }
                Response::new(200, json!({ "comments": comments, "next_page": null }))
            }
            None => Response::not_found(),
        },
        (method @ ("PUT" | "POST" | "DELETE"), ["tickets", ticket, "tags"]) => {
            tag(account, id(ticket), method, &request.json())
        }
        ("POST", ["tickets", ticket, "merge"]) => merge(account, id(ticket), &request.json()),
        _ => Response::not_found(),
    }
}

/// A token for a client that proves to be itself (RFC 6749 section 4.4).
fn mint(account: &mut Account, request: &Request) -> Response {
    let body = request.json();
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    if request.method != "POST" || text("grant_type") != "client_credentials" {
        return Response::error(
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported.",
        );
    }
    if (text("client_id"), text("client_secret")) != CLIENT {
        return Response::error(401, "invalid_client", "Client authentication failed");
    }
    // A list makes a token that may do nothing.
    if !["tickets:read", "tickets:write", "users:read", "users:write"]
        .iter()
        .all(|one| text("scope").contains(one))
    {
        return Response::error(400, "invalid_scope", "The requested scope is invalid");
    }
    let asked = body["expires_in"].as_u64().unwrap_or(1_800);
    if !(301..172_800).contains(&asked) {
        return Response::error(400, "invalid_request", "expires_in must be over 300 and under 172800");
    }
    account.minted += 1;
    let token = format!("token-{}", account.minted);
    let life = account.token_life.min(Duration::from_secs(asked));
    account.tokens.insert(token.clone(), account.now() + life);
    Response::new(
        201,
        json!({ "access_token": token, "token_type": "bearer", "scope": text("scope"), "expires_in": life.as_secs() }),
    )
}

/// The credentials of RFC 7617.
fn basic(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for piece in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(*piece.get(at).unwrap_or(&0)));
        for place in 0..4 {
            let letter = ALPHABET.get(bits >> (18 - 6 * place) & 63).filter(|_| place <= piece.len());
            out.push(char::from(*letter.unwrap_or(&b'=')));
        }
    }
    out
}

/// All that have a name.
fn named(kind: &str, all: &[(u64, String)]) -> Response {
    let all: Vec<Value> = all.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
    Response::new(200, json!({ kind: all, "next_page": null }))
}

/// Takes a file, for a comment to name within the hour.
fn upload(account: &mut Account, request: &Request) -> Response {
    let kind = request.header("content-type").unwrap_or_default().to_owned();
    let Some(name) = request.query("filename").filter(|name| !name.is_empty() && !kind.is_empty()) else {
        return Response::error(400, "InvalidRequest", "filename and Content-Type are required");
    };
    if request.body.len() > LARGEST {
        return Response::error(413, "RequestEntityTooLarge", "The file is too large");
    }
    let (id, now) = (account.number(), account.now());
    let token = format!("upload-{id}");
    let attachment = json!({ "id": id, "file_name": name, "content_type": kind, "size": request.body.len() });
    account.uploads.insert(token.clone(), (now, Attachment { name, kind, bytes: request.body.clone() }));
    let upload = json!({ "token": token, "expires_at": stamp(now + UPLOAD), "attachment": attachment });
    Response::new(201, json!({ "upload": upload }))
}

/// A page of tickets, those that were made first coming first unless it is said otherwise.
fn listed(request: &Request, mut tickets: Vec<&Ticket>) -> Response {
    let number = |name| request.query(name).and_then(|text| text.parse::<usize>().ok());
    let (page, size) =
        (number("page").unwrap_or(1).max(1), number("per_page").unwrap_or(PAGE).clamp(1, PAGE));
    if request.query("sort_by").as_deref() == Some("created_at") {
        tickets.sort_by_key(|ticket| (ticket.created, ticket.id));
    }
    if request.query("sort_by").is_some() && request.query("sort_order").as_deref() == Some("desc") {
        tickets.reverse();
    }
    let shown: Vec<Value> =
        tickets.iter().skip((page - 1) * size).take(size).map(|ticket| ticket.json()).collect();
    let next = (tickets.len() > page * size).then(|| {
        let host = request.header("host").unwrap_or_default();
        format!("http://{host}/{}?page={}&per_page={size}", request.path().join("/"), page + 1)
    });
    Response::new(200, json!({ "count": tickets.len(), "tickets": shown, "next_page": next }))
}

/// Users by `external_id`, or by `phone:` and digits alone, as the search wants them.
fn search(account: &Account, request: &Request) -> Response {
    let external = request.query("external_id");
    let query = request.query("query").unwrap_or_default();
    let wanted = query.split(' ').find_map(|word| word.strip_prefix("phone:"));
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let fits = |user: &&User| match (&external, wanted) {
        (Some(_), _) => user.external_id == external,
        // A plus finds nothing.
        (None, Some(wanted)) => user.phone.as_deref().is_some_and(|phone| digits(phone) == wanted),
        (None, None) => false,
    };
    let users: Vec<Value> = account.users.iter().filter(fits).map(User::json).collect();
    Response::new(200, json!({ "count": users.len(), "users": users, "next_page": null }))
}

fn make_user(account: &mut Account, user: &Value) -> Response {
    let text = |key: &str| user[key].as_str();
    let Some(name) = text("name").filter(|name| !name.is_empty()) else {
        return Response::invalid("name", "Name: cannot be blank");
    };
    let malformed =
        |phone: &&str| !phone.starts_with('+') || phone.len() > 16 || account.no_phones.contains(*phone);
    if let Some(phone) = text("phone").filter(malformed) {
        return Response::invalid("phone", &format!("Phone {phone} is not properly formatted"));
    }
    let external = text("external_id");
    if external.is_some() && account.users.iter().any(|user| user.external_id.as_deref() == external) {
        return Response::invalid("external_id", "External has already been taken");
    }
    let id = account.add_user(name, text("phone"), external);
    let made = account.users.iter().find(|user| user.id == id).map(User::json);
    Response::new(201, json!({ "user": made }))
}

/// Keyed by `external_id` (or an address of mail, which nobody has here), never by phone.
fn make_or_change_user(account: &mut Account, user: &Value) -> Response {
    let external = user["external_id"].as_str();
    let known =
        account.users.iter_mut().find(|known| external.is_some() && known.external_id.as_deref() == external);
    match known {
        Some(known) => {
            if let Some(name) = user["name"].as_str() {
                known.name = name.to_owned();
            }
            Response::new(200, json!({ "user": known.json() }))
        }
        None => make_user(account, user),
    }
}

/// Makes a ticket: once for each idempotency key.
fn create(account: &mut Account, request: &Request) -> Response {
    let now = account.now();
    account.keys.retain(|_, kept| now.duration_since(kept.at).is_ok_and(|since| since < KEY));
    let key = request.header("idempotency-key").map(str::to_owned);
    if let Some(kept) = key.as_ref().and_then(|key| account.keys.get(key)) {
        if kept.body != request.body {
            let description = "The request parameters do not match those of the first request with this key";
            return Response::error(400, "IdempotentRequestError", description);
        }
        let mut response = Response::new(kept.answer.0, kept.answer.1.clone());
        response.headers.push(("x-idempotency-lookup", "hit".to_owned()));
        return response;
    }
    let mut response = new_ticket(account, &request.json()["ticket"]);
    if let Some(key) = key {
        response.headers.push(("x-idempotency-lookup", "miss".to_owned()));
        if response.status == 201 {
            let kept = Kept { body: request.body.clone(), answer: (201, response.body.clone()), at: now };
            account.keys.insert(key, kept);
        }
    }
    response
}

fn new_ticket(account: &mut Account, ticket: &Value) -> Response {
    let Some(body) = ticket["comment"]["body"].as_str().filter(|body| !body.is_empty()) else {
        return Response::invalid("comment", "Description: cannot be blank");
    };
    let requester = ticket["requester_id"].as_u64();
    if requester.is_some_and(|id| account.users.iter().all(|user| user.id != id)) {
        return Response::invalid("requester", "Requester is not valid");
    }
    let mut ids = [None; 3];
    for (id, (key, known)) in ids.iter_mut().zip([
        ("group_id", &account.groups),
        ("ticket_form_id", &account.forms),
        ("brand_id", &account.brands),
    ]) {
        *id = ticket[key].as_u64();
        if !ticket[key].is_null() && known.iter().all(|(known, _)| Some(*known) != *id) {
            return Response::invalid(key.trim_end_matches("_id"), &format!("{key} is not valid"));
        }
    }
    for (key, known) in [("priority", PRIORITIES), ("type", TYPES)] {
        if !ticket[key].is_null() && ticket[key].as_str().is_none_or(|word| !known.contains(&word)) {
            return Response::invalid(key, &format!("{key} is not valid"));
        }
    }
    let mut fields = BTreeMap::new();
    for field in ticket["custom_fields"].as_array().into_iter().flatten() {
        let id = field["id"].as_u64().unwrap_or_default();
        if !account.fields.contains(&id) {
            return Response::invalid("custom_fields", &format!("Field {id} is not valid"));
        }
        fields.insert(id, field["value"].clone());
    }
    let comment = match comment(account, &ticket["comment"], body) {
        Ok(comment) => comment,
        Err(refusal) => return refusal,
    };
    let word = |key: &str| ticket[key].as_str().map(str::to_owned);
    let via = ticket["via_id"].as_u64();
    let channel = if matches!(via, Some(33..=35)) { "voice" } else { "api" };
    let made = account.add_ticket(ticket["subject"].as_str().unwrap_or(body), channel);
    (made.requester, made.via, made.fields) = (requester, via, fields);
    [made.group, made.form, made.brand] = ids;
    (made.priority, made.kind, made.external_id) = (word("priority"), word("type"), word("external_id"));
    made.tags = words(&ticket["tags"]).collect();
    made.comments.push(comment);
    Response::new(201, json!({ "ticket": made.json(), "audit": { "id": made.id + 1, "ticket_id": made.id } }))
}

/// A comment, with the uploads that it names: each is there for one.
fn comment(account: &mut Account, value: &Value, body: &str) -> Result<Comment, Response> {
    let now = account.now();
    account.uploads.retain(|_, (at, _)| now.duration_since(*at).is_ok_and(|since| since < UPLOAD));
    let mut attachments = Vec::new();
    for token in words(&value["uploads"]) {
        match account.uploads.remove(&token) {
            Some((_, attachment)) => attachments.push(attachment),
            None => return Err(Response::invalid("uploads", "Upload token is not valid")),
        }
    }
    Ok(Comment { body: body.to_owned(), public: value["public"].as_bool().unwrap_or(true), attachments })
}

impl Comment {
    fn json(&self) -> Value {
        let attachment = |file: &Attachment| json!({ "file_name": file.name, "content_type": file.kind, "size": file.bytes.len() });
        let attachments: Vec<Value> = self.attachments.iter().map(attachment).collect();
        json!({ "body": self.body, "plain_body": self.body, "public": self.public, "attachments": attachments })
    }

    /// One that the account itself writes.
    fn own(body: &str) -> Self {
        Self { body: body.to_owned(), public: false, attachments: Vec::new() }
    }
}

fn words(value: &Value) -> impl Iterator<Item = String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}

/// Changes a ticket. Its tags are replaced by those that it brings.
fn update(account: &mut Account, id: u64, change: &Value) -> Response {
    let now = account.now();
    let Some(ticket) = account.tickets.get_mut(&id) else { return Response::not_found() };
    if ticket.status == "closed" {
        return Response::invalid("status", "Status: closed prevents ticket update");
    }
    // Any value of it switches it on.
    if !change["safe_update"].is_null()
        && change["updated_stamp"].as_str() != Some(stamp(ticket.updated).as_str())
    {
        return Response::error(
            409,
            "UpdateConflict",
            "Safe Update prevented the update due to outdated ticket data.",
        );
    }
    ticket.changes.retain(|at| now.duration_since(*at).is_ok_and(|since| since < TEN_MINUTES));
    if ticket.changes.len() >= CHANGES {
        return Response::too_many(60);
    }
    let comment = match change["comment"]["body"].as_str() {
        Some(body) => match comment(account, &change["comment"], body) {
            Ok(comment) => Some(comment),
            Err(refusal) => return refusal,
        },
        None => None,
    };
    let Some(ticket) = account.tickets.get_mut(&id) else { return Response::not_found() };
    ticket.changes.push(now);
    ticket.updated = now;
    ticket.comments.extend(comment);
    if let Some(status) = change["status"].as_str() {
        ticket.status = status.to_owned();
    }
    if change["tags"].is_array() {
        ticket.tags = words(&change["tags"]).collect();
    }
    Response::new(200, json!({ "ticket": ticket.json() }))
}

/// Adds tags (PUT), sets them (POST), or takes some away (DELETE).
fn tag(account: &mut Account, id: u64, method: &str, body: &Value) -> Response {
    let now = account.now();
    let Some(ticket) = account.tickets.get_mut(&id) else { return Response::not_found() };
    if ticket.status == "closed" {
        return Response::invalid("status", "Status: closed prevents ticket update");
    }
    let given = words(&body["tags"]);
    match method {
        "PUT" => ticket.tags.extend(given),
        "POST" => ticket.tags = given.collect(),
        _ => ticket.tags = ticket.tags.difference(&given.collect()).cloned().collect(),
    }
    ticket.updated = now;
    Response::new(if method == "POST" { 201 } else { 200 }, json!({ "tags": ticket.tags }))
}

/// Has tickets end in another.
fn merge(account: &mut Account, into: u64, body: &Value) -> Response {
    let ids: Vec<u64> = body["ids"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    let open = |id: &u64| account.tickets.get(id).is_some_and(|ticket| ticket.status != "closed");
    if ids.is_empty() || ids.contains(&into) || !ids.iter().chain([&into]).all(open) {
        return Response::invalid("ids", "These tickets cannot be merged");
    }
    for id in &ids {
        if let Some(ticket) = account.tickets.get_mut(id) {
            ticket.status = "closed".to_owned();
            ticket.merged = Some(into);
            ticket.tags.insert("closed_by_merge".to_owned());
            ticket.comments.extend(body["source_comment"].as_str().map(Comment::own));
        }
    }
    if let Some(ticket) = account.tickets.get_mut(&into) {
        ticket.comments.extend(body["target_comment"].as_str().map(Comment::own));
    }
    Response::new(200, json!({ "job_status": { "id": "merge", "status": "completed" } }))
}
