//! What a configuration says of those who stand around the line `support`: AI agents, and somebody who is rung when
//! Zendesk does not answer.

use core::net::SocketAddrV4;

use super::{AI, CARRIER, ZENDESK, ports};

/// An AI agent there, and the line of its name, by which a carrier's callers reach it.
pub fn agent(name: &str, at: SocketAddrV4) -> String {
    format!(
        r#"
[[target]]
name  = "{name}"
trunk = "ai"
uri   = "sip:{name}@{at}"

[[line]]
name = "{name}"
dial = ["{name}"]
from = ["carrier"]
ring = [{{ targets = ["{name}"], for = "20s" }}]
"#
    )
}

/// Where they stand.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Zendesk, which the line rings.
    pub zendesk: SocketAddrV4,
    /// An AI agent, who may hand over, and is rung there as `again` to have its caller back.
    pub agent: SocketAddrV4,
    /// Who is rung as `overflow`.
    pub overflow: SocketAddrV4,
}

impl Places {
    /// Places that are free.
    pub fn find() -> Self {
        let at = |place| SocketAddrV4::new(place, ports(2));
        Self { zendesk: at(ZENDESK), agent: at(AI), overflow: at(CARRIER) }
    }

    /// A plain configuration with all of them, and with further keys of the line and of its target at Zendesk.
    ///
    /// Every line has a greeting and music, there is a schedule `always`, and messages are kept.
    pub fn furnish(&self, plain: &str, line: &str, target: &str) -> String {
        let Self { agent: at, overflow, .. } = self;
        let plain = plain
            .replace("name = \"zendesk-support\"", &format!("name = \"zendesk-support\"\n{target}"))
            .replace("name       = \"ai\"", "name       = \"ai\"\nreturn_to  = \"agent-again\"");
        let agent = agent("agent", *at);
        format!(
            r#"{plain}greeting = "prompts/greeting.wav"
music = "prompts/music.wav"
{line}
{agent}music = "prompts/music.wav"

[[target]]
name  = "agent-again"
trunk = "ai"
uri   = "sip:again@{at}"

[[target]]
name  = "overflow"
trunk = "carrier"
uri   = "sip:overflow@{overflow}"

[[schedule]]
name     = "always"
timezone = "UTC"
open     = ["Mon-Sun 00:00-24:00"]

[recording]
directory = "."
"#
        )
    }
}
