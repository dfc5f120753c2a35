//! The barrier.

use std::fmt;

use casty_proto::message::structures::barrier::{BarrierArrive, BarrierReply, DestroyBarrier};

use crate::client::region::EntityRef;
use crate::distributed::error::StructureError;
use crate::distributed::structure::Structure;
use crate::error::AskError;

/// A barrier at which participants wait for one another, made by
/// [`Distributed::barrier`](crate::Distributed::barrier). Cheap to clone.
///
/// A node of casty 0.21 counts names that have arrived, and lets all go as soon as there are as many as the
/// *last* arrival expects: participants must agree on the number, for nobody is told that they do not. Who
/// has arrived stays counted, also when it waits no longer: after a timeout the next round is one short,
/// unless the same name arrives again ([`arrive_as`](Self::arrive_as)) or the barrier is destroyed.
#[derive(Clone)]
pub struct Barrier {
    structure: Structure,
    entity: EntityRef,
}

impl Barrier {
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

    /// Arrives under a name that no other arrival has, and waits until `expected` have arrived: for the
    /// handle's time, by default 60 s. Sent once.
    ///
    /// # Errors
    /// [`NotReleased`](StructureError::NotReleased): not all arrived in time, or the reply was lost. This
    /// arrival stays counted, under a name that the error tells: who waits again by
    /// [`arrive_as`](Self::arrive_as) and that name is counted once, and who calls this again twice. After
    /// any other error it is not counted.
    ///
    /// # Cancel safety
    /// None: once it was polled the arrival may be counted, whether or not anybody waits.
    pub async fn arrive(&self, expected: u32) -> Result<(), StructureError> {
        let owner = self.entity.region().core().acquires.owner();
        self.arrive_as(&owner, expected).await
    }

    /// Arrives under a name, in place of an earlier arrival of that name which still waits; see
    /// [`arrive`](Self::arrive). A participant that uses one name may arrive again after a timeout, and is
    /// counted once. (If all had arrived and only the reply was lost, it is counted for the next round.)
    ///
    /// # Errors
    /// As those of [`arrive`](Self::arrive).
    ///
    /// # Cancel safety
    /// As that of [`arrive`](Self::arrive).
    pub async fn arrive_as(&self, name: &str, expected: u32) -> Result<(), StructureError> {
        let ask = |reply_to| BarrierArrive {
            node: name.to_owned(),
            expected,
            reply_to,
        };
        match self.structure.ask(&self.entity, ask).await {
            Ok(BarrierReply::Released {}) => Ok(()),
            Ok(BarrierReply::Mismatch { expected }) => {
                Err(StructureError::OtherExpected { expected })
            }
            Err(StructureError::Ask(error)) => Err(unless_released(name, error)),
            Err(error) => Err(error),
        }
    }

    /// Destroys it: nobody has arrived then, and those who wait get no answer. Sent once.
    ///
    /// # Errors
    /// No reply came; it may be destroyed unless the fate is `NotSent`.
    ///
    /// # Cancel safety
    /// Once it was polled it may be destroyed, whether or not that is waited for.
    pub async fn destroy(&self) -> Result<bool, StructureError> {
        let ask = |reply_to| DestroyBarrier { reply_to };
        self.structure.ask(&self.entity, ask).await
    }
}

/// Returns the error of an arrival under a name: a node that may have it, and has not replied, counts it.
fn unless_released(name: &str, error: AskError) -> StructureError {
    match error {
        AskError::Timeout { .. } | AskError::Lost { .. } | AskError::Closed => {
            StructureError::NotReleased {
                name: name.into(),
                source: Box::new(error),
            }
        }
        error => error.into(),
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.structure.debug("Barrier", f)
    }
}
