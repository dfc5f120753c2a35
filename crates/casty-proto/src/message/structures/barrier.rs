//! `casty.distributed.barrier`: entity `<name>` of region `d-barrier-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// Waits at the barrier; answered when all have arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.barrier.BarrierArrive")]
pub struct BarrierArrive {
    /// Who arrives; counted once.
    pub node: String,
    /// How many are awaited.
    pub expected: u32,
    /// Who receives the answer.
    pub reply_to: ActorRef<BarrierReleased>,
}

/// All have arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.barrier.BarrierReleased")]
pub struct BarrierReleased {}

/// Ends the barrier; answers true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.barrier.DestroyBarrier")]
pub struct DestroyBarrier {
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}
