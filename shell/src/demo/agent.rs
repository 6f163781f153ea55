//! The AI agent: it calls, plays its tone and hangs up.

use core::net::SocketAddr;
use core::time::Duration;

use tokio::time::{sleep, timeout};
use warmline_core::call::TICKET_HEADER;
use warmline_core::sip::{Message, Method, Name, Writer, echo, phrase};

use super::Missing;
use super::audio::{Audio, PLAYED};
use super::phone::{Letter, Phone, text};

/// How long the agent talks: what it plays, and a little for the last of what it hears.
const CALL: Duration = Duration::from_millis(PLAYED as u64 * 20 + 60);

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long until a request is sent again (T1, RFC 3261 section 17.1.1.1).
const AGAIN: Duration = Duration::from_millis(500);

const CALL_ID: &str = "demo-call@agent.example";
const TAG: &str = "agent";

/// The agent's side of one call.
pub(super) struct Agent<'a> {
    pub(super) phone: &'a Phone,
    pub(super) warmline: SocketAddr,
    /// The ticket the caller's words are in.
    pub(super) ticket: u64,
}

/// What the agent keeps of an answer.
struct Dialog {
    /// To with its tag.
    to: String,
    /// Where further requests go.
    target: String,
}

impl Agent<'_> {
    /// The whole call.
    pub(super) async fn call(&self, audio: &mut Audio) -> Result<(), Missing> {
        let line = format!("sip:support@{}", self.warmline);
        let start = Dialog { to: format!("<{line}>"), target: line };
        let invite = self.request("INVITE", 1, "call", &start, Some(&audio.describe()))?;
        let answer = self.ask(&invite, Method::Invite).await?;
        let message = Message::parse(&answer.bytes).map_err(|_| Missing::Answer)?;
        let status = message.status().unwrap_or(0);
        if status >= 300 {
            let dialog = Dialog { to: to(&message), target: start.target };
            self.send(&self.request("ACK", 1, "call", &dialog, None)?).await?;
            return Err(Missing::Refused(status, text(phrase(status))));
        }
        let contact = message.addresses(Name::Contact).next().and_then(Result::ok).ok_or(Missing::Answer)?;
        let dialog = Dialog { to: to(&message), target: text(contact.uri.bytes) };
        let ack = self.request("ACK", 1, "ack", &dialog, None)?;
        self.send(&ack).await?;
        let peer = audio.peer(&message).ok_or(Missing::Media)?;
        self.talk(audio, peer, &ack).await?;
        let bye = self.request("BYE", 2, "bye", &dialog, None)?;
        let goodbye = self.ask(&bye, Method::Bye).await?;
        match Message::parse(&goodbye.bytes).ok().and_then(|message| message.status()) {
            Some(200) => Ok(()),
            _ => Err(Missing::Goodbye),
        }
    }

    async fn talk(&self, audio: &mut Audio, peer: SocketAddr, ack: &[u8]) -> Result<(), Missing> {
        let talk = audio.talk(peer);
        let over = sleep(CALL);
        tokio::pin!(talk, over);
        loop {
            let letter = tokio::select! {
                () = &mut over => return Ok(()),
                result = &mut talk => return result.map_err(Missing::Network),
                letter = self.phone.receive() => letter.map_err(Missing::Network)?,
            };
            let Ok(message) = Message::parse(&letter.bytes) else { continue };
            match message.method() {
                // The answer again: our ACK was lost.
                None => self.send(ack).await?,
                Some(method) => {
                    let respond = |w: &mut Writer<'_>| {
                        w.status_line(200, phrase(200));
                        echo(w, &message, letter.from, None);
                        w.empty_body();
                    };
                    self.send(&self.phone.compose(respond)?).await?;
                    if method == Method::Bye {
                        return Err(Missing::Kept);
                    }
                }
            }
        }
    }

    /// Sends a request until something comes back, and gives its final response.
    async fn ask(&self, request: &[u8], method: Method<'static>) -> Result<Letter, Missing> {
        let conversation = async {
            let mut heard = false;
            self.send(request).await?;
            loop {
                let letter = match timeout(AGAIN, self.phone.receive()).await {
                    Ok(letter) => letter.map_err(Missing::Network)?,
                    Err(_) if heard => continue,
                    Err(_) => {
                        self.send(request).await?;
                        continue;
                    }
                };
                let Ok(message) = Message::parse(&letter.bytes) else { continue };
                let of_it = message.essentials().is_ok_and(|essentials| essentials.cseq.method == method);
                match message.status().filter(|_| of_it) {
                    Some(status) if status >= 200 => return Ok(letter),
                    Some(_) => heard = true,
                    None => {}
                }
            }
        };
        match timeout(PATIENCE, conversation).await {
            Ok(result) => result,
            Err(_) if method == Method::Bye => Err(Missing::Goodbye),
            Err(_) => Err(Missing::Answer),
        }
    }

    async fn send(&self, bytes: &[u8]) -> Result<(), Missing> {
        self.phone.send(self.warmline, bytes).await.map_err(Missing::Network)
    }

    fn request(
        &self,
        method: &str,
        cseq: u64,
        branch: &str,
        dialog: &Dialog,
        body: Option<&str>,
    ) -> Result<Vec<u8>, Missing> {
        let local = self.phone.local();
        let write = |w: &mut Writer<'_>| {
            w.request_line(method.as_bytes(), dialog.target.as_bytes());
            w.name(b"Via").bytes(b"SIP/2.0/UDP ").socket(local);
            w.bytes(b";branch=z9hG4bK-demo-").bytes(branch.as_bytes()).bytes(b";rport").end_line();
            w.header(b"Max-Forwards", b"70");
            w.name(b"From").bytes(b"\"AI agent\" <sip:agent@").socket(local);
            w.bytes(b">;tag=").bytes(TAG.as_bytes()).end_line();
            w.header(b"To", dialog.to.as_bytes()).header(b"Call-ID", CALL_ID.as_bytes());
            w.name(b"CSeq").number(cseq).bytes(b" ").bytes(method.as_bytes()).end_line();
            match body {
                Some(body) => {
                    w.name(b"Contact").bytes(b"<sip:agent@").socket(local).bytes(b">").end_line();
                    w.name(TICKET_HEADER).number(self.ticket).end_line();
                    w.body(b"application/sdp", |room| {
                        room.get_mut(..body.len())?.copy_from_slice(body.as_bytes());
                        Some(body.len())
                    });
                }
                None => {
                    w.empty_body();
                }
            }
        };
        Ok(self.phone.compose(write)?)
    }
}

/// A response's To.
fn to(message: &Message<'_>) -> String {
    text(message.header(Name::To).unwrap_or_default())
}
