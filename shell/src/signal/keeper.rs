//! What is kept of calls for a restart: a file that outlives this process, however that ends.
//!
//! A place for each call, where its records are written over as it goes on. What was written is the system's the moment
//! that the write returns, so that a crash of this process loses nothing of it; no disk is waited for, and a machine that
//! falls over has lost its calls anyway. The keys of calls with SRTP are in it: only its owner may read it, and
//! what is of no use any more is written over with zeros.
//!
//! How a call ended is kept for some seconds more, without its legs: until what is to be written of it in the store is there,
//! which a crash would have it say once more.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use warmline_core::call::CallId;
use warmline_core::time::{Duration, Instant};
use warmline_core::{Cx, Event, Sbc};

/// What such a file begins with.
const MAGIC: &[u8] = b"warmline calls 1\n";

/// Bytes before the first place.
const HEAD: usize = 4_096;

/// Bytes for the record of a call, and for what ends its legs that are not answered: together its place.
const ROOM: [usize; 2] = [4_096, 8_192];
const PLACE: usize = ROOM[0] + ROOM[1];

/// How long it is kept how a call ended.
const ENDED: Duration = Duration::from_secs(5);

/// Which of the two.
#[derive(Clone, Copy)]
enum Part {
    Record,
    Unanswered,
}

pub(crate) struct Keeper {
    path: PathBuf,
    file: File,
    /// Which place each call has.
    places: HashMap<CallId, usize>,
    /// Those that nobody has, the next one last; and those of calls that have ended, and when.
    free: Vec<usize>,
    ended: VecDeque<(Instant, usize)>,
    /// How many bytes stand in each part of each place.
    lens: Vec<[usize; 2]>,
    room: Box<[u8]>,
    /// What was found, until it is taken.
    found: Vec<Found>,
    /// Whether it was said that nothing can be kept.
    failing: bool,
}

/// What was kept of a call before a restart; zeros where there is nothing.
pub(super) struct Found {
    pub(super) record: Vec<u8>,
    pub(super) unanswered: Vec<u8>,
}

/// Why nothing is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unkept {
    /// It was not this program that wrote it.
    #[error("it is another file than one of calls, and is left as it is")]
    Other,
    /// The system does not let us.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Keeper {
    /// Reads what the file holds, and begins another beside it, which takes its place by [`Keeper::begin`]: what was kept is
    /// there until then.
    pub(crate) fn open(path: PathBuf, calls: usize) -> Result<Self, Unkept> {
        let found = read(&path)?;
        let next = beside(&path);
        match fs::remove_file(&next) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
        file.write_all_at(MAGIC, 0)?;
        let room = vec![0; 2 * ROOM[1]].into_boxed_slice();
        // As many for those that have ended.
        let count = 2 * calls;
        Ok(Self {
            path,
            file,
            places: HashMap::with_capacity(calls),
            free: (0..count).rev().collect(),
            ended: VecDeque::with_capacity(count),
            lens: vec![[0; 2]; count],
            room,
            found,
            failing: false,
        })
    }

    /// What was kept before.
    pub(super) fn take(&mut self) -> Vec<Found> {
        core::mem::take(&mut self.found)
    }

    /// All that is to be kept of what was is kept anew.
    pub(super) fn begin(&mut self) {
        if let Err(error) = fs::rename(beside(&self.path), &self.path) {
            self.fails(&error);
        }
    }

    /// Something happened in core.
    pub(super) fn event(&mut self, cx: &Cx<'_>, sbc: &Sbc<'_>, event: Event) {
        let (Event::Settled(call) | Event::Unanswered(call) | Event::Ended(call)) = event else { return };
        while let Some((_, place)) = self.ended.pop_front_if(|(at, _)| at.after(ENDED) <= cx.now) {
            self.write(place, Part::Record, 0);
            self.free.push(place);
        }
        let Some(place) = self.place(call) else { return };
        if let Event::Settled(_) | Event::Ended(_) = event
            && let Some(len) = sbc.save(cx, call, &mut self.room)
        {
            self.write(place, Part::Record, len);
        }
        let len = sbc.save_unanswered(cx, call, &mut self.room).unwrap_or(0);
        if let Event::Ended(_) = event {
            self.places.remove(&call);
            self.ended.push_back((cx.now, place));
            return self.write(place, Part::Unanswered, 0);
        }
        self.write(place, Part::Unanswered, len);
    }

    /// The place that a call has, or gets: one that nobody has, or else that of whoever ended first.
    fn place(&mut self, call: CallId) -> Option<usize> {
        if let Some(place) = self.places.get(&call) {
            return Some(*place);
        }
        let place = self.free.pop().or_else(|| Some(self.ended.pop_front()?.1))?;
        self.write(place, Part::Record, 0);
        self.places.insert(call, place);
        Some(place)
    }

    /// Writes so many bytes of `room`, and zeros over what was longer.
    fn write(&mut self, place: usize, part: Part, len: usize) {
        let (at, most) = match part {
            Part::Record => (0, ROOM[0]),
            Part::Unanswered => (ROOM[0], ROOM[1]),
        };
        let Some(before) = self.lens.get_mut(place).and_then(|lens| lens.get_mut(part as usize)) else {
            return;
        };
        let len = if len > most { 0 } else { len };
        let all = len.max(core::mem::replace(before, len));
        let Some(bytes) = self.room.get_mut(..all) else { return };
        bytes.iter_mut().skip(len).for_each(|byte| *byte = 0);
        let at = HEAD + place * PLACE + at;
        if let Err(error) = self.file.write_all_at(bytes, at as u64) {
            self.fails(&error);
        }
    }

    /// Says once that calls are not kept.
    fn fails(&mut self, error: &io::Error) {
        if !core::mem::replace(&mut self.failing, true) {
            unkept(&self.path, error);
        }
    }

    /// Nothing of it is of use any more: the node ends, and has said so to everyone.
    pub(super) fn forget(self) {
        for path in [beside(&self.path), self.path] {
            // It may never have come so far.
            let _ = fs::remove_file(path);
        }
    }
}

