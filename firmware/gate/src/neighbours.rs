//! Which hardware address an IPv4 address of our network has (RFC 826), for what leaves past the IP stack.
//!
//! The stack keeps a cache of its own for its sockets. It holds back a whole socket while one neighbour is silent, so
//! that a telephone that was switched off would silence everybody; here each neighbour is asked for by itself.

use core::net::Ipv4Addr;

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol};
use warmline_core::time::{Duration, Instant};

use crate::frame::{ETHERNET, Frame};

/// How many neighbours are known at once.
const PLACES: usize = 32;

/// How many frames wait for their neighbour's address: the latest of as many neighbours (RFC 1122 section 2.3.2.2).
const PARKED: usize = 2;

/// After how long without a sign of life a neighbour is asked for again, while it is still believed in.
const FRESH: Duration = Duration::from_secs(60);

/// After how long without one it is believed in no more.
const STALE: Duration = Duration::from_secs(90);

/// The shortest time between two questions for one neighbour (RFC 1122 section 2.3.2.1).
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Bytes of an ARP packet in an Ethernet frame.
pub const ARP: usize = ETHERNET + 28;

#[derive(Clone, Copy, Debug)]
struct Neighbour {
    address: Ipv4Addr,
    /// None while it has never answered.
    hardware: Option<EthernetAddress>,
    /// When it last gave a sign of life, or was first asked for.
    heard: Instant,
    asked: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    /// Whom it waits for; none where no frame waits.
    next: Option<Ipv4Addr>,
    len: usize,
    frame: Frame,
}

/// The neighbours, and the frames that wait for one.
#[derive(Debug)]
pub struct Neighbours {
    known: heapless::Vec<Neighbour, PLACES>,
    parked: [Waiting; PARKED],
    /// Which place is given up next.
    turn: usize,
}

/// What is known of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its hardware address.
    pub hardware: Option<EthernetAddress>,
    /// Whether it is to be asked for now.
    pub ask: bool,
}

impl Neighbours {
    /// Nobody.
    pub const fn new() -> Self {
        const NONE: Waiting = Waiting { next: None, len: 0, frame: Frame::EMPTY };
        Self { known: heapless::Vec::new(), parked: [NONE; PARKED], turn: 0 }
    }

    /// What is known of the neighbour at `address`. When it says to ask, this counts as asked.
    pub fn find(&mut self, now: Instant, address: Ipv4Addr) -> Found {
        let neighbour = self.place(now, address);
        let silent = now.since(neighbour.heard);
        if silent > STALE {
            neighbour.hardware = None;
        }
        let due = neighbour.asked.is_none_or(|asked| now.since(asked) >= ASK_EVERY);
        let ask = due && (neighbour.hardware.is_none() || silent > FRESH);
        if ask {
            neighbour.asked = Some(now);
        }
        Found { hardware: neighbour.hardware, ask }
    }

    /// Takes over what an ARP packet for us says of its sender.
    pub fn learn(&mut self, now: Instant, address: Ipv4Addr, hardware: EthernetAddress) {
        let neighbour = self.place(now, address);
        neighbour.hardware = Some(hardware);
        neighbour.heard = now;
    }

    /// Notes that a neighbour lives, where what it sent comes from the address that is known.
    pub fn heard(&mut self, now: Instant, address: Ipv4Addr, hardware: EthernetAddress) {
        let mut known = self.known.iter_mut();
        if let Some(neighbour) =
            known.find(|known| known.address == address && known.hardware == Some(hardware))
        {
            neighbour.heard = now;
        }
    }

    /// Keeps a frame until its neighbour is known. It takes the place of an earlier one for the same neighbour, or else
    /// of the oldest; says whether a frame was lost by that.
    pub fn park(&mut self, next: Ipv4Addr, frame: &[u8]) -> bool {
        let same = self.parked.iter().position(|parked| parked.next == Some(next));
        let free = self.parked.iter().position(|parked| parked.next.is_none());
        let place = same.or(free).unwrap_or_else(|| {
            self.turn = (self.turn + 1) % PARKED;
            self.turn
        });
        let place = &mut self.parked[place];
        let lost = place.next.replace(next).is_some();
        place.len = frame.len();
        place.frame.bytes()[..frame.len()].copy_from_slice(frame);
        lost
    }

    /// Gives the frame that waits for `next`, addressed to it.
    pub fn release(&mut self, next: Ipv4Addr, hardware: EthernetAddress) -> Option<&[u8]> {
        let place = self.parked.iter_mut().find(|parked| parked.next == Some(next))?;
        place.next = None;
        let frame = &mut place.frame.bytes()[..place.len];
        EthernetFrame::new_unchecked(&mut frame[..]).set_dst_addr(hardware);
        Some(frame)
    }

