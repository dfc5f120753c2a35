//! Messages of `casty.distributed.queue`, for entity `<name>` of region `d-queue-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// A request to append a value; answered with `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.Enqueue")]
pub struct Enqueue<V> {
    /// The value to append.
    pub value: V,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<()>,
}

/// A request to take the oldest value; answered with it, or `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.Dequeue", bound = "")]
pub struct Dequeue<V> {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<Option<V>>,
}

/// A request for the oldest value, which stays; answered with it, or `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.Peek", bound = "")]
pub struct Peek<V> {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<Option<V>>,
}

/// A request for the number of values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.QueueSize")]
pub struct QueueSize {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<u64>,
}

/// A request to destroy the queue; answered with true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.DestroyQueue")]
pub struct DestroyQueue {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}
