//! `warmline tickets`: those of local desks.

use std::process::ExitCode;

use clap::Args;

use super::columns::columns;
use super::store::{Where, tell};
use crate::store::{Comment, Ticket, ticket, tickets, utc};

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
            None => self.place.read(async |database| tickets(database.pool()).await).map(|all| listed(&all)),
            Some(number) => {
                self.place.read(async |database| ticket(database.pool(), number).await).and_then(|found| {
                    let (ticket, comments) = found.ok_or_else(|| format!("there is no ticket {number}"))?;
                    Ok(shown(&ticket, &comments))
                })
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

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
