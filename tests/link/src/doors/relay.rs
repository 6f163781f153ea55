use core::hint::black_box;

use warmline_core::clip::{ClipId, Clips};
use warmline_core::g711::Law;
use warmline_core::memory::{Slot, TimerSlot};
use warmline_core::relay::{
    Control, Country, Door, Name, Output, Peer, Play, Relay, Side, Storage, StreamId, Taped, Tone, Verdict,
};
use warmline_core::rtp::{Digit, Direction, Format, Profile};
use warmline_core::srtp::{Master, Security, Suite};
use warmline_core::time::{Duration, Utc};

use super::{Values, see};

pub(super) fn relay(bytes: &mut [u8]) {
    let mut doors = [Door::EMPTY; 8];
    let mut names = [Name::EMPTY; 4];
    let mut streams = [const { Slot::EMPTY }; 2];
    let mut thirds = [const { Slot::EMPTY }; 1];
    let mut contexts = [const { Slot::EMPTY }; 2];
    let mut keypads = [const { Slot::EMPTY }; 2];
    let mut packers = [const { Slot::EMPTY }; 2];
    let mut tapes = [const { Slot::EMPTY }; 1];
    let mut taped = [Taped::EMPTY];
    let mut timers = [TimerSlot::EMPTY; 2];
    let (head, packet) = bytes.split_at_mut_checked(512).unwrap_or_default();
    let mut values = Values(head);
    let clip = values.array::<64>();
    let clip = black_box(&clip[..]);
    let storage = Storage {
        first_port: values.u16(),
        doors: black_box(&mut doors),
        names: black_box(&mut names),
        streams: black_box(&mut streams),
        thirds: black_box(&mut thirds),
        contexts: black_box(&mut contexts),
        keypads: black_box(&mut keypads),
        packers: black_box(&mut packers),
        tapes: black_box(&mut tapes),
        taped: black_box(&mut taped),
        timers: black_box(&mut timers),
    };
    let mut relay = Relay::new(storage, &values.array());
    for _ in 0..8 {
        relay.control(values.instant(), control(&mut values));
        let (now, port, from, len) = (values.instant(), values.u16(), values.socket(), values.u16());
        match relay.forward(now, port, from, packet, len.into()) {
            Verdict::Send(hop) => see(hop),
            Verdict::Drop(reason) => see(reason),
            Verdict::Taken => {}
        }
        see(relay.deadline());
        let utc = values.flag().then(|| Utc(values.u64().cast_signed()));
        for _ in 0..8 {
            match relay.poll(values.instant(), utc, &Clip(clip), packet) {
                Output::Send(hop) => see(hop),
                Output::Report(report) => see(report),
                Output::Wait(until) => {
                    see(until);
                    break;
                }
            }
        }
    }
    if let Some(taped) = relay.taped() {
        see((taped.stream(), taped.channel(), taped.position(), taped.law(), taped.audio()));
    }
    see((relay.counters(), relay.streams(), relay.untaped()));
}

fn control(values: &mut Values<'_>) -> Control {
    let stream = StreamId { index: values.u32(), generation: values.u32() };
    match values.u8() % 13 {
        11 => Control::Secure { stream, side: side(values), security: security(values) },
        10 => match Digit::of_code(values.u8() % 16) {
            Some(digit) => Control::Press {
                stream,
                side: side(values),
                digit,
                duration: Duration::from_micros(values.u64()),
            },
            None => Control::Close { stream },
        },
        0 => Control::Open { stream, ports: [values.u16(), values.u16()] },
        1 => Control::Close { stream },
        2 => Control::Join { stream, side: side(values), port: values.u16() },
        3 => Control::Part { stream, side: side(values) },
        4 => Control::Bridge { stream, pair: values.flag().then(|| [side(values), side(values)]) },
        5 => Control::Play { stream, side: side(values), what: play(values) },
        6 => Control::Stop { stream, side: side(values) },
        8 => Control::Record { stream, side: side(values) },
        7 => Control::Learn { stream, side: side(values), source: values.socket() },
        _ => Control::Point { stream, side: side(values), peer: peer(values) },
    }
}

/// The only clip there is.
struct Clip<'c>(&'c [u8]);

impl Clips for Clip<'_> {
    fn audio(&self, clip: ClipId) -> Option<&[u8]> {
        (clip.0 & 1 == 0).then_some(self.0)
    }
}

fn play(values: &mut Values<'_>) -> Play {
    if values.flag() {
        return Play::Clip { clip: ClipId(values.u32()), looped: values.flag() };
    }
    let tone = match values.u8() % 3 {
        0 => Tone::Ringback,
        1 => Tone::Busy,
        _ => Tone::Congestion,
    };
    Play::Tone { tone, country: Country::of(&values.array::<2>()) }
}

fn side(values: &mut Values<'_>) -> Side {
    Side::ALL[usize::from(values.u8() % 3)]
}

fn peer(values: &mut Values<'_>) -> Peer {
    let direction = match values.u8() % 4 {
        0 => Direction::SendRecv,
        1 => Direction::SendOnly,
        2 => Direction::RecvOnly,
        _ => Direction::Inactive,
    };
    let profile = Profile {
        send: format(values),
        receive: [values.flag().then(|| format(values)), values.flag().then(|| format(values))],
        event_send: values.flag().then(|| values.u8()),
        event_receive: values.flag().then(|| values.u8()),
        noise: values.flag().then(|| values.u8()),
        ptime: values.u8(),
    };
    Peer {
        learns: values.flag(),
        silence: values.flag().then(|| Duration::from_micros(values.u64())),
        ..Peer::new(values.socket(), values.socket(), profile, direction)
    }
}

fn security(values: &mut Values<'_>) -> Option<Security> {
    let suite = Suite::ALL[usize::from(values.u8() % 4)];
    let mut master = || {
        let bytes = values.array::<44>();
        Master::new(suite, bytes.get(..suite.master_len())?)
    };
    Some(Security { send: master()?, receive: master()? })
}

fn format(values: &mut Values<'_>) -> Format {
    let law = if values.flag() { Law::Mu } else { Law::A };
    Format { payload_type: values.u8(), law }
}
