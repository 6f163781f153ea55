//! Frames at a board's door.

use core::net::{IpAddr, Ipv4Addr};

use warmline_core::filter::{Prefix, Range};
use warmline_gate::EthernetAddress;
use warmline_gate::door::{Ground, HEAD, Way};
use warmline_gate::frame::{Arrived, HEADERS, is_unicast};

/// A frame. What the door lets in for the relay is a whole datagram, or is known to be none.
pub fn frame(data: &[u8]) {
    let peer = Prefix { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)), length: 24 };
    let sources = [Range::new(0, peer, 0)];
    let ground = Ground {
        address: Ipv4Addr::new(192, 0, 2, 1),
        prefix: 24,
        sources: &sources,
        listeners: [5060].into_iter().collect(),
        media: (20_000, 20_127),
        ..Ground::unsettled(EthernetAddress([2, 0, 0, 0, 0, 1]), true)
    };
    let way = ground.judge(data.get(..HEAD).unwrap_or(data));
    if way == Ok(Way::Media)
        && let Some(arrived) = Arrived::read(data)
    {
        assert!(HEADERS + arrived.len <= data.len(), "more payload than there is");
        assert!((20_000..=20_127).contains(&arrived.port), "another port than the door saw");
        assert!(is_unicast(*arrived.from.ip()), "nobody's address");
    }
}
