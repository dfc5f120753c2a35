//! Messages that nodes and Python clients sent each other, read and written again.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(all(feature = "json", feature = "msgpack"))]

use std::collections::BTreeSet;
use std::path::Path;

use casty_proto::message::membership::{
    GossipMessage, HeartbeatRequest, HeartbeatResponse, JoinAccepted, JoinRequest, PromoteMember,
    UpdateShardAllocations,
};
use casty_proto::message::streams::{
    CompleteStream, GetSink, GetSource, InputReady, Push, StreamCancel, StreamCompleted,
    StreamConsumerMessage, StreamDemand, StreamElement, StreamProducerMessage, Subscribe,
};
use casty_proto::message::structures::{barrier, counter, dict, lock, queue, semaphore, set};
use casty_proto::message::{
    self, ClusterState, Deregister, DownMember, Find, GetShardLocation, GetState, Listing,
    Register, ShardEnvelope, ShardLocation, SubscribeTopology, TopologySnapshot,
    UnsubscribeTopology, UpdateRegistry,
};
use casty_proto::{Codec, DecodeError, Limits, Value, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

struct Vector {
    codec: Codec,
    what: String,
    /// True if a Python client wrote it.
    from_client: bool,
    class: String,
    message: Vec<u8>,
}

impl Vector {
    fn name(&self) -> String {
        format!("{:?} {}", self.codec, self.what)
    }
}

fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for (codec, folder) in [
        (Codec::json(), "json"),
        (Codec::msgpack(), "msgpack"),
        // The captured messages as the suite's Python serializer writes them.
        #[cfg(feature = "protobuf")]
        (Codec::protobuf(), "protobuf"),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/vectors")
            .join(folder);
        let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
        let index: Vec<serde_json::Value> = serde_json::from_str(&index).unwrap();
        for entry in index
            .iter()
            .filter(|entry| entry["frame_type"] == "message(0x01)")
        {
            let frame = std::fs::read(folder.join(entry["file"].as_str().unwrap())).unwrap();
            let (_, message) = header::split_payload(&frame[5..]).unwrap();
            let what: String = entry["what"].as_str().unwrap().into();
            // Of what members send each other, nodes wrote both directions.
            let between_nodes = what.starts_with("member-");
            vectors.push(Vector {
                codec,
                what,
                from_client: entry["direction"] == "c2s" && !between_nodes,
                class: entry["header"]["type_hint"].as_str().unwrap().into(),
                message: message.to_vec(),
            });
        }
    }
    assert!(vectors.len() > 150, "all frames are there");
    vectors
}

#[test]
fn every_frame_is_read_as_a_value_and_written_byte_for_byte() {
    for vector in vectors() {
        let value: Value = vector
            .codec
            .decode(&vector.message, &Limits::default())
            .unwrap_or_else(|error| panic!("{}: {error}", vector.name()));
        let mut again = Vec::new();
        let class = vector.codec.encode(&value, &mut again).unwrap();
        assert_eq!(again, vector.message, "{}: {value}", vector.name());
        assert_eq!(class, vector.class, "{}", vector.name());
        let text = value.to_notation().unwrap();
        let read = Value::from_notation(&text, &Limits::default()).unwrap();
        assert_eq!(format!("{read}"), format!("{value}"), "{}", vector.name());
    }
}

/// Reads a frame as `T` and writes it again. What a client wrote comes out byte for byte; what a
/// node wrote, the same in any order of sets and dicts.
fn typed<T: DeserializeOwned + Serialize>(vector: &Vector) {
    let message: T = vector
        .codec
        .decode(&vector.message, &Limits::default())
        .unwrap_or_else(|error| panic!("{}: {error}", vector.name()));
    let mut again = Vec::new();
    let class = vector.codec.encode(&message, &mut again).unwrap();
    assert_eq!(class, vector.class, "{}", vector.name());
    if vector.from_client {
        assert_eq!(again, vector.message, "{}", vector.name());
        return;
    }
    let read = |bytes| -> Value { vector.codec.decode(bytes, &Limits::default()).unwrap() };
    let (left, right) = (unordered(&read(&again)), unordered(&read(&vector.message)));
    assert_eq!(left, right, "{}", vector.name());
}

/// A text in which the order of sets, dicts and fields makes no difference.
fn unordered(value: &Value) -> String {
    let parts: BTreeSet<String> = match value {
        Value::FrozenSet(items) => items.iter().map(unordered).collect(),
        Value::Dict(pairs) => {
            let pair = |(key, value): &(Value, Value)| unordered(key) + ":" + &unordered(value);
            pairs.iter().map(pair).collect()
        }
        Value::Tuple(items) | Value::List(items) => {
            return items.iter().map(unordered).collect::<Vec<_>>().join(",");
        }
        Value::Object(object) => match &object.state {
            casty_proto::value::State::Named(fields) => fields
                .iter()
                .map(|(name, value)| format!("{name}={}", unordered(value)))
                .collect(),
            _ => panic!("these serializers name all fields"),
        },
        leaf => return leaf.to_string(),
    };
    format!("{:?}{parts:?}", value.class())
}

