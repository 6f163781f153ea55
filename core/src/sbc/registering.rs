//! Registering at a trunk's registrar (RFC 3261 section 10.2), so that it knows where we are: one registration for each
//! trunk that asks for it, in the trunk's own place in storage.
//!
//! A refresh carries no credentials: the registrar asks, and its challenge is answered at once, so that nothing has to
//! be kept of the one before. What fails is tried again later and later (RFC 5626 section 4.5).

use core::net::SocketAddr;

use crate::config::{Config, TargetIndex, TrunkIndex};
use crate::digest::{Challenge, Demand, strongest};
use crate::locate::{Found, Place};
use crate::reason::Reason;
use crate::sip::{Host, Message, Method, Name, Uri, Writer};
use crate::time::{Duration, Instant};
use crate::transaction::{Class, GIVE_UP, Machine};
use crate::transport::Path;

use super::addresses::Failing;
use super::authentication::login;
use super::calls::belongs;
use super::reconfigure::Renamed;
use super::remote::Remote;
use super::replies::{contact_of, via};
use super::{About, Admitted, Cx, Event, Output, Question, Sbc};

/// How long the host may take to look a registrar up.
const LOOKUP: Duration = Duration::from_secs(10);

/// How long we ask to be registered for, and the longest that a registrar's wish for more is followed, in seconds.
const ASKED: u32 = 3600;
const MOST: u32 = 86_400;

/// A registration is refreshed no sooner than this, however short it is, in seconds.
const SOONEST: u64 = 10;

/// How long after the first failure it is tried again, and the most, in seconds.
const AGAIN: (u64, u64) = (30, 1800);

/// How often one registration is asked again at once: by a challenge, by a nonce that is stale, by 423.
const ANSWERS: u8 = 4;

/// Where a trunk's registration stands. A new one is all zero bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registration {
    phase: Phase,
    /// It is given back, and not taken again.
    leaving: bool,
    failures: u8,
    /// How often it was asked again at once.
    answered: u8,
    /// How many of those were challenges.
    challenged: u8,
    call_id: u64,
    tag: u64,
    /// The latest REGISTER's; 0 where none waits for an answer.
    branch: u64,
    cseq: u32,
    /// For how long we ask, in seconds; 0 for as long as at first.
    asked: u32,
    /// When there is something to do.
    due: Instant,
    /// Until when we are registered; zero where we are not.
    until: Instant,
    /// Where the registrar is.
    remote: Remote,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// A REGISTER is sent when it is due, once it is known where to.
    #[default]
    Idle,
    /// The host looks the registrar up.
    Resolving,
    /// It is known where the registrar is.
    Found,
    /// A REGISTER waits for its answer.
    Asking,
    /// It was given back.
    Gone,
}

impl Registration {
    /// Whether the REGISTER that is out has this branch.
    pub(super) fn asked_by(&self, branch: u64) -> bool {
        self.phase == Phase::Asking && self.branch == branch
    }

    /// Nothing was done yet: all zero bits.
    pub const NEW: Self = Self {
        phase: Phase::Idle,
        leaving: false,
        failures: 0,
        answered: 0,
        challenged: 0,
        call_id: 0,
        tag: 0,
        branch: 0,
        cseq: 0,
        asked: 0,
        due: Instant::ZERO,
        until: Instant::ZERO,
        remote: Remote::UNKNOWN,
    };

    fn asks(&self) -> u32 {
        match (self.leaving, self.asked) {
            (true, _) => 0,
            (false, 0) => ASKED,
            (false, asked) => asked,
        }
    }
}

/// What can be seen of a trunk's registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Until when the registrar knows us; none where it does not.
    pub until: Option<Instant>,
    /// How many attempts have failed since it last knew us.
    pub failures: u8,
}

