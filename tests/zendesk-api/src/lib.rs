//! Zendesk's API as it is documented, over an account in memory that forgets nothing.
//!
//! It refuses what the real one refuses, remembers idempotency keys for two hours by a clock
//! that tests set, counts what it is asked, and misbehaves where a test says so ([`Act`]): slowly, with 429 or 5xx, by
//! hanging up before or after it has done what it was asked, or by never answering. Tests count every ticket there is.

mod account;
mod http;
mod routes;

pub use account::{Account, Attachment, Comment, Ticket, User};

use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use http::{Request, Response};

/// The client that gets tokens, and its secret.
pub const CLIENT: (&str, &str) = ("warmline", "only the account knows");

/// Whose API token is taken, and which.
pub const API_TOKEN: (&str, &str) = ("ann@acme.example", "6wiIBWbGkBMo1mRDMuVwkw1EPsNkeUj95PIz2akv");

/// How often who waits looks whether all is over.
const MOMENT: Duration = Duration::from_millis(5);

/// What it does instead of answering as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It does what it was asked after so long.
    Slow(Duration),
    /// It does what it was asked, and says so only after so long.
    Late(Duration),
    /// It does nothing, and never answers.
    Dead,
    /// It does nothing, and hangs up.
    Cut,
    /// It does what it was asked, and hangs up: the answer is lost.
    Lost,
    /// It does nothing, and answers with this status: 429 and 503 with a `Retry-After` of so many seconds.
    Status(u16, Option<u64>),
    /// The ticket has been changed as often as it may be in ten minutes, and may be again after so many seconds; the account
    /// bears more.
    Spent(u64),
    /// The token is taken for one that has ended, whatever it is.
    Unauthorised,
}

/// What a request is to look like for an [`Act`].
#[derive(Clone, Debug)]
struct Cue {
    method: &'static str,
    path: &'static str,
    act: Act,
    /// How often; none for always.
    times: Option<u32>,
}

#[derive(Debug, Default)]
struct Stage {
    account: Account,
    cues: Vec<Cue>,
    /// What was asked: method, path and the status of the answer, or 0 where there was none.
    asked: Vec<(String, String, u16)>,
}

/// An account's API, until it is dropped.
#[derive(Debug)]
pub struct Api {
    address: SocketAddr,
    stage: Arc<Mutex<Stage>>,
    closing: Arc<AtomicBool>,
    works: Option<JoinHandle<()>>,
}

impl Api {
    /// Listens there; port 0 is any.
    ///
    /// # Errors
    /// Where the port is taken.
    pub fn open(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stage, closing) = (Arc::<Mutex<Stage>>::default(), Arc::<AtomicBool>::default());
        let (shared, told) = (Arc::clone(&stage), Arc::clone(&closing));
        let works = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(MOMENT);
                    continue;
                };
                let (stage, closing) = (Arc::clone(&shared), Arc::clone(&told));
                std::thread::spawn(move || serve(stream, &stage, &closing));
            }
        });
        Ok(Self { address, stage, closing, works: Some(works) })
    }

    /// Listens at a port of this machine that is free.
    ///
    /// # Panics
    /// Where there is none.
    pub fn here() -> Self {
        Self::open(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port")
    }

    /// What a desk has for its `base_url`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks into the account, or changes it.
    pub fn account<T>(&self, look: impl FnOnce(&mut Account) -> T) -> T {
        look(&mut self.stage().account)
    }

    /// Has it do something else the next times that it is asked like this; always, where none are said. `path` is how the
    /// path begins.
    pub fn upon(&self, method: &'static str, path: &'static str, act: Act, times: Option<u32>) {
        self.stage().cues.push(Cue { method, path, act, times });
    }

    /// Has it behave again.
    pub fn behave(&self) {
        self.stage().cues.clear();
    }

    /// What it was asked so far: method, path and the status of its answer, 0 where there was none.
    pub fn asked(&self) -> Vec<(String, String, u16)> {
        self.stage().asked.clone()
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        lock(&self.stage)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(works) = self.works.take() {
            // What it could tell was told by the test that failed.
            let _ = works.join();
        }
    }
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request; a connection has no more.
fn serve(mut stream: TcpStream, stage: &Mutex<Stage>, closing: &AtomicBool) {
    let Some(request) = Request::read(&mut stream) else { return };
    let note = |status| lock(stage).asked.push((request.method.clone(), request.target.clone(), status));
    let act = lock(stage).act(&request);
    let wait = |time: Duration| {
        let until = Instant::now() + time;
        while Instant::now() < until && !closing.load(Ordering::Relaxed) {
            std::thread::sleep(MOMENT);
        }
    };
    match act {
        Some(Act::Dead) => {
            note(0);
            return wait(Duration::MAX.min(Duration::from_secs(3600)));
        }
        Some(Act::Cut) => return note(0),
        Some(Act::Slow(time)) => wait(time),
        Some(Act::Status(status, after)) => {
            note(status);
            return Response::misbehaviour(status, after).write(&mut stream);
        }
        Some(Act::Spent(after)) => {
            note(429);
            return Response::ticket_spent(after).write(&mut stream);
        }
        Some(Act::Unauthorised) => {
            note(401);
            return Response::unauthorised().write(&mut stream);
        }
        Some(Act::Lost | Act::Late(_)) | None => {}
    }
    let response = routes::answer(&mut lock(stage).account, &request);
    match act {
        Some(Act::Lost) => return note(0),
        Some(Act::Late(time)) => wait(time),
        _ => {}
    }
    note(response.status);
    response.write(&mut stream);
}

impl Stage {
    fn act(&mut self, request: &Request) -> Option<Act> {
        let fits = |cue: &Cue| cue.method == request.method && request.target.starts_with(cue.path);
        let at = self.cues.iter().position(fits)?;
        let cue = self.cues.get_mut(at)?;
        let act = cue.act;
        if let Some(times) = &mut cue.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.cues.remove(at);
            }
        }
        Some(act)
    }
}
