//! `casty.distributed.set`: entity `<name>` of region `d-set-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// Adds a member; answers whether it is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.Add")]
pub struct Add<V> {
    /// The member.
    pub value: V,
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}

/// Removes a member; answers whether it was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.Remove")]
pub struct Remove<V> {
    /// The member.
    pub value: V,
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}

/// Answers whether the member is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.SetContains")]
pub struct SetContains<V> {
    /// The member.
    pub value: V,
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}

/// Answers how many members there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.SetSize")]
pub struct SetSize {
    /// Who receives the answer.
    pub reply_to: ActorRef<u64>,
}

/// Ends the set; answers true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.set.DestroySet")]
pub struct DestroySet {
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}
