//! An AI agent's platform, as far as it speaks HTTP: it asks for hand-overs, and is told what becomes of them.

use core::net::SocketAddrV4;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// What the platform of trunk `ai` is known by.
pub const TOKEN: &str = "the-agent-s-platform-is-known-by-this";

/// What signs what it is told; and this in base64, as configurations have it.
const SECRET: &[u8] = b"what signs is known to two only.";
const ENCODED: &str = "whsec_d2hhdCBzaWducyBpcyBrbm93biB0byB0d28gb25seS4=";

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a configuration says where that platform may ask for hand-overs, whose tickets are at desk `acme`.
pub fn asking(at: SocketAddrV4) -> String {
    format!(
        "\n[platform]\naddress = \"{at}\"\n\n[[platform.token]]\ntrunk = \"ai\"\ntoken = \"{TOKEN}\"\ndesk = \"acme\"\n"
    )
}

/// What it says where a [`Receiver`] is to be told there.
pub fn telling(at: SocketAddrV4) -> String {
    format!("\n[[webhook]]\nurl = \"http://{at}/events\"\nsecret = \"{ENCODED}\"\n")
}

/// What came over a connection.
struct Message {
    start: String,
    fields: Vec<(String, String)>,
    body: String,
}

impl Message {
    fn read(stream: &mut TcpStream) -> Option<Self> {
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
            bytes.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let mut lines = head.lines();
            let start = lines.next()?.to_owned();
            let fields = lines.filter_map(|line| line.split_once(':'));
            let fields: Vec<_> =
                fields.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
            let message = Self { start, fields, body: body.to_owned() };
            let length = message.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            if message.body.len() >= length {
                return Some(message);
            }
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Asks for something with a token: the status, and the body as JSON.
///
/// # Panics
/// When there is no answer.
pub fn ask(at: SocketAddrV4, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(at).expect("it listens");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it takes a request");
    let answer = Message::read(&mut stream).expect("an answer");
    let status = answer.start.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = serde_json::from_str(&answer.body);
    (status.expect("a status"), body.unwrap_or_else(|error| panic!("{error}: {}", answer.body)))
}

/// Something that a webhook was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// `webhook-id`.
    pub id: String,
    /// Whether it is signed as it should be.
    pub signed: bool,
    /// What it says.
    pub body: Value,
}

/// An URL that webhooks are told to.
#[derive(Debug)]
pub struct Receiver {
    told: Arc<Mutex<Vec<Told>>>,
    at: SocketAddrV4,
    over: Arc<Mutex<bool>>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Takes everything that is sent to a port, as long as it is there.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn open(at: SocketAddrV4) -> Self {
        let listener = TcpListener::bind(at).expect("a free port");
        let (told, over) = (Arc::<Mutex<Vec<Told>>>::default(), Arc::new(Mutex::new(false)));
        let (heard, ends) = (Arc::clone(&told), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if *ends.lock().unwrap_or_else(PoisonError::into_inner) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let Some(message) = Message::read(&mut stream) else { continue };
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(told_by(&message));
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
            }
        });
        Self { told, at, over, thread: Some(thread) }
    }

    /// What it was told so far.
    pub fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        // It looks when somebody comes.
        let _ = TcpStream::connect(self.at);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn told_by(message: &Message) -> Told {
    let field = |name: &str| message.field(name).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("a key of any length");
    mac.update(format!("{}.{}.{}", field("webhook-id"), field("webhook-timestamp"), message.body).as_bytes());
    let signature = format!("v1,{}", Base64::encode_string(&mac.finalize().into_bytes()));
    Told {
        id: field("webhook-id").to_owned(),
        signed: field("webhook-signature") == signature,
        body: serde_json::from_str(&message.body).unwrap_or_default(),
    }
}
