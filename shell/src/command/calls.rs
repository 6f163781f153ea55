//! `warmline calls`.

use core::time::Duration;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::{Value, json};

use super::columns::columns;
use super::store::{Where, tell};
use crate::desk::length;
use crate::store::{self, Audio, Record, hex, utc};

/// Which calls, and how they are shown.
#[derive(Args, Debug)]
#[group(id = "form", multiple = false, args = ["json", "csv"])]
pub(super) struct Calls {
    /// How far back
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = humantime::parse_duration)]
    since: Duration,
    /// As a list of JSON's objects, with all that is known
    #[arg(long)]
    json: bool,
    /// As CSV, with all that is known
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    place: Where,
}

/// What is known of a call, in the order of CSV's columns.
const FIELDS: [&str; 27] = [
    "call",
    "node",
    "sip_call_id",
    "caller",
    "line",
    "handover_line",
    "trunk",
    "target",
    "started",
    "answered",
    "taken",
    "ended",
    "reason",
    "sentence",
    "outcome",
    "ticket",
    "note",
    "caller_packets",
    "caller_lost",
    "caller_jitter_ms",
    "caller_mos",
    "caller_heard_mos",
    "target_packets",
    "target_lost",
    "target_jitter_ms",
    "target_mos",
    "target_heard_mos",
];

impl Calls {
    pub(super) fn command(&self) -> ExitCode {
        let since = SystemTime::now().checked_sub(self.since).unwrap_or(UNIX_EPOCH);
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let since = i64::try_from(since).unwrap_or(i64::MAX);
        let found = self
            .place
            .read(async |database| store::calls(database.pool(), since).await)
            .and_then(|calls| self.show(&calls));
        tell(found)
    }

    fn show(&self, calls: &[Record]) -> Result<String, String> {
        if self.json {
            let calls: Vec<Value> = calls.iter().map(object).collect();
            return serde_json::to_string_pretty(&calls)
                .map(|text| text + "\n")
                .map_err(|error| error.to_string());
        }
        if self.csv {
            return separated(calls);
        }
        Ok(columns(
            [
                "STARTED", "CALL", "CALLER", "LINE", "TO", "TARGET", "OUTCOME", "TALKED", "TICKET", "MOS",
                "ENDED",
            ],
            &calls.iter().map(row).collect::<Vec<_>>(),
        ))
    }
}

/// A call as a line of the table.
fn row(call: &Record) -> [String; 11] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let talked = call.talks_since().map(|since| {
        let until = call.end.as_ref().map_or(since, |(ended, ..)| *ended);
        length(until.saturating_sub(since))
    });
    let mos = call.audio.map(|side| or_dash(side.mos.map(hundredths)));
    let end = match &call.end {
        Some((_, reason, _)) => reason.clone(),
        None => "goes on".to_owned(),
    };
    [
        utc(call.started),
        hex(call.id),
        or_dash(call.caller.clone()),
        call.line.clone(),
        or_dash(call.handover.as_ref().map(|handover| handover.line.clone())),
        or_dash(call.target.clone()),
        or_dash(call.outcome.clone()),
        or_dash(talked),
        or_dash(call.ticket.map(|ticket| ticket.to_string())),
        mos.join("/"),
        end,
    ]
}

/// All that is known of a call.
fn object(call: &Record) -> Value {
    let (ended, reason, sentence) = match &call.end {
        Some((ended, reason, sentence)) => (Some(utc(*ended)), Some(reason), Some(sentence)),
        None => (None, None, None),
    };
    let (line, taken) = match &call.handover {
        Some(handover) => (Some(&handover.line), handover.taken.map(utc)),
        None => (None, None),
    };
    let [caller, target] = call.audio.map(|Audio { packets, lost, jitter, mos, heard }| {
        let score = |mos: Option<u16>| mos.map(|mos| f64::from(mos) / 100.0);
        let millis = u32::try_from(jitter).map_or(f64::MAX, f64::from) / 1_000.0;
        json!({ "packets": packets, "lost": lost, "jitter_ms": millis, "mos": score(mos), "heard_mos": score(heard) })
    });
    json!({
        "call": hex(call.id), "node": call.node, "sip_call_id": call.sip_call_id, "caller": call.caller, "line": call.line,
        "handover_line": line, "taken": taken, "trunk": call.trunk, "target": call.target, "started": utc(call.started), "answered": call.answered.map(utc),
        "ended": ended, "reason": reason, "sentence": sentence, "outcome": call.outcome,
        "ticket": call.ticket, "note": call.note,
        "audio": { "caller": caller, "target": target },
    })
}

