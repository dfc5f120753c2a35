//! Messages of `casty.distributed.counter`, for entity `<name>` of region `d-counter-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// A request to add; answered with the new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.counter.Increment")]
pub struct Increment {
    /// The amount to add.
    pub amount: i64,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<i64>,
}

/// A request to subtract; answered with the new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.counter.Decrement")]
pub struct Decrement {
    /// The amount to subtract.
    pub amount: i64,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<i64>,
}

/// A request for the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.counter.GetValue")]
pub struct GetValue {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<i64>,
}

/// A request to destroy the counter; answered with true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.counter.DestroyCounter")]
pub struct DestroyCounter {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}
