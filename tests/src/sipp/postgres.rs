//! A PostgreSQL of a test's own, in a folder that is gone with it.

use core::net::{Ipv4Addr, SocketAddr};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::{PATIENCE, Program, poll, ports};

/// Where Debian has its programs: in a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    program: Program,
    folder: PathBuf,
    address: SocketAddr,
}

/// Whether PostgreSQL is not installed: then the test is not run, and says so by name; an error where everything is to be
/// there.
///
/// # Panics
/// When everything is to be there, and it is not.
pub fn postgres_is_missing(test: &str) -> bool {
    if bin().is_some() {
        return false;
    }
    assert!(
        std::env::var_os("WARMLINE_E2E").is_none_or(|value| value != "1"),
        "PostgreSQL is not installed (Debian: postgresql)"
    );
    println!("not run: {test}: PostgreSQL is not installed (Debian: postgresql)");
    true
}

/// The folder of the newest version's programs.
fn bin() -> Option<PathBuf> {
    let folders = std::fs::read_dir(VERSIONS).ok()?.flatten().map(|entry| entry.path().join("bin"));
    let version = |path: &PathBuf| path.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    folders.filter(|bin| bin.join("initdb").exists()).max_by_key(version)
}

impl Postgres {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(name: &str) -> Self {
        let bin = bin().expect("it is installed");
        let folder = std::env::temp_dir().join(format!("warmline-postgres-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        if geteuid().is_root() {
            let owned = Command::new("chown").arg("postgres").arg(&folder).status();
            assert!(owned.is_ok_and(|status| status.success()), "its folder can be given to it");
        }
        let data = folder.join("data");
        let mut made = as_itself(&bin.join("initdb"), &folder);
        made.args([
            "--no-sync",
            "--auth=trust",
            "--username=warmline",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
        ]);
        let made = made.arg(&data).output().expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports(1)));
        let mut command = as_itself(&bin.join("postgres"), &folder);
        command.arg("-D").arg(&data).arg("-k").arg(&folder).args([
            "-c",
            "fsync=off",
            "-h",
            "127.0.0.1",
            "-p",
        ]);
        command.arg(address.port().to_string());
        let program = Program::start("postgres", command, &folder);
        let mut postgres = Self { program, folder, address };
        postgres.program.has_written("ready to accept connections");
        let listens = poll(PATIENCE, || TcpStream::connect(address).ok());
        assert!(listens.is_some(), "{}", postgres.program.written());
        postgres
    }

    /// As a store has it.
    pub fn url(&self) -> String {
        format!("postgres://warmline@{}/postgres", self.address)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Told, not killed, so that it ends the processes of its own: at once, whoever is connected.
        if let (None, Some(pid)) =
            (self.program.ended(), i32::try_from(self.program.id()).ok().and_then(Pid::from_raw))
        {
            let _ = kill_process(pid, Signal::INT);
            let _ = poll(PATIENCE, || self.program.ended());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// It refuses to be root: then it is the user that its package makes.
fn as_itself(program: &Path, folder: &Path) -> Command {
    let mut command = match geteuid().is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
            command
        }
        false => Command::new(program),
    };
    command.current_dir(folder);
    command
}
