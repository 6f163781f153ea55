//! `warmline demo`: the whole story through a real node, on this machine alone.
//!
//! A caller whose call has overflowed talks with an AI agent, who hands over to a line of Zendesk's: first a person answers
//! there, then nobody does. The three are SIP endpoints of their own at a node that runs on the demo's configuration, with
//! tickets at its local desk. Each plays a tone, as do greeting and music. What each of them saw and heard is the [`Story`];
//! they share no code with the node but what reads and writes messages.

mod audio;
mod dialog;
mod ear;
mod ladder;
mod party;
mod phone;
mod report;
mod scene;
mod seen;
mod stage;
mod tone;
mod verdict;
mod voice;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};
use warmline_core::sip::{Full, phrase};

use crate::config;
use crate::node::StartError;
use stage::Stage;

pub use ear::{Heard, Sound};
pub use scene::{Ending, Scene};
pub use seen::{End, Seen};
pub use voice::Voice;

/// Why there is no story.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address is not there that somebody is to stand at.
    #[error(
        "the demo needs addresses of loopback's for who takes part, and {0} cannot be used here: {1}.\n\
         On macOS: sudo ifconfig lo0 alias {0} up"
    )]
    NoAddress(IpAddr, io::Error),
    /// An endpoint has no socket, or the node no folder.
    #[error("the demo's endpoints cannot open a socket or a file: {0}")]
    Socket(#[from] io::Error),
    /// The configuration is not what it should be.
    #[error("the demo's configuration does not load: {0}")]
    Config(#[from] config::Mistakes),
    /// The node does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Somebody pressed Ctrl-C, or ended it in another way.
    #[error("it was interrupted")]
    Interrupted,
}

/// What an endpoint missed, for which it left the scene.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("waited for {0} in vain")]
    Message(String),
    #[error("its {0} was answered with {1} {phrase}", phrase = phone::text(phrase(*.1)))]
    Refused(String, u16),
    #[error("waited in vain to hear {0}")]
    Unheard(&'static str),
    #[error("it was offered no audio that it speaks")]
    Media,
    #[error("it was sent what makes no sense")]
    Sense,
    #[error("its network failed: {0}")]
    Network(#[from] io::Error),
    #[error(transparent)]
    Length(#[from] Full),
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Story {
    /// Where the caller, the AI agent, Warmline and Zendesk speak SIP.
    pub addresses: [SocketAddr; 4],
    /// The scenes, in the order of [`Ending::ALL`].
    pub scenes: Vec<Scene>,
    /// How long it all took.
    pub took: Duration,
}

impl Story {
    /// Whether all was played, and nothing is missing.
    pub fn is_well(&self) -> bool {
        self.scenes.len() == Ending::ALL.len() && self.scenes.iter().all(|scene| scene.faults.is_empty())
    }
}

/// Runs the demo and prints it: what `warmline demo` does. In colour where the terminal has it and `NO_COLOR` is not set.
pub fn command() -> ExitCode {
    anstream::println!("{}", report::INTRODUCTION);
    let show = |scene: &Scene, addresses: &_| anstream::println!("{}", report::Shown(scene, addresses));
    match tell(show) {
        Ok(story) => {
            anstream::println!("\nIt took {:.1} s.", story.took.as_secs_f64());
            if story.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("There is nothing more to see: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts a node, plays the scenes and looks at what came of them. Takes about 10 s, and some 20 at the worst.
///
/// # Errors
/// That there is no node, or nobody to call or be called. What goes wrong later is in [`Scene::faults`].
pub fn run() -> Result<Story, Error> {
    tell(|_, _| {})
}

fn tell(show: impl FnMut(&Scene, &[SocketAddr; 4])) -> Result<Story, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            // Heard from before anything is there that would be left behind.
            biased;
            ended = is_ended() => ended.and(Err(Error::Interrupted)),
            story = play(show) => story,
        }
    })
}

/// Resolves when somebody wants it to end.
async fn is_ended() -> Result<(), Error> {
    let [mut interrupt, mut terminate, mut hang_up] =
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}

async fn play(mut show: impl FnMut(&Scene, &[SocketAddr; 4])) -> Result<Story, Error> {
    let start = Instant::now();
    let stage = Stage::set()?;
    let [caller, agent, zendesk] = End::ALL.map(|end| stage.address(end));
    let addresses = [caller?, agent?, stage.warmline(), zendesk?];
    let mut scenes = Vec::new();
    for ending in Ending::ALL {
        let scene = Scene::play(&stage, ending).await?;
        show(&scene, &addresses);
        scenes.push(scene);
    }
    stage.strike().await;
    Ok(Story { addresses, scenes, took: start.elapsed() })
}
