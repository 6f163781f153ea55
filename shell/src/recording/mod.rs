//! Recordings: a thread that writes what relay workers hear of recorded calls, a WAV file for each.
//!
//! Workers hand pieces over through a bounded queue and never wait: what finds no room is left out, and said when its
//! recording ends. When one begins and ends comes another way, in which nothing is lost. Nothing that goes wrong here reaches a call.

mod file;
mod name;
mod sink;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use warmline_core::relay::{Relay, StreamId, Taped};

use crate::clock::Clock;
use crate::node::{Alarm, StartError};
use crate::store::{Change, Recorded, Store};
use file::Recording;
pub(crate) use file::{Format, start};
use sink::Sink;

/// How many pieces can wait: a second and a half of 50 recorded calls, some 4 MiB.
const WAITING: usize = 8_192;

/// How long pieces gather before they are looked at, and before they are written.
const TURN: Duration = Duration::from_millis(20);
const WRITTEN_EVERY: Duration = Duration::from_millis(250);

/// `[recording]`: where recordings go, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The folder.
    pub(crate) directory: PathBuf,
    /// How samples are written.
    pub(crate) format: Format,
    /// Who can read them, as `age` names them; everybody who may read the file where there is none.
    pub(crate) recipients: Vec<String>,
}

/// What the writing thread is told of a recording: twice in a call, and never left out.
#[derive(Debug)]
enum Notice {
    /// A recording of this stream begins: of which call, and whether its caller leaves a message.
    Begin(StreamId, u64, bool),
    End(StreamId),
    Stop,
}

/// Where workers and signalling hand recordings to.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    notices: Sender<Notice>,
    pieces: SyncSender<Taped>,
    lost: Arc<AtomicU64>,
}

impl Recorder {
    /// Starts the writing thread; it tells the store, where there is one, what it has.
    pub(crate) fn start(
        setting: Setting,
        store: Option<Store>,
        alarm: Alarm,
    ) -> Result<(Self, JoinHandle<()>), StartError> {
        let (notices, noticed) = channel();
        let (pieces, queue) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let recorder = Self { notices, pieces, lost: Arc::clone(&lost) };
        let thread = std::thread::Builder::new().name("recorder".to_owned()).spawn(move || {
            let _alarm = alarm;
            let open = HashMap::new();
            Writer { setting, store, open, lost, told: 0, failing: false }.run(&noticed, &queue);
        });
        let name = "the recorder";
        Ok((recorder, thread.map_err(|source| StartError::Thread { name, source })?))
    }

    /// A call's stream is about to be recorded; `call` is what the call is known by, and `message` whether the caller leaves
    /// one.
    pub(crate) fn begin(&self, stream: StreamId, call: u64, message: bool) {
        self.notice(Notice::Begin(stream, call, message));
    }

