//! Streams and what goes over them.

use core::net::SocketAddr;
use std::collections::HashSet;

use warmline_core::relay::{Report, Side, Verdict};

use super::{What, World};
use crate::caller::Caller;
use crate::keys::owner;
use crate::media::Said;

impl World<'_> {
    /// Makes every stream fail, or the relay fall silent.
    pub fn break_media(&mut self, fails: bool, mute: bool) {
        (self.media.broken, self.media.mute) = (fails, mute);
    }

    /// How many streams are open, and how many of all of them had both peers.
    pub fn streams(&self) -> (usize, u64) {
        (self.media.streams(), self.media.bridged)
    }

    pub(super) fn drain_media(&mut self) {
        while let Some(report) = self.next_report() {
            self.later(500, What::Media(report));
        }
    }

    /// What the relay reports next; none when it waits.
    pub(super) fn next_report(&mut self) -> Option<Report> {
        loop {
            match self.media.poll(self.clock(), self.utc()) {
                Ok(Some(Said::Report(report))) => return Some(report),
                Ok(Some(Said::Sent(to, bytes))) => {
                    if to.port().is_multiple_of(2) {
                        *self.silence.entry(to).or_default() += 1;
                    }
                    self.media_leaves(None, to, bytes);
                }
                Ok(None) => return None,
                Err(wrong) => {
                    self.judge("relay", Err(wrong));
                    return None;
                }
            }
        }
    }

    /// One side of a call sends an RTP packet to where it was told, from where it said; what leaves for it, and
    /// from which port of ours to whom. Or why nothing does.
    pub fn speak(
        &mut self,
        number: usize,
        side: Side,
        packet: &[u8],
    ) -> Result<(u16, SocketAddr, Vec<u8>), Verdict> {
        let callee = self.callees.iter().rfind(|callee| callee.number == number);
        let (session, from) = match side {
            Side::A => (&self.callers[number].session, Some(self.callers[number].peer.media)),
            Side::B | Side::C => {
                (&callee.expect("nobody was rung").session, callee.map(|callee| callee.peer.media))
            }
        };
        let port = session.as_ref().and_then(|session| session.audio()).map(|audio| audio.1);
        let (port, from) = port.zip(from).expect("nobody was told where to speak to");
        self.media.forward(self.clock(), port, from, packet)
    }

    /// Where each side of a call listens, and the port that each was told to speak to.
    pub fn media_of(&self, number: usize) -> [(SocketAddr, u16); 2] {
        let callee = self.callees.iter().rfind(|callee| callee.number == number).expect("nobody was rung");
        let caller = &self.callers[number];
        [(caller.peer.media, &caller.session), (callee.peer.media, &callee.session)].map(|(at, session)| {
            let audio = session.as_ref().and_then(|session| session.audio());
            (at, audio.map_or(0, |audio| audio.1))
        })
    }

    /// Where everybody in a call listens, and the port of ours that each was told to speak to: the caller, and the
    /// targets in the order they were rung.
    pub fn ends(&self, number: usize) -> Vec<(SocketAddr, u16)> {
        let caller = &self.callers[number];
        let callees = self.callees.iter().filter(|callee| callee.number == number);
        let ends = callees.map(|callee| (callee.peer.media, &callee.session));
        let ends = [(caller.peer.media, &caller.session)].into_iter().chain(ends);
        ends.map(|(at, session)| {
            (at, session.as_ref().and_then(|session| session.audio()).map_or(0, |audio| audio.1))
        })
        .collect()
    }

    /// An RTP packet comes to a port of ours; to whom it goes, if it does.
    pub fn speak_from(&mut self, from: SocketAddr, port: u16, packet: &[u8]) -> Option<SocketAddr> {
        self.media.forward(self.clock(), port, from, packet).ok().map(|(_, to, _)| to)
    }

    /// How many RTCP packets the relay sent of its own accord.
    pub fn rtcp(&self) -> u64 {
        self.media.rtcp
    }

    /// Whether all that the relay was told of keys is right: with each peer's key goes the one of ours that this peer was
    /// told. How many legs were told so.
    pub fn check_keys(&self) -> Result<usize, String> {
        let mut legs = HashSet::new();
        for (ours, theirs) in &self.media.keys.secured {
            let name = owner(theirs).ok_or("a key of nobody's")?;
            let callers = self.callers.iter().map(|caller| &caller.peer);
            let mut peers = callers.chain(self.callees.iter().map(|callee| &callee.peer));
            let peer = peers.find(|peer| peer.name == name).ok_or_else(|| format!("a key of {name}'s"))?;
            // Who was told no description knows no key of ours.
            let is_it = |caller: &&Caller| caller.peer.name == name;
            let told_nothing = self.callers.iter().find(is_it).is_some_and(|caller| caller.session.is_none());
            match self.media.keys.ours.get(ours) {
                Some(told) if *told == peer.call_id => {}
                None if told_nothing && owner(ours).is_none() => {}
                told => return Err(format!("the key for {name} was told to {told:?}")),
            }
            legs.insert(name);
        }
        Ok(legs.len())
    }
}
