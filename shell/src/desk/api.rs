//! Requests to an account of Zendesk's: the token they take (OAuth client credentials, or an API token as long as there are
//! any), and how many it bears.

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Instant;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::setting::{Account, Credentials};

/// What the header fields of single resources' limits begin with: `Zendesk-RateLimit-tickets-update: total=30; remaining=0; ...`.
const OWN: &str = "zendesk-ratelimit-";

/// How long a connection, and an answer, are waited for. Who waits for less goes on meanwhile.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(10);

/// How long a file may be on its way.
const UPLOADED: Duration = Duration::from_secs(300);

/// How long a token is asked for, in seconds: an account may give less.
const LIFE: u64 = 86_400;

/// What a token is for.
const SCOPE: &str = "tickets:read tickets:write users:read users:write read";

/// How long before its end a token is renewed, at most.
const EARLY: Duration = Duration::from_secs(300);

/// How long to wait after a 409, after a 429 that does not say, and after 401 with a token that is new.
const CHANGED: Duration = Duration::from_secs(1);
const TOO_MANY: Duration = Duration::from_secs(10);
const STRANGE: Duration = Duration::from_secs(60);

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It was not done, and may be another time.
    Later {
        why: String,
        /// How soon.
        after: Option<Duration>,
    },
    /// It was not done, as what it is about bears no more now; the account works.
    Busy {
        why: String,
        /// How soon it may be done.
        after: Duration,
    },
    /// Whether it was done is not known.
    Unsure(String),
    /// It is refused, and would be again.
    Refused {
        status: u16,
        why: String,
        /// What it is about, where that is told: `group: Group is invalid`.
        about: Vec<String>,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later { why, .. } | Self::Busy { why, .. } | Self::Unsure(why) => f.write_str(why),
            Self::Refused { status, why, .. } => write!(f, "{status}: {why}"),
        }
    }
}

/// An account, as it is reached.
pub(super) struct Api {
    http: Client,
    account: Account,
    token: Mutex<Option<Token>>,
    /// Until when the account has asked to be left alone.
    rests: StdMutex<Option<Instant>>,
}

/// What a request brings, and how long its answer is waited for.
#[derive(Clone)]
struct Content {
    kind: &'static str,
    bytes: Vec<u8>,
    patience: Duration,
}

impl Content {
    fn json(text: String) -> Self {
        Self { kind: "application/json", bytes: text.into_bytes(), patience: ANSWER }
    }
}

#[derive(Clone)]
struct Token {
    text: String,
    /// From when on it is to be another.
    old: Instant,
}

impl Api {
    pub(super) fn new(account: Account) -> Self {
        Self { http: client(), account, token: Mutex::default(), rests: StdMutex::default() }
    }

    /// Has a token that will do for a while.
    pub(super) async fn warm(&self) -> Result<(), Failure> {
        match &self.account.credentials {
            Credentials::Client { id, secret } => self.token(id, secret).await.map(drop),
            Credentials::Token { .. } => Ok(()),
        }
    }

