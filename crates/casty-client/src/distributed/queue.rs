//! The queue.

use std::fmt;
use std::marker::PhantomData;

use casty_proto::message::structures::optional::optional;
use casty_proto::message::structures::queue::{Dequeue, DestroyQueue, Enqueue, Peek, QueueSize};
use casty_proto::value::from_value;
use casty_proto::{ActorRef, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::region::EntityRef;
use crate::distributed::error::StructureError;
use crate::distributed::structure::Structure;
use crate::error::AskError;

/// A queue of values of one type, first in and first out, made by
/// [`Distributed::queue`](crate::Distributed::queue). Cheap to clone.
///
/// All of it is one entity, in the memory of one node, and has no limit. A value that is `None` counts as
/// none to nodes of casty 0.21.
///
/// Whatever takes a value has it alone. But a value whose reply is lost is taken all the same: a queue
/// hands out each value at most once, and no consumer can give it back but by
/// [`enqueue`](Self::enqueue).
pub struct Queue<V> {
    structure: Structure,
    entity: EntityRef,
    values: PhantomData<fn() -> V>,
}

impl<V> Queue<V> {
    pub(super) fn new(structure: Structure) -> Self {
        Self {
            entity: structure.entity(),
            structure,
            values: PhantomData,
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.structure.name()
    }

    /// Returns the entity that it is, for messages of your own.
    pub fn entity(&self) -> &EntityRef {
        &self.entity
    }

    /// Returns the number of values. Sent again where that helps.
    ///
    /// # Errors
    /// No reply came.
    ///
    /// # Cancel safety
    /// Nothing changes.
    pub async fn size(&self) -> Result<u64, StructureError> {
        let ask = |reply_to| QueueSize { reply_to };
        self.structure.read(&self.entity, ask).await
    }

    /// Destroys it: the next operation finds it empty. A message that arrives while the node ends it is
    /// lost, so let nobody else use it meanwhile. Sent once.
    ///
    /// # Errors
    /// No reply came; it may be destroyed unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be destroyed, whether or not that is waited for.
    pub async fn destroy(&self) -> Result<bool, StructureError> {
        let ask = |reply_to| DestroyQueue { reply_to };
        self.structure.ask(&self.entity, ask).await
    }
}

impl<V: Serialize> Queue<V> {
    /// Appends a value. Sent once: a second time it would be there twice.
    ///
    /// # Errors
    /// No reply came; it may be there unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be there, whether or not that is waited for.
    pub async fn enqueue(&self, value: &V) -> Result<(), StructureError> {
        let ask = |reply_to| Enqueue { value, reply_to };
        self.structure.ask(&self.entity, ask).await
    }
}

impl<V: DeserializeOwned> Queue<V> {
    /// Takes the oldest value; `None` if there is none. Sent once: a second time it would take another.
    ///
    /// # Errors
    /// No reply came; a value may be taken, and is lost then, unless the fate is `NotSent`. Or it is of
    /// another type, and taken.
    ///
    /// # Cancel safety
    /// None: once it was polled a value may be taken, and is lost if nobody waits for it.
    pub async fn dequeue(&self) -> Result<Option<V>, StructureError> {
        let ask = |reply_to: ActorRef<Value>| Dequeue::<V> {
            reply_to: reply_to.cast(),
        };
        self.typed(self.structure.ask(&self.entity, ask).await?)
    }

    /// Returns the oldest value, which stays; `None` if there is none. Sent again where that helps.
    ///
    /// # Errors
    /// No reply came, or the value is of another type.
    ///
    /// # Cancel safety
    /// Nothing changes.
    pub async fn peek(&self) -> Result<Option<V>, StructureError> {
        let ask = |reply_to: ActorRef<Value>| Peek::<V> {
            reply_to: reply_to.cast(),
        };
        self.typed(self.structure.read(&self.entity, ask).await?)
    }

    /// Returns the value of a reply.
    fn typed(&self, reply: Value) -> Result<Option<V>, StructureError> {
        let limits = &self.entity.region().core().limits.decoding;
        let value = optional(reply).map(|value| from_value(&value, limits));
        Ok(value.transpose().map_err(AskError::from)?)
    }
}

impl<V> Clone for Queue<V> {
    fn clone(&self) -> Self {
        Self {
            structure: self.structure.clone(),
            entity: self.entity.clone(),
            values: PhantomData,
        }
    }
}

impl<V> fmt::Debug for Queue<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.structure.debug("Queue", f)
    }
}
