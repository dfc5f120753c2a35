//! `casty.distributed.counter`: entity `<name>` of region `d-counter-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// Adds; answers the new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.counter.Increment")]
pub struct Increment {
    /// How much to add.
    pub amount: i64,
    /// Who receives the answer.
    pub reply_to: ActorRef<i64>,
}

/// Subtracts; answers the new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.counter.Decrement")]
pub struct Decrement {
    /// How much to subtract.
    pub amount: i64,
    /// Who receives the answer.
    pub reply_to: ActorRef<i64>,
}

/// Answers the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.counter.GetValue")]
pub struct GetValue {
    /// Who receives the answer.
    pub reply_to: ActorRef<i64>,
}

/// Ends the counter; answers true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.counter.DestroyCounter")]
pub struct DestroyCounter {
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}
