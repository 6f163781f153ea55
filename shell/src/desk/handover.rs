//! What a ticket is made from, and what is written on it when its call has ended.

use serde::{Deserialize, Serialize};

use super::Context;
use super::part::{Part, What};
use crate::store::{Audio, Record, hex, utc};

/// A call that is handed over. Times are microseconds since 1970 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Handover {
    /// What it is known by outside: the value of `X-Warmline-Call`, and the ticket's `external_id`.
    pub(crate) call: u64,
    /// The desk's name.
    pub(crate) desk: String,
    pub(crate) caller: Option<String>,
    pub(crate) line: String,
    /// The caller's Call-ID.
    pub(crate) sip_call_id: String,
    pub(crate) began: i64,
    /// Whether a ticket is made where there is none.
    pub(crate) create: bool,
    /// The ticket that the call had when it was handed over: one that it brought, or of an earlier time.
    pub(crate) has: Option<u64>,
    pub(crate) parts: Vec<Part>,
    pub(crate) tags: Vec<String>,
    /// Whether its recording goes to the ticket too, and not only a message that was left.
    pub(crate) recordings: bool,
    /// The times before that it was handed over, and came back from.
    pub(crate) earlier: Vec<Earlier>,
    /// The times that it was handed over after the first one.
    #[serde(default)]
    pub(crate) again: Vec<Again>,
    /// Whether the AI agent has done by itself what the caller wanted.
    #[serde(default)]
    pub(crate) solved: bool,
    /// What the AI agent knows of it.
    #[serde(default)]
    pub(crate) context: Context,
}

/// A hand-over after which whoever had asked for it had the caller back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Earlier {
    pub(crate) line: String,
    pub(crate) began: i64,
    pub(crate) outcome: String,
}

/// A later hand-over of the same call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Again {
    pub(crate) line: String,
    pub(crate) began: i64,
    pub(crate) context: Context,
}

/// What AI agents said of a hand-over, for a ticket that did not begin with that.
pub(crate) struct Said {
    /// When it was handed over.
    pub(crate) began: i64,
    /// What stands in the text: where it is on the ticket already, it is not written again.
    pub(crate) marker: String,
    pub(crate) text: String,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closing {
    /// The ticket that the call carried, if any.
    pub(crate) ticket: Option<u64>,
    /// Whether Zendesk's own line was rung without: it makes a ticket by itself then.
    pub(crate) talk: bool,
    /// `connected`, `abandoned` and so on.
    pub(crate) outcome: String,
    pub(crate) ended: i64,
    /// In words.
    pub(crate) text: String,
}

/// A ticket that a call brought and that cannot be written on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Useless {
    pub(super) ticket: u64,
    /// Whether it is there at all.
    pub(super) closed: bool,
}

impl Handover {
    /// The same with what the AI agent said of it, whose word comes first.
    pub(crate) fn with(mut self, context: Context) -> Self {
        let priority = context.priority.map(|priority| What::Priority(priority.name().to_owned()));
        let fields = context.custom().map(|(id, value)| What::Field(id, value.into()));
        let part = |what| Part { what, at: "said by the AI agent".to_owned() };
        let said: Vec<_> = fields.chain(priority).map(part).collect();
        self.parts.retain(|part| !said.iter().any(|new| new.what.excludes(&part.what)));
        self.parts.extend(said);
        self.tags.extend(context.tags.iter().cloned());
        self.context = context;
        self
    }

    pub(crate) fn subject(&self) -> String {
        match &self.caller {
            Some(number) => format!("Call from {number}"),
            None => "Call without a number".to_owned(),
        }
    }

    /// What a ticket begins with.
    pub(crate) fn context(&self) -> String {
        self.beginning() + &self.context.words()
    }

    fn beginning(&self) -> String {
        format!(
            "{}\nCaller: {}\nLine: {}\nSince: {}\n{}\nSIP Call-ID: {}",
            if self.solved { "An AI agent has solved a call." } else { "An AI agent hands over a call." },
            self.who(),
            self.line,
            utc(self.began),
            self.named(),
            self.sip_call_id,
        )
    }

    /// What it is known by outside, as it stands in what a ticket begins with.
    fn named(&self) -> String {
        format!("Call: {} (X-Warmline-Call)", hex(self.call))
    }

    /// What AI agents said of it, each time that they handed it over and said something.
    pub(crate) fn said(&self) -> Vec<Said> {
        let first = Said {
            began: self.began,
            marker: self.named(),
            text: self.beginning() + &self.context.all_words(),
        };
        let first = Some(first).filter(|_| self.context != Context::default());
        let again = |again: &Again| {
            let (call, since) = (hex(self.call), utc(again.began));
            let marker = format!("Call {call} is handed over again, to {} at {since}.", again.line);
            let text = format!("{marker}{}", again.context.all_words());
            Said { began: again.began, marker, text }
        };
        let spoken = self.again.iter().filter(|again| again.context != Context::default());
        first.into_iter().chain(spoken.map(again)).collect()
    }

