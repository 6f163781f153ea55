//! `warmline demo`: a whole call through a real node, on this machine alone.
//!
//! Two SIP endpoints stand on either side of a node that runs on the embedded configuration: an AI agent who speaks
//! mu-law only and calls with a ticket, and a Zendesk who speaks A-law only. Each plays a tone. What each of them saw
//! and heard is the [`Outcome`]; they share no code with the node but what reads and writes messages.

mod agent;
mod audio;
mod ladder;
mod phone;
mod report;
mod tone;
mod zendesk;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::UdpSocket;
use std::process::ExitCode;

use tokio::sync::Notify;
use tokio::time::sleep;
use warmline_core::g711::Law;
use warmline_core::sip::Full;

use crate::config;
use crate::loopback;
use crate::node::{Node, Options, StartError};

use agent::Agent;
use audio::{Audio, PLAYED};
use phone::{Ladder, Phone};
use zendesk::Zendesk;

pub use audio::Heard;
pub use phone::{End, Seen};
pub use tone::Sound;

const AGENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ZENDESK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// What the agent plays, in hertz.
const FROM_AGENT: f64 = 440.0;

/// What Zendesk plays.
const FROM_ZENDESK: f64 = 660.0;

/// The ticket that is handed over.
const TICKET: u64 = 35_436;

