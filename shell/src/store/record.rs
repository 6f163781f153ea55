//! What is kept of a call.

use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use warmline_core::Cx;
use warmline_core::call::{Outcome, Progress, View};
use warmline_core::config::{Config, Span};
use warmline_core::relay::Statistics;
use warmline_core::time::{Instant, Utc};

/// What is kept of a call. Times are microseconds since 1970 in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// What it is known by outside: the value of `X-Warmline-Call`.
    pub(crate) id: u64,
    /// The node it went through.
    pub(crate) node: String,
    /// The caller's Call-ID.
    pub(crate) sip_call_id: String,
    /// The caller's number in E.164.
    pub(crate) caller: Option<String>,
    /// The line that it dialled.
    pub(crate) line: String,
    pub(crate) trunk: String,
    /// Who was rung last, or answered.
    pub(crate) target: Option<String>,
    pub(crate) started: i64,
    /// When anybody answered first: of a call that is handed over, the AI agent.
    pub(crate) answered: Option<i64>,
    /// How it was handed over last, where it was.
    pub(crate) handover: Option<HandedOver>,
    /// When it ended, why (a name), and why in a sentence; none while it goes on.
    pub(crate) end: Option<(i64, String, String)>,
    /// What became of it; none while that is open.
    pub(crate) outcome: Option<String>,
    pub(crate) ticket: Option<u64>,
    /// What was left out of what it brought.
    pub(crate) note: Option<String>,
    /// What came from the caller and from the target.
    pub(crate) audio: [Audio; 2],
}

/// How a call was handed over by whoever had answered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandedOver {
    /// The line, or the one that it went on to from there.
    pub(crate) line: String,
    /// When somebody there took it; none where nobody has.
    pub(crate) taken: Option<i64>,
}

/// What came from one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audio {
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    /// Its mean, in microseconds.
    pub(crate) jitter: u64,
    /// How good it sounded, in hundredths.
    pub(crate) mos: Option<u16>,
    /// How good what it was sent sounded, in hundredths, by its own reports.
    pub(crate) heard: Option<u16>,
}

impl Record {
    /// A call as it is now; none while the system's clock says nothing of use.
    pub(crate) fn of(cx: &Cx<'_>, view: &View<'_>) -> Option<Self> {
        let Utc(now) = cx.utc?;
        let at = |instant: Instant| {
            now.saturating_sub(i64::try_from(cx.now.since(instant).as_micros()).unwrap_or(i64::MAX))
        };
        let config = cx.config;
        let name = |span: Option<Span>| text(config, span.unwrap_or_default());
        let target = view.target.and_then(|target| config.target(target));
        let end = match view.progress {
            Progress::Ended(reason) => Some((
                at(view.ended.unwrap_or(cx.now)),
                reason.code().to_owned(),
                reason.sentence().trim().to_owned(),
            )),
            _ => None,
        };
        let [a, b] = view.statistics;
        Some(Self {
            id: view.id,
            node: text(config, config.node.name),
            sip_call_id: printed(view.call_id),
            caller: view.caller.map(printed),
            line: name(config.line(view.line).map(|line| line.name)),
            trunk: name(config.trunk(view.trunk).map(|trunk| trunk.name)),
            target: target.map(|target| text(config, target.name)),
            started: at(view.started),
            answered: view.answered.map(at),
            handover: None,
            end,
            outcome: view.outcome.map(|outcome| outcome.code().to_owned()),
            ticket: view.ticket.map(core::num::NonZeroU64::get),
            note: view.note.map(|note| note.code().to_owned()),
            audio: [Audio::of(a), Audio::of(b)],
        })
    }

    /// Since when the caller talks with whoever has taken the call: not with the AI agent that handed it over, unless that has
    /// it back.
    pub(crate) fn talks_since(&self) -> Option<i64> {
        let Some(handover) = &self.handover else { return self.answered };
        let became = |outcome: Outcome| self.outcome.as_deref() == Some(outcome.code());
        if became(Outcome::Returned) {
            return self.answered;
        }
        // A queue may have answered before, in which nobody was there.
        let nobody = became(Outcome::Voicemail) || became(Outcome::Abandoned);
        handover.taken.filter(|_| !nobody)
    }

