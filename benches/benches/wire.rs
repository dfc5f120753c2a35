//! Between messages and the socket: frames, headers, and the outbox with the driver that empties
//! it.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that fails ends; criterion's macros"
)]

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::BytesMut;
use casty_benches::frames::Frames;
use casty_benches::outlet::{Ignore, Swallow, Tag};
use casty_proto::frame::{DEFAULT_MAX_FRAME, FRAME_HEAD, FrameDecoder};
use casty_proto::header::{self, Header};
use casty_proto::{Codec, NodeAddress};
use casty_transport::{Outbox, OutboxLimits, drive};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const BATCH: usize = 64;

fn sample() -> Frames {
    let node = NodeAddress::new("127.0.0.1", 25520);
    let client = NodeAddress::new("127.93.201.17", 0);
    Frames::new(Codec::pickle(), &node, &client).unwrap()
}

fn frames(c: &mut Criterion) {
    let wire = sample().ask.repeat(BATCH);
    let decoder = FrameDecoder::new(DEFAULT_MAX_FRAME);
    let mut group = c.benchmark_group("frames");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("decode 64", |b| {
        b.iter_batched(
            || BytesMut::from(&wire[..]),
            |mut buffer| {
                while let Some(frame) = decoder.next(&mut buffer).unwrap() {
                    black_box(frame);
                }
                buffer
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn headers(c: &mut Criterion) {
    let frames = sample();
    let payload = &frames.ask[FRAME_HEAD..];
    let (template, _) = header::split_payload(payload).unwrap();
    let (header, _) = Header::split(payload).unwrap();
    let mut out = Vec::with_capacity(1024);
    let mut group = c.benchmark_group("header");
    group.bench_function("copy of a template", |b| {
        b.iter(|| {
            out.clear();
            out.extend_from_slice(black_box(template));
        });
    });
    group.bench_function("writing", |b| {
        b.iter(|| {
            out.clear();
            black_box(&header).write(&mut out);
        });
    });
    group.bench_function("reading", |b| {
        b.iter(|| Header::split(black_box(payload)).unwrap());
    });
    group.finish();
}

fn outbox(c: &mut Criterion) {
    let frames = sample();
    let payload = &frames.tell[FRAME_HEAD..];
    let (head, message) = payload.split_at(payload.len() - 100);
    let outbox = Arc::new(Outbox::new(OutboxLimits::default()));
    let mut driver = Box::pin(drive(
        Swallow,
        BytesMut::new(),
        Arc::clone(&outbox),
        Ignore,
        FrameDecoder::new(DEFAULT_MAX_FRAME),
    ));
    let mut cx = Context::from_waker(Waker::noop());
    let mut group = c.benchmark_group("outbox");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("push 64 and write them at once", |b| {
        b.iter(|| {
            for tag in 0..BATCH as u64 {
                assert!(outbox.push(&[head, message], Some(Tag([tag; 7]))).is_ok());
            }
            assert!(driver.as_mut().poll(&mut cx).is_pending());
        });
    });
    assert_eq!(outbox.pending_messages(), 0);
    group.finish();
}

criterion_group!(benches, frames, headers, outbox);
criterion_main!(benches);
