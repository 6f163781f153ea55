//! What the relay is measured beside: rtpengine, in user space and with one thread, told what to do by its control protocol
//! ("ng": bencode over UDP).

use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use core::time::Duration;
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use warmline_core::g711::Law;
use warmline_core::relay::Peer;

use super::bencode::Value;
use super::system::{Thread, found};

/// Its media ports.
const PORTS: RangeInclusive<u16> = 20_000..=59_999;

/// How long it may take to listen, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(2);

/// A running rtpengine with open sessions.
pub(super) struct Rtpengine {
    process: Child,
    control: UdpSocket,
    asked: u32,
    ports: Vec<[u16; 2]>,
}

impl Rtpengine {
    /// Whether it is installed.
    pub(super) fn is_there() -> bool {
        found("rtpengine").is_some()
    }

    /// Starts one and opens sessions, each between the same two peers.
    pub(super) fn start(sessions: usize, peers: &[Peer; 2]) -> io::Result<Self> {
        let program = found("rtpengine").ok_or(io::ErrorKind::NotFound)?;
        // Whoever takes this port meanwhile makes it fail to start.
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let process = Command::new(program)
            .args(["--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=1"])
            .args(["--interface=127.0.0.1", "--num-threads=1"])
            .arg(format!("--listen-ng={address}"))
            .args([format!("--port-min={}", PORTS.start()), format!("--port-max={}", PORTS.end())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let control = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        control.connect(address)?;
        let mut this = Self { process, control, asked: 0, ports: Vec::with_capacity(sessions) };
        this.await_it()?;
        for number in 0..sessions {
            let ports = this.open(number, peers)?;
            this.ports.push(ports);
        }
        Ok(this)
    }

    /// The two ports of each session.
    pub(super) fn ports(&self) -> &[[u16; 2]] {
        &self.ports
    }

    /// Its threads.
    pub(super) fn threads(&self) -> Vec<Thread> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id()));
        let thread = |task: io::Result<fs::DirEntry>| task.ok()?.file_name().to_str()?.parse().ok();
        tasks.into_iter().flatten().filter_map(thread).collect()
    }

    fn await_it(&mut self) -> io::Result<()> {
        let since = Instant::now();
        self.control.set_read_timeout(Some(Duration::from_millis(50)))?;
        while self.ask(Value::dictionary([("command", Value::text("ping"))])).is_err() {
            if since.elapsed() > PATIENCE || self.process.try_wait()?.is_some() {
                return Err(io::Error::other("rtpengine does not start"));
            }
            // Refused at once, while nobody listens.
            std::thread::sleep(Duration::from_millis(20));
        }
        self.control.set_read_timeout(Some(ANSWER))
    }

    /// The ports that the first peer and the second send to.
    fn open(&mut self, number: usize, [a, b]: &[Peer; 2]) -> io::Result<[u16; 2]> {
        let name = |what: &str| Value::text(&format!("{what}-{number}"));
        let mut offer = vec![
            ("command", Value::text("offer")),
            ("call-id", name("call")),
            ("from-tag", name("a")),
            ("sdp", Value::text(&description(a))),
            ("ICE", Value::text("remove")),
        ];
        if law(a) != law(b) {
            let [stripped, added] = [a, b].map(|peer| Value::List(vec![Value::text(name_of(law(peer)))]));
            offer.push(("codec", Value::dictionary([("strip", stripped), ("transcode", added)])));
        }
        let offer = offer.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value));
        let to_b = self.ask(Value::Dictionary(offer.collect()))?;
        let to_a = self.ask(Value::dictionary([
            ("command", Value::text("answer")),
            ("call-id", name("call")),
            ("from-tag", name("a")),
            ("to-tag", name("b")),
            ("sdp", Value::text(&description(b))),
            ("ICE", Value::text("remove")),
        ]))?;
        let port = |answer: &Value| {
            let line = answer.get("sdp")?.lines().find_map(|line| line.strip_prefix("m=audio "))?;
            line.split(' ').next()?.parse().ok()
        };
        port(&to_a)
            .zip(port(&to_b))
            .map(|(a, b)| [a, b])
            .ok_or_else(|| io::Error::other(format!("rtpengine opens no session: {to_b:?}, {to_a:?}")))
    }

    /// What it answers.
    fn ask(&mut self, request: Value) -> io::Result<Value> {
        self.asked += 1;
        let mut bytes = format!("{} ", self.asked).into_bytes();
        let cookie = bytes.len();
        request.write(&mut bytes);
        self.control.send(&bytes)?;
        let mut answer = vec![0; 1 << 16];
        loop {
            let len = self.control.recv(&mut answer)?;
            // An answer to what was given up before is passed over.
            if let Some(answer) = answer.get(..len).and_then(|answer| answer.strip_prefix(&bytes[..cookie])) {
                return Value::read(answer).ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
        }
    }
}

impl Drop for Rtpengine {
    fn drop(&mut self) {
        // Where that fails it has ended.
        if let Some(pid) = Pid::from_raw(self.process.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

/// What a peer says of itself.
fn description(peer: &Peer) -> String {
    let (ip, port, rtcp) = (peer.rtp.ip(), peer.rtp.port(), peer.rtcp.port());
    let (payload_type, name) = (law(peer).payload_type(), name_of(law(peer)));
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {payload_type}\r\n\
         a=rtcp:{rtcp}\r\na=rtpmap:{payload_type} {name}/8000\r\na=ptime:20\r\n"
    )
}

const fn law(peer: &Peer) -> Law {
    peer.profile.send.law
}

const fn name_of(law: Law) -> &'static str {
    match law {
        Law::Mu => "PCMU",
        Law::A => "PCMA",
    }
}

#[cfg(test)]
mod tests {
    use super::super::generator::Generator;
    use super::*;

    #[test]
    fn audio_goes_through_it() {
        if !Rtpengine::is_there() {
            return println!("audio_goes_through_it: not run, there is no rtpengine");
        }
        for two_laws in [false, true] {
            let mut generator = Generator::new(two_laws).expect("loopback");
            let rtpengine = Rtpengine::start(3, &generator.peers()).expect("it starts");
            assert!(!rtpengine.threads().is_empty());
            generator.aim(rtpengine.ports());
            let run = generator.paced(300, Duration::from_millis(500)).expect("sockets");
            // Marks are known again on the other side, in the other law.
            assert!(run.sent > 0 && run.received > run.sent / 2, "{} of {}", run.received, run.sent);
        }
    }
}