    fn place(&mut self, now: Instant, address: Ipv4Addr) -> &mut Neighbour {
        let fresh = Neighbour { address, hardware: None, heard: now, asked: None };
        let place = match self.known.iter().position(|known| known.address == address) {
            Some(place) => place,
            None => match self.known.push(fresh) {
                Ok(()) => self.known.len() - 1,
                Err(_) => {
                    let oldest = (0..self.known.len()).min_by_key(|&place| self.known[place].heard);
                    let oldest = oldest.unwrap_or_default();
                    self.known[oldest] = fresh;
                    oldest
                }
            },
        };
        &mut self.known[place]
    }
}

impl Default for Neighbours {
    fn default() -> Self {
        Self::new()
    }
}

/// The frame that asks everybody who has `address`.
pub fn question(ours: EthernetAddress, our: Ipv4Addr, address: Ipv4Addr) -> [u8; ARP] {
    let mut frame = [0; ARP];
    let mut ethernet = EthernetFrame::new_unchecked(&mut frame[..]);
    ethernet.set_src_addr(ours);
    ethernet.set_dst_addr(EthernetAddress::BROADCAST);
    ethernet.set_ethertype(EthernetProtocol::Arp);
    let question = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: ours,
        source_protocol_addr: our,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: address,
    };
    question.emit(&mut ArpPacket::new_unchecked(ethernet.payload_mut()));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
    const HARDWARE: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 9]);

    const fn at(seconds: u64) -> Instant {
        Instant::ZERO.after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_neighbour_is_asked_for_once_a_second_until_it_answers() {
        let mut neighbours = Neighbours::new();
        assert_eq!(neighbours.find(at(0), PHONE), Found { hardware: None, ask: true });
        assert_eq!(neighbours.find(at(0), PHONE), Found { hardware: None, ask: false });
        assert_eq!(neighbours.find(at(1), PHONE), Found { hardware: None, ask: true });
        neighbours.learn(at(2), PHONE, HARDWARE);
        assert_eq!(neighbours.find(at(3), PHONE), Found { hardware: Some(HARDWARE), ask: false });
    }

    #[test]
    fn a_silent_neighbour_is_asked_again_and_then_forgotten() {
        let mut neighbours = Neighbours::new();
        neighbours.learn(at(0), PHONE, HARDWARE);
        neighbours.heard(at(30), PHONE, HARDWARE);
        neighbours.heard(at(50), PHONE, EthernetAddress([2, 0, 0, 0, 0, 66]));
        assert_eq!(neighbours.find(at(90), PHONE), Found { hardware: Some(HARDWARE), ask: false });
        assert_eq!(neighbours.find(at(91), PHONE), Found { hardware: Some(HARDWARE), ask: true });
        assert_eq!(neighbours.find(at(121), PHONE), Found { hardware: None, ask: true });
    }

    #[test]
    fn the_latest_frame_waits_for_its_neighbour() {
        let mut neighbours = Neighbours::new();
        let other = Ipv4Addr::new(192, 0, 2, 8);
        assert!(!neighbours.park(PHONE, &[1; 60]));
        assert!(neighbours.park(PHONE, &[2; 70]), "the first is lost");
        assert!(!neighbours.park(other, &[3; 60]));
        assert!(neighbours.park(Ipv4Addr::new(192, 0, 2, 7), &[4; 60]), "no place is left");
        let released = [PHONE, other].map(|next| neighbours.release(next, HARDWARE).map(<[u8]>::to_vec));
        assert_eq!(released.iter().flatten().count(), 1);
        let frame = released.into_iter().flatten().next().expect("one is left");
        assert_eq!(&frame[..6], HARDWARE.as_bytes());
        assert!(frame[6..].iter().all(|&byte| byte == frame[6]));
    }

    #[test]
    fn more_neighbours_than_places_push_out_the_one_heard_longest_ago() {
        let mut neighbours = Neighbours::new();
        for last in 0..=PLACES as u8 {
            neighbours.learn(at(u64::from(last)), Ipv4Addr::new(192, 0, 2, last), HARDWARE);
        }
        assert_eq!(neighbours.find(at(40), Ipv4Addr::new(192, 0, 2, 0)).hardware, None);
        assert_eq!(neighbours.find(at(40), Ipv4Addr::new(192, 0, 2, PLACES as u8)).hardware, Some(HARDWARE));
    }

    #[test]
    fn the_question_is_what_rfc_826_says() {
        let frame = question(HARDWARE, PHONE, Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(
            &frame[..22],
            b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x09\x08\x06\0\x01\x08\0\x06\x04\0\x01"
        );
        assert_eq!(&frame[22..], b"\x02\0\0\0\0\x09\xc0\0\x02\x09\0\0\0\0\0\0\xc0\0\x02\x01");
    }
}
