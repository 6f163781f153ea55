//! What the board counts and how much of everything is in use, read from its log.

use std::collections::BTreeMap;

use warmline_core::Usage;
use warmline_core::reason::Reason;

/// How often what happened, by the reason's code.
pub type Told = BTreeMap<String, u64>;

/// An account that the board gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What core has in use.
    pub usage: Usage,
    /// The relay's streams.
    pub streams: usize,
    /// The program's stack.
    pub stack: Stack,
    /// What went through.
    pub traffic: Traffic,
    /// What core refused, dropped and ended.
    pub signalling: Told,
    /// Frames that were dropped.
    pub frames: Told,
    /// Media packets that were dropped.
    pub packets: Told,
}

/// The program's stack, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// Most that was in use at once.
    pub highest: usize,
    /// What there is.
    pub size: usize,
}

/// What went through the board since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// SIP messages that were parsed.
    pub parsed: u64,
    /// Frames for the IP stack.
    pub stack: u64,
    /// Media packets that were sent on.
    pub relayed: u64,
    /// Media packets that were for the relay itself.
    pub taken: u64,
    /// Datagrams of its own.
    pub sent: u64,
}

impl Account {
    /// Whether nothing is in use.
    pub fn is_idle(&self) -> bool {
        self.usage == Usage::default() && self.streams == 0
    }

    /// How many frames were taken off the wire.
    pub fn taken(&self) -> u64 {
        let dropped: u64 = self.frames.values().chain(self.packets.values()).sum();
        self.traffic.stack + self.traffic.relayed + self.traffic.taken + dropped
    }

    /// How often the frames of somebody were dropped for `reason`.
    pub fn frames(&self, reason: Reason) -> u64 {
        self.frames.get(reason.code()).copied().unwrap_or(0)
    }

    /// How often core counted `reason`.
    pub fn signalling(&self, reason: Reason) -> u64 {
        self.signalling.get(reason.code()).copied().unwrap_or(0)
    }

    /// Takes a line of the log over, if it is of an account.
    ///
    /// # Panics
    /// When it is, but not as it is understood here.
    pub(super) fn take(&mut self, line: &str) {
        self.understand(line).unwrap_or_else(|| panic!("this is not understood: {line}"));
    }

    fn understand(&mut self, line: &str) -> Option<()> {
        let Some((_, text)) = line.split_once(' ') else { return Some(()) };
        if let Some(text) = text.strip_prefix("in use: ") {
            let (used, stack) = text.split_once("; stack ")?;
            let [calls, legs, dialogs, transactions, finished, blocks, timers, ports, streams] =
                numbers(used)?;
            self.usage = Usage { calls, legs, dialogs, transactions, finished, blocks, timers, ports };
            self.streams = streams;
            let [highest, size] = numbers(stack)?;
            self.stack = Stack { highest, size };
            for told in [&mut self.signalling, &mut self.frames, &mut self.packets] {
                told.clear();
            }
        } else if let Some(text) = text.strip_prefix("so far: ") {
            let [parsed, stack, relayed, taken, sent] = numbers(text)?.map(|number| number as u64);
            self.traffic = Traffic { parsed, stack, relayed, taken, sent };
        } else if let Some((what, rest)) = text.split_once(": ") {
            let told = match what {
                "signalling" => &mut self.signalling,
                "frames" => &mut self.frames,
                "packets" => &mut self.packets,
                _ => return Some(()),
            };
            let (code, count) = rest.split_once(' ')?;
            told.insert(code.to_owned(), count.parse().ok()?);
        }
        Some(())
    }
}

/// The numbers in a text, when there are so many.
fn numbers<const N: usize>(text: &str) -> Option<[usize; N]> {
    let words = text.split(|letter: char| !letter.is_ascii_digit()).filter(|word| !word.is_empty());
    let numbers: Vec<usize> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(text: &str) -> Account {
        let mut account = Account::default();
        text.lines().for_each(|line| account.take(line));
        account
    }

    #[test]
    fn the_last_account_counts() {
        let account = account(
            "INFO in use: 9 calls, 9 legs, 9 dialogs, 9 transactions, 9 finished, 9 blocks, 9 timers, 9 ports, \
             9 streams; stack 9 of 9 bytes\nINFO signalling: not-sip 9\nINFO call 5: answered by support after 212 ms\n\
             INFO in use: 1 calls, 2 legs, 3 dialogs, 4 transactions, 5 finished, 6 blocks, 7 timers, 8 ports, \
             9 streams; stack 10 of 11 bytes\n\
             INFO so far: 12 messages read, 13 frames for the stack, 14 packets relayed, 15 taken, 16 datagrams sent\n\
             INFO frames: unknown-source 17\nINFO packets: no-stream 18",
        );
        assert_eq!((account.usage.calls, account.usage.ports, account.streams), (1, 8, 9));
        assert_eq!(account.stack, Stack { highest: 10, size: 11 });
        assert_eq!(account.traffic, Traffic { parsed: 12, stack: 13, relayed: 14, taken: 15, sent: 16 });
        assert_eq!((account.frames(Reason::UnknownSource), account.packets["no-stream"]), (17, 18));
        assert_eq!(account.signalling(Reason::NotSip), 0);
        assert!(!account.is_idle() && Account::default().is_idle());
    }
}
