//! Offer and answer (RFC 3264): what two ends have in common.

mod saved;

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use super::attribute::Attribute;
use super::crypto::Crypto;
use super::session::{Media, Session};
use super::{EVENT, NOISE, PTIME};
use crate::g711::Law;
use crate::rtp::{Direction, Format, Profile};
use crate::srtp::Policy;

/// Room for what has to be repeated of sections that are not taken: seven plain ones.
const REFUSED: usize = 112;

/// What one leg's two ends agreed on. Holds nothing of the bytes it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// Where the peer wants RTP. An unspecified address means that it wants none (see [`Agreed::is_held`]). The
    /// caller checks whether this address may be spoken to.
    pub remote: SocketAddr,
    /// Where the peer wants RTCP (RFC 3605), with the same meaning. It may name another host: check it as well.
    pub rtcp: SocketAddr,
    /// The payload types both ways.
    pub profile: Profile,
    /// Which way audio flows, seen from us. Never sends to a peer that gave no address. An answer that says less
    /// (by [`Local::direction`](super::Local::direction)) narrows it further.
    pub direction: Direction,
    /// Whether RTCP goes to and comes from the RTP ports (RFC 5761). We do not ask for it, but grant it.
    pub rtcp_mux: bool,
    /// How the peer's packets are protected; not at all where there is none.
    pub crypto: Option<Crypto>,
    /// The direction that mirrors the peer's, whatever its address.
    pub(super) mirrored: Direction,
    /// How many of the sections not taken come before the one that is.
    pub(super) before: u8,
    /// How many bytes of `refused` are in use.
    length: u8,
    /// A line for each section not taken: `<media> <proto> <fmt>`.
    refused: [u8; REFUSED],
}

impl Agreed {
    /// Whether the peer gave no address to send to, in the manner of RFC 2543 (c=0.0.0.0): neither RTP nor RTCP
    /// goes to it (RFC 3264 section 8.4). Another way to hold shows in [`Agreed::direction`] alone.
    pub const fn is_held(&self) -> bool {
        self.remote.ip().is_unspecified()
    }

    /// Media, protocol and first format of each section not taken, in order.
    pub(super) fn refused(&self) -> impl Iterator<Item = &[u8]> {
        self.refused
            .get(..usize::from(self.length))
            .unwrap_or_default()
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
    }

    /// Keeps what the answer has to repeat of a section that is not taken. None when there is no room.
    fn refuse(&mut self, media: &Media<'_>) -> Option<()> {
        let format = media.formats().next()?;
        for (piece, end) in [(media.media, b' '), (media.protocol, b' '), (format, b'\n')] {
            for &byte in piece.iter().chain(&[end]) {
                *self.refused.get_mut(usize::from(self.length))? = byte;
                self.length = self.length.checked_add(1)?;
            }
        }
        Some(())
    }
}

/// Why there is nothing in common. The later ones came closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refusal {
    /// There is no audio section, or only such with port 0.
    NoAudio,
    /// There is audio, but only over SRTP, which is off.
    Secure,
    /// There is audio, but only without SRTP, which is required.
    Insecure,
    /// There is audio over SRTP, but no crypto line that can be used.
    NoSuite,
    /// There is audio, but not in PCMU or PCMA over RTP/AVP or RTP/SAVP.
    NoCommonCodec,
    /// The audio's address is missing, is a host name or no one host's, or leaves no port for RTCP.
    BadAddress,
    /// The sections that are not taken are too many or too long to be answered.
    TooMany,
}

