use core::hint::black_box;

use warmline_core::rtp::rtcp::{Compound, Packet};
use warmline_core::rtp::{Event, Header, Reception};
use warmline_core::time::Instant;

/// Reads an RTP packet and writes its header over; then takes the bytes for a series of packets.
pub fn rtp(data: &[u8]) {
    if let Ok(header) = Header::parse(data) {
        let payload = data.get(header.payload()).expect("the payload lies in the packet");
        black_box((header.extension(data), header.csrcs(data).count(), Event::parse(payload)));
        let fixed = data.first_chunk::<12>().expect("a header has 12 bytes at least");
        let mut copy = *fixed;
        header.write(&mut copy);
        assert_eq!(&copy, fixed, "what was read is what is written");
    }
    let mut reception: Option<Reception> = None;
    for (number, chunk) in data.chunks(12).enumerate() {
        let Ok(header) = Header::parse(chunk) else { continue };
        let arrival = Instant::from_micros(number as u64 * 20_000);
        match &mut reception {
            Some(reception) => {
                black_box(reception.receive(&header, arrival));
                black_box((reception.lost(), reception.jitter(), reception.report()));
            }
            None => reception = Some(Reception::new(&header, arrival)),
        }
    }
}

/// Reads everything there is in a compound RTCP packet.
pub fn rtcp(data: &[u8]) {
    let Ok(compound) = Compound::parse(data) else { return };
    for packet in compound.packets() {
        match packet {
            Packet::SenderReport { info, blocks, .. } => {
                black_box((info.ntp.middle(), blocks.count()));
            }
            Packet::ReceiverReport { blocks, .. } => assert!(blocks.count() <= 31),
            Packet::Sdes(items) => assert!(items.count() <= data.len()),
            Packet::Bye { .. } | Packet::Other { .. } => {}
        }
    }
}
