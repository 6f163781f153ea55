//! The door: which frames may come in at all, by what stands in their first bytes.
//!
//! Nothing that a stranger sends is copied, parsed further or answered. SIP and what IP itself needs go to the IP
//! stack, RTP and RTCP past it to the relay, which knows each peer's address.

use core::net::{IpAddr, Ipv4Addr};

use smoltcp::wire::{
    ArpPacket, EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, UdpPacket,
};
use warmline_core::filter::{self, Range};
use warmline_core::image::MAX_LISTENERS;
use warmline_core::reason::Reason;

use crate::frame::{ETHERNET, HEADERS, IPV4, is_unicast};

/// How many bytes of a frame the door wants to see; all of a shorter one.
pub const HEAD: usize = 44;

/// The ports of DHCP (RFC 2131 section 4.1) and DNS (RFC 1035 section 4.2.1).
const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DNS: u16 = 53;
const NTP: u16 = warmline_core::sntp::PORT;

/// How many DNS servers are asked.
pub const RESOLVERS: usize = 3;

/// The network as we stand in it.
#[derive(Clone, Debug)]
pub struct Ground<'c> {
    /// Our hardware address.
    pub hardware: EthernetAddress,
    /// Our address; unspecified until there is one.
    pub address: Ipv4Addr,
    /// How many leading bits of it are the network's.
    pub prefix: u8,
    /// Who takes what is for other networks.
    pub gateway: Option<Ipv4Addr>,
    /// Who is asked for names.
    pub resolvers: heapless::Vec<Ipv4Addr, RESOLVERS>,
    /// Who is asked for the time.
    pub ntp: Option<Ipv4Addr>,
    /// Whether our address is leased.
    pub dhcp: bool,
    /// Who may speak ([`Config::sources`](warmline_core::config::Config::sources)).
    pub sources: &'c [Range],
    /// The ports where we listen to SIP.
    pub listeners: heapless::Vec<u16, MAX_LISTENERS>,
    /// The first and the last port of media.
    pub media: (u16, u16),
}

/// Where a frame goes that may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the IP stack.
    Stack,
    /// To the IP stack; it is ARP.
    Arp,
    /// To the relay.
    Media,
}

impl Ground<'_> {
    /// A network that nothing is known of yet.
    pub const fn unsettled(hardware: EthernetAddress, dhcp: bool) -> Self {
        Self {
            hardware,
            address: Ipv4Addr::UNSPECIFIED,
            prefix: 0,
            gateway: None,
            resolvers: heapless::Vec::new(),
            ntp: None,
            dhcp,
            sources: &[],
            listeners: heapless::Vec::new(),
            media: (1, 0),
        }
    }

    /// Judges a frame by its first [`HEAD`] bytes.
    ///
    /// # Errors
    /// Why it stays outside.
    pub fn judge(&self, head: &[u8]) -> Result<Way, Reason> {
        let frame = EthernetFrame::new_checked(head).map_err(|_| Reason::FrameMalformed)?;
        if frame.dst_addr().is_unicast() && frame.dst_addr() != self.hardware {
            return Err(Reason::NotForUs);
        }
        match frame.ethertype() {
            EthernetProtocol::Arp => self.judge_arp(frame.payload()),
            EthernetProtocol::Ipv4 => self.judge_ipv4(head.get(ETHERNET..).unwrap_or_default()),
            _ => Err(Reason::ProtocolNotSpoken),
        }
    }

    /// Where a packet for `address` is handed to; none when it cannot be reached.
    pub fn next_hop(&self, address: Ipv4Addr) -> Option<Ipv4Addr> {
        if self.is_near(address) { Some(address) } else { self.gateway }
    }

    /// Whether an address is in our own network.
    pub fn is_near(&self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
        (address.to_bits() ^ self.address.to_bits()) & mask == 0
    }

    /// Questions for us, answers to us, and what somebody says of itself.
    fn judge_arp(&self, packet: &[u8]) -> Result<Way, Reason> {
        let packet = ArpPacket::new_checked(packet).map_err(|_| Reason::FrameMalformed)?;
        let asked = packet.target_protocol_addr();
        let ours = asked == self.address.octets() && !self.address.is_unspecified();
        if ours || asked == packet.source_protocol_addr() { Ok(Way::Arp) } else { Err(Reason::NotForUs) }
    }

    fn judge_ipv4(&self, head: &[u8]) -> Result<Way, Reason> {
        if head.len() < IPV4 {
            return Err(Reason::FrameMalformed);
        }
        let packet = Ipv4Packet::new_unchecked(head);
        if packet.version() != 4 || usize::from(packet.total_len()) < IPV4 {
            return Err(Reason::FrameMalformed);
        }
        // Options are of no use to a telephone.
        if usize::from(packet.header_len()) != IPV4 {
            return Err(Reason::ProtocolNotSpoken);
        }
        let (source, fragment) = (packet.src_addr(), packet.frag_offset() != 0 || packet.more_frags());
        let ours = packet.dst_addr() == self.address && !self.address.is_unspecified();
        let protocol = packet.next_header();
        if protocol == IpProtocol::Udp && packet.frag_offset() == 0 {
            let ports = head.get(IPV4..IPV4 + 4).ok_or(Reason::FrameMalformed)?;
            let udp = UdpPacket::new_unchecked(ports);
            return self.judge_udp(source, ours, fragment, udp.src_port(), udp.dst_port());
        }
        if !ours {
            return Err(Reason::NotForUs);
        }
        match protocol {
            // The ports stood in the first fragment: whoever may speak here may go on.
            IpProtocol::Udp | IpProtocol::Icmp => self.knows(source).map(|()| Way::Stack),
            _ => Err(Reason::ProtocolNotSpoken),
        }
    }

    fn judge_udp(
        &self,
        source: Ipv4Addr,
        ours: bool,
        fragment: bool,
        from: u16,
        to: u16,
    ) -> Result<Way, Reason> {
        if self.dhcp && from == DHCP_SERVER && to == DHCP_CLIENT {
            return Ok(Way::Stack);
        }
        if !ours {
            return Err(Reason::NotForUs);
        }
        if !is_unicast(source) {
            return Err(Reason::UnknownSource);
        }
        if (self.media.0..=self.media.1).contains(&to) {
            return if fragment { Err(Reason::MediaFragmented) } else { Ok(Way::Media) };
        }
        if self.listeners.contains(&to) {
            return self.knows(source).map(|()| Way::Stack);
        }
        let asked = match from {
            DNS => self.resolvers.contains(&source),
            NTP => self.ntp == Some(source),
            _ => false,
        };
        if asked { Ok(Way::Stack) } else { Err(Reason::NoListener) }
    }

    fn knows(&self, source: Ipv4Addr) -> Result<(), Reason> {
        let known = filter::lookup(self.sources, 0, IpAddr::V4(source)).is_some();
        if known { Ok(()) } else { Err(Reason::UnknownSource) }
    }
}

// A frame without payload still has these.
const _: () = assert!(HEAD >= HEADERS);