impl Refusal {
    /// One short sentence for the peer.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NoAudio => "No audio stream in SDP",
            Self::Secure => "SRTP is off here",
            Self::Insecure => "SRTP is required here",
            Self::NoSuite => "No usable crypto line in SDP",
            Self::NoCommonCodec => "No audio in PCMU or PCMA over RTP/AVP",
            Self::BadAddress => "No usable media address in SDP",
            Self::TooMany => "Too many media sections in SDP",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl core::error::Error for Refusal {}

/// Reads an offer: takes its first audio section over RTP/AVP or RTP/SAVP, as `policy` has it, with PCMU or PCMA, and of
/// that section the first such codec and the first telephone-event at 8 kHz, under the offer's own payload types, and the
/// first crypto line that can be used.
pub fn choose(offer: &Session<'_>, policy: Policy) -> Result<Agreed, Refusal> {
    let mut nearest = Refusal::NoAudio;
    for (place, media) in offer.media().iter().enumerate() {
        match Audio::read(offer, media, policy).and_then(|audio| audio.answered()) {
            Ok(agreed) => return refuse_others(agreed, offer, place),
            Err(refusal) => nearest = nearest.max(refusal),
        }
    }
    Err(nearest)
}

fn refuse_others(mut agreed: Agreed, offer: &Session<'_>, taken: usize) -> Result<Agreed, Refusal> {
    agreed.before = u8::try_from(taken).map_err(|_| Refusal::TooMany)?;
    for (place, media) in offer.media().iter().enumerate() {
        if place != taken {
            agreed.refuse(media).ok_or(Refusal::TooMany)?;
        }
    }
    Ok(agreed)
}

/// Reads the answer to an offer that [`offer`](super::offer()) wrote, and that said `offered` and of SRTP what `policy` has
/// it say: its first audio section.
pub fn accept(answer: &Session<'_>, offered: Direction, policy: Policy) -> Result<Agreed, Refusal> {
    let media = answer.media().iter().find(|media| media.is_audio()).ok_or(Refusal::NoAudio)?;
    let audio = Audio::read(answer, media, policy)?;
    if audio.crypto.is_some_and(|crypto| !crypto.takes_ours()) {
        return Err(Refusal::NoSuite);
    }
    // Sent is what the answer numbers, received what we numbered (RFC 3264 section 6.1).
    let mut laws = audio.laws();
    let send = laws.next().ok_or(Refusal::NoCommonCodec)?;
    let also = laws.find(|format| format.law != send.law);
    let receive = [Some(Format::fixed(send.law)), also.map(|format| Format::fixed(format.law))];
    let event_send = audio.event();
    let event_receive = event_send.map(|_| EVENT);
    let profile = Profile { send, receive, event_send, event_receive, noise: None, ptime: audio.ptime() };
    let mut agreed = audio.agreed(profile, false)?;
    agreed.mirrored = meet(agreed.mirrored, offered);
    agreed.direction = meet(agreed.direction, offered);
    Ok(agreed)
}

/// Reads the answer to a description that [`answer`](super::answer()) wrote of what was agreed on `before`, said again
/// as an offer. It may send us something else to somewhere else; what we say stays as it is.
pub fn accept_again(answer: &Session<'_>, before: &Agreed) -> Result<Agreed, Refusal> {
    let media = answer.media().get(usize::from(before.before)).ok_or(Refusal::NoAudio)?;
    let policy = if before.crypto.is_some() { Policy::Required } else { Policy::Off };
    let audio = Audio::read(answer, media, policy)?;
    let line = |crypto: Option<Crypto>| crypto.map(|crypto| (crypto.tag, crypto.master.suite()));
    if line(audio.crypto) != line(before.crypto) {
        return Err(Refusal::NoSuite);
    }
    let offered = |format: &Format| before.profile.receive.iter().flatten().any(|one| one.law == format.law);
    let send = audio.laws().find(offered).ok_or(Refusal::NoCommonCodec)?;
    let event_send = before.profile.event_receive.and_then(|_| audio.event());
    let noise = before.profile.noise.and_then(|_| audio.noise());
    let profile = Profile { send, event_send, noise, ptime: audio.ptime(), ..before.profile };
    let new = audio.agreed(profile, before.rtcp_mux)?;
    Ok(Agreed {
        remote: new.remote,
        rtcp: new.rtcp,
        profile,
        direction: meet(new.direction, before.mirrored),
        rtcp_mux: new.rtcp_mux,
        crypto: new.crypto,
        ..*before
    })
}

/// What a payload type stands for, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Law(Law),
    Event,
    Noise,
    Other,
}