/// CSV (RFC 4180) with a line of titles.
fn separated(calls: &[Record]) -> Result<String, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(FIELDS).map_err(|error| error.to_string())?;
    for call in calls {
        let call = object(call);
        let cell = |field: &str| {
            let audio = || field.split_once('_').and_then(|(side, rest)| call["audio"].get(side)?.get(rest));
            match call.get(field).or_else(audio) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            }
        };
        writer.write_record(FIELDS.map(cell)).map_err(|error| error.to_string())?;
    }
    let bytes = writer.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// `4.38`.
fn hundredths(score: u16) -> String {
    format!("{}.{:02}", score / 100, score % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::HandedOver;

    fn call() -> Record {
        Record {
            id: 0xf3_c0ff_ee00_beef,
            node: "edge-1".into(),
            sip_call_id: "a@b".into(),
            caller: Some("+821044440100".into()),
            line: "overflow".into(),
            trunk: "carrier".into(),
            target: None,
            started: 1_795_959_902_000_000,
            answered: Some(1_795_959_904_000_000),
            handover: Some(HandedOver { line: "support".into(), taken: Some(1_795_959_964_000_000) }),
            end: Some((1_795_959_970_500_000, "caller-hung-up".into(), "The caller, hung \"up\".".into())),
            ticket: Some(35_436),
            note: None,
            outcome: Some("connected".into()),
            audio: [
                Audio { packets: 100, lost: 1, jitter: 1_250, mos: Some(438), heard: None },
                Audio::default(),
            ],
        }
    }

    fn show(json: bool, csv: bool) -> String {
        let place = Where::default();
        Calls { since: Duration::ZERO, json, csv, place }.show(&[call()]).unwrap()
    }

    #[test]
    fn a_table_a_list_and_csv_say_the_same() {
        let table = show(false, false);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[1].split_whitespace().collect::<Vec<_>>(),
            [
                "2026-11-29T13:45:02Z",
                "00f3c0ffee00beef",
                "+821044440100",
                "overflow",
                "support",
                "-",
                "connected",
                "0:06",
                "35436",
                "4.38/-",
                "caller-hung-up"
            ]
        );
        let list: Value = serde_json::from_str(&show(true, false)).unwrap();
        assert_eq!(list[0]["audio"]["caller"]["mos"], 4.38);
        assert_eq!(list[0]["ended"], "2026-11-29T13:46:10Z");
        assert_eq!((&list[0]["line"], &list[0]["handover_line"]), (&json!("overflow"), &json!("support")));
        assert_eq!(
            [&list[0]["answered"], &list[0]["taken"]],
            ["2026-11-29T13:45:04Z", "2026-11-29T13:46:04Z"]
        );
        let csv = show(false, true);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(reader.headers().unwrap(), FIELDS.as_slice());
        let row = reader.records().next().unwrap().unwrap();
        let cell = |field| &row[FIELDS.iter().position(|known| *known == field).unwrap()];
        assert_eq!(cell("sentence"), "The caller, hung \"up\".");
        assert_eq!(
            [
                cell("caller_jitter_ms"),
                cell("caller_mos"),
                cell("target_mos"),
                cell("caller"),
                cell("outcome"),
                cell("handover_line"),
                cell("taken")
            ],
            ["1.25", "4.38", "", "+821044440100", "connected", "support", "2026-11-29T13:46:04Z"]
        );
    }
}
