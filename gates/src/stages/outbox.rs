//! The outbox of a connection: putting messages in, and the driver that takes them out.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::BytesMut;
use casty_benches::frames::Frames;
use casty_benches::outlet::{Ignore, Swallow, Tag};
use casty_client::Codec;
use casty_proto::NodeAddress;
use casty_proto::frame::{DEFAULT_MAX_FRAME, FRAME_HEAD, FrameDecoder};
use casty_proto::header;
use casty_transport::{Outbox, OutboxLimits, drive};

use crate::Failure;
use crate::meter::LeaveOut;

/// Messages that are written at once.
const BATCH: u32 = 64;

/// Puts messages into an outbox.
pub(super) fn push(messages: u32, leave_out: LeaveOut) -> Result<(), Failure> {
    carry(messages, |run| run(), leave_out)
}

/// Has the driver take messages from an outbox and write them, a write for each batch.
pub(super) fn write(messages: u32, leave_out: LeaveOut) -> Result<(), Failure> {
    carry(messages, leave_out, |run| run())
}

fn carry(messages: u32, pushing: LeaveOut, writing: LeaveOut) -> Result<(), Failure> {
    let node = NodeAddress::new("127.0.0.1", 25520);
    let client = NodeAddress::new("239.201.170.93", 40123);
    let frame = Frames::new(Codec::pickle(), &node, &client)?.tell;
    let payload = frame.get(FRAME_HEAD..).ok_or("an empty frame")?;
    let (_, message) = header::split_payload(payload)?;
    let header = &payload[..payload.len() - message.len()];
    let outbox = Arc::new(Outbox::new(OutboxLimits::default()));
    let decoder = FrameDecoder::new(DEFAULT_MAX_FRAME);
    let driver = drive(
        Swallow,
        BytesMut::new(),
        Arc::clone(&outbox),
        Ignore,
        decoder,
    );
    let mut driver = Box::pin(driver);
    let mut cx = Context::from_waker(Waker::noop());
    let (mut refused, mut ended) = (0, false);
    for _ in 0..messages / BATCH {
        pushing(&mut || {
            for number in 0..BATCH {
                let pushed = outbox.push(&[header, message], Some(Tag([number.into(); 7])));
                refused += u32::from(pushed.is_err());
            }
        });
        writing(&mut || ended |= driver.as_mut().poll(&mut cx).is_ready());
    }
    match (refused, ended, outbox.pending_messages()) {
        (0, false, 0) => Ok(()),
        (refused, _, pending) => Err(format!("{refused} refused, {pending} not written").into()),
    }
}
