//! Messages and recordings, which go to the ticket.

use super::*;
use crate::store::Recorded;

impl House {
    /// A recording of this call's, finished or not.
    fn records(&self, name: &str, message: bool, length: Option<i64>) {
        let file = self.folder.join(name);
        std::fs::write(&file, name.as_bytes()).expect("a file can be made");
        let recorded = Recorded { file, call: CALL, message, begun: 1_795_959_902_000_000, length };
        let (store, ..) = self.running.as_ref().expect("it runs");
        store.write(Change::Recorded(recorded));
    }

    /// The last comment of the one ticket, and the names of its files.
    fn last(&self) -> (String, Vec<String>) {
        self.api.account(|account| {
            let [ticket] = account.standing()[..] else { panic!("{:?}", account.tickets) };
            let last = ticket.comments.last().expect("a comment");
            for file in &last.attachments {
                assert_eq!((file.name.as_bytes(), &*file.kind), (&*file.bytes, "audio/wav"));
            }
            (last.body.clone(), last.attachments.iter().map(|file| file.name.clone()).collect())
        })
    }
}

#[test]
fn a_message_that_was_left_is_on_the_ticket() {
    let house = House::new("voicemail");
    let left = handover("acme");
    let told = house.ticket(left.clone(), 5 * SECOND);
    house.records("talk.wav", false, Some(60_000_000));
    house.records("message.wav", true, None);
    house.closes_so(left, told, false, "voicemail");
    let waits = |entry: &Entry| entry.note.as_deref() == Some("its recording is not finished yet");
    house.waits_until(|house| house.waiting().iter().any(waits));
    // Its upload fails once, and its answer is lost once.
    house.api.upon("POST", "/api/v2/uploads", Act::Status(500, None), Some(1));
    house.api.upon("PUT", "/api/v2/tickets", Act::Lost, Some(1));
    house.records("message.wav", true, Some(23_000_000));
    house.settles();
    let (text, files) = house.last();
    assert_eq!(files, ["message.wav"]);
    let said =
        "Voicemail from +821044440100, 0:23 long, since 2026-11-29T13:45:02Z: attached as message.wav.";
    assert!(text.contains(said), "{text}");
}

#[test]
fn a_recording_is_on_the_ticket_where_the_line_says_so_and_a_sealed_one_never() {
    let house = House::new("recording");
    let mut recorded = handover("acme");
    recorded.recordings = true;
    let told = house.ticket(recorded.clone(), 5 * SECOND);
    house.records("talk.wav", false, Some(60_000_000));
    house.records("sealed.wav.age", true, Some(1_000_000));
    house.closes(recorded, told);
    house.settles();
    let (text, files) = house.last();
    assert_eq!(files, ["talk.wav"]);
    assert!(text.contains("Recording of the call from +821044440100, 1:00 long"), "{text}");
    assert!(text.contains("sealed, and not attached; it is kept as sealed.wav.age."), "{text}");
}

#[test]
fn a_ticket_that_is_made_of_a_message_says_so() {
    let house = House::new("via");
    house.api.upon("POST", "/oauth", Act::Cut, None);
    let left = handover("acme");
    assert_eq!(house.ticket(left.clone(), SECOND / 2), None);
    house.records("message.wav", true, Some(23_000_000));
    house.api.behave();
    house.closes_so(left, None, false, "voicemail");
    house.settles();
    assert_eq!(house.last().1, ["message.wav"]);
    house.api.account(|account| assert_eq!(account.standing()[0].via, Some(33)));
}
