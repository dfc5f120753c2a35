//! The set.

use std::fmt;
use std::marker::PhantomData;

use casty_proto::ActorRef;
use casty_proto::message::structures::set::{Add, DestroySet, Remove, SetContains, SetSize};
use casty_proto::value::to_value;
use serde::Serialize;

use crate::client::region::EntityRef;
use crate::distributed::error::StructureError;
use crate::distributed::structure::Structure;

/// A set of values of one type, made by [`Distributed::set`](crate::Distributed::set). Cheap to clone.
///
/// All of it is one entity. Members are equal as Python sees it, so 1, 1.0 and `True` are one. Nobody can
/// list them.
///
/// Members must be hashable in Python. A node that is sent another one, be it by
/// [`contains`](Self::contains), answers nothing and *ends the set*: all members are gone, for every
/// participant. So lists, dicts and sets, alone or within tuples, are refused here with
/// [`Unhashable`](StructureError::Unhashable), as are `bytearray` and the signaling nan of `Decimal`. That
/// means `Vec`, maps and the sets of Rust; tuples, arrays and [`FrozenSet`](casty_proto::FrozenSet) can be
/// members. What nobody can see here is the class of an object: only dataclasses that are `frozen`, or have
/// a `__hash__`, may be members, and so must all their fields.
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
    /// Asks about a member, once, unless Python has no hash for it.
    async fn ask<M: Serialize>(
        &self,
        member: &V,
        message: impl FnOnce(ActorRef<bool>) -> M,
    ) -> Result<bool, StructureError> {
        // What has no form as a value is the codec's to refuse, or to know.
        if let Ok(member) = to_value(member)
            && let Some(part) = member.unhashable()
        {
            let class = part.class_name().into();
            return Err(StructureError::Unhashable { class });
        }
        self.structure.ask(&self.entity, message).await
    }

    /// Adds a member, and returns whether it is new. Sent once: a second time it would reply that it is
    /// not, and might bring back what another has removed meanwhile.
    ///
    /// # Errors
    /// It cannot be a member, or no reply came; it may be added unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be added, whether or not that is waited for.
    pub async fn add(&self, value: &V) -> Result<bool, StructureError> {
        self.ask(value, |reply_to| Add { value, reply_to }).await
    }

    /// Removes a member, and returns whether it was there. Sent once, as [`add`](Self::add) is.
    ///
    /// # Errors
    /// It cannot be a member, or no reply came; it may be removed unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be removed, whether or not that is waited for.
    pub async fn remove(&self, value: &V) -> Result<bool, StructureError> {
        self.ask(value, |reply_to| Remove { value, reply_to }).await
    }

    /// Returns whether it has a member. Sent once, unlike other reads: of an object that turns out to be
    /// unhashable each copy would end the set anew.
    ///
    /// # Errors
    /// It cannot be a member, or no reply came.
    ///
    /// # Cancel safety
    /// Nothing changes.
    pub async fn contains(&self, value: &V) -> Result<bool, StructureError> {
        self.ask(value, |reply_to| SetContains { value, reply_to })
            .await
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
