//! G.711 against the vectors of ITU-T G.191: every 16-bit sample through both laws.

use std::path::Path;
use std::vec::Vec;

use warmline_core::g711::Law;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora/g711-stl");

fn words(name: &str) -> Vec<i16> {
    let bytes = std::fs::read(Path::new(FOLDER).join(name)).unwrap();
    let (words, rest) = bytes.as_chunks::<2>();
    assert!(rest.is_empty());
    words.iter().map(|&word| i16::from_le_bytes(word)).collect()
}

#[test]
fn every_sample_is_bit_exact() {
    if !Path::new(FOLDER).exists() {
        println!("not run: every_sample_is_bit_exact: ../shared/corpora is not there");
        return;
    }
    let samples = words("sweep.src");
    assert_eq!(samples.len(), 65_536);
    for (law, codes, decoded) in [(Law::A, "sweep-r.a", "sweep-r.a-a"), (Law::Mu, "sweep-r.u", "sweep-r.u-u")]
    {
        for ((&sample, code), decoded) in samples.iter().zip(words(codes)).zip(words(decoded)) {
            assert_eq!(i16::from(law.encode(sample)), code, "{law:?} of {sample}");
            assert_eq!(law.decode(code as u8), decoded, "{law:?} from {code:#x}");
        }
    }
}
