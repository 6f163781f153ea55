//! A part for SIPp that is written in the test itself, step by step, as the RFCs draw their flows.
//!
//! Whoever has a part says and hears exactly what is written, in this order; anything else fails its call.
//! Retransmissions are SIPp's own business.

use core::net::SocketAddrV4;

/// What an INVITE, or the answer to one, says about the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// Nothing.
    Nothing,
    /// One audio stream.
    Audio,
    /// The same, held.
    Held,
    /// The same, expected at another port than before.
    Elsewhere,
    /// The same, and whatever is heard there is sent back.
    Echo,
    /// One audio stream that SIPp plays itself, with telephone-events.
    Stream,
    /// One audio stream that SIPp plays itself, and nothing beside.
    Plain,
}

impl Say {
    /// Type, length and body.
    fn body(self, format: u8, version: u32) -> String {
        let (direction, port) = match self {
            Self::Nothing => return "Content-Length: 0\n\n".into(),
            Self::Audio => ("sendrecv", "[field1]"),
            Self::Held => ("sendonly", "[field1]"),
            Self::Elsewhere => ("sendrecv", "60[field1]"),
            Self::Echo => ("sendrecv", "[media_port]"),
            Self::Stream | Self::Plain => ("sendrecv", "[rtpstream_audio_port]"),
        };
        let (event, mapped) = match self {
            Self::Plain => ("", ""),
            _ => (" 101", "a=rtpmap:101 telephone-event/8000\n"),
        };
        let name = if format == 0 { "PCMU" } else { "PCMA" };
        format!(
            "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=peer [pid] {version} IN IP4 [local_ip]\ns=-\n\
             c=IN IP4 [media_ip]\nt=0 0\nm=audio {port} RTP/AVP {format}{event}\na=rtpmap:{format} {name}/8000\n\
             {mapped}a=ptime:20\na={direction}\n\n"
        )
    }
}

/// A part.
#[derive(Clone, Debug)]
pub struct Script {
    name: String,
    /// Whether it is called, and does not call.
    called: bool,
    /// Whether it brings a ticket.
    ticket: bool,
    steps: String,
    /// Of the last request said.
    cseq: u32,
    /// Of the last INVITE said.
    invited: u32,
    version: u32,
    format: u8,
    /// How many things have been looked for.
    found: u32,
    /// Whether what is sent next is sent once.
    once: bool,
    /// Whether the next 200 is to a CANCEL.
    cancelled: bool,
    /// Whether there is a proxy before it that records itself.
    proxied: bool,
    /// How long it may take, in milliseconds.
    lasting: u32,
    /// Which line is dialled, and the caller's number.
    dials: String,
    number: &'static str,
}

impl Script {
    /// Somebody who calls the line with a ticket.
    pub fn caller(name: &str) -> Self {
        Self::new(name, false, 0)
    }

    /// Somebody who is called.
    pub fn target(name: &str) -> Self {
        Self::new(name, true, 8)
    }

    fn new(name: &str, called: bool, format: u8) -> Self {
        let name = name.replace(' ', "_");
        Self {
            name,
            called,
            ticket: true,
            steps: String::new(),
            cseq: 0,
            invited: 0,
            version: 0,
            format,
            found: 0,
            once: false,
            cancelled: false,
            proxied: false,
            lasting: 60_000,
            dials: "support".to_owned(),
            number: "+821044440[field0]",
        }
    }

    /// Dials another line, in all steps that follow and that went before.
    pub fn dials(mut self, line: &str) -> Self {
        self.dials = line.to_owned();
        self
    }

    /// Brings no ticket.
    pub const fn without_ticket(mut self) -> Self {
        self.ticket = false;
        self
    }

    /// Calls with this number, from here on.
    pub const fn calls_as(mut self, number: &'static str) -> Self {
        self.number = number;
        self
    }

