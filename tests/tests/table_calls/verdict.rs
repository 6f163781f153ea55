//! Whether a row holds.

use std::collections::BTreeSet;

use serde_json::Value;
use warmline_tests::sipp::Voice;
use warmline_tests::zendesk::api::Ticket;

use super::PROGRAM;
use super::row::{Account, BROUGHT, Brings, End, Way};
use super::scene::Scene;

impl Scene {
    /// Whether there is all in the account that there is to be.
    fn is_told(&self, outcome: &str) -> bool {
        let others = usize::from(self.row.end == End::Full);
        self.api.account(|account| {
            let told = |ticket: &&&Ticket| {
                ticket.tags.contains(&format!("warmline_{outcome}"))
                    && ticket.comments.iter().any(|comment| comment.body.contains("has ended"))
            };
            let abandoned = |ticket: &&&Ticket| ticket.tags.contains("warmline_abandoned");
            let standing = account.standing();
            standing.iter().filter(told).count() >= 1 && standing.iter().filter(abandoned).count() >= others
        })
    }

    /// Plays it and looks at everything.
    pub(crate) fn holds(mut self) {
        let row = self.row;
        self.play();
        self.api.behave();
        if row.way != Way::None {
            self.waits("ticket that says all", |this| this.is_told(row.outcome).then_some(()));
        }
        let ended = |this: &Self| {
            let told = this.receiver.told();
            let ends = told.iter().filter(|told| told.body["type"] == "call.ended").count();
            (ends == row.calls()).then_some(told)
        };
        let told = self.waits("end that the platform is told", ended);
        self.waits("empty outbox", |this| (this.stage.untold(PROGRAM).expect("a list") == 0).then_some(()));
        // One outcome of each hand-over, for its platform.
        let kinds = told.iter().filter_map(|told| told.body["type"].as_str()?.strip_prefix("handover."));
        let mut outcomes: Vec<_> =
            { kinds }.filter(|kind| !["requested", "ticketed", "ringing"].contains(kind)).collect();
        outcomes.sort_unstable();
        let expected: &[&str] = match row.end {
            End::AgentLeavesBefore => &[],
            End::Full => &["abandoned", row.outcome],
            _ => &[row.outcome],
        };
        assert_eq!(outcomes, expected, "{told:#?}");
        self.is_recorded();
        let voices = self.stage.cast.voices();
        let taken = matches!(row.outcome, "connected" | "queued") && row.end != End::AgentLeavesBefore;
        if taken {
            assert!(voices.iter().any(|voices| voices.last() == Some(&Voice::ZENDESK)), "{voices:?}");
        }
        self.is_accounted_for();
    }

    /// One outcome of each call, in the log and in its record.
    fn is_recorded(&mut self) {
        let row = self.row;
        let log = self.stage.stop();
        let ends: Vec<&str> =
            log.lines().filter(|line| line.contains("ended after") && line.contains("call ")).collect();
        let of_row = |end: &&&str| end.contains(&format!(": {}, ", row.outcome)) && end.contains(row.reason);
        assert_eq!(ends.len(), row.calls(), "{log}");
        assert!(ends.iter().filter(of_row).count() >= 1, "{} {}: {ends:#?}", row.outcome, row.reason);
        let records = self.stage.records(PROGRAM);
        assert_eq!(records.len(), row.calls(), "{records:#?}");
        assert!(records.iter().all(|record| record["ended"].is_string()), "{records:#?}");
        let of_row = |record: &&Value| record["outcome"] == row.outcome && record["reason"] == row.reason;
        assert!(records.iter().any(|record| of_row(&record)), "{} {}: {records:#?}", row.outcome, row.reason);
        let noted = |note: &str| records.iter().any(|record| record["note"] == note);
        let unchecked = matches!(row.account, Account::Dead | Account::Down);
        match row.brings {
            Brings::Malformed => assert!(noted("ticket-malformed"), "{records:#?}"),
            _ if row.brings != Brings::Nothing && unchecked => {
                assert!(noted("ticket-unchecked"), "{records:#?}")
            }
            Brings::Closed => assert!(noted("ticket-closed"), "{records:#?}"),
            Brings::Unknown => assert!(noted("ticket-unknown"), "{records:#?}"),
            Brings::Nothing | Brings::Ticket => {}
        }
        if row.account == Account::Quick {
            assert!(!log.contains("ERROR"), "{log}");
        }
    }

