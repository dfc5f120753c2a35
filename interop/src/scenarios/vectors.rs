//! Golden vectors: what real nodes and clients sent, read and written again, is the same to Python.

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use casty_client::{Codec, Value};
use casty_proto::frame::{DEFAULT_MAX_FRAME, FRAME_HEAD, FrameDecoder, FrameKind};
use casty_proto::handshake::Handshake;
use casty_proto::header::{self, Header};
use casty_proto::message::membership::{
    GossipMessage, HeartbeatRequest, HeartbeatResponse, JoinAccepted, JoinRequest, PromoteMember,
    UpdateShardAllocations,
};
use casty_proto::message::streams::{
    CompleteStream, GetSink, GetSource, InputReady, Push, StreamCancel, StreamCompleted,
    StreamDemand, StreamElement, Subscribe,
};
use casty_proto::message::structures::{barrier, counter, dict, lock, queue, semaphore, set};
use casty_proto::message::{
    self, ClusterState, Deregister, DownMember, Find, GetShardLocation, GetState, Listing,
    Register, ShardEnvelope, ShardLocation, SubscribeTopology, TopologySnapshot,
    UnsubscribeTopology, UpdateRegistry,
};
use casty_proto::value::BigInt;
use casty_proto::{FrozenSet, Limits};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::app::kinds::{Color, Everything, JsonSafe, MsgpackSafe, Point};
use crate::app::{Echo, Event, GetCount, Greet, Increment, SendTo};
use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::serializer::Serializer;
use crate::verify::{Case, Expected, differences};
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "every_captured_frame_written_again_is_the_same_to_python",
    60,
    |context| Box::pin(rewrite(context)),
)
.needs(&[Feature::Serializers])];

/// The name of a captured frame, and its place.
#[derive(Deserialize)]
struct Entry {
    file: PathBuf,
    what: String,
}

async fn rewrite(context: Context) -> Result<Figures, Failure> {
    let serializer = context.serializer();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/casty-proto/tests/vectors")
        .join(serializer.name());
    let index: Vec<Entry> = serde_json::from_slice(&std::fs::read(folder.join("index.json"))?)?;
    let mut cases = Cases {
        serializer,
        all: Vec::new(),
        typed: 0,
    };
    for Entry { file, what } in &index {
        let frame = std::fs::read(folder.join(file))?;
        cases
            .add(what, &frame)
            .map_err(|error| format!("{what}: {error}"))?;
    }
    let found = differences(context.python(), &cases.all).await?;
    if !found.is_empty() {
        return Err(found.join("; ").into());
    }
    // Handshakes have no class, and neither dicts nor lists a type of their own.
    let fewest = match serializer {
        // Only what it could write in another way than pickle was captured.
        Serializer::CloudPickle => 12,
        _ => 80,
    };
    if index.len() < fewest || cases.typed + 8 < index.len() {
        return Err(format!("{} frames, {} with a type", index.len(), cases.typed).into());
    }
    Ok(format!(
        "{} frames, {} of them as Rust types; {} comparisons",
        index.len(),
        cases.typed,
        cases.all.len()
    ))
}

struct Cases {
    serializer: Serializer,
    all: Vec<Case>,
    typed: usize,
}

impl Cases {
    fn add(&mut self, what: &str, frame: &[u8]) -> Result<(), Failure> {
        let mut buffer = BytesMut::from(frame);
        let frame = FrameDecoder::new(DEFAULT_MAX_FRAME).next(&mut buffer)?;
        let frame = frame.ok_or("the frame is cut short")?;
        if !buffer.is_empty() {
            return Err(format!("{} bytes behind the frame", buffer.len()).into());
        }
        match frame.kind {
            FrameKind::Handshake => self.handshake(what, &frame.payload),
            FrameKind::Message => self.message(what, &frame.payload),
            FrameKind::Other(kind) => Err(format!("a frame of type {kind}").into()),
        }
    }

    fn handshake(&mut self, what: &str, payload: &Bytes) -> Result<(), Failure> {
        let mut again = Vec::new();
        Handshake::read(payload)?.write(&mut again)?;
        let again = again.split_off(FRAME_HEAD);
        self.json(what, again, payload);
        Ok(())
    }

    fn message(&mut self, what: &str, payload: &[u8]) -> Result<(), Failure> {
        let (head, _) = header::split_payload(payload)?;
        let (parsed, message) = Header::split(payload)?;
        let mut again = Vec::new();
        parsed.write(&mut again);
        let again = again.split_off(4);
        self.json(&format!("header of {what}"), again, head);
        let codec = self.serializer.codec();
        let value = again_as::<Value>(codec, message)?;
        if value.class != parsed.type_hint {
            return Err(format!("{} instead of {}", value.class, parsed.type_hint).into());
        }
        let name = format!("{what} as a value");
        self.case(name, value.bytes, Expected::SameAs(message.to_vec()));
        if let Some(typed) = type_of(what, self.serializer) {
            let typed = typed(codec, message)?;
            if typed.class != parsed.type_hint {
                return Err(format!("{} instead of {}", typed.class, parsed.type_hint).into());
            }
            self.typed += 1;
            let name = format!("{what} as its type");
            self.case(name, typed.bytes, Expected::SameAs(message.to_vec()));
        }
        Ok(())
    }

