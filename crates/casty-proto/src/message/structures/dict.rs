//! `casty.distributed.dict`: entity `<name>:<key>` of region `d-map-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// Stores a value; answers the previous one or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.dict.Put")]
pub struct Put<V> {
    /// What to store.
    pub value: V,
    /// Who receives the answer.
    pub reply_to: ActorRef<Option<V>>,
}

/// Answers the value or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.dict.Get", bound = "")]
pub struct Get<V> {
    /// Who receives the answer.
    pub reply_to: ActorRef<Option<V>>,
}

/// Removes the value; answers whether there was one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.dict.Delete")]
pub struct Delete {
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}

/// Answers whether there is a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.dict.Contains")]
pub struct Contains {
    /// Who receives the answer.
    pub reply_to: ActorRef<bool>,
}