    /// Takes what a relay has recorded. Never waits.
    pub(crate) fn take(&self, relay: &mut Relay<'_>) {
        while let Some(piece) = relay.taped() {
            if self.pieces.try_send(piece.clone()).is_err() {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A stream is no more.
    pub(crate) fn end(&self, stream: StreamId) {
        self.notice(Notice::End(stream));
    }

    /// Has the thread finish what it has, and end.
    pub(crate) fn stop(&self) {
        self.notice(Notice::Stop);
    }

    fn notice(&self, notice: Notice) {
        // Where the thread has ended, nothing is recorded any more.
        let _ = self.notices.send(notice);
    }
}

/// What the thread has.
struct Writer {
    setting: Setting,
    store: Option<Store>,
    open: HashMap<StreamId, (Recorded, Recording)>,
    lost: Arc<AtomicU64>,
    /// How many pieces are known to be lost.
    told: u64,
    /// Whether it was said that recordings cannot be written.
    failing: bool,
}

impl Writer {
    fn run(mut self, notices: &Receiver<Notice>, pieces: &Receiver<Taped>) {
        let mut written = Instant::now();
        let mut over = Vec::new();
        let mut stops = false;
        while !stops {
            // Woken for every piece, it would cost the workers a system call each.
            let first = match self.open.is_empty() {
                true => Some(notices.recv().unwrap_or(Notice::Stop)),
                false => {
                    std::thread::sleep(TURN);
                    None
                }
            };
            for notice in first.into_iter().chain(notices.try_iter()) {
                match notice {
                    Notice::Begin(stream, call, message) => self.begin(stream, call, message),
                    Notice::End(stream) => over.push(stream),
                    Notice::Stop => stops = true,
                }
            }
            // What was handed over before a recording was said to end is there by now.
            pieces.try_iter().for_each(|piece| self.piece(&piece));
            over.drain(..).for_each(|stream| self.end(stream));
            if written.elapsed() >= WRITTEN_EVERY {
                written = Instant::now();
                self.write();
            }
        }
        let all: Vec<_> = self.open.keys().copied().collect();
        all.into_iter().for_each(|stream| self.end(stream));
    }

    fn begin(&mut self, stream: StreamId, call: u64, message: bool) {
        self.end(stream);
        let name = name::of(SystemTime::now(), call);
        match create(&self.setting, &name) {
            Ok((file, recording)) => {
                self.failing = false;
                let begun = Clock::utc().map_or(0, |now| now.0);
                let recorded = Recorded { file, call, message, begun, length: None };
                self.tell(&recorded);
                self.open.insert(stream, (recorded, recording));
            }
            Err(error) => {
                let path = self.setting.directory.join(name);
                self.fails(&path, &error);
            }
        }
    }

    /// Has it written down that there is this.
    fn tell(&self, recorded: &Recorded) {
        if let Some(store) = &self.store {
            store.write(Change::Recorded(recorded.clone()));
        }
    }

    fn piece(&mut self, piece: &Taped) {
        if let Some((_, recording)) = self.open.get_mut(&piece.stream()) {
            recording.put(piece);
        }
    }

    fn end(&mut self, stream: StreamId) {
        let Some((mut recorded, recording)) = self.open.remove(&stream) else { return };
        let lost = self.lost.load(Ordering::Relaxed);
        match recording.finish() {
            Ok(length) => {
                tracing::info!("recorded {:.1} s in {}", length.as_secs_f32(), recorded.file.display());
                recorded.length = i64::try_from(length.as_micros()).ok();
                self.tell(&recorded);
                if lost > self.told {
                    let left_out = lost - core::mem::replace(&mut self.told, lost);
                    tracing::warn!(
                        "{left_out} pieces of audio were not recorded since the last recording ended: the recorder could \
                         not keep up. Write to a faster disk, or record fewer calls"
                    );
                }
            }
            Err(error) => self.fails(&recorded.file, &error),
        }
    }

    /// Writes what has gathered. A recording that cannot be written ends here.
    fn write(&mut self) {
        let failed: Vec<_> = self
            .open
            .iter_mut()
            .filter_map(|(stream, (_, recording))| Some((*stream, recording.write().err()?)))
            .collect();
        for (stream, error) in failed {
            if let Some((recorded, _)) = self.open.remove(&stream) {
                self.fails(&recorded.file, &error);
            }
        }
    }

    /// Says so once, until something could be written again.
    fn fails(&mut self, path: &Path, error: &io::Error) {
        if !core::mem::replace(&mut self.failing, true) {
            tracing::error!(
                "calls are not recorded: {} cannot be written: {error}. Calls go on. Look at the room and the rights there; \
                 this is said again after a recording could be begun",
                path.display()
            );
        }
    }
}

/// A new file of this name, or one like it, that only we may read.
fn create(setting: &Setting, name: &str) -> io::Result<(PathBuf, Recording)> {
    let ending = if setting.recipients.is_empty() { "wav" } else { "wav.age" };
    let mut number = 1;
    loop {
        let again = if number > 1 { format!("-{number}") } else { String::new() };
        let path = setting.directory.join(format!("{name}{again}.{ending}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
            Ok(file) => {
                let sink = Sink::new(file, &setting.recipients)?;
                return Ok((path, Recording::new(sink, setting.format)?));
            }
        }
    }
}

/// Whether recordings can be written to a folder: what is wrong where they cannot.
pub(crate) fn check(directory: &Path) -> io::Result<()> {
    let probe = directory.join(format!(".warmline-{}", std::process::id()));
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&probe)?;
    std::fs::remove_file(&probe)
}

/// Whether this names somebody to whom recordings can be sealed: what is wrong where it does not.
pub(crate) fn recipient(text: &str) -> Result<(), String> {
    sink::recipient(text).map(drop)
}
