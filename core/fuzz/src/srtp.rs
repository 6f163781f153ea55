use warmline_core::random::Random;
use warmline_core::srtp::{Context, Error, Secret, Security, Suite};

/// Packets of the peer's that nobody has made with its key, and packets of ours that are protected and opened again.
pub fn srtp(data: &[u8]) {
    let Some((&[suite, rtcp], packet)) = data.split_first_chunk() else { return };
    let (suite, rtcp) = (Suite::ALL[usize::from(suite % 4)], rtcp & 1 != 0);
    let [a, b] = [1, 2].map(|seed| Secret::new(&mut Random::new(&[seed; 32])).master(suite));
    let mut here = Context::new(&Security { send: a, receive: b });
    let mut there = Context::new(&Security { send: b, receive: a });
    let mut room = [0; 2048];
    let Some(bytes) = room.get_mut(..packet.len()) else { return };
    bytes.copy_from_slice(packet);
    assert!(there.unprotect(rtcp, bytes).is_err(), "nobody has made it with the key");
    assert_eq!(bytes, packet, "what is refused stays as it was");
    assert!(!there.has_heard());
    // One of a packet's bytes says how much room is left behind it.
    let end = packet.len() + usize::from(packet.last().copied().unwrap_or(0) % 32);
    let Some(buffer) = room.get_mut(..end) else { return };
    let Ok(len) = here.protect(rtcp, buffer, packet.len()) else { return };
    assert!(packet.len() < len && len <= packet.len() + 20);
    let mut again = room;
    let protected = &mut room[..len];
    assert_eq!(there.unprotect(rtcp, protected), Ok(packet.len()));
    assert_eq!(&protected[..packet.len()], packet);
    assert_eq!(there.unprotect(rtcp, &mut again[..len]), Err(Error::Replayed));
}
