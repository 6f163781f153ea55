//! One end of one dialog over UDP, with its transactions (RFC 3261 section 17): what callers and targets share.

use core::net::SocketAddr;

use crate::text::Text;

pub(crate) const T1: u64 = 500_000;
pub(crate) const T2: u64 = 4_000_000;
pub(crate) const GIVE_UP: u64 = 64 * T1;

/// A datagram on its way to us.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// A request of the peer's.
#[derive(Debug)]
struct Client {
    branch: String,
    method: &'static str,
    bytes: Vec<u8>,
    interval: u64,
    resend_at: Option<u64>,
    give_up_at: Option<u64>,
    finished: bool,
    /// The ACK to its final response.
    ack: Option<Vec<u8>>,
}

/// A request of ours.
#[derive(Debug)]
struct Served {
    branch: String,
    method: String,
    cseq: u32,
    response: Vec<u8>,
    interval: u64,
    resend_at: Option<u64>,
    give_up_at: Option<u64>,
}

/// A response that was heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) method: &'static str,
    pub(crate) status: u16,
}

/// Something that ran out of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// Nobody answers this request.
    Request(&'static str),
    /// Nobody acknowledges the final response to the INVITE.
    Ack,
    /// Nobody acknowledges the provisional response to the INVITE.
    Prack,
}

/// A provisional response that is repeated until its PRACK comes.
#[derive(Debug)]
struct Unheard {
    rseq: u32,
    cseq: u32,
    described: bool,
    bytes: Vec<u8>,
    interval: u64,
    resend_at: u64,
    give_up_at: u64,
}

#[derive(Debug)]
pub(crate) struct Peer {
    /// Stands in everything it makes up, so that it can be found where it does not belong.
    pub(crate) name: String,
    pub(crate) at: SocketAddr,
    pub(crate) sbc: SocketAddr,
    pub(crate) media: SocketAddr,
    pub(crate) call_id: String,
    /// Its own address and tag.
    pub(crate) local: String,
    /// Ours.
    pub(crate) remote: String,
    /// Our Contact, or what is dialled.
    pub(crate) target: String,
    pub(crate) cseq: u32,
    /// The version of its session description.
    pub(crate) version: u64,
    /// Via and Record-Route lines of a proxy that its requests pass.
    pub(crate) proxy: Option<String>,
    branches: u32,
    clients: Vec<Client>,
    served: Vec<Served>,
    unheard: Option<Unheard>,
    /// The RSeq that was sent last, or heard last.
    pub(crate) rseq: u32,
}

impl Peer {
    pub(crate) fn new(name: String, at: SocketAddr, sbc: SocketAddr, media: SocketAddr) -> Self {
        Self {
            call_id: format!("{name}-id@{}", at.ip()),
            name,
            at,
            sbc,
            media,
            local: String::new(),
            remote: String::new(),
            target: String::new(),
            cseq: 0,
            version: 1,
            proxy: None,
            branches: 0,
            clients: Vec::new(),
            served: Vec::new(),
            unheard: None,
            rseq: 0,
        }
    }

    /// Its dialog, as Replaces names it to us.
    pub(crate) fn dialog(&self) -> Option<String> {
        let tag = |of: &str| of.split_once(";tag=").map(|(_, tag)| tag.to_owned());
        Some(format!("{};to-tag={};from-tag={}", self.call_id, tag(&self.remote)?, tag(&self.local)?))
    }

    /// Whether an INVITE of its own has no final response yet.
    pub(crate) fn invites(&self) -> bool {
        self.clients.iter().any(|client| client.method == "INVITE" && !client.finished)
    }

    pub(crate) fn contact(&self) -> String {
        format!("Contact: <sip:{}-contact@{}>\r\n", self.name, self.at)
    }

    pub(crate) fn branch(&mut self) -> String {
        self.branches += 1;
        format!("{}{}", self.branches_begin(), self.branches)
    }

