//! Clips: audio files that callers are played, as core wants them.

mod file;

use std::collections::BTreeMap;
use std::sync::Arc;

use warmline_core::clip::{ClipId, Clips};

pub(crate) use file::read;

/// Clips by their names. Copies share the audio.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Library(BTreeMap<ClipId, Arc<[u8]>>);

impl Library {
    /// Takes a clip in, and names it; none where another one is called so.
    pub(crate) fn add(&mut self, audio: &[u8]) -> Option<ClipId> {
        let name = ClipId::of(audio);
        let there = self.0.entry(name).or_insert_with(|| audio.into());
        (**there == *audio).then_some(name)
    }

    /// Takes in what another library has, and lets go of what that has not and nobody `uses`.
    pub(crate) fn follow(&mut self, other: &Self, uses: impl Fn(ClipId) -> bool) {
        self.0.retain(|name, _| other.0.contains_key(name) || uses(*name));
        self.0.extend(other.0.iter().map(|(name, audio)| (*name, Arc::clone(audio))));
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.values().map(|audio| &**audio)
    }
}

impl Clips for Library {
    fn audio(&self, clip: ClipId) -> Option<&[u8]> {
        self.0.get(&clip).map(|audio| &**audio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_played_stays_and_the_rest_goes() {
        let (mut old, mut new) = (Library::default(), Library::default());
        let [a, b, c] = [&b"aaa"[..], b"bb", b"c"].map(|audio| old.add(audio).expect("nothing is called so"));
        assert_eq!(old.add(b"c"), Some(c));
        let d = new.add(b"dddd").expect("nothing is called so");
        new.add(b"c");
        old.follow(&new, |name| name == b);
        let there = [a, b, c, d].map(|name| old.audio(name).is_some());
        assert_eq!(there, [false, true, true, true]);
        old.follow(&new, |_| false);
        assert_eq!(old, new);
    }
}
