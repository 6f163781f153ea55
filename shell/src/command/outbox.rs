//! `warmline outbox`: what has yet to reach a desk, and what cannot.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::columns::columns;
use super::store::{Where, tell};
use crate::store::{Entry, hex, retry, utc, waiting};

/// What to do with it.
#[derive(Args, Debug)]
pub(super) struct Outbox {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Have a running node try an entry again at once
    Retry {
        /// The entry's call
        #[arg(value_name = "CALL")]
        call: String,
    },
}

impl Outbox {
    pub(super) fn command(&self) -> ExitCode {
        let said = match &self.action {
            None => self.place.read(async |database| waiting(database.pool()).await).map(|all| listed(&all)),
            Some(Action::Retry { call }) => {
                let found = self.place.read(async |database| retry(database.pool(), call).await);
                found.and_then(|found| match found {
                    true => Ok(format!("what call {call} has to say is tried again\n")),
                    false => Err(format!(
                        "nothing that call {call} has to say is waiting; `warmline outbox` lists what is"
                    )),
                })
            }
        };
        tell(said)
    }
}

fn listed(entries: &[Entry]) -> String {
    let row = |entry: &Entry| {
        let next = match entry.state.as_str() {
            "due" => utc(entry.due.max(entry.handover.began)),
            _ => "-".to_owned(),
        };
        [
            hex(entry.handover.call),
            entry.handover.desk.clone(),
            entry.state.clone(),
            utc(entry.handover.began),
            entry.ticket.map_or_else(|| "-".to_owned(), |ticket| ticket.to_string()),
            entry.attempts.to_string(),
            next,
            entry.note.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let rows: Vec<_> = entries.iter().map(row).collect();
    columns(["CALL", "DESK", "STATE", "SINCE", "TICKET", "FAILED", "NEXT", "WHY"], &rows)
}
