//! Writing a datagram of RTCP.

use super::{BYE, CNAME, RR, ReportBlock, SDES, SR, SenderInfo};

/// Writes packets one after the other into a buffer. The first must be a report, and one must be a CNAME (RFC 3550
/// section 6.1). What does not fit is told at the end.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    len: usize,
    full: bool,
}

impl<'b> Writer<'b> {
    /// Nothing written yet.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0, full: false }
    }

    /// A report by one who sends, about at most 31 others (section 6.4.1).
    pub fn sender_report(&mut self, ssrc: u32, info: &SenderInfo, blocks: &[ReportBlock]) -> &mut Self {
        let blocks = self.report(SR, 6, ssrc, blocks);
        self.bytes(&info.ntp.0.to_be_bytes());
        self.word(info.timestamp.0);
        self.word(info.packets);
        self.word(info.octets);
        self.blocks(blocks)
    }

    /// A report by one who does not send, about at most 31 others (section 6.4.2).
    pub fn receiver_report(&mut self, ssrc: u32, blocks: &[ReportBlock]) -> &mut Self {
        let blocks = self.report(RR, 1, ssrc, blocks);
        self.blocks(blocks)
    }

    /// What a source is called, in at most 255 bytes (section 6.5.1).
    pub fn cname(&mut self, ssrc: u32, name: &[u8]) -> &mut Self {
        let name = name.get(..255).unwrap_or(name);
        // Kind, length and text, ended by one to four zeros.
        let words = (2 + name.len()) / 4 + 1;
        self.header(1, SDES, 1 + words as u16);
        self.word(ssrc);
        self.bytes(&[CNAME, name.len() as u8]);
        self.bytes(name);
        self.bytes([0; 4].get(..4 * words - 2 - name.len()).unwrap_or_default())
    }

    /// That a source leaves (section 6.6).
    pub fn bye(&mut self, ssrc: u32) -> &mut Self {
        self.header(1, BYE, 1);
        self.word(ssrc)
    }

    /// How many bytes were written; none when the buffer was too small.
    pub const fn finish(&self) -> Option<usize> {
        if self.full { None } else { Some(self.len) }
    }

    fn report<'a>(
        &mut self,
        kind: u8,
        words: u16,
        ssrc: u32,
        blocks: &'a [ReportBlock],
    ) -> &'a [ReportBlock] {
        let blocks = blocks.get(..31).unwrap_or(blocks);
        self.header(blocks.len() as u8, kind, words + 6 * blocks.len() as u16);
        self.word(ssrc);
        blocks
    }

    fn blocks(&mut self, blocks: &[ReportBlock]) -> &mut Self {
        for block in blocks {
            self.word(block.ssrc);
            self.word(u32::from(block.fraction_lost) << 24 | (block.lost as u32 & 0xff_ffff));
            self.word(block.highest);
            self.word(block.jitter);
            self.word(block.last_sr);
            self.word(block.delay);
        }
        self
    }

    /// `words` follow the header.
    fn header(&mut self, count: u8, packet_type: u8, words: u16) -> &mut Self {
        self.bytes(&[0x80 | count, packet_type]);
        self.bytes(&words.to_be_bytes())
    }

    fn word(&mut self, word: u32) -> &mut Self {
        self.bytes(&word.to_be_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let room = self.buffer.get_mut(self.len..).and_then(|rest| rest.get_mut(..bytes.len()));
        match room {
            Some(room) if !self.full => {
                room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                self.len += bytes.len();
            }
            _ => self.full = true,
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Timestamp;
    use crate::rtp::rtcp::Ntp;

    #[test]
    fn writes_what_the_rfc_draws() {
        let info = SenderInfo {
            ntp: Ntp(0x0102_0304_0506_0708),
            timestamp: Timestamp(9),
            packets: 10,
            octets: 1600,
        };
        let mut buffer = [0xff; 64];
        let mut writer = Writer::new(&mut buffer);
        writer.sender_report(7, &info, &[]).cname(7, b"ab").bye(7);
        let len = writer.finish().unwrap();
        let sr = [0x80, 200, 0, 6, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 0, 0, 0, 10, 0, 0, 6, 64];
        assert_eq!(buffer[..28], sr);
        assert_eq!(buffer[28..44], [0x81, 202, 0, 3, 0, 0, 0, 7, 1, 2, b'a', b'b', 0, 0, 0, 0]);
        assert_eq!(buffer[44..len], [0x81, 203, 0, 1, 0, 0, 0, 7]);
    }

    #[test]
    fn a_small_buffer_is_told() {
        let mut buffer = [0; 15];
        let mut writer = Writer::new(&mut buffer);
        writer.receiver_report(7, &[]).cname(7, b"").bye(7);
        assert_eq!(writer.finish(), None);
        assert_eq!(Writer::new(&mut buffer).receiver_report(7, &[]).finish(), Some(8));
    }
}
