//! Callers and targets at the end of a connection (RFC 3261 section 18): nothing is lost, doubled or overtaken, until
//! the connection is lost with all that is under way on it. Both ends open another one when they have something to send.

use core::net::SocketAddr;
use std::collections::{HashMap, HashSet};

use warmline_core::Input;
use warmline_core::transport::Path;

use super::{What, World, in_core};
use crate::setting::address;
use crate::text::Text;

/// Who has a connection: a caller one alone, all calls to a target's address the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Caller(usize),
    Target(SocketAddr),
}

#[derive(Debug, Default)]
pub(super) struct Connections {
    by_end: HashMap<End, Connection>,
    opened: u32,
    /// The Call-IDs of calls that were brought to targets over connections.
    brought: HashSet<String>,
}

#[derive(Debug, Default)]
struct Connection {
    /// Its number; 0 when it was lost.
    flow: u32,
    /// When what was sent last arrives at the SBC, and at the other end.
    arrives: [u64; 2],
    /// Over which paths the SBC has sent by it.
    ways: Vec<Path>,
}

/// What is under way on a connection.
#[derive(Debug)]
pub(super) struct Carried {
    end: End,
    flow: u32,
    /// Where it comes from, or goes to.
    peer: SocketAddr,
    to_sbc: bool,
    bytes: Vec<u8>,
}

impl World<'_> {
    /// Sends a peer's message by its connection, where it has one.
    pub(super) fn sends_by_connection(&mut self, from: SocketAddr, bytes: &[u8]) -> bool {
        let Some(end) = self.connected(from, bytes) else { return false };
        self.put_on_connection(end, from, true, bytes.to_vec());
        true
    }

    /// The SBC sends by a connection.
    pub(super) fn leaves_by_connection(&mut self, to: Path, bytes: Vec<u8>) {
        if to.listener == address::WIRED
            && let Some(call_id) = Text::parse(&bytes).ok().and_then(|text| text.get("Call-ID"))
        {
            self.connections.brought.insert(call_id.to_owned());
        }
        let Some(end) = self.connected(to.remote, &bytes) else {
            return self.judge("network", Err(format!("{to:?} is nobody's connection")));
        };
        self.put_on_connection(end, to.remote, false, bytes);
        if let Some(connection) = self.connections.by_end.get_mut(&end)
            && !connection.ways.contains(&to)
        {
            connection.ways.push(to);
        }
    }

    /// Whose message this is, if it is of somebody with a connection, who is at `peer`.
    fn connected(&self, peer: SocketAddr, bytes: &[u8]) -> Option<End> {
        let text = Text::parse(bytes).ok()?;
        let call_id = text.get("Call-ID")?;
        if self.connections.brought.contains(call_id) {
            return Some(End::Target(peer));
        }
        let number = call_id.strip_prefix("zxa")?.split('-').next()?.parse::<usize>().ok()?;
        self.callers.get(number).filter(|caller| caller.plan.connected).map(|_| End::Caller(number))
    }

    fn put_on_connection(&mut self, end: End, peer: SocketAddr, to_sbc: bool, bytes: Vec<u8>) {
        let (shortest, longest) = self.weather.delay;
        let arrives = self.now + self.dice.between(shortest, longest);
        let planned = match end {
            End::Caller(number) => self.callers[number].plan.cuts,
            End::Target(_) => 0,
        };
        let cut = self.dice.chance(self.cut.max(planned));
        let Connections { by_end, opened, .. } = &mut self.connections;
        let connection = by_end.entry(end).or_default();
        if connection.flow == 0 {
            *opened += 1;
            connection.flow = *opened;
        }
        let place = &mut connection.arrives[usize::from(to_sbc)];
        *place = arrives.max(*place);
        let (at, flow) = (*place, connection.flow);
        self.arrange(at, What::Arrives(Carried { end, flow, peer, to_sbc, bytes }));
        if cut {
            self.cut_off(end);
        }
    }

    /// A connection is lost. Its ends learn of it a little later.
    pub(super) fn cut_off(&mut self, end: End) {
        let Some(connection) = self.connections.by_end.get_mut(&end) else { return };
        connection.flow = 0;
        let ways = core::mem::take(&mut connection.ways);
        self.cuts += 1;
        self.arrange(self.now + 1_000, What::Lost(ways));
    }

    pub(super) fn arrives(&mut self, carried: Carried) {
        let Carried { end, flow, peer, to_sbc, bytes } = carried;
        let connection = self.connections.by_end.get(&end);
        if connection.is_none_or(|connection| connection.flow != flow) {
            return;
        }
        if !to_sbc {
            return self.reaches(peer, &bytes);
        }
        if self.dark {
            return;
        }
        let listener = match end {
            End::Caller(_) => address::CONNECTED,
            End::Target(_) => address::WIRED,
        };
        let transport = self.config.listeners[usize::from(listener)].transport;
        let path = Path { transport, listener, flow, remote: peer };
        let config = self.config;
        let cx = warmline_core::Cx { now: self.clock(), utc: Some(self.utc()), config: &config };
        let Ok(admitted) = in_core(|| self.sbc.admit(&cx, path)) else { return };
        let result = self.tap.as_mut().map_or(Ok(()), |tap| tap.arrives(self.now, peer, &bytes, true));
        self.judge("tap", result);
        self.input(Input::Message(admitted, &bytes));
    }
}
