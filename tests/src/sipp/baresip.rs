//! baresip: a telephone that sends back what it hears, and whose keys a test presses.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use super::{Program, ports};

/// A telephone that is switched on.
#[derive(Debug)]
pub struct Baresip {
    /// The program; with what it sends and gets.
    pub program: Program,
    keys: UdpSocket,
}

impl Baresip {
    /// Switches it on: in PCMU, with the number +8210444401001.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(at: Ipv4Addr, folder: &Path) -> Self {
        let (sip, rtp, keys) = (ports(2), ports(10), SocketAddrV4::new(at, ports(2)));
        let own = folder.join("baresip");
        std::fs::create_dir_all(&own).expect("a folder can be made");
        let (last, place) = (rtp + 9, own.display());
        let config = format!(
            "poll_method epoll\naudio_path {place}\nsip_listen {at}:{sip}\nnet_interface {at}\ncall_max_calls 4\n\
             audio_player aubridge,echo\naudio_source aubridge,echo\nausrc_srate 8000\nauplay_srate 8000\n\
             ausrc_channels 1\nauplay_channels 1\nrtp_ports {rtp}-{last}\nmodule_path {}\nmodule g711.so\n\
             module aubridge.so\nmodule cons.so\nmodule_tmp account.so\nmodule_app menu.so\ncons_listen {keys}\n",
            modules()
        );
        let account =
            format!("<sip:+8210444401001@{at}:{sip}>;regint=0;audio_codecs=PCMU/8000/1;dtmfmode=rtpevent\n");
        for (name, text) in [("config", config), ("accounts", account), ("contacts", String::new())] {
            std::fs::write(own.join(name), text).expect("a file can be written");
        }
        // What it writes is to be there when it is looked for.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "baresip", "-s", "-f"]).arg(&own);
        let mut program = Program::start("baresip", command, folder);
        program.has_written("baresip is ready");
        let socket = UdpSocket::bind((at, 0)).expect("a free port");
        socket.connect(keys).expect("loopback is there");
        Self { program, keys: socket }
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
