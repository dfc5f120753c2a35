//! Messages of `casty.distributed.set`, for entity `<name>` of region `d-set-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// A request to add a member; answered with true if it is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.Add")]
pub struct Add<V> {
    /// The member to add.
    pub value: V,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}

/// A request to remove a member; answered with true if it was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.Remove")]
pub struct Remove<V> {
    /// The member.
    pub value: V,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}

/// A request that is answered with true if the member is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.SetContains")]
pub struct SetContains<V> {
    /// The member.
    pub value: V,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}

/// A request for the number of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.SetSize")]
pub struct SetSize {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<u64>,
}

/// A request to destroy the set; answered with true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.DestroySet")]
pub struct DestroySet {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}
