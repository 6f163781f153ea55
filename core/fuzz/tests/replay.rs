//! The fuzz targets without a fuzzer: every seed of `../shared/corpora` as it is, then so many mutations of seeds from
//! a fixed seed. Fewer find less than libFuzzer does, but anywhere.
#![expect(missing_docs, reason = "tests")]

use std::fs;
use std::path::Path;

const MUTATIONS: u32 = 200_000;

macro_rules! replay {
    ($($target:ident)*) => { $(
        #[test]
        fn $target() {
            replay(stringify!($target), warmline_fuzz::$target);
        }
    )* };
}

replay!(message uri framer digest sdp rtp rtcp srtp image record frame);

fn replay(name: &str, target: fn(&[u8])) {
    let seeds = seeds(name);
    for seed in &seeds {
        target(seed);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..MUTATIONS {
        let mut bytes = seeds.get(random.below(seeds.len())).cloned().unwrap_or_default();
        for _ in 0..=random.below(8) {
            mutate(&mut bytes, &seeds, &mut random);
        }
        target(&bytes);
    }
}

/// The files of the folders that `seeds.txt` names for a target.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let corpora = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora"));
    if !corpora.exists() {
        println!("{name} runs without seeds: ../shared/corpora is not there");
    }
    let lines = include_str!("../seeds.txt").lines().map(str::split_whitespace);
    let folders = lines.filter_map(|mut words| (words.next() == Some(name)).then_some(words)).flatten();
    let files = folders.filter_map(|folder| fs::read_dir(corpora.join(folder)).ok()).flatten().flatten();
    files.filter_map(|file| fs::read(file.path()).ok()).collect()
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let (at, end) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
    let range = at.min(end)..at.max(end).min(at.min(end) + 64);
    match random.below(6) {
        0 => bytes.insert(at, random.next() as u8),
        1 => drop(bytes.drain(range)),
        2 => bytes.splice(at..at, bytes[range].to_vec()).for_each(drop),
        3 => bytes.truncate(at),
        4 => {
            let other = seeds.get(random.below(seeds.len())).map_or(&[][..], Vec::as_slice);
            let start = random.below(other.len() + 1);
            let piece = &other[start..other.len().min(start + 64)];
            bytes.splice(at..at, piece.iter().copied()).for_each(drop);
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `bound`, and 0 when that is 0.
    fn below(&mut self, bound: usize) -> usize {
        self.next().checked_rem(bound as u64).unwrap_or_default() as usize
    }
}
