use core::net::{IpAddr, Ipv4Addr};

use warmline_core::g711::Law;
use warmline_core::rtp::Direction;
use warmline_core::sdp::{self as core_sdp, Local, MAX_MEDIA, Session};

const LOCAL: Local = Local {
    address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    port: 10_000,
    session: 1,
    version: 1,
    direction: Direction::SendRecv,
};

/// Reads a description, answers it as an offer, and takes it as an answer.
pub fn sdp(data: &[u8]) {
    let Ok(session) = Session::parse(data) else { return };
    assert!(session.media().len() <= MAX_MEDIA);
    session.attributes().for_each(see);
    for media in session.media() {
        see((media.is_audio(), media.address(), media.formats().count(), media.payload_types().count()));
        media.attributes().for_each(see);
    }
    see(core_sdp::accept(&session, Direction::SendRecv));
    let Ok(agreed) = core_sdp::choose(&session) else { return };
    see(agreed.is_held());
    let mut out = [0; 480];
    let len = core_sdp::answer(&agreed, &LOCAL, &mut out).expect("480 bytes always do");
    let answer = Session::parse(&out[..len]).expect("our own answer is a description");
    assert_eq!(answer.media().len(), session.media().len(), "as many sections as the offer has");
    assert_eq!(answer.media().iter().filter(|media| media.port != 0).count(), 1);
    if answer.media().len() == 1 {
        core_sdp::accept(&answer, Direction::SendRecv).expect("what we answer, we would accept");
    }
    let mut out = [0; 320];
    let len = core_sdp::offer(&LOCAL, Law::Mu, &mut out).expect("320 bytes always do");
    core_sdp::choose(&Session::parse(&out[..len]).expect("our own offer"))
        .expect("what we offer, we would take");
}

fn see<T>(value: T) {
    core::hint::black_box(value);
}
