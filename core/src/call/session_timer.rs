//! A leg's session timer (RFC 4028): how long its session lasts unless it is refreshed, and who does that.
//!
//! It is agreed on in every INVITE, re-INVITE and UPDATE that is accepted, with this leg's peer alone. When what is
//! sent for it is [`Sbc`](crate::Sbc)'s business.

use crate::g711::Law;
use crate::memory::Chain;
use crate::reason::Reason;
use crate::record::{Reader, Writer};
use crate::sip::{self, Message, Name};
use crate::time::{Duration, Instant};
use crate::transaction::GIVE_UP;

/// The shortest interval that is agreed on with a peer, in seconds (RFC 4028 section 4).
pub(crate) const SHORTEST: u32 = 90;

/// The interval that we ask for.
const WANTED: u32 = 1_800;

/// The longest interval that is agreed on as a peer wants it, and the longest that a peer may want it to be.
const LONGEST: u32 = 86_400;

/// What a peer that keeps to no minimum is believed: we refresh at most every 10 s.
const BELIEVED: u32 = 20;

/// How often a request is tried again before its peer is believed to mean it.
const TRIES: u8 = 10;

/// What a Session-Expires header field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionExpires {
    /// Seconds; as many as fit.
    pub(crate) interval: u32,
    /// Whether it names who sends the request as the refresher, or who answers it.
    pub(crate) sender: Option<bool>,
}

/// What a request of the peer's is accepted with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    interval: u32,
    ours: bool,
    /// Whether the peer knows of session timers at all.
    known: bool,
}

/// How a request of ours that refreshes, or describes anew, is getting on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// There is none.
    None,
    /// One goes out at that time, again or for the first time.
    Waiting(Instant),
    /// An UPDATE is out, or about to be.
    Updating,
    /// A re-INVITE is out, or about to be.
    Inviting,
    /// It was refused, and is not tried again.
    Failed,
}

/// What our session description last was, so that it can be said again in the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The answer to what was agreed on.
    Answer,
    /// An offer, this law first.
    Offer(Law),
}

/// A leg's session timer, and what its dialog has under way for it.
#[derive(Debug)]
pub struct SessionTimer {
    /// Seconds; 0 where the session lasts as long as it will.
    interval: u32,
    /// Whether we refresh, or the peer does.
    ours: bool,
    /// Whether the peer knows of session timers, as far as its latest request told.
    known: bool,
    /// Whether the peer takes UPDATE.
    updates: bool,
    /// The longest Min-SE that the peer has named; 0 for none.
    least: u32,
    /// When it was refreshed last.
    refreshed: Instant,
    pub(crate) form: Form,
    pub(crate) work: Work,
    /// The branch of the request that is out.
    pub(crate) branch: u64,
    /// How often it was tried again.
    tries: u8,
    /// The answer to the peer's latest UPDATE, under the key of its transaction, for as long as that may come again.
    pub(crate) answer: Chain,
    pub(crate) answered: u64,
    pub(crate) keep_until: Instant,
}

impl SessionTimer {
    /// No timer.
    pub(crate) const NONE: Self = Self {
        interval: 0,
        ours: false,
        known: false,
        updates: false,
        least: 0,
        refreshed: Instant::ZERO,
        form: Form::Answer,
        work: Work::None,
        branch: 0,
        tries: 0,
        answer: Chain::EMPTY,
        answered: 0,
        keep_until: Instant::ZERO,
    };

    /// No timer, of a leg that offers.
    pub(crate) const fn offering(first: Law) -> Self {
        Self { form: Form::Offer(first), ..Self::NONE }
    }

    /// What this INVITE, re-INVITE or UPDATE of the peer's would be accepted with (RFC 4028 section 9).
    ///
    /// # Errors
    /// [`Reason::SessionIntervalTooSmall`].
    pub(crate) fn terms(&self, request: &Message<'_>) -> Result<Terms, Reason> {
        let known = says(request, Name::Supported, b"timer") || says(request, Name::Require, b"timer");
        let Some(asked) = session_expires(request) else {
            // Who knows of timers and does not ask for one, may be asked to go on with the one there is.
            let goes_on = known && self.interval > 0;
            let interval = if goes_on { self.interval.max(min_se(request)) } else { 0 };
            return Ok(Terms { interval, ours: self.ours && goes_on, known });
        };
        if known && asked.interval < SHORTEST {
            return Err(Reason::SessionIntervalTooSmall);
        }
        let interval = match asked.interval {
            // It may be made shorter, though not than the peer's minimum.
            LONGEST.. => WANTED.max(min_se(request)),
            interval => interval.max(SHORTEST),
        };
        let ours = match asked.sender {
            // Who does not know of timers, refreshes nothing: a proxy asked for it.
            _ if !known => true,
            Some(sender) => !sender,
            // Who asks for it, does it, unless it was otherwise until now.
            None => self.interval > 0 && self.ours,
        };
        Ok(Terms { interval, ours, known })
    }

