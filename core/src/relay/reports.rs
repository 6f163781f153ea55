//! The RTCP that one side of a stream and its peer exchange (RFC 3550 section 6).

use core::net::SocketAddr;

use super::leg::{Leg, reachable, same};
use crate::reason::Reason;
use crate::rtp::rtcp::{Compound, Ntp, Packet, ReportBlock, SenderInfo, Writer};
use crate::time::{Duration, Instant};

/// A sender that has sent nothing for two intervals is none any more (RFC 3550 section 6.4).
const SENDER_FOR: Duration = Duration::from_secs(10);

/// What must be remembered between reports.
pub(super) struct Reports {
    /// What we are called, as a number.
    cname: u64,
    /// Whether a report of ours was sent.
    sent: bool,
    /// The middles of our last two sender reports' times, and when they were sent.
    ours: [Option<(u32, Instant)>; 2],
    /// Of the peer's last sender report: its SSRC, the middle of its time, and when it came.
    theirs: Option<(u32, u32, Instant)>,
}

impl Reports {
    pub(super) const fn new(cname: u64) -> Self {
        Self { cname, sent: false, ours: [None; 2], theirs: None }
    }

    /// From our report to the peer and back with this one, without the time it lay there. What counts is when ours
    /// was sent and not what it says, so that civil time may step.
    fn round_trip(&self, now: Instant, block: &ReportBlock) -> Option<Duration> {
        let (_, sent) = self.ours.iter().flatten().find(|(middle, _)| *middle == block.last_sr)?;
        let lay = u64::from(block.delay).saturating_mul(1_000_000) >> 16;
        Some(Duration::from_micros(now.since(*sent).as_micros().saturating_sub(lay)))
    }

    /// Adds when the source's own last report came.
    fn timed(&self, now: Instant, block: ReportBlock) -> ReportBlock {
        match self.theirs {
            Some((ssrc, last_sr, at)) if ssrc == block.ssrc => {
                let delay =
                    (now.since(at).as_micros().saturating_mul(1 << 16) / 1_000_000).min(u32::MAX.into());
                ReportBlock { last_sr, delay: delay as u32, ..block }
            }
            _ => block,
        }
    }
}

impl Leg {
    /// Takes what the peer reports of itself and of us.
    pub(super) fn hear(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<(), Reason> {
        let from_peer = self.peer.is_some_and(|peer| same(from, peer.rtcp));
        if !from_peer && !self.learns_rtcp(from) {
            self.statistics.wrong_source = self.statistics.wrong_source.wrapping_add(1);
            return Err(Reason::WrongSource);
        }
        let datagram = Compound::parse(datagram).map_err(|_| Reason::NotRtp)?;
        self.whence.heard(now);
        for packet in datagram.packets() {
            let blocks = match packet {
                Packet::SenderReport { ssrc, info, blocks } => {
                    self.reports.theirs = Some((ssrc, info.ntp.middle(), now));
                    blocks
                }
                Packet::ReceiverReport { blocks, .. } => blocks,
                Packet::Sdes(_) | Packet::Bye { .. } | Packet::Other { .. } => continue,
            };
            for block in blocks.filter(|block| block.ssrc == self.outgoing.ssrc()) {
                self.statistics.peer_lost = block.lost;
                let jitter = u64::from(block.jitter).saturating_mul(125);
                self.statistics.peer_jitter = Some(Duration::from_micros(jitter));
                self.statistics.round_trip =
                    self.reports.round_trip(now, &block).or(self.statistics.round_trip);
            }
        }
        Ok(())
    }

    /// Whether there is something to say BYE to: one who never sent anything must not (section 6.3.7).
    pub(super) const fn has_spoken(&self) -> bool {
        self.reports.sent || self.sent.packets > 0
    }

    /// Writes a report with our name, and that we leave when `bye`: where it goes and how long it is. None when the
    /// peer has no address or it does not fit.
    pub(super) fn report(
        &mut self,
        now: Instant,
        ntp: Ntp,
        bye: bool,
        out: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let to = self.peer?.rtcp;
        if !reachable(to) {
            return None;
        }
        let ssrc = self.outgoing.ssrc();
        let block = self.source.as_mut().and_then(|source| Some(self.reports.timed(now, source.report()?)));
        let blocks = block.as_slice();
        let sends = self.outgoing.last().is_some_and(|last| now.since(last) < SENDER_FOR);
        let mut writer = Writer::new(out);
        if sends {
            let info = SenderInfo {
                ntp,
                timestamp: self.outgoing.timestamp(now),
                packets: self.sent.packets as u32,
                octets: self.sent.bytes as u32,
            };
            writer.sender_report(ssrc, &info, blocks);
        } else {
            writer.receiver_report(ssrc, blocks);
        }
        writer.cname(ssrc, &hex(self.reports.cname));
        if bye {
            writer.bye(ssrc);
        }
        let len = writer.finish()?;
        self.reports.sent = true;
        if sends {
            let [last, _] = self.reports.ours;
            self.reports.ours = [Some((ntp.middle(), now)), last];
        }
        Some((to, len))
    }
}

/// 16 lowercase digits.
fn hex(number: u64) -> [u8; 16] {
    core::array::from_fn(|place| {
        let digit = (number >> (60 - 4 * place)) as u8 & 15;
        if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }
    })
}
