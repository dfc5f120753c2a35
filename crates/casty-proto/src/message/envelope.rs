//! Messages of `casty.cluster.envelope`: a message for one entity of a shard region.

use serde::{Deserialize, Serialize};

/// A message and the entity it is for, as regions accept it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "casty.cluster.envelope.ShardEnvelope")]
pub struct ShardEnvelope<M, I = String> {
    /// The entity's id, any text; its MD5 decides the shard.
    pub entity_id: I,
    /// The message that the entity receives.
    pub message: M,
}

/// The class of every [`ShardEnvelope`], as headers name it.
pub const SHARD_ENVELOPE: &str = "casty.cluster.envelope.ShardEnvelope";

impl<M> ShardEnvelope<M> {
    /// Returns a message for the entity `entity_id`.
    pub fn new(entity_id: impl Into<String>, message: M) -> Self {
        Self {
            entity_id: entity_id.into(),
            message,
        }
    }
}
