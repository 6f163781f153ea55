//! What is counted of a stream, beside what tshark counts of it: RFC 3550 with floats on one side, and with integers on
//! the other.

use std::path::{Path, PathBuf};
use std::process::Command;

use warmline_core::rtp::{Arrival, Header, Reception};
use warmline_core::time::Instant;
use warmline_tests::Dice;
use warmline_tests::sipp::is_missing;

/// A packet: when it came, in microseconds, and its bytes from the RTP header on.
type Packet = (u64, Vec<u8>);

/// Packets that came, lost ones, and the mean and the greatest jitter in milliseconds.
type Counted = (u64, i64, f64, f64);

/// What tshark says of the only stream in a capture.
fn of_tshark(capture: &Path) -> Counted {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(capture)
        .args(["-o", "rtp.heuristic_rtp:TRUE", "-q", "-z", "rtp,streams"])
        .output()
        .expect("tshark runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line =
        text.lines().find(|line| line.contains(" 0x")).unwrap_or_else(|| panic!("no stream in {text}"));
    // start end source port destination port ssrc payload packets lost (percent) deltas... jitters...
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| words[at].parse::<f64>().unwrap_or_else(|_| panic!("{at} in {line}"));
    (number(8) as u64, number(9) as i64, number(15), number(16))
}

fn ours(packets: &[Packet]) -> Counted {
    let mut reception: Option<Reception> = None;
    for (at, bytes) in packets {
        let header = Header::parse(bytes).expect("RTP");
        let at = Instant::from_micros(*at);
        match &mut reception {
            None => reception = Some(Reception::new(&header, at)),
            Some(reception) => {
                assert!(!matches!(reception.receive(&header, at), Arrival::Stray | Arrival::Restart))
            }
        }
    }
    let reception = reception.expect("there are packets");
    let lost = i64::from(reception.expected()) - i64::from(reception.received());
    let millis = |jitter: warmline_core::time::Duration| jitter.as_micros() as f64 / 1000.;
    (reception.received().into(), lost, millis(reception.mean_jitter()), millis(reception.greatest_jitter()))
}

#[track_caller]
fn agree(what: &str, ours: Counted, theirs: Counted) {
    println!("{what}: {ours:?}, tshark {theirs:?}");
    assert_eq!((ours.0, ours.1), (theirs.0, theirs.1), "{what}");
    // tshark prints three digits, which is half of what may differ.
    for (ours, theirs) in [(ours.2, theirs.2), (ours.3, theirs.3)] {
        assert!((ours - theirs).abs() <= 0.001_01, "{what}: {ours} ms, tshark {theirs} ms");
    }
}

/// The packets of a capture of UDP over IPv4 over Ethernet.
fn read(capture: &[u8]) -> Vec<Packet> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((word(0), word(20)), (0xa1b2_c3d4, 1), "microseconds, little-endian, Ethernet");
    let (mut at, mut packets) = (24, Vec::new());
    while at < capture.len() {
        let (micros, len) =
            (u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4)), word(at + 8) as usize);
        packets.push((micros, capture[at + 16 + 14 + 20 + 8..at + 16 + len].to_vec()));
        at += 16 + len;
    }
    let first = packets[0].0;
    packets.iter().map(|(micros, bytes)| (micros - first, bytes.clone())).collect()
}

fn write(name: &str, packets: &[Packet]) -> PathBuf {
    let mut capture = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        capture.extend(word.to_le_bytes());
    }
    for (micros, rtp) in packets {
        let (udp, ip) = (8 + rtp.len() as u16, 28 + rtp.len() as u16);
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        frame.extend(ip.to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x4e, 0x20, 0x75, 0x30]);
        frame.extend(udp.to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(rtp);
        let len = frame.len() as u32;
        for word in [(micros / 1_000_000) as u32, (micros % 1_000_000) as u32, len, len] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend(frame);
    }
    let path = std::env::temp_dir().join(format!("warmline-rtp-{}-{name}.pcap", std::process::id()));
    std::fs::write(&path, capture).expect("a file can be written");
    path
}

#[test]
fn jitter_and_loss_are_those_of_tshark() {
    const TEST: &str = "jitter_and_loss_are_those_of_tshark";
    if is_missing("tshark", TEST) {
        return;
    }
    let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora/pcap/sipp__g711a.pcap");
    match std::fs::read(&captured) {
        Ok(bytes) => agree("captured", ours(&read(&bytes)), of_tshark(&captured)),
        Err(_) => println!("not run: {TEST}: the captured stream is not there"),
    }
    for seed in 0..12 {
        let mut dice = Dice::new(seed);
        // From a quiet network to a bad one, with numbers that wrap on the way.
        let (spread, loss) = ([1, 50, 800, 6_000, 15_000, 30_000][seed as usize % 6], seed % 3 * 4);
        let (mut seq, mut timestamp) = (65_000u16, u32::MAX - 40_000);
        let mut packets: Vec<Packet> = Vec::new();
        for n in 0..1_500u64 {
            // Who leaves silence out marks what follows it.
            let pause = if n % 400 == 0 && n > 0 { 50 } else { 0 };
            timestamp = timestamp.wrapping_add(160 + pause * 160);
            let mut rtp = vec![0x80, if pause > 0 { 0x80 } else { 0 }];
            rtp.extend(seq.to_be_bytes());
            rtp.extend(timestamp.to_be_bytes());
            rtp.extend(0x5eed_0000u32.to_be_bytes());
            rtp.extend([0xff; 160]);
            seq = seq.wrapping_add(1);
            let at = (n + (n / 400) * 50) * 20_000 + dice.below(spread);
            // tshark takes the first to come for the first that was sent.
            let at = if n == 0 { 0 } else { at };
            if n == 0 || dice.below(100) >= loss {
                packets.push((at, rtp));
            }
        }
        // A late one comes after its successor.
        packets.sort_by_key(|(at, _)| *at);
        let first = packets[0].0;
        packets.iter_mut().for_each(|(at, _)| *at -= first);
        let path = write(&seed.to_string(), &packets);
        let (ours, theirs) = (ours(&packets), of_tshark(&path));
        agree(&format!("seed {seed}"), ours, theirs);
        std::fs::remove_file(path).expect("it was there");
    }
}
