//! Whom and what one can hear: each is a tone of its own, by which it is known again.

/// Who or what plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The caller, at the carrier.
    Caller,
    /// The AI agent.
    Agent,
    /// The person at Zendesk.
    Person,
    /// The line's greeting.
    Greeting,
    /// The line's music.
    Music,
}

impl Voice {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Caller, Self::Agent, Self::Person, Self::Greeting, Self::Music];

    /// Its tone, in hertz: far enough from the others to be told from them within 20 ms.
    pub const fn frequency(self) -> f64 {
        match self {
            Self::Caller => 440.0,
            Self::Agent => 620.0,
            Self::Person => 784.0,
            Self::Greeting => 523.0,
            Self::Music => 349.0,
        }
    }

    /// What it is called in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "the caller",
            Self::Agent => "the AI agent",
            Self::Person => "the person",
            Self::Greeting => "the greeting",
            Self::Music => "the music",
        }
    }
}
