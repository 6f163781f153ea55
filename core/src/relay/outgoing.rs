//! One source of our own: what a peer sees of us, one unbroken sequence whatever it is fed from.

use super::samples;
use crate::random::Random;
use crate::rtp::{Header, MAX_DROPOUT, MAX_MISORDER, Seq, Timestamp};
use crate::time::{Duration, Instant};

/// How far a source's timestamps may run from the clock before they count as a new source's: 10 s.
const MAX_DRIFT: i64 = 80_000;

/// The SSRC, sequence numbers and timestamps that one peer is sent.
///
/// While what it is fed from goes on, its own numbers follow at a fixed distance, so that loss, order and pauses
/// stay as they are. When that changes, it goes on from where it is.
pub(super) struct Outgoing {
    ssrc: u32,
    /// Highest sequence number sent.
    seq: Seq,
    /// Latest timestamp sent.
    timestamp: Timestamp,
    /// When a packet with that timestamp was first sent.
    at: Option<Instant>,
    anchor: Option<Anchor>,
}

/// What is added to the numbers of the source it is fed from.
struct Anchor {
    ssrc: u32,
    seq: u16,
    timestamp: u32,
}

impl Outgoing {
    /// A source that has sent nothing, with random numbers (RFC 3550 section 5.1). It counts packets from the lower half,
    /// so that who misses the first ones knows how often it has rolled over all the same (RFC 4568 section 6.4).
    pub(super) fn new(random: &mut Random) -> Self {
        Self {
            ssrc: random.next_u32(),
            seq: Seq(random.next_u32() as u16 >> 1),
            timestamp: Timestamp(random.next_u32()),
            at: None,
            anchor: None,
        }
    }

    /// Becomes another source, which goes on in time where this one is.
    pub(super) fn renew(&mut self, random: &mut Random) {
        let Self { ssrc, seq, .. } = Self::new(random);
        (self.ssrc, self.seq, self.anchor) = (ssrc, seq, None);
    }

    /// Who we are.
    pub(super) const fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// When it last sent something new.
    pub(super) const fn last(&self) -> Option<Instant> {
        self.at
    }

    /// The next packet starts anew, wherever it comes from.
    pub(super) fn interrupt(&mut self) {
        self.anchor = None;
    }

    /// The timestamp that belongs to `now`.
    pub(super) fn timestamp(&self, now: Instant) -> Timestamp {
        self.timestamp.plus(self.elapsed(now) as u32)
    }

    /// Puts this source's numbers in place of those of the source it is fed from. Where that one is new or has
    /// jumped, the marker is set.
    pub(super) fn carry(&mut self, packet: &mut Header, now: Instant) {
        let following = self.anchor.as_ref().and_then(|anchor| {
            let seq = packet.seq.plus(anchor.seq);
            let timestamp = packet.timestamp.plus(anchor.timestamp);
            (anchor.ssrc == packet.ssrc && self.goes_on(seq, timestamp, now)).then_some((seq, timestamp))
        });
        match following {
            Some((seq, timestamp)) => {
                if seq.since(self.seq) > 0 {
                    self.seq = seq;
                }
                if timestamp.since(self.timestamp) > 0 {
                    (self.timestamp, self.at) = (timestamp, Some(now));
                }
                (packet.seq, packet.timestamp) = (seq, timestamp);
            }
            None => {
                self.advance(now);
                self.anchor = Some(Anchor {
                    ssrc: packet.ssrc,
                    seq: self.seq.0.wrapping_sub(packet.seq.0),
                    timestamp: self.timestamp.0.wrapping_sub(packet.timestamp.0),
                });
                (packet.seq, packet.timestamp, packet.marker) = (self.seq, self.timestamp, true);
            }
        }
        packet.ssrc = self.ssrc;
    }

    /// The numbers of a packet of its own, whose first sample belongs to `at`.
    pub(super) fn next(&mut self, at: Instant) -> (Seq, Timestamp) {
        self.advance(at);
        self.anchor = None;
        (self.seq, self.timestamp)
    }

    /// The number of one more packet with the timestamp of the one before.
    pub(super) fn again(&mut self) -> Seq {
        self.seq = self.seq.plus(1);
        self.anchor = None;
        self.seq
    }

    /// What it said last has lasted for so many samples, and goes on: the timestamp of what follows.
    pub(super) fn lengthen(&mut self, samples: u16) -> Timestamp {
        self.timestamp = self.timestamp.plus(samples.into());
        self.at = self.at.map(|at| at.after(Duration::from_micros(u64::from(samples) * 125)));
        self.timestamp
    }

    /// Goes on by one packet, which is of that time.
    fn advance(&mut self, at: Instant) {
        self.timestamp = self.timestamp.plus(self.elapsed(at).max(1) as u32);
        self.seq = self.seq.plus(1);
        self.at = Some(at);
    }