/// An audio section that can be spoken of: over RTP/AVP or RTP/SAVP, to a port.
struct Audio<'s, 'a> {
    media: &'s Media<'a>,
    /// By payload type; where an rtpmap says nothing, what RFC 3551 says.
    codings: [Option<Coding>; 128],
    direction: Direction,
    rtcp: Option<(u16, Option<IpAddr>)>,
    rtcp_mux: bool,
    ptime: Option<u16>,
    maxptime: Option<u16>,
    crypto: Option<Crypto>,
}

impl<'s, 'a> Audio<'s, 'a> {
    fn read(session: &Session<'a>, media: &'s Media<'a>, policy: Policy) -> Result<Self, Refusal> {
        if !media.is_audio() || media.port == 0 {
            return Err(Refusal::NoAudio);
        }
        let savp = media.protocol.eq_ignore_ascii_case(b"RTP/SAVP");
        if savp && !policy.is_on() || !savp && !media.protocol.eq_ignore_ascii_case(b"RTP/AVP") {
            let secure = media.protocol.windows(4).any(|piece| piece.eq_ignore_ascii_case(b"SAVP"));
            return Err(match secure {
                true if policy.is_on() => Refusal::NoSuite,
                true => Refusal::Secure,
                false => Refusal::NoCommonCodec,
            });
        }
        let mut audio = Self {
            media,
            codings: [None; 128],
            direction: Direction::SendRecv,
            rtcp: None,
            rtcp_mux: false,
            ptime: None,
            maxptime: None,
            crypto: None,
        };
        let mut direction = None;
        let mut offered = false;
        for attribute in media.attributes() {
            match attribute {
                Attribute::RtpMap { payload_type, encoding, clock, channels } => {
                    if let Some(coding) = audio.codings.get_mut(usize::from(payload_type)) {
                        coding.get_or_insert(coding_of(encoding, clock, channels));
                    }
                }
                Attribute::PacketTime(ptime) => audio.ptime = audio.ptime.or(Some(ptime)),
                Attribute::MaxPacketTime(ptime) => audio.maxptime = audio.maxptime.or(Some(ptime)),
                Attribute::Rtcp { port, address } => audio.rtcp = audio.rtcp.or(Some((port, address))),
                Attribute::RtcpMux => audio.rtcp_mux = true,
                Attribute::Direction(said) => direction = direction.or(Some(said)),
                Attribute::Crypto(line) if policy.is_on() => {
                    offered = true;
                    audio.crypto = audio.crypto.or_else(|| Crypto::parse(line, savp));
                }
                Attribute::Crypto(_) | Attribute::Fmtp { .. } | Attribute::Other { .. } => {}
            }
        }
        let of_session = || {
            session.attributes().find_map(|attribute| match attribute {
                Attribute::Direction(said) => Some(said),
                _ => None,
            })
        };
        audio.direction = direction.or_else(of_session).unwrap_or(Direction::SendRecv);
        match (savp, policy) {
            _ if audio.crypto.is_some() => Ok(audio),
            (false, Policy::Required) if !offered => Err(Refusal::Insecure),
            (true, _) | (false, Policy::Required) => Err(Refusal::NoSuite),
            (false, Policy::Allowed | Policy::Off) => Ok(audio),
        }
    }

    fn coding(&self, payload_type: u8) -> Coding {
        match self.codings.get(usize::from(payload_type)) {
            Some(Some(coding)) => *coding,
            _ if payload_type == Law::Mu.payload_type() => Coding::Law(Law::Mu),
            _ if payload_type == Law::A.payload_type() => Coding::Law(Law::A),
            _ if payload_type == NOISE => Coding::Noise,
            _ => Coding::Other,
        }
    }

