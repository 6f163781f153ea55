//! `warmline run`.

use core::time::Duration;
use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info};

use crate::config::{self, EMBEDDED};
use crate::{Node, Options};

/// Runs a node until it is told to stop.
pub(super) fn run(named: Option<&Path>, grace: Duration) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("cannot wait for signals: {error}")),
    };
    let _log = match super::log::start() {
        Ok(guard) => guard,
        Err(error) => return refuse(&error),
    };
    let node = match start(named) {
        Ok(node) => node,
        Err(error) => return refuse(&error),
    };
    runtime.block_on(serve(node, grace))
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("warmline: {why}");
    ExitCode::FAILURE
}

/// Starts a node, and says on the first line where it listens.
fn start(named: Option<&Path>) -> Result<Node, String> {
    let file = super::file(named);
    let (loaded, options) = match &file {
        Some(file) => (config::load(file), Options::default()),
        None => (config::parse("embedded", EMBEDDED), Options { next_free_port: true }),
    };
    let loaded = loaded.map_err(|mistakes| format!("the configuration has mistakes\n{mistakes}"))?;
    let node = Node::start(loaded, options).map_err(|error| error.to_string())?;
    let version = env!("CARGO_PKG_VERSION");
    let places: Vec<_> = node.addresses().iter().map(|address| format!("{address} (UDP)")).collect();
    let places = places.join(", ");
    match (&file, node.addresses().first()) {
        (None, Some(address)) => println!(
            "warmline {version} listens on {places}, without a configuration: call sip:support@{address} from \
             127.0.0.1, and sip:support@127.0.0.2:5080 is rung"
        ),
        (Some(file), _) => println!("warmline {version} listens on {places}, as {} says", file.display()),
        (None, None) => {}
    }
    Ok(node)
}

async fn serve(node: Node, grace: Duration) -> ExitCode {
    let signals = signal(SignalKind::interrupt()).and_then(|int| Ok((int, signal(SignalKind::terminate())?)));
    let (mut interrupt, mut terminate) = match signals {
        Ok(signals) => signals,
        Err(error) => return refuse(&format!("cannot wait for signals: {error}")),
    };
    tokio::select! {
        () = told(&mut interrupt, &mut terminate) => {}
        () = node.broken() => {
            error!("a thread has failed: ending");
            return ExitCode::FAILURE;
        }
    }
    tokio::select! {
        last = node.stop(grace) => {
            let calls = last.map_or(0, |last| last.calls);
            info!("stopped after {calls} calls");
        }
        () = told(&mut interrupt, &mut terminate) => info!("stopped at once"),
    }
    ExitCode::SUCCESS
}

/// Resolves at SIGINT or SIGTERM.
async fn told(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
