//! telephone-event: keys pressed, told beside the audio instead of in it (RFC 4733 section 2.3).

use super::Digit;

/// The payload of one telephone-event packet. All packets of one event carry the timestamp of its start; the last
/// is sent three times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Event {
    /// Which event; 0 to 15 are the keys.
    pub code: u8,
    /// Whether it is over.
    pub end: bool,
    /// Its level below 0 dBm0, in dB; 0 to 63.
    pub volume: u8,
    /// How long it has lasted so far, in samples.
    pub duration: u16,
}

impl Event {
    /// Reads a payload; none when it has fewer than four bytes. Further events in it are not read.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[code, flags, d0, d1] = payload.first_chunk()?;
        let duration = u16::from_be_bytes([d0, d1]);
        Some(Self { code, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    /// The payload.
    pub const fn to_bytes(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.code, (self.volume & 0x3f) | if self.end { 0x80 } else { 0 }, d0, d1]
    }

    /// The key that is pressed; none for any other event.
    pub const fn digit(self) -> Option<Digit> {
        Digit::of_code(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let pound = Event { code: 11, end: true, volume: 10, duration: 1600 };
        assert_eq!(Event::parse(&[11, 0x8a, 0x06, 0x40]), Some(pound));
        assert_eq!(pound.to_bytes(), [11, 0x8a, 0x06, 0x40]);
        assert_eq!(pound.digit(), Digit::of_key(b'#'));
        assert_eq!(Event { code: 16, ..pound }.digit(), None, "flash");
        assert_eq!(Event::parse(&[11, 0x8a, 0x06]), None);
    }

    #[test]
    fn the_reserved_bit_is_ignored_and_not_sent() {
        let event = Event::parse(&[5, 0x4a, 0, 160]).unwrap();
        assert_eq!((event.end, event.volume), (false, 10));
        assert_eq!(event.to_bytes(), [5, 0x0a, 0, 160]);
    }
}
