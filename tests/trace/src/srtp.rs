//! SRTP in every suite, as one number: where it is the same, so was every byte.

use warmline_core::random::Random;
use warmline_core::srtp::{Context, Secret, Security, Suite};

/// What [`srtp`] gives, wherever it is asked.
pub const SRTP: u64 = 0x5dcf_79aa_acc5_edaa;

/// Packets of each protocol in each suite.
const PACKETS: u16 = 20;

/// Protects packets and opens them again, in every suite: a number that every byte of theirs went into (FNV-1a). None where
/// what comes out is not what went in.
pub fn srtp() -> Option<u64> {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for suite in Suite::ALL {
        let [a, b] = [1, 2].map(|seed| Secret::new(&mut Random::new(&[seed; 32])).master(suite));
        let mut here = Context::new(&Security { send: a, receive: b });
        let mut there = Context::new(&Security { send: b, receive: a });
        for n in 0..PACKETS {
            for rtcp in [false, true] {
                let mut packet = [0; 172 + 24];
                for (at, byte) in packet[..172].iter_mut().enumerate() {
                    *byte = (at * 89) as u8 ^ n as u8;
                }
                packet[0] = 0x80;
                packet[2..4].copy_from_slice(&n.wrapping_sub(10).to_be_bytes());
                let source = if rtcp { 4..8 } else { 8..12 };
                packet[source].copy_from_slice(b"same");
                let plain = packet;
                let len = here.protect(rtcp, &mut packet, 172).ok()?;
                for byte in &packet[..len] {
                    sum = (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
                }
                let opened = there.unprotect(rtcp, &mut packet[..len]).ok()?;
                if packet[..opened] != plain[..172] {
                    return None;
                }
            }
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_here() {
        assert_eq!(srtp(), Some(SRTP));
    }
}
