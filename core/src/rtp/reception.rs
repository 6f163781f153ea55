//! How well one source's packets arrive: RFC 3550 sections A.1, A.3 and A.8, in integers.

use super::rtcp::ReportBlock;
use super::{Header, Timestamp};
use crate::time::{Duration, Instant};

/// Most packets that may be missing in front of one for it to be the same sequence (RFC 3550 section A.1).
pub const MAX_DROPOUT: i16 = 3000;
/// Most packets that one may be late for it to be the same sequence (RFC 3550 section A.1).
pub const MAX_MISORDER: i16 = 100;

/// What was received from one source, since its first packet.
///
/// There is no probation: who may send at all was decided before a packet comes here.
#[derive(Clone, Debug)]
pub struct Reception {
    ssrc: u32,
    /// The earliest packet's sequence number, extended as [`Reception::highest`] is.
    base: u32,
    /// The highest sequence number so far.
    max: u16,
    /// How often sequence numbers wrapped, times 2^16.
    cycles: u32,
    /// What would follow the last packet that was far from all others.
    stray: Option<u16>,
    /// Bit n is set when the packet n before `max` came.
    seen: u128,
    received: u32,
    duplicates: u32,
    reordered: u32,
    /// What was expected and received when the last report was made.
    reported: (u32, u32),
    /// When the last packet came, and its timestamp.
    last: (Instant, Timestamp),
    /// In microseconds, times 256.
    jitter: u32,
    /// The greatest it was, and the sum of what it was after every packet.
    greatest: u32,
    sum: u64,
}

/// What a sample lasts at 8 kHz, in microseconds.
const SAMPLE: i64 = 125;

/// How a packet fits in with those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Arrival {
    /// Later than all before it, with or without a gap.
    Next,
    /// Earlier than one before it.
    Late,
    /// It has come before.
    Duplicate,
    /// Far from all before it, and not counted.
    Stray,
    /// It follows a stray one, so the source has started over: a new [`Reception`] is due.
    Restart,
}

impl Reception {
    /// Starts with a source's first packet, which came at `arrival`.
    pub fn new(first: &Header, arrival: Instant) -> Self {
        Self {
            ssrc: first.ssrc,
            base: first.seq.0.into(),
            max: first.seq.0,
            cycles: 0,
            stray: None,
            seen: 1,
            received: 1,
            duplicates: 0,
            reordered: 0,
            reported: (0, 0),
            last: (arrival, first.timestamp),
            jitter: 0,
            greatest: 0,
            sum: 0,
        }
    }

    /// Counts the source's next packet.
    pub fn receive(&mut self, packet: &Header, arrival: Instant) -> Arrival {
        let seq = packet.seq.0;
        let ahead = seq.wrapping_sub(self.max);
        let kind = match ahead as i16 {
            1.. if ahead < MAX_DROPOUT as u16 => {
                if seq < self.max {
                    self.cycles = self.cycles.wrapping_add(1 << 16);
                }
                self.max = seq;
                self.seen = self.seen.checked_shl(ahead.into()).unwrap_or(0) | 1;
                Arrival::Next
            }
            behind @ ..=0 if behind > -MAX_MISORDER => {
                let bit = 1u128.checked_shl(behind.unsigned_abs().into()).unwrap_or(0);
                if self.seen & bit != 0 {
                    self.duplicates = self.duplicates.saturating_add(1);
                    Arrival::Duplicate
                } else {
                    self.seen |= bit;
                    self.reordered = self.reordered.saturating_add(1);
                    // It may have been overtaken by the first one of all.
                    let extended = self.highest().wrapping_add_signed(behind.into());
                    if (extended.wrapping_sub(self.base) as i32) < 0 {
                        self.base = extended;
                    }
                    Arrival::Late
                }
            }
            _ if self.stray == Some(seq) => return Arrival::Restart,
            _ => {
                self.stray = Some(seq.wrapping_add(1));
                return Arrival::Stray;
            }
        };
        self.stray = None;
        self.received = self.received.saturating_add(1);
        let (before, timestamp) = self.last;
        let passed = i64::try_from(arrival.since(before).as_micros()).unwrap_or(i64::MAX);
        let meant = i64::from(packet.timestamp.since(timestamp)) * SAMPLE;
        self.last = (arrival, packet.timestamp);
        // Bounded, so that a source that makes its timestamps up cannot make the sum wrap.
        let step = passed.saturating_sub(meant).unsigned_abs().min(1 << 22) as u32;
        self.jitter =
            self.jitter.saturating_add(step << 4).saturating_sub(self.jitter.saturating_add(8) >> 4);
        self.greatest = self.greatest.max(self.jitter);
        self.sum = self.sum.saturating_add(self.jitter.into());
        kind
    }

