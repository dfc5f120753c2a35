//! The auto traits of the public types, which a private field could take away unnoticed.

use std::error::Error;

use casty_proto::frame::{Frame, FrameDecoder, FrameError, FrameKind};
use casty_proto::handshake::{Handshake, HandshakeError};
use casty_proto::header::{Header, HeaderError};
use casty_proto::message::{ServiceKey, ShardEnvelope, TopologySnapshot};
use casty_proto::notation::NotationError;
use casty_proto::value::{
    BigInt, ByteArray, Bytes, DateTime, Decimal, EnumMember, Fields, Items, Member, Object, Pairs,
    State, TemporalError, Uuid, UuidError,
};
use casty_proto::{
    ActorRef, ActorUri, AddressError, Codec, Compression, CompressionLevelError, DecodeError,
    EncodeError, FrozenSet, Limit, Limits, NodeAddress, Set, Tuple, TypeHint, UnknownCompression,
    Value, ValueCodec,
};

/// A message that is neither `Send` nor `Sync`: references and keys only name its type.
struct Local(#[allow(dead_code)] *const u8);

fn is_auto<T: Send + Sync + Unpin>() {}

fn is_error<T: Error + Send + Sync + 'static>() {}

#[test]
fn values_and_codecs_can_be_shared_between_threads() {
    is_auto::<(Value, Object, State, EnumMember, Member)>();
    is_auto::<(Items, Pairs, Fields)>();
    is_auto::<(BigInt, ByteArray, Bytes, DateTime, Decimal, Uuid)>();
    is_auto::<(Codec, Compression, Limits, Limit, TypeHint)>();
    is_auto::<&'static dyn ValueCodec>();
}

#[test]
fn addresses_frames_and_messages_can_be_shared_between_threads() {
    is_auto::<(NodeAddress, ActorUri<'_>)>();
    is_auto::<(Frame, FrameKind, FrameDecoder, Handshake, Header<'_>)>();
    is_auto::<(FrozenSet<u8>, Set<u8>, Tuple<u8>)>();
    is_auto::<(ShardEnvelope<Value>, TopologySnapshot)>();
}

#[test]
fn references_can_be_shared_whatever_their_actor_accepts() {
    is_auto::<(ActorRef<Local>, ServiceKey<Local>)>();
}

#[test]
fn errors_can_be_boxed_and_sent() {
    is_error::<AddressError>();
    is_error::<DecodeError>();
    is_error::<EncodeError>();
    is_error::<NotationError>();
    is_error::<FrameError>();
    is_error::<HandshakeError>();
    is_error::<HeaderError>();
    is_error::<CompressionLevelError>();
    is_error::<UnknownCompression>();
    is_error::<TemporalError>();
    is_error::<UuidError>();
}