/// Returns the check of a message by which nodes agree on their members.
fn of_members(what: &str) -> Option<fn(&Vector)> {
    Some(match what {
        "member-GossipMessage" => typed::<GossipMessage>,
        "member-JoinRequest" => typed::<JoinRequest>,
        "member-JoinAccepted" => typed::<JoinAccepted>,
        "member-HeartbeatRequest" => typed::<HeartbeatRequest>,
        "member-HeartbeatResponse" => typed::<HeartbeatResponse>,
        "member-PromoteMember" => typed::<PromoteMember>,
        "member-UpdateShardAllocations" => typed::<UpdateShardAllocations>,
        "member-UpdateRegistry" => typed::<UpdateRegistry>,
        "member-Register" => typed::<Register<Value>>,
        "member-Deregister" => typed::<Deregister<Value>>,
        "member-Subscribe" => typed::<message::Subscribe<Value>>,
        _ => return None,
    })
}

type Entity<M> = ShardEnvelope<M>;

/// Returns the check of any other message but those of streams.
fn of_cluster(what: &str) -> Option<fn(&Vector)> {
    Some(match what {
        "SubscribeTopology" => typed::<SubscribeTopology>,
        "UnsubscribeTopology" => typed::<UnsubscribeTopology>,
        "TopologySnapshot-initial" | "TopologySnapshot-full" => typed::<TopologySnapshot>,
        "GetShardLocation" => typed::<GetShardLocation>,
        "ShardLocation" => typed::<ShardLocation>,
        "GetState" => typed::<GetState>,
        "DownMember" => typed::<DownMember>,
        "UpdateRegistry" => typed::<UpdateRegistry>,
        "ClusterState" => typed::<ClusterState>,
        "Find" => typed::<Find<Value>>,
        "Listing" => typed::<Listing<Value>>,
        "ShardEnvelope-Increment"
        | "ShardEnvelope-GetCount"
        | "ShardEnvelope-SendTo"
        | "ShardEnvelope-Echo-everything" => typed::<Entity<Value>>,
        "d-counter-Increment" => typed::<Entity<counter::Increment>>,
        "d-counter-Decrement" => typed::<Entity<counter::Decrement>>,
        "d-counter-GetValue" => typed::<Entity<counter::GetValue>>,
        "d-counter-DestroyCounter" => typed::<Entity<counter::DestroyCounter>>,
        "d-map-Put" => typed::<Entity<dict::Put<Value>>>,
        "d-map-Get" => typed::<Entity<dict::Get<Value>>>,
        "d-map-Contains" => typed::<Entity<dict::Contains>>,
        "d-map-Delete" => typed::<Entity<dict::Delete>>,
        "d-set-Add" => typed::<Entity<set::Add<Value>>>,
        "d-set-SetContains" => typed::<Entity<set::SetContains<Value>>>,
        "d-set-SetSize" => typed::<Entity<set::SetSize>>,
        "d-set-Remove" => typed::<Entity<set::Remove<Value>>>,
        "d-queue-Enqueue" => typed::<Entity<queue::Enqueue<Value>>>,
        "d-queue-QueueSize" => typed::<Entity<queue::QueueSize>>,
        "d-queue-Peek" => typed::<Entity<queue::Peek<Value>>>,
        "d-queue-Dequeue" | "d-queue-Dequeue-empty" => typed::<Entity<queue::Dequeue<Value>>>,
        "d-lock-LockAcquire" => typed::<Entity<lock::LockAcquire>>,
        "d-lock-LockAcquire-reply" => typed::<lock::LockAcquired>,
        "d-lock-LockTryAcquire" => typed::<Entity<lock::LockTryAcquire>>,
        "d-lock-LockTryAcquire-reply" => typed::<lock::LockTryResult>,
        "d-lock-LockRelease" => typed::<Entity<lock::LockRelease>>,
        "d-lock-LockRelease-reply" => typed::<lock::LockReleased>,
        "d-sem-SemaphoreAcquire" => typed::<Entity<semaphore::SemaphoreAcquire>>,
        "d-sem-SemaphoreAcquire-reply" => typed::<semaphore::SemaphoreAcquired>,
        "d-sem-SemaphoreTryAcquire" => typed::<Entity<semaphore::SemaphoreTryAcquire>>,
        "d-sem-SemaphoreTryAcquire-reply" => typed::<semaphore::SemaphoreTryResult>,
        "d-sem-SemaphoreRelease" => typed::<Entity<semaphore::SemaphoreRelease>>,
        "d-sem-SemaphoreRelease-reply" => typed::<semaphore::SemaphoreReleased>,
        "d-barrier-BarrierArrive" => typed::<Entity<barrier::BarrierArrive>>,
        "d-barrier-BarrierArrive-reply" => typed::<barrier::BarrierReleased>,
        "reply-float" => typed::<f64>,
        "reply-int" | "d-counter-GetValue-reply" => typed::<i64>,
        "reply-True" => typed::<bool>,
        "reply-str" | "service-Greet-reply" => typed::<String>,
        "reply-None" => typed::<()>,
        "reply-tuple" => typed::<(i32, i32)>,
        _ => return None,
    })
}