/// Says that calls are not kept over a crash.
pub(crate) fn unkept(path: &Path, why: &dyn core::fmt::Display) {
    tracing::error!(
        "calls are not kept in {} over a crash of this program: {why}. They go on; look at the room and the rights there, \
         or name another file: store.live",
        path.display()
    );
}

/// The file that is begun.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// What a file holds; nothing where there is none.
fn read(path: &Path) -> Result<Vec<Found>, Unkept> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    if !bytes.starts_with(MAGIC) {
        return Err(Unkept::Other);
    }
    let places = bytes.get(HEAD..).unwrap_or_default().chunks(PLACE);
    let parts = places.map(|place| place.split_at(ROOM[0].min(place.len())));
    let kept = parts.filter(|(record, unanswered)| [record, unanswered].iter().any(|part| is_there(part)));
    Ok(kept
        .map(|(record, unanswered)| Found { record: record.into(), unanswered: unanswered.into() })
        .collect())
}

/// Whether something was written there.
pub(super) fn is_there(part: &[u8]) -> bool {
    part.first().is_some_and(|first| *first != 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use warmline_core::memory::Id;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("warmline-keeper-{test}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a folder can be made");
            Self(path)
        }

        fn open(&self) -> Keeper {
            Keeper::open(self.0.join("warmline.calls"), 4).expect("it opens")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn keep(keeper: &mut Keeper, call: u64, part: Part, text: &[u8]) {
        let place = keeper.place(Id::from_bits(call)).expect("there is room");
        keeper.room[..text.len()].copy_from_slice(text);
        keeper.write(place, part, text.len());
    }

    fn found(keeper: &mut Keeper) -> Vec<[String; 2]> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned();
        let parts = |found: &Found| [text(&found.record), text(&found.unanswered)];
        keeper.take().iter().map(parts).collect()
    }

    #[test]
    fn what_is_written_is_there_without_a_goodbye() {
        let folder = Folder::new("kept");
        let mut keeper = folder.open();
        assert!(found(&mut keeper).is_empty());
        keeper.begin();
        keep(&mut keeper, 0, Part::Record, b"a long secret");
        keep(&mut keeper, 0, Part::Record, b"short");
        keep(&mut keeper, 3, Part::Unanswered, b"bye");
        keep(&mut keeper, 2, Part::Record, b"gone");
        keep(&mut keeper, 2, Part::Record, b"");
        drop(keeper);
        let file = folder.0.join("warmline.calls");
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        let bytes = fs::read(&file).expect("bytes");
        for gone in [&b"secret"[..], b"gone"] {
            assert!(!bytes.windows(gone.len()).any(|bytes| bytes == gone));
        }
        let mut keeper = folder.open();
        assert_eq!(
            found(&mut keeper),
            [["short".to_owned(), String::new()], [String::new(), "bye".to_owned()]]
        );
        // What was kept lasts until all of it is kept anew.
        drop(keeper);
        let mut keeper = folder.open();
        assert_eq!(keeper.take().len(), 2);
        keeper.begin();
        drop(keeper);
        let mut keeper = folder.open();
        assert!(keeper.take().is_empty());
        keeper.forget();
        assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 0);
    }

    #[test]
    fn another_file_is_left_as_it_is() {
        let folder = Folder::new("other");
        let path = folder.0.join("warmline.calls");
        fs::write(&path, "mine").expect("a file can be written");
        assert!(matches!(Keeper::open(path.clone(), 4), Err(Unkept::Other)));
        assert_eq!(fs::read(path).expect("bytes"), b"mine");
    }
}
