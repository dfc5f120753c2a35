//! Golden vectors in the direction that only Python can judge: every message that real nodes and
//! clients were seen to send is read by Rust, written again by Rust, and read by Python, which must
//! find it equal to the original.

use std::fs;
use std::path::{Path, PathBuf};

use casty_proto::message::structures::{barrier, counter, dict, lock, queue, semaphore, set};
use casty_proto::message::{
    ClusterState, Find, GetShardLocation, GetState, Listing, ShardEnvelope, ShardLocation,
    SubscribeTopology, TopologySnapshot, UnsubscribeTopology,
};
use casty_proto::{Codec, Limits, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::serializer::Serializer;
use crate::verify::{Case, Expected, differences};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "python_reads_captured_messages_as_rust_writes_them",
    60,
    |context| Box::pin(write_again(context)),
)];

async fn write_again(context: Context) -> Result<Figures, Failure> {
    let serializer = context.serializer();
    let mut cases = Vec::new();
    let mut typed = 0;
    for vector in captured(serializer)? {
        let codec = serializer.codec();
        let (value, bytes) = transcode::<Value>(codec, &vector)?;
        cases.push(vector.case("any value", serializer, bytes));
        let class = class_of(&value).unwrap_or_default();
        if let Some((_, transcode)) = TYPES.iter().find(|(name, _)| *name == class) {
            cases.push(vector.case("its type", serializer, transcode(codec, &vector)?));
            typed += 1;
        }
    }
    let found = differences(context.python(), &cases).await?;
    if let Some(first) = found.first() {
        return Err(format!("{} differences, the first: {first}", found.len()).into());
    }
    if typed < 40 {
        return Err(format!("only {typed} messages were read as their types").into());
    }
    let values = cases.len() - typed;
    Ok(format!(
        "{values} as values, {typed} as their types: all equal"
    ))
}

/// A captured message.
struct Vector {
    file: String,
    payload: Vec<u8>,
}

impl Vector {
    fn case(&self, through: &str, serializer: Serializer, bytes: Vec<u8>) -> Case {
        Case {
            name: format!("{} through {through}", self.file),
            serializer,
            bytes,
            expected: Expected::SameAs(self.payload.clone()),
        }
    }
}

/// Every message that was captured with this serializer; handshakes are none.
fn captured(serializer: Serializer) -> Result<Vec<Vector>, Failure> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .with_file_name("casty-proto")
        .join("tests/vectors")
        .join(serializer.name());
    let index = fs::read(folder.join("index.json"))?;
    let index: Vec<serde_json::Value> = serde_json::from_slice(&index)?;
    let mut vectors = Vec::new();
    for entry in &index {
        let Some(offset) = entry
            .get("payload_offset")
            .and_then(serde_json::Value::as_u64)
        else {
            continue;
        };
        let file = entry.get("file").and_then(serde_json::Value::as_str);
        let file = file.ok_or("an entry of the index has no file")?;
        let frame = fs::read(folder.join(file))?;
        let payload = frame.get(usize::try_from(offset)?..);
        vectors.push(Vector {
            file: file.to_owned(),
            payload: payload.ok_or("a frame ends before its payload")?.to_vec(),
        });
    }
    Ok(vectors)
}

/// The class by which the type is known: an envelope's is that of the message inside.
fn class_of(value: &Value) -> Option<&str> {
    let Value::Object(object) = value else {
        return None;
    };
    match (&*object.class, &object.state) {
        ("casty.cluster.envelope.ShardEnvelope", casty_proto::value::State::Named(fields)) => {
            let message = fields.iter().find(|(name, _)| &**name == "message");
            message.and_then(|(_, message)| class_of(message))
        }
        (class, _) => Some(class),
    }
}

/// Reads a message as a type and writes it again.
fn transcode<T: DeserializeOwned + Serialize>(
    codec: Codec,
    vector: &Vector,
) -> Result<(T, Vec<u8>), Failure> {
    let named = |error: &dyn std::error::Error| format!("{}: {error}", vector.file);
    let read = codec.decode(&vector.payload, &Limits::default());
    let value: T = read.map_err(|error| named(&error))?;
    let mut bytes = Vec::new();
    codec
        .encode(&value, &mut bytes)
        .map_err(|error| named(&error))?;
    Ok((value, bytes))
}

type Transcode = fn(Codec, &Vector) -> Result<Vec<u8>, Failure>;

fn plain<T: DeserializeOwned + Serialize>(
    codec: Codec,
    vector: &Vector,
) -> Result<Vec<u8>, Failure> {
    transcode::<T>(codec, vector).map(|(_, bytes)| bytes)
}