#[test]
fn every_message_of_the_cluster_is_read_as_its_type_and_written_again() {
    let mut read = 0;
    for vector in vectors() {
        let check = of_members(&vector.what).or_else(|| of_cluster(&vector.what));
        if let Some(check) = check {
            check(&vector);
            read += 1;
        }
    }
    assert!(read >= 2 * 60, "only {read} frames were of a known type");
}

#[test]
fn every_message_of_streams_is_read_as_its_type_and_as_one_that_a_producer_or_a_consumer_takes() {
    let mut read = 0;
    for vector in vectors() {
        let Some(name) = vector.what.strip_prefix("stream-") else {
            continue;
        };
        let is_for_consumers: fn(&Vector) = typed::<StreamConsumerMessage<Value>>;
        let is_for_producers: fn(&Vector) = typed::<StreamProducerMessage<Value>>;
        let (message, is_for): (fn(&Vector), &[_]) = match name {
            "Push" => (typed::<Push<Value>>, &[is_for_producers]),
            "CompleteStream" => (typed::<CompleteStream>, &[is_for_producers]),
            "Subscribe" => (typed::<Subscribe<Value>>, &[is_for_producers]),
            "GetSink" => (typed::<GetSink>, &[is_for_producers]),
            "InputReady" => (typed::<InputReady>, &[is_for_producers]),
            "StreamDemand" => (typed::<StreamDemand>, &[is_for_producers, is_for_consumers]),
            "StreamCancel" => (typed::<StreamCancel>, &[is_for_producers, is_for_consumers]),
            "StreamElement" => (typed::<StreamElement<Value>>, &[is_for_consumers]),
            "StreamCompleted" => (typed::<StreamCompleted>, &[is_for_consumers]),
            "GetSource" => (typed::<GetSource>, &[is_for_consumers]),
            other => panic!("{other}"),
        };
        message(&vector);
        for check in is_for {
            check(&vector);
        }
        read += 1;
    }
    assert!(read >= 2 * 14, "only {read} frames were of streams");
}

/// All offsets of a short message, and evenly spread ones of a long one.
fn some_of(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(1 + len / 500)
}

#[test]
fn every_prefix_of_every_frame_is_refused() {
    for vector in vectors() {
        for cut in some_of(vector.message.len()) {
            let part = &vector.message[..cut];
            let read = vector.codec.decode::<Value>(part, &Limits::default());
            // A number of JSON is a number wherever it is cut.
            match read {
                Ok(Value::Int(_) | Value::BigInt(_) | Value::Float(_))
                    if vector.codec == Codec::json() => {}
                Err(DecodeError::Truncated { .. }) => {}
                other => panic!("{} cut at {cut}: {other:?}", vector.name()),
            }
        }
    }
}

#[test]
fn no_bit_flipped_in_a_frame_makes_a_reader_panic() {
    for vector in vectors() {
        for at in some_of(vector.message.len()) {
            let mut message = vector.message.clone();
            message[at] ^= 1 << (at % 8);
            let value = vector.codec.decode::<Value>(&message, &Limits::default());
            let state = vector
                .codec
                .decode::<TopologySnapshot>(&message, &Limits::default());
            // Both answer; what, is the flipped bit's affair.
            drop((value, state));
        }
    }
}

#[test]
fn a_frame_of_another_class_is_told_apart() {
    for vector in vectors()
        .iter()
        .filter(|vector| vector.what == "ShardLocation")
    {
        let error = vector
            .codec
            .decode::<GetState>(&vector.message, &Limits::default());
        assert_eq!(
            error,
            Err(DecodeError::Class {
                expected: "casty.cluster.topology_actor.GetState",
                found: "casty.cluster.coordinator.ShardLocation".into(),
            })
        );
    }
}