    /// Whether a packet may be this source's next, whoever brings it.
    pub const fn goes_on(&self, packet: &Header) -> bool {
        let ahead = packet.seq.0.wrapping_sub(self.max) as i16;
        packet.ssrc == self.ssrc && 0 < ahead && ahead < MAX_DROPOUT
    }

    /// Who sends.
    pub const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The highest sequence number received, extended by the number of times they wrapped.
    pub const fn highest(&self) -> u32 {
        self.cycles.wrapping_add(self.max as u32)
    }

    /// Packets that came more than once.
    pub const fn duplicates(&self) -> u32 {
        self.duplicates
    }

    /// Packets that came after a later one.
    pub const fn reordered(&self) -> u32 {
        self.reordered
    }

    /// Interarrival jitter now, in whole microseconds.
    pub const fn jitter(&self) -> Duration {
        micros(self.jitter)
    }

    /// The greatest that the jitter was.
    pub const fn greatest_jitter(&self) -> Duration {
        micros(self.greatest)
    }

    /// The mean of what the jitter was after every packet but the first, before which there is none.
    pub fn mean_jitter(&self) -> Duration {
        let mean = self.sum.checked_div(self.received.saturating_sub(1).into()).unwrap_or(0);
        micros(u32::try_from(mean).unwrap_or(u32::MAX))
    }

    /// Packets that should have come, by their sequence numbers.
    pub const fn expected(&self) -> u32 {
        self.highest().wrapping_sub(self.base).wrapping_add(1)
    }

    /// Packets that came, those that came twice included.
    pub const fn received(&self) -> u32 {
        self.received
    }

    /// Packets that never came.
    pub const fn lost(&self) -> u32 {
        self.expected().saturating_sub(self.received.saturating_sub(self.duplicates))
    }

    /// What a report says of this source (RFC 3550 sections 6.4.1 and A.3); none when nothing came since the last
    /// time this was asked. What was lost is told as a fraction since then. The times of the last sender report are
    /// left 0.
    pub fn report(&mut self) -> Option<ReportBlock> {
        let (expected, received) = (self.expected(), self.received);
        if received == self.reported.1 {
            return None;
        }
        let expected_since = expected.wrapping_sub(self.reported.0);
        let lost_since = expected_since.saturating_sub(received.wrapping_sub(self.reported.1));
        self.reported = (expected, received);
        let fraction = (u64::from(lost_since) << 8).checked_div(expected_since.into()).unwrap_or(0);
        // Duplicates make it negative, and it has 24 bits.
        let lost = (i64::from(expected) - i64::from(received)).clamp(-0x80_0000, 0x7f_ffff);
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: fraction.min(255) as u8,
            lost: lost as i32,
            highest: self.highest(),
            jitter: self.jitter / (256 * SAMPLE as u32),
            last_sr: 0,
            delay: 0,
        })
    }
}

