//! Steps of a [`Script`] that are taken together.

use super::{Say, Script};

impl Script {
    /// Hears what a call begins with and its answer, and acknowledges that.
    pub fn gets_through(self) -> Self {
        self.invites(Say::Audio).may_hear(100).may_hear(180).hears(200).acknowledges()
    }

    /// Cancels its INVITE, and hears that nothing comes of it.
    pub fn gives_up(self) -> Self {
        self.cancels().hears(200).hears(487).acknowledges_failure()
    }

    /// Rings, answers and is acknowledged.
    pub fn takes_the_call(self) -> Self {
        self.rings().waits(100).answers_invite(200, Say::Audio).gets("ACK")
    }

    /// Rings, answers and is acknowledged, and speaks from then on.
    pub fn picks_up(self) -> Self {
        self.rings().waits(100).answers_and_speaks()
    }

    /// Is called, and rings.
    pub fn rings(self) -> Self {
        self.is_invited().answers_invite(180, Say::Nothing)
    }

    /// Answers the INVITE and is acknowledged, and speaks from then on.
    pub fn answers_and_speaks(self) -> Self {
        self.answers_invite(200, Say::Stream).gets("ACK").speaks()
    }

    /// Rings until the call is cancelled.
    pub fn is_cancelled(self) -> Self {
        self.rings().gets("CANCEL").answers(200).refuses(487)
    }

    /// Answers the INVITE with a failure.
    pub fn refuses(self, status: u16) -> Self {
        self.answers_invite(status, Say::Nothing).gets("ACK").lingers()
    }

    /// Is hung up on.
    pub fn is_hung_up(self) -> Self {
        self.gets("BYE").answers(200).lingers()
    }

    /// Hangs up, and stays for whatever comes again.
    pub fn leaves(self) -> Self {
        self.hangs_up().hears(200).lingers()
    }

    /// Presses a key, and says so by INFO.
    pub fn presses(self, key: &str) -> Self {
        self.informs("application/dtmf-relay", &format!("Signal={key}\nDuration=160\n")).hears(200)
    }

    /// Refers whom it talks with to the line `support`, with further lines.
    pub fn refers(self, lines: &str) -> Self {
        self.says("REFER", &format!("Refer-To: <sip:support@warmline>\n{lines}")).hears(202)
    }

    /// Is told how far what it asked for by a REFER has come: with a final status it is over.
    pub fn is_told(self, status: u16) -> Self {
        let state = if status < 200 { "active" } else { "terminated" };
        self.gets_with("NOTIFY", &format!("Subscription-State: {state}.*SIP/2.0 {status}")).answers(200)
    }
}
