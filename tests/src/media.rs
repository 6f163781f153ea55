//! The host of a relay: passes on what signalling says and what the relay says, and keeps account of both.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;

use warmline_core::clip::{ClipId, Clips};
use warmline_core::g711::Law;
use warmline_core::relay::{
    Control, Hop, Output, Peer, Play, Relay, Report, Side, StreamId, TAILROOM, Verdict,
};
use warmline_core::rtp::Event;
use warmline_core::time::{Instant, Utc};

use crate::keys::Seen;
use crate::keytone::is_keytone;
use crate::world::in_core;

/// What the host has for clips: a second of audio for each.
struct Recorded;

impl Clips for Recorded {
    fn audio(&self, _: ClipId) -> Option<&[u8]> {
        Some(&[0x55; 8_000])
    }
}

/// A relay and what its host knows of it. One serves all workers' ports.
pub(crate) struct Media<'w> {
    relay: Relay<'w>,
    open: HashMap<StreamId, [Place; 3]>,
    ports: HashMap<u16, StreamId>,
    buffer: Vec<u8>,
    /// How many streams had both sides pointed when they were closed.
    pub(crate) bridged: u64,
    /// Whether no port can be bound.
    pub(crate) broken: bool,
    /// Whether nothing is ever answered.
    pub(crate) mute: bool,
    /// How many RTCP packets the relay sent of its own accord.
    pub(crate) rtcp: u64,
    /// The keys of SRTP that were seen.
    pub(crate) keys: Seen,
    /// When the relay wants to be polled.
    pub(crate) wake: Option<Instant>,
}

/// One side of a stream, as signalling said.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Our port; none when it is not open.
    port: Option<u16>,
    peer: Option<Peer>,
    /// What it is played.
    played: Option<Play>,
    /// Whether what leaves for it is protected.
    secured: bool,
}

/// What the relay has to say.
#[expect(clippy::large_enum_variant, reason = "there are few of them, and none lives long")]
pub(crate) enum Said {
    /// This, to signalling.
    Report(Report),
    /// These bytes, to a peer.
    Sent(SocketAddr, Vec<u8>),
}

impl<'w> Media<'w> {
    pub(crate) fn new(relay: Relay<'w>) -> Self {
        Self {
            relay,
            open: HashMap::new(),
            ports: HashMap::new(),
            buffer: vec![0; 2048],
            bridged: 0,
            broken: false,
            mute: false,
            rtcp: 0,
            keys: Seen::default(),
            wake: None,
        }
    }

    /// The relay was restarted with its host: `relay` has no streams.
    pub(crate) fn restart(&mut self, relay: Relay<'w>) {
        let keys = core::mem::take(&mut self.keys);
        let (bridged, rtcp) = (self.bridged, self.rtcp);
        *self = Self { bridged, rtcp, keys, ..Self::new(relay) };
    }

    /// How many streams are open: by what it was told, and by the relay.
    pub(crate) fn streams(&self) -> usize {
        self.open.len().max(self.relay.streams())
    }

