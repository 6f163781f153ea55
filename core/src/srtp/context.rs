//! The cryptographic context of one leg (RFC 3711 section 3.2): keys both ways, and which packets were here.

use super::derivation::Protocol;
use super::session::Session;
use super::window::Window;
use super::{Error, Master, Security};

/// How many sources of a peer's are told apart. One that has not been heard for longest makes room for a new one.
const SOURCES: usize = 3;

/// Rollover counters that a peer's first packet may have, beside 0, and how many of them are tried on one packet.
///
/// A stream begins with 0 (RFC 4568 section 6.4). One that we join late, as after a restart, has counted on: 65,536
/// packets, which are 22 minutes of audio, make one.
const LATE: u32 = 127;
const TRIES: u32 = 4;

/// The highest index of RTP, and of RTCP (RFC 3711 section 9.2).
const LAST_RTP: u64 = (1 << 48) - 1;
const LAST_RTCP: u32 = (1 << 31) - 1;

/// What protects the packets to and from one peer.
pub struct Context {
    send: [Session; 2],
    receive: [Session; 2],
    /// What we have sent: no index is used twice, since that would tell what both packets say.
    sent: Window,
    /// The source that was sent.
    ssrc: u32,
    /// The next RTCP packet's index.
    reports: u32,
    /// The peer's, the one heard last first.
    sources: [Option<Source>; SOURCES],
    /// The rollover counter tried last, while nothing was heard.
    tried: u32,
}

/// One source of the peer's.
#[derive(Clone, Copy)]
struct Source {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
}

impl Source {
    const fn new(ssrc: u32) -> Self {
        Self { ssrc, rtp: Window::NEW, rtcp: Window::NEW }
    }
}

/// The session keys of RTP and of RTCP.
fn sessions(master: &Master) -> [Session; 2] {
    [Session::new(master, Protocol::Rtp), Session::new(master, Protocol::Rtcp)]
}

impl Context {
    /// One that has neither sent nor heard anything.
    pub fn new(security: &Security) -> Self {
        Self {
            send: sessions(&security.send),
            receive: sessions(&security.receive),
            sent: Window::NEW,
            ssrc: 0,
            reports: 0,
            sources: [None; SOURCES],
            tried: 0,
        }
    }

    /// Whether it was made of these keys.
    pub fn has(&self, security: &Security) -> bool {
        self.send == sessions(&security.send) && self.receive == sessions(&security.receive)
    }

    /// Whether a packet of the peer's was authentic so far.
    pub fn has_heard(&self) -> bool {
        self.sources.iter().any(Option::is_some)
    }

    /// Protects the packet in the first `len` bytes of `buffer`, of RTP or of RTCP; how long it is then, 20 bytes more at
    /// most.
    ///
    /// # Errors
    /// Says why not.
    pub fn protect(&mut self, rtcp: bool, buffer: &mut [u8], len: usize) -> Result<usize, Error> {
        if rtcp { self.protect_rtcp(buffer, len) } else { self.protect_rtp(buffer, len) }
    }

    /// Unprotects a packet of the peer's, of RTP or of RTCP; how long it is then. One that is refused changes nothing here.
    ///
    /// # Errors
    /// Says why it is refused.
    pub fn unprotect(&mut self, rtcp: bool, packet: &mut [u8]) -> Result<usize, Error> {
        if rtcp { self.unprotect_rtcp(packet) } else { self.unprotect_rtp(packet) }
    }