/// How long the other end is waited for when one is done.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why there was no call at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address Zendesk stands at is not there.
    #[error(
        "the demo needs a second loopback address for its Zendesk, and {ZENDESK} cannot be used here: {0}.\n\
         On macOS: sudo ifconfig lo0 alias {ZENDESK} up"
    )]
    NoSecondAddress(io::Error),
    /// An endpoint has no socket.
    #[error("the demo's endpoints cannot open a socket: {0}")]
    Socket(#[from] io::Error),
    /// The configuration is not what it should be.
    #[error("the embedded configuration does not load: {0}")]
    Config(#[from] config::Mistakes),
    /// The node does not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// What an endpoint missed, for which it ended the call.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("no call came")]
    Call,
    #[error("no usable answer to its INVITE came")]
    Answer,
    #[error("its call was refused: {0} {1}")]
    Refused(u16, String),
    #[error("it was offered no audio that it speaks")]
    Media,
    #[error("its answer was never acknowledged")]
    Acknowledgement,
    #[error("the call was ended from the other side before its time")]
    Kept,
    #[error("the call was not ended by BYE and 200")]
    Goodbye,
    #[error("its network failed: {0}")]
    Network(io::Error),
    #[error(transparent)]
    Message(#[from] Full),
}

/// What came of the call.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Where the agent, Warmline and Zendesk speak SIP.
    pub addresses: [SocketAddr; 3],
    /// The messages, as the two ends saw them.
    pub seen: Vec<Seen>,
    /// When the agent was answered.
    pub answered: Option<Duration>,
    /// The agent's audio.
    pub agent: Heard,
    /// Zendesk's audio.
    pub zendesk: Heard,
    /// The ticket the agent named.
    pub ticket: u64,
    /// The ticket headers that reached Zendesk.
    pub tickets: Vec<String>,
    /// Calls that the node still has.
    pub left: usize,
    /// How long it all took.
    pub took: Duration,
    /// What is missing, in words; nothing where all is well.
    pub faults: Vec<String>,
}

/// Runs the demo and prints it: what `warmline demo` does.
pub fn command() -> ExitCode {
    println!("{}\n", report::INTRODUCTION);
    match run() {
        Ok(outcome) => {
            println!("{}", report::Report(&outcome));
            if outcome.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("No call was placed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts a node, places the call and looks at what came of it. Takes about 3 s, and some 12 at the worst.
///
/// # Errors
/// That there is no node, or nobody to call or be called. What goes wrong later is in [`Outcome::faults`].
pub fn run() -> Result<Outcome, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(call())
}

async fn call() -> Result<Outcome, Error> {
    let ladder = Ladder::new();
    let answerer = UdpSocket::bind((ZENDESK, 5080)).or_else(|_| UdpSocket::bind((ZENDESK, 0)));
    let answerer = Phone::new(End::Zendesk, answerer.map_err(Error::NoSecondAddress)?, ladder.clone())?;
    let caller = Phone::new(End::Agent, UdpSocket::bind((AGENT, 0))?, ladder.clone())?;
    let mut agent = Audio::bind(AGENT, Law::Mu, FROM_AGENT)?;
    let mut zendesk = Audio::bind(ZENDESK, Law::A, FROM_ZENDESK)?;
    // Two pairs of ports that belong to one worker, or there is no call.
    let loaded = loopback::config(1, loopback::free_ports(4)?, 1, Some(answerer.local()))?;
    let node = Node::start(loaded, Options { next_free_port: true, ..Options::default() })?;
    let warmline =
        node.addresses().first().copied().ok_or(io::ErrorKind::NotFound).map_err(io::Error::from)?;

    let mut tickets = Vec::new();
    let over = Notify::new();
    let calling = Agent { phone: &caller, warmline, ticket: TICKET };
    let called = Zendesk { phone: &answerer };
    let placing = async {
        let result = calling.call(&mut agent).await;
        over.notify_one();
        result
    };
    let serving = async {
        tokio::select! {
            result = called.serve(&mut zendesk, &mut tickets) => result,
            () = async { over.notified().await; sleep(LAST_WORDS).await } => Err(Missing::Goodbye),
        }
    };
    let ends = tokio::join!(placing, serving);
    let left = emptied(&node).await;
    let seen = ladder.take();
    let answered = seen.iter().find(|seen| seen.end == End::Agent && seen.what == "200 OK");
    let mut outcome = Outcome {
        addresses: [caller.local(), warmline, answerer.local()],
        answered: answered.map(|seen| seen.at),
        seen,
        agent: agent.heard(FROM_ZENDESK),
        zendesk: zendesk.heard(FROM_AGENT),
        ticket: TICKET,
        tickets,
        left,
        took: Duration::ZERO,
        faults: vec![],
    };
    node.stop(Duration::ZERO).await;
    outcome.took = ladder.elapsed();
    outcome.faults = faults(&outcome, ends);
    Ok(outcome)
}

/// Waits for the node to let go of the call; how many calls it has then.
async fn emptied(node: &Node) -> usize {
    let mut left = 0;
    for _ in 0..100 {
        left = node.usage().calls;
        if left == 0 {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    left
}

fn faults(outcome: &Outcome, ends: (Result<(), Missing>, Result<(), Missing>)) -> Vec<String> {
    let mut faults = Vec::new();
    faults.extend(ends.0.err().map(|missing| format!("The agent: {missing}.")));
    faults.extend(ends.1.err().map(|missing| format!("Zendesk: {missing}.")));
    match outcome.tickets.as_slice() {
        [ticket] if *ticket == outcome.ticket.to_string() => {}
        [] => faults.push(format!("Ticket {} did not reach Zendesk.", outcome.ticket)),
        tickets => faults.push(format!(
            "Zendesk was to be told ticket {} once, and was told {}.",
            outcome.ticket,
            tickets.join(", ")
        )),
    }
    for (name, heard, expected) in
        [("The agent", &outcome.agent, FROM_ZENDESK), ("Zendesk", &outcome.zendesk, FROM_AGENT)]
    {
        if !heard.is_tone(expected) {
            faults.push(format!(
                "{name} should have heard {expected:.0} Hz, and heard {}: {} of {PLAYED} packets good.",
                if heard.received == 0 {
                    "nothing".to_owned()
                } else {
                    format!("{:.0} Hz", heard.sound.frequency)
                },
                heard.sound.good,
            ));
        }
    }
    if outcome.left > 0 {
        faults.push(format!("Warmline still has {} call(s) that are over.", outcome.left));
    }
    faults
}

impl Heard {
    /// Whether the expected tone came, nearly all of it.
    fn is_tone(&self, expected: f64) -> bool {
        let enough = PLAYED as usize * 95 / 100;
        self.sound.good >= enough && (self.sound.frequency - expected).abs() <= 5.0
    }
}
