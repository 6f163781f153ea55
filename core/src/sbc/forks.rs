//! What comes back for INVITEs that nobody waits for: further answers of a fork (RFC 3261 13.2.2.4), and what comes
//! late from an address that was left.
//!
//! The first 2xx wins. Every other one has made a dialog at its sender's all the same, which is ended: an ACK and a BYE
//! are made from the 2xx itself, and no leg is needed for that. The BYE is a transaction like any other; that this
//! answer had both is remembered as long as its 2xx may come again, when only the ACK is repeated.
//!
//! An INVITE has at most [`MOST`] answers too many, and they leave a quarter of the transactions to calls. One for
//! which there is no room gets no ACK either: it comes again, when there may be room, and who never sees an ACK ends
//! its dialog itself (13.3.1.4). An ACK without a BYE would leave it up for ever.

use crate::config::TargetIndex;
use crate::dialog::{Dialog, DialogError};
use crate::reason::Reason;
use crate::sip::{Essentials, Message, Method, Writer};
use crate::transaction::{Answerer, Machine};
use crate::transport::Path;

use super::dialogs::parse_hex;
use super::identity::own_reason;
use super::reliable::AHEAD;
use super::replies::via;
use super::sessions::is_again;
use super::streams::next_path;
use super::{Admitted, Cx, Sbc};

/// How many answers of one INVITE are remembered as too many.
const MOST: u8 = 8;

impl Sbc<'_> {
    /// Who gives a response: an early dialog, or one, is known by its To tag.
    pub(super) fn answerer(&self, e: &Essentials<'_>) -> Answerer {
        Answerer::new(self.key.hash(&[b"answerer", e.to.tag().unwrap_or_default()]))
    }

    /// Whether this answer to the INVITE with our `branch` was told already that it is one too many; else where that
    /// is to be remembered, if there may be another.
    fn known_superfluous(&self, branch: u64, answerer: Answerer) -> Result<(), Option<u64>> {
        for place in 0..MOST {
            let key = self.key.hash(&[b"superfluous", &branch.to_le_bytes(), &[place]]);
            match self.transactions.superfluous(key) {
                Some(known) if known == answerer => return Ok(()),
                Some(_) => {}
                None => return Err(Some(key)),
            }
        }
        Err(None)
    }

    /// Whether this 2xx, whose INVITE is forgotten, had its ACK and BYE as one too many.
    pub(super) fn is_superfluous(&self, branch: u64, e: &Essentials<'_>) -> bool {
        self.known_superfluous(branch, self.answerer(e)).is_ok()
    }

    /// A 2xx to an INVITE of ours that has no use for it.
    pub(super) fn superfluous(
        &mut self,
        cx: &Cx<'_>,
        from: &Admitted,
        message: &Message<'_>,
        e: &Essentials<'_>,
        branch: u64,
    ) {
        // The dialog of a re-INVITE is another's to end.
        if is_again(branch) {
            return self.ack_success(cx, from.path, message, e);
        }
        let answerer = self.answerer(e);
        let place = match self.known_superfluous(branch, answerer) {
            Ok(()) => return self.ack_success(cx, from.path, message, e),
            Err(Some(place)) => place,
            Err(None) => return self.counters.add(Reason::TooManyAnswers),
        };
        let Some(local_tag) = e.from.tag().and_then(parse_hex) else {
            return self.counters.add(Reason::MalformedResponse);
        };
        let dialog = match Dialog::answered(message, e, local_tag) {
            Ok(dialog) => dialog,
            Err(DialogError::TooLong) => return self.counters.add(Reason::MessageTooLarge),
            Err(DialogError::Contact) => return self.counters.add(Reason::MalformedResponse),
        };
        let to = next_path(&dialog, cx.config, from);
        let Some((listener, interface)) = cx.config.listener(to.listener) else { return };
        let (ack, bye) = (self.random.next_u64(), self.random.next_u64());

        // Its early dialog may have had requests of ours.
        let leg = self.leg_called(from, local_tag, e);
        let after = match leg {
            Some(leg) => leg.dialog.sent().saturating_add(1),
            None => e.cseq.number.saturating_add(AHEAD),
        };
        let write = |room: &mut [u8], method: &[u8], cseq, branch| {
            let mut w = Writer::new(room);
            dialog.request(&mut w, method, cseq, 70, |w| via(w, listener, interface, branch));
            if method == b"BYE" {
                // Whether a request terminated (RFC 3326 section 2) or another branch won, nobody waits for this one.
                w.header(b"Reason", b"SIP;cause=487");
            }
            w.empty_body();
            w.finish().ok()
        };
        let Some(len) = write(self.reply, b"BYE", after, bye) else {
            return self.counters.add(Reason::MessageTooLarge);
        };
        let room = self.transactions.has_room();
        let kept = room.then(|| self.blocks.store(self.reply.get(..len).unwrap_or_default())).flatten();
        let Some(kept) = kept else { return self.counters.add(Reason::NoMemory) };
        let Some(len) = write(self.reply, b"ACK", e.cseq.number, ack) else {
            self.blocks.free(kept);
            return self.counters.add(Reason::MessageTooLarge);
        };
        if !self.transactions.remember_superfluous(cx.now, place, answerer) {
            self.blocks.free(kept);
            return self.counters.add(Reason::NoMemory);
        }
        self.counters.add(Reason::AnsweredTooLate);
        self.replying = Some((to, len));
        // It leaves after what replies.
        let key = self.client_key(bye, Method::Bye);
        self.transactions.send(cx.now, key, to, kept, &mut self.blocks);
    }

    /// The CANCEL of an INVITE that was left, now that something has come back for it (9.1). All that it shares with
    /// the INVITE is in the response too, but for the tag that this adds to To.
    pub(super) fn cancel_late(
        &mut self,
        cx: &Cx<'_>,
        to: Path,
        target: TargetIndex,
        branch: u64,
        e: &Essentials<'_>,
    ) {
        let Some((listener, interface)) = cx.config.listener(to.listener) else { return };
        let uri = cx.config.target(target).map(|target| cx.config.text(target.uri)).unwrap_or_default();
        let mut w = Writer::new(self.reply);
        w.request_line(b"CANCEL", uri);
        via(&mut w, listener, interface, branch);
        w.header(b"Max-Forwards", b"70").header(b"From", e.from.bytes);
        w.name(b"To").bytes(b"<").bytes(uri).bytes(b">").end_line();
        w.header(b"Call-ID", e.call_id);
        w.name(b"CSeq").number(e.cseq.number.into()).bytes(b" CANCEL").end_line();
        own_reason(&mut w, Reason::TargetSilent, 408);
        w.empty_body();
        let Ok(len) = w.finish() else { return self.counters.add(Reason::MessageTooLarge) };
        let kept = self.blocks.store(self.reply.get(..len).unwrap_or_default());
        let key = self.client_key(branch, Method::Cancel);
        // Without room it is sent once.
        if let Err(kept) = self.transactions.request(cx.now, key, Machine::Client, to, None, target, kept) {
            kept.into_iter().for_each(|chain| self.blocks.free(chain));
        }
        self.replying = Some((to, len));
    }
}
