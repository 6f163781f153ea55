//! RTP and RTCP against bytes from elsewhere.

use std::path::{Path, PathBuf};
use std::vec::Vec;

use warmline_core::rtp::{Digit, Event, Header, Reception, Timestamp, rtcp};
use warmline_core::time::{Duration, Instant};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora");

/// The folder, or a line that says which test did not run.
fn folder(name: &str, test: &str) -> Option<PathBuf> {
    let path = Path::new(FOLDER).join(name);
    if !path.exists() {
        println!("not run: {test}: ../shared/corpora is not there");
        return None;
    }
    Some(path)
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn jitter_is_as_computed_elsewhere() {
    let Some(folder) = folder("rtp-vectors", "jitter_is_as_computed_elsewhere") else { return };
    let mut series = 0;
    for (name, bytes) in files(&folder) {
        if !name.starts_with("jitter_") || name == "jitter_summary.tsv" {
            continue;
        }
        series += 1;
        let mut reception: Option<Reception> = None;
        for line in core::str::from_utf8(&bytes).unwrap().lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            let arrival = Instant::from_micros((fields[0].parse::<f64>().unwrap() * 1e6).round() as u64);
            let mut header = Header::parse(&[0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).unwrap();
            header.timestamp = Timestamp(fields[1].parse().unwrap());
            header.seq.0 = fields[2].parse().unwrap();
            match &mut reception {
                Some(reception) => {
                    reception.receive(&header, arrival);
                }
                None => reception = Some(Reception::new(&header, arrival)),
            }
            let (ours, theirs) = (reception.as_ref().unwrap().jitter(), fields[3].parse::<f64>().unwrap());
            // Theirs is in samples. Ours is rounded to microseconds, and within one of them.
            assert!((ours.as_micros() as f64 - theirs * 125.).abs() <= 1., "{name}: {line}: {ours:?}");
        }
        let reception = reception.unwrap();
        assert!(reception.jitter() > Duration::ZERO);
        assert_eq!((reception.lost(), reception.duplicates()), (0, 0));
    }
    assert!(series > 0);
}

/// UDP payloads of a classic little-endian capture of Ethernet frames.
fn payloads(pcap: &[u8]) -> Vec<&[u8]> {
    assert_eq!(pcap[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let link = u32::from_le_bytes(pcap[20..24].try_into().unwrap());
    let link_header = if link == 113 { 16 } else { 14 };
    let mut rest = &pcap[24..];
    let mut payloads = Vec::new();
    while rest.len() >= 16 {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let packet = &rest[16 + link_header..16 + len];
        let ip_header = usize::from(packet[0] & 15) * 4;
        let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        payloads.push(&packet[ip_header + 8..total]);
        rest = &rest[16 + len..];
    }
    payloads
}

#[test]
fn keys_pressed_in_captures_are_read() {
    let Some(folder) = folder("pcap", "keys_pressed_in_captures_are_read") else { return };
    let mut keys = 0;
    for (name, bytes) in files(&folder) {
        let Some(key) = name.strip_prefix("sipp__dtmf_2833_").and_then(|rest| rest.strip_suffix(".pcap"))
        else {
            continue;
        };
        let key = match key {
            "pound" => b'#',
            "star" => b'*',
            digit => digit.as_bytes()[0],
        };
        keys += 1;
        let mut last: Option<(Header, Event)> = None;
        let (mut updates, mut ends) = (0, 0);
        for payload in payloads(&bytes) {
            let header = Header::parse(payload).unwrap();
            let event = Event::parse(&payload[header.payload()]).unwrap();
            assert_eq!(event.digit(), Digit::of_key(key), "{name}");
            assert_eq!(event.to_bytes(), payload[header.payload()], "{name}");
            assert_eq!(header.marker, last.is_none(), "{name}: the marker starts it");
            if let Some((before, earlier)) = last {
                assert_eq!(header.timestamp, before.timestamp, "{name}: one event has one timestamp");
                assert!(event.duration >= earlier.duration);
                assert!(event.end || !earlier.end);
            }
            if event.end {
                ends += 1
            } else {
                updates += 1
            }
            last = Some((header, event));
        }
        assert_eq!((updates, ends), (7, 3), "{name}");
    }
    assert_eq!(keys, 12);
}

#[test]
fn fuzz_seeds_do_no_harm() {
    let Some(folder) = folder("fuzz-pjsip", "fuzz_seeds_do_no_harm") else { return };
    let mut read = 0;
    for (name, bytes) in files(&folder.join("fuzz-rtp")).into_iter().chain(files(&folder.join("fuzz-rtcp"))) {
        // Whole, cut at every byte, and from every byte on: the RTP seeds hold packets behind a byte of their own.
        for at in 0..=bytes.len() {
            for part in [&bytes[..at], &bytes[at..]] {
                if let Ok(header) = Header::parse(part) {
                    assert!(part.get(header.payload()).is_some(), "{name}");
                    let _ = (header.csrcs(part).count(), header.extension(part));
                    let _ = Event::parse(&part[header.payload()]);
                    read += 1;
                }
                let Ok(compound) = rtcp::Compound::parse(part) else { continue };
                for packet in compound.packets() {
                    if let rtcp::Packet::Sdes(items) = packet {
                        assert!(items.count() <= part.len(), "{name}");
                    }
                }
            }
        }
    }
    assert!(read > 0);
}

#[test]
fn reports_of_real_programs_are_read() {
    let Some(folder) = folder("fuzz-pjsip", "reports_of_real_programs_are_read") else { return };
    let read = |name: &str| std::fs::read(folder.join("fuzz-rtcp").join(name)).unwrap();
    // The seeds are one packet each; put together they are a datagram.
    let datagram = [read("1.rtcp"), read("2.rtcp"), read("3.rtcp"), read("4.rtcp")].concat();
    let packets: Vec<_> = rtcp::Compound::parse(&datagram).unwrap().packets().collect();
    let rtcp::Packet::SenderReport { ssrc, info, blocks } = &packets[0] else { panic!("{packets:?}") };
    assert_eq!((*ssrc, info.packets), (0x66f0_0c9a, 147));
    assert_eq!(blocks.clone().map(|block| block.ssrc).collect::<Vec<_>>(), [0x7333_2166]);
    assert!(matches!(packets[1], rtcp::Packet::ReceiverReport { ssrc: 0x698f_e89a, .. }));
    let rtcp::Packet::Sdes(items) = &packets[2] else { panic!("{packets:?}") };
    assert!(items.clone().eq([(0x66f0_0c9a, rtcp::CNAME, &b"7b1f2a873b214437"[..])]));
    assert!(matches!(packets[3], rtcp::Packet::Bye { ssrc: 0x66f0_0c9a }));
}
