//! Telephones that register (RFC 3261 section 10.3): where each of our trunks' users is to be found.
//!
//! A binding lasts for as long as its telephone was told, and no longer than the node runs: after a restart telephones
//! register anew. It is rung where its REGISTER came from, which is also the way through a NAT.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::config::{Config, Target, TargetIndex};
use crate::locate::Place;
use crate::reason::Reason;
use crate::sip::{Essentials, Message, Name, NameAddr, Scheme, Uri, Writer, unescape};
use crate::time::{Duration, Instant};
use crate::transaction::Reply;
use crate::transport::{Path, Transport};

use super::proof;
use super::registering::seconds;
use super::requests::Request;
use super::{Cx, Sbc};

/// For how long telephones may register, and do where they do not say, in seconds.
pub(super) const LEAST: u32 = 60;
const MOST: u32 = 3600;

/// How many contacts a user has at once. The one that registered last is rung.
const CONTACTS: usize = 4;

/// The longest Contact URI that is kept.
const LONGEST: usize = 160;

/// Where a telephone is.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// A hash of its user; 0 where there is none.
    user: u64,
    /// A hash of the Call-ID that it registered with.
    call: u64,
    cseq: u32,
    since: Instant,
    until: Instant,
    /// Where its REGISTER came from.
    path: Path,
    contact: [u8; LONGEST],
    len: u8,
}

impl Binding {
    /// No telephone's: all zero bits.
    pub const EMPTY: Self = Self {
        user: 0,
        call: 0,
        cseq: 0,
        since: Instant::ZERO,
        until: Instant::ZERO,
        path: Path {
            transport: Transport::Udp,
            listener: 0,
            flow: 0,
            remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        },
        contact: [0; LONGEST],
        len: 0,
    };

    /// The URI that it is rung by.
    pub(super) fn contact(&self) -> &[u8] {
        self.contact.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(super) const fn path(&self) -> Path {
        self.path
    }

    /// The key of its user.
    pub(super) const fn user(&self) -> u64 {
        self.user
    }

    fn is_of(&self, user: u64, now: Instant) -> bool {
        self.user == user && self.until > now
    }
}

impl Default for Binding {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Sbc<'_> {
    /// Whether a connection is the way to a telephone.
    pub(super) fn leads_to_phone(&self, flow: u32) -> bool {
        self.phones.iter().any(|binding| binding.user != 0 && binding.path.flow == flow)
    }

    /// A REGISTER whose user has been proven.
    pub(super) fn register(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>) {
        match self.bind(cx, request) {
            Ok(()) => self.answer_at_once(cx, request, Reply::Bindings),
            Err(reason) => self.refuse(cx, request, reason),
        }
    }

    /// Takes over what a REGISTER says: all of it or nothing (10.3 step 7).
    fn bind(&mut self, cx: &Cx<'_>, request: &Request<'_, '_>) -> Result<(), Reason> {
        let Request { from, message, e, .. } = *request;
        let trunk = cx.config.trunk(from.trunk).ok_or(Reason::UnknownSource)?;
        let name = proof::user(cx.config, trunk, message).ok_or(Reason::MethodNotAllowed)?.name;
        let mut room = [0; LONGEST];
        let to = e.to.uri.user.and_then(|user| unescape(user, &mut room));
        if to.and_then(|len| room.get(..len)) != Some(cx.config.text(name)) {
            return Err(Reason::AnotherUser);
        }
        let user = self.user_key(cx.config.text(trunk.name), cx.config.text(name));
        let (call, cseq, now) = (self.key.hash(&[b"registers", e.call_id]), e.cseq.number, cx.now);
        let in_order = |binding: &Binding| binding.call != call || cseq > binding.cseq;
        let lasting = message.header(Name::Expires).and_then(seconds);

        if message.headers(Name::Contact).any(|value| value.trim_ascii() == b"*") {
            if lasting != Some(0) || message.headers(Name::Contact).count() != 1 {
                return Err(Reason::UnusableContact);
            }
            if !self.phones.iter().filter(|binding| binding.is_of(user, now)).all(in_order) {
                return Err(Reason::OutOfOrder);
            }
            for binding in self.phones.iter_mut().filter(|binding| binding.user == user) {
                *binding = Binding::EMPTY;
            }
            return Ok(());
        }
        let mut number = 0usize;
        for contact in message.addresses(Name::Contact) {
            let contact = contact.map_err(|_| Reason::UnusableContact)?;
            number = number.saturating_add(1);
            let usable = contact.uri.scheme == Scheme::Sip && contact.uri.headers.is_empty();
            if !usable || number > CONTACTS || contact.uri.bytes.len() > LONGEST {
                return Err(Reason::UnusableContact);
            }
            let expires = expires(&contact, lasting);
            if (1..LEAST).contains(&expires) {
                return Err(Reason::RegistrationTooBrief);
            }
            let same =
                |binding: &&Binding| binding.is_of(user, now) && binding.contact() == contact.uri.bytes;
            if !self.phones.iter().filter(same).all(in_order) {
                return Err(Reason::OutOfOrder);
            }
            let place = |binding: &Binding| binding.until <= now || binding.is_of(user, now);
            if expires > 0 && !self.phones.iter().any(place) {
                return Err(Reason::RegistrarFull);
            }
        }
        for contact in message.addresses(Name::Contact).flatten() {
            self.bind_one(now, user, &contact.uri, expires(&contact, lasting), (call, cseq), from.path);
        }
        Ok(())
    }