/// From parts of 256, rounded.
const fn micros(parts: u32) -> Duration {
    Duration::from_micros((parts as u64 + 128) >> 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtp::Seq;

    fn packet(seq: u16, timestamp: u32) -> Header {
        let mut header = Header::parse(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]).unwrap();
        header.seq = Seq(seq);
        header.timestamp = Timestamp(timestamp);
        header
    }

    fn heard(seqs: &[u16]) -> (Reception, std::vec::Vec<Arrival>) {
        let mut reception = Reception::new(&packet(seqs[0], 0), Instant::ZERO);
        let kinds = seqs[1..].iter().map(|&seq| reception.receive(&packet(seq, 0), Instant::ZERO)).collect();
        (reception, kinds)
    }

    #[test]
    fn counts_what_is_lost_late_and_double_across_the_wrap() {
        use Arrival::{Duplicate, Late, Next};
        let (mut reception, kinds) = heard(&[65_533, 65_534, 1, 65_535, 1, 2]);
        assert_eq!(kinds, [Next, Next, Late, Duplicate, Next]);
        assert_eq!((reception.expected(), reception.received(), reception.lost()), (6, 6, 1));
        assert_eq!((reception.duplicates(), reception.reordered()), (1, 1));
        assert_eq!(reception.highest(), 65_536 + 2);
        let block = reception.report().unwrap();
        assert_eq!((block.lost, block.fraction_lost), (0, 0), "the duplicate hides the loss, as in A.3");
        reception.receive(&packet(6, 0), Instant::ZERO);
        let block = reception.report().unwrap();
        assert_eq!((block.lost, block.fraction_lost), (3, 192), "three of the four since");
        assert_eq!(reception.report(), None);
    }

    #[test]
    fn one_packet_from_afar_is_stray_and_two_are_a_restart() {
        use Arrival::{Next, Restart, Stray};
        let (reception, kinds) = heard(&[10, 11, 30_000, 12, 30_001, 30_002]);
        assert_eq!(kinds, [Next, Stray, Next, Stray, Restart]);
        assert_eq!((reception.lost(), reception.received()), (0, 3));
        assert_eq!(heard(&[10, 3009]).1, [Next]);
        assert_eq!(heard(&[10, 3010]).1, [Stray]);
        assert_eq!(heard(&[200, 101]).1, [Arrival::Late]);
        assert_eq!(heard(&[200, 100]).1, [Stray]);
    }

    #[test]
    fn the_first_to_come_may_have_overtaken_others() {
        let (reception, kinds) = heard(&[1, 65_535, 0, 2]);
        assert_eq!(kinds, [Arrival::Late, Arrival::Late, Arrival::Next]);
        assert_eq!((reception.expected(), reception.received(), reception.lost()), (4, 4, 0));
    }

    #[test]
    fn jitter_follows_the_change_in_transit() {
        let at = |micros: u64| Instant::from_micros(100_000 + micros);
        let mut reception = Reception::new(&packet(0, 0), at(0));
        reception.receive(&packet(1, 160), at(20_000));
        assert_eq!(reception.jitter, 0);
        reception.receive(&packet(2, 320), at(44_000));
        assert_eq!(reception.jitter, 64_000, "late by 4 ms, of which a 16th counts");
        reception.receive(&packet(3, 480), at(60_000));
        assert_eq!(reception.jitter, 64_000 + 64_000 - 4_000, "early by as much");
        assert_eq!(reception.jitter().as_micros(), 484);
        assert_eq!(reception.report().unwrap().jitter, 3, "in samples");
        assert_eq!(reception.greatest_jitter(), reception.jitter());
        assert_eq!(reception.mean_jitter().as_micros(), 245);
    }

    proptest! {
        #[test]
        fn numbers_hold_for_any_packets(packets in proptest::collection::vec(any::<(u16, u32, u32)>(), 1..300)) {
            let at = |micros: u32| Instant::from_micros(micros.into());
            let mut reception = Reception::new(&packet(packets[0].0, packets[0].1), at(packets[0].2));
            for &(seq, timestamp, arrival) in &packets[1..] {
                reception.receive(&packet(seq, timestamp), at(arrival));
            }
            prop_assert!(reception.received() - reception.duplicates() <= reception.expected());
            let block = reception.report().unwrap();
            prop_assert_eq!(block.lost, reception.expected() as i32 - reception.received() as i32);
        }

        #[test]
        fn order_within_the_window_changes_no_count(
            start in any::<u16>(),
            shuffled in Just((1..60u16).collect::<std::vec::Vec<_>>()).prop_shuffle(),
            kept in 30usize..59,
        ) {
            let seqs: std::vec::Vec<u16> = core::iter::once(start)
                .chain(shuffled[..kept].iter().map(|&n| start.wrapping_add(n)))
                .collect();
            let (reception, _) = heard(&seqs);
            let last = shuffled[..kept].iter().max().copied().unwrap();
            prop_assert_eq!(reception.expected(), u32::from(last) + 1);
            prop_assert_eq!(reception.lost(), u32::from(last) - kept as u32);
            prop_assert_eq!(reception.duplicates(), 0);
        }
    }
}
