//! Pickles of real nodes and clients, read as any value and as typed messages.
#![cfg(feature = "pickle")]
#![allow(clippy::unwrap_used)] // tests throughout

use std::path::{Path, PathBuf};

use casty_proto::message::membership::{
    GossipMessage, HeartbeatRequest, HeartbeatResponse, JoinAccepted, JoinRequest, PromoteMember,
    UpdateShardAllocations,
};
use casty_proto::message::{
    ClusterState, Deregister, DownMember, Find, GetShardLocation, GetState, Listing, MemberStatus,
    Register, ShardEnvelope, ShardLocation, Subscribe, SubscribeTopology, TopologySnapshot,
    UnsubscribeTopology, UpdateRegistry, streams, structures,
};
use casty_proto::value::{EnumMember, Member, State};
use casty_proto::{ActorRef, Codec, DecodeError, FrozenSet, Limits, NodeAddress, Value};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

struct Vector {
    file: String,
    hint: String,
    payload: Vec<u8>,
}

fn folder(serializer: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(serializer)
}

/// Every message that was captured, the handshakes left out.
fn vectors() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for serializer in ["pickle", "cloudpickle"] {
        let index = std::fs::read(folder(serializer).join("index.json")).unwrap();
        let index: Vec<serde_json::Value> = serde_json::from_slice(&index).unwrap();
        for entry in index {
            let Some(offset) = entry["payload_offset"].as_u64() else {
                continue;
            };
            let file = entry["file"].as_str().unwrap();
            let frame = std::fs::read(folder(serializer).join(file)).unwrap();
            vectors.push(Vector {
                file: format!("{serializer}/{file}"),
                hint: entry["header"]["type_hint"].as_str().unwrap().to_owned(),
                payload: frame[usize::try_from(offset).unwrap()..].to_vec(),
            });
        }
    }
    assert!(vectors.len() > 80, "only {} vectors", vectors.len());
    vectors
}

fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, DecodeError> {
    Codec::pickle().decode(payload, &Limits::default())
}

fn encode<T: Serialize + ?Sized>(value: &T) -> (Vec<u8>, String) {
    let mut out = Vec::new();
    let codec = Codec::pickle().allowing(["*"]).unwrap();
    let hint = codec.encode(value, &mut out).unwrap();
    (out, hint.into_owned())
}

/// The first vector with this in its name, as the type it is.
fn read<T: DeserializeOwned>(name: &str) -> T {
    let vector = vectors()
        .into_iter()
        .find(|vector| vector.file.contains(name))
        .unwrap();
    decode(&vector.payload).unwrap_or_else(|error| panic!("{}: {error}", vector.file))
}

fn field<'v>(value: &'v Value, name: &str) -> &'v Value {
    let Value::Object(object) = value else {
        panic!("{name} of what is no object");
    };
    let State::Named(fields) = &object.state else {
        panic!("{name} of a state without names");
    };
    &fields.iter().find(|(field, _)| **field == *name).unwrap().1
}

/// Equal, except that a NaN equals a NaN.
fn same(a: &Value, b: &Value) -> bool {
    a.to_string() == b.to_string()
}

#[test]
fn every_vector_is_a_value_that_survives_writing_and_reading() {
    for Vector {
        file,
        hint,
        payload,
    } in vectors()
    {
        let value: Value = decode(&payload).unwrap_or_else(|error| panic!("{file}: {error}"));
        let (written, class) = encode(&value);
        assert_eq!(class, hint, "{file}");
        let again: Value = decode(&written).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(same(&value, &again), "{file}");
        assert_eq!(encode(&again).0, written, "{file}");
        let keywords = written.windows(9).any(|part| part == b"functools");
        assert!(!keywords, "{file}: Python calls no constructor by keyword");
    }
}

fn check<T: DeserializeOwned + Serialize>(vector: &Vector) {
    let value: T = decode(&vector.payload)
        .unwrap_or_else(|error| panic!("{} as its type: {error}", vector.file));
    let (written, hint) = encode(&value);
    assert_eq!(hint, vector.hint);
    let again = encode(&decode::<T>(&written).unwrap()).0;
    assert!(again == written, "{}", vector.file);
    // Views hold members of an enum (by value there, by name here) and dicts in an order of
    // their own. All else that Python wrote and what is written here is one and the same.
    let (theirs, ours): (Value, Value) =
        (decode(&vector.payload).unwrap(), decode(&written).unwrap());
    let views = ["Snapshot", "ClusterState", "GossipMessage", "JoinAccepted"];
    let view = views.iter().any(|view| vector.hint.ends_with(view));
    assert!(view || same(&theirs, &ours), "{}", vector.file);
}

