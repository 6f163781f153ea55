//! The host of the SBC: what goes in, and what comes out.

use core::net::SocketAddr;

use warmline_core::config::{Config, TrunkIndex};
use warmline_core::time::{Instant, Utc};
use warmline_core::transport::{Path, Transport};
use warmline_core::{Command, Cx, Input, Output};

use super::{What, World, in_core};
use crate::record::{Entered, Left};
use crate::text::Text;

impl<'w> World<'w> {
    /// What core's clock says now.
    pub(super) fn clock(&self) -> Instant {
        Instant::from_micros(self.now - self.origin)
    }

    /// A datagram reaches a listener; whether its source may speak.
    pub fn deliver(&mut self, listener: u8, from: SocketAddr, bytes: &[u8]) -> bool {
        if let Some(record) = &mut self.record {
            record.entered.push((self.now, Entered::Message { listener, from, bytes: bytes.to_vec() }));
        }
        let cx = Cx { now: self.clock(), utc: Some(self.utc()), config: &self.config };
        let path = Path { transport: Transport::Udp, listener, flow: 0, remote: from };
        let Ok(admitted) = in_core(|| self.sbc.admit(&cx, path)) else { return false };
        if let Some(recording) = &mut self.recording {
            recording.push((listener, from, bytes.to_vec()));
        }
        let result = self.tap.as_mut().map_or(Ok(()), |tap| tap.arrives(self.now, from, bytes, false));
        self.judge("tap", result);
        self.input(Input::Message(admitted, bytes));
        true
    }

    /// An operator's command.
    pub fn command(&mut self, command: Command) {
        if let Some(record) = &mut self.record {
            record.entered.push((self.now, Entered::Command(command)));
        }
        self.input(Input::Command(command));
    }

    /// Another configuration from now on.
    pub fn reconfigure(&mut self, new: Config<'w>) {
        let old = core::mem::replace(&mut self.config, new);
        let cx = Cx { now: self.clock(), utc: Some(self.utc()), config: &self.config };
        in_core(|| self.sbc.reconfigure(&cx, &old));
        self.drain();
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        self.handle(input);
        self.drain();
    }

    pub(super) fn handle(&mut self, input: Input<'_>) {
        let cx = Cx { now: self.clock(), utc: Some(self.utc()), config: &self.config };
        in_core(|| self.sbc.handle(&cx, input));
    }

    pub(super) const fn utc(&self) -> Utc {
        Utc(self.utc + self.now as i64)
    }

    /// Takes everything out that wants out: of the SBC, and where the host is prompt, of both, until both wait.
    pub(super) fn drain(&mut self) {
        self.drain_signalling();
        while self.prompt {
            let answer = self.answers.pop_front().or_else(|| self.next_report().map(What::Media));
            let Some(answer) = answer else { return };
            self.answer(answer);
            self.drain_signalling();
        }
    }

    pub(super) fn drain_signalling(&mut self) {
        for turn in 0..100_000 {
            let cx = Cx { now: self.clock(), utc: Some(self.utc()), config: &self.config };
            let output = in_core(|| self.sbc.poll(&cx, &mut self.out));
            match output {
                Output::Transmit { to, len } => self.transmit(to, len),
                Output::Media { control, .. } => {
                    match self.media.control(self.clock(), control) {
                        Ok(report) => {
                            report.into_iter().for_each(|report| self.later(500, What::Media(report)))
                        }
                        Err(wrong) => self.judge("relay", Err(wrong)),
                    }
                    if !self.prompt {
                        self.drain_media();
                    }
                }
                Output::Resolve(question) => self.later(20_000, What::Resolved(question)),
                Output::Event(event) => self.hear(event),
                Output::Wait(at) => {
                    self.wake = at.map(|at| at.as_micros() + self.origin);
                    if self.wake.is_none_or(|at| at > self.now) {
                        return;
                    }
                    // What is swept is swept in steps.
                    assert!(turn < 50_000, "the SBC never waits");
                }
            }
        }
        self.judge("poll", Err("the SBC never waits".into()));
    }

    /// Holds the keys in what leaves against all that were seen before, and the way they go against what its trunk says.
    fn minds_keys(&mut self, to: Path, bytes: &[u8]) {
        if memchr::memmem::find(bytes, b"a=crypto").is_none() {
            return;
        }
        let text = Text::parse(bytes).ok();
        let call_id = text.and_then(|text| text.get("Call-ID").map(str::to_owned)).unwrap_or_default();
        let interface = self.config.listeners[usize::from(to.listener)].interface;
        let is_its = |trunk: &u16| self.config.speaks_from(TrunkIndex(*trunk), interface, to.remote.ip());
        let trunk = (0..self.config.trunks.len() as u16).find(is_its);
        let trunk = trunk.map(|trunk| &self.config.trunks[usize::from(trunk)]);
        let may = trunk.is_some_and(|trunk| trunk.srtp.is_on() && trunk.keys_may_go_by(to.transport));
        let result = self.media.keys.say(&call_id, &String::from_utf8_lossy(bytes), may);
        self.judge("keys", result);
    }

    pub(super) fn transmit(&mut self, to: Path, len: usize) {
        let bytes = self.out[..len].to_vec();
        let result = self
            .tap
            .as_mut()
            .map_or(Ok(()), |tap| tap.leaves(self.now, to.remote, &bytes, to.transport.is_reliable()));
        if let Err(wrong) = result {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            self.judge("tap", Err(format!("{wrong}\n{text}")));
        }
        self.minds_keys(to, &bytes);
        if let Some(record) = &mut self.record {
            record.left.push(Left { at: self.now, to: to.remote, bytes: bytes.clone() });
        }
        if let Some(sent) = &mut self.sent {
            sent.push((to.remote, bytes.clone()));
        }
        if to.transport.is_reliable() {
            return self.leaves_by_connection(to, bytes);
        }
        for at in self.passages().into_iter().flatten() {
            self.arrange(at, What::ToPeer { to: to.remote, bytes: bytes.clone() });
        }
    }
}
