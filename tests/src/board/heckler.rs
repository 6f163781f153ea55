//! Somebody who may speak and says whatever is not right, while two others keep calls going for it to hit.
//!
//! The emulated Ethernet controller has room for 10 kB, and a listener for 16 messages that wait; what comes when that
//! is full is lost. So a few messages are thrown, and then the board is asked by OPTIONS and has to answer: it is told as
//! fast as it reads, and a board that falls silent is found at once.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::thread::sleep;
use std::time::Instant;

use super::exchange::{Dialog, Request, answer, field, status};
use crate::Dice;
use crate::mutation::{Message, mutate, renew};

/// Bytes and messages that are thrown before the board is asked.
const WINDOW: (usize, usize) = (6_000, 10);

/// The largest message that is thrown.
const LARGEST: usize = 4_000;

/// How long the board may take to answer before it is asked again, and how often it is.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
const ASKED: u32 = 40;

/// How long to look away between two looks for the answer.
const GLANCE: Duration = Duration::from_micros(200);

/// How many of 10,000 messages of calls in progress are spoilt.
const SPOILT: u64 = 2_500;

/// How many of 10,000 messages that are thrown are made for a call in progress, and how many end one.
const WITHIN: u64 = 1_000;
const ENDING: u64 = 15;

/// An AI agent's and Zendesk's sockets, and what is known of their calls.
#[derive(Debug)]
pub struct Heckler {
    dice: Dice,
    board: SocketAddrV4,
    ai: UdpSocket,
    zendesk: UdpSocket,
    /// Thrown since the board was last asked: bytes and messages.
    thrown: (usize, usize),
    asked: u32,
    /// How often it had to be asked more than once.
    pub repeated: u32,
    /// Calls that the agent has heard answered, and calls that Zendesk has answered.
    dialogs: Vec<Dialog>,
    /// Those that were told to end, rightly or not.
    left: Vec<Dialog>,
    /// What Zendesk was asked and has not answered for good, by the Call-ID.
    ringing: BTreeMap<String, Vec<u8>>,
    /// Whether messages of calls in progress are spoilt.
    spoils: bool,
    /// What the board has said: how often which status, and requests at 0.
    pub said: BTreeMap<u16, u32>,
    /// Call-IDs of what was answered since the board was last asked.
    answered: Vec<String>,
}

impl Heckler {
    /// An agent and Zendesk at these addresses.
    ///
    /// # Panics
    /// When somebody else is there.
    pub fn new(dice: Dice, board: SocketAddrV4, ai: SocketAddrV4, zendesk: SocketAddrV4) -> Self {
        let [ai, zendesk] = [ai, zendesk].map(|at| {
            let socket = UdpSocket::bind(at).expect("nobody is there yet");
            socket.set_nonblocking(true).expect("a socket that does not wait");
            socket
        });
        Self {
            dice,
            board,
            ai,
            zendesk,
            thrown: (0, 0),
            asked: 0,
            repeated: 0,
            dialogs: Vec::new(),
            left: Vec::new(),
            ringing: BTreeMap::new(),
            spoils: true,
            said: BTreeMap::new(),
            answered: Vec::new(),
        }
    }

    /// Throws a message as the agent.
    ///
    /// # Panics
    /// When the board answers no more.
    pub fn throw(&mut self, message: &[u8]) {
        let (bytes, messages) = self.thrown;
        if bytes + message.len() > WINDOW.0 || messages + 1 > WINDOW.1 {
            self.ask();
        }
        self.thrown.0 += message.len();
        self.thrown.1 += 1;
        // Where the last one found nobody is of no interest.
        let _ = self.ai.send_to(message, self.board);
    }

    /// Throws what chance makes of a message that was recorded.
    ///
    /// # Panics
    /// When the board answers no more.
    pub fn throw_spoilt(&mut self, recorded: &[Vec<u8>]) {
        let mut message = self.dice.pick(recorded).clone();
        let other: &Vec<u8> = self.dice.pick(recorded);
        if !self.dialogs.is_empty() && self.dice.chance(WITHIN) {
            let method = *self.dice.pick(&["INVITE", "OPTIONS", "INFO", "ACK", "UPDATE", "CANCEL"]);
            message = self.dice.pick(&self.dialogs).request(method);
        }
        if !self.dialogs.is_empty() && self.dice.chance(ENDING) {
            let ending = self.dialogs.remove(0);
            message = ending.request("BYE");
            self.left.push(ending);
        }
        renew(&mut self.dice, &mut message);
        mutate(&mut self.dice, &mut message, other);
        message.truncate(LARGEST);
        self.throw(&message);
    }

