//! One connection: what comes over it is cut into messages, what waits for it is written, and it is kept alive.
//!
//! It is a task of its own on signalling's thread. It ends when the peer ends it, when what comes is no SIP or comes
//! too slowly, when the peer takes nothing any more, and when [`Line`] is dropped, after what was waiting is written.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use warmline_core::reason::Reason;
use warmline_core::sip::{self, Frame, Framer};

use crate::room::LARGEST_MESSAGE;

/// How long a message may take from its first byte to its last.
const PATIENCE: Duration = Duration::from_secs(32);

/// How long a peer may take nothing of what is sent to it.
const STALLED: Duration = Duration::from_secs(32);

/// How long a peer that answers keep-alives may take to (RFC 5626 section 4.4.1).
const PONG: Duration = Duration::from_secs(10);

/// Bytes that may wait to be written: some hundred messages, or four of the largest.
const WAITING: usize = 256 << 10;

/// What a message that waits takes beside its bytes.
const OVERHEAD: usize = 64;

/// What is read at once.
const CHUNK: usize = 4096;

/// A buffer that had to grow beyond this is given back when it is empty.
const KEPT: usize = 16 << 10;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The peer closed it, or the network failed.
    Closed(Option<io::Error>),
    /// It could not be opened.
    Refused(io::Error),
    /// It was of no use any more.
    Dropped,
    /// TLS did not come about.
    Handshake(io::Error),
    /// No message could be cut out of what came.
    Malformed(sip::Error),
    /// A message did not become whole in time.
    Slow,
    /// The peer does not take what is sent.
    NotReading,
    /// The peer does not answer keep-alives any more.
    Silent,
}

impl End {
    /// What it is counted as, where somebody is to blame.
    pub(super) const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Closed(_) | Self::Refused(_) | Self::Dropped => None,
            Self::Handshake(_) => Some(Reason::HandshakeFailed),
            Self::Malformed(_) => Some(Reason::StreamMalformed),
            Self::Slow => Some(Reason::StreamTooSlow),
            Self::NotReading => Some(Reason::PeerNotReading),
            Self::Silent => Some(Reason::PongMissing),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = self.reason() {
            write!(f, "{}: {}", reason.code(), reason.sentence().trim())?;
        }
        match self {
            Self::Closed(None) => f.write_str("closed by the peer"),
            Self::Closed(Some(error)) | Self::Refused(error) => write!(f, "{error}"),
            Self::Dropped => f.write_str("closed"),
            Self::Handshake(error) => write!(f, " ({error})"),
            Self::Malformed(error) => write!(f, " ({error})"),
            Self::Slow | Self::NotReading | Self::Silent => Ok(()),
        }
    }
}

