//! The set.

use std::fmt;
use std::marker::PhantomData;

use casty_proto::message::structures::set::{Add, DestroySet, Remove, SetContains, SetSize};
use serde::Serialize;

use crate::client::region::EntityRef;
use crate::distributed::error::StructureError;
use crate::distributed::structure::Structure;

/// A set of values of one type, made by [`Distributed::set`](crate::Distributed::set). Cheap to clone.
///
/// All of it is one entity. Members are equal as Python sees it, so 1, 1.0 and `True` are one, and must be
/// hashable there: no lists and dicts, which a node answers with nothing. Nobody can list the members.
pub struct Set<V> {
    structure: Structure,
    entity: EntityRef,
    values: PhantomData<fn() -> V>,
}

impl<V> Set<V> {
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

    /// Returns the number of members. Sent again where that helps.
    ///
    /// # Errors
    /// No reply came.
    ///
    /// # Cancel safety
    /// Nothing changes.
    pub async fn size(&self) -> Result<u64, StructureError> {
        let ask = |reply_to| SetSize { reply_to };
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
        let ask = |reply_to| DestroySet { reply_to };
        self.structure.ask(&self.entity, ask).await
    }
}

impl<V: Serialize> Set<V> {
    /// Adds a member, and returns whether it is new. Sent once: a second time it would reply that it is
    /// not, and might bring back what another has removed meanwhile.
    ///
    /// # Errors
    /// No reply came; it may be added unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be added, whether or not that is waited for.
    pub async fn add(&self, value: &V) -> Result<bool, StructureError> {
        let ask = |reply_to| Add { value, reply_to };
        self.structure.ask(&self.entity, ask).await
    }

    /// Removes a member, and returns whether it was there. Sent once, as [`add`](Self::add) is.
    ///
    /// # Errors
    /// No reply came; it may be removed unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be removed, whether or not that is waited for.
    pub async fn remove(&self, value: &V) -> Result<bool, StructureError> {
        let ask = |reply_to| Remove { value, reply_to };
        self.structure.ask(&self.entity, ask).await
    }

    /// Returns whether it has a member. Sent again where that helps.
    ///
    /// # Errors
    /// No reply came.
    ///
    /// # Cancel safety
    /// Nothing changes.
    pub async fn contains(&self, value: &V) -> Result<bool, StructureError> {
        let ask = |reply_to| SetContains { value, reply_to };
        self.structure.read(&self.entity, ask).await
    }
}

impl<V> Clone for Set<V> {
    fn clone(&self) -> Self {
        Self {
            structure: self.structure.clone(),
            entity: self.entity.clone(),
            values: PhantomData,
        }
    }
}

impl<V> fmt::Debug for Set<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.structure.debug("Set", f)
    }
}
