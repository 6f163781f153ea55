//! A packet's 160 samples from mu-law to A-law in place, beside copying them and what a published crate does.

use core::hint::black_box;

use audio_codec_algorithms as aca;
use criterion::{Throughput, criterion_group, criterion_main};
use warmline_benches::{Cpu, criterion};
use warmline_core::g711::{Law, transcode};

type Criterion = criterion::Criterion<Cpu>;

fn mu_to_a(c: &mut Criterion) {
    let mut group = c.benchmark_group("g711 mu-law to A-law, 160 samples");
    group.throughput(Throughput::Bytes(160));
    let mut audio: [u8; 160] = core::array::from_fn(|at| (at * 89) as u8);
    let source = audio;

    group.bench_function("warmline, in place", |b| {
        b.iter(|| transcode(Law::Mu, Law::A, black_box(&mut audio)));
    });
    group.bench_function("memcpy, the limit", |b| {
        b.iter(|| black_box(&mut audio).copy_from_slice(black_box(&source)));
    });
    group.bench_function("audio-codec-algorithms, convert_ulaw_to_alaw", |b| {
        b.iter(|| black_box(&mut audio).iter_mut().for_each(|code| *code = aca::convert_ulaw_to_alaw(*code)));
    });
    group.bench_function("audio-codec-algorithms, decode and encode", |b| {
        b.iter(|| {
            let audio = black_box(&mut audio);
            audio.iter_mut().for_each(|code| *code = aca::encode_alaw(aca::decode_ulaw(*code)));
        });
    });
    group.finish();
}

criterion_group!(name = benches; config = criterion(); targets = mu_to_a);
criterion_main!(benches);
