//! Messages of `casty.distributed.barrier`, for entity `<name>` of region `d-barrier-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// A request to wait at the barrier; answered when all have arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.barrier.BarrierArrive")]
pub struct BarrierArrive {
    /// The name of the arriving node, counted once.
    pub node: String,
    /// The number of nodes that must arrive.
    pub expected: u32,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<BarrierReply>,
}

/// The answer to [`BarrierArrive`]: all have arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.barrier.BarrierReleased")]
pub struct BarrierReleased {}

/// The answer to [`BarrierArrive`] of nodes after casty 0.21, if those that wait already expect another
/// number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.barrier.BarrierMismatch")]
pub struct BarrierMismatch {
    /// The number that they expect.
    pub expected: u32,
}

/// Any answer to [`BarrierArrive`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BarrierReply {
    /// All have arrived: [`BarrierReleased`].
    #[serde(rename = "casty.distributed.barrier.BarrierReleased")]
    Released {},
    /// Others expect another number: [`BarrierMismatch`].
    #[serde(rename = "casty.distributed.barrier.BarrierMismatch")]
    Mismatch {
        /// The number that they expect.
        expected: u32,
    },
}

/// A request to destroy the barrier; answered with true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.barrier.DestroyBarrier")]
pub struct DestroyBarrier {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}
