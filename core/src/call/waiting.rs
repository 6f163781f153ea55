//! Sets of things that wait to leave: one bit each.

/// Makes a set of as many kinds of thing as its number has bits.
macro_rules! waiting {
    ($(#[doc = $about:literal])+ $name:ident($bits:ty) { $($(#[doc = $doc:literal])+ $one:ident = $bit:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name($bits);

        impl $name {
            $($(#[doc = $doc])+ pub const $one: Self = Self(1 << $bit);)+

            /// Adds `what`.
            pub fn add(&mut self, what: Self) {
                self.0 |= what.0;
            }

            /// Takes `what` out; whether it was there.
            pub fn take(&mut self, what: Self) -> bool {
                let there = self.0 & what.0 != 0;
                self.0 &= !what.0;
                there
            }

            /// Whether `what` is there.
            pub const fn has(self, what: Self) -> bool {
                self.0 & what.0 != 0
            }

            /// Whether nothing waits.
            pub fn is_empty(self) -> bool {
                self.0 == 0
            }
        }
    };
}

waiting! {
    /// What a call has waiting to leave, beside its legs' messages; each is a fact that is said once.
    Pending(u32) {
        /// The relay opens its stream.
        OPEN = 0,
        /// The relay learns where the caller is.
        POINT_A = 1,
        /// The relay learns where the target is.
        POINT_B = 2,
        /// The host looks up the target's address.
        RESOLVE = 3,
        /// The relay closes its stream.
        CLOSE = 4,
        /// The call has begun.
        STARTED = 5,
        /// A target has answered.
        ANSWERED = 6,
        /// The call has ended.
        ENDED = 7,
        /// What a restart would need of the call has changed.
        SETTLED = 8,
        /// The relay learns where whoever has the third place is.
        POINT_C = 9,
        /// The relay opens or closes a place.
        PLACES = 10,
        /// The relay learns which places hear each other.
        BRIDGE = 11,
        /// Audio came from elsewhere than a leg's description says.
        SIGHTED = 12,
        /// The relay plays who waits what is heard first.
        GREETING = 13,
        /// The relay plays who waits what is heard after that.
        MUSIC = 14,
        /// The relay does what a recording needs next.
        RECORD = 15,
        /// The host makes a ticket.
        TICKET = 16,
        /// What would end the legs that are not answered has changed.
        UNANSWERED = 17,
        /// The call has gone on: somebody is rung, or took it, or it was handed over or came back.
        COURSE = 18,
        /// The relay plays what whoever is rung hears before the call is theirs, or stops.
        WHISPER = 19,
    }
}

waiting! {
    /// What a leg has waiting to leave.
    Todo(u16) {
        /// An INVITE.
        INVITE = 0,
        /// The ACK to a 2xx.
        ACK = 1,
        /// A CANCEL.
        CANCEL = 2,
        /// A response to the INVITE, with the leg's status.
        RESPOND = 3,
        /// A BYE.
        BYE = 4,
        /// The answer once more, since its ACK is missing.
        ANSWER_AGAIN = 5,
        /// A re-INVITE.
        INVITE_AGAIN = 6,
        /// An UPDATE.
        UPDATE = 7,
        /// A NOTIFY of how a transfer goes.
        NOTIFY = 9,
        /// The latest provisional response once more, since its PRACK is missing.
        PROVISIONAL_AGAIN = 10,
    }
}
