//! Keys that name an audio file: it is read and converted when the configuration is checked, so that one that cannot be
//! played is a mistake with a place, and not silence for a caller.

use std::collections::HashMap;
use std::path::PathBuf;

use warmline_core::clip::ClipId;

use super::table::{At, Value};
use crate::clips::{self, Library};

/// What was read so far: each file once.
#[derive(Debug, Default)]
pub(super) struct Clips {
    pub(super) library: Library,
    read: HashMap<PathBuf, Option<ClipId>>,
}

impl Clips {
    /// The clip in the file that `value` names; none for a mistake.
    pub(super) fn read(&mut self, value: Value<'_>) -> Option<ClipId> {
        let report = value.report();
        let At { value: text, at } = value.string()?;
        let path = report.beside(text);
        if let Some(Some(clip)) = self.read.get(&path) {
            return Some(*clip);
        }
        let clip = match clips::read(&path) {
            Ok(audio) => {
                let clip = self.library.add(&audio);
                if clip.is_none() {
                    let name = path.display();
                    let message = format!(
                        "{name} has the checksum of another file, which is one chance in thousands of millions: cut a \
                         little off its end"
                    );
                    report.mistake(at, message);
                }
                clip
            }
            Err(error) => {
                report.mistake(at, format!("{} {error}", path.display()));
                None
            }
        };
        self.read.insert(path, clip);
        clip
    }
}
