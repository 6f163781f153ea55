//! SRTP between core's contexts and a program that is not ours, baresip, in every suite: what is said to it comes back.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use core::time::Duration;
use std::net::UdpSocket;
use std::time::Instant;

use warmline_core::random::Random;
use warmline_core::rtp::Direction;
use warmline_core::sdp::{self, Local, Session};
use warmline_core::srtp::{Context, Master, Policy, Secret, Security, Suite};
use warmline_tests::sipp::{Baresip, Cast, PATIENCE, Telephone, is_missing};

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A telephone that is called directly, by somebody who offers one suite.
struct Call {
    sip: UdpSocket,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    telephone: SocketAddr,
    peer: SocketAddr,
    context: Context,
    /// What a request within the call begins with after its method.
    head: String,
}

impl Call {
    fn dial(telephone: &Baresip, suite: Suite) -> Self {
        let sip = UdpSocket::bind((HERE, 0)).expect("a free port");
        let (rtp, rtcp) = pair();
        let at = sip.local_addr().expect("it is bound");
        let telephone = SocketAddr::from(telephone.sip);
        let ours = Secret::new(&mut Random::new(&[suite.index() as u8; 32])).master(suite);
        let offer = offered(rtp.local_addr().expect("it is bound").port(), &ours);
        let name = format!("srtp-{}", suite.index());
        let head = format!(
            "sip:202@{telephone} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{name}METHOD;rport\r\n\
             From: <sip:test@{at}>;tag=here\r\nTo: <sip:202@{telephone}>TAG\r\nCall-ID: {name}\r\n\
             Contact: <sip:test@{at}>\r\nMax-Forwards: 70\r\n"
        );
        let mut call = Self {
            sip,
            rtp,
            rtcp,
            telephone,
            peer: telephone,
            context: Context::new(&Security { send: ours, receive: ours }),
            head,
        };
        call.say("INVITE", 1, &offer);
        let answer = call.hears_answer();
        let tag = answer.split("\r\nTo: ").nth(1).and_then(|to| to.split(";tag=").nth(1)).expect("a tag");
        call.head =
            call.head.replace("TAG", &format!(";tag={}", tag.split(['\r', ';']).next().unwrap_or_default()));
        call.say("ACK", 1, "");
        let (_, description) = answer.split_once("\r\n\r\n").expect("a body");
        let session = Session::parse(description.as_bytes()).expect("a description");
        let agreed =
            sdp::choose(&session, Policy::Required).expect("the telephone takes what it was offered");
        let theirs = agreed.crypto.expect("it has a key").master;
        assert_eq!(theirs.suite(), suite);
        call.peer = agreed.remote;
        call.context = Context::new(&Security { send: ours, receive: theirs });
        call
    }

