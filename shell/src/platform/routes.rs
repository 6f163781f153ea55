//! The routes, and who may ask.

use core::num::NonZeroU64;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use tokio::sync::{oneshot, watch};
use warmline_core::filter::{Limiter, Rate};

use super::problem::Problem;
use super::{Answer, PlatformAsk, Serving, Token, Wanted};
use crate::clock::Clock;
use crate::desk::Context;
use crate::signal::{Ask, Asks};

/// The largest body: a long talk's transcript.
const LARGEST: usize = 256 << 10;

/// Who sends more than that is heard out so far, to be told so: who is cut off in mid-sentence hears nothing.
const HEARD_OUT: usize = 4 << 20;

/// How long a request may take, its body included.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a hand-over is waited for to be in the store; it goes on meanwhile.
const KEPT: Duration = Duration::from_millis(500);

/// How often those without a token are told so, all together; then they are only told to wait.
const STRANGERS: Rate = Rate { per_second: 5, burst: 20 };

/// What all requests share.
pub(super) struct Desk {
    pub(super) serving: watch::Receiver<Arc<Serving>>,
    asks: Asks,
    clock: Clock,
    strangers: Mutex<Limiter>,
    /// How often each trunk's token asks, by its place among them.
    known: Mutex<HashMap<usize, Limiter>>,
}

impl Desk {
    pub(super) fn new(serving: watch::Receiver<Arc<Serving>>, asks: Asks, clock: Clock) -> Self {
        Self { serving, asks, clock, strangers: Mutex::default(), known: Mutex::default() }
    }

    /// The trunk that whoever asks speaks for.
    fn admit(&self, headers: &HeaderMap) -> Result<Arc<str>, Problem> {
        let now = self.clock.now();
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.split_once(' '));
        let secret =
            shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, it)| it.trim());
        let serving = Arc::clone(&self.serving.borrow());
        let Some((at, token)) = secret.and_then(|secret| Token::find(&serving.tokens, secret)) else {
            let patient = self.strangers.lock().unwrap_or_else(PoisonError::into_inner).take(now, STRANGERS);
            return Err(if patient { unknown(secret.is_some()) } else { too_many() });
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.entry(at).or_default().take(now, serving.rate) {
            true => Ok(Arc::clone(&token.trunk)),
            false => Err(too_many()),
        }
    }

    /// Asks signalling.
    async fn ask(&self, trunk: Arc<str>, wanted: Wanted) -> Result<Answer, Problem> {
        let (answer, answered) = oneshot::channel();
        let ended = || {
            let detail = "The node is about to end: ask another, or again once it is back.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ended", "The node ends", detail)
        };
        if !self.asks.send(Ask::Platform(PlatformAsk { trunk, wanted, answer })) {
            return Err(ended());
        }
        Ok(answered.await.map_err(|_| ended())??)
    }
}

fn unknown(shown: bool) -> Problem {
    let detail = match shown {
        true => "The token is none of those in [[platform.token]].",
        false => "Send the token that [[platform.token]] has for your trunk: \"Authorization: Bearer ...\".",
    };
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Who asks is not known", detail);
    problem.with(header::WWW_AUTHENTICATE, "Bearer")
}

fn too_many() -> Problem {
    let detail = "There were more requests than [platform] max_rate allows. Wait for Retry-After.";
    let problem =
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", detail);
    problem.with(header::RETRY_AFTER, "1")
}

pub(super) fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/v1/calls/{call}", get(show))
        .route("/v1/calls/{call}/handover", post(hand_over))
        .route("/v1/calls/{call}/outcome", post(outcome))
        .route("/v1/handovers", post(announce))
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
        .layer(from_fn_with_state(Arc::clone(&desk), guard))
        .with_state(desk)
}

/// Lets those in who have a token, for as long as a request may take.
async fn guard(State(desk): State<Arc<Desk>>, mut request: Request, next: Next) -> Response {
    let trunk = match desk.admit(request.headers()) {
        Ok(trunk) => trunk,
        Err(problem) => {
            // Nothing more of it is read.
            return ([(header::CONNECTION, "close")], problem).into_response();
        }
    };
    request.extensions_mut().insert(trunk);
    tokio::time::timeout(PATIENCE, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("A request with its body has {} seconds.", PATIENCE.as_secs());
        let problem =
            Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The request took too long", detail);
        ([(header::CONNECTION, "close")], problem).into_response()
    })
}

async fn nothing() -> Problem {
    let detail = "There are GET /v1/calls/{id}, POST /v1/calls/{id}/handover, POST /v1/calls/{id}/outcome and POST \
                  /v1/handovers.";
    // What it may have for a body is not read.
    Problem::new(StatusCode::NOT_FOUND, "no-such-route", "There is nothing at this path", detail)
        .with(header::CONNECTION, "close")
}

async fn other_method(method: Method) -> Problem {
    let detail = format!("{method} is not what is done here: read calls by GET, ask for hand-overs by POST.");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Another method", detail)
        .with(header::CONNECTION, "close")
}

