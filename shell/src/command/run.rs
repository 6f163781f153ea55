//! `warmline run`.

use core::time::Duration;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::config::{self, EMBEDDED};
use crate::{Node, Options};

/// Runs a node until it is told to stop.
pub(super) fn run(named: Option<&Path>, grace: Duration, pid_file: Option<&Path>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("cannot wait for signals: {error}")),
    };
    let _log = match super::log::start(stderr(), stderr().is_terminal()) {
        Ok(guard) => guard,
        Err(error) => return refuse(&error),
    };
    match runtime.block_on(serve(named, grace, pid_file)) {
        Ok(code) => code,
        Err(error) => refuse(&error),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("warmline: {why}");
    ExitCode::FAILURE
}

async fn serve(named: Option<&Path>, grace: Duration, pid_file: Option<&Path>) -> Result<ExitCode, String> {
    // Before the node, so that no signal ends it without a BYE.
    let listen = |kind| signal(kind).map_err(|error| format!("cannot wait for signals: {error}"));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let mut hang_up = listen(SignalKind::hangup())?;
    let file = super::file(named);
    let node = start(file.as_deref())?;
    let _pid_file = pid_file.map(PidFile::write).transpose()?;
    loop {
        tokio::select! {
            () = told(&mut interrupt, &mut terminate) => break,
            _ = hang_up.recv() => reload(&node, file.as_deref()).await,
            () = node.broken() => {
                error!("a thread has failed: ending");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    tokio::select! {
        last = node.stop(grace) => match last {
            Some(last) => info!("stopped after {last}"),
            None => error!("stopped: a thread had failed"),
        },
        () = told(&mut interrupt, &mut terminate) => info!("stopped at once"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts a node, and says on the first line where it listens.
fn start(file: Option<&Path>) -> Result<Node, String> {
    let (loaded, options) = match file {
        Some(file) => (config::load(file), Options { file: Some(file.to_owned()), ..Options::default() }),
        None => (config::parse("embedded", EMBEDDED), Options { next_free_port: true, ..Options::default() }),
    };
    let loaded = loaded.map_err(|mistakes| format!("the configuration has mistakes\n{mistakes}"))?;
    let node = Node::start(loaded, options).map_err(|error| error.to_string())?;
    let sockets = node.addresses().iter().zip(node.transports());
    let places: Vec<_> =
        sockets.map(|(address, transport)| format!("{address} ({})", transport.name())).collect();
    let places = places.join(", ");
    let how = match (file, node.addresses().first()) {
        (None, Some(address)) => format!(
            "without a configuration: call sip:support@{address} from 127.0.0.1, and sip:support@127.0.0.2:5080 is rung"
        ),
        (Some(file), _) => format!("as {} says", file.display()),
        (None, None) => String::new(),
    };
    // Calls go through whether or not anyone reads this.
    let _ = writeln!(stdout(), "warmline {} listens on {places}, {how}", env!("CARGO_PKG_VERSION"));
    Ok(node)
}

/// Has the node go on with what the file says now. Where it is wrong, nothing changes.
async fn reload(node: &Node, file: Option<&Path>) {
    let Some(file) = file else {
        return warn!("not reloaded: the node was started without a configuration");
    };
    let name = file.display();
    let kept = "everything stays as it was";
    match config::load(file) {
        Err(mistakes) => error!("{name} is not reloaded, {kept}: it has mistakes\n{mistakes}"),
        Ok(loaded) => match node.reload(loaded).await {
            Ok(changes) => info!("{name} is reloaded: {changes}"),
            Err(why) => error!("{name} is not reloaded, {kept}: {why}"),
        },
    }
}

/// The number of this process in a file, which goes when this does.
struct PidFile<'p>(&'p Path);

impl<'p> PidFile<'p> {
    fn write(file: &'p Path) -> Result<Self, String> {
        std::fs::write(file, format!("{}\n", std::process::id()))
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        Ok(Self(file))
    }
}

impl Drop for PidFile<'_> {
    fn drop(&mut self) {
        // What is left behind names a process that is gone.
        let _ = std::fs::remove_file(self.0);
    }
}

/// Resolves at SIGINT or SIGTERM.
async fn told(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