    /// Sends a request.
    fn say(&self, method: &str, number: u32, body: &str) {
        let head = self.head.replace("METHOD", method).replace("TAG", "");
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} {head}CSeq: {number} {method}\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.sip.send_to(text.as_bytes(), self.telephone).expect("loopback is there");
    }

    /// The final answer to the INVITE.
    fn hears_answer(&self) -> String {
        self.sip.set_read_timeout(Some(PATIENCE)).expect("a time");
        let mut room = [0; 4096];
        loop {
            let (len, _) = self.sip.recv_from(&mut room).expect("the telephone answers in time");
            let text = String::from_utf8_lossy(&room[..len]).into_owned();
            if text.starts_with("SIP/2.0 1") {
                continue;
            }
            assert!(text.starts_with("SIP/2.0 200"), "{text}");
            return text;
        }
    }

    /// Says these bytes in PCMU until they have come back often enough, with a report beside; false when it takes too long.
    fn echoes(&mut self, suite: Suite, audio: &[u8; 160]) -> bool {
        self.rtp.set_nonblocking(true).expect("it may");
        self.rtcp.set_nonblocking(true).expect("it may");
        let (begin, mut sent, mut reports, mut strange) = (Instant::now(), 0u32, 0, 0);
        let mut echoed = 0;
        // Its version 1.0 cuts the tags of RTCP to 32 bits as well, against RFC 4568 section 6.2.2.
        let cut = suite == Suite::AesCm128HmacSha1_32;
        while begin.elapsed() < PATIENCE {
            if begin.elapsed() >= Duration::from_millis(20) * sent {
                let mut packet = [0; 12 + 160 + 24];
                packet[..2].copy_from_slice(&[0x80, 0]);
                // It rolls over soon.
                packet[2..4].copy_from_slice(&((65_500 + sent) as u16).to_be_bytes());
                packet[4..8].copy_from_slice(&(sent * 160).to_be_bytes());
                packet[8..12].copy_from_slice(b"test");
                packet[12..172].copy_from_slice(audio);
                let len = self.context.protect_rtp(&mut packet, 172).expect("it can be protected");
                self.rtp.send_to(&packet[..len], self.peer).expect("loopback is there");
                sent += 1;
            }
            let mut room = [0; 2048];
            while let Ok((len, _)) = self.rtp.recv_from(&mut room) {
                let opened =
                    self.context.unprotect_rtp(&mut room[..len]).expect("what it sends is authentic");
                echoed += u32::from(room[12..opened] == *audio);
            }
            while let Ok((len, _)) = self.rtcp.recv_from(&mut room) {
                // Before it has keys it says something in the clear, once.
                match self.context.unprotect_rtcp(&mut room[..len]) {
                    Ok(_) => reports += 1,
                    Err(why) => {
                        println!("{why:?}: {:02x?}", &room[..len]);
                        strange += 1;
                    }
                }
            }
            // Beyond the rollover, and after a report of its own.
            if echoed >= 100 && sent > 150 && cut {
                return true;
            }
            if echoed >= 100 && sent > 150 && reports > 0 {
                return strange <= 1;
            }
            std::thread::yield_now();
        }
        println!("{sent} sent, {echoed} came back, {reports} reports");
        false
    }
}

/// Two sockets at neighbouring ports.
fn pair() -> (UdpSocket, UdpSocket) {
    for _ in 0..1000 {
        let rtp = UdpSocket::bind((HERE, 0)).expect("a free port");
        let port = rtp.local_addr().expect("it is bound").port();
        if port.is_multiple_of(2)
            && let Ok(rtcp) = UdpSocket::bind((HERE, port + 1))
        {
            return (rtp, rtcp);
        }
    }
    panic!("no two ports are free beside each other");
}

/// An offer of PCMU over RTP/SAVP with one line, which is core's own but for the suites left out.
fn offered(port: u16, ours: &Master) -> String {
    let suite = ours.suite();
    let secret = Secret::new(&mut Random::new(&[suite.index() as u8; 32]));
    let local = Local {
        address: HERE.into(),
        port,
        session: 1,
        version: 1,
        direction: Direction::SendRecv,
        keys: Some((Policy::Required, secret)),
    };
    let mut room = [0; 720];
    let len = sdp::offer(&local, warmline_core::g711::Law::Mu, &mut room).expect("720 bytes are enough");
    let text = String::from_utf8(room[..len].to_vec()).expect("it is text");
    let lines = text.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("a=crypto:") || line.contains(suite.name())).collect()
}

#[test]
fn every_suite_is_understood_both_ways() {
    if is_missing("baresip", "every_suite_is_understood_both_ways") {
        return;
    }
    let nobody = SocketAddrV4::new(HERE, 9);
    let cast = Cast::new(nobody, nobody);
    let set = Telephone { answers: true, secure: true, ..Telephone::new("202", HERE) };
    let mut telephone = Baresip::start(&set, cast.folder());
    // Any bytes are audio; these are not silence.
    let audio = core::array::from_fn(|n| (n * 37 % 251) as u8);
    for suite in Suite::ALL {
        let mut call = Call::dial(&telephone, suite);
        telephone.program.has_written(&format!("SRTP is Enabled (cryptosuite={})", suite.name()));
        assert!(call.echoes(suite, &audio), "{suite:?}: {}", telephone.program.written());
        call.say("BYE", 2, "");
    }
}
