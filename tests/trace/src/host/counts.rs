//! What the board counted, as a table, and what may be concluded from it.

use core::fmt::Write;
use std::collections::BTreeMap;

/// A tick of the board's timer, and what QEMU lets go by for an instruction (`-icount shift=7`), in nanoseconds.
const TICK: f64 = 40.0;
const INSTRUCTION: f64 = 128.0;

/// What the table has, by what the board calls it, in this order.
const ROWS: [(&str, &str); 21] = [
    ("packet: PCMU to PCMU", "RTP packet, PCMU as it is"),
    ("packet: PCMA to PCMA", "RTP packet, PCMA as it is"),
    ("packet: PCMU to PCMA", "RTP packet, PCMU to PCMA"),
    ("packet: PCMA to PCMU", "RTP packet, PCMA to PCMU"),
    ("packet: telephone-event", "RTP packet, telephone-event"),
    ("packet: RTCP", "RTCP packet of a peer's"),
    ("timer: RTCP", "RTCP of ours, to both sides"),
    ("message: INVITE", "INVITE in; 100 and INVITE out"),
    ("message: 100 to INVITE", "100 in"),
    ("message: 180 to INVITE", "180 in and out"),
    ("message: 200 to INVITE", "200 in; ACK and 200 out"),
    ("message: ACK in a dialog", "ACK in"),
    ("message: BYE in a dialog", "BYE in; 200 and BYE out, RTCP BYE to both sides"),
    ("message: 200 to BYE", "200 in"),
    ("timer: signalling", "timers of signalling"),
    ("frame: PCMU to PCMU", "frame in, door, IP, relay, frame out; PCMU as it is"),
    ("frame: PCMU to PCMA", "the same, PCMU to PCMA"),
    ("frame: SRTP by AES_CM", "the same as it is, by AES_CM_128_HMAC_SHA1_80 on both legs"),
    ("frame: SRTP by GCM", "the same as it is, by AEAD_AES_128_GCM on both legs"),
    ("frame: of a stranger", "frame of a stranger, left at the door"),
    ("call", "a whole call without its audio"),
];

/// How often, and the mean and most instructions for one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Count {
    times: f64,
    mean: f64,
    relay: f64,
    most: f64,
}

/// Reads what a board said: lines of how often, ticks in signalling, in the relay, the most for one, and the kind.
fn read(said: &str) -> Option<BTreeMap<&str, Count>> {
    let mut counts = BTreeMap::new();
    for line in said.lines().filter(|line| !line.is_empty()) {
        let mut words = line.splitn(5, ' ');
        let mut number = || words.next()?.parse::<f64>().ok();
        let (times, signalling, relay, most) = (number()?, number()?, number()?, number()?);
        let instructions = |ticks: f64| ticks * TICK / INSTRUCTION;
        let count = Count {
            times,
            mean: instructions(signalling + relay) / times,
            relay: instructions(relay) / times,
            most: instructions(most),
        };
        counts.insert(words.next()?, count);
    }
    Some(counts)
}

/// A call: each of its messages once, and its share of the timers.
fn call(counts: &BTreeMap<&str, Count>) -> Option<Count> {
    let times = counts.get("message: INVITE")?.times;
    let mut call = Count { times, mean: 0.0, relay: 0.0, most: f64::NAN };
    for (kind, _) in ROWS {
        let share = match kind {
            "timer: signalling" => counts.get(kind)?.times / times,
            _ if kind.starts_with("message: ") => 1.0,
            _ => continue,
        };
        call.mean += share * counts.get(kind)?.mean;
        call.relay += share * counts.get(kind)?.relay;
    }
    Some(call)
}

/// A table in Markdown of what the board `said`, and an estimate.
pub(crate) fn table(said: &str) -> Result<String, String> {
    let mut counts =
        read(said).ok_or_else(|| format!("the board said something else than counts:\n{said}"))?;
    let call = call(&counts).ok_or_else(|| format!("a kind of message is missing:\n{said}"))?;
    counts.insert("call", call);
    let mut text = String::from(
        "Instructions of a Cortex-M4: packets and messages in core alone, frames from and to a controller in memory:\n\n\
         | what | times | instructions | of them in the relay | most |\n|---|--:|--:|--:|--:|\n",
    );
    for (kind, what) in ROWS {
        let Count { times, mean, relay, most } =
            *counts.get(kind).ok_or_else(|| format!("no {kind}:\n{said}"))?;
        let most = if most.is_nan() { String::new() } else { format!("{most:.0}") };
        let _ = writeln!(text, "| {what} | {times:.0} | {mean:.0} | {relay:.0} | {most} |");
    }
    let mean = |kind| counts.get(kind).map_or(0.0, |count| count.mean);
    // Of a call that lasts three minutes; reports go both ways to and from both sides every five seconds.
    let packet = mean("frame: PCMU to PCMA");
    let second = 100.0 * packet + 0.4 * mean("packet: RTCP") + 0.2 * mean("timer: RTCP") + call.mean / 180.0;
    let calls = |cycles: f64| 480e6 / (second * cycles);
    let _ = write!(
        text,
        "\nAn estimate, not a measurement: a call of three minutes with transcoding takes {:.2} million instructions a \
         second (100 packets of {packet:.0}, RTCP, its share of {:.0} for signalling). At 480 MHz a board would carry \
         {:.0} calls at one cycle an instruction, which is optimistic, and {:.0} at two. Signalling is core's alone, without \
         the IP stack, and memory is made for 16.\n",
        second / 1e6,
        call.mean,
        calls(1.0),
        calls(2.0),
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_row() {
        let counts = read("4 640 320 400 message: ACK in a dialog\n\n2 0 64 32 packet: RTCP\n").unwrap();
        let ack = Count { times: 4.0, mean: 75.0, relay: 25.0, most: 125.0 };
        assert_eq!(counts["message: ACK in a dialog"], ack);
        assert_eq!(counts["packet: RTCP"].mean, 10.0);
    }

    #[test]
    fn what_is_missing_is_said() {
        assert!(table("qemu is not well\n").unwrap_err().contains("qemu is not well"));
        assert!(table("4 640 320 400 message: INVITE\n").unwrap_err().contains("missing"));
        let said: String = ROWS.iter().map(|(kind, _)| format!("1 64 64 128 {kind}\n")).collect();
        let text = table(&said).unwrap();
        assert!(text.contains("| RTCP packet of a peer's | 1 | 40 | 20 | 40 |"), "{text}");
        assert!(text.contains("| a whole call without its audio | 1 | 320 | 160 |  |"), "{text}");
    }
}
