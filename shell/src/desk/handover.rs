//! What a ticket is made from, and what is written on it when its call has ended.

use serde::{Deserialize, Serialize};

use super::Context;

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
    /// Whether Zendesk's own line is among those who are rung: it makes a ticket for a call that carries none.
    pub(crate) talk: bool,
    /// Whether a ticket is made where there is none.
    pub(crate) create: bool,
    pub(crate) group: Option<String>,
    pub(crate) priority: Option<String>,
    pub(crate) tags: Vec<String>,
    /// Whether the AI agent has done by itself what the caller wanted.
    #[serde(default)]
    pub(crate) solved: bool,
    /// What the AI agent knows of it.
    #[serde(default)]
    pub(crate) context: Context,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closing {
    /// The ticket that the call carried, if any.
    pub(crate) ticket: Option<u64>,
    /// `connected`, `abandoned` and so on.
    pub(crate) outcome: String,
    pub(crate) ended: i64,
    /// In words.
    pub(crate) text: String,
}

impl Handover {
    /// The same with what the AI agent said of it, whose word on priority comes first.
    pub(crate) fn with(mut self, context: Context) -> Self {
        self.priority = context.priority.map(|priority| priority.name().to_owned()).or(self.priority);
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
        let caller = self.caller.as_deref().unwrap_or("without a number");
        format!(
            "{}\nCaller: {caller}\nLine: {}\nSince: {}\nCall: {} (X-Warmline-Call)\nSIP Call-ID: {}{}",
            if self.solved { "An AI agent has solved a call." } else { "An AI agent hands over a call." },
            self.line,
            utc(self.began),
            hex(self.call),
            self.sip_call_id,
            self.context.words(),
        )
    }

    /// What the last comment begins with: where it is there already, it is not written again.
    pub(crate) fn marker(&self) -> String {
        format!("Call {} has ended", hex(self.call))
    }
}

impl Closing {
    /// Of a call that has ended.
    pub(crate) fn of(handover: &Handover, record: &Record, outcome: &str) -> Self {
        let (ended, why) = match &record.end {
            Some((ended, _, sentence)) => (*ended, sentence.as_str()),
            None => (record.started, ""),
        };
        let mut text =
            format!("{}: {outcome}.\nFrom {} to {}", handover.marker(), utc(record.started), utc(ended));
        let by = record.target.as_ref().map_or_else(String::new, |target| format!(" by {target}"));
        text.push_str(&match record.answered {
            Some(answered) => {
                let seconds = ended.saturating_sub(answered) / 1_000_000;
                format!("; answered{by}, for {}:{:02}.\n", seconds / 60, seconds % 60)
            }
            None => "; not answered.\n".to_owned(),
        });
        text.push_str(why);
        for (who, side) in ["caller", "other side"].iter().zip(record.audio) {
            if let Some(quality) = quality(side) {
                text.push_str(&format!("\nAudio of the {who}: {quality}"));
            }
        }
        Self { ticket: record.ticket, outcome: outcome.to_owned(), ended, text }
    }

    /// Of a call whose end nobody saw: it may have been any time.
    pub(crate) fn unseen(handover: &Handover) -> Self {
        Self {
            ticket: None,
            outcome: "failed".to_owned(),
            ended: handover.began,
            text: format!("{}: Warmline was ended in the middle of it.", handover.marker()),
        }
    }
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

    #[test]
    fn what_became_of_a_call_is_told_in_words() {
        let handover = Handover {
            call: 0xf3_c0ff_ee00_beef,
            desk: "acme".into(),
            caller: Some("+821044440100".into()),
            line: "support".into(),
            sip_call_id: "a@b".into(),
            began: 1_795_959_902_000_000,
            talk: true,
            create: true,
            group: None,
            priority: None,
            tags: vec![],
            solved: false,
            context: Context::default(),
        };
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
            end: Some((handover.began + 68_500_000, "caller-hung-up".into(), "The caller hung up.".into())),
            ticket: Some(7),
            note: None,
            audio: [
                Audio { packets: 99, lost: 1, jitter: 0, mos: Some(438), heard: None },
                Audio { packets: 50, lost: 50, jitter: 0, mos: Some(112), heard: None },
            ],
        };
        let closing = Closing::of(&handover, &record, "connected");
        assert_eq!((closing.ticket, &*closing.outcome), (Some(7), "connected"));
        assert_eq!(
            closing.text,
            "Call 00f3c0ffee00beef has ended: connected.\n\
             From 2026-11-29T13:45:02Z to 2026-11-29T13:46:10Z; answered by desk-201, for 1:06.\n\
             The caller hung up.\n\
             Audio of the caller: good (MOS 4.38), 1 of 100 packets lost\n\
             Audio of the other side: bad (MOS 1.12), 50 of 100 packets lost"
        );
        record.answered = None;
        record.audio = Default::default();
        let text = Closing::of(&handover, &record, "abandoned").text;
        assert!(text.ends_with("; not answered.\nThe caller hung up."), "{text}");
        assert!(text.contains(&handover.marker()));
    }
}
