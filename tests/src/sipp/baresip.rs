//! baresip: a telephone whose keys a test presses. It sends back what it hears.

use core::fmt::Write as _;
use core::net::{Ipv4Addr, SocketAddrV4};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Program, ports};

/// How a telephone is set.
#[derive(Clone, Debug)]
pub struct Telephone<'a> {
    /// Its number, which is also what its files are called by.
    pub number: &'a str,
    /// Where it stands, and whence it signals by UDP.
    pub at: Ipv4Addr,
    /// How it is reached: `udp`, `tcp` or `tls`.
    pub transport: &'a str,
    /// The certificate that it shows, with its key, for TLS. It looks at nobody else's.
    pub certificate: Option<PathBuf>,
    /// Whether it answers by itself.
    pub answers: bool,
    /// Whether it speaks nothing but SRTP, with keys in SDP.
    pub secure: bool,
    /// How it tells the keys that are pressed: `rtpevent` or `info`.
    pub keys: &'a str,
}

impl<'a> Telephone<'a> {
    /// One that is reached by UDP.
    pub const fn new(number: &'a str, at: Ipv4Addr) -> Self {
        Self {
            number,
            at,
            transport: "udp",
            certificate: None,
            answers: false,
            secure: false,
            keys: "rtpevent",
        }
    }
}

/// A telephone that is switched on.
#[derive(Debug)]
pub struct Baresip {
    /// The program; with what it sends and gets.
    pub program: Program,
    /// Where it listens, by its transport.
    pub sip: SocketAddrV4,
    keys: UdpSocket,
}

impl Baresip {
    /// Switches it on. It speaks PCMU, and registers nowhere: a challenge for SHA-256 is too much for its version 1.0,
    /// even beside one for MD5.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(set: &Telephone<'_>, folder: &Path) -> Self {
        let Telephone { number, at, transport, .. } = *set;
        let (sip, rtp, keys) = (ports(2), ports(10), SocketAddrV4::new(at, ports(2)));
        let own = folder.join(format!("baresip-{number}"));
        std::fs::create_dir_all(&own).expect("a folder can be made");
        let (last, place) = (rtp + 9, own.display());
        let mut config = format!(
            "poll_method epoll\naudio_path {place}\nsip_listen {at}:{sip}\nnet_interface {at}\ncall_max_calls 4\n\
             audio_player aubridge,echo\naudio_source aubridge,echo\nausrc_srate 8000\nauplay_srate 8000\n\
             ausrc_channels 1\nauplay_channels 1\nrtp_ports {rtp}-{last}\nmodule_path {}\nmodule g711.so\n\
             module aubridge.so\nmodule srtp.so\nmodule cons.so\nmodule_tmp account.so\nmodule_app menu.so\ncons_listen {keys}\n\
             statmode_default off\n",
            modules()
        );
        if let Some(file) = &set.certificate {
            writeln!(config, "sip_certificate {}", file.display()).expect("text takes text");
        }
        // One port on, TLS is spoken.
        let sip = SocketAddrV4::new(at, if transport == "tls" { sip + 1 } else { sip });
        let secure = if set.secure { ";mediaenc=srtp-mand" } else { "" };
        let mode = if set.answers { "auto" } else { "manual" };
        let account = format!(
            "<sip:{number}@{sip};transport={transport}>;regint=0;answermode={mode};\
             audio_codecs=PCMU/8000/1;dtmfmode={}{secure}\n",
            set.keys
        );
        for (name, text) in [("config", config), ("accounts", account), ("contacts", String::new())] {
            std::fs::write(own.join(name), text).expect("a file can be written");
        }
        // What it writes is to be there when it is looked for.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "baresip", "-s", "-f"]).arg(&own);
        let mut program = Program::start(&format!("baresip-{number}"), command, folder);
        program.has_written("baresip is ready");
        let socket = UdpSocket::bind((at, 0)).expect("a free port");
        socket.connect(keys).expect("loopback is there");
        Self { program, sip, keys: socket }
    }

    /// Plugs its ear and its mouth together once more, which a hold has torn apart for good: on another bridge, so that
    /// neither's end is the other's.
    pub fn plugs_in_again(&self) {
        self.press("/auplay aubridge,second");
        self.press("/ausrc aubridge,second");
    }

    /// Presses one key, or enters a command that begins with a slash.
    ///
    /// # Panics
    /// When it is not there any more.
    pub fn press(&self, keys: &str) {
        let end = if keys.starts_with('/') { "\n" } else { "" };
        self.keys.send(format!("{keys}{end}").as_bytes()).expect("the telephone is on");
    }
}

/// Where its modules are.
fn modules() -> &'static str {
    const PLACES: [&str; 2] = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"];
    PLACES.into_iter().find(|place| Path::new(place).is_dir()).unwrap_or(PLACES[0])
}
