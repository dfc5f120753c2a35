//! The counter.

use std::fmt;

use casty_proto::message::structures::counter::{Decrement, DestroyCounter, GetValue, Increment};

use crate::client::region::EntityRef;
use crate::distributed::error::StructureError;
use crate::distributed::structure::Structure;

/// A whole number that participants add to, made by
/// [`Distributed::counter`](crate::Distributed::counter). Cheap to clone.
///
/// It is of 64 bits here. Nodes count further, and a value beyond is an error of the reply.
#[derive(Clone)]
pub struct Counter {
    structure: Structure,
    entity: EntityRef,
}

impl Counter {
    pub(super) fn new(structure: Structure) -> Self {
        let entity = structure.entity();
        Self { structure, entity }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.structure.name()
    }

    /// Returns the entity that it is, for messages of your own.
    pub fn entity(&self) -> &EntityRef {
        &self.entity
    }

    /// Adds to it, and returns the new value. Sent once.
    ///
    /// # Errors
    /// No reply came; it may have been added unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be added, whether or not that is waited for.
    pub async fn increment(&self, amount: i64) -> Result<i64, StructureError> {
        let ask = |reply_to| Increment { amount, reply_to };
        self.structure.ask(&self.entity, ask).await
    }

    /// Subtracts from it, and returns the new value. Sent once; see [`increment`](Self::increment).
    ///
    /// # Errors
    /// As those of [`increment`](Self::increment).
    ///
    /// # Cancel safety
    /// As that of [`increment`](Self::increment).
    pub async fn decrement(&self, amount: i64) -> Result<i64, StructureError> {
        let ask = |reply_to| Decrement { amount, reply_to };
        self.structure.ask(&self.entity, ask).await
    }

    /// Returns its value, 0 if nobody has added anything. Sent again where that helps.
    ///
    /// # Errors
    /// No reply came.
    ///
    /// # Cancel safety
    /// Nothing changes.
    pub async fn get(&self) -> Result<i64, StructureError> {
        let ask = |reply_to| GetValue { reply_to };
        self.structure.read(&self.entity, ask).await
    }

    /// Destroys it: the next operation finds it at 0. A message that arrives while the node ends it is
    /// lost, so let nobody else use it meanwhile. Sent once.
    ///
    /// # Errors
    /// No reply came; it may be destroyed unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// As that of [`increment`](Self::increment).
    pub async fn destroy(&self) -> Result<bool, StructureError> {
        let ask = |reply_to| DestroyCounter { reply_to };
        self.structure.ask(&self.entity, ask).await
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.structure.debug("Counter", f)
    }
}