    /// What is there.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.request(Method::GET, path, None, None).await
    }

    /// Makes something. With a `key`, it is made once for all requests that have it (for two hours).
    pub(super) async fn post(&self, path: &str, body: String, key: Option<&str>) -> Result<Value, Failure> {
        self.request(Method::POST, path, Some(Content::json(body)), key).await
    }

    /// Sends a file of this kind.
    pub(super) async fn upload(
        &self,
        path: &str,
        kind: &'static str,
        bytes: Vec<u8>,
    ) -> Result<Value, Failure> {
        let content = Content { kind, bytes, patience: UPLOADED };
        self.request(Method::POST, path, Some(content), None).await
    }

    /// Changes something.
    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.request(Method::PUT, path, Some(Content::json(body.to_string())), None).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        content: Option<Content>,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let strange =
            |why: &str, what| Failure::Later { why: format!("{why}: look at {what}"), after: Some(STRANGE) };
        let Credentials::Client { id, secret } = &self.account.credentials else {
            return self.send(None, &method, path, content, key).await.map_err(|failure| match failure {
                Failure::Refused { status: 401, why, .. } => strange(&why, "email and token"),
                other => other,
            });
        };
        let token = self.token(id, secret).await?;
        let unauthorised = match self.send(Some(&token), &method, path, content.clone(), key).await {
            Err(Failure::Refused { status: 401, why, .. }) => why,
            other => return other,
        };
        // It has ended early, or was taken back.
        self.forget(&token).await;
        tracing::debug!("a token of {} is no good any more: {unauthorised}", self.account.base);
        let token = self.token(id, secret).await?;
        self.send(Some(&token), &method, path, content, key).await.map_err(|failure| match failure {
            Failure::Refused { status: 401, why, .. } => {
                strange(&format!("a new token is refused ({why})"), "what its OAuth client may do")
            }
            other => other,
        })
    }

    /// Sends a request with a token of OAuth's, or else with the account's own.
    async fn send(
        &self,
        token: Option<&str>,
        method: &Method,
        path: &str,
        content: Option<Content>,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.account.base));
        let mut request = match (&self.account.credentials, token) {
            (Credentials::Token { email, token }, _) => {
                request.basic_auth(format!("{email}/token"), Some(token))
            }
            (Credentials::Client { .. }, token) => request.bearer_auth(token.unwrap_or_default()),
        };
        if let Some(Content { kind, bytes, patience }) = content {
            request = request.header(CONTENT_TYPE, kind).body(bytes).timeout(patience);
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.exchange(request).await
    }

    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        let rests = *self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(left) = rests.and_then(|until| until.checked_duration_since(Instant::now())) {
            let why = "the account takes no more requests now".to_owned();
            return Err(Failure::Later { why, after: Some(left) });
        }
        let response = request.send().await.map_err(|error| match error.is_connect() {
            true => Failure::Later { why: reason(&error), after: None },
            false => Failure::Unsure(reason(&error)),
        })?;
        let (status, limits) = (response.status(), Limits::of(response.headers()));
        if let Some(rest) = limits.rest(status) {
            *self.rests.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + rest);
        }
        let bytes = response.bytes().await.map_err(|error| Failure::Unsure(reason(&error)))?;
        let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let why = complaint(status, &value);
        Err(match status.as_u16() {
            409 => Failure::Busy { why, after: CHANGED },
            429 if limits.own => Failure::Busy { why, after: limits.after() },
            429 => Failure::Later { why, after: Some(limits.after()) },
            // Its database had no time for it.
            503 if limits.said.is_some() => Failure::Later { why, after: limits.said },
            500.. => Failure::Unsure(why),
            status => Failure::Refused { status, why, about: details(&value) },
        })
    }

    /// A token that is good for a while. Who comes meanwhile waits for the same.
    async fn token(&self, id: &str, secret: &str) -> Result<String, Failure> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.old > Instant::now()) {
            return Ok(token.text.clone());
        }
        let asked = Instant::now();
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": id,
            "client_secret": secret,
            "scope": SCOPE,
            "expires_in": LIFE,
        });
        let request = self.http.post(format!("{}/oauth/tokens", self.account.base));
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        let answer = self.exchange(request).await.map_err(|failure| match failure {
            Failure::Later { why, after } => Failure::Later { why: format!("no token: {why}"), after },
            Failure::Busy { why, after } => {
                Failure::Later { why: format!("no token: {why}"), after: Some(after) }
            }
            // Another one does no harm.
            Failure::Unsure(why) => Failure::Later { why: format!("no token: {why}"), after: None },
            Failure::Refused { status, why, .. } => Failure::Later {
                why: format!("no token: {status}: {why}; look at client_id and client_secret"),
                after: Some(STRANGE),
            },
        })?;
        let Some(text) = answer["access_token"].as_str() else {
            return Err(Failure::Later {
                why: "no token: the answer has none".to_owned(),
                after: Some(STRANGE),
            });
        };
        let life = Duration::from_secs(answer["expires_in"].as_u64().unwrap_or(LIFE));
        let old = asked + life.saturating_sub(EARLY.min(life / 5));
        *kept = Some(Token { text: text.to_owned(), old });
        Ok(text.to_owned())
    }

    /// Takes this token no more.
    async fn forget(&self, text: &str) {
        let mut kept = self.token.lock().await;
        if kept.as_ref().is_some_and(|token| token.text == text) {
            *kept = None;
        }
    }
}

/// What an answer says of how much the account bears.
struct Limits {
    /// How long to wait, where it says so.
    said: Option<Duration>,
    /// How long until it bears more, where it bears no more.
    reset: Option<Duration>,
    /// Whether it is not the account that bears no more, but what was asked for: one ticket takes 30 changes in ten minutes.
    own: bool,
}

impl Limits {
    fn of(headers: &HeaderMap) -> Self {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let left = number("ratelimit-remaining").or_else(|| number("x-rate-limit-remaining"));
        let spent = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("remaining=0"));
        let limited = headers.iter().any(|(name, value)| name.as_str().starts_with(OWN) && spent(value));
        Self {
            said: number(RETRY_AFTER.as_str()).map(Duration::from_secs),
            reset: number("ratelimit-reset").map(Duration::from_secs).filter(|_| left == Some(0)),
            own: limited || left.is_some_and(|left| left > 0),
        }
    }

    /// How long to wait after a 429.
    fn after(&self) -> Duration {
        self.said.unwrap_or(TOO_MANY)
    }

    /// How long the account is left alone.
    fn rest(&self, status: StatusCode) -> Option<Duration> {
        if status == StatusCode::TOO_MANY_REQUESTS && !self.own {
            return Some(self.after());
        }
        self.reset
    }
}

/// What was said of a request that failed. An error is a word, or an object; what it is about may come beside.
fn complaint(status: StatusCode, answer: &Value) -> String {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let error = word(&answer["error"]).or_else(|| word(&answer["error"]["title"]));
    let description = word(&answer["description"]).or_else(|| word(&answer["error"]["message"]));
    let details = answer.get("details").map(|details| format!(" {details}"));
    match (error, description) {
        (None, None) => format!("{status}"),
        (error, description) => {
            let said: Vec<_> = [error, description].into_iter().flatten().collect();
            format!("{status}: {}{}", said.join(": "), details.unwrap_or_default())
        }
    }
}

/// What was found wrong with what: each field has a list of what is wrong, or one thing.
fn details(answer: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (field, wrong) in answer["details"].as_object().into_iter().flatten() {
        let all = wrong.as_array().map_or_else(|| core::slice::from_ref(wrong), Vec::as_slice);
        found.extend(all.iter().map(|one| match one["description"].as_str() {
            Some(description) => format!("{field}: {description}"),
            None => field.clone(),
        }));
    }
    found
}

/// Why there is no answer, to its root.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut why = error.to_string();
    let mut source = core::error::Error::source(error);
    while let Some(cause) = source {
        why = format!("{why}: {cause}");
        source = cause.source();
    }
    why
}

/// What speaks HTTP to others.
pub(crate) fn client() -> Client {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth());
    let builder = Client::builder()
        .user_agent(concat!("warmline/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    match tls {
        Ok(tls) => builder.tls_backend_preconfigured(tls).build().unwrap_or_default(),
        Err(_) => Client::default(),
    }
}
