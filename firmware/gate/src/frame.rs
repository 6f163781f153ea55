//! Ethernet frames, and UDP datagrams laid into them where they stand.

use core::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, UdpPacket,
};
use warmline_core::relay::TAILROOM;

/// The largest frame in bytes, without its check sequence.
pub const LARGEST: usize = 1514;

/// Bytes of an Ethernet header.
pub const ETHERNET: usize = 14;

/// Bytes of an IPv4 header; those with options are not taken.
pub const IPV4: usize = 20;

/// Bytes of an IPv4 and a UDP header in an Ethernet frame: where a datagram's payload begins.
pub const HEADERS: usize = ETHERNET + IPV4 + 8;

/// Payload that an IPv4 packet of the largest frame carries. Fragments of it begin at multiples of eight bytes.
const FRAGMENT: usize = LARGEST - ETHERNET - IPV4;

const WORDS: usize = (LARGEST + TAILROOM).div_ceil(4);

/// Room for one frame, and for what a packet in it may grow by. It stands on a word, as drivers move words.
#[derive(Debug)]
pub struct Frame([u32; WORDS]);

impl Frame {
    /// All zero.
    pub const EMPTY: Self = Self([0; WORDS]);

    /// Its bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }

    /// Its bytes as words; the first byte of each is its lowest.
    pub fn words(&mut self) -> &mut [u32] {
        &mut self.0
    }
}

/// What a datagram carries, which says how routers on its way should treat it (RFC 4594).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// SIP.
    Signalling,
    /// RTP and RTCP.
    Media,
}

impl Class {
    const fn dscp(self) -> u8 {
        match self {
            Self::Signalling => 40, // CS5, RFC 4594 section 4.2
            Self::Media => 46,      // EF, section 4.1
        }
    }
}

/// A UDP datagram on its way out.
#[derive(Clone, Copy, Debug)]
pub struct Datagram {
    /// Our address and port.
    pub from: SocketAddrV4,
    /// Whose it is.
    pub to: SocketAddrV4,
    /// What it carries.
    pub class: Class,
    /// Tells its fragments from those of others (RFC 791 section 3.2).
    pub ident: u16,
}

/// A station's and the next hop's hardware address.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Ours.
    pub from: EthernetAddress,
    /// The next hop's.
    pub to: EthernetAddress,
}

impl Datagram {
    /// Sends the `len` bytes of payload that begin at [`HEADERS`] of `room`, in as many frames as it takes. Headers
    /// are written in front of what they head, over what has been sent already. Says whether `send` took every frame.
    ///
    /// # Panics
    /// When `room` is shorter than the headers and `len`, or `len` is more than a datagram can be.
    pub fn send(self, link: Link, room: &mut [u8], len: usize, mut send: impl FnMut(&[u8]) -> bool) -> bool {
        let room = &mut room[..HEADERS + len];
        self.head(&mut room[ETHERNET + IPV4..]);
        let whole = 8 + len;
        let mut at = 0;
        while at < whole {
            let size = (whole - at).min(FRAGMENT);
            let frame = &mut room[at..at + ETHERNET + IPV4 + size];
            self.envelope(link, frame, at, at + size < whole);
            if !send(frame) {
                return false;
            }
            at += FRAGMENT;
        }
        true
    }

    /// Writes the UDP header of `datagram` (RFC 768).
    fn head(&self, datagram: &mut [u8]) {
        let len = datagram.len();
        let mut udp = UdpPacket::new_unchecked(datagram);
        udp.set_src_port(self.from.port());
        udp.set_dst_port(self.to.port());
        udp.set_len(u16::try_from(len).expect("a datagram is at most 64 KiB"));
        udp.fill_checksum(&IpAddress::Ipv4(*self.from.ip()), &IpAddress::Ipv4(*self.to.ip()));
    }

