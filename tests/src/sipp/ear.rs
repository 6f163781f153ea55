//! What a caller hears whom SIPp plays, which does not look into what it receives: which voices, and whether there was a
//! second without any while its call was answered.
//!
//! It speaks as well, to whomever it hears, so that it can leave a message.

use core::net::{Ipv4Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::companding::{alaw_expand, ulaw_expand};
use super::ports;

/// Bytes of audio in a packet of what is said here, and how long they last.
const AUDIO: usize = 160;
const PTIME: Duration = Duration::from_millis(20);

/// The mean square of samples that is sound: some 50 dB below the loudest.
const SOUND: i64 = 100 * 100;

/// For how long nobody may be without.
const LONGEST: Duration = Duration::from_secs(1);

/// How many packets of one voice in a row are no accident.
const RUN: usize = 10;

const DAY: Duration = Duration::from_secs(86_400);
const MICROS: u64 = 86_400_000_000;

/// A voice, by what it sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// A tone of so many Hz.
    Tone(u32),
    /// What SIPp plays, to either side.
    Peer,
}

/// A line's greeting, its music, the prompt before it hangs up, the one before a message, and one that is not heard to its
/// end: how they sound, and for how many seconds.
const CLIPS: [(&str, u32, u32); 5] = [
    ("greeting.wav", 250, 1),
    ("music.wav", 1_000, 1),
    ("goodbye.wav", 750, 1),
    ("message.wav", 1_250, 1),
    ("long.wav", 2_000, 5),
];

impl Voice {
    /// A line's greeting.
    pub const GREETING: Self = Self::Tone(CLIPS[0].1);
    /// Its music.
    pub const MUSIC: Self = Self::Tone(CLIPS[1].1);
    /// What it says before it hangs up.
    pub const GOODBYE: Self = Self::Tone(CLIPS[2].1);
    /// What it says before it takes a message.
    pub const MESSAGE: Self = Self::Tone(CLIPS[3].1);
    /// The far end like Zendesk's.
    pub const ZENDESK: Self = Self::Tone(500);

    fn of(samples: &[i32]) -> Self {
        let signs = samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
        // Two to a wave, in 20 ms; to the next 250 Hz.
        match u32::try_from(signs).unwrap_or(u32::MAX).saturating_mul(25).saturating_add(125) / 250 {
            0 => Self::Peer,
            steps => Self::Tone(steps * 250),
        }
    }
}

/// A packet that came: when, and whose sound is in it, if any.
type Heard = (SystemTime, Option<Voice>);

/// An ear, which is open until it is dropped.
#[derive(Debug)]
pub(super) struct Ear {
    /// Where it takes RTP.
    pub(super) port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    closing: Arc<AtomicBool>,
    works: Option<JoinHandle<()>>,
    /// What SIPp traces of its messages.
    trace: PathBuf,
}

impl Ear {
    /// One for a call whose messages SIPp traces there.
    ///
    /// # Panics
    /// When there is no port for it.
    pub(super) fn open(at: Ipv4Addr, trace: PathBuf) -> Self {
        let port = ports(2);
        let socket = UdpSocket::bind((at, port)).expect("a port that was free");
        socket.set_read_timeout(Some(PTIME)).expect("a socket that waits");
        let (heard, closing) = (Arc::<Mutex<Vec<Heard>>>::default(), Arc::<AtomicBool>::default());
        let (notes, told) = (Arc::clone(&heard), Arc::clone(&closing));
        let works = std::thread::spawn(move || listen(&socket, &notes, &told));
        Self { port, heard, closing, works: Some(works), trace }
    }
}