async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(trunk): Extension<Arc<str>>,
    Path(call): Path<String>,
) -> Result<Response, Problem> {
    answer(StatusCode::OK, desk.ask(trunk, Wanted::Show { call }).await?)
}

/// `POST /v1/calls/{id}/handover`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantsHandOver {
    line: String,
    #[serde(default, deserialize_with = "ticket")]
    ticket: Option<NonZeroU64>,
    #[serde(default)]
    context: Context,
}

async fn hand_over(
    State(desk): State<Arc<Desk>>,
    Extension(trunk): Extension<Arc<str>>,
    Path(call): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let WantsHandOver { line, ticket, context } = json(body).await?;
    let context = Box::new(sound(context)?);
    let (kept, written) = oneshot::channel();
    let asked = desk.ask(trunk, Wanted::HandOver { call, line, ticket, context, kept }).await?;
    // What is promised outlives a crash. It ends by being let go of.
    let _ = tokio::time::timeout(KEPT, written).await;
    answer(StatusCode::ACCEPTED, asked)
}

/// `POST /v1/calls/{id}/outcome`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Solves {
    resolved: bool,
    #[serde(default, deserialize_with = "ticket")]
    ticket: Option<NonZeroU64>,
    summary: Option<String>,
}

async fn outcome(
    State(desk): State<Arc<Desk>>,
    Extension(trunk): Extension<Arc<str>>,
    Path(call): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let Solves { resolved, ticket, summary } = json(body).await?;
    if !resolved || ticket.is_none() && summary.is_none() {
        let title = "There is nothing to report";
        let detail = "Report \"resolved\": true, with the ticket or a summary; what else becomes of a call is seen by itself.";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-outcome", title, detail));
    }
    let context = Box::new(sound(Context { summary, ..Context::default() })?);
    answer(StatusCode::OK, desk.ask(trunk, Wanted::Resolve { call, ticket, context }).await?)
}

/// `POST /v1/handovers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Announces {
    line: String,
    caller: Option<String>,
    #[serde(default, deserialize_with = "ticket")]
    ticket: Option<NonZeroU64>,
    #[serde(default)]
    context: Context,
}

async fn announce(
    State(desk): State<Arc<Desk>>,
    Extension(trunk): Extension<Arc<str>>,
    body: Body,
) -> Result<Response, Problem> {
    let Announces { line, caller, ticket, context } = json(body).await?;
    let context = Box::new(sound(context)?);
    answer(StatusCode::CREATED, desk.ask(trunk, Wanted::Announce { line, caller, ticket, context }).await?)
}

/// A ticket's number, or none.
fn ticket<'de, D: Deserializer<'de>>(number: D) -> Result<Option<NonZeroU64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "\"ticket\" is the number of a ticket, above 0 and without quotation marks, like 4711"
    )]
    enum Ticket {
        Number(NonZeroU64),
        None(()),
    }
    Ok(match Ticket::deserialize(number)? {
        Ticket::Number(number) => Some(number),
        Ticket::None(()) => None,
    })
}

/// What a body says.
async fn json<T: DeserializeOwned>(mut body: Body) -> Result<T, Problem> {
    let (mut bytes, mut len) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let cut = |error: axum::Error| {
            let title = "The body ends too soon";
            Problem::new(StatusCode::BAD_REQUEST, "unreadable", title, error.to_string())
        };
        let Ok(data) = frame.map_err(cut)?.into_data() else { continue };
        len += data.len();
        if len <= LARGEST {
            bytes.extend_from_slice(&data);
        } else if len > HEARD_OUT {
            break;
        }
    }
    if len > LARGEST {
        let detail = format!("A body has at most {LARGEST} bytes: send the end of a long transcript.");
        let problem =
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail);
        return Err(problem.with(header::CONNECTION, "close"));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        let title = "The body is not the JSON that is expected here";
        Problem::new(StatusCode::BAD_REQUEST, "malformed", title, error.to_string())
    })
}

/// A context that a ticket can have.
fn sound(context: Context) -> Result<Context, Problem> {
    let title = "A ticket cannot have this context";
    let malformed = |why| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "malformed-context", title, why);
    context.sound().map_err(malformed)
}

fn answer(status: StatusCode, answer: Answer) -> Result<Response, Problem> {
    let (body, place) = match &answer {
        Answer::Call(call) => (serde_json::to_string(call), Some(format!("/v1/calls/{}", call.id))),
        Answer::Invited(invited) => (serde_json::to_string(invited), None),
    };
    let unsayable = |error: &dyn core::fmt::Display| {
        let title = "The answer cannot be written";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, error.to_string())
    };
    let body = body.map_err(|error| unsayable(&error))?;
    let kind = (header::CONTENT_TYPE, "application/json");
    let response = (status, [kind], body).into_response();
    Ok(match place.filter(|_| status == StatusCode::ACCEPTED) {
        Some(place) => ([(header::LOCATION, place)], response).into_response(),
        None => response,
    })
}