    /// How every branch of its own begins.
    pub(crate) fn branches_begin(&self) -> String {
        format!("z9hG4bK{}-b", self.name)
    }

    /// A request's bytes.
    pub(crate) fn compose(&self, method: &str, branch: &str, cseq: u32, lines: &str, body: &str) -> Vec<u8> {
        let Self { at, target, local, remote, call_id, proxy, .. } = self;
        let proxy = proxy.as_deref().unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch={branch};rport\r\n{proxy}Max-Forwards: 70\r\n\
             From: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{lines}{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    /// Sends a request and minds it.
    pub(crate) fn request(
        &mut self,
        now: u64,
        method: &'static str,
        lines: &str,
        body: &str,
        out: &mut Vec<Sent>,
    ) -> String {
        self.cseq += 1;
        let branch = self.branch();
        let bytes = self.compose(method, &branch, self.cseq, lines, body);
        self.start(now, method, branch.clone(), bytes, out);
        branch
    }

    pub(crate) fn start(
        &mut self,
        now: u64,
        method: &'static str,
        branch: String,
        bytes: Vec<u8>,
        out: &mut Vec<Sent>,
    ) {
        self.send(bytes.clone(), out);
        self.clients.push(Client {
            branch,
            method,
            bytes,
            interval: T1,
            resend_at: Some(now + T1),
            give_up_at: Some(now + GIVE_UP),
            finished: false,
            ack: None,
        });
    }

    pub(crate) fn send(&self, bytes: Vec<u8>, out: &mut Vec<Sent>) {
        out.push(Sent { from: self.at, to: self.sbc, bytes });
    }

    /// The ACK to the 2xx that was just heard for the INVITE with this branch; comes again when the 2xx does.
    pub(crate) fn acknowledge(&mut self, branch: &str, cseq: u32, body: &str, out: &mut Vec<Sent>) {
        let own = self.branch();
        let ack = self.compose("ACK", &own, cseq, "", body);
        self.send(ack.clone(), out);
        if let Some(client) = self.clients.iter_mut().find(|client| client.branch == branch) {
            client.ack = Some(ack);
        }
    }

    /// Takes a response in. None when it is nothing new.
    pub(crate) fn hear(
        &mut self,
        now: u64,
        response: &Text<'_>,
        out: &mut Vec<Sent>,
    ) -> Result<Option<Heard>, String> {
        let status = response.status().ok_or("no status")?;
        let (cseq, method) = response.cseq().ok_or("no CSeq")?;
        let branch = response.branch();
        let found = self.clients.iter().position(|client| client.branch == branch && client.method == method);
        let place = found.ok_or_else(|| format!("a response to nothing: {} {branch}", response.start))?;
        let to = response.get("To").unwrap_or_default().to_owned();
        let client = &mut self.clients[place];
        let method = client.method;
        if client.finished {
            if let Some(ack) = client.ack.clone().filter(|_| status >= 200) {
                self.send(ack, out);
            }
            return Ok(None);
        }
        if status < 200 {
            if method == "INVITE" {
                (client.resend_at, client.give_up_at) = (None, None);
            } else {
                (client.interval, client.resend_at) = (T2, Some(now + T2));
            }
            return Ok(Some(Heard { method, status }));
        }
        client.finished = true;
        (client.resend_at, client.give_up_at) = (None, None);
        if method == "INVITE" && status >= 300 {
            let before = core::mem::replace(&mut self.remote, to);
            let branch = branch.to_owned();
            let ack = self.compose("ACK", &branch, cseq, "", "");
            self.remote = before;
            self.send(ack.clone(), out);
            self.clients[place].ack = Some(ack);
        }
        Ok(Some(Heard { method, status }))
    }

    /// Whether a request was seen before; it is answered again.
    pub(crate) fn again(&self, request: &Text<'_>, out: &mut Vec<Sent>) -> bool {
        let (branch, method) = (request.branch(), request.method());
        let found = self.served.iter().find(|served| served.branch == branch && served.method == method);
        match found {
            Some(served) => {
                if !served.response.is_empty() {
                    self.send(served.response.clone(), out);
                }
                true
            }
            None => false,
        }
    }

    /// Remembers a request that is answered later.
    pub(crate) fn serve(&mut self, request: &Text<'_>) {
        self.served.push(Served {
            branch: request.branch().to_owned(),
            method: request.method().to_owned(),
            cseq: request.cseq().map_or(0, |cseq| cseq.0),
            response: Vec::new(),
            interval: T1,
            resend_at: None,
            give_up_at: None,
        });
    }

    /// Responds to a request that [`Peer::serve`] remembers.
    pub(crate) fn respond(
        &mut self,
        now: u64,
        request: &Text<'_>,
        status: u16,
        lines: &str,
        body: &str,
        out: &mut Vec<Sent>,
    ) {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let mut text = format!("SIP/2.0 {status} As planned\r\n");
        for via in request.all("Via") {
            text.push_str(&format!("Via: {via}\r\n"));
        }
        let to = match (request.tag("To"), status) {
            (Some(_), _) | (None, 100) => request.get("To").unwrap_or_default().to_owned(),
            _ => self.local.clone(),
        };
        for (name, value) in [
            ("From", request.get("From").unwrap_or_default()),
            ("To", &to),
            ("Call-ID", request.get("Call-ID").unwrap_or_default()),
            ("CSeq", request.get("CSeq").unwrap_or_default()),
        ] {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("{lines}{kind}Content-Length: {}\r\n\r\n{body}", body.len()));
        let (branch, method) = (request.branch(), request.method());
        let served = self.served.iter_mut().find(|served| served.branch == branch && served.method == method);
        if let Some(served) = served {
            served.response = text.clone().into_bytes();
            if method == "INVITE" && status >= 200 {
                served.interval = T1;
                (served.resend_at, served.give_up_at) = (Some(now + T1), Some(now + GIVE_UP));
            }
        }
        self.send(text.into_bytes(), out);
    }

    /// Responds to an INVITE provisionally, and reliably.
    pub(crate) fn respond_reliably(
        &mut self,
        now: u64,
        invite: &Text<'_>,
        status: u16,
        body: &str,
        out: &mut Vec<Sent>,
    ) {
        // Any number begins.
        self.rseq = if self.rseq == 0 { 1 + (now % 1_000_000) as u32 } else { self.rseq + 1 };
        let lines = format!("{}Require: 100rel\r\nRSeq: {}\r\n", self.contact(), self.rseq);
        self.respond(now, invite, status, &lines, body, out);
        let bytes = out.last().expect("it was sent").bytes.clone();
        self.unheard = Some(Unheard {
            rseq: self.rseq,
            cseq: invite.cseq().map_or(0, |cseq| cseq.0),
            described: !body.is_empty(),
            bytes,
            interval: T1,
            resend_at: now + T1,
            give_up_at: now + GIVE_UP,
        });
    }

    /// Whether a provisional response has not been acknowledged, and whether it has a description.
    pub(crate) fn unheard(&self) -> Option<bool> {
        self.unheard.as_ref().map(|unheard| unheard.described)
    }

    /// Nothing provisional is repeated any more: a final response is on its way.
    pub(crate) fn final_now(&mut self) {
        self.unheard = None;
    }

    /// A PRACK came; whether it acknowledges what waits for that.
    pub(crate) fn pracked(&mut self, now: u64, prack: &Text<'_>, out: &mut Vec<Sent>) -> bool {
        let expected =
            self.unheard.as_ref().map(|unheard| format!("{} {} INVITE", unheard.rseq, unheard.cseq));
        let matches = expected.is_some() && prack.get("RAck") == expected.as_deref();
        if matches {
            self.unheard = None;
        }
        self.serve(prack);
        self.respond(now, prack, if matches { 200 } else { 481 }, "", "", out);
        matches
    }

    /// Acknowledges a provisional response in the early dialog that it makes.
    pub(crate) fn prack(
        &mut self,
        now: u64,
        response: &Text<'_>,
        body: &str,
        out: &mut Vec<Sent>,
    ) -> Result<(), String> {
        let contact = response.address("Contact").ok_or("no Contact in a reliable response")?;
        let target = core::mem::replace(&mut self.target, contact.to_owned());
        let remote = core::mem::replace(&mut self.remote, response.one("To")?.to_owned());
        let proxy = self.proxy.take();
        let lines = format!("RAck: {} {}\r\n", response.one("RSeq")?, response.one("CSeq")?);
        self.request(now, "PRACK", &lines, body, out);
        (self.target, self.remote, self.proxy) = (target, remote, proxy);
        Ok(())
    }

    /// An ACK came: whether one was awaited.
    pub(crate) fn acked(&mut self, ack: &Text<'_>) -> bool {
        let cseq = ack.cseq().map_or(0, |cseq| cseq.0);
        let awaited = |served: &&mut Served| {
            served.method == "INVITE" && served.cseq == cseq && served.give_up_at.is_some()
        };
        let found = self.served.iter_mut().find(awaited);
        found.is_some_and(|served| {
            (served.resend_at, served.give_up_at) = (None, None);
            true
        })
    }

    /// Whether an ACK is for an INVITE that has come.
    pub(crate) fn was_invited(&self, ack: &Text<'_>) -> bool {
        let cseq = ack.cseq().map_or(0, |cseq| cseq.0);
        self.served.iter().any(|served| served.method == "INVITE" && served.cseq == cseq)
    }

    /// When something is due.
    pub(crate) fn next(&self) -> Option<u64> {
        let clients = self.clients.iter().flat_map(|client| [client.resend_at, client.give_up_at]);
        let served = self.served.iter().flat_map(|served| [served.resend_at, served.give_up_at]);
        let unheard = self.unheard.iter().map(|unheard| Some(unheard.resend_at.min(unheard.give_up_at)));
        clients.chain(served).chain(unheard).flatten().min()
    }

    /// Sends what is due, and tells what is too late.
    pub(crate) fn tick(&mut self, now: u64, out: &mut Vec<Sent>) -> Vec<Late> {
        let mut late = Vec::new();
        let (at, sbc) = (self.at, self.sbc);
        let mut send = |bytes: &[u8]| out.push(Sent { from: at, to: sbc, bytes: bytes.to_vec() });
        for client in &mut self.clients {
            if client.give_up_at.is_some_and(|at| at <= now) {
                (client.resend_at, client.give_up_at, client.finished) = (None, None, true);
                late.push(Late::Request(client.method));
            } else if client.resend_at.is_some_and(|at| at <= now) {
                send(&client.bytes);
                client.interval *= 2;
                if client.method != "INVITE" {
                    client.interval = client.interval.min(T2);
                }
                client.resend_at = Some(now + client.interval);
            }
        }
        if let Some(unheard) = &mut self.unheard {
            if unheard.give_up_at <= now {
                self.unheard = None;
                late.push(Late::Prack);
            } else if unheard.resend_at <= now {
                send(&unheard.bytes);
                unheard.interval *= 2;
                unheard.resend_at = now + unheard.interval;
            }
        }
        for served in &mut self.served {
            if served.give_up_at.is_some_and(|at| at <= now) {
                (served.resend_at, served.give_up_at) = (None, None);
                late.push(Late::Ack);
            } else if served.resend_at.is_some_and(|at| at <= now) {
                send(&served.response);
                served.interval = (served.interval * 2).min(T2);
                served.resend_at = Some(now + served.interval);
            }
        }
        late
    }
}
