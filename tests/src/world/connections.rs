//! Callers at the end of a connection (RFC 3261 section 18): nothing is lost, doubled or overtaken, until the
//! connection is lost with all that is under way on it. Both ends open another one when they have something to send.

use core::net::SocketAddr;
use std::collections::HashMap;

use warmline_core::Input;
use warmline_core::transport::{Path, Transport};

use super::{What, World, in_core};
use crate::text::Text;

/// The listener that connections come to.
const LISTENER: u8 = 2;

/// One for each caller that has one.
#[derive(Debug, Default)]
pub(super) struct Connections {
    by_caller: HashMap<usize, Connection>,
    opened: u32,
}

#[derive(Debug, Default)]
struct Connection {
    /// Its number; 0 when it was lost.
    flow: u32,
    /// When what was sent last arrives at the SBC, and at the caller.
    arrives: [u64; 2],
    /// Over which paths the SBC has sent by it.
    ways: Vec<Path>,
}

/// What is under way on a connection.
#[derive(Debug)]
pub(super) struct Carried {
    caller: usize,
    flow: u32,
    /// Where it comes from, or goes to.
    peer: SocketAddr,
    to_sbc: bool,
    bytes: Vec<u8>,
}

impl World<'_> {
    /// Sends a caller's message by its connection, where it has one.
    pub(super) fn sends_by_connection(&mut self, from: SocketAddr, bytes: &[u8]) -> bool {
        let Some(caller) = self.connected(bytes) else { return false };
        self.put_on_connection(caller, from, true, bytes.to_vec());
        true
    }

    /// The SBC sends by a connection.
    pub(super) fn leaves_by_connection(&mut self, to: Path, bytes: Vec<u8>) {
        let Some(caller) = self.connected(&bytes) else {
            return self.judge("network", Err(format!("{to:?} is nobody's connection")));
        };
        self.put_on_connection(caller, to.remote, false, bytes);
        if let Some(connection) = self.connections.by_caller.get_mut(&caller)
            && !connection.ways.contains(&to)
        {
            connection.ways.push(to);
        }
    }

    /// Whose message this is, if it is one of a caller's with a connection.
    fn connected(&self, bytes: &[u8]) -> Option<usize> {
        let text = Text::parse(bytes).ok()?;
        let number = text.get("Call-ID")?.strip_prefix("zxa")?.split('-').next()?.parse::<usize>().ok()?;
        self.callers.get(number).filter(|caller| caller.plan.connected).map(|_| number)
    }

    fn put_on_connection(&mut self, caller: usize, peer: SocketAddr, to_sbc: bool, bytes: Vec<u8>) {
        let (shortest, longest) = self.weather.delay;
        let arrives = self.now + self.dice.between(shortest, longest);
        let cut = self.dice.chance(self.cut.max(self.callers[caller].plan.cuts));
        let Connections { by_caller, opened } = &mut self.connections;
        let connection = by_caller.entry(caller).or_default();
        if connection.flow == 0 {
            *opened += 1;
            connection.flow = *opened;
        }
        let place = &mut connection.arrives[usize::from(to_sbc)];
        *place = arrives.max(*place);
        let (at, flow) = (*place, connection.flow);
        self.arrange(at, What::Arrives(Carried { caller, flow, peer, to_sbc, bytes }));
        if cut {
            self.cut_off(caller);
        }
    }

    /// A connection is lost. Its ends learn of it a little later.
    pub(super) fn cut_off(&mut self, caller: usize) {
        let Some(connection) = self.connections.by_caller.get_mut(&caller) else { return };
        connection.flow = 0;
        let ways = core::mem::take(&mut connection.ways);
        self.cuts += 1;
        self.arrange(self.now + 1_000, What::Lost(ways));
    }

    pub(super) fn arrives(&mut self, carried: Carried) {
        let Carried { caller, flow, peer, to_sbc, bytes } = carried;
        let connection = self.connections.by_caller.get(&caller);
        if connection.is_none_or(|connection| connection.flow != flow) {
            return;
        }
        if !to_sbc {
            return self.reaches(peer, &bytes);
        }
        if self.dark {
            return;
        }
        let path = Path { transport: Transport::Tcp, listener: LISTENER, flow, remote: peer };
        let config = self.config;
        let cx = warmline_core::Cx { now: self.clock(), utc: Some(self.utc()), config: &config };
        let Ok(admitted) = in_core(|| self.sbc.admit(&cx, path)) else { return };
        let result = self.tap.as_mut().map_or(Ok(()), |tap| tap.arrives(self.now, peer, &bytes, true));
        self.judge("tap", result);
        self.input(Input::Message(admitted, &bytes));
    }
}