    /// Takes over what is known of the peer from a request that is accepted, with these terms.
    pub(crate) fn accepted(&mut self, now: Instant, request: &Message<'_>, terms: Terms) {
        self.meet(request);
        self.least = self.least.max(min_se(request));
        (self.interval, self.ours, self.known) = (terms.interval, terms.ours, terms.known);
        self.refresh(now);
    }

    /// Takes over what the peer's 2xx to a request of ours says (RFC 4028 section 7.2).
    pub(crate) fn agreed(&mut self, now: Instant, response: &Message<'_>) {
        self.meet(response);
        let expires = session_expires(response);
        self.interval = expires.map_or(0, |expires| expires.interval.max(BELIEVED));
        // Where it is not said, it is who cares.
        self.ours = expires.is_some_and(|expires| expires.sender.unwrap_or(true));
        self.work = Work::None;
        self.refresh(now);
    }

    /// The session lasts one interval from now.
    pub(crate) const fn refresh(&mut self, now: Instant) {
        self.refreshed = now;
        if matches!(self.work, Work::None | Work::Waiting(_) | Work::Failed) {
            self.work = Work::None;
            self.tries = 0;
        }
    }

    /// What the peer can do, where it says so.
    pub(crate) fn meet(&mut self, message: &Message<'_>) {
        if message.header(Name::Allow).is_some() {
            self.updates = says(message, Name::Allow, b"UPDATE");
        }
    }

    /// Whether a longer interval is worth a try, after a 422 that names one: then it is what is asked for next.
    pub(crate) fn lengthen(&mut self, response: &Message<'_>) -> bool {
        let least = min_se(response);
        let longer = least > self.asked() && self.tries < TRIES;
        if longer {
            self.least = least;
            self.tries = self.tries.saturating_add(1);
        }
        longer
    }

    /// Whether the request may be tried once more.
    pub(crate) const fn try_again(&mut self) -> bool {
        self.tries = self.tries.saturating_add(1);
        self.tries <= TRIES
    }

    /// The dialog's INVITE was accepted: what other targets' servers have asked for before is of no more concern
    /// (RFC 4028 section 7.4).
    pub(crate) const fn begin(&mut self) {
        self.least = 0;
        self.tries = 0;
    }

    /// The peer takes no UPDATE, whatever it has said.
    pub(crate) const fn without_update(&mut self) {
        self.updates = false;
    }

    /// Whether the peer takes UPDATE.
    pub(crate) const fn updates(&self) -> bool {
        self.updates
    }

    /// Whether there is an interval after which the session ends.
    pub(crate) const fn is_set(&self) -> bool {
        self.interval > 0
    }

    /// The leg is being ended while a re-INVITE of ours is out: when it is waited for no more.
    pub(crate) const fn wind_up(&self) -> Instant {
        self.refreshed.after(GIVE_UP)
    }

    /// When something is to be done: the session is refreshed, or has expired.
    pub(crate) fn due(&self) -> Option<Instant> {
        let expiry = self.is_set().then(|| self.expiry());
        match self.work {
            Work::Waiting(at) => Some(expiry.map_or(at, |expiry| expiry.min(at))),
            Work::None if self.is_set() && self.ours => Some(
                self.refreshed.after(Duration::from_millis(u64::from(self.interval).saturating_mul(500))),
            ),
            _ => expiry,
        }
    }

    /// When the session is over: a little before its interval is, for who waits to be refreshed (RFC 4028 section 10).
    pub(crate) fn expiry(&self) -> Instant {
        let interval = Duration::from_secs(self.interval.into());
        if self.ours {
            return self.refreshed.after(interval);
        }
        let third = Duration::from_micros(interval.as_micros() / 3);
        let before = third.min(Duration::from_secs(32));
        self.refreshed.after(Duration::from_micros(interval.as_micros().saturating_sub(before.as_micros())))
    }