impl Ear {
    /// The voices that it heard while its call was answered, in their order; none where it never was.
    ///
    /// # Errors
    /// Says where it heard nobody for too long, but for when it was asked to speak itself.
    pub(super) fn voices(&self) -> Result<Option<Vec<Voice>>, String> {
        let trace = std::fs::read_to_string(&self.trace).map_err(|error| error.to_string())?;
        let Some((answered, over)) = stay(&trace)? else { return Ok(None) };
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // Since the answer; what came before it, as if it came a day later.
        let after =
            |time: Duration| Duration::from_micros((time + DAY - answered).as_micros() as u64 % MICROS);
        let whole = after(over);
        let (mut voices, mut run, mut last) = (Vec::new(), (Voice::Peer, 0), Duration::ZERO);
        let too_long = |last: Duration, now: Duration, voices: &[Voice]| match now - last < LONGEST {
            true => Ok(()),
            false => {
                Err(format!("nothing is heard from {last:?} to {now:?} after the answer; before: {voices:?}"))
            }
        };
        for (time, voice) in heard.iter() {
            let now = after(time.duration_since(UNIX_EPOCH).unwrap_or_default());
            let Some(voice) = voice.filter(|_| now <= whole) else { continue };
            too_long(last, now, &voices)?;
            last = now;
            run = if run.0 == voice { (voice, run.1 + 1) } else { (voice, 1) };
            if run.1 == RUN && voices.last() != Some(&voice) {
                voices.push(voice);
            }
        }
        if voices.last() != Some(&Voice::MESSAGE) {
            too_long(last, whole, &voices)?;
        }
        Ok(Some(voices))
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(works) = self.works.take() {
            // What it panicked about is on the screen.
            let _ = works.join();
        }
    }
}

/// Hears what comes, and says something to whom it came from.
fn listen(socket: &UdpSocket, heard: &Mutex<Vec<Heard>>, closing: &AtomicBool) {
    let mut buffer = [0; 2048];
    // To whom, since when, and how much was said.
    let (mut to, mut said) = (None::<(SocketAddr, Instant)>, 0_u16);
    while !closing.load(Ordering::Relaxed) {
        if let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let now = SystemTime::now();
            to = Some((from, to.map_or_else(Instant::now, |(_, since)| since)));
            heard.lock().unwrap_or_else(PoisonError::into_inner).push((now, voice(&buffer[..len])));
        }
        let Some((to, since)) = to else { continue };
        // All that is due: a machine with much to do may have let some time pass.
        while since.elapsed() >= PTIME * u32::from(said) {
            let mut packet = [0; 12 + AUDIO];
            packet[0] = 0x80;
            packet[2..4].copy_from_slice(&said.to_be_bytes());
            packet[4..8].copy_from_slice(&(u32::from(said) * AUDIO as u32).to_be_bytes());
            packet[8..12].copy_from_slice(b"ears");
            for (at, byte) in packet[12..].iter_mut().enumerate() {
                // 400 Hz, and loud.
                *byte = if at / 10 % 2 == 0 { 0x9f } else { 0x1f };
            }
            // Whoever does not listen any more has hung up.
            let _ = socket.send_to(&packet, to);
            said += 1;
        }
    }
}

/// Whose sound is in a packet, if any.
fn voice(packet: &[u8]) -> Option<Voice> {
    let (header, audio) = packet.split_first_chunk::<12>()?;
    let expand = match header[1] & 0x7f {
        0 => ulaw_expand,
        8 => alaw_expand,
        _ => return None,
    };
    let samples: Vec<i32> = audio.iter().map(|code| expand(*code)).collect();
    let energy: i64 = samples.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
    (!samples.is_empty() && energy / samples.len() as i64 > SOUND).then(|| Voice::of(&samples))
}

/// When a call was answered, and when it was hung up, in the times of day of SIPp's trace; none where it never was answered.
fn stay(trace: &str) -> Result<Option<(Duration, Duration)>, String> {
    let messages = || {
        trace.split("----------------------------------------------- ").skip(1).filter_map(|block| {
            let (time, message) = block.split_once('\n')?;
            Some((time, message, message.lines().nth(2)?))
        })
    };
    let answer = |(_, message, start): &(&str, &str, &str)| {
        message.contains("message received")
            && start.starts_with("SIP/2.0 200")
            && message.contains("CSeq: 1 INVITE")
    };
    let Some((answered, ..)) = messages().find(answer) else { return Ok(None) };
    let over = messages().find(|(.., start)| start.starts_with("BYE "));
    let (over, ..) = over.ok_or("it was answered, and never hung up")?;
    let time = |text: &str| time_of_day(text).ok_or_else(|| format!("no time: {text}"));
    Ok(Some((time(answered)?, time(over)?)))
}

/// `2026-11-30 01:27:21.487136`.
fn time_of_day(text: &str) -> Option<Duration> {
    let (_, time) = text.trim().split_once(' ')?;
    let mut parts = time.split(':');
    let (hours, minutes) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<u32>().ok()?);
    let seconds = parts.next()?.parse::<f64>().ok()?;
    Some(Duration::from_secs((hours * 3_600 + minutes * 60).into()) + Duration::from_secs_f64(seconds))
}

