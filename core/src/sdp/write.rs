//! What we say of ourselves: offers and answers, written into the caller's buffer.

use core::net::IpAddr;

use super::agreement::{Agreed, meet};
use super::attribute::spelling;
use super::crypto::{self, Keys};
use super::{EVENT, PTIME};
use crate::g711::Law;
use crate::rtp::{Direction, Format, Profile};
use crate::sip::Writer;
use crate::srtp::Policy;

/// Our own side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where we take media.
    pub address: IpAddr,
    /// The port we take RTP at; RTCP is at the next one.
    pub port: u16,
    /// Names the session as long as the leg lives (RFC 3264 section 5). Its highest bit is not written: the number
    /// has to fit in 63 bits.
    pub session: u64,
    /// Grows by one whenever a description of the same session says something else (RFC 3264 section 8).
    pub version: u64,
    /// Which way audio may flow, seen from us. An answer says less where the offer allows less.
    pub direction: Direction,
    /// What we say of SRTP; nothing where there is none.
    pub keys: Option<Keys>,
}

/// Writes an offer of PCMU and PCMA, `first` before the other, with telephone-events and 20 ms packets. Gives its
/// length, or none when it does not fit (320 bytes always do, 720 with keys). With keys it is of RTP/SAVP where SRTP is
/// required, and else of RTP/AVP with crypto lines beside, which who knows nothing of them passes over.
pub fn offer(local: &Local, first: Law, out: &mut [u8]) -> Option<usize> {
    let second = match first {
        Law::Mu => Law::A,
        Law::A => Law::Mu,
    };
    let receive = [Some(Format::fixed(first)), Some(Format::fixed(second))];
    let mut writer = Writer::new(out);
    write_session(&mut writer, local);
    let keys = local.keys.as_ref().filter(|(policy, _)| policy.is_on());
    let savp = keys.is_some_and(|(policy, _)| *policy == Policy::Required);
    let says = Says { receive, event: Some(EVENT), noise: None, rtcp_mux: false, savp };
    write_audio(&mut writer, local.port, &says);
    if let Some((_, secret)) = keys {
        crypto::write_all(&mut writer, secret);
    }
    write_end(&mut writer, local.direction);
    writer.finish().ok()
}

/// Writes the answer to the offer that `agreed` was chosen from: as many sections in the same order, those that are
/// not taken with port 0 (RFC 3264 section 6). Gives its length, or none when it does not fit (480 bytes always do, 600 with
/// keys) or there are no keys to answer with.
pub fn answer(agreed: &Agreed, local: &Local, out: &mut [u8]) -> Option<usize> {
    let before = usize::from(agreed.before);
    let profile = &agreed.profile;
    let direction = meet(agreed.mirrored, local.direction);
    let mut writer = Writer::new(out);
    write_session(&mut writer, local);
    for section in agreed.refused().take(before) {
        write_refused(&mut writer, section);
    }
    let &Profile { receive, event_receive: event, noise, .. } = profile;
    let savp = agreed.crypto.is_some_and(|crypto| crypto.savp);
    let says = Says { receive, event, noise, rtcp_mux: agreed.rtcp_mux, savp };
    write_audio(&mut writer, local.port, &says);
    if let Some(crypto) = &agreed.crypto {
        let (_, secret) = local.keys.as_ref()?;
        crypto::write(&mut writer, crypto.tag, &secret.master(crypto.master.suite()));
    }
    write_end(&mut writer, direction);
    for section in agreed.refused().skip(before) {
        write_refused(&mut writer, section);
    }
    writer.finish().ok()
}

fn write_session(writer: &mut Writer<'_>, local: &Local) {
    let session = local.session & (u64::MAX >> 1);
    let version = local.version & (u64::MAX >> 1);
    let family: &[u8] = if local.address.is_ipv4() { b" IN IP4 " } else { b" IN IP6 " };
    writer.bytes(b"v=0").end_line();
    writer.bytes(b"o=- ").number(session).bytes(b" ").number(version);
    writer.bytes(family).bare_ip(local.address).end_line();
    writer.bytes(b"s=-").end_line();
    writer.bytes(b"c=").bytes(family.trim_ascii_start()).bare_ip(local.address).end_line();
    writer.bytes(b"t=0 0").end_line();
}

/// What an audio section says that we take.
struct Says {
    receive: [Option<Format>; 2],
    event: Option<u8>,
    noise: Option<u8>,
    rtcp_mux: bool,
    savp: bool,
}

fn write_audio(writer: &mut Writer<'_>, port: u16, says: &Says) {
    let &Says { receive, event, noise, rtcp_mux, savp } = says;
    let formats = || receive.iter().flatten();
    let protocol: &[u8] = if savp { b" RTP/SAVP" } else { b" RTP/AVP" };
    writer.bytes(b"m=audio ").number(port.into()).bytes(protocol);
    for payload_type in formats().map(|format| format.payload_type).chain(noise).chain(event) {
        writer.bytes(b" ").number(payload_type.into());
    }
    writer.end_line();
    for format in formats() {
        let encoding: &[u8] = match format.law {
            Law::Mu => b" PCMU/8000",
            Law::A => b" PCMA/8000",
        };
        writer.bytes(b"a=rtpmap:").number(format.payload_type.into()).bytes(encoding).end_line();
    }
    if let Some(noise) = noise {
        writer.bytes(b"a=rtpmap:").number(noise.into()).bytes(b" CN/8000").end_line();
    }
    if let Some(event) = event {
        writer.bytes(b"a=rtpmap:").number(event.into()).bytes(b" telephone-event/8000").end_line();
        writer.bytes(b"a=fmtp:").number(event.into()).bytes(b" 0-15").end_line();
    }
    if rtcp_mux {
        writer.bytes(b"a=rtcp-mux").end_line();
    }
}

/// What stands at the end of the section that is taken.
fn write_end(writer: &mut Writer<'_>, direction: Direction) {
    writer.bytes(b"a=ptime:").number(PTIME.into()).end_line();
    writer.bytes(b"a=").bytes(spelling(direction).as_bytes()).end_line();
}

/// A section that is not taken, from `<media> <proto> <fmt>`.
fn write_refused(writer: &mut Writer<'_>, section: &[u8]) {
    let mut halves = section.splitn(2, |&byte| byte == b' ');
    writer.bytes(b"m=").bytes(halves.next().unwrap_or_default()).bytes(b" 0 ");
    writer.bytes(halves.next().unwrap_or_default()).end_line();
}
