//! Whose relay is measured: ours over each backend, or somebody else's.

use core::fmt;

use clap::ValueEnum;
use warmline_core::relay::Peer;
use warmline_core::srtp::Suite;
use warmline_core::time::Duration;

use super::Error;
use super::relays::Relays;
use super::rtpengine::Rtpengine;
use super::system::{Cores, Thread, relay_threads};
use crate::config::Media;
use crate::media::Backend;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Wanted {
    /// Each that this machine allows.
    All,
    Bpf,
    Uring,
    Sockets,
}

/// Who relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The generator hears itself.
    Nobody,
    Warmline(Backend),
    Rtpengine,
}

/// A relay with open sessions.
pub(super) struct Running {
    /// The two ports of each.
    pub(super) ports: Vec<[u16; 2]>,
    /// What it runs on.
    pub(super) threads: Vec<Thread>,
    _alive: Alive,
}

#[expect(dead_code, reason = "they end when they are dropped")]
enum Alive {
    Ours(Relays),
    Rtpengine(Rtpengine),
}

impl Wanted {
    /// The backends.
    pub(super) fn backends(self) -> &'static [Backend] {
        match self {
            Self::All => &Backend::ALL,
            Self::Bpf => &[Backend::Bpf],
            Self::Uring => &[Backend::Uring],
            Self::Sockets => &[Backend::Sockets],
        }
    }
}

impl Subject {
    /// Starts it with so many sessions between two peers; none of nobody.
    pub(super) fn start(
        self,
        sessions: usize,
        workers: u8,
        spin: Duration,
        peers: &[Peer; 2],
        suite: Option<Suite>,
        cores: &Cores,
    ) -> Result<Option<Running>, Error> {
        let running = match self {
            Self::Nobody => return Ok(None),
            Self::Warmline(backend) => {
                let media = Media { backend: Some(backend), spin };
                let relays = Relays::start(sessions, workers, media, peers, suite, cores)?;
                let (ports, threads) = (relays.ports().to_vec(), relay_threads(workers));
                Running { ports, threads, _alive: Alive::Ours(relays) }
            }
            Self::Rtpengine => {
                let rtpengine = Rtpengine::start(sessions, peers)?;
                let (ports, threads) = (rtpengine.ports().to_vec(), rtpengine.threads());
                cores.pin_measured(&threads);
                Running { ports, threads, _alive: Alive::Rtpengine(rtpengine) }
            }
        };
        Ok(Some(running))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("no relay"),
            Self::Warmline(backend) => write!(f, "Warmline, {backend}"),
            Self::Rtpengine => f.write_str("rtpengine"),
        }
    }
}
