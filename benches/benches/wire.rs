//! Between messages and the socket: frames, headers, and the outbox with the driver that empties
//! it.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that fails ends; criterion's macros"
)]

use std::future::Future;
use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use casty_benches::frames::Frames;
use casty_proto::frame::{DEFAULT_MAX_FRAME, FRAME_HEAD, Frame, FrameDecoder};
use casty_proto::header::{self, Header};
use casty_proto::{Codec, NodeAddress};
use casty_transport::{Duplex, Outbox, OutboxLimits, OutboxTag, Session, drive};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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

/// Never has anything to read, and takes all that is written.
struct Swallow;

impl AsyncRead for Swallow {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Swallow {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Duplex for Swallow {
    fn unacknowledged(&self) -> Option<usize> {
        Some(0)
    }
}

struct Number(#[expect(dead_code, reason = "only its size matters")] usize);

impl OutboxTag for Number {}

struct Ignore;

impl Session for Ignore {
    fn frame(&mut self, _: Frame) {}
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
            for tag in 0..BATCH {
                assert!(outbox.push(&[head, message], Some(Number(tag))).is_ok());
            }
            assert!(driver.as_mut().poll(&mut cx).is_pending());
        });
    });
    assert_eq!(outbox.pending_messages(), 0);
    group.finish();
}

criterion_group!(benches, frames, headers, outbox);
criterion_main!(benches);