    fn case(&mut self, name: String, bytes: Vec<u8>, expected: Expected) {
        let serializer = self.serializer;
        self.all.push(Case {
            name,
            serializer,
            bytes,
            expected,
        });
    }

    /// Adds a message that is JSON whatever the serializer.
    fn json(&mut self, name: &str, bytes: Vec<u8>, same_as: &[u8]) {
        self.all.push(Case {
            name: name.to_owned(),
            serializer: Serializer::Json,
            bytes,
            expected: Expected::SameAs(same_as.to_vec()),
        });
    }
}

/// A message written again, and its class.
struct Again {
    bytes: Vec<u8>,
    class: String,
}

type Rewrite = fn(Codec, &[u8]) -> Result<Again, Failure>;

fn again_as<T: DeserializeOwned + Serialize>(
    codec: Codec,
    message: &[u8],
) -> Result<Again, Failure> {
    let value: T = codec.decode(message, &Limits::default())?;
    let mut bytes = Vec::new();
    let class = codec.encode(&value, &mut bytes)?.into_owned();
    Ok(Again { bytes, class })
}

fn in_envelope<T: DeserializeOwned + Serialize>(
    codec: Codec,
    message: &[u8],
) -> Result<Again, Failure> {
    again_as::<ShardEnvelope<T>>(codec, message)
}

fn type_of(what: &str, serializer: Serializer) -> Option<Rewrite> {
    of_cluster(what)
        .or_else(|| of_membership(what))
        .or_else(|| of_structure(what))
        .or_else(|| of_stream(what))
        .or_else(|| of_reply(what))
        .or_else(|| of_application(what, serializer))
}

fn of_cluster(what: &str) -> Option<Rewrite> {
    Some(match what {
        "SubscribeTopology" => again_as::<SubscribeTopology>,
        "UnsubscribeTopology" => again_as::<UnsubscribeTopology>,
        "TopologySnapshot-initial" | "TopologySnapshot-full" => again_as::<TopologySnapshot>,
        "GetShardLocation" => again_as::<GetShardLocation>,
        "ShardLocation" => again_as::<ShardLocation>,
        "GetState" => again_as::<GetState>,
        "DownMember" => again_as::<DownMember>,
        "UpdateRegistry" => again_as::<UpdateRegistry>,
        "ClusterState" => again_as::<ClusterState>,
        "Find" => again_as::<Find<Greet>>,
        "Listing" => again_as::<Listing<Greet>>,
        _ => return None,
    })
}

fn of_membership(what: &str) -> Option<Rewrite> {
    Some(match what {
        "member-GossipMessage" => again_as::<GossipMessage>,
        "member-JoinRequest" => again_as::<JoinRequest>,
        "member-JoinAccepted" => again_as::<JoinAccepted>,
        "member-HeartbeatRequest" => again_as::<HeartbeatRequest>,
        "member-HeartbeatResponse" => again_as::<HeartbeatResponse>,
        "member-PromoteMember" => again_as::<PromoteMember>,
        "member-UpdateShardAllocations" => again_as::<UpdateShardAllocations>,
        "member-UpdateRegistry" => again_as::<UpdateRegistry>,
        "member-Register" => again_as::<Register<Value>>,
        "member-Deregister" => again_as::<Deregister<Value>>,
        "member-Subscribe" => again_as::<message::Subscribe<Value>>,
        _ => return None,
    })
}

