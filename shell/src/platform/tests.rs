//! Who may ask, over TLS and without, and how what is wrong is told.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::sync::Notify;
use warmline_core::filter::Rate;
use warmline_core::reason::Reason;

use super::problem::Problem;
use super::*;
use crate::clock::Clock;
use crate::node::Alarm;
use crate::signal::{Ask, Asks};

const TOKEN: &str = "0123456789abcdef";

/// How long anything may take that takes some milliseconds on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, and whoever asks it.
struct House {
    base: String,
    http: Client,
    server: Option<Server>,
    folder: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.server.take());
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl House {
    /// Where signalling says of everything that there is no such call.
    fn new(test: &str, tls: bool, rate: u32) -> Self {
        let folder = std::env::temp_dir().join(format!("warmline-platform-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let identity = Identity { certificate: folder.join("a.pem"), key: folder.join("a.key") };
        std::fs::write(&identity.certificate, made.cert.pem()).expect("a file");
        std::fs::write(&identity.key, made.signing_key.serialize_pem()).expect("a file");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let setting = Setting {
            address: port.expect("a free port"),
            identity: tls.then_some(identity),
            rate: Rate { per_second: rate, burst: rate },
            tokens: vec![Token::new("ai", TOKEN)],
        };
        let (queue, asked) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            while let Ok(ask) = asked.recv() {
                let Ask::Platform(PlatformAsk { trunk, answer, .. }) = ask else { continue };
                let detail = format!("{trunk} has none");
                let _ = answer.send(Err(Refusal { why: Why::Reason(Reason::NoSuchCall), detail }));
            }
        });
        let asks = Asks { queue, bell: Arc::new(Notify::new()) };
        let open = Open::bind(&setting).expect("a free port");
        let server = open.start(asks, Clock::start(), Alarm(Arc::new(Notify::new()))).expect("a thread");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.expect("versions").with_root_certificates(roots).with_no_client_auth();
        let http = Client::builder().tls_backend_preconfigured(client).no_proxy().timeout(PATIENCE);
        let scheme = if tls { "https" } else { "http" };
        let base = format!("{scheme}://localhost:{}", setting.address.port());
        Self { base, http: http.build().expect("a client"), server: Some(server), folder }
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: String) -> Response {
        let request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(token);
        request.body(body).send().await.expect("an answer")
    }

    /// The status and the name of the problem.
    async fn asks(&self, method: Method, path: &str, token: &str, body: String) -> (u16, String, Value) {
        let response = self.send(method, path, token, body).await;
        let status = response.status().as_u16();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value =
            serde_json::from_slice(&response.bytes().await.expect("a body")).expect("it is JSON");
        assert_eq!(problem["status"], status, "{problem}");
        let name = problem["type"].as_str().and_then(|name| name.strip_prefix("urn:warmline:problem:"));
        (status, name.expect("a type").to_owned(), problem)
    }
}

fn wait<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(task)
}