    /// May take so many minutes more than others.
    pub fn lasts(mut self, minutes: u32) -> Self {
        self.lasting += minutes * 60_000;
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn lasting(&self) -> u32 {
        self.lasting
    }

    pub(super) fn echoes(&self) -> bool {
        self.steps.contains("[media_port]")
    }

    pub(super) const fn is_called(&self) -> bool {
        self.called
    }

    /// As SIPp reads it, of somebody who is known at `known`, with the line at `warmline`.
    pub(super) fn text(&self, known: SocketAddrV4, warmline: SocketAddrV4) -> String {
        let steps = self.steps.replace("<sip:peer@known>", &format!("<sip:peer@{known}>"));
        let steps = steps.replace(Self::LINE, &format!("sip:{}@{warmline}", self.dials));
        let steps = if self.ticket { steps } else { steps.replace("X-Zendesk-Ticket-Id: [field0]\n", "") };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"{}\">\n{}</scenario>\n",
            self.name, steps
        )
    }

    fn step(mut self, step: &str) -> Self {
        self.steps.push_str(step);
        self
    }

    /// Sends these lines; until something is heard, again and again where `again`.
    fn send(mut self, again: bool, lines: &str) -> Self {
        let once = core::mem::take(&mut self.once);
        let retrans = if again && !once { " retrans=\"500\"" } else { "" };
        self.step(&format!("<send{retrans}><![CDATA[\n\n{lines}\n]]></send>\n"))
    }

    fn request(&self, method: &str, uri: &str, branch: u32, cseq: u32, lines: &str, ends: &str) -> String {
        let side = if self.called { 'z' } else { 'a' };
        format!(
            "{method} {uri} SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{side}{branch};rport\n\
             {lines}{}Call-ID: [call_id]\nCSeq: {cseq} {method}\nMax-Forwards: 70\n{ends}",
            self.ends(matches!(method, "CANCEL" | "INVITE") && cseq == 1),
        )
    }

    /// From and To of its own requests.
    fn ends(&self, first: bool) -> String {
        if self.called {
            return "From:[$callee];tag=[pid]z[call_number]\nTo:[$caller]\n".into();
        }
        let to = if first { " <sip:support@warmline>" } else { "[$remote]" };
        format!(
            "From: \"Caller\" <sip:{}@[local_ip]:[local_port]>;tag=[pid]a[call_number]\nTo:{to}\n",
            self.number
        )
    }

    const CONTACT: &str = "Contact: <sip:peer@known>\n";
    const LINE: &str = "sip:support@warmline";

    /// Sends what comes next only once, and does not wait for an answer before it sends something else.
    pub fn at_once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Sends the INVITE.
    pub fn invites(self, say: Say) -> Self {
        self.invites_with("", say)
    }

    /// Sends the INVITE with further lines.
    pub fn invites_with(mut self, lines: &str, say: Say) -> Self {
        (self.cseq, self.invited, self.version) = (1, 1, 1);
        let ends =
            format!("{}X-Zendesk-Ticket-Id: [field0]\n{lines}{}", Self::CONTACT, say.body(self.format, 1));
        let lines = self.request("INVITE", Self::LINE, 1, 1, "", &ends);
        self.send(true, &lines)
    }

    /// Sends the very same INVITE again.
    pub fn invites_again(self, say: Say) -> Self {
        let ends = format!("{}X-Zendesk-Ticket-Id: [field0]\n{}", Self::CONTACT, say.body(self.format, 1));
        let lines = self.request("INVITE", Self::LINE, 1, 1, "", &ends);
        self.send(false, &lines)
    }

    /// Sends an INVITE within the dialog.
    pub fn reinvites(mut self, say: Say) -> Self {
        self.cseq += 1;
        self.version += 1;
        self.invited = self.cseq;
        let ends = format!("{}{}", Self::CONTACT, say.body(self.format, self.version));
        let lines = self.request("INVITE", "[next_url]", self.cseq, self.cseq, "[routes]\n", &ends);
        self.send(true, &lines)
    }

