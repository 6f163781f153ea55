//! HTTP/1.1 (RFC 9112), one request for each connection.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query, as they came.
    pub(super) target: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads one; none where what comes is none.
    pub(super) fn read(stream: &mut TcpStream) -> Option<Self> {
        stream.set_nonblocking(false).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Request::new(&mut headers);
            if let httparse::Status::Complete(end) = head.parse(&bytes).ok()? {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let mut request = Self {
                    method: head.method?.to_owned(),
                    target: head.path?.to_owned(),
                    headers: head.headers.iter().map(|h| (h.name.to_lowercase(), text(h.value))).collect(),
                    body: Vec::new(),
                };
                let length = request.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
                while bytes.len() < end + length {
                    let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
                    bytes.extend_from_slice(piece.get(..count)?);
                }
                request.body = bytes.get(end..end + length)?.to_vec();
                return Some(request);
            }
            let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
            bytes.extend_from_slice(piece.get(..count)?);
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The path's parts, without `.json` at its end.
    pub(super) fn path(&self) -> Vec<&str> {
        let path = self.target.split('?').next().unwrap_or_default();
        path.strip_suffix(".json").unwrap_or(path).split('/').skip(1).collect()
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(decoded(value))
    }

    /// The body as JSON; null where it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Percent-encoding taken away (RFC 3986 section 2.1), and `+` for a space.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, more @ ..] = rest {
        let hex =
            more.first_chunk::<2>().and_then(|two| u8::from_str_radix(str::from_utf8(two).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = more;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Value,
}

impl Response {
    pub(super) const fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// The envelope of every error.
    pub(super) fn error(status: u16, error: &str, description: &str) -> Self {
        Self::new(status, json!({ "error": error, "description": description }))
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "RecordNotFound", "Not found")
    }

    /// A record that is not taken for the sake of one field.
    pub(super) fn invalid(field: &str, description: &str) -> Self {
        let details = json!({ field: [{ "description": description, "error": "InvalidValue" }] });
        let description = "Record validation errors";
        Self::new(422, json!({ "error": "RecordInvalid", "description": description, "details": details }))
    }

    pub(super) fn unauthorised() -> Self {
        let description =
            "The access token provided is expired, revoked, malformed or invalid for other reasons.";
        Self::error(401, "invalid_token", description)
    }

    pub(super) fn too_many(after: u64) -> Self {
        let mut response = Self::new(
            429,
            json!({ "error": "APIRateLimitExceeded", "description": "Number of allowed API requests per minute exceeded" }),
        );
        response.headers.push(("Retry-After", after.to_string()));
        response
    }

    pub(super) fn ticket_spent(after: u64) -> Self {
        let mut response = Self::too_many(after);
        let limit = format!("total=30; remaining=0; resets={after}");
        let headers =
            [("X-Rate-Limit-Remaining", "650".to_owned()), ("Zendesk-RateLimit-tickets-update", limit)];
        response.headers.extend(headers);
        response
    }

    /// What a status looks like that comes for no reason of ours.
    pub(super) fn misbehaviour(status: u16, after: Option<u64>) -> Self {
        let mut response = match status {
            422 => Self::invalid("base", "This cannot be"),
            409 => Self::error(409, "Conflict", "Resource is being updated by another request"),
            429 => return Self::too_many(after.unwrap_or(1)),
            _ => {
                Self::new(status, json!({ "error": { "title": "Sorry", "message": "Something is broken" } }))
            }
        };
        response.headers.extend(after.map(|after| ("Retry-After", after.to_string())));
        response
    }

    /// Sends it. Who asked may have gone.
    pub(super) fn write(&self, stream: &mut TcpStream) {
        let body = self.body.to_string();
        let mut text = format!(
            "HTTP/1.1 {} X\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n",
            self.status,
            body.len()
        );
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let _ = stream.write_all(format!("{text}\r\n{body}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let request = Request {
            method: "GET".into(),
            target: "/api/v2/users/search.json?query=role:end-user%20phone:8210&per_page=1".into(),
            headers: vec![],
            body: vec![],
        };
        assert_eq!(request.path(), ["api", "v2", "users", "search"]);
        assert_eq!(request.query("query").as_deref(), Some("role:end-user phone:8210"));
        assert_eq!(request.query("page"), None);
    }
}
