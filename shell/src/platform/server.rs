//! HTTP/1.1 over TLS, or on loopback without: a thread, and its connections.

use core::time::Duration;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use warmline_core::filter::Rate;

use super::guests::Guests;
use super::routes::{Desk, routes};
use super::{Setting, Token};
use crate::certificates::{Unusable, https};
use crate::clock::Clock;
use crate::node::{Alarm, StartError};
use crate::signal::{Asks, listen};

/// How long a handshake may take, and the head of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(10);

/// The most bytes of a request's head.
const HEAD_BYTES: usize = 32 << 10;

/// How long nothing is accepted when the system has no more files.
const REST: Duration = Duration::from_millis(100);

/// What is served, until that is another.
pub(crate) struct Serving {
    /// None where plain HTTP is spoken.
    tls: Option<Arc<ServerConfig>>,
    pub(super) rate: Rate,
    pub(super) tokens: Vec<Token>,
}

impl Serving {
    /// What the configuration says; reads its certificate.
    pub(crate) fn read(setting: &Setting) -> Result<Self, Unusable> {
        let tls = setting.identity.as_ref().map(https).transpose()?;
        Ok(Self { tls, rate: setting.rate, tokens: setting.tokens.clone() })
    }
}

/// A server that has its socket, and waits to be started.
pub(crate) struct Open {
    listener: TcpListener,
    serving: Serving,
}

/// The running server. Dropped, it ends.
pub(crate) struct Server {
    serving: watch::Sender<Arc<Serving>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Open {
    /// Binds its socket, and reads its certificate.
    pub(crate) fn bind(setting: &Setting) -> Result<Self, StartError> {
        Ok(Self { listener: listen(setting.address)?, serving: Serving::read(setting)? })
    }

    /// Starts it.
    pub(crate) fn start(self, asks: Asks, clock: Clock, alarm: Alarm) -> Result<Server, StartError> {
        let Self { listener, serving } = self;
        let thread = |source| StartError::Thread { name: "platform", source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(thread)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(thread)?
        };
        if let Ok(address) = listener.local_addr() {
            let scheme = if serving.tls.is_some() { "https" } else { "http" };
            tracing::info!("platforms are answered at {scheme}://{address}");
        }
        let (serving, served) = watch::channel(Arc::new(serving));
        let (stop, stopped) = oneshot::channel();
        let desk = Arc::new(Desk::new(served, asks, clock));
        let started = std::thread::Builder::new().name("platform".to_owned()).spawn(move || {
            let _alarm = alarm;
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, desk) => {}
                    // Dropped, or told: it is over.
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Ok(Server { serving, stop: Some(stop), thread: Some(started.map_err(thread)?) })
    }
}

impl Server {
    /// Serves this from now on; connections go on as they are.
    pub(crate) fn serve(&self, serving: Serving) {
        self.serving.send_replace(Arc::new(serving));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the thread that platforms are served by had failed");
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, desk: Arc<Desk>) {
    let guests = Arc::<Guests>::default();
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let Some(guest) = guests.enter(remote.ip()) else { continue };
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    // Whoever does not speak TLS or HTTP is told nothing.
                    let _ = serve(stream, desk).await;
                    drop(guest);
                });
            }
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

async fn serve(stream: TcpStream, desk: Arc<Desk>) -> io::Result<()> {
    let tls = desk.serving.borrow().tls.clone();
    match tls {
        None => talk(stream, desk).await,
        Some(tls) => talk(timeout(HANDSHAKE, TlsAcceptor::from(tls).accept(stream)).await??, desk).await,
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, desk: Arc<Desk>) -> io::Result<()> {
    let service = TowerToHyperService::new(routes(desk));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    http.serve_connection(TokioIo::new(stream), service).await.map_err(io::Error::other)
}
