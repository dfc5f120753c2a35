//! The map.

use std::fmt::{self, Display};
use std::marker::PhantomData;

use casty_proto::ActorRef;
use casty_proto::message::structures::dict::{Contains, Delete, Get, Put};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::region::EntityRef;
use crate::distributed::error::StructureError;
use crate::distributed::structure::Structure;

/// A map from keys to values of one type, made by [`Distributed::map`](crate::Distributed::map). Cheap to
/// clone.
///
/// Each key is an entity of its own, so that the keys are spread over the nodes, and nobody can list them.
/// A key is known by its text, as Python's `str()` makes it: 7 and "7" are one key, and `True` is not
/// `true`.
///
/// A value that is `None` counts as none to nodes of casty 0.21.
pub struct Map<V> {
    structure: Structure,
    values: PhantomData<fn() -> V>,
}

impl<V> Map<V> {
    pub(super) fn new(structure: Structure) -> Self {
        Self {
            structure,
            values: PhantomData,
        }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.structure.name()
    }

    /// Returns the entity of a key, for messages of your own.
    pub fn entity(&self, key: impl Display) -> EntityRef {
        let id = format!("{}:{key}", self.structure.name());
        self.structure.region().entity(id)
    }

    /// Removes a key, and returns whether it had a value. Sent once: a second time it would reply that
    /// there was none, and might remove what another has put meanwhile.
    ///
    /// A node ends the entity of a key that is removed, and loses what arrives at that very moment: a
    /// concurrent operation on the key may end without a reply.
    ///
    /// # Errors
    /// No reply came; it may be removed unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled the key may be removed, whether or not that is waited for.
    pub async fn delete(&self, key: impl Display) -> Result<bool, StructureError> {
        let ask = |reply_to| Delete { reply_to };
        self.structure.ask(&self.entity(key), ask).await
    }

    /// Returns whether a key has a value. Sent again where that helps.
    ///
    /// # Errors
    /// No reply came.
    ///
    /// # Cancel safety
    /// Nothing changes.
    pub async fn contains(&self, key: impl Display) -> Result<bool, StructureError> {
        let ask = |reply_to| Contains { reply_to };
        self.structure.read(&self.entity(key), ask).await
    }
}

impl<V: Serialize + DeserializeOwned> Map<V> {
    /// Puts a value under a key, and returns the one that was there. Sent once: a second time it would
    /// reply with the value itself, and might replace what another has put meanwhile.
    ///
    /// # Errors
    /// No reply came; the value may be there unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled the value may be there, whether or not that is waited for.
    pub async fn put(&self, key: impl Display, value: &V) -> Result<Option<V>, StructureError> {
        let ask = |reply_to: ActorRef<Option<V>>| Put {
            value,
            reply_to: reply_to.cast(),
        };
        self.structure.ask(&self.entity(key), ask).await
    }

    /// Returns the value under a key. Sent again where that helps.
    ///
    /// # Errors
    /// No reply came, or the value is of another type.
    ///
    /// # Cancel safety
    /// Nothing changes.
    pub async fn get(&self, key: impl Display) -> Result<Option<V>, StructureError> {
        let ask = |reply_to| Get::<V> { reply_to };
        self.structure.read(&self.entity(key), ask).await
    }
}

impl<V> Clone for Map<V> {
    fn clone(&self) -> Self {
        Self::new(self.structure.clone())
    }
}

impl<V> fmt::Debug for Map<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.structure.debug("Map", f)
    }
}
