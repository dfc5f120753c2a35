//! `casty.distributed.queue`: entity `<name>` of region `d-queue-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// Appends a value; answers none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.Enqueue")]
pub struct Enqueue<V> {
    /// What to append.
    pub value: V,
    /// Who receives the answer.
    pub reply_to: ActorRef<()>,
}

/// Takes the oldest value; answers it or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.Dequeue", bound = "")]
pub struct Dequeue<V> {
    /// Who receives the answer.
    pub reply_to: ActorRef<Option<V>>,
}

/// Answers the oldest value or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.Peek", bound = "")]
pub struct Peek<V> {
    /// Who receives the answer.
    pub reply_to: ActorRef<Option<V>>,
}

/// Answers how many values wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.QueueSize")]
pub struct QueueSize {
    /// Who receives the answer.
    pub reply_to: ActorRef<u64>,
}

/// Ends the queue; answers true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.queue.DestroyQueue")]
pub struct DestroyQueue {
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}