    /// The section's formats that are PCMU or PCMA, in its order.
    fn laws(&self) -> impl Iterator<Item = Format> {
        self.media.payload_types().filter_map(|payload_type| match self.coding(payload_type) {
            Coding::Law(law) => Some(Format { payload_type, law }),
            Coding::Event | Coding::Noise | Coding::Other => None,
        })
    }

    /// The section's telephone-event.
    fn event(&self) -> Option<u8> {
        self.media.payload_types().find(|&payload_type| self.coding(payload_type) == Coding::Event)
    }

    /// The section's comfort noise.
    fn noise(&self) -> Option<u8> {
        self.media.payload_types().find(|&payload_type| self.coding(payload_type) == Coding::Noise)
    }

    /// What the peer wants to receive. What makes no packet is not believed.
    fn ptime(&self) -> u8 {
        let said =
            |ptime: Option<u16>| ptime.and_then(|ptime| u8::try_from(ptime).ok()).filter(|&ptime| ptime > 0);
        said(self.ptime).unwrap_or(PTIME).min(said(self.maxptime).unwrap_or(u8::MAX))
    }

    /// Where RTP and RTCP go to.
    fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        let address = self.media.address().filter(is_one_host)?;
        let port = self.media.port;
        let next = || port.checked_add(1).map(|next| (next, None));
        let (rtcp_port, rtcp_address) = self.rtcp.filter(|&(port, _)| port != 0).or_else(next)?;
        let elsewhere = rtcp_address.filter(is_one_host).filter(|other| !other.is_unspecified());
        // Who gives no address for RTP is sent no RTCP either.
        let rtcp_address = elsewhere.filter(|_| !address.is_unspecified()).unwrap_or(address);
        Some((SocketAddr::new(address, port), SocketAddr::new(rtcp_address, rtcp_port)))
    }

    /// As the answerer of this section: one codec, under the offer's numbers both ways.
    fn answered(&self) -> Result<Agreed, Refusal> {
        let send = self.laws().next().ok_or(Refusal::NoCommonCodec)?;
        let event = self.event();
        let profile = Profile {
            send,
            receive: [Some(send), None],
            event_send: event,
            event_receive: event,
            noise: self.noise(),
            ptime: self.ptime(),
        };
        self.agreed(profile, true)
    }

    /// `muxes` where we take RTCP at the RTP port if the peer does.
    fn agreed(&self, profile: Profile, muxes: bool) -> Result<Agreed, Refusal> {
        let (remote, rtcp) = self.addresses().ok_or(Refusal::BadAddress)?;
        let rtcp_mux = muxes && self.rtcp_mux;
        let rtcp = if rtcp_mux { remote } else { rtcp };
        let mirrored = direction(self.direction.receives(), self.direction.sends());
        let reachable = direction(!remote.ip().is_unspecified(), true);
        Ok(Agreed {
            remote,
            rtcp,
            profile,
            direction: meet(mirrored, reachable),
            rtcp_mux,
            crypto: self.crypto,
            mirrored,
            before: 0,
            length: 0,
            refused: [0; REFUSED],
        })
    }
}

fn coding_of(encoding: &[u8], clock: u32, channels: u8) -> Coding {
    let is = |name: &[u8]| clock == 8000 && channels == 1 && encoding.eq_ignore_ascii_case(name);
    if is(b"PCMU") {
        Coding::Law(Law::Mu)
    } else if is(b"PCMA") {
        Coding::Law(Law::A)
    } else if is(b"telephone-event") {
        Coding::Event
    } else if is(b"CN") {
        Coding::Noise
    } else {
        Coding::Other
    }
}

/// Neither a group's address nor everyone's; unspecified ones are let through.
fn is_one_host(address: &IpAddr) -> bool {
    !address.is_multicast() && *address != IpAddr::V4(core::net::Ipv4Addr::BROADCAST)
}

const fn direction(sends: bool, receives: bool) -> Direction {
    match (sends, receives) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}

/// What both allow, seen from the same side.
pub(super) const fn meet(one: Direction, other: Direction) -> Direction {
    direction(one.sends() && other.sends(), one.receives() && other.receives())
}
