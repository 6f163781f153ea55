//! How datagrams come in and leave: what there is, and which of it this machine lets us have.

use core::fmt;
use std::io;
#[cfg(target_os = "linux")]
use std::sync::Arc;

use mio::Poll;
use warmline_core::config::Config;

use super::plane::Plane;
#[cfg(target_os = "linux")]
use super::ring::Ring;
use super::sockets::Sockets;
#[cfg(target_os = "linux")]
use super::steering::Steering;
#[cfg(target_os = "linux")]
use super::uring::{Feed, Uring};
use crate::config::Loaded;

/// A way to move datagrams. Relay workers are the same over each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A program in the kernel hands each worker all that is for its ports through one socket; the rest is as with
    /// [`Backend::Uring`].
    Bpf,
    /// The kernel writes what comes into buffers of ours and takes many datagrams to send at once (io_uring).
    Uring,
    /// A system call for each datagram, and a poller that tells where there is one.
    Sockets,
}

/// A backend that this machine lets us have, with what all workers share of it.
#[derive(Clone, Debug)]
pub(crate) enum Chosen {
    #[cfg(target_os = "linux")]
    Bpf(Arc<Steering>),
    #[cfg(target_os = "linux")]
    Uring,
    Sockets,
}

/// Why a backend cannot be had, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The system does not let us.
    #[error("{backend} is not allowed here ({source}): {what}", what = right(*backend))]
    Denied {
        /// Which.
        backend: Backend,
        /// What it says.
        source: io::Error,
    },
    /// The system has not got it.
    #[error("this system has no {backend} ({source}): {what}", what = needs(*backend))]
    Missing {
        /// Which.
        backend: Backend,
        /// What it says.
        source: io::Error,
    },
    /// It fails otherwise.
    #[error("{backend} fails: {source}")]
    Failed {
        /// Which.
        backend: Backend,
        /// Why.
        source: io::Error,
    },
}

impl Backend {
    /// All of them, the fastest first.
    pub const ALL: [Self; 3] = [Self::Bpf, Self::Uring, Self::Sockets];

    /// As it is written in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bpf => "bpf",
            Self::Uring => "uring",
            Self::Sockets => "sockets",
        }
    }

    /// Whether this machine lets us have it, found out by using it.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub(crate) fn set_up(self, loaded: &Loaded) -> Result<Chosen, Unavailable> {
        let chosen = match self {
            #[cfg(target_os = "linux")]
            Self::Bpf => Ring::trial().and_then(|()| {
                let calls = usize::try_from(loaded.capacity()).unwrap_or(usize::MAX);
                Steering::new(&loaded.lend(), calls).map(|steering| Chosen::Bpf(Arc::new(steering)))
            }),
            #[cfg(target_os = "linux")]
            Self::Uring => Ring::trial().map(|()| Chosen::Uring),
            #[cfg(not(target_os = "linux"))]
            Self::Bpf | Self::Uring => Err(io::ErrorKind::Unsupported.into()),
            Self::Sockets => Ok(Chosen::Sockets),
        };
        chosen.map_err(|source| Unavailable::of(self, source))
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Unavailable {
    fn of(backend: Backend, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied { backend, source },
            io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput => Self::Missing { backend, source },
            _ => Self::Failed { backend, source },
        }
    }
}

impl Chosen {
    /// The one that is asked for, or else the fastest there is; says in the log which, and why it is no faster one.
    ///
    /// # Errors
    /// Why the one that is asked for cannot be had.
    pub(crate) fn new(loaded: &Loaded) -> Result<Self, Unavailable> {
        if let Some(backend) = loaded.media().backend {
            let chosen = backend.set_up(loaded)?;
            tracing::info!("media backend: {backend}, as configured");
            return Ok(chosen);
        }
        let mut why = String::new();
        for backend in Backend::ALL {
            match backend.set_up(loaded) {
                Ok(chosen) => {
                    tracing::info!("media backend: {backend}{why}");
                    return Ok(chosen);
                }
                Err(unavailable) => why.push_str(&format!("; {unavailable}")),
            }
        }
        Ok(Self::Sockets)
    }

    /// Which it is.
    pub(crate) const fn backend(&self) -> Backend {
        match self {
            #[cfg(target_os = "linux")]
            Self::Bpf(_) => Backend::Bpf,
            #[cfg(target_os = "linux")]
            Self::Uring => Backend::Uring,
            Self::Sockets => Backend::Sockets,
        }
    }

    /// A worker's plane, of which so many ports may have sockets. `poll` has the worker's waker. For the thread that asks.
    pub(super) fn plane(
        &self,
        config: &Config<'_>,
        worker: u8,
        poll: Poll,
        most: usize,
    ) -> io::Result<Plane> {
        #[cfg(not(target_os = "linux"))]
        let _ = worker;
        match self {
            #[cfg(target_os = "linux")]
            Self::Bpf(steering) => {
                let feed = Feed::Shared { steering: Arc::clone(steering), worker };
                Uring::new(config, poll, most, feed).map(Plane::Uring)
            }
            #[cfg(target_os = "linux")]
            Self::Uring => Uring::new(config, poll, most, Feed::Each).map(Plane::Uring),
            Self::Sockets => Ok(Plane::Sockets(Sockets::new(config, poll, most))),
        }
    }
}

/// What lets a process have a backend.
const fn right(backend: Backend) -> &'static str {
    match backend {
        Backend::Bpf => "it takes root, or CAP_BPF and CAP_NET_ADMIN (in a container, --cap-add)",
        Backend::Uring => "see kernel.io_uring_disabled, and in a container its seccomp profile",
        Backend::Sockets => "it takes no rights",
    }
}

/// What a system is to be.
const fn needs(backend: Backend) -> &'static str {
    match backend {
        Backend::Bpf => "it takes Linux 6.0 with BPF",
        Backend::Uring => "it takes Linux 6.0",
        Backend::Sockets => "it runs everywhere",
    }
}