#[test]
fn every_cluster_message_is_read_as_its_type_and_survives_writing() {
    let mut read = 0;
    for vector in vectors() {
        read += 1;
        match vector.hint.as_str() {
            "casty.cluster.topology.SubscribeTopology" => check::<SubscribeTopology>(&vector),
            "casty.cluster.topology.UnsubscribeTopology" => check::<UnsubscribeTopology>(&vector),
            "casty.cluster.topology.TopologySnapshot" => check::<TopologySnapshot>(&vector),
            "casty.cluster.topology_actor.GetState" => check::<GetState>(&vector),
            "casty.cluster.topology_actor.DownMember" => check::<DownMember>(&vector),
            "casty.cluster.topology_actor.UpdateRegistry" => check::<UpdateRegistry>(&vector),
            "casty.cluster.state.ClusterState" => check::<ClusterState>(&vector),
            "casty.cluster.coordinator.GetShardLocation" => check::<GetShardLocation>(&vector),
            "casty.cluster.coordinator.ShardLocation" => check::<ShardLocation>(&vector),
            "casty.cluster.receptionist.Find" => check::<Find<()>>(&vector),
            "casty.cluster.receptionist.Listing" => check::<Listing<()>>(&vector),
            "casty.cluster.envelope.ShardEnvelope" => check::<ShardEnvelope<Structure>>(&vector),
            "casty.core.streams.Push" => check::<streams::Push<Value>>(&vector),
            "casty.core.streams.CompleteStream" => check::<streams::CompleteStream>(&vector),
            "casty.core.streams.GetSource" => check::<streams::GetSource>(&vector),
            "casty.core.streams.GetSink" => check::<streams::GetSink>(&vector),
            "casty.core.streams.Subscribe" => check::<streams::Subscribe<Value>>(&vector),
            "casty.core.streams.StreamDemand" => check::<streams::StreamDemand>(&vector),
            "casty.core.streams.StreamCancel" => check::<streams::StreamCancel>(&vector),
            "casty.core.streams.InputReady" => check::<streams::InputReady>(&vector),
            "casty.core.streams.StreamElement" => check::<streams::StreamElement<Value>>(&vector),
            "casty.core.streams.StreamCompleted" => check::<streams::StreamCompleted>(&vector),
            "casty.distributed.lock.LockAcquired" => {
                check::<structures::lock::LockAcquired>(&vector);
            }
            "casty.distributed.lock.LockTryResult" => {
                check::<structures::lock::LockTryResult>(&vector);
            }
            "casty.distributed.lock.LockReleased" => {
                check::<structures::lock::LockReleased>(&vector);
            }
            "casty.distributed.barrier.BarrierReleased" => {
                check::<structures::barrier::BarrierReleased>(&vector);
            }
            _ if of_members(&vector) => {}
            _ => read -= 1,
        }
    }
    assert!(read >= 60, "only {read}");
}

/// Checks a message by which nodes agree on their members. Returns whether it is one.
fn of_members(vector: &Vector) -> bool {
    match vector.hint.as_str() {
        "casty.cluster.topology_actor.GossipMessage" => check::<GossipMessage>(vector),
        "casty.cluster.topology_actor.JoinRequest" => check::<JoinRequest>(vector),
        "casty.cluster.topology_actor.JoinAccepted" => check::<JoinAccepted>(vector),
        "casty.cluster.topology_actor.HeartbeatRequest" => check::<HeartbeatRequest>(vector),
        "casty.cluster.topology_actor.HeartbeatResponse" => check::<HeartbeatResponse>(vector),
        "casty.cluster.topology_actor.PromoteMember" => check::<PromoteMember>(vector),
        "casty.cluster.topology_actor.UpdateShardAllocations" => {
            check::<UpdateShardAllocations>(vector);
        }
        "casty.cluster.receptionist.Register" => check::<Register<()>>(vector),
        "casty.cluster.receptionist.Deregister" => check::<Deregister<()>>(vector),
        "casty.cluster.receptionist.Subscribe" => check::<Subscribe<()>>(vector),
        _ => return false,
    }
    true
}