    /// Writes the Ethernet and the IPv4 header of `frame`, whose payload stands at `offset` of the datagram.
    fn envelope(&self, link: Link, frame: &mut [u8], offset: usize, more: bool) {
        let mut ethernet = EthernetFrame::new_unchecked(frame);
        ethernet.set_src_addr(link.from);
        ethernet.set_dst_addr(link.to);
        ethernet.set_ethertype(EthernetProtocol::Ipv4);
        let packet = ethernet.payload_mut();
        let len = u16::try_from(packet.len()).expect("a frame is at most 1,514 bytes");
        let mut ip = Ipv4Packet::new_unchecked(packet);
        ip.set_version(4);
        ip.set_header_len(IPV4 as u8);
        ip.set_dscp(self.class.dscp());
        ip.set_ecn(0);
        ip.set_total_len(len);
        ip.set_ident(self.ident);
        ip.clear_flags();
        ip.set_more_frags(more);
        ip.set_frag_offset(offset as u16);
        ip.set_hop_limit(64);
        ip.set_next_header(IpProtocol::Udp);
        ip.set_src_addr(*self.from.ip());
        ip.set_dst_addr(*self.to.ip());
        ip.fill_checksum();
    }
}

/// A UDP datagram that came, whole, in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Who sent it.
    pub from: SocketAddrV4,
    /// The port it is for.
    pub port: u16,
    /// How many bytes of payload begin at [`HEADERS`].
    pub len: usize,
}

impl Arrived {
    /// Reads a frame that is known to be UDP over IPv4 without options or fragments. None when its lengths
    /// contradict each other or its checksum does not fit.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let ip = Ipv4Packet::new_checked(frame.get(ETHERNET..)?).ok()?;
        let udp = UdpPacket::new_checked(ip.payload()).ok()?;
        let (source, destination) = (ip.src_addr(), ip.dst_addr());
        if !udp.verify_checksum(&IpAddress::Ipv4(source), &IpAddress::Ipv4(destination)) {
            return None;
        }
        Some(Self {
            from: SocketAddrV4::new(source, udp.src_port()),
            port: udp.dst_port(),
            len: udp.payload().len(),
        })
    }
}

/// Whether an address is one host's.
pub fn is_unicast(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast() || address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: Link =
        Link { from: EthernetAddress([2, 0, 0, 0, 0, 1]), to: EthernetAddress([2, 0, 0, 0, 0, 2]) };

    fn datagram() -> Datagram {
        Datagram {
            from: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 5060),
            to: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 5070),
            class: Class::Signalling,
            ident: 7,
        }
    }

    fn frames(len: usize) -> Vec<Vec<u8>> {
        let mut room: Vec<u8> = (0..HEADERS + len).map(|at| (at - HEADERS.min(at)) as u8).collect();
        let mut frames = Vec::new();
        let sent = datagram().send(LINK, &mut room, len, |frame| {
            frames.push(frame.to_vec());
            true
        });
        assert!(sent);
        frames
    }

    #[test]
    fn a_short_datagram_is_one_frame_that_reads_back() {
        let frames = frames(200);
        assert_eq!(frames.len(), 1);
        assert_eq!(&frames[0][..14], &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
        let arrived = Arrived::read(&frames[0]).expect("it is whole");
        assert_eq!(arrived, Arrived { from: datagram().from, port: 5070, len: 200 });
        assert!(Ipv4Packet::new_unchecked(&frames[0][ETHERNET..]).verify_checksum());
        for at in ETHERNET..frames[0].len() {
            let mut bad = frames[0].clone();
            bad[at] ^= 0x10;
            // Neither header length, nor the fields that only the IP header's own checksum guards.
            let guarded = at >= ETHERNET + 12;
            assert!(!guarded || Arrived::read(&bad).is_none(), "byte {at}");
        }
    }

    #[test]
    fn a_long_datagram_is_put_together_again() {
        for len in [1472, 1473, 4096] {
            let frames = frames(len);
            assert_eq!(frames.len(), (len + 8).div_ceil(1480));
            let mut whole = Vec::new();
            for (place, frame) in frames.iter().enumerate() {
                let ip = Ipv4Packet::new_checked(&frame[ETHERNET..]).expect("a packet");
                assert!(ip.verify_checksum());
                assert_eq!(usize::from(ip.frag_offset()), whole.len());
                assert_eq!(ip.more_frags(), place + 1 < frames.len());
                assert_eq!(ip.ident(), 7);
                whole.extend_from_slice(ip.payload());
            }
            let udp = UdpPacket::new_checked(&whole[..]).expect("a datagram");
            let (from, to) = (datagram().from, datagram().to);
            assert!(udp.verify_checksum(&IpAddress::Ipv4(*from.ip()), &IpAddress::Ipv4(*to.ip())));
            assert!(udp.payload().iter().enumerate().all(|(at, &byte)| byte == at as u8));
            assert_eq!(udp.payload().len(), len);
        }
    }
}
