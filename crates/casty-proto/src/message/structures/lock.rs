//! `casty.distributed.lock`: entity `<name>` of region `d-lock-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// Waits for the lock; answered when it is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockAcquire")]
pub struct LockAcquire {
    /// Who wants it, unique to the holder.
    pub owner: String,
    /// Who receives the answer.
    pub reply_to: ActorRef<LockAcquired>,
}

/// The lock is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockAcquired")]
pub struct LockAcquired {}

/// Takes the lock if it is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockTryAcquire")]
pub struct LockTryAcquire {
    /// Who wants it, unique to the holder.
    pub owner: String,
    /// Who receives the answer.
    pub reply_to: ActorRef<LockTryResult>,
}

/// Whether the lock was free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockTryResult")]
pub struct LockTryResult {
    /// True if it is now held.
    pub acquired: bool,
}

/// Gives the lock back; refused to anybody but its holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockRelease")]
pub struct LockRelease {
    /// Who holds it.
    pub owner: String,
    /// Who receives the answer.
    pub reply_to: ActorRef<LockReleased>,
}

/// Whether the lock was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockReleased")]
pub struct LockReleased {
    /// False if it was not held by the owner named.
    pub released: bool,
}

/// Ends the lock; answers true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.DestroyLock")]
pub struct DestroyLock {
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}
