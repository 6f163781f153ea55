//! Parsing: what it takes to route a message, beside what others take for it or for less.
//!
//! The names say how much each does. `warmline 4` does everything an SBC needs of a message; 1 to 3 are the steps to
//! it, each with those before it. For a BYE, which has neither Contact nor SDP, step 2 is all.

use core::hint::black_box;

use criterion::{BenchmarkGroup, BenchmarkId, Throughput, criterion_group, criterion_main};
use rsip::prelude::{HeadersExt, ToTypedHeader};
use warmline_benches::{Cpu, Ring, bye, criterion, invite, ok};
use warmline_core::sdp::Session;
use warmline_core::sip::{Message, Name};

type Criterion = criterion::Criterion<Cpu>;

fn scan(bytes: &[u8]) -> Message<'_> {
    Message::parse(bytes).unwrap()
}

fn essentials<'m>(message: &Message<'m>) {
    black_box(&message.essentials().unwrap());
}

fn contact(message: &Message<'_>) {
    black_box(&message.addresses(Name::Contact).next().unwrap().unwrap());
}

fn sdp(message: &Message<'_>) {
    let session = Session::parse(message.body()).unwrap();
    for media in session.media() {
        black_box((media.address().unwrap(), media.port));
        for payload_type in media.payload_types() {
            black_box(payload_type);
        }
    }
}

/// The header block: what follows the first line.
fn block(message: &[u8]) -> &[u8] {
    let end = message.iter().position(|&byte| byte == b'\n').unwrap();
    &message[end + 1..]
}

struct Messages<'c> {
    group: BenchmarkGroup<'c, Cpu>,
    ring: Ring,
}

impl Messages<'_> {
    fn each(&mut self, name: &str, mut parse: impl FnMut(&[u8])) {
        let mut ring = self.ring.clone();
        self.group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| parse(black_box(ring.next())));
        });
    }
}

fn parse(c: &mut Criterion) {
    for (name, ring, has_body) in [("INVITE", invite(), true), ("200", ok(), true), ("BYE", bye(), false)] {
        let is_request = name != "200";
        let mut group = c.benchmark_group(format!("parse {name}"));
        group.throughput(Throughput::Bytes(ring.all()[0].len() as u64));
        let mut messages = Messages { group, ring };

        messages.each("warmline 1, all header fields found and named", |bytes| {
            black_box(&scan(bytes));
        });
        messages.each("warmline 2, Via From To Call-ID CSeq Max-Forwards typed and checked", |bytes| {
            essentials(&scan(bytes));
        });
        if has_body {
            messages.each("warmline 3, Contact typed", |bytes| {
                let message = scan(bytes);
                essentials(&message);
                contact(&message);
            });
            messages.each("warmline 4, SDP address port payload types", |bytes| {
                let message = scan(bytes);
                essentials(&message);
                contact(&message);
                sdp(&message);
            });
        }
        messages.each("httparse, header lines without the start line", |bytes| {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            black_box(&httparse::parse_headers(block(bytes), &mut headers).unwrap());
        });
        messages.each("parsip, start line and header lines", |bytes| {
            let mut headers = [parsip::EMPTY_HEADER; 32];
            if is_request {
                let mut request = parsip::Request::new(&mut headers);
                assert!(matches!(request.parse(bytes), parsip::IResult::Done(..)));
                black_box(&request);
            } else {
                let mut response = parsip::Response::new(&mut headers);
                assert!(matches!(response.parse(bytes), parsip::IResult::Done(..)));
                black_box(&response);
            }
        });
        messages.each("rsipstack, header lines named, Request-URI typed", |bytes| {
            black_box(&rsipstack::sip::parser::parse_message(bytes).unwrap());
        });
        messages.each("rsip, header lines named", |bytes| {
            black_box(&rsip::SipMessage::try_from(bytes).unwrap());
        });
        messages.each("rsip, Via From To CSeq typed", |bytes| {
            let message = rsip::SipMessage::try_from(bytes).unwrap();
            black_box(&message.via_header().unwrap().typed().unwrap());
            black_box(&message.from_header().unwrap().typed().unwrap());
            black_box(&message.to_header().unwrap().typed().unwrap());
            black_box(&message.cseq_header().unwrap().typed().unwrap());
        });
        messages.group.finish();
    }
}

criterion_group!(name = benches; config = criterion(); targets = parse);
criterion_main!(benches);