    /// Sends an UPDATE.
    pub fn updates(mut self, say: Say) -> Self {
        self.cseq += 1;
        self.version += 1;
        let ends = format!("{}{}", Self::CONTACT, say.body(self.format, self.version));
        let lines = self.request("UPDATE", "[next_url]", self.cseq, self.cseq, "[routes]\n", &ends);
        self.send(true, &lines)
    }

    /// Acknowledges the 2xx to the INVITE that is its `number`th request.
    pub fn acknowledges_number(self, number: u32, say: Say) -> Self {
        let ends = say.body(self.format, self.version);
        let lines = self.request("ACK", "[next_url]", 100 + number, number, "[routes]\n", &ends);
        self.send(false, &lines)
    }

    /// Acknowledges the 2xx to its last INVITE.
    pub fn acknowledges(self) -> Self {
        let number = self.invited;
        self.acknowledges_number(number, Say::Nothing)
    }

    /// Acknowledges the 2xx to its last INVITE, with an answer to what that offered.
    pub fn acknowledges_with(mut self, say: Say) -> Self {
        self.version += 1;
        let number = self.invited;
        self.acknowledges_number(number, say)
    }

    /// Acknowledges a failure.
    pub fn acknowledges_failure(self) -> Self {
        let number = self.invited;
        let uri = if number > 1 || self.called { "[next_url]" } else { Self::LINE };
        let lines = self.request("ACK", uri, number, number, "", "Content-Length: 0\n\n");
        self.send(false, &lines)
    }

    /// Cancels its INVITE.
    pub fn cancels(mut self) -> Self {
        self.cancelled = true;
        let number = self.invited;
        let lines = self.request("CANCEL", Self::LINE, number, number, "", "Content-Length: 0\n\n");
        self.send(true, &lines)
    }

    /// Sends a request within the dialog; `lines` are further ones.
    pub fn says(mut self, method: &str, lines: &str) -> Self {
        self.cseq += 1;
        let ends = format!("{lines}Content-Length: 0\n\n");
        let lines = self.request(method, "[next_url]", self.cseq, self.cseq, "[routes]\n", &ends);
        self.send(true, &lines)
    }

    /// Tells something in the body of an INFO.
    pub fn informs(mut self, kind: &str, body: &str) -> Self {
        self.cseq += 1;
        let ends = format!("Content-Type: {kind}\nContent-Length: [len]\n\n{body}");
        let lines = self.request("INFO", "[next_url]", self.cseq, self.cseq, "[routes]\n", &ends);
        self.send(true, &lines)
    }

    /// Plays a file of G.711 from the cast's folder, and waits for so many milliseconds.
    pub fn streams(self, file: &str, millis: u32) -> Self {
        let format = if self.format == 0 { "0,PCMU/8000" } else { "8,PCMA/8000" };
        self.step(&format!("<nop><action><exec rtp_stream=\"{file},1,{format}\"/></action></nop>\n"))
            .waits(millis)
    }

    /// Plays audio from here on.
    pub fn speaks(self) -> Self {
        let format = if self.format == 0 { "0,PCMU/8000" } else { "8,PCMA/8000" };
        self.step(&format!("<nop><action><exec rtp_stream=\"audio.ulaw,-1,{format}\"/></action></nop>\n"))
    }

    /// Plays a capture of RTP, for which SIPp needs the right to raw sockets, and waits for so many milliseconds.
    pub fn replays(self, capture: &str, millis: u32) -> Self {
        self.step(&format!("<nop><action><exec play_pcap_audio=\"{capture}\"/></action></nop>\n"))
            .waits(millis)
    }

    /// Hangs up.
    pub fn hangs_up(self) -> Self {
        self.says("BYE", "")
    }

