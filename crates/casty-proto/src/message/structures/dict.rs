//! Messages of `casty.distributed.dict`, for entity `<name>:<key>` of region `d-map-<name>`.

use serde::{Deserialize, Serialize};

use crate::ActorRef;

/// A request to store a value; answered with the previous one, or `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.dict.Put")]
pub struct Put<V> {
    /// The value to store.
    pub value: V,
    /// The actor that receives the answer.
    pub reply_to: ActorRef<Option<V>>,
}

/// A request for the value; answered with it, or `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.dict.Get", bound = "")]
pub struct Get<V> {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<Option<V>>,
}

/// A request to remove the value; answered with true if there was one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.dict.Delete")]
pub struct Delete {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}

/// A request that is answered with true if there is a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.distributed.dict.Contains")]
pub struct Contains {
    /// The actor that receives the answer.
    pub reply_to: ActorRef<bool>,
}
