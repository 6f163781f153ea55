//! A SIP endpoint's socket, which remembers what went through it.

use core::cell::RefCell;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use tokio::net::UdpSocket;
use warmline_core::sip::{Full, Message, StartLine, Writer};

/// The largest message there is.
const LARGEST: usize = 4096;

/// Where an endpoint stands in the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The AI agent, left of Warmline.
    Agent,
    /// Zendesk, right of it.
    Zendesk,
}

/// A SIP message as an endpoint saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Since the first.
    pub at: Duration,
    /// Who saw it.
    pub end: End,
    /// Whether Warmline sent it, to this end.
    pub arrived: bool,
    /// Its method, or its status and phrase.
    pub what: String,
}

/// What both endpoints saw, in order.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    start: Instant,
    seen: Rc<RefCell<Vec<Seen>>>,
}

impl Ladder {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), seen: Rc::default() }
    }

    /// How long it has been.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// All that was seen.
    pub(super) fn take(&self) -> Vec<Seen> {
        let mut seen = self.seen.take();
        let first = seen.first().map_or(Duration::ZERO, |seen| seen.at);
        seen.iter_mut().for_each(|seen| seen.at = seen.at.saturating_sub(first));
        seen
    }

    fn note(&self, end: End, arrived: bool, bytes: &[u8]) {
        let what = match Message::parse(bytes).map(|message| message.start()) {
            Ok(StartLine::Request { method, .. }) => text(method.as_bytes()),
            Ok(StartLine::Response { status, reason }) => format!("{status} {}", text(reason)),
            Err(_) => "(no SIP)".to_owned(),
        };
        self.seen.borrow_mut().push(Seen { at: self.elapsed(), end, arrived, what });
    }
}

/// The socket.
pub(super) struct Phone {
    end: End,
    socket: UdpSocket,
    local: SocketAddr,
    ladder: Ladder,
}

/// A message that came, and from where.
pub(super) struct Letter {
    pub(super) from: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

impl Phone {
    /// Takes a bound socket; needs a runtime around it.
    pub(super) fn new(end: End, socket: std::net::UdpSocket, ladder: Ladder) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        Ok(Self { end, socket: UdpSocket::from_std(socket)?, local, ladder })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Composes a message and gives its bytes.
    pub(super) fn compose(&self, write: impl FnOnce(&mut Writer<'_>)) -> Result<Vec<u8>, Full> {
        let mut bytes = vec![0; LARGEST];
        let mut writer = Writer::new(&mut bytes);
        write(&mut writer);
        let len = writer.finish()?;
        bytes.truncate(len);
        Ok(bytes)
    }

    pub(super) async fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.ladder.note(self.end, false, bytes);
        self.socket.send_to(bytes, to).await.map(|_| ())
    }

    /// The next message. May be dropped before it resolves without losing one.
    pub(super) async fn receive(&self) -> io::Result<Letter> {
        let mut bytes = vec![0; LARGEST];
        let (len, from) = self.socket.recv_from(&mut bytes).await?;
        bytes.truncate(len);
        self.ladder.note(self.end, true, &bytes);
        Ok(Letter { from, bytes })
    }
}

/// Bytes of a message as text.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
