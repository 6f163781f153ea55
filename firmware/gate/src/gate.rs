//! The gate between the wire and the house: the door, the relay's fast lane, and the way out.
//!
//! A media packet is rewritten in the buffer it was received into and leaves from there. It meets neither the IP stack
//! nor a socket; nor does anything we send ourselves, but for ARP answers, ICMP, DHCP and DNS.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use core::task::Waker;

use smoltcp::wire::{ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, Ipv4Packet};
use warmline_core::reason::{Counters, Reason};
use warmline_core::relay::{Relay, Verdict};
use warmline_core::time::Instant;

use crate::door::{Ground, Way};
use crate::frame::{Arrived, Class, Datagram, ETHERNET, Frame, HEADERS, LARGEST, Link};
use crate::neighbours::{self, Neighbours};
use crate::nic::{Nic, Taken};

/// How many frames are taken in one go before others have their turn.
const BATCH: usize = 32;

/// The gate. It owns the controller and the relay.
pub struct Gate<'s, 'c, N> {
    nic: N,
    /// The streams.
    pub relay: Relay<'s>,
    ground: Ground<'c>,
    neighbours: &'s mut Neighbours,
    counters: Counters,
    traffic: Traffic,
    ident: u16,
}

/// What went through the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Frames that were let in for the IP stack.
    pub stack: u32,
    /// Media packets that were sent on.
    pub relayed: u32,
    /// Media packets that were for the relay itself.
    pub taken: u32,
    /// Datagrams of our own.
    pub sent: u32,
}

/// What is to be done with frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// Nothing more has come.
    Nothing,
    /// Others should have their turn; more may have come.
    More,
    /// So many bytes in the frame are the IP stack's.
    Stack(usize),
}

impl Traffic {
    /// Nothing did.
    pub const NONE: Self = Self { stack: 0, relayed: 0, taken: 0, sent: 0 };
}

impl<'s, 'c, N: Nic> Gate<'s, 'c, N> {
    /// A gate on `nic`. Until `ground` has an address, only ARP and DHCP pass.
    pub fn new(nic: N, relay: Relay<'s>, ground: Ground<'c>, neighbours: &'s mut Neighbours) -> Self {
        let (counters, traffic) = (Counters::NEW, Traffic::default());
        Self { nic, relay, ground, neighbours, counters, traffic, ident: 0 }
    }