    /// What a request of ours asks for.
    fn asked(&self) -> u32 {
        let interval = if self.interval > 0 { self.interval } else { WANTED };
        interval.max(self.least)
    }

    /// Writes what a dialog's first INVITE asks for: no matter who does it.
    pub(crate) fn ask(&self, w: &mut sip::Writer<'_>) {
        w.name(b"Session-Expires").number(self.asked().into()).end_line();
        self.write_least(w);
    }

    /// Writes what a request within the dialog asks for: what there is.
    pub(crate) fn ask_again(&self, w: &mut sip::Writer<'_>) {
        if self.is_set() {
            w.name(b"Session-Expires").number(self.asked().into());
            w.bytes(if self.ours { b";refresher=uac" } else { b";refresher=uas" }).end_line();
        }
        self.write_least(w);
    }

    fn write_least(&self, w: &mut sip::Writer<'_>) {
        if self.least > 0 {
            w.name(b"Min-SE").number(self.least.into()).end_line();
        }
    }

    /// Writes what a 2xx to the peer says: what was accepted.
    pub(crate) fn tell(&self, w: &mut sip::Writer<'_>) {
        if self.is_set() {
            w.name(b"Session-Expires").number(self.interval.into());
            w.bytes(if self.ours { b";refresher=uas" } else { b";refresher=uac" }).end_line();
            if self.known {
                w.header(b"Require", b"timer");
            }
        }
    }

    /// Writes it to a record, where `now` is the time.
    pub(crate) fn save(&self, now: Instant, w: &mut Writer<'_>) {
        let age = now.since(self.refreshed).as_millis();
        w.u32(self.interval).u32(self.least).u32(u32::try_from(age).unwrap_or(u32::MAX));
        w.u8(u8::from(self.ours) | u8::from(self.updates) << 1);
    }

    /// Reads one from a record: and how long ago it was refreshed then.
    pub(crate) fn restore(r: &mut Reader<'_>) -> Option<(Self, Duration)> {
        let (interval, least, age) = (r.u32()?, r.u32()?, r.u32()?);
        let flags = r.u8().filter(|&flags| flags < 4)?;
        let (ours, updates) = (flags & 1 != 0, flags & 2 != 0);
        let timer = Self { interval, least, ours, updates, ..Self::NONE };
        Some((timer, Duration::from_millis(age.into())))
    }
}

/// Whether one of these fields' tokens is `token`.
pub(crate) fn says(message: &Message<'_>, name: Name, token: &[u8]) -> bool {
    message.tokens(name).any(|found| found.eq_ignore_ascii_case(token))
}

/// What a message's Session-Expires says; none when that makes no sense (RFC 3261 8.2.2: it is ignored).
fn session_expires(message: &Message<'_>) -> Option<SessionExpires> {
    let mut pieces = message.header(Name::SessionExpires)?.split(|&byte| byte == b';');
    let interval = seconds(pieces.next()?)?;
    let mut sender = None;
    for piece in pieces {
        let mut halves = piece.splitn(2, |&byte| byte == b'=');
        let name = halves.next().unwrap_or_default().trim_ascii();
        let value = halves.next().unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"refresher") {
            sender = match value {
                _ if value.eq_ignore_ascii_case(b"uac") => Some(true),
                _ if value.eq_ignore_ascii_case(b"uas") => Some(false),
                _ => None,
            };
        }
    }
    Some(SessionExpires { interval, sender })
}

/// What a message's Min-SE says; 0 where there is none, or one that nobody can mean.
fn min_se(message: &Message<'_>) -> u32 {
    let value = message.header(Name::MinSe).and_then(|value| value.split(|&byte| byte == b';').next());
    value.and_then(seconds).filter(|&least| least <= LONGEST).unwrap_or(0)
}

/// Seconds written out; more than fit are as many as fit.
fn seconds(text: &[u8]) -> Option<u32> {
    let text = text.trim_ascii();
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let add = |sum: u32, digit: &u8| sum.saturating_mul(10).saturating_add(u32::from(digit & 15));
    digits.then(|| text.iter().fold(0, add))
}

/// The seconds of a Retry-After, at most a minute.
pub(crate) fn retry_after(response: &Message<'_>) -> Option<Duration> {
    let value = response.header(Name::RetryAfter)?;
    let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    Some(Duration::from_secs(seconds(value.get(..end)?)?.clamp(1, 60).into()))
}