fn of_structure(what: &str) -> Option<Rewrite> {
    Some(match what {
        "d-counter-Increment" => in_envelope::<counter::Increment>,
        "d-counter-Decrement" => in_envelope::<counter::Decrement>,
        "d-counter-GetValue" => in_envelope::<counter::GetValue>,
        "d-counter-DestroyCounter" => in_envelope::<counter::DestroyCounter>,
        "d-map-Put" => in_envelope::<dict::Put<Value>>,
        "d-map-Get" => in_envelope::<dict::Get<Value>>,
        "d-map-Contains" => in_envelope::<dict::Contains>,
        "d-map-Delete" => in_envelope::<dict::Delete>,
        "d-set-Add" => in_envelope::<set::Add<String>>,
        "d-set-SetContains" => in_envelope::<set::SetContains<String>>,
        "d-set-SetSize" => in_envelope::<set::SetSize>,
        "d-set-Remove" => in_envelope::<set::Remove<String>>,
        "d-queue-Enqueue" => in_envelope::<queue::Enqueue<String>>,
        "d-queue-QueueSize" => in_envelope::<queue::QueueSize>,
        "d-queue-Peek" => in_envelope::<queue::Peek<String>>,
        "d-queue-Dequeue" | "d-queue-Dequeue-empty" => in_envelope::<queue::Dequeue<String>>,
        "d-lock-LockAcquire" => in_envelope::<lock::LockAcquire>,
        "d-lock-LockAcquire-reply" => again_as::<lock::LockAcquired>,
        "d-lock-LockTryAcquire" => in_envelope::<lock::LockTryAcquire>,
        "d-lock-LockTryAcquire-reply" => again_as::<lock::LockTryResult>,
        "d-lock-LockRelease" => in_envelope::<lock::LockRelease>,
        "d-lock-LockRelease-reply" => again_as::<lock::LockReleased>,
        "d-sem-SemaphoreAcquire" => in_envelope::<semaphore::SemaphoreAcquire>,
        "d-sem-SemaphoreAcquire-reply" => again_as::<semaphore::SemaphoreAcquired>,
        "d-sem-SemaphoreTryAcquire" => in_envelope::<semaphore::SemaphoreTryAcquire>,
        "d-sem-SemaphoreTryAcquire-reply" => again_as::<semaphore::SemaphoreTryResult>,
        "d-sem-SemaphoreRelease" => in_envelope::<semaphore::SemaphoreRelease>,
        "d-sem-SemaphoreRelease-reply" => again_as::<semaphore::SemaphoreReleased>,
        "d-barrier-BarrierArrive" => in_envelope::<barrier::BarrierArrive>,
        "d-barrier-BarrierArrive-reply" => again_as::<barrier::BarrierReleased>,
        _ => return None,
    })
}

/// The elements are whole numbers and points.
fn of_stream(what: &str) -> Option<Rewrite> {
    Some(match what {
        "stream-Push" => again_as::<Push<Value>>,
        "stream-CompleteStream" => again_as::<CompleteStream>,
        "stream-Subscribe" => again_as::<Subscribe<Value>>,
        "stream-StreamDemand" => again_as::<StreamDemand>,
        "stream-StreamCancel" => again_as::<StreamCancel>,
        "stream-GetSink" => again_as::<GetSink>,
        "stream-GetSource" => again_as::<GetSource>,
        "stream-InputReady" => again_as::<InputReady>,
        "stream-StreamElement" => again_as::<StreamElement<Value>>,
        "stream-StreamCompleted" => again_as::<StreamCompleted>,
        _ => return None,
    })
}

/// Replies that are no dataclasses.
fn of_reply(what: &str) -> Option<Rewrite> {
    Some(match what {
        "reply-int"
        | "d-counter-Increment-reply"
        | "d-counter-Decrement-reply"
        | "d-counter-GetValue-reply"
        | "d-set-SetSize-reply"
        | "d-queue-QueueSize-reply" => again_as::<i64>,
        "reply-True"
        | "d-map-Contains-reply"
        | "d-map-Delete-reply"
        | "d-set-Add-reply"
        | "d-set-SetContains-reply"
        | "d-set-Remove-reply"
        | "d-counter-DestroyCounter-reply" => again_as::<bool>,
        "reply-None" | "d-queue-Enqueue-reply" => again_as::<()>,
        "d-queue-Peek-reply" | "d-queue-Dequeue-reply" | "d-queue-Dequeue-empty-reply" => {
            again_as::<Option<String>>
        }
        "d-map-Put-reply" => again_as::<Option<i64>>,
        "reply-str" | "service-Greet-reply" => again_as::<String>,
        "reply-float" | "reply-nan" => again_as::<f64>,
        "reply-list" => again_as::<Vec<u8>>,
        "reply-tuple" => again_as::<(u8, u8)>,
        "reply-bigint" => again_as::<BigInt>,
        "reply-enum" => again_as::<Color>,
        "reply-frozenset" => again_as::<FrozenSet<u8>>,
        "reply-point" => again_as::<Point>,
        _ => return None,
    })
}

fn of_application(what: &str, serializer: Serializer) -> Option<Rewrite> {
    Some(match (what, serializer) {
        ("ShardEnvelope-Increment", _) => in_envelope::<Increment>,
        ("ShardEnvelope-GetCount", _) => in_envelope::<GetCount>,
        ("ShardEnvelope-SendTo", _) => in_envelope::<SendTo>,
        ("push-to-spawned", _) => again_as::<Event>,
        ("service-Greet", _) => again_as::<Greet>,
        ("ShardEnvelope-Echo-everything", Serializer::Json) => in_envelope::<Echo<JsonSafe>>,
        ("ShardEnvelope-Echo-everything", Serializer::MsgPack) => in_envelope::<Echo<MsgpackSafe>>,
        ("ShardEnvelope-Echo-everything", _) => in_envelope::<Echo<Everything>>,
        ("reply-everything", Serializer::Json) => again_as::<JsonSafe>,
        ("reply-everything", Serializer::MsgPack) => again_as::<MsgpackSafe>,
        ("reply-everything", _) => again_as::<Everything>,
        _ => return None,
    })
}