    /// The network as it is now.
    pub fn ground(&self) -> &Ground<'c> {
        &self.ground
    }

    /// Takes the network as it is now, and asks for its gateway.
    pub fn settle(&mut self, now: Instant, ground: Ground<'c>) {
        self.ground = ground;
        if let Some(gateway) = self.ground.gateway {
            self.find(now, gateway);
        }
    }

    /// The controller.
    pub fn nic(&mut self) -> &mut N {
        &mut self.nic
    }

    /// Frames that were dropped, and why; those the relay dropped are its own.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What went through.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Takes frames off the wire until one is for the IP stack. Those for the relay have left again by then.
    pub fn receive(&mut self, now: Instant, waker: &Waker, frame: &mut Frame) -> Incoming {
        for _ in 0..BATCH {
            let mut judged = Err(Reason::FrameMalformed);
            let (nic, ground) = (&mut self.nic, &self.ground);
            let taken = nic.receive(waker, frame, |head| {
                judged = ground.judge(head);
                judged.is_ok()
            });
            match (taken, judged) {
                (Taken::Nothing, _) => return Incoming::Nothing,
                (Taken::Refused, judged) => self.drop(judged.err().unwrap_or(Reason::FrameMalformed)),
                (Taken::Frame(_), Err(reason)) => self.drop(reason),
                (Taken::Frame(len), Ok(way)) => {
                    let bytes = frame.bytes();
                    match way {
                        Way::Media => self.relay(now, bytes, len),
                        Way::Arp => self.learn(now, &bytes[..len]),
                        Way::Stack => self.note_sender(now, &bytes[..len]),
                    }
                    if way != Way::Media {
                        self.traffic.stack = self.traffic.stack.wrapping_add(1);
                        return Incoming::Stack(len);
                    }
                }
            }
        }
        Incoming::More
    }

    /// Sends the `len` bytes of payload that begin at [`HEADERS`] of `room`, from one of our ports.
    pub fn send(
        &mut self,
        now: Instant,
        room: &mut [u8],
        len: usize,
        port: u16,
        to: SocketAddr,
        class: Class,
    ) {
        // There is no IPv6 here: the image names none, and no session description gets this far with one.
        let SocketAddr::V4(to) = to else { return self.drop(Reason::ProtocolNotSpoken) };
        self.traffic.sent = self.traffic.sent.wrapping_add(1);
        self.ident = self.ident.wrapping_add(1);
        let from = SocketAddrV4::new(self.ground.address, port);
        let datagram = Datagram { from, to, class, ident: self.ident };
        let Some(next) = self.ground.next_hop(*to.ip()) else { return self.drop(Reason::NoNeighbour) };
        let own = self.ground.hardware;
        let Some(hardware) = self.find(now, next) else {
            let link = Link { from: own, to: EthernetAddress::default() };
            let short = HEADERS + len <= LARGEST;
            let neighbours = &mut *self.neighbours;
            let mut lost = !short;
            if short {
                datagram.send(link, room, len, |frame| {
                    lost = neighbours.park(next, frame);
                    true
                });
            }
            if lost {
                self.drop(Reason::NoNeighbour);
            }
            return;
        };
        let nic = &mut self.nic;
        if !datagram.send(Link { from: own, to: hardware }, room, len, |frame| nic.send(frame)) {
            self.drop(Reason::SendFull);
        }
    }

    /// Sends a frame of the IP stack's.
    pub fn send_frame(&mut self, frame: &[u8]) {
        if !self.nic.send(frame) {
            self.drop(Reason::SendFull);
        }
    }

    /// A packet for a media port: on its way again at once, or the relay's, or nobody's.
    fn relay(&mut self, now: Instant, frame: &mut [u8], len: usize) {
        let Some(arrived) = Arrived::read(&frame[..len]) else { return self.drop(Reason::BadChecksum) };
        self.note_sender(now, &frame[..len]);
        let from = SocketAddr::V4(arrived.from);
        match self.relay.forward(now, arrived.port, from, &mut frame[HEADERS..], arrived.len) {
            Verdict::Send(hop) => {
                self.send(now, frame, hop.len, hop.port, hop.to, Class::Media);
                self.traffic.sent = self.traffic.sent.wrapping_sub(1);
                self.traffic.relayed = self.traffic.relayed.wrapping_add(1);
            }
            Verdict::Taken => self.traffic.taken = self.traffic.taken.wrapping_add(1),
            Verdict::Drop(_) => {} // counted by the relay
        }
    }

    /// The hardware address of a neighbour, which is asked for where it is due.
    fn find(&mut self, now: Instant, next: Ipv4Addr) -> Option<EthernetAddress> {
        let found = self.neighbours.find(now, next);
        if found.ask {
            let question = neighbours::question(self.ground.hardware, self.ground.address, next);
            self.send_frame(&question);
        }
        found.hardware
    }

    /// Takes over who sent an ARP packet, and sends what waited for that.
    fn learn(&mut self, now: Instant, frame: &[u8]) {
        let packet = ArpPacket::new_checked(&frame[ETHERNET..]);
        let Ok(ArpRepr::EthernetIpv4 { source_hardware_addr, source_protocol_addr, .. }) =
            packet.and_then(|packet| ArpRepr::parse(&packet))
        else {
            return;
        };
        let near = self.ground.is_near(source_protocol_addr) && !self.ground.address.is_unspecified();
        if !near || !source_hardware_addr.is_unicast() {
            return;
        }
        self.neighbours.learn(now, source_protocol_addr, source_hardware_addr);
        if let Some(frame) = self.neighbours.release(source_protocol_addr, source_hardware_addr)
            && !self.nic.send(frame)
        {
            self.drop(Reason::SendFull);
        }
    }

    fn note_sender(&mut self, now: Instant, frame: &[u8]) {
        let ethernet = EthernetFrame::new_unchecked(frame);
        let source = Ipv4Packet::new_unchecked(ethernet.payload()).src_addr();
        if self.ground.is_near(source) {
            self.neighbours.heard(now, source, ethernet.src_addr());
        }
    }

    fn drop(&mut self, reason: Reason) {
        self.counters.add(reason);
    }
}

#[cfg(test)]
mod tests;