    /// Hears a response.
    pub fn hears(mut self, status: u16) -> Self {
        if core::mem::take(&mut self.cancelled) && status == 200 {
            // It is of no dialog.
            return self.step("<recv response=\"200\"/>\n");
        }
        self.hears_with(status, "SIP")
    }

    /// Hears a response, or does not.
    pub fn may_hear(self, status: u16) -> Self {
        self.step(&format!("<recv response=\"{status}\" optional=\"true\"/>\n"))
    }

    /// Hears a response in which there is something: a POSIX expression, looked for in all of it.
    pub fn hears_with(mut self, status: u16, expression: &str) -> Self {
        self.found += 1;
        let name = format!("found{}", self.found);
        // Where the dialog's other end is, and the way there.
        let route = if status == 200 || (180..190).contains(&status) { " rrs=\"true\"" } else { "" };
        self.step(&format!(
            "<recv response=\"{status}\"{route}><action><ereg regexp=\"{expression}\" search_in=\"msg\" \
             check_it=\"true\" assign_to=\"{name}\"/><ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" \
             check_it=\"true\" assign_to=\"remote\"/></action></recv>\n<Reference variables=\"{name},remote\"/>\n"
        ))
    }

    /// Hears a provisional response that is sent reliably, and acknowledges it (RFC 3262).
    pub fn hears_reliably(mut self, status: u16) -> Self {
        self.found += 1;
        let name = format!("rseq{}", self.found);
        let heard = self.step(&format!(
            "<recv response=\"{status}\" rrs=\"true\"><action><ereg regexp=\"Require: .*100rel\" search_in=\"msg\" \
             check_it=\"true\" assign_to=\"{name}r\"/><ereg regexp=\"[0-9]+\" search_in=\"hdr\" header=\"RSeq:\" \
             check_it=\"true\" assign_to=\"{name}\"/><ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" \
             check_it=\"true\" assign_to=\"remote\"/></action></recv>\n<Reference variables=\"{name}r\"/>\n"
        ));
        let acknowledged = format!("RAck: [${name}] {} INVITE\n", heard.invited);
        // Its 200 says nothing of the dialog.
        heard.says("PRACK", &acknowledged).step("<recv response=\"200\"/>\n")
    }

    /// Gets a request.
    pub fn gets(self, method: &str) -> Self {
        self.step(&format!("<recv request=\"{method}\"/>\n"))
    }

    /// Gets a request in which there is something, as for [`Script::hears_with`].
    pub fn gets_with(mut self, method: &str, expression: &str) -> Self {
        self.found += 1;
        let name = format!("found{}", self.found);
        self.step(&format!(
            "<recv request=\"{method}\"><action><ereg regexp=\"{expression}\" search_in=\"msg\" check_it=\"true\" \
             assign_to=\"{name}\"/></action></recv>\n<Reference variables=\"{name}\"/>\n"
        ))
    }

