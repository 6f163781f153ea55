//! Audio in packets of another length: what comes in one is gathered, or split, to what the other peer asked for
//! (a=ptime, a=maxptime).
//!
//! Most peers send and want 20 ms, and their packets never come here. What does leaves by the leg's own deadline: as
//! soon as there is enough for a packet, and no two packets at once.

use core::net::SocketAddr;

use super::leg::{EMPTY_HEADER, HEADER, LATE, Leg, hears};
use crate::g711::{self, Law};
use crate::memory::Pool;
use crate::rtp::{Header, Seq, Timestamp};
use crate::time::{Duration, Instant};

/// Bytes of the longest packet that is made or taken apart: 60 ms.
pub(super) const LONGEST: usize = 480;

/// Bytes in 10 ms, of which packets are made everywhere.
const STEP: usize = 80;

/// Bytes that can wait: almost enough for the longest packet, and another one that comes then.
const ROOM: usize = 2 * LONGEST - STEP;

/// Audio on its way from packets of one length to those of another, in its place in
/// [`Storage::packers`](super::Storage::packers).
pub struct Packer {
    audio: [u8; ROOM],
    len: usize,
    /// Of which source it is.
    ssrc: u32,
    /// The number of the next packet, and the source's timestamp of its first byte.
    seq: Seq,
    head: Timestamp,
    /// What comes next does not follow on what came before.
    fresh: bool,
    /// When the next packet may leave.
    due: Instant,
}

pub(super) type Packers<'s> = Pool<'s, Packer>;

impl Packer {
    const NEW: Self = Self {
        audio: [0; ROOM],
        len: 0,
        ssrc: 0,
        seq: Seq(0),
        head: Timestamp(0),
        fresh: true,
        due: Instant::ZERO,
    };

    /// Forgets what waits.
    fn clear(&mut self) {
        (self.len, self.fresh) = (0, true);
    }

    /// Takes audio in; `silence` stands for what is missing before it. What comes late is left out.
    fn push(&mut self, now: Instant, header: &Header, audio: &[u8], silence: u8) {
        let tail = self.head.plus(u32::try_from(self.len).unwrap_or(0));
        let missing = usize::try_from(header.timestamp.since(tail));
        let goes_on = self.len > 0 || !self.fresh;
        let follows = goes_on && self.ssrc == header.ssrc && !header.marker;
        match missing {
            Ok(missing) if follows && missing <= LONGEST && self.len + missing + audio.len() <= ROOM => {
                self.append(core::iter::repeat_n(silence, missing));
            }
            Err(_) if follows && header.timestamp.since(tail).saturating_neg() <= LONGEST as i32 => return,
            _ => {
                self.clear();
                (self.ssrc, self.head) = (header.ssrc, header.timestamp);
            }
        }
        // What is still waiting has waited long enough.
        if self.len > 0 || self.due < now {
            self.due = now;
        }
        self.append(audio.iter().copied());
    }

    fn append(&mut self, audio: impl ExactSizeIterator<Item = u8>) {
        let (at, len) = (self.len, audio.len());
        let room = self.audio.get_mut(at..).unwrap_or_default();
        room.iter_mut().zip(audio).for_each(|(room, code)| *room = code);
        self.len = at.saturating_add(len).min(ROOM);
    }

    /// Takes the next packet's audio out: what its header would be had the source sent it.
    fn pull(&mut self, out: &mut [u8]) -> Option<Header> {
        let len = out.len();
        let (packet, rest) = self.audio.get(..self.len)?.split_at_checked(len)?;
        out.iter_mut().zip(packet).for_each(|(out, code)| *out = *code);
        let rest = rest.len();
        for at in 0..rest {
            let code = self.audio.get(len.saturating_add(at)).copied();
            if let Some((room, code)) = self.audio.get_mut(at).zip(code) {
                *room = code;
            }
        }
        let mut header = Header::parse(&EMPTY_HEADER).ok()?;
        (header.ssrc, header.seq, header.timestamp) = (self.ssrc, self.seq, self.head);
        header.marker = core::mem::take(&mut self.fresh);
        (self.len, self.seq) = (rest, self.seq.plus(1));
        self.head = self.head.plus(u32::try_from(len).unwrap_or(0));
        Some(header)
    }
}

impl Leg {
    /// Bytes of audio that the peer wants in a packet.
    fn wants(&self) -> usize {
        self.peer.as_ref().map_or(0, |peer| usize::from(peer.profile.ptime) * 8)
    }

    /// Whether a packet with so much audio is not what the peer wants.
    pub(super) fn repacks(&self, len: usize) -> bool {
        (len != self.wants() || self.packer.is_some())
            && len.is_multiple_of(STEP)
            && (STEP..=LONGEST).contains(&len)
    }

    /// Takes audio that is to leave in other packets; false when it may leave as it came, for want of room or because
    /// it is as long as it should be.
    pub(super) fn pack(
        &mut self,
        now: Instant,
        header: &Header,
        law: Law,
        audio: &mut [u8],
        packers: &mut Packers<'_>,
    ) -> bool {
        let wants = self.wants();
        let Some(peer) = self.peer.as_ref().filter(|peer| hears(peer) && !self.plays()) else { return false };
        let to = peer.profile.send.law;
        if self.packer.is_none_or(|id| packers.get(id).is_none()) {
            self.packer = packers.insert(Packer::NEW).ok();
        }
        let Some(packer) = self.packer.and_then(|id| packers.get_mut(id)) else { return false };
        if packer.len == 0 && audio.len() == wants {
            packer.fresh = true;
            return false;
        }
        g711::transcode(law, to, audio);
        packer.push(now, header, audio, to.encode(0));
        true
    }

    /// When a packet of another length may leave.
    pub(super) fn packs_at(&self, packers: &Packers<'_>) -> Option<Instant> {
        let packer = packers.get(self.packer?)?;
        (packer.len >= self.wants()).then_some(packer.due)
    }

    /// Writes the packet that is due: where it goes and how long it is.
    pub(super) fn unpack(
        &mut self,
        now: Instant,
        packers: &mut Packers<'_>,
        out: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        self.packs_at(packers).filter(|&due| due <= now)?;
        let wants = self.wants();
        let packer = packers.get_mut(self.packer?)?;
        let Some(peer) = self.peer.as_ref().filter(|peer| hears(peer) && wants > 0) else {
            packer.clear();
            return None;
        };
        let (fixed, payload) = out.split_first_chunk_mut::<HEADER>()?;
        *fixed = EMPTY_HEADER;
        let mut header = packer.pull(payload.get_mut(..wants)?)?;
        let at = if now.since(packer.due) > LATE { now } else { packer.due };
        packer.due = at.after(Duration::from_millis(peer.profile.ptime.into()));
        header.payload_type = peer.profile.send.payload_type;
        self.outgoing.carry(&mut header, now);
        header.write(fixed);
        self.sent.add(wants);
        Some((peer.rtp, HEADER + wants))
    }

    /// What waits for a packet is not sent any more.
    pub(super) fn drop_packed(&self, packers: &mut Packers<'_>) {
        if let Some(packer) = self.packer.and_then(|id| packers.get_mut(id)) {
            packer.clear();
        }
    }

    /// Gives the packer back.
    pub(super) fn leave_packer(&mut self, packers: &mut Packers<'_>) {
        if let Some(id) = self.packer.take() {
            packers.remove(id);
        }
    }
}
