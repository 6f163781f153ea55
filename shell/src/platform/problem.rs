//! What is wrong with a request, in words that its developer can act on (RFC 9457).

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use warmline_core::reason::Reason;

use super::{Refusal, Why};

/// What is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// The last part of its type.
    name: &'static str,
    title: String,
    detail: String,
    header: Option<(HeaderName, &'static str)>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        name: &'static str,
        title: &str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, name, title: title.to_owned(), detail: detail.into(), header: None }
    }

    /// With a header field beside.
    pub(super) fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let Refusal { why, detail } = refusal;
        let problem = Self::new(status(why), why.code(), title(why), detail);
        match problem.status {
            StatusCode::SERVICE_UNAVAILABLE => problem.with(header::RETRY_AFTER, "5"),
            _ => problem,
        }
    }
}

/// What it is called: of SIP's reasons, what they say there, where that holds here.
fn title(why: Why) -> &'static str {
    match why {
        Why::Reason(Reason::CallerMalformed) => "The caller is no telephone number",
        Why::Reason(reason) => reason.sentence().trim().trim_end_matches('.'),
        Why::NoDesk => "No desk would be told of it",
        Why::TooLate => "The agent is not in this call any more",
    }
}

/// As what it is told over HTTP: SIP's own status says something else there.
fn status(why: Why) -> StatusCode {
    let reason = match why {
        Why::Reason(reason) => reason,
        Why::NoDesk => return StatusCode::UNPROCESSABLE_ENTITY,
        Why::TooLate => return StatusCode::CONFLICT,
    };
    match reason {
        Reason::NoSuchCall => StatusCode::NOT_FOUND,
        Reason::LineNotForTrunk | Reason::MayNotRefer => StatusCode::FORBIDDEN,
        Reason::UnknownLine | Reason::UnsupportedScheme | Reason::CallerMalformed | Reason::CallerBlocked => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Reason::NodeFull | Reason::NoPort | Reason::NoMemory | Reason::Draining => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::CONFLICT,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": format!("urn:warmline:problem:{}", self.name),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        let header = self.header.map(|(name, value)| (name, HeaderValue::from_static(value)));
        response.headers_mut().extend(header);
        response
    }
}
