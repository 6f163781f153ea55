//! Zendesk: it rings, answers, plays its tone and is hung up on.

use core::net::SocketAddr;
use core::time::Duration;

use tokio::time::timeout;
use warmline_core::call::TICKET_HEADER;
use warmline_core::sip::{Message, Method, Writer, echo, phrase};

use super::Missing;
use super::audio::Audio;
use super::phone::{Letter, Phone, text};

/// How long a call is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long it rings.
const RINGING: Duration = Duration::from_millis(250);

/// How long until an answer is sent again (T1, RFC 3261 section 13.3.1.4).
const AGAIN: Duration = Duration::from_millis(500);

/// How long the end of the call is waited for.
const LONGEST: Duration = Duration::from_secs(5);

const TAG: u64 = 0x7a65_6e64_6573_6b00;

/// Zendesk's side of one call.
pub(super) struct Zendesk<'a> {
    pub(super) phone: &'a Phone,
}

impl Zendesk<'_> {
    /// The whole call. `tickets` gets each ticket header that arrives.
    pub(super) async fn serve(&self, audio: &mut Audio, tickets: &mut Vec<String>) -> Result<(), Missing> {
        let invite = timeout(PATIENCE, self.next(Method::Invite)).await.map_err(|_| Missing::Call)??;
        let message = Message::parse(&invite.bytes).map_err(|_| Missing::Call)?;
        tickets.extend(message.extension(TICKET_HEADER).map(text));
        self.respond(&invite, 100, None).await?;
        self.respond(&invite, 180, None).await?;
        // The INVITE may come again meanwhile: it is answered soon enough.
        let early = timeout(RINGING, self.next(Method::Cancel)).await;
        if let Ok(cancel) = early {
            self.respond(&cancel?, 200, None).await?;
            self.respond(&invite, 487, None).await?;
            return Err(Missing::Kept);
        }
        let peer = audio.peer(&message).ok_or(Missing::Media)?;
        let description = audio.describe();
        self.answer(&invite, &description).await?;
        timeout(LONGEST, self.talk(audio, peer)).await.map_err(|_| Missing::Goodbye)?
    }

    /// Answers until it is acknowledged.
    async fn answer(&self, invite: &Letter, description: &str) -> Result<(), Missing> {
        let answering = async {
            loop {
                self.respond(invite, 200, Some(description)).await?;
                if let Ok(ack) = timeout(AGAIN, self.next(Method::Ack)).await {
                    return ack.map(|_| ());
                }
            }
        };
        timeout(PATIENCE, answering).await.map_err(|_| Missing::Acknowledgement)?
    }

    /// Plays and listens until the call is hung up.
    async fn talk(&self, audio: &mut Audio, peer: SocketAddr) -> Result<(), Missing> {
        tokio::select! {
            result = audio.talk(peer) => result.map_err(Missing::Network),
            bye = self.next(Method::Bye) => self.respond(&bye?, 200, None).await,
        }
    }

    /// The next request of a method; others are passed over.
    async fn next(&self, method: Method<'static>) -> Result<Letter, Missing> {
        loop {
            let letter = self.phone.receive().await.map_err(Missing::Network)?;
            if Message::parse(&letter.bytes).is_ok_and(|message| message.method() == Some(method)) {
                return Ok(letter);
            }
        }
    }

    async fn respond(&self, request: &Letter, status: u16, body: Option<&str>) -> Result<(), Missing> {
        let Ok(message) = Message::parse(&request.bytes) else { return Ok(()) };
        let write = |w: &mut Writer<'_>| {
            w.status_line(status, phrase(status));
            echo(w, &message, request.from, (status > 100).then_some(TAG));
            if (101..300).contains(&status) && message.method() == Some(Method::Invite) {
                w.name(b"Contact").bytes(b"<sip:support@").socket(self.phone.local()).bytes(b">").end_line();
            }
            match body {
                Some(body) => {
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
        let bytes = self.phone.compose(write)?;
        self.phone.send(request.from, &bytes).await.map_err(Missing::Network)
    }
}
