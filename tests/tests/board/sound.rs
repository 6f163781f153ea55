//! Sounds for a board to play, and for those who talk with it.

use warmline_core::g711::Law;

/// So many codes of G.711, loud in either law. No two packets of it are alike, nor of two sounds of other numbers.
pub(crate) fn sound(number: u32, codes: u32) -> Vec<u8> {
    (0..codes).map(|n| 0x80 + (n * n / (96 + number) + n * number) as u8 % 127).collect()
}

/// A WAV file of it, taken as mu-law: 8,000 samples a second of 16 bits, one channel.
pub(crate) fn wav(sound: &[u8]) -> Vec<u8> {
    let samples: Vec<u8> = sound.iter().flat_map(|&code| Law::Mu.decode(code).to_le_bytes()).collect();
    let len = samples.len() as u32;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + len).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend([8_000u32, 16_000].into_iter().flat_map(u32::to_le_bytes));
    file.extend(b"\x02\0\x10\0data");
    file.extend(len.to_le_bytes());
    file.extend(samples);
    file
}
