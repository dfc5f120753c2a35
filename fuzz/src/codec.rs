//! Serializers: each writes the values that it reads, and reads them again; the others carry them too.

use casty_proto::message::membership::{
    GossipMessage, HeartbeatRequest, HeartbeatResponse, JoinAccepted, JoinRequest, PromoteMember,
    UpdateShardAllocations,
};
use casty_proto::message::{
    ClusterState, Deregister, Register, RegisterRegion, ShardEnvelope, ShardLocation, Subscribe,
    TopologySnapshot, UpdateRegistry,
};
use casty_proto::value::from_value;
use casty_proto::{Codec, DecodeError, Limit, Limits, Value};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::memory::{allowance, within};

/// The limits that even small inputs pass.
const TIGHT: Limits = Limits::new().with_bytes(1024).with_depth(4).with_items(16);

pub(crate) fn json(data: &[u8]) {
    check(Codec::json(), data);
}

pub(crate) fn msgpack(data: &[u8]) {
    check(Codec::msgpack(), data);
}

pub(crate) fn pickle(data: &[u8]) {
    check(any_pickle(), data);
}

pub(crate) fn protobuf(data: &[u8]) {
    check(Codec::protobuf(), data);
}

/// Pickle that writes values whatever they name: those of hostile inputs name anything.
fn any_pickle() -> Codec {
    let codec = Codec::pickle();
    codec.allowing(["*"]).unwrap_or(codec)
}

/// A type that nests in itself.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "app.Nested")]
struct Nested {
    inner: Option<Box<Self>>,
}

/// Checks one serializer with one input.
fn check(codec: Codec, data: &[u8]) {
    let value = read::<Value>(codec, data);
    drop(read::<IgnoredAny>(codec, data));
    drop(read::<Vec<Option<f64>>>(codec, data));
    drop(read::<ShardEnvelope<Nested>>(codec, data));
    drop(read::<Nested>(codec, data));
    let Ok(value) = value else {
        assert!(codec.decode::<Value>(data, &TIGHT).is_err());
        return;
    };
    keeps_to_limits(codec, data, &value);
    typed::<TopologySnapshot>(codec, data, &value);
    typed::<ClusterState>(codec, data, &value);
    members(codec, data, &value);
    typed::<ShardLocation>(codec, data, &value);
    typed::<Nested>(codec, data, &value);
    typed::<ShardEnvelope<Nested>>(codec, data, &value);
    for other in [
        Codec::json(),
        Codec::msgpack(),
        any_pickle(),
        Codec::protobuf(),
    ] {
        survives(other, &value, other == codec);
    }
}

/// Checks the messages of members.
fn members(codec: Codec, data: &[u8], value: &Value) {
    typed::<GossipMessage>(codec, data, value);
    typed::<JoinRequest>(codec, data, value);
    typed::<JoinAccepted>(codec, data, value);
    typed::<HeartbeatRequest>(codec, data, value);
    typed::<HeartbeatResponse>(codec, data, value);
    typed::<PromoteMember>(codec, data, value);
    typed::<UpdateRegistry>(codec, data, value);
    typed::<UpdateShardAllocations>(codec, data, value);
    typed::<RegisterRegion>(codec, data, value);
    typed::<Register<Value>>(codec, data, value);
    typed::<Deregister<Value>>(codec, data, value);
    typed::<Subscribe<Value>>(codec, data, value);
}

fn read<T: DeserializeOwned>(codec: Codec, data: &[u8]) -> Result<T, DecodeError> {
    within(allowance(data.len()), "a value", || {
        codec.decode(data, &Limits::default())
    })
}

/// Checks that tight limits change nothing but that a limit is passed.
fn keeps_to_limits(codec: Codec, data: &[u8], value: &Value) {
    match codec.decode::<Value>(data, &TIGHT) {
        Ok(tight) => {
            assert!(data.len() <= TIGHT.bytes);
            assert!(same(&tight, value));
        }
        Err(DecodeError::Limit { .. }) => {}
        Err(error) => panic!("read within the default limits, but {error}"),
    }
}

/// Checks that a typed value is the same whether it is read from bytes or from their value, and that it
/// is read again as it was written.
fn typed<T: DeserializeOwned + Serialize + PartialEq>(codec: Codec, data: &[u8], value: &Value) {
    let Ok(typed) = read::<T>(codec, data) else {
        return;
    };
    if let Ok(other) = from_value::<T>(value, &Limits::default()) {
        assert!(typed == other, "read in two ways: {value}");
    }
    for codec in [
        codec,
        Codec::json(),
        Codec::msgpack(),
        Codec::pickle_positional(),
        Codec::protobuf(),
    ] {
        let mut out = Vec::new();
        if codec.encode(&typed, &mut out).is_ok() {
            match codec.decode::<T>(&out, &Limits::default()) {
                Ok(again) => assert!(again == typed, "{codec:?} changed {value}"),
                Err(error) => may_pass_a_limit(codec, value, &error),
            }
        }
    }
}

/// Checks that `codec` reads a value as it has written it. With `must`, it has read the value before, and
/// must be able to write it.
fn survives(codec: Codec, value: &Value, must: bool) {
    let mut out = Vec::new();
    if let Err(error) = codec.encode(value, &mut out) {
        assert!(
            !must,
            "{codec:?} read {value}, and cannot write it: {error}"
        );
        return;
    }
    let again = match codec.decode::<Value>(&out, &Limits::default()) {
        Ok(again) => again,
        Err(error) => return may_pass_a_limit(codec, value, &error),
    };
    assert!(same(&again, value), "{codec:?} made {again} of {value}");
    let mut twice = Vec::new();
    codec.encode(&again, &mut twice).expect("it was written");
    assert_eq!(out, twice, "{codec:?} writes {value} in two ways");
}

/// Checks that an error is about a limit: another serializer may take more bytes or levels for the same
/// value.
fn may_pass_a_limit(codec: Codec, value: &Value, error: &DecodeError) {
    let limit = matches!(
        error,
        DecodeError::Limit {
            limit: Limit::Bytes | Limit::Items | Limit::Visits | Limit::Depth,
            ..
        }
    );
    assert!(
        limit,
        "{codec:?} wrote {value}, and cannot read it: {error}"
    );
}

/// Returns whether two values are equal, `nan` to itself included.
fn same(one: &Value, two: &Value) -> bool {
    one == two || one.to_string() == two.to_string()
}