/// Where what waits for a connection is put.
#[derive(Clone, Debug)]
pub(super) struct Line {
    queue: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// The other end of a [`Line`].
#[derive(Debug)]
pub(super) struct Waiting {
    queue: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
    pongs: Pongs,
}

/// Where the connection itself puts what answers a ping: it does not keep the line open.
#[derive(Clone, Debug)]
struct Pongs {
    queue: mpsc::WeakUnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

impl Pongs {
    fn put(&self) -> bool {
        let Some(queue) = self.queue.upgrade() else { return true };
        Line { queue, waiting: Arc::clone(&self.waiting) }.put(b"\r\n")
    }
}

impl Line {
    pub(super) fn new() -> (Self, Waiting) {
        let (sender, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let pongs = Pongs { queue: sender.downgrade(), waiting: Arc::clone(&waiting) };
        (Self { queue: sender, waiting: Arc::clone(&waiting) }, Waiting { queue, waiting, pongs })
    }

    /// Puts a message there. False when too much waits already, or the connection has ended.
    pub(super) fn put(&self, bytes: &[u8]) -> bool {
        let cost = bytes.len() + OVERHEAD;
        let before = self.waiting.load(Ordering::Relaxed);
        // A message always fits into an empty line.
        if before > 0 && before + cost > WAITING {
            return false;
        }
        self.waiting.store(before + cost, Ordering::Relaxed);
        self.queue.send(bytes.to_vec()).is_ok()
    }

    /// Whether there is somebody who writes.
    pub(super) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Whether everything is written, or nobody writes it.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0 || self.queue.is_closed()
    }
}

/// Keep-alives on a connection that we opened.
#[derive(Debug, Default)]
struct Pings {
    /// A pong is awaited, or would be one.
    out: AtomicBool,
    /// The peer has answered one.
    answers: AtomicBool,
}

/// What connections tell.
#[derive(Debug)]
pub(super) enum Told {
    /// A message came over the connection with this number.
    Message(u32, Vec<u8>),
    /// It has ended.
    Ended(u32, End),
}

/// Runs a connection to its end.
pub(super) async fn converse<S>(
    stream: S,
    waiting: Waiting,
    ping: Option<Duration>,
    flow: u32,
    told: &mpsc::Sender<Told>,
) -> End
where
    S: AsyncRead + AsyncWrite,
{
    let pings = Pings::default();
    let (reader, writer) = tokio::io::split(stream);
    let pongs = waiting.pongs.clone();
    tokio::select! {
        end = read(reader, pongs, &pings, flow, told) => end,
        end = write(writer, waiting, &pings, ping) => end,
    }
}

async fn read(
    mut reader: impl AsyncRead + Unpin,
    pongs: Pongs,
    pings: &Pings,
    flow: u32,
    told: &mpsc::Sender<Told>,
) -> End {
    let mut heard = Vec::with_capacity(CHUNK);
    let mut framer = Framer::new(LARGEST_MESSAGE);
    let mut since: Option<Instant> = None;
    loop {
        let mut cut = 0;
        loop {
            let rest = heard.get(cut..).unwrap_or_default();
            let (len, pinged) = match framer.next(rest) {
                Frame::Partial => break,
                Frame::Bad(error) => return End::Malformed(error),
                Frame::Message(len) => {
                    let message = rest.get(..len).unwrap_or_default().to_vec();
                    if told.send(Told::Message(flow, message)).await.is_err() {
                        return End::Dropped;
                    }
                    since = None;
                    cut += len;
                    continue;
                }
                Frame::KeepAlive(len) => (len, false),
                Frame::Ping(len) => (len, true),
            };
            cut += len;
            if pings.out.swap(false, Ordering::Relaxed) {
                pings.answers.store(true, Ordering::Relaxed);
                framer = Framer::new(LARGEST_MESSAGE);
            } else if pinged && !pongs.put() {
                return End::NotReading;
            }
        }
        heard.drain(..cut);
        match heard.is_empty() {
            true => {
                since = None;
                if heard.capacity() > KEPT {
                    heard = Vec::with_capacity(CHUNK);
                }
            }
            false => {
                since.get_or_insert_with(Instant::now);
            }
        }
        heard.reserve(CHUNK);
        let read = match since {
            None => reader.read_buf(&mut heard).await,
            Some(since) => match timeout_at(since + PATIENCE, reader.read_buf(&mut heard)).await {
                Ok(read) => read,
                Err(_) => return End::Slow,
            },
        };
        match read {
            Ok(0) => return End::Closed(None),
            Ok(_) => {}
            Err(error) => return End::Closed(Some(error)),
        }
    }
}

async fn write(
    mut writer: impl AsyncWrite + Unpin,
    mut waiting: Waiting,
    pings: &Pings,
    ping: Option<Duration>,
) -> End {
    loop {
        let next = match ping {
            None => waiting.queue.recv().await,
            Some(interval) => match timeout(interval, waiting.queue.recv()).await {
                Ok(next) => next,
                Err(_) => {
                    pings.out.store(true, Ordering::Relaxed);
                    if let Some(end) = put(&mut writer, b"\r\n\r\n").await {
                        return end;
                    }
                    if !pings.answers.load(Ordering::Relaxed) {
                        continue;
                    }
                    match timeout(PONG, waiting.queue.recv()).await {
                        Ok(next) => next,
                        Err(_) if pings.out.load(Ordering::Relaxed) => return End::Silent,
                        Err(_) => continue,
                    }
                }
            },
        };
        let Some(next) = next else {
            // Whether or not the peer hears of it.
            let _ = timeout(PONG, writer.shutdown()).await;
            return End::Dropped;
        };
        let end = put(&mut writer, &next).await;
        waiting.waiting.fetch_sub(next.len() + OVERHEAD, Ordering::Relaxed);
        if let Some(end) = end {
            return end;
        }
    }
}

/// Writes it all; why the connection has ended where that fails.
async fn put(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Option<End> {
    let written = timeout(STALLED, async {
        writer.write_all(bytes).await?;
        writer.flush().await
    });
    match written.await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(End::Closed(Some(error))),
        Err(_) => Some(End::NotReading),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::*;

    /// A connection, its other end, and what it tells.
    struct Stage {
        line: Option<Line>,
        peer: DuplexStream,
        told: mpsc::Receiver<Told>,
        end: JoinHandle<End>,
    }

    fn set(ping: Option<Duration>) -> Stage {
        let (ours, peer) = duplex(1024);
        let (line, waiting) = Line::new();
        let (tell, told) = mpsc::channel(4);
        let end = tokio::spawn(async move { converse(ours, waiting, ping, 7, &tell).await });
        Stage { line: Some(line), peer, told, end }
    }

    const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: a\r\nContent-Length: 3\r\n\r\nabc";

    async fn read(peer: &mut DuplexStream, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        peer.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_has_32_s_from_its_first_byte_on() {
        let mut stage = set(None);
        for byte in &OPTIONS[..OPTIONS.len() - 1] {
            // Some byte every half second is not enough.
            tokio::time::sleep(Duration::from_millis(400)).await;
            stage.peer.write_all(&[*byte]).await.unwrap();
        }
        stage.peer.write_all(b"c").await.unwrap();
        assert!(matches!(stage.told.recv().await, Some(Told::Message(7, bytes)) if bytes == OPTIONS));
        // Between messages it may be silent.
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let start = Instant::now();
        for byte in OPTIONS {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if stage.peer.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        assert!(matches!(stage.end.await, Ok(End::Slow)));
        assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_answered_a_ping_must_go_on_to() {
        const PING: Duration = Duration::from_secs(100);
        let mut stage = set(Some(PING));
        // Two that are not answered, as by a peer that knows of none.
        for _ in 0..2 {
            assert_eq!(read(&mut stage.peer, 4).await, b"\r\n\r\n");
        }
        stage.peer.write_all(b"\r\n").await.unwrap();
        // Messages are no answer, but they are heard.
        assert_eq!(read(&mut stage.peer, 4).await, b"\r\n\r\n");
        stage.peer.write_all(b"\r\n").await.unwrap();
        stage.peer.write_all(OPTIONS).await.unwrap();
        assert!(matches!(stage.told.recv().await, Some(Told::Message(..))));
        let start = Instant::now();
        assert_eq!(read(&mut stage.peer, 4).await, b"\r\n\r\n");
        assert!(matches!(stage.end.await, Ok(End::Silent)));
        // It is missed so long after the next ping, which comes so long after the last pong was waited for.
        assert!(start.elapsed() <= PONG + PING + PONG);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_is_as_good_as_a_ping() {
        let mut stage = set(Some(Duration::from_secs(100)));
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(99)).await;
            assert!(stage.line.as_ref().unwrap().put(b"abc"));
            assert_eq!(read(&mut stage.peer, 3).await, b"abc");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_is_bounded_and_its_reader_has_so_long() {
        let mut stage = set(None);
        let line = stage.line.take().unwrap();
        let message = vec![b'x'; 60_000];
        let taken = (0..100).take_while(|_| line.put(&message)).count();
        assert_eq!(taken, WAITING / (message.len() + OVERHEAD));
        assert!(!line.is_empty());
        assert!(matches!(stage.end.await, Ok(End::NotReading)));
        assert!(!line.is_open() && line.is_empty());
        // However long it is, one message goes.
        let (line, _waiting) = Line::new();
        assert!(line.put(&vec![0; WAITING * 2]) && !line.put(b"x"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_written_before_it_is_closed() {
        let mut stage = set(None);
        let line = stage.line.take().unwrap();
        assert!(line.put(b"one") && line.put(b"two"));
        drop(line);
        let mut rest = Vec::new();
        stage.peer.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"onetwo");
        assert!(matches!(stage.end.await, Ok(End::Dropped)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_pings_fills_no_memory() {
        let stage = set(None);
        let (_reader, mut writer) = tokio::io::split(stage.peer);
        // Nobody reads the pongs.
        let flood =
            async { while writer.write_all(&[b"\r\n\r\n".as_slice(); 100].concat()).await.is_ok() {} };
        flood.await;
        assert!(matches!(stage.end.await, Ok(End::NotReading)));
    }
}