    /// Tells the relay something. It is to be asked afterwards what it has to say; what comes back is said in its
    /// place.
    pub(crate) fn control(&mut self, now: Instant, control: Control) -> Result<Option<Report>, String> {
        match control {
            // A host whose ports cannot be bound says so itself.
            Control::Open { stream, .. } if self.broken => return Ok(Some(Report::Failed { stream })),
            Control::Join { stream, side, .. } if self.broken => {
                return Ok(Some(Report::NotJoined { stream, side }));
            }
            _ if self.broken => return Ok(None),
            Control::Open { stream, ports: [a, b] } => {
                self.take_port(stream, a)?;
                self.take_port(stream, b)?;
                let [a, b] = [a, b].map(|port| Place { port: Some(port), ..Place::default() });
                if self.open.insert(stream, [a, b, Place::default()]).is_some() {
                    return Err(format!("{stream:?} is opened twice"));
                }
            }
            Control::Point { stream, side, peer } => {
                let place = self.place(stream, side)?;
                if place.port.is_none() {
                    return Err(format!("{side:?} of {stream:?} is pointed but not open"));
                }
                place.peer = Some(peer);
                let [rtp, rtcp] = [network(peer.rtp), network(peer.rtcp)];
                // Who comes third may be in either network.
                // Who holds with 0.0.0.0 is sent nothing.
                let held = peer.rtp.ip().is_unspecified() && peer.rtcp.ip().is_unspecified();
                // Only callers are always in the first network; but a platform that was called is there too.
                let astray = rtp.is_none() || rtp != rtcp;
                let wrong = if held { peer.direction.sends() && !peer.learns } else { astray };
                if wrong {
                    return Err(format!("{side:?} is pointed to {}", peer.rtp));
                }
            }
            Control::Secure { stream, side, security } => {
                self.place(stream, side)?.secured = security.is_some();
                if let Some(security) = security {
                    self.keys.secures(security.send.bytes(), security.receive.bytes());
                }
            }
            Control::Learn { stream, side, source } => match &mut self.place(stream, side)?.peer {
                Some(peer) => peer.rtp = source,
                None => return Err(format!("{side:?} of {stream:?} is learned but was not pointed")),
            },
            Control::Join { stream, side, port } => {
                self.take_port(stream, port)?;
                let place = self.place(stream, side)?;
                if place.port.replace(port).is_some() {
                    return Err(format!("{side:?} of {stream:?} joins twice"));
                }
            }
            Control::Press { stream, side, .. } => {
                self.place(stream, side)?;
            }
            Control::Bridge { stream, pair } => {
                for side in pair.into_iter().flatten() {
                    if self.place(stream, side)?.port.is_none() {
                        return Err(format!("{side:?} of {stream:?} is in a bridge but not open"));
                    }
                    // What is played once is played to its end.
                    let once = |play: &Play| matches!(play, Play::Clip { looped: false, .. });
                    let place = self.place(stream, side)?;
                    place.played = place.played.filter(once);
                }
            }
            Control::Play { stream, side, what } => {
                let place = self.place(stream, side)?;
                if place.peer.is_none() {
                    return Err(format!("{side:?} of {stream:?} is played {what:?} but was not pointed"));
                }
                place.played = Some(what);
            }
            Control::Record { .. } => {}
            Control::Stop { stream, side } => self.place(stream, side)?.played = None,
            Control::Part { stream, side } => {
                let place = core::mem::take(self.place(stream, side)?);
                let port =
                    place.port.ok_or_else(|| format!("{side:?} of {stream:?} parts but is not open"))?;
                self.ports.remove(&port);
            }
            Control::Close { stream } => {
                let places =
                    self.open.remove(&stream).ok_or_else(|| format!("{stream:?} is closed but not open"))?;
                for port in places.iter().filter_map(|place| place.port) {
                    self.ports.remove(&port);
                }
                self.bridged += u64::from(places.iter().filter(|place| place.peer.is_some()).count() >= 2);
            }
        }
        in_core(|| self.relay.control(now, control));
        Ok(None)
    }

    fn take_port(&mut self, stream: StreamId, port: u16) -> Result<(), String> {
        if !port.is_multiple_of(2) {
            return Err(format!("port {port} is odd"));
        }
        match self.ports.insert(port, stream) {
            Some(other) => Err(format!("port {port} is given to {stream:?} and {other:?}")),
            None => Ok(()),
        }
    }

    fn place(&mut self, stream: StreamId, side: Side) -> Result<&mut Place, String> {
        let places = self.open.get_mut(&stream);
        places.map(|places| &mut places[side.index()]).ok_or_else(|| format!("{stream:?} is not open"))
    }

    /// Whether somebody at this port of ours is played something.
    fn is_played(&self, port: u16) -> bool {
        self.at(port).is_some_and(|place| place.played.is_some())
    }

    /// Whether that is a key, for somebody at this port of ours who takes no telephone-events and so is told keys by tones.
    fn is_told_key(&self, port: u16, audio: &[u8]) -> bool {
        let profile = self.at(port).and_then(|place| place.peer).map(|peer| peer.profile);
        profile.is_some_and(|profile| profile.event_send.is_none() && is_keytone(profile.send.law, audio))
    }

    fn at(&self, port: u16) -> Option<&Place> {
        let places = self.open.get(self.ports.get(&port)?)?;
        places.iter().find(|place| place.port == Some(port))
    }

