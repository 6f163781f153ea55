use core::hint::black_box;

use warmline_core::g711::{self, Law};
use warmline_core::rtp::rtcp::{Compound, Ntp, Packet, ReportBlock, SenderInfo, Writer};
use warmline_core::rtp::tone::{Detector, DualTone};
use warmline_core::rtp::{Digit, Event, Header, Mos, Reception, Seq, Timestamp};
use warmline_core::time::{Duration, Utc};

use super::{Values, see};

pub(super) fn transcode(bytes: &mut [u8]) {
    let flags = Values(bytes).u8();
    let law = |bit| if flags & bit == 0 { Law::Mu } else { Law::A };
    g711::transcode(law(1), law(2), black_box(bytes));
    black_box(law(4).decode(flags));
    black_box(law(4).encode(i16::from(flags)));
    black_box((g711::mu_to_a(flags), g711::a_to_mu(flags)));
}

pub(super) fn header(bytes: &mut [u8]) {
    let Ok(mut header) = Header::parse(bytes) else { return };
    black_box((bytes.get(header.payload()), header.extension(bytes)));
    black_box(header.csrcs(bytes).max());
    header.seq = header.seq.plus(header.seq.since(Seq(header.payload_type.into())).unsigned_abs());
    header.timestamp = header.timestamp.plus(header.timestamp.since(Timestamp(header.ssrc)).unsigned_abs());
    header.write(bytes);
}

pub(super) fn event(bytes: &mut [u8]) {
    let Some(event) = Event::parse(bytes) else { return };
    black_box((event.to_bytes(), event.digit()));
}

pub(super) fn tones(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let law = if values.flag() { Law::Mu } else { Law::A };
    let Some(digit) = Digit::of_key(values.u8()) else { return };
    black_box((digit.code(), digit.key()));
    let mut audio = [0; 160];
    let mut rest = values.rest();
    let mut detector = black_box(Detector::NEW);
    while let Some(heard) = detector.hear(law, &mut rest) {
        see((heard, detector.suspects()));
    }
    see(detector.miss());
    if let Some(mut tone) = DualTone::of(digit) {
        tone.write(law, black_box(&mut audio));
    }
    see(audio);
}

pub(super) fn reception(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let Ok(mut packet) = Header::parse(values.rest()) else { return };
    let mut reception = Reception::new(&packet, values.instant());
    for _ in 0..4 {
        (packet.seq, packet.timestamp) = (Seq(values.u16()), Timestamp(values.u32()));
        black_box(reception.receive(&packet, values.instant()));
    }
    black_box((reception.ssrc(), reception.highest(), reception.duplicates(), reception.reordered()));
    black_box((reception.jitter(), reception.expected(), reception.received(), reception.lost()));
    black_box((reception.mean_jitter(), reception.greatest_jitter(), reception.report()));
    let (jitter, trip) = (Duration::from_micros(values.u64()), Duration::from_micros(values.u64()));
    black_box(Mos::estimate(values.u64(), values.u64(), jitter, trip));
}

pub(super) fn rtcp(bytes: &mut [u8]) {
    let Ok(compound) = Compound::parse(bytes) else { return };
    for packet in compound.packets() {
        match black_box(packet) {
            Packet::SenderReport { info, blocks, .. } => {
                black_box(info.ntp.middle());
                blocks.for_each(see);
            }
            Packet::ReceiverReport { blocks, .. } => blocks.for_each(see),
            Packet::Sdes(items) => items.for_each(see),
            Packet::Bye { .. } | Packet::Other { .. } => {}
        }
    }
}

pub(super) fn rtcp_writer(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let utc = values.flag().then(|| Utc(values.u64().cast_signed()));
    let info = SenderInfo {
        ntp: Ntp::new(values.instant(), utc),
        timestamp: Timestamp(values.u32()),
        packets: values.u32(),
        octets: values.u32(),
    };
    let block = ReportBlock {
        ssrc: values.u32(),
        fraction_lost: values.u8(),
        lost: values.u32().cast_signed(),
        highest: values.u32(),
        jitter: values.u32(),
        last_sr: values.u32(),
        delay: values.u32(),
    };
    let blocks = [block; 2];
    let mut buffer = [0; 256];
    let mut writer = Writer::new(black_box(&mut buffer));
    writer
        .sender_report(values.u32(), &info, black_box(&blocks))
        .receiver_report(values.u32(), black_box(&blocks));
    writer.cname(values.u32(), values.rest()).bye(values.u32());
    black_box(writer.finish());
}