    /// The account has the tickets that it should, and was asked for them and for nothing else.
    fn is_accounted_for(&self) {
        let row = self.row;
        let asked = self.api.asked();
        let visits = self.far_end.visits();
        let done = |method: &str, holds: &dyn Fn(&str) -> bool| {
            asked
                .iter()
                .filter(|(of, path, status)| of == method && holds(path) && (200..300).contains(status))
                .count()
        };
        let path = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        let created = done("POST", &|target| path(target) == "/api/v2/tickets");
        let merged = done("POST", &|target| path(target).ends_with("/merge"));
        let uploaded = done("POST", &|target| path(target) == "/api/v2/uploads");
        let written = done("PUT", &|target| !path(target).ends_with("/tags"));
        let looked = done("GET", &|target| path(target) == format!("/api/v2/tickets/{BROUGHT}"));
        // Nothing that the API has not, and nothing that it does not take.
        let wrong = asked.iter().filter(|(_, path, status)| {
            let unknown = row.brings == Brings::Unknown && path.contains(&format!("/tickets/{BROUGHT}"));
            (400..500).contains(status) && !matches!(status, 401 | 409 | 429) && !unknown
        });
        assert_eq!(wrong.count(), 0, "{asked:#?}");
        self.api.account(|account| {
            let useless = row.brings == Brings::Closed;
            let mut standing = account.standing();
            standing.retain(|ticket| !(useless && ticket.id == BROUGHT));
            let first = |ticket: &&Ticket| ticket.tags.contains("warmline_abandoned") && row.end == End::Full;
            let others = standing.iter().filter(|ticket| first(ticket)).count();
            standing.retain(|ticket| !first(ticket));
            let whole = account.tickets.len() - usize::from(useless) - others;
            if row.way == Way::None {
                assert_eq!((whole, created, written), (0, 0, 0), "{asked:#?}");
                return;
            }
            let [ticket] = standing[..] else { panic!("{row}: {:#?}", account.tickets) };
            let told = ticket.comments.iter().filter(|comment| comment.body.contains("has ended")).count();
            assert_eq!(told, 1, "{ticket:#?}");
            let outcomes: BTreeSet<_> =
                ticket.tags.iter().filter_map(|tag| tag.strip_prefix("warmline_")).collect();
            assert_eq!(outcomes, [row.outcome].into(), "{ticket:#?}");
            // What Zendesk is told, in each call that reaches it.
            let carried = match row.way {
                Way::Brought => Some(BROUGHT),
                Way::Made => Some(ticket.id),
                Way::InPlaceOfUseless => Some(BROUGHT),
                Way::MadeUntold | Way::Afterwards | Way::Talks | Way::Merged | Way::None => None,
            };
            let of_row = visits.iter().filter(|visit| visit.caller != "+14155550111");
            let carries: Vec<_> = { of_row }.map(|visit| visit.ticket.clone()).collect();
            let rung = !matches!(row.end, End::Closed(_) | End::Full);
            assert_eq!(carries, vec![carried.map(|ticket| ticket.to_string()); rung.into()], "{visits:#?}");
            let (tickets, made, merges) = match row.way {
                Way::Brought => (1, 0, 0),
                Way::Made | Way::MadeUntold | Way::Afterwards | Way::InPlaceOfUseless => (1, 1, 0),
                Way::Talks => (1, 0, 0),
                Way::Merged => (2, 1, 1),
                Way::None => (0, 0, 0),
            };
            assert_eq!((whole, created - others, merged), (tickets, made, merges), "{asked:#?}");
            assert_eq!(written - others, 1, "it is written on once: {asked:#?}");
            let brought = matches!(row.brings, Brings::Ticket | Brings::Closed);
            assert_eq!(looked > 0, brought, "what is brought is looked at: {asked:#?}");
            // By hand-overs alone does Talk's ticket of it count as ours.
            assert_eq!(ticket.external_id.is_some(), made == 1 && merges == 0, "{ticket:#?}");
            let message = row.outcome == "voicemail";
            assert_eq!(uploaded, usize::from(message), "{asked:#?}");
            let files: Vec<_> = ticket.comments.iter().flat_map(|comment| &comment.attachments).collect();
            assert_eq!(files.len(), usize::from(message), "{ticket:#?}");
            if let [file] = files[..] {
                // What the caller said for a second and more: as loud as it was said.
                let loud = file.bytes.iter().skip(44).filter(|byte| matches!(byte, 0x9f | 0x1f)).count();
                assert!(file.bytes.starts_with(b"RIFF") && loud > 8_000, "{loud} of {}", file.bytes.len());
            }
            if row.account == Account::Expired {
                assert_eq!(account.minted(), 2);
            }
        });
    }
}