    /// The sides of the stream in which somebody at this address is: our port, and who the peer is.
    pub(crate) fn sides(&self, somebody: SocketAddr) -> Option<[Option<(u16, Peer)>; 3]> {
        let is = |place: &Place| place.peer.is_some_and(|peer| peer.rtp == somebody);
        let places = self.open.values().find(|places| places.iter().any(is))?;
        Some(places.map(|place| place.port.zip(place.peer)))
    }

    /// The stream in which somebody at this address is.
    #[cfg(test)]
    pub(crate) fn stream_of(&self, somebody: SocketAddr) -> Option<StreamId> {
        let is = |place: &Place| place.peer.is_some_and(|peer| peer.rtp == somebody);
        self.open.iter().find(|(_, places)| places.iter().any(is)).map(|(stream, _)| *stream)
    }

    /// The next thing that the relay has to say; none when it waits.
    pub(crate) fn poll(&mut self, now: Instant, utc: Utc) -> Result<Option<Said>, String> {
        for _ in 0..10_000 {
            match in_core(|| self.relay.poll(now, Some(utc), &Recorded, &mut self.buffer)) {
                Output::Send(Hop { port, to, len }) => {
                    let bytes = self.buffer[..len].to_vec();
                    if port.is_multiple_of(2) {
                        let silence = |law: Law| bytes[12..].iter().all(|code| *code == law.encode(0));
                        let silent = silence(Law::Mu)
                            || silence(Law::A)
                            || self.is_played(port)
                            || self.is_told_key(port, &bytes[12..]);
                        let key = len == 16
                            && Event::parse(&bytes[12..]).is_some_and(|event| event.digit().is_some());
                        // What is protected cannot be heard here, only that it has its tag.
                        let secured = self.at(port).is_some_and(|place| place.secured);
                        let silent = silent && len == 172 || secured && (176..=188).contains(&len);
                        if !key && !silent || network(to).is_none() {
                            return Err(format!("{len} bytes from {port} to {to} are not silence"));
                        }
                    } else {
                        self.rtcp += 1;
                        if network(to).is_none() || len < 8 {
                            return Err(format!("RTCP of {len} bytes from {port} to {to}"));
                        }
                    }
                    return Ok(Some(Said::Sent(to, bytes)));
                }
                Output::Report(Report::NotJoined { stream, side }) => {
                    if let Ok(place) = self.place(stream, side)
                        && let Some(port) = core::mem::take(place).port
                    {
                        self.ports.remove(&port);
                    }
                    if !self.mute {
                        return Ok(Some(Said::Report(Report::NotJoined { stream, side })));
                    }
                }
                Output::Report(_) if self.mute => {}
                Output::Report(Report::Played { stream, side, clip }) => {
                    if let Ok(place) = self.place(stream, side) {
                        place.played.take_if(|play| *play == Play::Clip { clip, looped: false });
                    }
                    return Ok(Some(Said::Report(Report::Played { stream, side, clip })));
                }
                Output::Report(report) => return Ok(Some(Said::Report(report))),
                Output::Wait(at) => {
                    self.wake = at;
                    if self.wake.is_none_or(|at| at > now) {
                        return Ok(None);
                    }
                }
            }
        }
        Err("the relay never waits".into())
    }

    /// An RTP packet comes to a port of ours; what leaves for it, and from which port to whom.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        port: u16,
        from: SocketAddr,
        packet: &[u8],
    ) -> Result<(u16, SocketAddr, Vec<u8>), Verdict> {
        let mut room = packet.to_vec();
        room.resize(packet.len() + TAILROOM, 0);
        let verdict = in_core(|| self.relay.forward(now, port, from, &mut room, packet.len()));
        self.wake = self.relay.deadline();
        match verdict {
            Verdict::Send(Hop { port, to, len }) => Ok((port, to, room[..len].to_vec())),
            other => Err(other),
        }
    }
}

/// Whose network an address is in.
fn network(at: SocketAddr) -> Option<Side> {
    match at.ip() {
        IpAddr::V4(ip) if ip.octets()[..3] == [198, 51, 100] => Some(Side::A),
        IpAddr::V4(ip) if ip.octets()[..3] == [203, 0, 113] => Some(Side::B),
        _ => None,
    }
}