    /// Writes it in place of what was there; but a call ends once. A node that was restarted does not know how it was handed
    /// over before.
    pub(super) async fn write(&self, to: &mut AnyConnection) -> sqlx::Result<()> {
        let [a, b] = self.audio.map(Audio::columns);
        let (ended, reason, sentence) = match &self.end {
            Some((ended, reason, sentence)) => (Some(*ended), Some(reason.clone()), Some(sentence.clone())),
            None => (None, None, None),
        };
        let mut query = sqlx::query(
            "INSERT INTO calls (id, node, sip_call_id, caller, line, trunk, target, started, answered, ended, reason, sentence, \
             ticket, note, caller_packets, caller_lost, caller_jitter, caller_mos, caller_heard, target_packets, target_lost, \
             target_jitter, target_mos, target_heard, outcome, handover_line, taken) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
             $24, $25, $26, $27) \
             ON CONFLICT (id) DO UPDATE SET target = excluded.target, answered = excluded.answered, ended = excluded.ended, \
             reason = excluded.reason, sentence = excluded.sentence, ticket = excluded.ticket, note = COALESCE(excluded.note, calls.note), \
             caller_packets = excluded.caller_packets, caller_lost = excluded.caller_lost, \
             caller_jitter = excluded.caller_jitter, caller_mos = excluded.caller_mos, caller_heard = excluded.caller_heard, \
             target_packets = excluded.target_packets, target_lost = excluded.target_lost, \
             target_jitter = excluded.target_jitter, target_mos = excluded.target_mos, target_heard = excluded.target_heard, \
             outcome = excluded.outcome, handover_line = COALESCE(excluded.handover_line, calls.handover_line), \
             taken = CASE WHEN excluded.handover_line IS NULL THEN calls.taken ELSE excluded.taken END \
             WHERE calls.ended IS NULL",
        )
        .bind(hex(self.id))
        .bind(self.node.clone())
        .bind(self.sip_call_id.clone())
        .bind(self.caller.clone())
        .bind(self.line.clone())
        .bind(self.trunk.clone())
        .bind(self.target.clone())
        .bind(self.started)
        .bind(self.answered)
        .bind(ended)
        .bind(reason)
        .bind(sentence)
        .bind(self.ticket.map(column))
        .bind(self.note.clone());
        for ([packets, lost, jitter], [mos, heard]) in [a, b] {
            query = query.bind(packets).bind(lost).bind(jitter).bind(mos).bind(heard);
        }
        let (line, taken) = self.handover.clone().map(|handover| (handover.line, handover.taken)).unzip();
        query.bind(self.outcome.clone()).bind(line).bind(taken.flatten()).execute(to).await.map(drop)
    }

    /// What a row of the table says.
    pub(super) fn read(row: &AnyRow) -> sqlx::Result<Self> {
        let number = |name: &str| row.try_get::<i64, _>(name);
        let perhaps = |name: &str| row.try_get::<Option<i64>, _>(name);
        let text = |name: &str| row.try_get::<String, _>(name);
        let words = |name: &str| row.try_get::<Option<String>, _>(name);
        let audio = |[packets, lost, jitter, mos, heard]: [&str; 5]| -> sqlx::Result<Audio> {
            Ok(Audio {
                packets: count(number(packets)?),
                lost: count(number(lost)?),
                jitter: count(number(jitter)?),
                mos: perhaps(mos)?.and_then(|mos| mos.try_into().ok()),
                heard: perhaps(heard)?.and_then(|heard| heard.try_into().ok()),
            })
        };
        let end = match perhaps("ended")? {
            Some(at) => {
                Some((at, words("reason")?.unwrap_or_default(), words("sentence")?.unwrap_or_default()))
            }
            None => None,
        };
        let handover = match words("handover_line")? {
            Some(line) => Some(HandedOver { line, taken: perhaps("taken")? }),
            None => None,
        };
        Ok(Self {
            id: u64::from_str_radix(&text("id")?, 16).unwrap_or_default(),
            node: text("node")?,
            sip_call_id: text("sip_call_id")?,
            caller: words("caller")?,
            line: text("line")?,
            trunk: text("trunk")?,
            target: words("target")?,
            started: number("started")?,
            answered: perhaps("answered")?,
            handover,
            end,
            outcome: words("outcome")?,
            ticket: perhaps("ticket")?.map(count),
            note: words("note")?,
            audio: [
                audio(["caller_packets", "caller_lost", "caller_jitter", "caller_mos", "caller_heard"])?,
                audio(["target_packets", "target_lost", "target_jitter", "target_mos", "target_heard"])?,
            ],
        })
    }
}

impl Audio {
    fn of(side: &Statistics) -> Self {
        Self {
            packets: side.packets_received,
            lost: side.lost,
            jitter: side.mean_jitter.as_micros(),
            mos: side.quality_received().map(|mos| mos.0),
            heard: side.quality_sent().map(|mos| mos.0),
        }
    }

    fn columns(self) -> ([i64; 3], [Option<i64>; 2]) {
        let score = |mos: Option<u16>| mos.map(i64::from);
        ([self.packets, self.lost, self.jitter].map(column), [score(self.mos), score(self.heard)])
    }
}

/// What a call is known by outside.
pub(crate) fn hex(id: u64) -> String {
    format!("{id:016x}")
}

/// A count as the tables hold it.
pub(super) fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn count(column: i64) -> u64 {
    u64::try_from(column).unwrap_or_default()
}

fn text(config: &Config<'_>, span: Span) -> String {
    String::from_utf8_lossy(config.text(span)).into_owned()
}

/// What a peer wrote, as it prints: PostgreSQL takes no zero bytes, and nobody is to read others.
fn printed(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
