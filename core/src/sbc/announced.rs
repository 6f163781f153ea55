//! Hand-overs that an AI agent's platform has announced, outside SIP, before it dials or refers to their line.
//!
//! Each is good for five minutes, once, and for the trunk that announced it. The call it is for names it by its token, which
//! is in the URI that the platform was given; or, where a platform can dial only numbers, is from the caller it was announced
//! for, to its line. What the announcement says of caller and ticket comes before what the call says itself.
//!
//! A token that is not known any more, or never was, costs a call what was said of it, and not its line: that is named before it.
//!
//! Whoever never announces anything, as a board, links nothing of this: the ways in here are kept as functions once the
//! host says that platforms announce here.

use core::num::NonZeroU64;

use subtle::ConstantTimeEq;

use crate::call::{self, CallId, Number};
use crate::config::{Config, LineIndex, TrunkIndex, TrunkKind};
use crate::reason::Reason;
use crate::sip::{Full, Uri, Writer};
use crate::time::{Duration, Instant};
use crate::transport::Transport;

use super::dialogs::parse_hex;
use super::reconfigure::Renamed;
use super::{Cx, Sbc};

/// For how long one is good.
const GOOD: Duration = Duration::from_secs(300);

/// Bytes of a token, and as it is written.
const TOKEN: usize = 16;
const WRITTEN: usize = 2 * TOKEN;

/// What stands before a token in the user part of a URI.
const MARK: u8 = b'.';

/// What a platform announces.
#[derive(Clone, Copy, Debug)]
pub struct Announcement<'a> {
    /// The trunk of whoever announces it.
    pub trunk: TrunkIndex,
    /// The line: its name, what it is dialled by, or a URI.
    pub line: &'a [u8],
    /// The caller's number, as a person writes it; none where it is not known.
    pub caller: Option<&'a [u8]>,
    /// The ticket, where the platform has made one.
    pub ticket: Option<NonZeroU64>,
}

/// What a platform is given for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Invitation {
    /// What it is known by: [`Sbc::announced`] says of a call that it is the one.
    pub id: u64,
    /// The line that is to be dialled.
    pub line: LineIndex,
    /// Until when it is good.
    pub until: Instant,
    /// The one that gave way for it: it is not known any more.
    pub instead_of: Option<u64>,
    token: [u8; TOKEN],
    listener: u8,
}

/// Storage for one announcement.
#[derive(Debug)]
pub struct Announced {
    id: u64,
    token: [u8; TOKEN],
    trunk: TrunkIndex,
    line: LineIndex,
    caller: Option<Number>,
    ticket: Option<NonZeroU64>,
    until: Instant,
    /// The call that has taken it.
    call: Option<CallId>,
}

impl Announced {
    /// None.
    pub const EMPTY: Self = Self {
        id: 0,
        token: [0; TOKEN],
        trunk: TrunkIndex(u16::MAX),
        line: LineIndex(u16::MAX),
        caller: None,
        ticket: None,
        until: Instant::ZERO,
        call: None,
    };

    fn waits(&self, now: Instant, trunk: TrunkIndex) -> bool {
        self.call.is_none() && self.trunk == trunk && now < self.until
    }
}

pub(super) struct Announcements<'s> {
    places: &'s mut [Announced],
    /// There where platforms announce.
    ways_in: Option<&'static WaysIn>,
}