    /// Stands behind a proxy that records itself.
    pub fn behind_a_proxy(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// Gets the INVITE.
    pub fn is_invited(self) -> Self {
        self.is_invited_with("SIP")
    }

    /// Gets the INVITE, in which there is something, as for [`Script::hears_with`].
    pub fn is_invited_with(mut self, expression: &str) -> Self {
        self.found += 1;
        let found = format!("found{}", self.found);
        let action = |header: &str, name: &str| {
            format!(
                "<ereg regexp=\".*\" search_in=\"hdr\" header=\"{header}:\" check_it=\"true\" assign_to=\"{name}\"/>"
            )
        };
        let actions = [("From", "caller"), ("To", "callee"), ("Via", "via"), ("CSeq", "cseq")]
            .map(|(h, n)| action(h, n));
        let (proxy, names) = if self.proxied {
            let second = "<ereg regexp=\".*\" search_in=\"hdr\" header=\"Via:\" occurrence=\"2\" check_it=\"true\" \
                          assign_to=\"way\"/>";
            (format!("{second}{}", action("Record-Route", "route")), ",way,route")
        } else {
            (String::new(), "")
        };
        self.step(&format!(
            "<recv request=\"INVITE\" rrs=\"true\"><action><ereg regexp=\"{expression}\" search_in=\"msg\" \
             check_it=\"true\" assign_to=\"{found}\"/>{}{proxy}</action></recv>\n\
             <Reference variables=\"caller,callee,via,cseq,{found}{names}\"/>\n",
            actions.concat()
        ))
    }

    /// Answers the INVITE, whatever has come since.
    pub fn answers_invite(self, status: u16, say: Say) -> Self {
        self.answers_invite_with(status, "", say)
    }

    /// The same with further lines.
    pub fn answers_invite_with(self, status: u16, lines: &str, say: Say) -> Self {
        let again = status >= 200;
        let proxy = if self.proxied { "Via:[$way]\nRecord-Route:[$route]\n" } else { "" };
        let lines = format!(
            "SIP/2.0 {status} As the RFC has it\nVia:[$via]\n{proxy}From:[$caller]\n\
             To:[$callee];tag=[pid]z[call_number]\nCall-ID: [call_id]\nCSeq:[$cseq]\n{lines}{}{}",
            Self::CONTACT,
            say.body(self.format, 1)
        );
        self.send(again, &lines)
    }

    /// Gets an INVITE within the dialog.
    pub fn is_reinvited(self) -> Self {
        let action = |header: &str, name: &str| {
            format!(
                "<ereg regexp=\".*\" search_in=\"hdr\" header=\"{header}:\" check_it=\"true\" assign_to=\"{name}\"/>"
            )
        };
        let actions = [("From", "other"), ("To", "own"), ("Via", "via_again"), ("CSeq", "cseq_again")]
            .map(|(h, n)| action(h, n));
        self.step(&format!(
            "<recv request=\"INVITE\"><action>{}</action></recv>\n\
             <Reference variables=\"other,own,via_again,cseq_again\"/>\n",
            actions.concat()
        ))
    }

    /// Answers that, whatever has come since.
    pub fn answers_reinvite(mut self, status: u16, say: Say) -> Self {
        self.version += 1;
        let lines = format!(
            "SIP/2.0 {status} As the RFC has it\nVia:[$via_again]\nFrom:[$other]\nTo:[$own]\n\
             Call-ID: [call_id]\nCSeq:[$cseq_again]\n{}{}",
            Self::CONTACT,
            say.body(self.format, self.version)
        );
        self.send(status >= 200, &lines)
    }

    /// Answers what came last; `lines` are further ones.
    pub fn answers_with(self, status: u16, lines: &str, say: Say) -> Self {
        self.answers_by(false, status, lines, say)
    }

    fn answers_by(mut self, first: bool, status: u16, lines: &str, say: Say) -> Self {
        self.version += 1;
        let tag = if first { ";tag=[pid]z[call_number]" } else { "" };
        let again = first && status >= 200;
        let lines = format!(
            "SIP/2.0 {status} As the RFC has it\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:]{tag}\n\
             [last_Call-ID:]\n[last_CSeq:]\n{lines}{}{}",
            Self::CONTACT,
            say.body(self.format, self.version)
        );
        self.send(again, &lines)
    }

    /// Answers the INVITE that came last, or a CANCEL of it, as the end of a dialog of its own.
    pub fn answers_first(self, status: u16, lines: &str, say: Say) -> Self {
        self.answers_by(true, status, lines, say)
    }

    /// Answers what came last.
    pub fn answers(self, status: u16) -> Self {
        self.answers_by(false, status, "", Say::Nothing)
    }

    /// Waits.
    pub fn waits(self, milliseconds: u32) -> Self {
        self.step(&format!("<pause milliseconds=\"{milliseconds}\"/>\n"))
    }

    /// Stays a while, for whatever comes again.
    pub fn lingers(self) -> Self {
        self.step("<timewait milliseconds=\"500\"/>\n")
    }
}
