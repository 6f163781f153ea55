//! The host of a relay: passes on what signalling says and what the relay says, and keeps account of both.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;

use warmline_core::relay::{Control, Hop, Output, Relay, Report, Side, StreamId, TAILROOM, Verdict};
use warmline_core::time::{Instant, Utc};

use crate::world::in_core;

/// A relay and what its host knows of it. One serves all workers' ports.
pub(crate) struct Media<'w> {
    relay: Relay<'w>,
    open: HashMap<StreamId, ([u16; 2], [bool; 2])>,
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
    /// When the relay wants to be polled.
    pub(crate) wake: Option<Instant>,
}

/// What the relay has to say.
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
            wake: None,
        }
    }

    /// The relay was restarted with its host: `relay` has no streams.
    pub(crate) fn restart(&mut self, relay: Relay<'w>) {
        let (bridged, rtcp) = (self.bridged, self.rtcp);
        *self = Self { bridged, rtcp, ..Self::new(relay) };
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
            _ if self.broken => return Ok(None),
            Control::Open { stream, ports } => {
                for port in ports {
                    if !port.is_multiple_of(2) {
                        return Err(format!("port {port} is odd"));
                    }
                    if let Some(other) = self.ports.insert(port, stream) {
                        return Err(format!("port {port} is given to {stream:?} and {other:?}"));
                    }
                }
                if self.open.insert(stream, (ports, [false; 2])).is_some() {
                    return Err(format!("{stream:?} is opened twice"));
                }
            }
            Control::Point { stream, side, peer } => {
                let Some((_, pointed)) = self.open.get_mut(&stream) else {
                    return Err(format!("{stream:?} is pointed but not open"));
                };
                if network(peer.rtp) != Some(side) || network(peer.rtcp) != Some(side) {
                    return Err(format!("{side:?} is pointed to {}", peer.rtp));
                }
                pointed[side.index()] = true;
            }
            Control::Join { .. } | Control::Bridge { .. } | Control::Part { .. } => {}
            Control::Close { stream } => {
                let (ports, pointed) =
                    self.open.remove(&stream).ok_or_else(|| format!("{stream:?} is closed but not open"))?;
                for port in ports {
                    self.ports.remove(&port);
                }
                self.bridged += u64::from(pointed == [true; 2]);
            }
        }
        in_core(|| self.relay.control(now, control));
        Ok(None)
    }

    /// The next thing that the relay has to say; none when it waits.
    pub(crate) fn poll(&mut self, now: Instant, utc: Utc) -> Result<Option<Said>, String> {
        for _ in 0..10_000 {
            match in_core(|| self.relay.poll(now, Some(utc), &mut self.buffer)) {
                Output::Send(Hop { port, to, len }) => {
                    self.rtcp += 1;
                    if port.is_multiple_of(2) || network(to).is_none() || len < 8 {
                        return Err(format!("RTCP of {len} bytes from {port} to {to}"));
                    }
                    return Ok(Some(Said::Sent(to, self.buffer[..len].to_vec())));
                }
                Output::Report(_) if self.mute => {}
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
        match in_core(|| self.relay.forward(now, port, from, &mut room, packet.len())) {
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