    /// What is known of a call: this was, and now that is. A node that was restarted knows nothing of what was before.
    pub(crate) fn and(mut self, new: &Self) -> Self {
        if self.began == new.began {
            return new.clone();
        }
        let Self { line, began, context, .. } = new;
        let first = Again { line: line.clone(), began: *began, context: context.clone() };
        for again in [&first].into_iter().chain(&new.again) {
            if !self.again.iter().any(|known| known.began == again.began) {
                self.again.push(again.clone());
            }
        }
        for earlier in &new.earlier {
            if !self.earlier.contains(earlier) {
                self.earlier.push(earlier.clone());
            }
        }
        self.takes_tags(&new.tags);
        self.has = new.has;
        self
    }

    /// Has tags that it has not yet.
    pub(crate) fn takes_tags(&mut self, tags: &[String]) {
        for tag in tags {
            if !self.tags.contains(tag) {
                self.tags.push(tag.clone());
            }
        }
    }

    /// The caller, in words.
    pub(super) fn who(&self) -> &str {
        self.caller.as_deref().unwrap_or("without a number")
    }

    /// The group that is to see to it.
    pub(crate) fn group(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match &part.what {
            What::Group(name) => Some(name.as_str()),
            _ => None,
        })
    }

    pub(crate) fn priority(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match &part.what {
            What::Priority(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

impl Useless {
    /// Its name in records.
    pub(super) const fn code(self) -> &'static str {
        if self.closed { "ticket-closed" } else { "ticket-unknown" }
    }

    /// What is said of it: Zendesk makes a link of the number.
    pub(super) fn told(self) -> String {
        let why = if self.closed { "is closed" } else { "is not there" };
        format!("The call brought ticket #{}, which {why}.", self.ticket)
    }
}

/// What the last comment on a call begins with: where it is there already, it is not written again.
pub(crate) fn marker(call: u64) -> String {
    format!("Call {} has ended", hex(call))
}

impl Closing {
    /// Of a call that has ended. `talk` as there; `seen` is whether all that became of it was seen, so that it is certain how
    /// long who took it talked.
    pub(crate) fn of(record: &Record, outcome: &str, talk: bool, seen: bool) -> Self {
        let (ended, why) = match &record.end {
            Some((ended, _, sentence)) => (*ended, sentence.as_str()),
            None => (record.started, ""),
        };
        let mut text =
            format!("{}: {outcome}.\nFrom {} to {}", marker(record.id), utc(record.started), utc(ended));
        let by = record.target.as_ref().map_or_else(String::new, |target| format!(" by {target}"));
        text.push_str(&match record.talks_since() {
            Some(since) if seen => format!("; answered{by}, for {}.\n", length(ended.saturating_sub(since))),
            Some(_) => format!("; answered{by}.\n"),
            None => "; not answered.\n".to_owned(),
        });
        text.push_str(why);
        for (who, side) in ["caller", "other side"].iter().zip(record.audio) {
            if let Some(quality) = quality(side) {
                text.push_str(&format!("\nAudio of the {who}: {quality}"));
            }
        }
        Self { ticket: record.ticket, talk, outcome: outcome.to_owned(), ended, text }
    }

    /// Of a call whose end nobody saw: it may have been any time, and anything may have been rung.
    pub(crate) fn unseen(handover: &Handover) -> Self {
        Self {
            ticket: handover.has,
            talk: true,
            outcome: "failed".to_owned(),
            ended: handover.began,
            text: format!("{}: Warmline was ended in the middle of it.", marker(handover.call)),
        }
    }
}

impl Handover {
    /// What became of the earlier times that it was handed over, for what is said at its end.
    pub(crate) fn times(&self) -> String {
        let line = |earlier: &Earlier| {
            format!("\nHanded over to {} at {}: {}.", earlier.line, utc(earlier.began), earlier.outcome)
        };
        self.earlier.iter().map(line).collect()
    }
}

/// A time as people write it: `1:06`.
pub(crate) fn length(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// How what came from one side sounded, in words (ITU-T G.107, annex B); none where nothing came.
fn quality(side: Audio) -> Option<String> {
    let mos = side.mos?;
    let word = match mos {
        403.. => "good",
        360.. => "fair",
        310.. => "poor",
        _ => "bad",
    };
    let Audio { lost, packets, .. } = side;
    Some(format!(
        "{word} (MOS {}.{:02}), {lost} of {} packets lost",
        mos / 100,
        mos % 100,
        packets.saturating_add(lost)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::HandedOver;

    fn handover(began: i64) -> Handover {
        Handover {
            call: 0xf3_c0ff_ee00_beef,
            desk: "acme".into(),
            caller: Some("+821044440100".into()),
            line: "support".into(),
            sip_call_id: "a@b".into(),
            began,
            create: true,
            has: None,
            parts: vec![],
            tags: vec![],
            recordings: false,
            earlier: vec![],
            again: vec![],
            solved: false,
            context: Context::default(),
        }
    }

    #[test]
    fn what_became_of_a_call_is_told_in_words() {
        let mut handover = handover(1_795_959_902_000_000);
        let mut record = Record {
            id: handover.call,
            node: "n".into(),
            sip_call_id: "a@b".into(),
            caller: handover.caller.clone(),
            line: "support".into(),
            trunk: "ai".into(),
            target: Some("desk-201".into()),
            started: handover.began,
            answered: Some(handover.began + 2_000_000),
            handover: None,
            end: Some((handover.began + 68_500_000, "caller-hung-up".into(), "The caller hung up.".into())),
            ticket: Some(7),
            note: None,
            outcome: Some("connected".into()),
            audio: [
                Audio { packets: 99, lost: 1, jitter: 0, mos: Some(438), heard: None },
                Audio { packets: 50, lost: 50, jitter: 0, mos: Some(112), heard: None },
            ],
        };
        let closing = Closing::of(&record, "connected", false, true);
        assert_eq!((closing.ticket, &*closing.outcome), (Some(7), "connected"));
        assert_eq!(
            closing.text,
            "Call 00f3c0ffee00beef has ended: connected.\n\
             From 2026-11-29T13:45:02Z to 2026-11-29T13:46:10Z; answered by desk-201, for 1:06.\n\
             The caller hung up.\n\
             Audio of the caller: good (MOS 4.38), 1 of 100 packets lost\n\
             Audio of the other side: bad (MOS 1.12), 50 of 100 packets lost"
        );
        let unseen = Closing::of(&record, "connected", false, false).text;
        assert!(unseen.contains("; answered by desk-201.\n"), "{unseen}");
        record.answered = None;
        record.audio = Default::default();
        let text = Closing::of(&record, "abandoned", false, true).text;
        assert!(text.ends_with("; not answered.\nThe caller hung up."), "{text}");
        handover.earlier.push(Earlier {
            line: "sales".into(),
            began: handover.began,
            outcome: "returned".into(),
        });
        assert_eq!(handover.times(), "\nHanded over to sales at 2026-11-29T13:45:02Z: returned.");
        assert!(text.starts_with(&marker(handover.call)), "{text}");
        assert!(Closing::unseen(&handover).text.starts_with(&marker(handover.call)));
    }

    #[test]
    fn who_took_it_talked_from_then_on_and_not_since_the_ai_agent_answered() {
        let began = 1_795_959_902_000_000;
        let mut record = Record {
            id: 1,
            node: "n".into(),
            sip_call_id: "a@b".into(),
            caller: None,
            line: "overflow".into(),
            trunk: "carrier".into(),
            target: Some("desk-201".into()),
            started: began,
            answered: Some(began),
            handover: Some(HandedOver { line: "support".into(), taken: Some(began + 6_000_000) }),
            end: Some((began + 9_500_000, "caller-hung-up".into(), String::new())),
            ticket: None,
            note: None,
            outcome: Some("connected".into()),
            audio: Default::default(),
        };
        let text = |record: &Record, outcome| Closing::of(record, outcome, false, true).text;
        let said = text(&record, "connected");
        assert!(said.ends_with("; answered by desk-201, for 0:03.\n"), "{said}");
        record.outcome = Some("abandoned".into());
        let said = text(&record, "abandoned");
        assert!(said.ends_with("; not answered.\n"), "{said}");
        record.outcome = Some("returned".into());
        let said = text(&record, "returned");
        assert!(said.ends_with("; answered by desk-201, for 0:09.\n"), "whoever had it has it back: {said}");
    }

    #[test]
    fn what_was_known_before_a_restart_is_known_after_it() {
        let first = handover(1);
        let mut returned = first.clone();
        let earlier = Earlier { line: "support".into(), began: 1, outcome: "returned".into() };
        returned.earlier.push(earlier.clone());
        assert_eq!(first.and(&returned), returned);
        let mut second = handover(2);
        second.context.summary = Some("Wants a refund.".into());
        second.tags.push("refund".into());
        second.has = Some(7);
        let known = returned.and(&second);
        let again = Again { line: "support".into(), began: 2, context: second.context.clone() };
        assert_eq!((known.began, &known.earlier, known.again.clone()), (1, &vec![earlier], vec![again]));
        assert_eq!((known.has, &known.tags), (Some(7), &second.tags));
        assert_eq!(known.clone().and(&second), known, "once");
        let [said] = &known.said()[..] else { panic!("of the first time nothing was said") };
        assert!(
            said.text.starts_with(&said.marker) && said.text.ends_with("Wants a refund."),
            "{}",
            said.text
        );
    }
}
