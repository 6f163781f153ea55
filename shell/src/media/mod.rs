//! Relay workers: threads that drive core's [`Relay`](warmline_core::relay::Relay), each over sockets of its own.
//!
//! Signalling hands [`Control`]s to the worker they name and hears [`Report`]s from all of them. A worker never
//! waits for signalling: what it cannot report yet stays in its relay.

#[cfg(target_os = "linux")]
mod address;
mod backend;
#[cfg(target_os = "linux")]
mod bpf;
mod buffer;
mod plane;
mod ports;
#[cfg(target_os = "linux")]
mod program;
#[cfg(target_os = "linux")]
mod ring;
mod sockets;
#[cfg(target_os = "linux")]
mod steering;
#[cfg(test)]
mod tests;
#[cfg(target_os = "linux")]
mod uring;
mod worker;

use core::net::SocketAddr;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use mio::{Poll, Token, Waker};
use tokio::sync::Notify;
use warmline_core::reason::Counters;
use warmline_core::relay::{Control, Report};

use crate::clips::Library;
use crate::clock::Clock;
use crate::config::Loaded;
use crate::node::{Alarm, StartError, seed};
use crate::recording::Recorder;
pub(crate) use backend::Chosen;
pub use backend::{Backend, Unavailable};
use worker::Worker;

/// The waker's token. Sockets have their port for one.
const WAKER: Token = Token(usize::MAX);

/// What a relay worker has done so far.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Streams that are open, or closing.
    pub streams: usize,
    /// Datagrams that came in.
    pub received: u64,
    /// Datagrams that were sent.
    pub sent: u64,
    /// Datagrams that the system did not take, or that are far too large for audio.
    pub unsent: u64,
    /// Datagrams that were dropped, by reason.
    pub dropped: Counters,
}

/// What a worker is told.
#[derive(Debug)]
enum Order {
    Control(Control),
    /// What is played from here on, beside what is being played.
    Clips(Library),
    Tell(SyncSender<Traffic>),
    Stop,
}

/// A running worker.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    orders: SyncSender<Order>,
    waker: Arc<Waker>,
}

/// Where workers report to.
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    queue: SyncSender<Report>,
    bell: Arc<Notify>,
    /// Where what is recorded goes to.
    recorder: Option<Recorder>,
}

impl Reports {
    /// A queue that holds `calls` calls' reports, and its other end; `bell` rings for each.
    pub(crate) fn new(calls: usize, bell: Arc<Notify>) -> (Self, Receiver<Report>) {
        // A call is opened once and closed once, and a side at most joins or parts meanwhile: what finds no room
        // waits in the worker.
        let (queue, reports) = sync_channel(calls * 2 + 16);
        (Self { queue, bell, recorder: None }, reports)
    }

    /// The same, with somewhere for what is recorded to go to.
    pub(crate) fn with_recorder(self, recorder: Option<Recorder>) -> Self {
        Self { recorder, ..self }
    }

    const fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Reports, or gives the report back when there is no room. Nobody listens any more: it is gone.
    fn send(&self, report: Report) -> Option<Report> {
        match self.queue.try_send(report) {
            Ok(()) => {
                self.bell.notify_one();
                None
            }
            Err(TrySendError::Full(report)) => Some(report),
            Err(TrySendError::Disconnected(_)) => None,
        }
    }
}

impl Handle {
    /// Hands a control over, without waking the worker; false when the worker is gone. Waits where the worker has
    /// fallen far behind.
    pub(crate) fn control(&self, control: Control) -> bool {
        match self.orders.try_send(Order::Control(control)) {
            Ok(()) => true,
            Err(TrySendError::Full(order)) => {
                self.wake();
                self.orders.send(order).is_ok()
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// Has the worker play from other clips. What is being played of the old ones stays.
    pub(crate) fn follow(&self, clips: &Library) {
        if self.orders.send(Order::Clips(clips.clone())).is_ok() {
            self.wake();
        }
    }

    /// Has the worker look at what it was handed.
    pub(crate) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!("a relay worker cannot be woken: {error}");
        }
    }

    /// What the worker has done so far; none when it is gone.
    pub(crate) fn traffic(&self) -> Option<Traffic> {
        let (answer, traffic) = sync_channel(1);
        self.orders.send(Order::Tell(answer)).ok()?;
        self.wake();
        traffic.recv().ok()
    }

    /// Has the worker end, whatever is open.
    pub(crate) fn stop(&self) {
        if self.orders.send(Order::Stop).is_ok() {
            self.wake();
        }
    }
}

/// Starts worker `number` over a backend; so many of its ports may have sockets.
pub(crate) fn start(
    number: u8,
    loaded: Arc<Loaded>,
    backend: Chosen,
    clock: Clock,
    reports: Reports,
    sockets: usize,
    alarm: Alarm,
) -> Result<(Handle, JoinHandle<()>), StartError> {
    let calls = usize::try_from(loaded.capacity()).unwrap_or(usize::MAX);
    let failed = |source| StartError::Thread { name: "a relay worker", source };
    let poll = Poll::new().map_err(failed)?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(failed)?);
    // A call has at most an open, a point for each side and a close on the way at once; re-INVITEs add to that.
    let (orders, queue) = sync_channel(calls * 4 + 16);
    let seed = seed()?;
    // Planes belong to the thread that makes them.
    let (told, made) = sync_channel(1);
    let thread = std::thread::Builder::new()
        .name(format!("relay-{number}"))
        .spawn(move || {
            let _alarm = alarm;
            let plane = match backend.plane(&loaded.lend(), number, poll, sockets) {
                Ok(plane) => plane,
                Err(error) => {
                    let _ = told.send(Err(error));
                    return;
                }
            };
            if told.send(Ok(())).is_ok() {
                Worker::run(&loaded, &seed, plane, clock, &queue, reports);
            }
        })
        .map_err(failed)?;
    let ended = || Err(io::Error::other("its thread has ended"));
    made.recv().unwrap_or_else(|_| ended()).map_err(failed)?;
    Ok((Handle { orders, waker }, thread))
}

/// The socket that faces a peer cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open media port {address}: {source}")]
struct OpenError {
    address: SocketAddr,
    source: io::Error,
}