impl Sbc<'_> {
    /// Where the registration at a trunk stands; none where the trunk has none.
    pub fn registered(&self, cx: &Cx<'_>, trunk: TrunkIndex) -> Option<Registered> {
        cx.config.trunk(trunk)?.registration.as_ref()?;
        let state = &self.trunks.get(usize::from(trunk.0))?.registration;
        let until = Some(state.until).filter(|&until| until > cx.now);
        Some(Registered { until, failures: state.failures })
    }

    /// Whether a registration is being given back: a node that ends waits a moment for it.
    pub fn is_leaving(&self) -> bool {
        self.trunks.iter().any(|trunk| trunk.registration.leaving && trunk.registration.phase != Phase::Gone)
    }

    fn registration(&mut self, index: TrunkIndex) -> Option<&mut Registration> {
        self.trunks.get_mut(usize::from(index.0)).map(|trunk| &mut trunk.registration)
    }

    /// Notes when the next registration has something to do.
    pub(super) fn time_registrations(&mut self, config: &Config<'_>) {
        let registering = config.trunks.iter().zip(self.trunks.iter());
        let registering = registering.filter(|(trunk, _)| trunk.registration.is_some());
        let states = registering.map(|(_, state)| &state.registration);
        self.registering = states.filter(|state| state.phase != Phase::Gone).map(|state| state.due).min();
    }

    /// Does what a registration that is due asks for; none when none is.
    pub(super) fn registrations_due(&mut self, cx: &Cx<'_>, out: &mut [u8]) -> Option<Option<Output>> {
        self.registering.filter(|&at| at <= cx.now)?;
        let due = (0u16..u16::MAX).zip(cx.config.trunks.iter().zip(self.trunks.iter()));
        let mut due = due.filter(|(_, (trunk, state))| {
            let state = &state.registration;
            trunk.registration.is_some() && state.phase != Phase::Gone && state.due <= cx.now
        });
        let index = due.next().map(|(index, _)| TrunkIndex(index));
        let output = index.and_then(|index| self.registration_due(cx, index, out));
        self.time_registrations(cx.config);
        Some(output)
    }

    fn registration_due(&mut self, cx: &Cx<'_>, index: TrunkIndex, out: &mut [u8]) -> Option<Output> {
        let target = cx.config.trunk(index)?.registration?.target;
        let place = cx.config.target(target).and_then(|target| Place::of(cx.config, target));
        let (literal, draining) = (place.and_then(|place| place.literal()), self.draining);
        let state = self.registration(index)?;
        if draining && !state.leaving {
            state.phase = Phase::Gone;
        }
        match state.phase {
            Phase::Gone => None,
            Phase::Resolving => self.not_registered(cx, index, Reason::RegistrarUnresolved, None),
            Phase::Asking => {
                if let Some(path) = state.remote.get().and_then(|remote| path(cx.config, index, remote)) {
                    self.is_down(cx, path, Failing::Silent);
                }
                self.not_registered(cx, index, Reason::RegistrarSilent, None)
            }
            // Where it was given to is where it is given back.
            Phase::Idle if state.leaving && state.remote.get().is_some() => {
                self.ask_registrar(cx, index, out)
            }
            Phase::Idle => match literal {
                Some(address) => {
                    state.remote = address.into();
                    self.ask_registrar(cx, index, out)
                }
                None => {
                    state.phase = Phase::Resolving;
                    state.due = cx.now.after(LOOKUP);
                    Some(Output::Resolve(Question { about: About::Trunk(index), target }))
                }
            },
            Phase::Found => self.ask_registrar(cx, index, out),
        }
    }

    fn ask_registrar(&mut self, cx: &Cx<'_>, index: TrunkIndex, out: &mut [u8]) -> Option<Output> {
        let remote = self.registration(index)?.remote.get()?;
        if !belongs(cx.config, index, remote.ip()) {
            return self.not_registered(cx, index, Reason::RegistrarUnresolved, None);
        }
        let state = self.registration(index)?;
        (state.answered, state.challenged) = (0, 0);
        match self.send_register(cx, index, out, 0, None) {
            Some((to, len)) => {
                self.addressee = cx.config.trunk(index)?.registration.map(|registrar| registrar.target);
                Some(Output::Transmit { to, len })
            }
            None => self.not_registered(cx, index, Reason::MessageTooLarge, None),
        }
    }

    /// What was found of a registrar's name.
    pub(super) fn registrar_resolved(
        &mut self,
        cx: &Cx<'_>,
        index: TrunkIndex,
        target: TargetIndex,
        found: &[Found],
    ) {
        let expected = cx.config.trunk(index).and_then(|trunk| trunk.registration).map(|it| it.target);
        let asked = self.registration(index).is_some_and(|state| state.phase == Phase::Resolving);
        let Some(place) = cx.config.target(target).filter(|_| asked && expected == Some(target)) else {
            return;
        };
        let first = self.in_turn(cx, None, place, found).first().copied();
        let Some(state) = self.registration(index) else { return };
        // Where there is none, that is said when it is due.
        if let Some(first) = first {
            state.remote = first.into();
            state.phase = Phase::Found;
        }
        state.due = cx.now;
        self.time_registrations(cx.config);
    }

    /// Writes a REGISTER and starts its transaction; none when it does not fit.
    fn send_register(
        &mut self,
        cx: &Cx<'_>,
        index: TrunkIndex,
        out: &mut [u8],
        flow: u32,
        answers: Option<(Demand, &Challenge<'_>)>,
    ) -> Option<(Path, usize)> {
        let (config, branch, random) = (cx.config, self.random.next_u64() | 1, self.random.next_u64());
        let registration = config.trunk(index)?.registration?;
        let aor = config.text(registration.aor);
        let registrar = config.text(config.target(registration.target)?.uri);
        let (login, _) = login(config, index)?;
        let fresh = (self.random.next_u64(), self.random.next_u64());
        let state = self.registration(index)?;
        if state.call_id == 0 {
            (state.call_id, state.tag) = fresh;
        }
        state.cseq = state.cseq.saturating_add(1);
        (state.branch, state.phase, state.due) = (branch, Phase::Asking, cx.now.after(GIVE_UP));
        let (state, to) = (*state, Path { flow, ..path(config, index, state.remote.get()?)? });
        let (listener, interface) = config.listener(to.listener)?;
        let user = Uri::parse(aor).ok().and_then(|uri| uri.user).unwrap_or_default();

        let mut w = Writer::new(out);
        w.request_line(b"REGISTER", registrar);
        via(&mut w, listener, interface, branch);
        w.header(b"Max-Forwards", b"70");
        w.name(b"From").bytes(b"<").bytes(aor).bytes(b">;tag=").hex(state.tag).end_line();
        w.name(b"To").bytes(b"<").bytes(aor).bytes(b">").end_line();
        w.name(b"Call-ID").hex(state.call_id).end_line();
        w.name(b"CSeq").number(state.cseq.into()).bytes(b" REGISTER").end_line();
        contact_of(&mut w, user, listener, interface);
        w.name(b"Expires").number(state.asks().into()).end_line();
        if let Some((demand, challenge)) = answers {
            w.name(demand.credentials().as_bytes());
            challenge.answer(&login, (b"REGISTER", registrar), 1, random, &mut w);
            w.end_line();
        }
        w.empty_body();
        let len = w.finish().ok()?;
        let (key, kept) = (self.client_key(branch, Method::Register), self.keep(out, len));
        // Without room for its transaction it is sent once.
        let started =
            self.transactions.request(cx.now, key, Machine::Client, to, None, registration.target, kept);
        if let Err(Some(kept)) = started {
            self.blocks.free(kept);
        }
        Some((to, len))
    }

    /// A response to a REGISTER of ours.
    pub(super) fn registrar_answered(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        branch: u64,
        status: u16,
    ) {
        let index = from.trunk;
        let registers = cx.config.trunk(index).is_some_and(|trunk| trunk.registration.is_some());
        let state = self.registration(index).filter(|_| registers);
        let Some(state) = state.filter(|state| state.phase == Phase::Asking && state.branch == branch) else {
            return;
        };
        match (Class::of(status), status) {
            (Class::Provisional, _) => return,
            (Class::Success, _) if state.leaving => {
                (state.phase, state.until, state.branch) = (Phase::Gone, Instant::ZERO, 0);
                self.event =
                    Some(Event::Unregistered { trunk: index, reason: Reason::RegistrationGivenBack });
            }
            (Class::Success, _) => self.is_registered(cx, index, message),
            (_, 401 | 407 | 423) => {
                if let Err(reason) = self.register_again(cx, index, message, status, from.path.flow) {
                    self.fails_to_register(cx, index, reason, message);
                }
            }
            _ => self.fails_to_register(cx, index, Reason::RegistrarRefused, message),
        }
        self.time_registrations(cx.config);
    }

    fn fails_to_register(&mut self, cx: &Cx<'_>, index: TrunkIndex, reason: Reason, message: &Message<'_>) {
        let wait = message.header(Name::RetryAfter).and_then(seconds);
        if let Some(Output::Event(event)) = self.not_registered(cx, index, reason, wait) {
            self.event = Some(event);
        }
    }

    /// Answers what asks for another REGISTER.
    fn register_again(
        &mut self,
        cx: &Cx<'_>,
        index: TrunkIndex,
        message: &Message<'_>,
        status: u16,
        flow: u32,
    ) -> Result<(), Reason> {
        let state = self.registration(index).ok_or(Reason::RegistrarRefused)?;
        let challenged = state.challenged;
        if state.answered >= ANSWERS {
            return Err(Reason::RegistrarRefused);
        }
        state.answered = state.answered.saturating_add(1);
        let Some(demand) = Demand::of(status) else {
            let least = message.extension(b"Min-Expires").next().and_then(seconds);
            let least = least.or_else(|| message.header(Name::MinExpires).and_then(seconds));
            let more = least.filter(|&least| least > state.asks() && least <= MOST && !state.leaving);
            state.asked = more.ok_or(Reason::RegistrarRefused)?;
            // What comes next is challenged anew.
            state.challenged = 0;
            return self.reply_register(cx, index, flow, None);
        };
        state.challenged = challenged.saturating_add(1);
        let (_, realm) = login(cx.config, index).ok_or(Reason::RegistrarWantsCredentials)?;
        let challenge = strongest(message.headers(demand.challenge()), realm);
        let challenge = challenge.ok_or(Reason::RegistrarWantsCredentials)?;
        if challenged > 0 && !challenge.stale {
            return Err(Reason::RegistrarRefusedCredentials);
        }
        self.reply_register(cx, index, flow, Some((demand, &challenge)))
    }

    fn reply_register(
        &mut self,
        cx: &Cx<'_>,
        index: TrunkIndex,
        flow: u32,
        answers: Option<(Demand, &Challenge<'_>)>,
    ) -> Result<(), Reason> {
        let reply = core::mem::take(&mut self.reply);
        let sent = self.send_register(cx, index, reply, flow, answers);
        self.reply = reply;
        self.replying = Some(sent.ok_or(Reason::MessageTooLarge)?);
        Ok(())
    }

    /// The registrar took it: for how long is what it says of our Contact, else of all.
    fn is_registered(&mut self, cx: &Cx<'_>, index: TrunkIndex, message: &Message<'_>) {
        let listener = cx.config.trunk(index).and_then(|trunk| cx.config.listener(trunk.listener));
        let ours = |uri: &Uri<'_>| {
            listener.is_some_and(|(listener, interface)| {
                uri.host == Host::Ip(interface.advertise) && uri.port.unwrap_or(5060) == listener.port
            })
        };
        let contacts = message.addresses(Name::Contact).flatten();
        let granted = contacts
            .filter(|contact| ours(&contact.uri))
            .find_map(|contact| contact.params.value(b"expires").and_then(seconds));
        let granted = granted.or_else(|| message.header(Name::Expires).and_then(seconds));
        let chance = self.random.next_u64();
        let Some(state) = self.registration(index) else { return };
        let granted = u64::from(granted.unwrap_or_else(|| state.asks()).min(MOST));
        if granted == 0 {
            return self.fails_to_register(cx, index, Reason::RegistrarRefused, message);
        }
        let before = state.until > cx.now;
        // With time for two attempts, and not all at once.
        let margin = if granted < 120 { granted / 2 } else { granted / 10 };
        let early = chance % (granted / 20).max(1);
        let next = granted.saturating_sub(margin).saturating_sub(early).max(SOONEST);
        state.until = cx.now.after(Duration::from_secs(granted));
        state.due = cx.now.after(Duration::from_secs(next));
        (state.phase, state.failures, state.branch) = (Phase::Idle, 0, 0);
        if !before {
            self.event = Some(Event::Registered { trunk: index });
        }
    }

    /// An attempt came to nothing: another follows, later each time, at no certain time (RFC 5626 section 4.5).
    fn not_registered(
        &mut self,
        cx: &Cx<'_>,
        index: TrunkIndex,
        reason: Reason,
        wait: Option<u32>,
    ) -> Option<Output> {
        self.counters.add(reason);
        let chance = self.random.next_u64();
        let state = self.registration(index)?;
        let doubled = AGAIN.0.saturating_mul(1u64.checked_shl(state.failures.into()).unwrap_or(u64::MAX));
        let longest = doubled.min(AGAIN.1);
        let chosen = (longest / 2).saturating_add(chance % (longest / 2).max(1));
        let wait = u64::from(wait.unwrap_or(0)).min(AGAIN.1).max(chosen);
        state.failures = state.failures.saturating_add(1);
        state.branch = 0;
        state.due = cx.now.after(Duration::from_secs(wait));
        state.phase = if state.leaving { Phase::Gone } else { Phase::Idle };
        Some(Output::Event(Event::Unregistered { trunk: index, reason }))
    }

    /// Gives back the registrations that `new` has not, or has elsewhere or by another name, before
    /// [`Sbc::reconfigure`] goes on with it: their registrars would send calls here until they run out. Its host waits
    /// for as long as [`Sbc::is_leaving`] says, or as it likes. Afterwards [`Sbc::poll`] is called until it waits.
    pub fn leave_for(&mut self, cx: &Cx<'_>, new: &Config<'_>) {
        self.replying = None;
        self.event = None;
        let renamed = Renamed { old: cx.config, new };
        self.leave_registrars(cx, |trunk| !renamed.registers_as_before(trunk));
    }

    /// Whether a registration was given back, or is to be, while the node goes on.
    pub(super) fn has_left(&self, index: TrunkIndex) -> bool {
        let state = self.trunks.get(usize::from(index.0));
        !self.draining && state.is_some_and(|state| state.registration.leaving)
    }

    /// A registration is as if there had been none.
    pub(super) fn forget_registration(&mut self, cx: &Cx<'_>, index: TrunkIndex) {
        let Some(state) = self.registration(index) else { return };
        let before = core::mem::take(state);
        if before.phase == Phase::Asking {
            // Sent once more, it could undo what is asked for next.
            let key = self.client_key(before.branch, Method::Register);
            self.transactions.abandon(cx.now, key, &mut self.blocks);
        }
    }

    /// Gives registrations back: no new calls are taken from there any more.
    pub(super) fn leave_registrars(&mut self, cx: &Cx<'_>, leaves: impl Fn(TrunkIndex) -> bool) {
        let states = (0u16..u16::MAX).zip(cx.config.trunks.iter().zip(self.trunks.iter_mut()));
        for (index, (trunk, state)) in states {
            let state = &mut state.registration;
            if trunk.registration.is_none() || state.leaving || !leaves(TrunkIndex(index)) {
                continue;
            }
            let known = state.until > cx.now || state.phase == Phase::Asking;
            state.leaving = true;
            state.due = cx.now;
            state.phase = if known { Phase::Idle } else { Phase::Gone };
        }
        self.time_registrations(cx.config);
    }
}

/// The way to an address of a trunk's.
pub(super) fn path(config: &Config<'_>, index: TrunkIndex, remote: SocketAddr) -> Option<Path> {
    let number = config.trunk(index)?.listener;
    let (listener, _) = config.listener(number)?;
    Some(Path { transport: listener.transport, listener: number, flow: 0, remote })
}

/// Delta-seconds (20.19), with what may stand behind them left out.
pub(super) fn seconds(value: &[u8]) -> Option<u32> {
    let value = value.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut number = 0u32;
    for &digit in value.get(..digits).filter(|digits| !digits.is_empty())? {
        number = number.saturating_mul(10).saturating_add(digit.wrapping_sub(b'0').into());
    }
    Some(number)
}