struct WaysIn {
    line: fn(&Sbc<'_>, &Cx<'_>, TrunkIndex, u8, &Uri<'_>) -> Result<LineIndex, Reason>,
    take: fn(&mut Sbc<'_>, &Cx<'_>, CallId, TrunkIndex, LineIndex, (u8, &Uri<'_>)),
    rename: fn(&mut Sbc<'_>, &Renamed<'_>),
}

static WAYS_IN: WaysIn = WaysIn {
    line: |sbc, cx, trunk, listener, uri| sbc.announced_line(cx, trunk, listener, uri),
    take: |sbc, cx, id, trunk, line, uri| sbc.announcement_is_for(cx, id, trunk, line, uri),
    rename: |sbc, renamed| sbc.rename_announced(renamed),
};

impl<'s> Announcements<'s> {
    pub(super) const fn new(places: &'s mut [Announced]) -> Self {
        Self { places, ways_in: None }
    }

    /// The one that waits and has this token. How long that takes says nothing of any token.
    fn with(&self, now: Instant, trunk: TrunkIndex, token: &[u8; TOKEN]) -> Option<usize> {
        let mut found = None;
        for (at, place) in self.places.iter().enumerate() {
            let same = place.token.ct_eq(token) & u8::from(place.waits(now, trunk)).ct_eq(&1);
            if same.into() {
                found = Some(at);
            }
        }
        found
    }

    /// Where all places are taken, the one that gives way to another of this trunk's: the oldest that waits, of its own where
    /// it has its share, and else of the others.
    fn gives_way(&self, config: &Config<'_>, trunk: TrunkIndex) -> Option<usize> {
        let sharing = config.trunks.iter().filter(|trunk| trunk.kind == TrunkKind::Ai).count();
        let own = self.places.iter().filter(|place| place.trunk == trunk).count();
        let has_its_share = own.saturating_mul(sharing) >= self.places.len();
        let waiting = self.places.iter().enumerate().filter(|(_, place)| place.call.is_none());
        let gives = waiting.filter(|(_, place)| (place.trunk == trunk) == has_its_share);
        gives.min_by_key(|(_, place)| place.until).map(|(at, _)| at)
    }
}

impl Sbc<'_> {
    /// Platforms announce here, or did before a restart: from here on announced hand-overs may be dialled and referred to.
    pub fn hears_announcements(&mut self) {
        self.announced.ways_in = Some(&WAYS_IN);
    }

    /// A platform announces a hand-over. What it is given for that may be dialled and referred to.
    ///
    /// # Errors
    /// [`Reason::MayNotRefer`] for a trunk that is no AI platform's, what [`named_line`](call::named_line) says of the line,
    /// [`Reason::CallerMalformed`] for a caller that is no number, [`Reason::CallerBlocked`], [`Reason::Draining`], and
    /// [`Reason::NodeFull`] where there is no place, or calls that go on have them all.
    pub fn announce(&mut self, cx: &Cx<'_>, announcement: &Announcement<'_>) -> Result<Invitation, Reason> {
        self.hears_announcements();
        let invitation = self.invitation(cx, announcement);
        if let Err(reason) = invitation {
            self.counters.add(reason);
        }
        invitation
    }

    fn invitation(&mut self, cx: &Cx<'_>, announcement: &Announcement<'_>) -> Result<Invitation, Reason> {
        let Announcement { trunk, line, caller, ticket } = *announcement;
        let config = cx.config;
        let peer = config.trunk(trunk).filter(|trunk| trunk.kind == TrunkKind::Ai);
        let listener = peer.ok_or(Reason::MayNotRefer)?.listener;
        if self.draining {
            return Err(Reason::Draining);
        }
        let line = call::named_line(config, line, trunk, listener)?;
        let number = |text| call::number(text, config.text(config.node.country));
        let caller = caller.map(|text| number(text).ok_or(Reason::CallerMalformed)).transpose()?;
        // As an INVITE's: this one comes in its place.
        let named = call::Caller { number: caller, vouched: true, ..call::Caller::default() };
        if named.number.is_some() && named.is_blocked(config.text(config.node.blocked)) {
            return Err(Reason::CallerBlocked);
        }
        let calls = &self.calls;
        let over = |place: &&Announced| match place.call {
            Some(call) => calls.get(call).is_none(),
            None => place.until <= cx.now,
        };
        let free = self.announced.places.iter().position(|place| over(&place));
        let at = free.or_else(|| self.announced.gives_way(config, trunk)).ok_or(Reason::NodeFull)?;
        let place = self.announced.places.get_mut(at).ok_or(Reason::NodeFull)?;
        let instead_of = free.is_none().then_some(place.id);
        let id = self.random.next_u64();
        let (high, low) = (self.random.next_u64(), self.random.next_u64());
        let token = both(high, low);
        let until = cx.now.after(GOOD);
        let caller = named.number;
        *place = Announced { id, token, trunk, line, caller, ticket, until, call: None };
        Ok(Invitation { id, line, until, instead_of, token, listener })
    }

    /// Which announced hand-over a call is: [`Invitation::id`]. None for others, and once another has its place.
    pub fn announced(&self, call: CallId) -> Option<u64> {
        self.announced.places.iter().find(|place| place.call == Some(call)).map(|place| place.id)
    }

    /// The line of a URI, heard on `listener`, that dials or names none, where it has a token.
    pub(super) fn or_announced(
        &self,
        cx: &Cx<'_>,
        line: Result<LineIndex, Reason>,
        trunk: TrunkIndex,
        listener: u8,
        uri: &Uri<'_>,
    ) -> Result<LineIndex, Reason> {
        match (line, self.announced.ways_in) {
            (Err(Reason::UnknownLine), Some(ways_in)) => (ways_in.line)(self, cx, trunk, listener, uri),
            _ => line,
        }
    }

    /// A call has come to a line, or goes there, from a trunk, by a URI that was heard on a listener: where it was announced,
    /// it is what was said of it.
    pub(super) fn take_announced(
        &mut self,
        cx: &Cx<'_>,
        id: CallId,
        trunk: TrunkIndex,
        line: LineIndex,
        heard: (u8, &Uri<'_>),
    ) {
        if let Some(ways_in) = self.announced.ways_in {
            (ways_in.take)(self, cx, id, trunk, line, heard);
        }
    }

    /// Trunks and lines have other places.
    pub(super) fn follow_announced(&mut self, renamed: &Renamed<'_>) {
        if let Some(ways_in) = self.announced.ways_in {
            (ways_in.rename)(self, renamed);
        }
    }

    fn announced_line(
        &self,
        cx: &Cx<'_>,
        trunk: TrunkIndex,
        listener: u8,
        uri: &Uri<'_>,
    ) -> Result<LineIndex, Reason> {
        let (_, token) = parts(uri).ok_or(Reason::UnknownLine)?;
        let place = self.announced.with(cx.now, trunk, &token);
        let known = place.and_then(|place| self.announced.places.get(place)).map(|place| place.line);
        match known.filter(|&line| cx.config.line(line).is_some()) {
            Some(line) => Ok(line),
            None => line_before(cx.config, trunk, listener, uri),
        }
    }

    fn announcement_is_for(
        &mut self,
        cx: &Cx<'_>,
        id: CallId,
        trunk: TrunkIndex,
        line: LineIndex,
        (listener, uri): (u8, &Uri<'_>),
    ) {
        let Some(call) = self.calls.get_mut(id) else { return };
        let place = parts(uri).and_then(|(_, token)| self.announced.with(cx.now, trunk, &token));
        let alike = |place: &Announced| {
            place.waits(cx.now, trunk)
                && place.line == line
                && place.caller.is_some()
                && place.caller == call.caller
        };
        let place = place.or_else(|| self.announced.places.iter().position(alike));
        let Some(place) = place.and_then(|place| self.announced.places.get_mut(place)) else {
            // A line's own name may look like that.
            if call::line(cx.config, uri, trunk, listener).is_err()
                && line_before(cx.config, trunk, listener, uri) == Ok(line)
            {
                call.note.get_or_insert(Reason::AnnouncementUnknown);
                self.counters.add(Reason::AnnouncementUnknown);
            }
            return;
        };
        place.call = Some(id);
        call.ticket = place.ticket.or(call.ticket);
        if let Some(caller) = place.caller.take() {
            call.caller = Some(caller);
            call.identity.vouched = true;
        }
    }

    fn rename_announced(&mut self, renamed: &Renamed<'_>) {
        for place in self.announced.places.iter_mut() {
            place.trunk = renamed.trunk(place.trunk).unwrap_or(TrunkIndex(u16::MAX));
            place.line = renamed.line(place.line);
        }
    }
}

impl Invitation {
    /// Writes the URI that is to be dialled or referred to: the line's name and the token, at our first domain, or else at
    /// the address that the trunk's peers are told. Its length.
    ///
    /// # Errors
    /// [`Full`] where it does not fit.
    pub fn uri(&self, config: &Config<'_>, out: &mut [u8]) -> Result<usize, Full> {
        let name = config.line(self.line).map(|line| line.name).unwrap_or_default();
        let token = u128::from_be_bytes(self.token);
        let mut w = Writer::new(out);
        w.bytes(b"sip:").bytes(config.text(name)).bytes(&[MARK]);
        w.hex((token >> 64) as u64).hex(token as u64).bytes(b"@");
        if let Some((listener, interface)) = config.listener(self.listener) {
            match config.domains.first() {
                Some(&domain) => w.bytes(config.text(domain)),
                None => w.ip(interface.advertise),
            };
            if listener.port != listener.transport.port() {
                w.bytes(b":").number(listener.port.into());
            }
            match listener.transport {
                Transport::Udp => {}
                Transport::Tcp => _ = w.bytes(b";transport=tcp"),
                Transport::Tls => _ = w.bytes(b";transport=tls"),
            }
        }
        w.finish()
    }
}

impl core::fmt::Debug for Invitation {
    /// Its token is a secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Invitation").field("id", &self.id).field("line", &self.line).finish_non_exhaustive()
    }
}

/// What stands before the token in the user part of a URI, and the token.
fn parts<'a>(uri: &Uri<'a>) -> Option<(&'a [u8], [u8; TOKEN])> {
    let user = uri.user?;
    let at = user.len().checked_sub(WRITTEN)?;
    let (before, written) = user.split_at_checked(at)?;
    let (&MARK, before) = before.split_last()? else { return None };
    let (high, low) = written.split_at_checked(WRITTEN / 2)?;
    Some((before, both(parse_hex(high)?, parse_hex(low)?)))
}

/// The line that is named before a token, as [`call::line`] would find it by what dials it.
fn line_before(
    config: &Config<'_>,
    trunk: TrunkIndex,
    listener: u8,
    uri: &Uri<'_>,
) -> Result<LineIndex, Reason> {
    let (name, _) = parts(uri).ok_or(Reason::UnknownLine)?;
    call::line_by_its_name(config, &Uri { user: Some(name), ..*uri }, trunk, listener)
}

fn both(high: u64, low: u64) -> [u8; TOKEN] {
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}
