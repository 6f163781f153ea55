//! What is measured: relay workers as a node has them, told what to do without any signalling.

use core::ops::RangeInclusive;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

use tokio::sync::Notify;
use warmline_core::relay::{Control, Peer, Report, Side, StreamId};
use warmline_core::srtp::Suite;

use super::Error;
use super::keys::security;
use super::system::Cores;
use crate::clock::Clock;
use crate::config::Media;
use crate::loopback;
use crate::media::{self, Backend, Chosen};
use crate::node::{Alarm, allow_files};

/// Media ports, of which as many are taken as are needed and free.
const PORTS: RangeInclusive<u16> = 20_000..=60_999;

/// How long a worker may take to open a stream.
const PATIENCE: Duration = Duration::from_secs(10);

/// Running workers with open streams. Dropped, they end.
pub(super) struct Relays {
    workers: Vec<(media::Handle, JoinHandle<()>)>,
    /// The ports of each session.
    ports: Vec<[u16; 2]>,
}

impl Relays {
    /// Whether this machine allows a backend.
    pub(super) fn available(backend: Backend) -> Result<(), Error> {
        let media = Media { backend: Some(backend), spin: warmline_core::time::Duration::ZERO };
        let loaded = loopback::relaying(1, PORTS, 1, media)?;
        backend.set_up(&loaded)?;
        Ok(())
    }

    /// Starts workers and opens sessions, each between the same two peers, which speak SRTP where a suite is named.
    pub(super) fn start(
        sessions: usize,
        workers: u8,
        media: Media,
        peers: &[Peer; 2],
        suite: Option<Suite>,
        cores: &Cores,
    ) -> Result<Self, Error> {
        let loaded = Arc::new(loopback::relaying(sessions, PORTS, workers, media)?);
        let backend = Chosen::new(&loaded)?;
        let sockets = allow_files(&loaded, backend.backend(), 0)?;
        let (reporting, reports) = media::Reports::new(sessions, Arc::default());
        let mut relays = Self { workers: vec![], ports: vec![] };
        for number in 0..workers {
            let alarm = Alarm(Arc::new(Notify::new()));
            let (loaded, backend) = (Arc::clone(&loaded), backend.clone());
            let worker =
                media::start(number, loaded, backend, Clock::start(), reporting.clone(), sockets, alarm)?;
            relays.workers.push(worker);
        }
        relays.open(sessions, &reports)?;
        // They run, so they have their names by now.
        cores.pin_relays(workers);
        for (number, _) in relays.ports.iter().enumerate() {
            let worker = relays.worker(number);
            for (side, &peer) in [Side::A, Side::B].into_iter().zip(peers) {
                worker.control(Control::Point { stream: stream(number), side, peer });
                if let Some(suite) = suite {
                    let security = Some(security(suite, number, side));
                    worker.control(Control::Secure { stream: stream(number), side, security });
                }
            }
        }
        relays.workers.iter().for_each(|(worker, _)| worker.wake());
        Ok(relays)
    }

    /// The two ports of each session.
    pub(super) fn ports(&self) -> &[[u16; 2]] {
        &self.ports
    }

    fn open(&mut self, sessions: usize, reports: &Receiver<Report>) -> Result<(), Error> {
        let count = self.workers.len().max(1);
        // A session's ports belong to one worker.
        let mut free: Vec<VecDeque<u16>> = vec![VecDeque::new(); count];
        for port in PORTS.step_by(2) {
            free[usize::from(port / 2) % count].push_back(port);
        }
        for number in 0..sessions {
            let ports = loop {
                let ports = &mut free[number % count];
                let (Some(a), Some(b)) = (ports.pop_front(), ports.pop_front()) else {
                    return Err(Error::Ports { opened: number, wanted: sessions });
                };
                let worker = self.worker(number);
                worker.control(Control::Open { stream: stream(number), ports: [a, b] });
                worker.wake();
                match reports.recv_timeout(PATIENCE) {
                    Ok(Report::Opened { .. }) => break [a, b],
                    // Somebody has one of them.
                    Ok(Report::Failed { .. }) => {}
                    _ => return Err(Error::Worker),
                }
            };
            self.ports.push(ports);
        }
        Ok(())
    }

    fn worker(&self, session: usize) -> &media::Handle {
        &self.workers[session % self.workers.len()].0
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        self.workers.iter().for_each(|(worker, _)| worker.stop());
        for (_, thread) in self.workers.drain(..) {
            // It has said why, if it failed.
            let _ = thread.join();
        }
    }
}

fn stream(session: usize) -> StreamId {
    StreamId { index: session as u32, generation: 1 }
}
