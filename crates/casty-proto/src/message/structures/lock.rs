//! Messages of `casty.distributed.lock`, for entity `<name>` of region `d-lock-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// A request to wait for the lock; answered when it is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockAcquire")]
pub struct LockAcquire {
    /// The name of the requester, unique to it.
    pub owner: String,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<LockAcquired>,
}

/// The answer to [`LockAcquire`]: the lock is granted, or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockAcquired")]
pub struct LockAcquired {
    /// True if it is granted. Nodes of casty 0.21 grant all that they answer, and do not say so.
    #[serde(default = "super::yes", skip_serializing_if = "super::is_yes")]
    pub granted: bool,
}

/// A request for the lock if it is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockTryAcquire")]
pub struct LockTryAcquire {
    /// The name of the requester, unique to it.
    pub owner: String,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<LockTryResult>,
}

/// The answer to [`LockTryAcquire`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockTryResult")]
pub struct LockTryResult {
    /// True if the requester holds it now.
    pub acquired: bool,
}

/// A request to release the lock, refused unless it comes from the holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockRelease")]
pub struct LockRelease {
    /// The name of the holder.
    pub owner: String,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<LockReleased>,
}

/// The answer to [`LockRelease`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.LockReleased")]
pub struct LockReleased {
    /// False if the named owner did not hold it.
    pub released: bool,
}

/// A request to destroy the lock; answered with true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.lock.DestroyLock")]
pub struct DestroyLock {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}
