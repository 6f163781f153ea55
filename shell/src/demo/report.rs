//! What the demo says, for a terminal of 100 columns.

use core::fmt;
use core::net::SocketAddr;

use super::audio::{Heard, PLAYED, name};
use super::{Outcome, ladder};

/// What it is.
pub(super) const INTRODUCTION: &str =
    "Warmline demo: an AI agent calls Zendesk with a ticket, through a real node on this machine";

/// All that there is to say afterwards.
pub(super) struct Report<'o>(pub(super) &'o Outcome);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self.0;
        self.ladder(f)?;
        writeln!(f, "\nRelayed")?;
        relayed(f, "agent   -> Zendesk", &outcome.agent, &outcome.zendesk)?;
        relayed(f, "Zendesk -> agent", &outcome.zendesk, &outcome.agent)?;
        let tickets = if outcome.tickets.is_empty() { "none".to_owned() } else { outcome.tickets.join(", ") };
        writeln!(f, "  {:<19}  sent {}, arrived {tickets}", "X-Zendesk-Ticket-Id", outcome.ticket)?;
        writeln!(f, "\nHeard")?;
        heard(f, "Zendesk", &outcome.zendesk, &outcome.agent)?;
        heard(f, "agent", &outcome.agent, &outcome.zendesk)?;
        writeln!(f)?;
        if outcome.faults.is_empty() {
            write!(
                f,
                "All is well: both were heard, the ticket arrived once, the call ended on both sides. It took {:.1} s.",
                outcome.took.as_secs_f64()
            )
        } else {
            write!(f, "It did not work:")?;
            outcome.faults.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
        }
    }
}

impl Report<'_> {
    fn ladder(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self.0;
        ladder::heads(f, ["AI agent", "Warmline", "Zendesk"])?;
        let [agent, warmline, zendesk] = outcome.addresses.map(|address| address.to_string());
        ladder::heads(f, [&agent, &warmline, &zendesk])?;
        // Audio goes from the answer to the first BYE.
        let bye =
            outcome.seen.iter().position(|seen| seen.what == "BYE").filter(|_| outcome.answered.is_some());
        for (number, seen) in outcome.seen.iter().enumerate() {
            if Some(number) == bye {
                let label = |end: &Heard| format!("RTP in {}", name(end.law));
                ladder::audio(f, &label(&outcome.agent), &label(&outcome.zendesk))?;
            }
            ladder::arrow(f, seen)?;
        }
        Ok(())
    }
}

fn relayed(f: &mut fmt::Formatter<'_>, way: &str, from: &Heard, to: &Heard) -> fmt::Result {
    let lost = from.sent.saturating_sub(to.received);
    let port = |end: &Heard| end.peer.as_ref().map_or(0, SocketAddr::port);
    writeln!(
        f,
        "  {way:<19}  {} of {} packets, {lost} lost; {} in at port {}, {} out from port {}",
        to.received,
        from.sent,
        name(from.law),
        port(from),
        name(to.law),
        port(to),
    )
}

fn heard(f: &mut fmt::Formatter<'_>, who: &str, end: &Heard, other: &Heard) -> fmt::Result {
    let (sound, share) = (&end.sound, 100.0 * end.sound.good as f64 / f64::from(PLAYED));
    if end.received == 0 {
        return writeln!(f, "  {who:<19}  nothing of the {:.0} Hz that was played", other.plays);
    }
    writeln!(
        f,
        "  {who:<19}  {:.0} Hz of the {:.0} Hz that was played, at {:.1} dBFS, in {share:.0} % of the packets",
        sound.frequency, other.plays, sound.level,
    )
}
