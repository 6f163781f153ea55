use core::net::{IpAddr, Ipv4Addr};

use warmline_core::g711::Law;
use warmline_core::random::Random;
use warmline_core::rtp::Direction;
use warmline_core::sdp::{self as core_sdp, Local, MAX_MEDIA, Session};
use warmline_core::srtp::{Policy, Secret};

fn local(policy: Policy) -> Local {
    Local {
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        port: 10_000,
        session: 1,
        version: 1,
        direction: Direction::SendRecv,
        keys: Some((policy, Secret::new(&mut Random::new(&[1; 32])))),
    }
}

/// Reads a description, answers it as an offer, and takes it as an answer.
pub fn sdp(data: &[u8]) {
    let Ok(session) = Session::parse(data) else { return };
    assert!(session.media().len() <= MAX_MEDIA);
    session.attributes().for_each(see);
    for media in session.media() {
        see((media.is_audio(), media.address(), media.formats().count(), media.payload_types().count()));
        media.attributes().for_each(see);
    }
    for policy in [Policy::Off, Policy::Allowed, Policy::Required] {
        agree(&session, policy);
    }
}

fn agree(session: &Session<'_>, policy: Policy) {
    see(core_sdp::accept(session, Direction::SendRecv, policy));
    let Ok(agreed) = core_sdp::choose(session, policy) else { return };
    see(agreed.is_held());
    let mut out = [0; 600];
    let len = core_sdp::answer(&agreed, &local(policy), &mut out).expect("600 bytes always do");
    let answer = Session::parse(&out[..len]).expect("our own answer is a description");
    assert_eq!(answer.media().len(), session.media().len(), "as many sections as the offer has");
    assert_eq!(answer.media().iter().filter(|media| media.port != 0).count(), 1);
    if answer.media().len() == 1 && agreed.crypto.is_none() {
        core_sdp::accept(&answer, Direction::SendRecv, policy).expect("what we answer, we would accept");
    }
    let mut out = [0; 720];
    let len = core_sdp::offer(&local(policy), Law::Mu, &mut out).expect("720 bytes always do");
    core_sdp::choose(&Session::parse(&out[..len]).expect("our own offer"), policy)
        .expect("what we offer, we would take");
}

fn see<T>(value: T) {
    core::hint::black_box(value);
}
