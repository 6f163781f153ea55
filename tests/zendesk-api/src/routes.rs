//! What is asked of an account, and what it answers.

use core::time::Duration;

use serde_json::{Value, json};

use super::CLIENT;
use super::account::{Account, Comment, Kept, User, stamp};
use super::http::{Request, Response};

/// How long an idempotency key is remembered.
const KEY: Duration = Duration::from_secs(2 * 3600);

/// How often a ticket may be changed in ten minutes.
const CHANGES: usize = 30;
const TEN_MINUTES: Duration = Duration::from_secs(600);

const MINUTE: Duration = Duration::from_secs(60);

const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];

/// Does what is asked.
pub(super) fn answer(account: &mut Account, request: &Request) -> Response {
    let path = request.path();
    if let ["oauth", "tokens"] = path[..] {
        return mint(account, request);
    }
    let token = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
    let now = account.now();
    if token.and_then(|token| account.tokens.get(token)).is_none_or(|until| *until <= now) {
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
        ("GET", ["groups"]) => {
            let groups: Vec<Value> =
                account.groups.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
            Response::new(200, json!({ "groups": groups, "next_page": null }))
        }
        ("GET", ["users", "search"]) => search(account, request),
        ("POST", ["users"]) => make_user(account, &request.json()["user"]),
        ("POST", ["users", "create_or_update"]) => make_or_change_user(account, &request.json()["user"]),
        ("GET", ["users", user, "tickets", "requested"]) => {
            let requested = account.tickets.values().filter(|ticket| ticket.requester == Some(id(user)));
            listed(requested.map(super::Ticket::json).collect())
        }
        ("GET", ["tickets"]) => {
            let wanted = request.query("external_id");
            let found = account.tickets.values().filter(|ticket| ticket.external_id == wanted);
            listed(found.map(super::Ticket::json).collect())
        }
        ("POST", ["tickets"]) => create(account, request),
        ("GET", ["tickets", ticket]) => match account.tickets.get(&id(ticket)) {
            Some(ticket) => Response::new(200, json!({ "ticket": ticket.json() })),
            None => Response::not_found(),
        },
        ("PUT", ["tickets", ticket]) => update(account, id(ticket), &request.json()["ticket"]),
        ("GET", ["tickets", ticket, "comments"]) => match account.tickets.get(&id(ticket)) {
            Some(ticket) => {
                let comment = |comment: &Comment| json!({ "body": comment.body, "plain_body": comment.body, "public": comment.public });
                let mut comments: Vec<Value> = ticket.comments.iter().map(comment).collect();
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

fn listed(tickets: Vec<Value>) -> Response {
    Response::new(200, json!({ "count": tickets.len(), "tickets": tickets, "next_page": null }))
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
    if text("phone").is_some_and(|phone| !phone.starts_with('+') || phone.len() > 16) {
        return Response::invalid("phone", "Phone is not properly formatted");
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
    let group = ticket["group_id"].as_u64();
    if group.is_some_and(|id| account.groups.iter().all(|(known, _)| *known != id)) {
        return Response::invalid("group", "Group is not valid");
    }
    let priority = ticket["priority"].as_str();
    if priority.is_some_and(|priority| !PRIORITIES.contains(&priority)) {
        return Response::invalid("priority", "Priority is not valid");
    }
    let channel = match ticket["via_id"].as_u64() {
        Some(33..=35) => "voice",
        _ => "api",
    };
    let made = account.add_ticket(ticket["subject"].as_str().unwrap_or(body), channel);
    made.requester = requester;
    made.group = group;
    made.priority = priority.map(str::to_owned);
    made.external_id = ticket["external_id"].as_str().map(str::to_owned);
    made.tags = words(&ticket["tags"]).collect();
    made.comments.push(comment(&ticket["comment"], body));
    Response::new(201, json!({ "ticket": made.json(), "audit": { "id": made.id + 1, "ticket_id": made.id } }))
}

fn comment(value: &Value, body: &str) -> Comment {
    Comment { body: body.to_owned(), public: value["public"].as_bool().unwrap_or(true) }
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
    ticket.changes.push(now);
    ticket.updated = now;
    if let Some(body) = change["comment"]["body"].as_str() {
        ticket.comments.push(comment(&change["comment"], body));
    }
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
            ticket.comments.extend(
                body["source_comment"].as_str().map(|text| Comment { body: text.to_owned(), public: false }),
            );
        }
    }
    if let Some(ticket) = account.tickets.get_mut(&into) {
        ticket.comments.extend(
            body["target_comment"].as_str().map(|text| Comment { body: text.to_owned(), public: false }),
        );
    }
    Response::new(200, json!({ "job_status": { "id": "merge", "status": "completed" } }))
}
