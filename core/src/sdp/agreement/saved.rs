//! What was agreed on, in a record.

use super::super::crypto::Crypto;
use super::{Agreed, REFUSED, direction};
use crate::g711::Law;
use crate::record::{Reader, Writer};
use crate::rtp::{Direction, Format, Profile};
use crate::srtp::{Master, Suite};

/// What stands in a record for no payload type.
const NO_EVENT: u8 = 0xff;

/// What stands in a record for no suite.
const NO_CRYPTO: u8 = 0xff;

impl Agreed {
    /// Writes it to a record.
    pub(crate) fn save(&self, w: &mut Writer<'_>) {
        let Profile { send, receive, event_send, event_receive, noise, ptime } = self.profile;
        w.socket(self.remote).socket(self.rtcp);
        for format in [Some(send), receive[0], receive[1]] {
            let law = format.map_or(0, |format| match format.law {
                Law::Mu => 1,
                Law::A => 2,
            });
            w.u8(law).u8(format.map_or(0, |format| format.payload_type));
        }
        for event in [event_send, event_receive, noise] {
            w.u8(event.unwrap_or(NO_EVENT));
        }
        w.u8(ptime).u8(number(self.direction)).u8(number(self.mirrored)).u8(self.rtcp_mux.into());
        match &self.crypto {
            None => w.u8(NO_CRYPTO),
            Some(Crypto { tag, master, savp }) => {
                let suite = u8::try_from(master.suite().index()).unwrap_or(NO_CRYPTO);
                w.u8(suite).u8((*savp).into()).u32(*tag).bytes(master.bytes())
            }
        };
        w.u8(self.before).short(self.refused.get(..usize::from(self.length)).unwrap_or_default());
    }

    /// Reads one from a record.
    pub(crate) fn restore(r: &mut Reader<'_>) -> Option<Self> {
        let (remote, rtcp) = (r.socket()?, r.socket()?);
        let [Some(send), first, second] = [format(r)?, format(r)?, format(r)?] else { return None };
        let [event_send, event_receive, noise] = [event(r)?, event(r)?, event(r)?];
        let ptime = r.u8().filter(|&ptime| ptime > 0)?;
        let profile = Profile { send, receive: [first, second], event_send, event_receive, noise, ptime };
        let (direction, mirrored) = (direction_of(r.u8()?)?, direction_of(r.u8()?)?);
        let rtcp_mux = match r.u8()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let crypto = match r.u8()? {
            NO_CRYPTO => None,
            suite => {
                let suite = Suite::ALL.get(usize::from(suite)).copied()?;
                let savp = match r.u8()? {
                    0 => false,
                    1 => true,
                    _ => return None,
                };
                let tag = r.u32()?;
                Some(Crypto { tag, master: Master::new(suite, r.bytes(suite.master_len())?)?, savp })
            }
        };
        let (before, lines) = (r.u8()?, r.short()?);
        let mut refused = [0; REFUSED];
        let room = refused.get_mut(..lines.len())?;
        room.iter_mut().zip(lines).for_each(|(room, &byte)| *room = byte);
        let length = u8::try_from(lines.len()).ok()?;
        let agreed =
            Self { remote, rtcp, profile, direction, rtcp_mux, crypto, mirrored, before, length, refused };
        let whole = agreed.length == 0 || lines.ends_with(b"\n");
        (whole && agreed.refused().count() >= usize::from(before)).then_some(agreed)
    }
}

fn format(r: &mut Reader<'_>) -> Option<Option<Format>> {
    let law = r.u8()?;
    let payload_type = r.u8().filter(|&payload_type| payload_type < 128)?;
    match law {
        0 if payload_type == 0 => Some(None),
        1 => Some(Some(Format { payload_type, law: Law::Mu })),
        2 => Some(Some(Format { payload_type, law: Law::A })),
        _ => None,
    }
}

fn event(r: &mut Reader<'_>) -> Option<Option<u8>> {
    match r.u8()? {
        NO_EVENT => Some(None),
        event => (event < 128).then_some(Some(event)),
    }
}

/// A direction's number in a record.
fn number(direction: Direction) -> u8 {
    u8::from(direction.sends()) | u8::from(direction.receives()) << 1
}

fn direction_of(number: u8) -> Option<Direction> {
    (number < 4).then(|| direction(number & 1 != 0, number & 2 != 0))
}
