//! One scene: what each of the three does, and what they come to see and hear.

use core::time::Duration;
use std::rc::Rc;
use std::time::Instant;

use warmline_core::call::Outcome;

use super::audio::Audio;
use super::ear::{Heard, Sound};
use super::party::Party;
use super::seen::{End, Log, Seen};
use super::stage::Stage;
use super::voice::Voice;
use super::{Error, Missing, verdict};
use crate::command;
use crate::store::{Comment, Ticket};

/// How many packets of something are enough to go on: a second.
const ENOUGH: usize = 50;

/// How a hand-over ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A person answers.
    Taken,
    /// Nobody does: the line is busy.
    Busy,
}

/// What came of one scene.
#[derive(Clone, Debug)]
pub struct Scene {
    /// How it was to end.
    pub ending: Ending,
    /// The caller's number.
    pub caller: &'static str,
    /// The messages, as the three ends saw them.
    pub seen: Vec<Seen>,
    /// What each of [`End::ALL`] heard, in order.
    pub heard: [Vec<Heard>; 3],
    /// RTP packets that came from elsewhere, or not as agreed on, to any of them.
    pub foreign: usize,
    /// The tickets that the AI agent was told when it was called.
    pub told_agent: Vec<String>,
    /// The tickets that Zendesk was told when it was called.
    pub told_zendesk: Vec<String>,
    /// What the AI agent was told of its hand-over.
    pub notified: Vec<String>,
    /// The caller's tickets: their numbers, and all that `warmline tickets` shows of them.
    pub tickets: Vec<(u64, String)>,
    /// Calls that the node still had afterwards.
    pub left: usize,
    /// What is missing, in words; nothing where all is well.
    pub faults: Vec<String>,
}

impl Ending {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 2] = [Self::Taken, Self::Busy];

    /// What the ticket calls it.
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Taken => Outcome::Connected.code(),
            Self::Busy => Outcome::Returned.code(),
        }
    }

    /// What the AI agent is to be told of its hand-over.
    pub const fn notified(self) -> [&'static str; 3] {
        match self {
            Self::Taken => ["100 Trying", "180 Ringing", "200 OK"],
            Self::Busy => ["100 Trying", "180 Ringing", "486 Busy Here"],
        }
    }

    /// What one end is to hear, in order.
    pub const fn heard_by(self, end: End) -> &'static [Sound] {
        const CALLER: Sound = Sound::Voice(Voice::Caller);
        const AGENT: Sound = Sound::Voice(Voice::Agent);
        const PERSON: Sound = Sound::Voice(Voice::Person);
        const GREETING: Sound = Sound::Voice(Voice::Greeting);
        const MUSIC: Sound = Sound::Voice(Voice::Music);
        match (end, self) {
            (End::Caller, Self::Taken) => &[AGENT, GREETING, MUSIC, PERSON],
            (End::Caller, Self::Busy) => &[AGENT, GREETING, MUSIC, AGENT],
            (End::Agent, Self::Taken) => &[CALLER, Sound::Silence],
            (End::Agent, Self::Busy) => &[CALLER, Sound::Silence, CALLER],
            (End::Zendesk, Self::Taken) => &[CALLER],
            (End::Zendesk, Self::Busy) => &[],
        }
    }

    const fn caller(self) -> &'static str {
        match self {
            Self::Taken => "+821044440101",
            Self::Busy => "+821044440102",
        }
    }
}

impl Scene {
    /// What the caller's one ticket says of the hand-over, in a word.
    pub fn outcome(&self) -> Option<&str> {
        let [(_, shown)] = &self.tickets[..] else { return None };
        shown.split_once("has ended: ")?.1.split('.').next()
    }

