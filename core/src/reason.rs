//! Why something was refused, dropped or ended: one list for the log, the counters, the answer and the screen.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:literal;)+) => {
        /// Why something was refused, dropped or ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[repr(u8)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, in the order of [`Reason::index`].
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in logs and metrics.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// One sentence for the person who reads it.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+)),+ }
            }

            /// The status a request is answered with, where it is answered at all.
            pub const fn status(self) -> Option<u16> {
                let status: u16 = match self { $(Self::$name => $status),+ };
                if status == 0 { None } else { Some(status) }
            }
        }
    };
}

reasons! {
    // Who may speak.
    /// The source address is in no trunk's ranges.
    UnknownSource = "unknown-source", 0;
    /// The trunk shows a certificate, and this did not come over a connection where it did.
    CertificateMissing = "certificate-missing", 0;

    // Connections.
    /// There are as many connections as there may be, from this address or in all.
    ConnectionLimit = "connection-limit", 0;
    /// TLS was not agreed on, or a certificate was not accepted.
    HandshakeFailed = "handshake-failed", 0;
    /// What came over a connection is not a stream of SIP messages.
    StreamMalformed = "stream-malformed", 0;
    /// A message was not complete on its connection in time.
    StreamTooSlow = "stream-too-slow", 0;
    /// The peer did not take what was sent over its connection.
    PeerNotReading = "peer-not-reading", 0;
    /// The peer stopped answering keep-alives on its connection.
    PongMissing = "pong-missing", 0;

    // What cannot be understood.
    /// The bytes are not a SIP message.
    NotSip = "not-sip", 0;
    /// The request breaks SIP's grammar or lacks what every request must carry.
    MalformedRequest = "malformed-request", 400;
    /// The response breaks SIP's grammar or lacks what every response must carry.
    MalformedResponse = "malformed-response", 0;
    /// The response answers nothing that was sent from here.
    StrayResponse = "stray-response", 0;
    /// The ACK belongs to no call.
    StrayAck = "stray-ack", 0;
    /// The request speaks a SIP version other than 2.0.
    UnsupportedVersion = "unsupported-version", 505;
    /// The message has more header fields, or longer ones, than there is room for.
    MessageTooLarge = "message-too-large", 513;

    // What is not done here.
    /// The method is known but not allowed here.
    MethodNotAllowed = "method-not-allowed", 405;
    /// The method is not known.
    MethodUnknown = "method-unknown", 501;
    /// The request requires an extension that is not supported.
    ExtensionRequired = "extension-required", 420;
    /// The Request-URI is neither a sip: nor a tel: URI.
    UnsupportedScheme = "unsupported-scheme", 416;
    /// The body is not a session description.
    UnsupportedBody = "unsupported-body", 415;
    /// The INFO carries something else than a key that was pressed.
    InfoNotUnderstood = "info-not-understood", 415;
    /// The INFO names no key that there is.
    MalformedDigit = "malformed-digit", 400;
    /// The caller does not accept a session description as an answer.
    NothingAcceptable = "nothing-acceptable", 406;
    /// The request belongs to no call that exists.
    NoSuchCall = "no-such-call", 481;
    /// The request has been here before: it went round in a loop.
    Loop = "loop", 482;
    /// Max-Forwards has run out.
    TooManyHops = "too-many-hops", 483;
    /// A request of this dialog arrived out of order.
    OutOfOrder = "out-of-order", 500;
    /// The PRACK acknowledges no provisional response that waits for one.
    NothingToAcknowledge = "nothing-to-acknowledge", 481;
    /// Another offer of this dialog is still being answered.
    OfferPending = "offer-pending", 491;
    /// The offer before this one has not been answered yet.
    OfferUnanswered = "offer-unanswered", 500;
    /// The session interval asked for is shorter than 90 s.
    SessionIntervalTooSmall = "session-interval-too-small", 422;

    // Policy.
    /// No line is dialled by this name or number.
    UnknownLine = "unknown-line", 404;
    /// The line may not be dialled from this trunk.
    LineNotForTrunk = "line-not-for-trunk", 403;
    /// This kind of trunk does not start calls.
    TrunkMayNotCall = "trunk-may-not-call", 403;
    /// This caller's calls are turned away, by limits.blocked.
    CallerBlocked = "caller-blocked", 603;

    // Registrations.
    /// The registrar's name has no address in its trunk's ranges.
    RegistrarUnresolved = "registrar-unresolved", 0;
    /// The registrar did not answer.
    RegistrarSilent = "registrar-silent", 0;
    /// The registrar refused to register us.
    RegistrarRefused = "registrar-refused", 0;
    /// The registrar asks for credentials that its trunk does not have.
    RegistrarWantsCredentials = "registrar-wants-credentials", 0;
    /// The registrar refused its trunk's credentials.
    RegistrarRefusedCredentials = "registrar-refused-credentials", 0;
    /// The registration was given back: the node stops, or its configuration is another.
    RegistrationGivenBack = "registration-given-back", 0;
    /// The request has no credentials yet, or they are out of date.
    NotAuthenticated = "not-authenticated", 401;
    /// The user or the password is not right.
    WrongCredentials = "wrong-credentials", 403;
    /// The request is another user's than its credentials.
    AnotherUser = "another-user", 403;
    /// The registration is for a shorter time than 60 s.
    RegistrationTooBrief = "registration-too-brief", 423;
    /// The Contact of the registration cannot be used.
    UnusableContact = "unusable-contact", 400;
    /// Every place for a telephone is taken.
    RegistrarFull = "registrar-full", 503;
    /// The telephone is not registered.
    PhoneNotRegistered = "phone-not-registered", 480;
    // Transfer.
    /// This kind of trunk does not transfer calls.
    MayNotRefer = "may-not-refer", 403;
    /// The REFER asks for another request than an INVITE.
    ReferredMethod = "referred-method", 501;
    /// The REFER belongs to no call, and names none by Target-Dialog.
    ReferWithoutDialog = "refer-without-dialog", 403;
    /// There is nobody to transfer: the call is not answered, or is ending.
    NothingToTransfer = "nothing-to-transfer", 403;
    /// The call is being transferred already.
    TransferUnderWay = "transfer-under-way", 491;
    /// Replaces cannot be read, is there twice or beside a Join, or stands where it may not.
    ReplacesMalformed = "replaces-malformed", 400;
    /// Replaces names no dialog that is there, or one that we have not answered yet.
    ReplacesUnknown = "replaces-unknown", 481;
    /// The dialog that Replaces names is answered, and was to be replaced only before that.
    ReplacesEarlyOnly = "replaces-early-only", 486;
    /// The dialog that Replaces names is being ended.
    ReplacesEnded = "replaces-ended", 603;
    /// Replaces names the dialog of another trunk or user, or of a kind of trunk that does not transfer calls.
    MayNotReplace = "may-not-replace", 403;
    /// The dialog that the REFER's Replaces names is not one of ours, and nobody whom the line rings may be told of it.
    ReplacesNotPassedOn = "replaces-not-passed-on", 403;
    /// The node was restarted during a transfer whose referrer had hung up.
    TransferCut = "transfer-cut", 480;

    // Lines.
    /// Whoever answered hung up at once: nobody was there.
    NobodyThere = "nobody-there", 480;
    /// Whoever answered did not take the call.
    NotAccepted = "not-accepted", 480;
    /// The caller pressed a key instead of waiting.
    KeyPressed = "key-pressed", 480;
    /// Another target, rung beside this one, has answered.
    AnsweredElsewhere = "answered-elsewhere", 0;
    /// The line's longest wait was over.
    WaitedTooLong = "waited-too-long", 480;
    /// One line led to another too often.
    TooManyLines = "too-many-lines", 480;
    /// By its hours, the line rings nobody now.
    OutOfHours = "out-of-hours", 480;
    /// The caller has left a message.
    MessageLeft = "message-left", 0;
    /// The node was restarted while the caller waited.
    WaitCut = "wait-cut", 480;

    // Capacity: only new calls are turned away.
    /// More new calls arrive than limits.new_calls allows.
    NewCallLimit = "new-call-limit", 503;
    /// Every place for a call is taken.
    NodeFull = "node-full", 503;
    /// No block is free to keep a message in.
    NoMemory = "no-memory", 503;
    /// No media port is free.
    NoPort = "no-port", 503;
    /// The node is stopping and takes no new calls.
    Draining = "draining", 503;
    /// The trunk carries as many calls as it may.
    TrunkFull = "trunk-full", 480;
    /// As many callers wait as the line has room for.
    LineFull = "line-full", 486;
    /// This caller waits in that queue already, in another call.
    QueuedAlready = "queued-already", 486;
    /// The trunk starts more new calls per second than its max_rate_in allows.
    TrunkFlood = "trunk-flood", 503;
    /// The trunk to be dialled gets as many new calls per second as it may.
    TrunkLimit = "trunk-limit", 480;

    // Media in signalling.
    /// The session description cannot be read.
    MalformedSdp = "malformed-sdp", 400;
    /// The offer has no audio stream in PCMU or PCMA over RTP/AVP.
    NoCommonCodec = "no-common-codec", 488;
    /// The session description names an address outside the trunk's media ranges.
    MediaOutsideRange = "media-outside-range", 488;
    /// SRTP is off for this trunk, and there is no audio without it: the trunk's key srtp turns it on.
    SrtpOff = "srtp-off", 488;
    /// This trunk requires SRTP, and there is no audio with it.
    SrtpRequired = "srtp-required", 488;
    /// The session description has no crypto line that can be used: a known suite, its key, no MKI, no parameters.
    SrtpNoSuite = "srtp-no-suite", 488;
    /// The key of SRTP came, or was to be sent, by another way than TLS, where others can read it.
    SrtpNotOverTls = "srtp-not-over-tls", 488;
    /// Every place for SRTP is taken.
    SrtpFull = "srtp-full", 503;
    /// The relay could not open its ports.
    MediaFailed = "media-failed", 503;

    // How an address fails that is pinged.
    /// The address does not answer pings any more.
    PingUnanswered = "ping-unanswered", 0;
    /// The address answers pings with 503: it takes no calls now.
    PingRefused = "ping-refused", 0;

    // How a target fails.
    /// The target's name has no address in its trunk's ranges.
    TargetUnresolved = "target-unresolved", 480;
    /// An address of the target's name is not in its trunk's ranges and was left out.
    AddressOutsideRange = "address-outside-range", 0;
    /// The target did not answer in the time it was given.
    NoAnswer = "no-answer", 480;
    /// Nothing came back from the target's address.
    TargetSilent = "target-silent", 408;
    /// No connection to the target's address could be opened, or it was lost before anything came back.
    TargetUnreachable = "target-unreachable", 408;
    /// The target is busy.
    TargetBusy = "target-busy", 486;
    /// The target does not exist.
    TargetNotFound = "target-not-found", 404;
    /// The target's server failed.
    TargetFailed = "target-failed", 500;
    /// The target declined the call.
    TargetDeclined = "target-declined", 603;
    /// The target refused the call.
    TargetRefused = "target-refused", 480;
    /// The target asks for credentials that its trunk does not have.
    TargetWantsCredentials = "target-wants-credentials", 480;
    /// The target refused its trunk's credentials.
    TargetRefusedCredentials = "target-refused-credentials", 480;
    /// The target's answer to our offer cannot be used.
    TargetMedia = "target-media", 488;
    /// The target refused to hear that its provisional response arrived.
    PrackRefused = "prack-refused", 0;
    /// The answer came after another one, or when nobody waited for it any more, and was hung up.
    AnsweredTooLate = "answered-too-late", 0;
    /// More branches answered one INVITE than can be hung up.
    TooManyAnswers = "too-many-answers", 0;

    // How calls end.
    /// The call went on to whom it was transferred.
    Transferred = "transferred", 0;
    /// Another dialog took the leg's place.
    Replaced = "replaced", 0;
    /// The caller hung up before an answer.
    Cancelled = "cancelled", 487;
    /// The caller hung up.
    CallerHungUp = "caller-hung-up", 0;
    /// The target hung up.
    TargetHungUp = "target-hung-up", 0;
    /// The ACK to our offer brought no answer.
    AnswerMissing = "answer-missing", 400;
    /// The peer let its session expire: it was not refreshed in the interval agreed on.
    SessionExpired = "session-expired", 408;
    /// Neither RTP nor RTCP came from a side that should speak, for as long as `media.silence` says.
    MediaSilent = "media-silent", 408;
    /// The peer refused to refresh its session, or did not answer that.
    RefreshFailed = "refresh-failed", 408;
    /// The answer was never acknowledged.
    AckMissing = "ack-missing", 0;
    /// The caller, who asked for it, never acknowledged a provisional response.
    PrackMissing = "prack-missing", 504;
    /// The node was stopped.
    Stopped = "stopped", 503;
    /// After a restart our address is another than what the call's peers were told.
    AddressChanged = "address-changed", 503;
    /// After a restart the call's trunk is no longer configured, or no longer covers its peer.
    TrunkChanged = "trunk-changed", 503;

    // The ticket.
    /// The ticket id is not a plain positive number and was left out.
    TicketMalformed = "ticket-malformed", 0;
    /// Two different ticket ids were given and both were left out.
    TicketConflict = "ticket-conflict", 0;
    /// This kind of trunk may not bring a ticket id, and it was left out.
    TicketNotTrusted = "ticket-not-trusted", 0;

    // Who calls, and what is carried along.
    /// The header field that is to name the original caller names nobody and was left out.
    CallerMalformed = "caller-malformed", 0;
    /// Header fields that are carried across were too long, had control characters or found no memory, and were left out.
    HeadersLeftOut = "headers-left-out", 0;
    /// The announced hand-over that was dialled was over, or not this trunk's: the call came without what was said of it.
    AnnouncementUnknown = "announcement-unknown", 0;

    // Packets.
    /// No stream is open at this port.
    PortClosed = "port-closed", 0;
    /// The packet comes from an address that its stream's peer did not name.
    WrongSource = "wrong-source", 0;
    /// The packet is not RTP or RTCP.
    NotRtp = "not-rtp", 0;
    /// The packet's payload type was not agreed on.
    WrongPayload = "wrong-payload", 0;
    /// The SRTP packet is not authentic: it was made with another key or suite, or changed on its way.
    SrtpNotAuthentic = "srtp-not-authentic", 0;
    /// The SRTP packet was here before, or is too old to tell.
    SrtpReplayed = "srtp-replayed", 0;
    /// The SRTP key has protected as many packets as it may.
    SrtpExhausted = "srtp-exhausted", 0;
    /// The other side of the stream has no address yet, or does not want to hear.
    NoPeer = "no-peer", 0;
    /// A key that was pressed could not be heard, told on or reported: there is no room for so many at once.
    DigitLost = "digit-lost", 0;

    // Frames, where the host is a board and its network begins below IP.
    /// The frame is cut short or contradicts itself.
    FrameMalformed = "frame-malformed", 0;
    /// The frame is for another address.
    NotForUs = "not-for-us", 0;
    /// The frame carries a protocol that is not spoken here.
    ProtocolNotSpoken = "protocol-not-spoken", 0;
    /// Nothing listens at this port.
    NoListener = "no-listener", 0;
    /// The checksum does not fit the packet.
    BadChecksum = "bad-checksum", 0;
    /// Media came in IP fragments.
    MediaFragmented = "media-fragmented", 0;
    /// The next hop does not answer ARP.
    NoNeighbour = "no-neighbour", 0;
    /// The network interface had no room for another frame.
    SendFull = "send-full", 0;
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Its place in [`Reason::ALL`] and in [`Counters`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// How often each reason occurred. Never wraps back to a smaller number in practice: 64 bits.
#[derive(Clone, Debug)]
pub struct Counters([u64; Reason::COUNT]);

impl Counters {
    /// All zero.
    pub const NEW: Self = Self([0; Reason::COUNT]);

    /// Counts one occurrence.
    pub fn add(&mut self, reason: Reason) {
        if let Some(count) = self.0.get_mut(reason.index()) {
            *count = count.wrapping_add(1);
        }
    }

    /// Counts what others have counted as well.
    pub fn add_all(&mut self, others: &Self) {
        for (count, others) in self.0.iter_mut().zip(others.0) {
            *count = count.wrapping_add(others);
        }
    }

    /// How often `reason` occurred.
    pub fn get(&self, reason: Reason) -> u64 {
        self.0.get(reason.index()).copied().unwrap_or(0)
    }

    /// Those that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.iter().map(|&reason| (reason, self.get(reason))).filter(|&(_, count)| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sentences_are_sentences() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert!(reason.sentence().trim().ends_with('.'), "{reason:?}");
            assert!(Reason::ALL.iter().filter(|other| other.code() == reason.code()).count() == 1);
        }
    }

    #[test]
    fn counts() {
        let mut counters = Counters::NEW;
        counters.add(Reason::Loop);
        counters.add(Reason::Loop);
        assert_eq!(counters.get(Reason::Loop), 2);
        assert_eq!(counters.iter().count(), 1);
    }
}