    /// Asks by OPTIONS until the board answers, and keeps calls going with what it says meanwhile.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn ask(&mut self) {
        self.thrown = (0, 0);
        self.asked += 1;
        self.answered.clear();
        let name = format!("heckler-{}-", self.asked);
        let at = self.ai.local_addr().expect("a socket has an address");
        for attempt in 0..ASKED {
            self.repeated += u32::from(attempt > 0);
            let question = Request::new("OPTIONS", &format!("sip:{}", self.board), at).text(&name, attempt);
            let _ = self.ai.send_to(question.as_bytes(), self.board);
            let deadline = Instant::now() + ANSWERS_WITHIN;
            while Instant::now() < deadline {
                if self.listen(&name) {
                    return;
                }
                sleep(GLANCE);
            }
        }
        panic!("the board answers no more, after {} questions", self.asked);
    }

    /// Whether something with this in its Call-ID was answered when the board was last asked.
    pub fn heard(&self, call: &str) -> bool {
        self.answered.iter().any(|answered| answered.contains(call))
    }

    /// Hears everything that has come; whether the answer to a question was among it.
    fn listen(&mut self, name: &str) -> bool {
        let mut answered = false;
        while let Some(message) = receive(&self.ai) {
            let status = status(&message);
            *self.said.entry(status.unwrap_or(0)).or_default() += 1;
            let call = field(&message, "Call-ID").unwrap_or_default();
            answered |= status == Some(200) && call.starts_with(name);
            self.answered.extend(status.map(|_| call));
            let reply = match status {
                Some(200) => Dialog::of_caller(&message, self.ai.local_addr().expect("an address")),
                Some(_) => continue,
                None => {
                    let reply = answer(&message, 200, None);
                    self.reply(false, reply);
                    continue;
                }
            };
            if let Some(dialog) = reply {
                let acknowledgement = dialog.request("ACK");
                self.dialogs.push(dialog);
                self.reply(false, Some(acknowledgement));
            }
        }
        while let Some(message) = receive(&self.zendesk) {
            *self.said.entry(status(&message).unwrap_or(0)).or_default() += 1;
            if status(&message).is_none() {
                self.serve(&message);
            }
        }
        answered
    }

    /// Does as Zendesk what is asked for.
    fn serve(&mut self, message: &[u8]) {
        let at = self.zendesk.local_addr().expect("an address");
        let call = field(message, "Call-ID").unwrap_or_default();
        if !message.starts_with(b"INVITE ") {
            if let Some(invite) = self.ringing.remove(&call).filter(|_| message.starts_with(b"CANCEL ")) {
                self.reply(true, answer(&invite, 487, Some(at)));
            }
            if !message.starts_with(b"ACK ") {
                self.reply(true, answer(message, 200, None));
            }
            return;
        }
        let reply = match self.dice.below(4) {
            0 => answer(message, 486, Some(at)),
            1 => {
                self.ringing.insert(call, message.to_vec());
                answer(message, 180, Some(at))
            }
            _ => {
                self.dialogs.extend(Dialog::of_target(message, at));
                answer(message, 200, Some(at))
            }
        };
        self.reply(true, reply);
    }

    /// Answers, most often rightly.
    fn reply(&mut self, as_zendesk: bool, message: Option<Vec<u8>>) {
        let Some(mut message) = message else { return };
        if self.spoils && self.dice.chance(SPOILT) {
            let other = message.clone();
            mutate(&mut self.dice, &mut message, &other);
        }
        let socket = if as_zendesk { &self.zendesk } else { &self.ai };
        let _ = socket.send_to(&message, self.board);
    }

    /// Ends every call there may be, as those who are in them would; from now on nothing is spoilt. Gives how many ends
    /// of calls there were.
    ///
    /// # Panics
    /// When the board answers no more.
    pub fn hang_up(&mut self) -> usize {
        self.spoils = false;
        let mut dialogs = core::mem::take(&mut self.dialogs);
        dialogs.append(&mut self.left);
        for dialog in &dialogs {
            let as_zendesk = dialog.at == self.zendesk.local_addr().expect("an address");
            if !as_zendesk {
                self.reply(false, Some(dialog.request("ACK")));
            }
            self.reply(as_zendesk, Some(dialog.request("BYE")));
            self.ask();
        }
        dialogs.len()
    }
}

/// What agents and carriers have said in the rig, as an agent at `ai` says it to the board.
pub fn said_by_agents(recorded: &[Message], ai: Ipv4Addr, board: SocketAddrV4) -> Vec<Vec<u8>> {
    // Longer ones first, where one begins like another.
    let (ai, board) = (ai.to_string(), board.ip().to_string());
    let places =
        ["198.51.100.140", "198.51.100.10", "198.51.100.11", "198.51.100.20", "sbc.example.com", "192.0.2.1"];
    let ours = |place: &str| if place.starts_with("198.") { &ai } else { &board };
    let heard = recorded.iter().filter(|(listener, _, _)| *listener == 0);
    let translated = heard.map(|(_, _, bytes)| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let text = places.iter().fold(text, |text, place| text.replace(place, ours(place)));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return text.into_bytes() };
        let lines = head.split("\r\n").map(|line| match line.starts_with("Content-Length:") {
            true => format!("Content-Length: {}", body.len()),
            false => line.to_owned(),
        });
        format!("{}\r\n\r\n{body}", lines.collect::<Vec<_>>().join("\r\n")).into_bytes()
    });
    translated.collect()
}

fn receive(socket: &UdpSocket) -> Option<Vec<u8>> {
    let mut buffer = [0; 8192];
    // What an earlier message came upon is of no interest.
    let received = (0..8).find_map(|_| socket.recv_from(&mut buffer).ok());
    let (len, _): (usize, SocketAddr) = received?;
    buffer.get(..len).map(<[u8]>::to_vec)
}