fn within<T: DeserializeOwned + Serialize>(
    codec: Codec,
    vector: &Vector,
) -> Result<Vec<u8>, Failure> {
    plain::<ShardEnvelope<T>>(codec, vector)
}

/// The cluster's messages, by class; those of the distributed structures travel in envelopes.
const TYPES: &[(&str, Transcode)] = &[
    (
        "casty.cluster.topology.SubscribeTopology",
        plain::<SubscribeTopology>,
    ),
    (
        "casty.cluster.topology.UnsubscribeTopology",
        plain::<UnsubscribeTopology>,
    ),
    (
        "casty.cluster.topology.TopologySnapshot",
        plain::<TopologySnapshot>,
    ),
    ("casty.cluster.topology_actor.GetState", plain::<GetState>),
    ("casty.cluster.state.ClusterState", plain::<ClusterState>),
    (
        "casty.cluster.coordinator.GetShardLocation",
        plain::<GetShardLocation>,
    ),
    (
        "casty.cluster.coordinator.ShardLocation",
        plain::<ShardLocation>,
    ),
    ("casty.cluster.receptionist.Find", plain::<Find<()>>),
    ("casty.cluster.receptionist.Listing", plain::<Listing<()>>),
    (
        "casty.distributed.counter.Increment",
        within::<counter::Increment>,
    ),
    (
        "casty.distributed.counter.Decrement",
        within::<counter::Decrement>,
    ),
    (
        "casty.distributed.counter.GetValue",
        within::<counter::GetValue>,
    ),
    (
        "casty.distributed.counter.DestroyCounter",
        within::<counter::DestroyCounter>,
    ),
    ("casty.distributed.dict.Put", within::<dict::Put<Value>>),
    ("casty.distributed.dict.Get", within::<dict::Get<Value>>),
    ("casty.distributed.dict.Contains", within::<dict::Contains>),
    ("casty.distributed.dict.Delete", within::<dict::Delete>),
    ("casty.distributed.set.Add", within::<set::Add<Value>>),
    (
        "casty.distributed.set.SetContains",
        within::<set::SetContains<Value>>,
    ),
    ("casty.distributed.set.SetSize", within::<set::SetSize>),
    ("casty.distributed.set.Remove", within::<set::Remove<Value>>),
    (
        "casty.distributed.queue.Enqueue",
        within::<queue::Enqueue<Value>>,
    ),
    (
        "casty.distributed.queue.Dequeue",
        within::<queue::Dequeue<Value>>,
    ),
    ("casty.distributed.queue.Peek", within::<queue::Peek<Value>>),
    (
        "casty.distributed.queue.QueueSize",
        within::<queue::QueueSize>,
    ),
    (
        "casty.distributed.lock.LockAcquire",
        within::<lock::LockAcquire>,
    ),
    (
        "casty.distributed.lock.LockAcquired",
        plain::<lock::LockAcquired>,
    ),
    (
        "casty.distributed.lock.LockTryAcquire",
        within::<lock::LockTryAcquire>,
    ),
    (
        "casty.distributed.lock.LockTryResult",
        plain::<lock::LockTryResult>,
    ),
    (
        "casty.distributed.lock.LockRelease",
        within::<lock::LockRelease>,
    ),
    (
        "casty.distributed.lock.LockReleased",
        plain::<lock::LockReleased>,
    ),
    (
        "casty.distributed.semaphore.SemaphoreAcquire",
        within::<semaphore::SemaphoreAcquire>,
    ),
    (
        "casty.distributed.semaphore.SemaphoreAcquired",
        plain::<semaphore::SemaphoreAcquired>,
    ),
    (
        "casty.distributed.semaphore.SemaphoreTryAcquire",
        within::<semaphore::SemaphoreTryAcquire>,
    ),
    (
        "casty.distributed.semaphore.SemaphoreTryResult",
        plain::<semaphore::SemaphoreTryResult>,
    ),
    (
        "casty.distributed.semaphore.SemaphoreRelease",
        within::<semaphore::SemaphoreRelease>,
    ),
    (
        "casty.distributed.semaphore.SemaphoreReleased",
        plain::<semaphore::SemaphoreReleased>,
    ),
    (
        "casty.distributed.barrier.BarrierArrive",
        within::<barrier::BarrierArrive>,
    ),
    (
        "casty.distributed.barrier.BarrierReleased",
        plain::<barrier::BarrierReleased>,
    ),
];
