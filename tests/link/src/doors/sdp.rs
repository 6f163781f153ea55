use core::hint::black_box;

use warmline_core::g711::Law;
use warmline_core::random::Random;
use warmline_core::rtp::Direction;
use warmline_core::sdp::{self, Local, Session};
use warmline_core::srtp::{Policy, Secret};

use super::Values;

pub(super) fn parse(bytes: &mut [u8]) {
    let Ok(session) = Session::parse(bytes) else { return };
    for attribute in session.attributes() {
        black_box(attribute);
    }
    for media in session.media() {
        black_box((media.is_audio(), media.address()));
        black_box(media.formats().count());
        black_box(media.payload_types().max());
        for attribute in media.attributes() {
            black_box(attribute);
        }
    }
}

pub(super) fn negotiate(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let direction = if values.flag() { Direction::SendRecv } else { Direction::SendOnly };
    let policy = match values.u8() % 3 {
        0 => Policy::Off,
        1 => Policy::Allowed,
        _ => Policy::Required,
    };
    let local = Local {
        address: values.address(),
        port: values.u16(),
        session: values.u64(),
        version: values.u64(),
        direction: black_box(direction),
        keys: values.flag().then(|| (policy, Secret::new(&mut Random::new(&[values.u8(); 32])))),
    };
    let mut out = [0; 720];
    let first = if values.flag() { Law::Mu } else { Law::A };
    black_box(sdp::offer(&local, first, black_box(&mut out)));
    let Ok(session) = Session::parse(values.rest()) else { return };
    if let Ok(agreed) = black_box(sdp::choose(&session, policy)) {
        black_box(agreed.is_held());
        black_box(sdp::answer(&agreed, &local, black_box(&mut out)));
        black_box(sdp::accept_again(&session, &agreed)).ok();
    }
    black_box(sdp::accept(&session, local.direction, policy)).ok();
}
