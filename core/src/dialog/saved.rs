//! A dialog in a record.

use super::{Dialog, Piece, TEXT};
use crate::record::{Reader, Writer};
use crate::sip::{Scheme, Uri};

/// The largest CSeq number there is, rounded down (RFC 3261 8.1.1.5).
const MOST: u32 = (1 << 31) - 1;

impl Dialog {
    /// Writes it to a record. `unacknowledged` is the CSeq number of an INVITE of the peer's whose ACK has not come:
    /// a node that takes over does not send the answer again, so that the INVITE has to be answered anew when it comes
    /// again, as if it had not been heard.
    pub(crate) fn save(&self, unacknowledged: Option<u32>, w: &mut Writer<'_>) {
        let heard = match self.heard {
            Some(heard) if unacknowledged == Some(heard) => heard.checked_sub(1),
            heard => heard,
        };
        w.u64(self.local_tag).u32(self.sent).u8(heard.is_some().into()).u32(heard.unwrap_or_default());
        let pieces = self.pieces();
        for piece in pieces {
            w.u16(piece.len);
        }
        for piece in pieces {
            w.bytes(self.text(piece));
        }
    }

    /// Reads one from a record. Requests of ours that went out after it was written are not in it: so many numbers
    /// as `ahead` are left out, which a peer has to put up with (12.2.2).
    pub(crate) fn restore(r: &mut Reader<'_>, ahead: u32) -> Option<Self> {
        let mut dialog = Self::empty(r.u64()?);
        dialog.sent = r.u32()?.checked_add(ahead).filter(|&sent| sent <= MOST)?;
        let heard = (r.u8()?, r.u32()?);
        dialog.heard = match heard {
            (0, 0) => None,
            (1, heard) => Some(heard),
            _ => return None,
        };
        let mut pieces = [Piece::default(); 6];
        let mut end = 0u16;
        for piece in &mut pieces {
            *piece = Piece { start: end, len: r.u16()? };
            end = end.checked_add(piece.len)?;
        }
        if usize::from(end) > TEXT {
            return None;
        }
        dialog.text.extend_from_slice(r.bytes(end.into())?).ok()?;
        let [call_id, local, remote, remote_tag, routes, target] = pieces;
        dialog = Self { call_id, local, remote, remote_tag, routes, target, ..dialog };
        let uri = Uri::parse(dialog.text(target)).ok()?;
        let usable = matches!(uri.scheme, Scheme::Sip | Scheme::Sips) && call_id.len > 0;
        usable.then_some(dialog)
    }

    /// The pieces of its text, in their order there.
    const fn pieces(&self) -> [Piece; 6] {
        [self.call_id, self.local, self.remote, self.remote_tag, self.routes, self.target]
    }
}
