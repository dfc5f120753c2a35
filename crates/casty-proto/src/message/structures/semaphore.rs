//! `casty.distributed.semaphore`: entity `<name>` of region `d-sem-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// Waits for a permit; answered when one is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreAcquire")]
pub struct SemaphoreAcquire {
    /// Who wants it, unique to the holder.
    pub owner: String,
    /// Who receives the answer.
    pub reply_to: ActorRef<SemaphoreAcquired>,
}

/// A permit is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreAcquired")]
pub struct SemaphoreAcquired {}

/// Takes a permit if one is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreTryAcquire")]
pub struct SemaphoreTryAcquire {
    /// Who wants it, unique to the holder.
    pub owner: String,
    /// Who receives the answer.
    pub reply_to: ActorRef<SemaphoreTryResult>,
}

/// Whether a permit was free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreTryResult")]
pub struct SemaphoreTryResult {
    /// True if it is now held.
    pub acquired: bool,
}

/// Gives a permit back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreRelease")]
pub struct SemaphoreRelease {
    /// Who holds it.
    pub owner: String,
    /// Who receives the answer.
    pub reply_to: ActorRef<SemaphoreReleased>,
}

/// Whether a permit was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.SemaphoreReleased")]
pub struct SemaphoreReleased {
    /// False if the owner named held none.
    pub released: bool,
}

/// Ends the semaphore; answers true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.semaphore.DestroySemaphore")]
pub struct DestroySemaphore {
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}
