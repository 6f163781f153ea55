//! What calls are measured beside: Kamailio, as a proxy that keeps transactions and nothing else. It has no dialogs, no
//! ticket and no media port; what a call costs Warmline more than it is what a back-to-back user agent does.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::system::{Thread, found};

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running Kamailio.
pub(super) struct Kamailio {
    process: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Kamailio {
    /// Starts one that passes everything on to `called`; none where it is not installed.
    pub(super) fn start(called: SocketAddr) -> io::Result<Option<Self>> {
        let Some(program) = found("kamailio") else { return Ok(None) };
        // Whoever takes this port meanwhile makes it fail to start.
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let folder = std::env::temp_dir().join(format!("warmline-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let file = folder.join("kamailio.cfg");
        fs::write(&file, configuration(address, called))?;
        let process = Command::new(program)
            .args(["-DD", "-E", "-m", "1024", "-M", "32", "-Y"])
            .arg(&folder)
            .arg("-f")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut this = Self { process, address, folder };
        let since = Instant::now();
        while UdpSocket::bind(address).is_ok() {
            if since.elapsed() > PATIENCE || this.process.try_wait()?.is_some() {
                return Err(io::Error::other("Kamailio does not start"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(this))
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its processes.
    pub(super) fn processes(&self) -> Vec<Thread> {
        let first = self.process.id().cast_signed();
        let child = |entry: io::Result<fs::DirEntry>| {
            let pid: Thread = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The second field is a name in brackets, the fourth is the parent.
            let parent: i32 = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
            (first == parent).then_some(pid)
        };
        let children = fs::read_dir("/proc").into_iter().flatten().filter_map(child);
        core::iter::once(first).chain(children).collect()
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Told, not killed, so that it ends its own processes. Where that fails it has ended.
        if let Some(pid) = Pid::from_raw(self.process.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn configuration(address: SocketAddr, called: SocketAddr) -> String {
    format!(
        r#"
debug=0
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{address}

loadmodule "tm.so"
loadmodule "pv.so"

request_route {{
    $du = "sip:{called}";
    t_relay();
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::super::peers::{Load, Peers};
    use super::*;

    #[test]
    fn calls_through_it() {
        let mut peers = Peers::new().expect("loopback");
        let Some(kamailio) = Kamailio::start(peers.called()).expect("it starts") else {
            return println!("calls_through_it: not run, there is no Kamailio");
        };
        assert!(kamailio.processes().len() > 1, "it has workers");
        let load = Load { calls: 50, rate: 100, hold: Duration::from_millis(20) };
        let run = peers.call(kamailio.address(), load, &mut |_| {}).expect("sockets");
        // On a busy machine it may lose some: nothing is sent twice.
        assert!(run.completed > 0 && run.refused.is_none(), "{} of 50, {:?}", run.completed, run.refused);
    }
}