    /// Protects the RTP packet in the first `len` bytes of `buffer`; how long it is then, 16 bytes more at most.
    ///
    /// # Errors
    /// [`Error::Replayed`] for a sequence number that was sent already.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Error> {
        let packet = buffer.get(..len).ok_or(Error::Malformed)?;
        let Header { ssrc, seq, len: header } = Header::parse(packet).ok_or(Error::Malformed)?;
        if ssrc != self.ssrc {
            // A source of ours begins with 0, as the peer will have it.
            (self.ssrc, self.sent) = (ssrc, Window::NEW);
        }
        let index = self.sent.index(seq).filter(|&index| self.sent.is_open(index)).ok_or(Error::Replayed)?;
        if index > LAST_RTP {
            return Err(Error::Exhausted);
        }
        let [session, _] = &self.send;
        let len = session.protect_rtp(buffer, len, header, (ssrc, index))?;
        self.sent.close(index);
        Ok(len)
    }

    /// Protects the RTCP packet in the first `len` bytes of `buffer`; how long it is then, 20 bytes more at most.
    ///
    /// # Errors
    /// Says why not.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, Error> {
        let ssrc = rtcp_ssrc(buffer.get(..len).ok_or(Error::Malformed)?).ok_or(Error::Malformed)?;
        let index = self.reports;
        if index > LAST_RTCP {
            return Err(Error::Exhausted);
        }
        let [_, session] = &self.send;
        let len = session.protect_rtcp(buffer, len, (ssrc, index))?;
        self.reports = index.saturating_add(1);
        Ok(len)
    }

    /// Unprotects an RTP packet of the peer's; how long it is then. One that is refused changes nothing here.
    ///
    /// # Errors
    /// Says why it is refused.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Error> {
        let Header { ssrc, seq, len: header } = Header::parse(packet).ok_or(Error::Malformed)?;
        let mut source = self.source(ssrc);
        let [session, _] = &self.receive;
        let mut index = source.rtp.index(seq).ok_or(Error::Replayed)?;
        if !source.rtp.is_open(index) {
            return Err(Error::Replayed);
        }
        if index > LAST_RTP {
            return Err(Error::Exhausted);
        }
        let mut opened = session.unprotect_rtp(packet, header, (ssrc, index));
        if opened == Err(Error::NotAuthentic) && !self.has_heard() {
            for _ in 0..TRIES {
                self.tried = self.tried % LATE + 1;
                index = u64::from(self.tried) << 16 | u64::from(seq);
                opened = session.unprotect_rtp(packet, header, (ssrc, index));
                if opened.is_ok() {
                    break;
                }
            }
        }
        let len = opened?;
        source.rtp.close(index);
        self.keep(source);
        Ok(len)
    }

    /// Unprotects an RTCP packet of the peer's; how long it is then. One that is refused changes nothing here.
    ///
    /// # Errors
    /// Says why it is refused.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Error> {
        let ssrc = rtcp_ssrc(packet).ok_or(Error::Malformed)?;
        let mut source = self.source(ssrc);
        let [_, session] = &self.receive;
        let index = session.index_of_rtcp(packet)?;
        if !source.rtcp.is_open(index.into()) {
            return Err(Error::Replayed);
        }
        let len = session.unprotect_rtcp(packet, (ssrc, index))?;
        source.rtcp.close(index.into());
        self.keep(source);
        Ok(len)
    }

    /// What is known of a source of the peer's: nothing, where it is new.
    fn source(&self, ssrc: u32) -> Source {
        let known = self.sources.iter().flatten().find(|source| source.ssrc == ssrc);
        known.copied().unwrap_or_else(|| Source::new(ssrc))
    }

    /// Remembers a source as the one heard last.
    fn keep(&mut self, source: Source) {
        let mut next = Some(source);
        for place in &mut self.sources {
            let left = core::mem::replace(place, next);
            if left.is_none_or(|left| left.ssrc == source.ssrc) {
                break;
            }
            next = left;
        }
    }
}

/// What can be read of an RTP packet that is protected.
struct Header {
    ssrc: u32,
    seq: u16,
    /// Bytes of the header: what follows is enciphered.
    len: usize,
}

impl Header {
    fn parse(packet: &[u8]) -> Option<Self> {
        let &[flags, _, n0, n1, _, _, _, _, s0, s1, s2, s3] = packet.first_chunk()?;
        let mut len = 12 + 4 * usize::from(flags & 0x0f);
        if flags & 0x10 != 0 {
            let words = packet.get(len + 2..).and_then(<[u8]>::first_chunk)?;
            len += 4 + 4 * usize::from(u16::from_be_bytes(*words));
        }
        let whole = flags >> 6 == 2 && len <= packet.len();
        let (ssrc, seq) = (u32::from_be_bytes([s0, s1, s2, s3]), u16::from_be_bytes([n0, n1]));
        whole.then_some(Self { ssrc, seq, len })
    }
}

/// The source of an RTCP packet, protected or not.
fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let &[flags, _, _, _, s0, s1, s2, s3] = packet.first_chunk()?;
    (flags >> 6 == 2).then_some(u32::from_be_bytes([s0, s1, s2, s3]))
}