    /// Plays it.
    pub(super) async fn play(stage: &Stage, ending: Ending) -> Result<Self, Error> {
        let start = Instant::now();
        let log = Log::new(start);
        let number = ending.caller();
        let mut caller = stage.party(End::Caller, number, start, &log)?;
        let mut agent = stage.party(End::Agent, "agent", start, &log)?;
        let mut zendesk = stage.party(End::Zendesk, "support", start, &log)?;
        let ears = [&caller, &agent, &zendesk].map(|party| Rc::clone(&party.audio));
        let (mut told_agent, mut told_zendesk, mut notified) = (vec![], vec![], vec![]);
        let [by_caller, by_agent, by_zendesk] = &ears;
        let acting = async {
            tokio::try_join!(
                of(End::Caller, call(&mut caller, ending)),
                of(End::Agent, hand_over(&mut agent, ending, &mut told_agent, &mut notified)),
                of(End::Zendesk, serve(&mut zendesk, by_caller, ending, &mut told_zendesk)),
            )
        };
        let sounding = async { tokio::try_join!(by_caller.run(), by_agent.run(), by_zendesk.run()) };
        let missing = tokio::select! {
            played = acting => played.err(),
            Err(error) = sounding => return Err(Error::Socket(error)),
        };
        // Where the scene was left, so are its calls.
        let left = if missing.is_none() { stage.left().await } else { 0 };
        let found = stage.tickets(number).await;
        let mut scene = Self {
            ending,
            caller: number,
            seen: log.take(),
            heard: ears.each_ref().map(|ears| ears.heard().0),
            foreign: ears.iter().map(|ears| ears.heard().1).sum(),
            told_agent,
            told_zendesk,
            notified,
            tickets: vec![],
            left,
            faults: missing.map(|(end, missing)| format!("{}: {missing}.", end.name())).into_iter().collect(),
        };
        match found {
            Ok(found) => {
                let shown = |(ticket, comments): &(Ticket, Vec<Comment>)| {
                    (ticket.number, command::shown(ticket, comments))
                };
                scene.tickets = found.iter().map(shown).collect();
            }
            Err(error) => scene.faults.push(format!("The tickets cannot be read: {error}.")),
        }
        verdict::find(&mut scene);
        Ok(scene)
    }

    /// How long it took, from the first message to the last.
    pub fn took(&self) -> Duration {
        self.seen.last().map(|seen| seen.at).unwrap_or_default()
    }
}

/// Says whose the failure is.
async fn of(end: End, acting: impl Future<Output = Result<(), Missing>>) -> Result<(), (End, Missing)> {
    acting.await.map_err(|missing| (end, missing))
}

/// The caller hears all that there is to be heard, and hangs up.
async fn call(party: &mut Party, ending: Ending) -> Result<(), Missing> {
    party.calls("overflow").await?;
    party.audio.hears(ending.heard_by(End::Caller), ENOUGH).await?;
    party.hangs_up().await
}

/// The AI agent talks with the caller, gives up, and hands over; it stays until somebody has answered.
async fn hand_over(
    party: &mut Party,
    ending: Ending,
    tickets: &mut Vec<String>,
    notified: &mut Vec<String>,
) -> Result<(), Missing> {
    let invite;
    (invite, *tickets) = party.is_called().await?;
    party.answers(&invite).await?;
    party.audio.hears(&[Sound::Voice(Voice::Caller)], ENOUGH).await?;
    party.refers("support").await?;
    while notified.last().is_none_or(|told| told.starts_with('1')) {
        notified.push(party.is_told().await?);
    }
    match ending {
        Ending::Taken => party.hangs_up().await,
        Ending::Busy => party.is_hung_up().await,
    }
}

/// Zendesk rings until the caller has heard some music.
async fn serve(
    party: &mut Party,
    caller: &Audio,
    ending: Ending,
    tickets: &mut Vec<String>,
) -> Result<(), Missing> {
    let invite;
    (invite, *tickets) = party.is_called().await?;
    party.respond(&invite, 180).await?;
    let waits = [Voice::Agent, Voice::Greeting, Voice::Music].map(Sound::Voice);
    caller.hears(&waits, ENOUGH).await?;
    match ending {
        Ending::Taken => {
            party.answers(&invite).await?;
            party.is_hung_up().await
        }
        Ending::Busy => party.declines(&invite, 486).await,
    }
}
