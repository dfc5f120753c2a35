//! Encoding what is sent, and decoding what comes back, per serializer.

use std::hint::black_box;

use casty_benches::frames::{GetCount, Increment, entity};
use casty_client::{ActorRef, Codec};
use casty_proto::Limits;
use serde::Serialize;

use crate::Failure;
use crate::meter::LeaveOut;

pub(super) fn tell_pickle(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    tell(messages, Codec::pickle())
}

pub(super) fn tell_json(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    tell(messages, Codec::json())
}

pub(super) fn tell_msgpack(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    tell(messages, Codec::msgpack())
}

pub(super) fn ask_pickle(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    ask(messages, Codec::pickle())
}

pub(super) fn ask_json(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    ask(messages, Codec::json())
}

pub(super) fn ask_msgpack(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    ask(messages, Codec::msgpack())
}

pub(super) fn reply_pickle(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    reply(messages, Codec::pickle())
}

pub(super) fn reply_json(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    reply(messages, Codec::json())
}

pub(super) fn reply_msgpack(messages: u32, _: LeaveOut) -> Result<(), Failure> {
    reply(messages, Codec::msgpack())
}

fn tell(messages: u32, codec: Codec) -> Result<(), Failure> {
    encode(messages, codec, &Increment { amount: 5 })
}

fn ask(messages: u32, codec: Codec) -> Result<(), Failure> {
    let reply_to =
        "casty://bench-client@239.201.170.93:40123/_ask/000000070000002a1f2e3d4c5b6a7988";
    let reply_to = ActorRef::new(reply_to)?;
    encode(messages, codec, &GetCount { reply_to })
}

/// Encodes the envelope of a message as the client does, into a buffer that is kept.
fn encode(messages: u32, codec: Codec, message: &impl Serialize) -> Result<(), Failure> {
    let id = entity(42);
    let mut out = Vec::new();
    for _ in 0..messages {
        out.clear();
        codec.encode_envelope(black_box(&id), black_box(message), &mut out)?;
    }
    black_box(out);
    Ok(())
}

/// Decodes a number, the usual reply.
fn reply(messages: u32, codec: Codec) -> Result<(), Failure> {
    let limits = Limits::default();
    let mut bytes = Vec::new();
    codec.encode(&1234_i64, &mut bytes)?;
    for _ in 0..messages {
        let count: i64 = codec.decode(black_box(&bytes), &limits)?;
        black_box(count);
    }
    Ok(())
}
