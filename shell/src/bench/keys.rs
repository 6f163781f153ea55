//! The keys that sessions are protected with, where they are: each side's of each session are its own.

use warmline_core::random::Random;
use warmline_core::relay::Side;
use warmline_core::srtp::{Context, Secret, Security, Suite};

/// What a relay protects one side of a session with. They are no secrets: nothing but the benchmark's own noise goes by them.
pub(super) fn security(suite: Suite, session: usize, side: Side) -> Security {
    let master = |who: u8| {
        let mut seed = [who; 32];
        seed.iter_mut().zip(session.to_be_bytes()).for_each(|(to, from)| *to = from);
        Secret::new(&mut Random::new(&seed)).master(suite)
    };
    let side = side.index() as u8;
    Security { send: master(2 * side), receive: master(2 * side + 1) }
}

/// The same from where the peer stands.
pub(super) fn peer_context(suite: Suite, session: usize, side: Side) -> Context {
    let Security { send, receive } = security(suite, session, side);
    Context::new(&Security { send: receive, receive: send })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_protects_the_other_reads_and_no_other_session() {
        for suite in Suite::ALL {
            let mut relay = Context::new(&security(suite, 300, Side::B));
            let mut peer = peer_context(suite, 300, Side::B);
            let mut packet = [0x80; 64];
            let len = relay.protect_rtp(&mut packet, 40).expect("it can be protected");
            let mut copy = packet;
            assert!(peer_context(suite, 44, Side::B).unprotect_rtp(&mut copy[..len]).is_err());
            assert!(peer_context(suite, 300, Side::A).unprotect_rtp(&mut copy[..len]).is_err());
            assert_eq!(peer.unprotect_rtp(&mut packet[..len]), Ok(40));
            assert_eq!(packet[..40], [0x80; 40]);
        }
    }
}
