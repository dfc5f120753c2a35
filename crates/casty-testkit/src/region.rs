//! One region on one node, and its entities.

use std::collections::HashMap;
use std::sync::Arc;

use casty_proto::message::ShardEnvelope;
use casty_proto::{DecodeError, Limits};
use casty_routing::{ShardCount, ShardId, entity_shard};

use crate::context::Context;
use crate::entity::Entity;
use crate::node::handling::Handling;

#[cfg(feature = "sim")]
pub(crate) mod counted;

/// A region as it is configured, the same on all nodes.
#[derive(Clone)]
pub(crate) struct RegionPlan {
    pub(crate) name: Arc<str>,
    pub(crate) shards: ShardCount,
    make: Arc<dyn Fn() -> Box<dyn Region> + Send + Sync>,
}

impl RegionPlan {
    /// Plans a region whose entities `make` makes.
    pub(crate) fn new<E: Entity>(
        name: Arc<str>,
        shards: ShardCount,
        make: impl Fn() -> E + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(make);
        Self {
            name,
            shards,
            make: Arc::new(move || {
                Box::new(Entities {
                    make: Arc::clone(&make),
                    shards,
                    alive: HashMap::new(),
                })
            }),
        }
    }

    /// Makes the region of one node, without entities.
    pub(crate) fn empty(&self) -> Box<dyn Region> {
        (self.make)()
    }
}

/// The end of a message to a region.
pub(crate) enum Received {
    Handled,
    /// A new entity could not be made: there are as many as may be.
    Full,
    /// A bare message for an entity that does not exist.
    NoSuchEntity,
}

/// The entities of a region on one node, whatever their type.
pub(crate) trait Region: Send {
    /// Hands an encoded envelope to its entity, making that if need be.
    fn envelope(&mut self, bytes: &[u8], node: Handling<'_>) -> Result<Received, DecodeError>;

    /// Hands an encoded bare message to an entity that exists.
    fn bare(&mut self, id: &str, bytes: &[u8], node: Handling<'_>)
    -> Result<Received, DecodeError>;

    /// Drops the entities of a shard.
    fn vacate(&mut self, shard: ShardId);

    /// Returns the number of entities.
    fn len(&self) -> usize;
}

/// The most entities of one region on one node.
const ENTITIES: usize = 1 << 20;

struct Entities<E, F> {
    make: Arc<F>,
    shards: ShardCount,
    alive: HashMap<String, E>,
}

impl<E: Entity, F: Fn() -> E + Send + Sync> Entities<E, F> {
    fn receive(&mut self, id: &str, message: E::Message, node: Handling<'_>) -> Received {
        let Some(entity) = self.alive.get_mut(id) else {
            return Received::NoSuchEntity;
        };
        let mut context = Context::new(node, id);
        entity.receive(message, &mut context);
        if context.is_stopped() {
            self.alive.remove(id);
        }
        Received::Handled
    }
}

impl<E: Entity, F: Fn() -> E + Send + Sync> Region for Entities<E, F> {
    fn envelope(&mut self, bytes: &[u8], node: Handling<'_>) -> Result<Received, DecodeError> {
        let codec = node.codec();
        let envelope: ShardEnvelope<E::Message> = codec.decode(bytes, &Limits::default())?;
        let id = envelope.entity_id;
        if !self.alive.contains_key(&id) {
            if self.alive.len() >= ENTITIES {
                return Ok(Received::Full);
            }
            self.alive.insert(id.clone(), (self.make)());
        }
        Ok(self.receive(&id, envelope.message, node))
    }

    fn bare(
        &mut self,
        id: &str,
        bytes: &[u8],
        node: Handling<'_>,
    ) -> Result<Received, DecodeError> {
        if !self.alive.contains_key(id) {
            return Ok(Received::NoSuchEntity);
        }
        let message = node.codec().decode(bytes, &Limits::default())?;
        Ok(self.receive(id, message, node))
    }

    fn vacate(&mut self, shard: ShardId) {
        let shards = self.shards;
        self.alive.retain(|id, _| entity_shard(id, shards) != shard);
    }

    fn len(&self) -> usize {
        self.alive.len()
    }
}
