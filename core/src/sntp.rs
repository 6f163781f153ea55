//! The time of day from a server, for a host that has no clock of its own (SNTP: RFC 4330, and RFC 5905 section 14).
//!
//! One question, one answer: the host keeps its monotonic clock, and asks again now and then.

use crate::time::{Duration, Utc};

/// The port of servers.
pub const PORT: u16 = 123;

/// Bytes of a question and, without what may follow, of an answer.
pub const LEN: usize = 48;

/// Seconds from 1900, where NTP's time begins, to 1970; and after which its 32 bits begin anew, in 2036.
const TO_1970: i64 = 2_208_988_800;
const ERA: i64 = 1 << 32;

/// What a server is asked. It sends `cookie` back: who does not know that is none that was asked.
pub fn question(cookie: u64) -> [u8; LEN] {
    let mut question = [0; LEN];
    // Version 4, from a client.
    let [first, .., c0, c1, c2, c3, c4, c5, c6, c7] = &mut question;
    *first = 4 << 3 | 3;
    [*c0, *c1, *c2, *c3, *c4, *c5, *c6, *c7] = cookie.to_be_bytes();
    question
}

/// The time by an answer that came so long after its question. None where it is no answer to that, or its server does
/// not know the time itself.
pub fn answer(bytes: &[u8], cookie: u64, took: Duration) -> Option<Utc> {
    let (&[first, stratum], rest) = bytes.split_first_chunk()?;
    let (_, rest) = rest.split_first_chunk::<22>()?;
    let (&originate, rest) = rest.split_first_chunk()?;
    let (_, rest) = rest.split_first_chunk::<8>()?;
    let (&[s0, s1, s2, s3, f0, f1, f2, f3], _) = rest.split_first_chunk()?;
    let (seconds, fraction) = (u32::from_be_bytes([s0, s1, s2, s3]), u32::from_be_bytes([f0, f1, f2, f3]));
    let (unsynchronised, from_server) = (first >> 6 == 3, first & 7 == 4);
    // Stratum 0 says why there is no time (section 8).
    let sound = from_server && !unsynchronised && (1..=15).contains(&stratum);
    if !sound || u64::from_be_bytes(originate) != cookie || (seconds, fraction) == (0, 0) {
        return None;
    }
    // Section 3: without the first bit it is after 2036.
    let era = if seconds >> 31 == 1 { 0 } else { ERA };
    let since_1970 = i64::from(seconds).saturating_add(era).saturating_sub(TO_1970);
    let micros = i64::from(fraction).saturating_mul(1_000_000) >> 32;
    let way = i64::try_from(took.as_micros() / 2).unwrap_or(i64::MAX);
    Some(Utc(since_1970.saturating_mul(1_000_000).saturating_add(micros).saturating_add(way)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOKIE: u64 = 0x0123_4567_89ab_cdef;

    /// A server's answer to `asked`, whose clock says so.
    fn served(asked: &[u8; LEN], seconds: u32, fraction: u32) -> [u8; LEN] {
        let mut reply = [0; LEN];
        (reply[0], reply[1]) = (4 << 3 | 4, 2);
        reply[24..32].copy_from_slice(&asked[40..]);
        reply[40..44].copy_from_slice(&seconds.to_be_bytes());
        reply[44..].copy_from_slice(&fraction.to_be_bytes());
        reply
    }

    fn at(seconds: u32, fraction: u32, took: u64) -> Option<i64> {
        let reply = served(&question(COOKIE), seconds, fraction);
        answer(&reply, COOKIE, Duration::from_micros(took)).map(|utc| utc.0)
    }

    #[test]
    fn a_question_is_a_clients() {
        let asked = question(COOKIE);
        assert_eq!((asked[0], &asked[1..40], &asked[40..]), (0x23, &[0; 39][..], &COOKIE.to_be_bytes()[..]));
    }

    #[test]
    fn the_time_is_what_the_server_says_and_half_of_the_way() {
        // 2026-11-29T00:00:00Z.
        let seconds = 1_795_910_400 + 2_208_988_800_u32;
        assert_eq!(at(seconds, 0, 0), Some(1_795_910_400_000_000));
        assert_eq!(at(seconds, 1 << 31, 30_000), Some(1_795_910_400_515_000));
        assert_eq!(at(seconds, u32::MAX, 0), Some(1_795_910_400_999_999));
        // The last second of the first era, the first of the next, and 1970.
        assert_eq!(at(u32::MAX, 0, 0), Some((i64::from(u32::MAX) - 2_208_988_800) * 1_000_000));
        assert_eq!(at(0, 1, 0), Some(((1 << 32) - 2_208_988_800) * 1_000_000));
        assert_eq!(at(2_208_988_800, 0, 0), Some(0));
    }

    #[test]
    fn what_is_no_answer_tells_no_time() {
        let reply = served(&question(COOKIE), 4_004_899_200, 0);
        let told = |bytes: &[u8]| answer(bytes, COOKIE, Duration::ZERO);
        assert!(told(&reply).is_some());
        assert!(told(&[&reply[..], &[0; 20]].concat()).is_some(), "with what may follow");
        (0..LEN).for_each(|len| assert_eq!(told(&reply[..len]), None, "{len}"));
        assert_eq!(answer(&reply, COOKIE ^ 1, Duration::ZERO), None, "another's question");
        for (at, value) in [(0, 0x23), (0, 0xe4), (1, 0), (1, 16)] {
            let mut other = reply;
            other[at] = value;
            assert_eq!(told(&other), None, "{at} {value:#x}");
        }
        assert_eq!(at(0, 0, 0), None, "it has never been set");
    }
}
