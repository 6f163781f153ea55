//! Writing an INVITE with its session description into a buffer that is there, beside the library's own formatting
//! of the same text, and messages of others' that are put together already and only written out.

use core::hint::black_box;
use core::net::SocketAddr;
use std::io::Write;

use criterion::{criterion_group, criterion_main};
use warmline_benches::{Cpu, criterion, invite};
use warmline_core::g711::Law;
use warmline_core::rtp::Direction;
use warmline_core::sdp::{self, Local};
use warmline_core::sip::Writer;

type Criterion = criterion::Criterion<Cpu>;

/// What is new in every INVITE.
#[derive(Clone, Copy)]
struct Call {
    us: SocketAddr,
    media: u16,
    branch: u64,
    tag: u64,
    id: u64,
    caller: &'static str,
    ticket: u64,
}

impl Call {
    fn number(number: u64) -> Self {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            us: SocketAddr::from(([203, 0, 113, 10 + (number % 7) as u8], 5060)),
            media: 10_000 + 2 * (number % 25_000) as u16,
            branch: mixed,
            tag: mixed.rotate_left(21),
            id: mixed.rotate_left(42),
            caller: ["+821012345678", "+14155550123", "+442079460000", "+82255501234"][number as usize % 4],
            ticket: 35_000 + number % 1_000_000,
        }
    }

    fn write(&self, out: &mut [u8]) -> usize {
        let mut w = Writer::new(out);
        w.request_line(b"INVITE", b"sip:support@acme.sip.twilio.com");
        w.name(b"Via").bytes(b"SIP/2.0/UDP ").socket(self.us).bytes(b";branch=z9hG4bK").hex(self.branch);
        w.bytes(b";rport").end_line();
        w.header(b"Max-Forwards", b"70");
        w.name(b"From").bytes(b"<sip:").bytes(self.caller.as_bytes()).bytes(b"@").ip(self.us.ip());
        w.bytes(b">;tag=").hex(self.tag).end_line();
        w.header(b"To", b"<sip:support@acme.sip.twilio.com>");
        w.name(b"Call-ID").hex(self.id).end_line();
        w.header(b"CSeq", b"1 INVITE");
        w.name(b"Contact").bytes(b"<sip:").socket(self.us).bytes(b">").end_line();
        w.header(b"Allow", b"INVITE, ACK, CANCEL, BYE, OPTIONS");
        w.name(b"X-Zendesk-Ticket-Id").number(self.ticket).end_line();
        let local = Local {
            address: self.us.ip(),
            port: self.media,
            session: self.id >> 32,
            version: 1,
            direction: Direction::SendRecv,
            keys: None,
        };
        w.body(b"application/sdp", |out| sdp::offer(&local, Law::Mu, out));
        w.finish().unwrap()
    }

    /// The same text by `write!`.
    fn format(&self, mut out: &mut [u8]) -> usize {
        let all = out.len();
        let Self { us, media, branch, tag, id, caller, ticket } = *self;
        let (ip, session) = (us.ip(), id >> 32);
        let mut body = [0; 512];
        let mut rest = &mut body[..];
        write!(
            rest,
            "v=0\r\no=warmline {session} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {media} RTP/AVP 0 8 101\r\n\
             a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
             a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        )
        .unwrap();
        let len = 512 - rest.len();
        write!(
            out,
            "INVITE sip:support@acme.sip.twilio.com SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK{branch:016x};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{caller}@{ip}>;tag={tag:016x}\r\nTo: <sip:support@acme.sip.twilio.com>\r\n\
             Call-ID: {id:016x}\r\nCSeq: 1 INVITE\r\nContact: <sip:{us}>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n\
             X-Zendesk-Ticket-Id: {ticket}\r\nContent-Type: application/sdp\r\nContent-Length: {len}\r\n\r\n"
        )
        .unwrap();
        out.write_all(&body[..len]).unwrap();
        all - out.len()
    }
}

fn write(c: &mut Criterion) {
    let mut group = c.benchmark_group("write INVITE");
    let (mut out, mut formatted) = ([0; 2048], [0; 2048]);
    let mut number = 0;
    let len = Call::number(7).write(&mut out);
    let beside = Call::number(7).format(&mut formatted);
    assert!(len.abs_diff(beside) < 16, "{len} and {beside} bytes are not the same work");

    group.bench_function("warmline, values and SDP composed", |b| {
        b.iter(|| {
            number += 1;
            black_box(black_box(Call::number(number)).write(&mut out));
        });
    });
    group.bench_function("write!, values and SDP composed", |b| {
        b.iter(|| {
            number += 1;
            black_box(black_box(Call::number(number)).format(&mut out));
        });
    });
    let ring = invite();
    let message = rsip::SipMessage::try_from(&ring.all()[0][..]).unwrap();
    group.bench_function("rsip, a finished message to bytes", |b| {
        b.iter(|| black_box(&message).to_string().into_bytes());
    });
    let message = rsipstack::sip::parser::parse_message(&ring.all()[0]).unwrap();
    group.bench_function("rsipstack, a finished message to bytes", |b| {
        b.iter(|| black_box(&message).to_string().into_bytes());
    });
    group.finish();
}

criterion_group!(name = benches; config = criterion(); targets = write);
criterion_main!(benches);
