//! A SIP endpoint's socket. What it sends is sent again until it is answered, and what comes again is answered as it was
//! before: none of that is seen by who uses it.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::time::timeout;
use warmline_core::sip::{Full, Message, Method, Writer};

use super::Missing;
use super::seen::{End, Log};

/// The largest message there is.
const LARGEST: usize = 4096;

/// How long until a message is sent again (T1, RFC 3261 section 17.1.1.1).
const AGAIN: Duration = Duration::from_millis(500);

/// How long a message is waited for: longer than anything lasts that is heard before it.
const PATIENCE: Duration = Duration::from_secs(8);

/// The socket.
pub(super) struct Phone {
    end: End,
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    log: Log,
    /// What has come, and what was said to that.
    answers: HashMap<Vec<u8>, Vec<u8>>,
    /// What has no answer yet: a request, or an INVITE's final response.
    open: Option<(SocketAddr, Vec<u8>)>,
    /// What came before it was waited for.
    early: Vec<Letter>,
}

/// A message that came, and from where.
pub(super) struct Letter {
    pub(super) from: SocketAddr,
    bytes: Vec<u8>,
}

impl Letter {
    pub(super) fn message(&self) -> Result<Message<'_>, Missing> {
        Message::parse(&self.bytes).map_err(|_| Missing::Sense)
    }
}

impl Phone {
    pub(super) fn new(end: End, socket: Arc<UdpSocket>, log: Log) -> io::Result<Self> {
        let local = socket.local_addr()?;
        Ok(Self { end, socket, local, log, answers: HashMap::new(), open: None, early: vec![] })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends a request.
    pub(super) async fn ask(&mut self, to: SocketAddr, bytes: Vec<u8>) -> Result<(), Missing> {
        self.send(to, &bytes).await?;
        self.repeat(to, bytes);
        Ok(())
    }

    /// Answers a letter, each time it comes.
    pub(super) async fn answer(&mut self, letter: &Letter, bytes: &[u8]) -> Result<(), Missing> {
        self.answers.insert(letter.bytes.clone(), bytes.to_vec());
        self.send(letter.from, bytes).await
    }

    /// Has this sent again, until a response or an ACK comes.
    pub(super) fn repeat(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        self.open = Some((to, bytes));
    }

    async fn send(&self, to: SocketAddr, bytes: &[u8]) -> Result<(), Missing> {
        self.log.note(self.end, false, &Message::parse(bytes).map_err(|_| Missing::Sense)?);
        self.socket.send_to(bytes, to).await?;
        Ok(())
    }

    /// The first message that is wanted, which has to do with a request of this `method`.
    ///
    /// # Errors
    /// That none came in time.
    pub(super) async fn next(
        &mut self,
        method: Method<'static>,
        wanted: impl Fn(&Message<'_>) -> bool,
    ) -> Result<Letter, Missing> {
        let wanted = |letter: &Letter| letter.message().is_ok_and(|message| wanted(&message));
        if let Some(at) = self.early.iter().position(wanted) {
            return Ok(self.early.remove(at));
        }
        let coming = async {
            loop {
                let letter = self.receive().await?;
                if wanted(&letter) {
                    return Ok(letter);
                }
                // A provisional response says nothing that is waited for.
                if letter.message()?.status().is_none_or(|status| status >= 200) {
                    self.early.push(letter);
                }
            }
        };
        timeout(PATIENCE, coming).await.map_err(|_| Missing::Message(text(method.as_bytes())))?
    }

    async fn receive(&mut self) -> Result<Letter, Missing> {
        let mut room = vec![0; LARGEST];
        loop {
            let Ok(received) = timeout(AGAIN, self.socket.recv_from(&mut room)).await else {
                if let Some((to, bytes)) = &self.open {
                    self.socket.send_to(bytes, *to).await?;
                }
                continue;
            };
            let (len, from) = received?;
            let bytes = room.get(..len).unwrap_or_default().to_vec();
            if let Some(answer) = self.answers.get(&bytes) {
                if !answer.is_empty() {
                    self.socket.send_to(answer, from).await?;
                }
                continue;
            }
            let Ok(message) = Message::parse(&bytes) else { continue };
            self.log.note(self.end, true, &message);
            if matches!(message.method(), None | Some(Method::Ack)) {
                self.open = None;
            }
            self.answers.insert(bytes.clone(), vec![]);
            return Ok(Letter { from, bytes });
        }
    }
}

/// Composes a message and gives its bytes.
pub(super) fn compose(write: impl FnOnce(&mut Writer<'_>)) -> Result<Vec<u8>, Full> {
    let mut bytes = vec![0; LARGEST];
    let mut writer = Writer::new(&mut bytes);
    write(&mut writer);
    let len = writer.finish()?;
    bytes.truncate(len);
    Ok(bytes)
}

/// Bytes of a message as text.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
