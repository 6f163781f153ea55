//! Recordings of calls: by the program as it is run, ended by whatever ends it.

use core::net::SocketAddr;
use core::str::FromStr;
use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::TrackType;
use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;
use warmline_core::g711::Law;

use super::house::{self, MUSIC};
use super::phone::Phone;

/// The program, an agent who calls and a desk that answers; both are heard.
struct Office {
    child: Child,
    folder: PathBuf,
    agent: Phone,
    desk: Phone,
    rtp: [UdpSocket; 2],
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Office {
    fn open(name: &str, recording: &str, line: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("warmline-recorded-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("calls")).expect("a folder");
        fs::write(folder.join(MUSIC), house::wav(&house::samples(MUSIC))).expect("a file");
        let rtp = [house::rtp([127, 0, 0, 1]), house::rtp([127, 0, 0, 2])];
        let [mut agent, mut desk] = [([127, 0, 0, 1], &rtp[0]), ([127, 0, 0, 2], &rtp[1])]
            .map(|(ip, rtp)| Phone::new(ip, rtp.local_addr().expect("an address").port()));
        let port = UdpSocket::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        let (first, last) = house::media(4);
        let at = desk.at();
        let text = format!(
            "[node]\ncapacity = 4\n[[interface]]\nname = \"l\"\naddress = \"127.0.0.1\"\nlisten = [\"udp:{port}\"]\n\
             media = \"{first}-{last}\"\n[recording]\ndirectory = \"calls\"\n{recording}\n\
             [[trunk]]\nname = \"ai\"\nkind = \"ai\"\nsignalling = [\"127.0.0.1\"]\nmedia = [\"127.0.0.1\"]\n\
             [[trunk]]\nname = \"desk\"\nkind = \"carrier\"\nsignalling = [\"127.0.0.2\"]\nmedia = [\"127.0.0.2\"]\n\
             [[target]]\nname = \"desk\"\ntrunk = \"desk\"\nuri = \"sip:desk@{at}\"\n\
             [[line]]\nname = \"desk\"\ndial = [\"desk\"]\nfrom = [\"ai\"]\nrecord = true\n{line}\n\
             ring = [{{ targets = [\"desk\"], for = \"30s\" }}]\n"
        );
        fs::write(folder.join("w.toml"), text).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_warmline"))
            .args(["run", "--config", "w.toml"])
            .current_dir(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let said = BufReader::new(child.stdout.take().expect("a pipe")).lines().next();
        let Some(Ok(said)) = said else {
            let mut why = String::new();
            let _ = child.stderr.take().expect("a pipe").read_to_string(&mut why);
            panic!("{why}");
        };
        assert!(said.contains("listens on"), "{said}");
        let node = SocketAddr::from(([127, 0, 0, 1], port));
        (agent.node, desk.node) = (node, node);
        Self { child, folder, agent, desk, rtp }
    }

    /// The agent calls, and the desk answers: where each is to send its audio.
    fn connect(&self) -> [SocketAddr; 2] {
        self.agent.invite("desk", 0);
        let rings = self.desk.hear("INVITE");
        self.desk.respond(&rings, "200 OK", &self.desk.sdp());
        let answer = self.agent.hear("SIP/2.0 200");
        self.agent.ack(&answer);
        self.desk.hear("ACK");
        [&answer, &rings].map(|sdp| media_of(sdp))
    }

    /// The next samples that a side hears.
    fn hears(&self, side: usize, samples: usize) -> Vec<u8> {
        let (mut heard, mut bytes) = (vec![], [0; 2048]);
        while heard.len() < samples {
            let len = self.rtp[side].recv(&mut bytes).expect("there is audio");
            heard.extend(&bytes[12..len]);
        }
        heard
    }

    /// Both speak for so long: a packet each every 20 ms, whose samples say which it is. Whether each was heard by the other.
    fn talk(&self, to: [SocketAddr; 2], packets: u16) {
        let start = Instant::now();
        for n in 0..packets {
            for (side, (socket, to)) in self.rtp.iter().zip(to).enumerate() {
                let mut packet = vec![0x80, 0];
                packet.extend(n.to_be_bytes());
                packet.extend((u32::from(n) * 160).to_be_bytes());
                packet.extend((side as u32 + 1).to_be_bytes());
                packet.extend([code(side, n); 160]);
                socket.send_to(&packet, to).expect("loopback takes it");
            }
            // In real time, as a recording is.
            let due = start + Duration::from_millis(20) * (u32::from(n) + 1);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    /// The only recording there is, once there is one.
    fn file(&self) -> PathBuf {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let mut all = fs::read_dir(self.folder.join("calls")).expect("a folder");
            if let Some(file) = all.next() {
                return file.expect("a file").path();
            }
            assert!(Instant::now() < until, "there is no recording");
            std::thread::yield_now();
        }
    }

    /// Ends it as its user does, and gives what it said.
    fn stop(&mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        let until = Instant::now() + Duration::from_secs(20);
        // The first ends it when its calls have ended, the next at once.
        while self.child.try_wait().expect("it is ours").is_none() {
            assert!(Instant::now() < until, "it does not end");
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        said
    }
}

/// Where a session description has audio sent to.
fn media_of(sdp: &str) -> SocketAddr {
    let port = sdp.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()?.parse().ok());
    SocketAddr::from(([127, 0, 0, 1], port.expect("a port")))
}

/// A file of the house's, as it is heard, up to so many samples.
fn as_heard(samples: usize) -> Vec<u8> {
    let mut heard: Vec<u8> = house::samples(MUSIC).into_iter().map(|sample| Law::Mu.encode(sample)).collect();
    heard.resize(samples, 0xff);
    heard
}

/// What a side says in its packet of this number: loud, and never what the other says.
fn code(side: usize, n: u16) -> u8 {
    0x10 + (n % 16) as u8 + 0x80 * side as u8
}

/// What a library finds in a file: the samples of each channel.
fn decoded(path: &Path) -> [Vec<i16>; 2] {
    let file = fs::File::open(path).expect("a file");
    let source = MediaSourceStream::new(Box::new(file), Default::default());
    let probe = symphonia::default::get_probe();
    let mut format =
        probe.probe(&Hint::new(), source, Default::default(), Default::default()).expect("a WAV file");
    let track = format.default_track(TrackType::Audio).expect("a track");
    let coding = track.codec_params.as_ref().and_then(|it| it.audio()).expect("a coding");
    assert_eq!(coding.sample_rate, Some(8_000));
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(coding, &AudioDecoderOptions::default())
        .expect("a decoder");
    let (mut channels, mut frames) = ([vec![], vec![]], Vec::<i16>::new());
    while let Ok(Some(packet)) = format.next_packet() {
        let audio = decoder.decode(&packet).expect("audio");
        audio.copy_to_vec_interleaved(&mut frames);
        for frame in frames.chunks_exact(2) {
            channels[0].push(frame[0]);
            channels[1].push(frame[1]);
        }
    }
    channels
}

/// Which packets of a side are in a channel, and where the first begins.
fn packets(side: usize, channel: &[i16]) -> (Vec<u16>, usize) {
    let start = channel.iter().position(|sample| *sample != 0).unwrap_or(channel.len());
    let found = channel[start..].chunks_exact(160).map_while(|packet| {
        let n = (0..16).find(|n| Law::Mu.decode(code(side, *n)) == packet[0])?;
        packet.iter().all(|sample| *sample == packet[0]).then_some(n)
    });
    (found.collect(), start)
}

/// Both are there, in order, at the same time, for at least so many packets. The number of the first one.
fn assert_whole(path: &Path, least: usize) -> u16 {
    let channels = decoded(path);
    let (says, at) = packets(0, &channels[0]);
    let (hears, there) = packets(1, &channels[1]);
    assert!(says.len() >= least && hears.len() >= least, "{} and {} of {least}", says.len(), hears.len());
    for heard in [&says, &hears] {
        assert!(heard.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 16), "{heard:?}");
    }
    // One may have begun a packet earlier.
    assert!([0, 1, 15].contains(&((says[0] + 16 - hears[0]) % 16)), "{says:?} {hears:?}");
    assert!(at.abs_diff(there) < 400, "{at} and {there}");
    says[0]
}

#[test]
fn what_is_killed_leaves_a_file_that_plays_to_within_the_last_second() {
    for (name, format) in [("mulaw", ""), ("pcm", "format = \"pcm\"")] {
        let mut office = Office::open(name, format, "");
        let to = office.connect();
        office.talk(to, 150);
        office.child.kill().expect("it runs");
        office.child.wait().expect("it has ended");
        let file = office.file();
        assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        // Three seconds were said.
        assert_whole(&file, 100);
        let len = fs::metadata(&file).expect("a file").len() as usize;
        let played = decoded(&file)[0].len();
        let bytes = if format.is_empty() { 2 } else { 4 };
        assert!(len >= 58 + played * bytes, "{len} for {played}");
    }
}

#[test]
fn what_is_ended_leaves_everything() {
    let mut office = Office::open("ended", "", "");
    let to = office.connect();
    office.talk(to, 60);
    let said = office.stop();
    assert_whole(&office.file(), 60);
    assert!(said.contains("recorded 1."), "{said}");
}

#[test]
fn both_hear_that_they_are_recorded_before_they_are() {
    let mut office = Office::open("consent", "", &format!("consent = \"{MUSIC}\""));
    let to = office.connect();
    let heard = [0, 1].map(|side| office.hears(side, 4_640));
    assert!(heard.iter().all(|heard| *heard == as_heard(4_640)));
    office.talk(to, 60);
    office.stop();
    let first = assert_whole(&office.file(), 50);
    assert!(first < 12, "{first}");
}

#[test]
fn who_is_not_named_cannot_read_it() {
    let identity = age::x25519::Identity::generate();
    let recipients = format!("recipients = [\"{}\"]", identity.to_public());
    let mut office = Office::open("sealed", &recipients, "");
    let to = office.connect();
    office.talk(to, 60);
    office.stop();
    let file = office.file();
    assert!(file.to_string_lossy().ends_with(".wav.age"), "{}", file.display());
    let sealed = fs::read(&file).expect("a file");
    let open = age::decrypt(&identity, &sealed).expect("it is for us");
    let plain = office.folder.join("open.wav");
    fs::write(&plain, open).expect("a file");
    assert_whole(&plain, 60);
    let other = age::x25519::Identity::from_str(age::secrecy::ExposeSecret::expose_secret(
        &age::x25519::Identity::generate().to_string(),
    ));
    assert!(age::decrypt(&other.expect("it is one"), &sealed).is_err());
}

#[test]
fn where_nothing_can_be_written_calls_go_on() {
    let mut office = Office::open("full", "", "");
    fs::remove_dir_all(office.folder.join("calls")).expect("it is there");
    let to = office.connect();
    office.talk(to, 10);
    let mut bytes = [0; 2048];
    for (side, socket) in office.rtp.iter().enumerate() {
        let len = socket.recv(&mut bytes).expect("there is audio");
        assert_eq!((len, bytes[12]), (172, code(1 - side, 0)));
    }
    let said = office.stop();
    assert_eq!(said.matches("calls are not recorded: ").count(), 1, "{said}");
}

#[test]
fn who_reaches_nobody_leaves_a_message() {
    let line = format!("unanswered = {{ then = \"voicemail\" }}\nvoicemail = {{ greeting = \"{MUSIC}\" }}");
    let mut office = Office::open("message", "", &line);
    office.agent.invite("desk", 0);
    let rings = office.desk.hear("INVITE");
    office.desk.respond(&rings, "486 Busy Here", "");
    let answer = office.agent.hear("SIP/2.0 200");
    office.agent.ack(&answer);
    // Nothing is recorded of what is said before all of the prompt was heard.
    assert_eq!(office.hears(0, 4_640), as_heard(4_640));
    let nobody = office.rtp[1].local_addr().expect("an address");
    office.talk([media_of(&answer), nobody], 60);
    office.stop();
    let [says, hears] = decoded(&office.file());
    let (says, _) = packets(0, &says);
    assert!(says.len() >= 50 && says.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 16), "{says:?}");
    assert!(hears.iter().all(|sample| *sample == 0), "nobody speaks to who leaves a message");
}

#[test]
fn who_is_answered_at_once_hears_music_until_the_desk_is_there() {
    let mut office = Office::open("at-once", "", &format!("answer = \"at-once\"\nmusic = \"{MUSIC}\""));
    office.agent.invite("desk", 0);
    let answer = office.agent.hear("SIP/2.0 200");
    office.agent.ack(&answer);
    let rings = office.desk.hear("INVITE");
    office.desk.respond(&rings, "180 Ringing", "");
    assert_eq!(office.hears(0, 4_560)[..4_480], as_heard(4_560)[..4_480]);
    office.desk.respond(&rings, "200 OK", &office.desk.sdp());
    office.desk.hear("ACK");
    office.talk([&answer, &rings].map(|sdp| media_of(sdp)), 60);
    office.stop();
    assert_whole(&office.file(), 50);
}