    fn bind_one(
        &mut self,
        now: Instant,
        user: u64,
        uri: &Uri<'_>,
        expires: u32,
        (call, cseq): (u64, u32),
        path: Path,
    ) {
        let its = |binding: &Binding| binding.is_of(user, now);
        let same = self.phones.iter().position(|binding| its(binding) && binding.contact() == uri.bytes);
        let many = self.phones.iter().filter(|binding| its(binding)).count() >= CONTACTS;
        let free = self.phones.iter().position(|binding| binding.until <= now).filter(|_| !many);
        let oldest = || {
            let own = self.phones.iter().enumerate().filter(|(_, binding)| its(binding));
            own.min_by_key(|(_, binding)| binding.since).map(|(place, _)| place)
        };
        let place = match expires {
            0 => same,
            _ => same.or(free).or_else(oldest),
        };
        let Some(binding) = place.and_then(|place| self.phones.get_mut(place)) else { return };
        *binding = Binding::EMPTY;
        if expires == 0 {
            return;
        }
        let until = now.after(Duration::from_secs(expires.into()));
        (binding.user, binding.call, binding.cseq) = (user, call, cseq);
        (binding.since, binding.until, binding.path) = (now, until, path);
        for (room, &byte) in binding.contact.iter_mut().zip(uri.bytes) {
            *room = byte;
        }
        binding.len = u8::try_from(uri.bytes.len()).unwrap_or(0);
    }

    /// Where a target's telephone is: none where it is no telephone that registers.
    pub(super) fn bound(&self, cx: &Cx<'_>, target: &Target) -> Option<Result<&Binding, Reason>> {
        let trunk = registers(cx.config, target)?;
        let mut room = [0; LONGEST];
        let uri = Uri::parse(cx.config.text(target.uri)).ok();
        let user = uri.and_then(|uri| uri.user).and_then(|user| unescape(user, &mut room));
        let user = user.and_then(|len| room.get(..len)).unwrap_or_default();
        let user = self.user_key(trunk, user);
        let its = self.phones.iter().filter(|binding| binding.is_of(user, cx.now));
        Some(its.max_by_key(|binding| binding.since).ok_or(Reason::PhoneNotRegistered))
    }

    fn user_key(&self, trunk: &[u8], user: &[u8]) -> u64 {
        self.key.hash(&[b"phone", trunk, user]).max(1)
    }

    /// Whose bindings the answer to a REGISTER lists.
    pub(super) fn registrant(&self, config: &Config<'_>, request: &Message<'_>, trunk: u16) -> u64 {
        let trunk = config.trunk(crate::config::TrunkIndex(trunk));
        let user = trunk.and_then(|trunk| Some((trunk, proof::user(config, trunk, request)?)));
        user.map_or(0, |(trunk, user)| self.user_key(config.text(trunk.name), config.text(user.name)))
    }
}

/// The trunk's name, where the target is a telephone that registers.
fn registers<'c>(config: &Config<'c>, target: &Target) -> Option<&'c [u8]> {
    let trunk = config.trunk(target.trunk).filter(|trunk| !config.users(trunk).is_empty())?;
    Place::of(config, target).is_none().then(|| config.text(trunk.name))
}

/// What was dialled for a target that this responds to: a telephone by its Contact, which our To named.
pub(super) fn dialled<'a>(config: &Config<'a>, target: TargetIndex, e: &Essentials<'a>) -> &'a [u8] {
    match config.target(target) {
        Some(target) if registers(config, target).is_some() => e.to.uri.bytes,
        Some(target) => config.text(target.uri),
        None => &[],
    }
}

/// Writes a user's bindings (10.3 step 8).
pub(super) fn bindings(w: &mut Writer<'_>, phones: &[Binding], user: u64, now: Instant) {
    for binding in phones.iter().filter(|binding| user != 0 && binding.is_of(user, now)) {
        let left = binding.until.since(now).as_millis().div_ceil(1000);
        w.name(b"Contact").bytes(b"<").bytes(binding.contact()).bytes(b">;expires=").number(left).end_line();
    }
}

/// For how long a contact registers, in seconds.
fn expires(contact: &NameAddr<'_>, lasting: Option<u32>) -> u32 {
    let own = contact.params.value(b"expires").and_then(seconds);
    own.or(lasting).unwrap_or(MOST).min(MOST)
}