/// Unions of dataclasses, as an entity's messages are.
macro_rules! union {
    ($name:ident { $($variant:ident $wire:literal $of:ty,)* }) => {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum $name {
            $(#[serde(rename = $wire)] $variant($of),)*
        }
    };
}

mod app {
    use super::{ActorRef, Deserialize, Everything, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "counter_app.messages.Increment")]
    pub(crate) struct Increment {
        pub(crate) amount: i64,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "counter_app.messages.GetCount")]
    pub(crate) struct GetCount {
        pub(crate) reply_to: ActorRef<i64>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename = "counter_app.messages.SendTo")]
    pub(crate) struct SendTo {
        pub(crate) target: ActorRef<()>,
        pub(crate) count: u8,
    }

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename = "counter_app.messages.Echo")]
    pub(crate) struct Echo {
        pub(crate) value: Everything,
        pub(crate) reply_to: ActorRef<Everything>,
    }
}

union! { Structure {
    AppIncrement "counter_app.messages.Increment" app::Increment,
    GetCount "counter_app.messages.GetCount" app::GetCount,
    SendTo "counter_app.messages.SendTo" app::SendTo,
    Echo "counter_app.messages.Echo" Value,
    Increment "casty.distributed.counter.Increment" structures::counter::Increment,
    Decrement "casty.distributed.counter.Decrement" structures::counter::Decrement,
    GetValue "casty.distributed.counter.GetValue" structures::counter::GetValue,
    DestroyCounter "casty.distributed.counter.DestroyCounter" structures::counter::DestroyCounter,
    Put "casty.distributed.dict.Put" structures::dict::Put<Value>,
    Get "casty.distributed.dict.Get" structures::dict::Get<Value>,
    Contains "casty.distributed.dict.Contains" structures::dict::Contains,
    Delete "casty.distributed.dict.Delete" structures::dict::Delete,
    Add "casty.distributed.set.Add" structures::set::Add<String>,
    Remove "casty.distributed.set.Remove" structures::set::Remove<String>,
    SetContains "casty.distributed.set.SetContains" structures::set::SetContains<String>,
    SetSize "casty.distributed.set.SetSize" structures::set::SetSize,
    Enqueue "casty.distributed.queue.Enqueue" structures::queue::Enqueue<String>,
    Dequeue "casty.distributed.queue.Dequeue" structures::queue::Dequeue<String>,
    Peek "casty.distributed.queue.Peek" structures::queue::Peek<String>,
    QueueSize "casty.distributed.queue.QueueSize" structures::queue::QueueSize,
    LockAcquire "casty.distributed.lock.LockAcquire" structures::lock::LockAcquire,
    LockTryAcquire "casty.distributed.lock.LockTryAcquire" structures::lock::LockTryAcquire,
    LockRelease "casty.distributed.lock.LockRelease" structures::lock::LockRelease,
    SemAcquire "casty.distributed.semaphore.SemaphoreAcquire"
        structures::semaphore::SemaphoreAcquire,
    SemTryAcquire "casty.distributed.semaphore.SemaphoreTryAcquire"
        structures::semaphore::SemaphoreTryAcquire,
    SemRelease "casty.distributed.semaphore.SemaphoreRelease"
        structures::semaphore::SemaphoreRelease,
    Barrier "casty.distributed.barrier.BarrierArrive" structures::barrier::BarrierArrive,
} }

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.Color")]
enum Color {
    #[serde(rename = "RED", alias = "1")]
    Red,
    #[serde(rename = "GREEN", alias = "green")]
    Green,
    #[serde(rename = "BLUE", alias = "(0, 0, 255)")]
    Blue,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.Level")]
enum Level {
    #[serde(rename = "LOW", alias = "1")]
    Low,
    #[serde(rename = "HIGH", alias = "2")]
    High,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.Point")]
struct Point {
    x: i64,
    y: i64,
}

/// A class with frozen slots, whose state has no names.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.SlotPoint")]
struct SlotPoint {
    x: i64,
    y: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.MutableSlotPoint")]
struct MutableSlotPoint {
    x: i64,
    y: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.Empty")]
struct Empty;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.Outer.Inner")]
struct Inner {
    v: i64,
}

/// A part of the dataclass with a field of each kind; fields that are not named are passed over.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename = "counter_app.messages.Everything")]
struct Everything {
    none: Option<u8>,
    yes: bool,
    neg: i8,
    u16: u16,
    i64: i64,
    f: f64,
    ninf: f32,
    nan: f64,
    text: String,
    lst: (u8, String, (f64, ())),
    tup: (u8, char, (u8, u8), f64),
    empty_tup: casty_proto::Tuple<u8>,
    t2: [u8; 2],
    intkeys: std::collections::BTreeMap<i64, String>,
    tupkeys: Vec2Map,
    fset: FrozenSet<String>,
    color: Color,
    level: Level,
    point: Point,
    slot: SlotPoint,
    mslot: MutableSlotPoint,
    empty: Empty,
    inner: Inner,
    #[serde(rename = "ref")]
    actor: ActorRef<()>,
    data: Vec<u8>,
}

type Vec2Map = std::collections::HashMap<(u8, u8), String>;

#[test]
fn a_field_of_every_kind_is_read() {
    let all: Everything = read("60-s2c-reply-everything");
    assert_eq!(
        (all.none, all.yes, all.neg, all.u16),
        (None, true, -5, 40_000)
    );
    assert_eq!(
        (all.i64, all.ninf),
        (4_611_686_018_427_387_905, f32::NEG_INFINITY)
    );
    assert!(all.nan.is_nan() && (all.f - std::f64::consts::PI).abs() < f64::EPSILON);
    assert_eq!(
        all.text,
        "h\u{e9}llo \u{4e16}\u{754c} \u{1f600} \"q\" \\ \n"
    );
    assert_eq!(all.lst, (1, "two".to_owned(), (3.5, ())));
    assert_eq!(all.tup, (1, 'a', (2, 3), 4.0));
    assert_eq!((all.empty_tup.len(), all.t2), (0, [1, 2]));
    assert_eq!(all.intkeys[&-2], "two");
    assert_eq!(all.tupkeys[&(1, 2)], "x");
    assert_eq!(all.fset.0, ["only"]);
    assert_eq!((all.color, all.level), (Color::Green, Level::High));
    assert_eq!(all.point, Point { x: 1, y: 2 });
    assert_eq!(all.slot, SlotPoint { x: 5, y: 6 });
    assert_eq!(all.mslot, MutableSlotPoint { x: 7, y: 8 });
    assert_eq!((all.empty, all.inner), (Empty, Inner { v: 9 }));
    assert_eq!(
        all.actor.uri(),
        "casty://interop-client@127.0.0.1:0/listener"
    );
    assert_eq!(all.data, b"\x00\xff raw");
}

#[test]
fn an_echo_of_everything_is_read_with_its_envelope() {
    let envelope: ShardEnvelope<app::Echo> = read("59-c2s-ShardEnvelope-Echo-everything");
    assert_eq!(envelope.entity_id, "user-42");
    assert_eq!(envelope.message.value.point, Point { x: 1, y: 2 });
    assert!(envelope.message.reply_to.uri().contains("/_ask/"));
}

#[test]
fn a_value_keeps_what_kind_of_state_an_object_came_with() {
    let all: Value = read("60-s2c-reply-everything");
    for (name, positional) in [("point", false), ("slot", true), ("mslot", false)] {
        let Value::Object(object) = field(&all, name) else {
            panic!("{name} is no object");
        };
        let found = matches!(object.state, State::Positional(_));
        assert_eq!(found, positional, "{name}");
    }
    let Value::Enum(color) = field(&all, "color") else {
        panic!("a colour is a member");
    };
    assert!(
        **color
            == EnumMember {
                class: "counter_app.messages.Color".into(),
                member: Member::Value(Value::Str("green".into())),
            }
    );
}

#[test]
fn dates_uuids_and_decimals_are_texts_to_a_type_that_asks_for_text() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename = "counter_app.messages.Everything")]
    struct Texts {
        when: String,
        when_utc: String,
        day: String,
        tod: String,
        delta: String,
        uid: String,
        dec: String,
    }
    assert_eq!(
        read::<Texts>("60-s2c-reply-everything"),
        Texts {
            when: "2026-07-12T01:02:03.456789".to_owned(),
            when_utc: "2026-07-12T01:02:03+00:00".to_owned(),
            day: "2026-07-12".to_owned(),
            tod: "01:02:03".to_owned(),
            delta: "P1DT2.000003S".to_owned(),
            uid: "12345678-1234-5678-1234-567812345678".to_owned(),
            dec: "123.4500".to_owned(),
        }
    );
}

#[test]
fn shared_members_of_a_snapshot_stay_shared() {
    let snapshot: Value = read("03-s2c-TopologySnapshot-initial");
    let Value::FrozenSet(members) = field(&snapshot, "members") else {
        panic!("members are a frozenset");
    };
    let Value::Object(leader) = field(&snapshot, "leader") else {
        panic!("there is a leader");
    };
    let shared = members.iter().any(|member| match field(member, "address") {
        Value::Object(address) => std::sync::Arc::ptr_eq(address, leader),
        _ => false,
    });
    assert!(shared);
}

#[test]
fn a_snapshot_is_read_with_all_it_tells() {
    let snapshot: TopologySnapshot = read("79-s2c-TopologySnapshot-full");
    assert_eq!(snapshot.members.len(), 3);
    assert!(
        snapshot
            .members
            .iter()
            .all(|m| m.status == MemberStatus::Up)
    );
    assert_eq!(snapshot.leader, Some(NodeAddress::new("127.0.0.1", 33_000)));
    assert!(!snapshot.shard_allocations.is_empty());
}

#[test]
fn replies_of_every_simple_type_are_read() {
    assert_eq!(read::<i64>("08-s2c-reply-int"), 5);
    assert_eq!(read::<Option<u8>>("61-s2c-reply-None"), None);
    assert!(read::<bool>("62-s2c-reply-True"));
    assert_eq!(read::<String>("63-s2c-reply-str"), "h\u{e9}llo");
    assert_eq!(read::<Vec<u8>>("65-s2c-reply-list"), [1, 2, 3]);
    assert_eq!(read::<(u8, u8)>("66-s2c-reply-tuple"), (1, 2));
    assert_eq!(read::<Color>("69-s2c-reply-enum"), Color::Red);
    assert_eq!(read::<FrozenSet<u8>>("70-s2c-reply-frozenset").0, [1]);
    assert_eq!(read::<Point>("71-s2c-reply-point"), Point { x: 1, y: 2 });
    assert!(read::<f64>("72-s2c-reply-nan").is_nan());
    let Value::BigInt(int) = read::<Value>("68-s2c-reply-bigint") else {
        panic!("2^200 is a big int");
    };
    assert_eq!(int.bits(), 201);
}

#[test]
fn a_pickle_cut_anywhere_is_an_error() {
    for Vector { file, payload, .. } in vectors() {
        for cut in 0..payload.len() {
            let value = decode::<Value>(&payload[..cut]);
            assert!(value.is_err(), "{file} cut at {cut}");
        }
    }
}

#[test]
fn another_class_than_asked_for_is_named() {
    let vector = vectors()
        .into_iter()
        .find(|vector| vector.file.contains("71-s2c-reply-point"))
        .unwrap();
    assert_eq!(
        decode::<SlotPoint>(&vector.payload),
        Err(DecodeError::Class {
            expected: "counter_app.messages.SlotPoint",
            found: "counter_app.messages.Point".into()
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_are_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut input = vec![0x80, 5];
        input.extend(bytes);
        let _ = decode::<Value>(&input);
        let _ = decode::<TopologySnapshot>(&input);
    }

    #[test]
    fn changed_vectors_are_never_a_panic(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        thread_local! {
            static VECTORS: Vec<Vector> = vectors();
        }
        VECTORS.with(|vectors| {
            let mut payload = pick.get(vectors).payload.clone();
            for (at, byte) in changes {
                let at = at.index(payload.len());
                payload[at] = byte;
            }
            if let Ok(value) = decode::<Value>(&payload) {
                let codec = Codec::pickle().allowing(["*"]).unwrap();
                let _ = codec.encode(&value, &mut Vec::new());
            }
            let _ = decode::<TopologySnapshot>(&payload);
            let _ = decode::<ShardEnvelope<Structure>>(&payload);
        });
    }
}
