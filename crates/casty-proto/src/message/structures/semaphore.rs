//! Messages of `casty.distributed.semaphore`, for entity `<name>` of region `d-sem-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// A request to wait for a permit; answered when one is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreAcquire")]
pub struct SemaphoreAcquire {
    /// The name of the requester, unique to it.
    pub owner: String,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<SemaphoreAcquired>,
}

/// The answer to [`SemaphoreAcquire`]: a permit is granted, or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreAcquired")]
pub struct SemaphoreAcquired {
    /// True if it is granted. Nodes of casty 0.21 grant all that they answer, and do not say so.
    #[serde(default = "super::yes", skip_serializing_if = "super::is_yes")]
    pub granted: bool,
}

/// A request for a permit if one is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreTryAcquire")]
pub struct SemaphoreTryAcquire {
    /// The name of the requester, unique to it.
    pub owner: String,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<SemaphoreTryResult>,
}

/// The answer to [`SemaphoreTryAcquire`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreTryResult")]
pub struct SemaphoreTryResult {
    /// True if the requester holds it now.
    pub acquired: bool,
}

/// A request to release a permit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreRelease")]
pub struct SemaphoreRelease {
    /// The name of the holder.
    pub owner: String,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<SemaphoreReleased>,
}

/// The answer to [`SemaphoreRelease`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreReleased")]
pub struct SemaphoreReleased {
    /// False if the named owner held none.
    pub released: bool,
}

/// A request to destroy the semaphore; answered with true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.DestroySemaphore")]
pub struct DestroySemaphore {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}