/// Writes the [`CLIPS`] into a folder of their own in this one, as WAV files of 16 bits.
pub(super) fn write_clips(folder: &Path) {
    let folder = folder.join("prompts");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    const RATE: u32 = 8_000;
    for (name, frequency, seconds) in CLIPS {
        let half = RATE / frequency / 2;
        let samples =
            (0..RATE * seconds).map(|at| if (at / half).is_multiple_of(2) { 8_000_i16 } else { -8_000 });
        let audio: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
        let length = audio.len() as u32;
        let mut file = Vec::new();
        file.extend(b"RIFF");
        file.extend((36 + length).to_le_bytes());
        file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        file.extend(RATE.to_le_bytes());
        file.extend((2 * RATE).to_le_bytes());
        file.extend(b"\x02\0\x10\0data");
        file.extend(length.to_le_bytes());
        file.extend(audio);
        std::fs::write(folder.join(name), file).expect("a file can be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "----------------------------------------------- 2026-11-30 23:59:59.500000\n\
                         UDP message received [9] bytes :\n\nSIP/2.0 200 OK\nCSeq: 1 INVITE\n\n\
                         ----------------------------------------------- 2026-12-01 00:00:02.000000\n\
                         UDP message sent [9] bytes:\n\nBYE sip:a SIP/2.0\n\n";

    /// An ear that heard this, so many milliseconds after the answer.
    fn ear(heard: &[(u64, Option<Voice>)]) -> Ear {
        let trace = std::env::temp_dir().join(format!("warmline-ear-{}-{}", std::process::id(), ports(2)));
        std::fs::write(&trace, TRACE).unwrap();
        let ear = Ear::open(Ipv4Addr::LOCALHOST, trace);
        let answered = UNIX_EPOCH + DAY - Duration::from_millis(500);
        ear.heard
            .lock()
            .unwrap()
            .extend(heard.iter().map(|(millis, voice)| (answered + Duration::from_millis(*millis), *voice)));
        ear
    }

    /// A voice from then to then.
    fn speaks(voice: Voice, from: u64, to: u64) -> Vec<(u64, Option<Voice>)> {
        (from..to).step_by(20).map(|millis| (millis, Some(voice))).collect()
    }

    fn voices(heard: &[Vec<(u64, Option<Voice>)>]) -> Result<Option<Vec<Voice>>, String> {
        let ear = ear(&heard.concat());
        let voices = ear.voices();
        std::fs::remove_file(&ear.trace).unwrap();
        voices
    }

    #[test]
    fn a_second_without_sound_is_noticed_over_midnight() {
        let greeting = speaks(Voice::GREETING, 0, 900);
        let all = [greeting.clone(), speaks(Voice::MUSIC, 1_800, 2_500)];
        assert_eq!(voices(&all), Ok(Some(vec![Voice::GREETING, Voice::MUSIC])));
        let silence = (900..1_900).step_by(20).map(|millis| (millis, None)).collect();
        let wrong = voices(&[greeting.clone(), silence, speaks(Voice::MUSIC, 1_900, 2_500)]);
        assert!(wrong.unwrap_err().contains("from 880ms to 1.9s"));
        assert!(voices(&[greeting]).unwrap_err().contains("to 2.5s"), "the end counts");
        assert!(voices(&[]).unwrap_err().contains("from 0ns"), "and so does the beginning");
        // Whoever is asked for a message speaks then.
        assert_eq!(voices(&[speaks(Voice::MESSAGE, 0, 900)]), Ok(Some(vec![Voice::MESSAGE])));
    }

    #[test]
    fn voices_are_told_apart() {
        for (name, frequency, _) in CLIPS {
            let half = 4_000 / frequency as usize;
            let packet = |high: u8, low: u8| {
                let mut packet = vec![0x80; 12];
                packet[1] = 0;
                packet.extend((0..AUDIO).map(|at| if (at / half).is_multiple_of(2) { high } else { low }));
                packet
            };
            assert_eq!(voice(&packet(0x9f, 0x1f)), Some(Voice::Tone(frequency)), "{name}");
            assert_eq!(voice(&packet(0xff, 0x7e)), None, "{name}: as good as silent");
        }
    }
}
