//! `warmline tickets`: those of local desks.

use std::process::ExitCode;

use clap::Args;

use super::columns::columns;
use super::store::{Where, tell};
use crate::config;
use crate::desk::{Desk, Kind, length};
use crate::store::{Comment, Database, Recorded, Ticket, recordings, ticket, tickets, utc};

/// Which tickets.
#[derive(Args, Debug)]
pub(super) struct Tickets {
    /// The one to show; all are listed without
    #[arg(value_name = "NUMBER")]
    number: Option<u64>,
    #[command(flatten)]
    place: Where,
}

impl Tickets {
    pub(super) fn command(&self) -> ExitCode {
        let said = match self.number {
            None => {
                let all = self.place.read(async |database| tickets(database.pool()).await);
                // What is wrong with it is for `check` to say.
                let desks = config::load(self.place.config()).map(|loaded| elsewhere(loaded.desks()));
                all.map(|all| listed(&all) + &desks.unwrap_or_default())
            }
            Some(number) => {
                let read = async |database: Database| {
                    let Some((ticket, comments)) = ticket(database.pool(), number).await? else {
                        return Ok(None);
                    };
                    let call = u64::from_str_radix(&ticket.call, 16).unwrap_or_default();
                    let recordings = recordings(database.pool(), call).await?;
                    Ok(Some(shown(&ticket, &comments) + &recorded(&recordings)))
                };
                let found = self.place.read(read);
                found.and_then(|shown| shown.ok_or_else(|| format!("there is no ticket {number}")))
            }
        };
        tell(said)
    }
}

fn listed(tickets: &[Ticket]) -> String {
    let row = |ticket: &Ticket| {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            ticket.number.to_string(),
            utc(ticket.opened),
            ticket.status.clone(),
            or_dash(&ticket.priority),
            or_dash(&ticket.group),
            or_dash(&ticket.caller),
            ticket.subject.clone(),
        ]
    };
    let rows: Vec<_> = tickets.iter().map(row).collect();
    columns(["TICKET", "OPENED", "STATUS", "PRIORITY", "GROUP", "CALLER", "SUBJECT"], &rows)
}

/// Where those tickets are that are not listed, a line for each desk.
fn elsewhere(desks: &[Desk]) -> String {
    let line = |desk: &Desk| match &desk.kind {
        Kind::Local => None,
        Kind::Zendesk(account) => Some(format!(
            "desk \"{}\": its tickets are at {}; `warmline calls` says which calls have which\n",
            desk.name, account.base
        )),
    };
    desks.iter().filter_map(line).collect()
}

/// One ticket, and what was written on it.
pub(crate) fn shown(ticket: &Ticket, comments: &[Comment]) -> String {
    let mut text = format!(
        "ticket {}: {}\nstatus: {}\ndesk: {}\ncall: {}\n",
        ticket.number, ticket.subject, ticket.status, ticket.desk, ticket.call
    );
    let words = [("caller", &ticket.caller), ("priority", &ticket.priority), ("group", &ticket.group)];
    for (name, value) in words {
        if let Some(value) = value {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    if !ticket.tags.is_empty() {
        text.push_str(&format!("tags: {}\n", ticket.tags));
    }
    for comment in comments {
        text.push_str(&format!("\n{}\n{}\n", utc(comment.written), comment.body));
    }
    text
}

/// Where what was recorded of a ticket's call lies.
fn recorded(recordings: &[Recorded]) -> String {
    let line = |recorded: &Recorded| {
        let what = if recorded.message { "message" } else { "recording" };
        let how_long = recorded.length.map_or_else(|| "not finished".to_owned(), length);
        format!("\n{}\n{what}: {} ({how_long})\n", utc(recorded.begun), recorded.file.display())
    };
    recordings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_tickets_are_that_are_not_here_is_said() {
        let text = format!(
            "{}[[desk]]\nname = \"here\"\n[[desk]]\nname = \"acme\"\nkind = \"zendesk\"\nsubdomain = \"acme\"\n\
             client_id = \"a\"\nclient_secret = \"b\"\n",
            config::EMBEDDED
        );
        let loaded = config::parse("w.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let said = elsewhere(loaded.desks());
        assert!(said.starts_with("desk \"acme\": its tickets are at https://acme.zendesk.com;"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }

    #[test]
    fn a_ticket_is_listed_and_shown() {
        let ticket = Ticket {
            number: 7,
            call: "00f3c0ffee00beef".into(),
            desk: "here".into(),
            caller: Some("+821044440100".into()),
            subject: "Call from +821044440100".into(),
            status: "new".into(),
            priority: None,
            group: Some("Support".into()),
            tags: "warmline".into(),
            opened: 1_795_959_902_000_000,
        };
        let list = listed(core::slice::from_ref(&ticket));
        assert!(list.starts_with("TICKET  OPENED"), "{list}");
        assert!(list.contains("7       2026-11-29T13:45:02Z  new     -         Support"), "{list}");
        let comment = Comment { written: ticket.opened, body: "An AI agent hands over a call.".into() };
        let text = shown(&ticket, &[comment]);
        assert!(text.contains("\n2026-11-29T13:45:02Z\nAn AI agent hands over a call.\n"), "{text}");
        assert!(!text.contains("priority"), "{text}");
        let message = Recorded {
            file: "recordings/1.wav".into(),
            call: 0xf3_c0ff_ee00_beef,
            message: true,
            begun: ticket.opened,
            length: Some(65_000_000),
        };
        let said = recorded(&[message.clone(), Recorded { message: false, length: None, ..message }]);
        assert!(said.starts_with("\n2026-11-29T13:45:02Z\nmessage: recordings/1.wav (1:05)\n"), "{said}");
        assert!(said.ends_with("recording: recordings/1.wav (not finished)\n"), "{said}");
    }
}