    /// Whether numbers are near enough to those sent last.
    fn goes_on(&self, seq: Seq, timestamp: Timestamp, now: Instant) -> bool {
        let ahead = seq.since(self.seq);
        let drift = i64::from(timestamp.since(self.timestamp)).saturating_sub(self.elapsed(now));
        -MAX_MISORDER < ahead && ahead < MAX_DROPOUT && -MAX_DRIFT < drift && drift < MAX_DRIFT
    }

    /// Samples since the latest timestamp was first sent.
    fn elapsed(&self, now: Instant) -> i64 {
        self.at.map_or(0, |at| samples(now.since(at)) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ssrc: u32, seq: u16, timestamp: u32) -> Header {
        let mut header = Header::parse(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        (header.ssrc, header.seq, header.timestamp) = (ssrc, Seq(seq), Timestamp(timestamp));
        header
    }

    /// What leaves for what comes, at so many milliseconds.
    fn carry(outgoing: &mut Outgoing, mut packet: Header, millis: u64) -> Header {
        outgoing.carry(&mut packet, Instant::from_micros(millis * 1000));
        packet
    }

    fn started() -> (Outgoing, Header) {
        let mut outgoing = Outgoing::new(&mut Random::new(&[1; 32]));
        let first = carry(&mut outgoing, packet(1, 65_535, u32::MAX), 0);
        assert!(first.marker);
        (outgoing, first)
    }

    #[test]
    fn follows_at_a_fixed_distance() {
        let (mut outgoing, first) = started();
        // A gap, one that is late, and a pause with silence left out.
        for (seq, timestamp, millis) in [(1, 319, 40), (0, 159, 41), (2, 479, 60), (3, 16_479, 2060)] {
            let sent = carry(&mut outgoing, packet(1, seq, timestamp), millis);
            assert_eq!(sent.seq.since(first.seq), Seq(seq).since(Seq(65_535)));
            assert_eq!(sent.timestamp.since(first.timestamp), timestamp as i32 + 1);
            assert_eq!((sent.ssrc, sent.marker), (first.ssrc, false));
        }
    }

    #[test]
    fn goes_on_when_the_source_changes() {
        let (mut outgoing, first) = started();
        let sent = carry(&mut outgoing, packet(2, 7, 7), 25);
        assert_eq!((sent.seq, sent.timestamp), (first.seq.plus(1), first.timestamp.plus(200)));
        assert_eq!((sent.ssrc, sent.marker), (first.ssrc, true));
        // The old source once more, and the new one again: all in order, and on time.
        let late = carry(&mut outgoing, packet(1, 0, 159), 30);
        let sent = carry(&mut outgoing, packet(2, 8, 167), 45);
        assert_eq!((late.seq, late.timestamp), (first.seq.plus(2), first.timestamp.plus(240)));
        assert_eq!((sent.seq, sent.timestamp), (first.seq.plus(3), first.timestamp.plus(360)));
        let sent = carry(&mut outgoing, packet(2, 9, 327), 65);
        assert_eq!(
            (sent.seq, sent.timestamp, sent.marker),
            (first.seq.plus(4), first.timestamp.plus(520), false)
        );
    }

    #[test]
    fn goes_on_when_the_numbers_jump() {
        for (seq, timestamp) in [(20_000, 159), (0, 800_000), (65_400, 159)] {
            let (mut outgoing, first) = started();
            let sent = carry(&mut outgoing, packet(1, seq, timestamp), 20);
            assert_eq!(
                (sent.seq, sent.timestamp, sent.marker),
                (first.seq.plus(1), first.timestamp.plus(160), true)
            );
        }
    }

    #[test]
    fn goes_on_after_an_interruption() {
        let (mut outgoing, first) = started();
        outgoing.interrupt();
        let sent = carry(&mut outgoing, packet(1, 499, 79_999), 10_000);
        assert_eq!(
            (sent.seq, sent.timestamp, sent.marker),
            (first.seq.plus(1), first.timestamp.plus(80_000), true)
        );
    }

    #[test]
    fn an_event_keeps_its_timestamp_and_time_goes_on_from_its_start() {
        let (mut outgoing, first) = started();
        for n in 1..20 {
            let sent = carry(&mut outgoing, packet(1, n - 1, 159), 20 * u64::from(n));
            assert_eq!(sent.timestamp, first.timestamp.plus(160));
        }
        let sent = carry(&mut outgoing, packet(2, 0, 0), 400);
        assert_eq!(sent.timestamp, first.timestamp.plus(3200));
        assert_eq!(outgoing.timestamp(Instant::from_micros(401_000)), first.timestamp.plus(3208));
    }
}