#[test]
fn what_is_wrong_is_told_in_words() {
    let house = House::new("words", true, 1_000);
    wait(async {
        let line = json!({ "line": "support" }).to_string();
        let long = json!({ "line": "x".repeat(300_000) }).to_string();
        for (method, path, token, body, status, name) in [
            (Method::GET, "/v1/calls/1", TOKEN, "", 404, "no-such-call"),
            (Method::GET, "/v1/calls/a%40b", TOKEN, "", 404, "no-such-call"),
            (Method::GET, "/v1/calls/1", "0123456789abcdee", "", 401, "unauthorized"),
            (Method::GET, "/", "nobody", "", 401, "unauthorized"),
            (Method::GET, "/", TOKEN, "", 404, "no-such-route"),
            (Method::DELETE, "/v1/calls/1", TOKEN, "", 405, "method-not-allowed"),
            (Method::POST, "/v1/calls/1/handover", TOKEN, &line, 404, "no-such-call"),
            (Method::POST, "/v1/calls/1/handover", TOKEN, "{", 400, "malformed"),
            (Method::POST, "/v1/calls/1/handover", TOKEN, "{\"line\": 1}", 400, "malformed"),
            (Method::POST, "/v1/handovers", TOKEN, "{\"line\": \"a\", \"ticket\": 0}", 400, "malformed"),
            (Method::POST, "/v1/handovers", TOKEN, "{\"line\": \"a\", \"x\": 0}", 400, "malformed"),
            (
                Method::POST,
                "/v1/handovers",
                TOKEN,
                "{\"line\": \"a\", \"context\": {\"tags\": [\"a b\"]}}",
                422,
                "malformed-context",
            ),
            (Method::POST, "/v1/handovers", TOKEN, &long, 413, "too-large"),
        ] {
            let (found, called, problem) = house.asks(method.clone(), path, token, body.to_owned()).await;
            assert_eq!((found, &*called), (status, name), "{method} {path} {problem}");
            for part in ["title", "detail"] {
                assert!(problem[part].as_str().is_some_and(|text| text.len() > 5), "{problem}");
            }
        }
        let (.., problem) = house.asks(Method::GET, "/v1/calls/1", TOKEN, String::new()).await;
        assert_eq!(problem["detail"], "ai has none", "it is asked for its own trunk");
        for ticket in ["\"123\"", "0", "-1", "1.5"] {
            let body = format!("{{\"line\": \"a\", \"ticket\": {ticket}}}");
            let (status, .., problem) = house.asks(Method::POST, "/v1/handovers", TOKEN, body).await;
            let detail = problem["detail"].as_str().unwrap_or_default();
            assert!(status == 400 && detail.contains("without quotation marks, like 4711"), "{problem}");
        }
        for ticket in ["null", "4711"] {
            let body = format!("{{\"line\": \"a\", \"ticket\": {ticket}}}");
            assert_eq!(house.asks(Method::POST, "/v1/handovers", TOKEN, body).await.0, 404, "it is read");
        }
    });
}

#[test]
fn a_caller_that_is_none_is_not_said_to_be_a_header() {
    let problem = |why| format!("{:?}", Problem::from(Refusal { why, detail: String::new() }));
    let said = problem(Why::Reason(Reason::CallerMalformed));
    assert!(said.contains("\"The caller is no telephone number\"") && said.contains("422"), "{said}");
}

#[test]
fn who_asks_too_often_waits_and_strangers_keep_nobody_out() {
    let house = House::new("often", false, 3);
    wait(async {
        let mut told = Vec::new();
        for _ in 0..40 {
            told.push(house.send(Method::GET, "/", "nobody", String::new()).await.status().as_u16());
        }
        assert_eq!(
            told.iter().filter(|status| **status == 401).count()
                + told.iter().filter(|status| **status == 429).count(),
            40
        );
        assert!(told.contains(&429), "{told:?}");
        let first = house.send(Method::GET, "/v1/calls/1", TOKEN, String::new()).await;
        assert_eq!(first.status().as_u16(), 404, "who is known is not among them");
        for _ in 0..40 {
            let answer = house.send(Method::GET, "/v1/calls/1", TOKEN, String::new()).await;
            if answer.status().as_u16() == 429 {
                assert_eq!(answer.headers()["retry-after"], "1");
                return;
            }
        }
        panic!("it may ask for ever");
    });
}

#[test]
fn other_tokens_hold_from_the_reload_on() {
    let house = House::new("reload", true, 1_000);
    wait(async {
        assert_eq!(house.asks(Method::GET, "/v1/calls/1", TOKEN, String::new()).await.0, 404);
        let setting = Setting {
            address: ([127, 0, 0, 1], 1).into(),
            identity: None,
            rate: Rate::UNLIMITED,
            tokens: vec![Token::new("ai", "another-token-now")],
        };
        let serving = Serving::read(&setting).expect("no certificate");
        house.server.as_ref().expect("it runs").serve(serving);
        assert_eq!(house.asks(Method::GET, "/v1/calls/1", TOKEN, String::new()).await.0, 401);
        // Connections that are made now have no TLS, which these are made without.
        let plain = House {
            base: house.base.replace("https", "http"),
            http: house.http.clone(),
            server: None,
            folder: PathBuf::new(),
        };
        assert_eq!(plain.asks(Method::GET, "/v1/calls/1", "another-token-now", String::new()).await.0, 404);
    });
}
