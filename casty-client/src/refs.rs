//! References that can be sent to: an address with a type, bound to the client it came from.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casty_proto::ActorRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ask::{Ask, Opened, Opening, SendAsk, Slot};
use crate::core::{Core, Destination, Encoded, HERE};
use crate::error::{AskError, TellError};
use crate::room;

/// An actor that this client can send to: an [`ActorRef`] that knows its way.
///
/// Cheap to clone. Derefs to the plain reference, which is what goes into messages.
pub struct BoundRef<M> {
    core: Arc<Core>,
    actor: ActorRef<M>,
}

impl<M> BoundRef<M> {
    pub(crate) fn new(core: &Arc<Core>, actor: ActorRef<M>) -> Self {
        Self {
            core: Arc::clone(core),
            actor,
        }
    }

    /// The plain reference.
    pub fn actor_ref(&self) -> ActorRef<M> {
        self.actor.clone()
    }

    /// Sends a message; see [`ClusterClient::tell`](crate::ClusterClient::tell).
    ///
    /// # Errors
    /// As there.
    pub fn tell(&self, message: M) -> Result<(), TellError>
    where
        M: Serialize,
    {
        tell(&self.core, &self.actor, &message)
    }

    /// Sends a message, waiting while the outbox of its node is full, or as many messages wait for
    /// a connection as may wait: at most for the client's hold timeout. The mailbox of an actor of
    /// this client is not waited for.
    ///
    /// # Errors
    /// As [`tell`](Self::tell); [`TellError::Busy`] and [`TellError::HoldFull`] if there was no
    /// room in all that time.
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_wait(&self, message: M) -> Result<(), TellError>
    where
        M: Serialize,
    {
        let within = self.core.limits.hold_timeout;
        self.tell_within(message, within).await
    }

    /// As [`tell_wait`](Self::tell_wait), but waits for room at most for that time.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_within(&self, message: M, within: Duration) -> Result<(), TellError>
    where
        M: Serialize,
    {
        let refused = match tell(&self.core, &self.actor, &message) {
            Err(refused) if room::is_full(&refused) => refused,
            sent => return sent,
        };
        let uri = self.actor.parts()?;
        let to = Destination::Actor {
            node: uri.node_address().ok_or(TellError::LocalReference)?,
            path: uri.path,
            class: "",
        };
        room::tell(
            &self.core,
            &to,
            (&message, std::any::type_name::<M>()),
            refused,
            within,
        )
        .await
    }

    /// Sends a message that asks for a reply; see [`ClusterClient::ask`](crate::ClusterClient::ask).
    pub fn ask<R: DeserializeOwned>(
        &self,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'_, R, impl SendAsk<R>>
    where
        M: Serialize,
    {
        ask(&self.core, self.actor.clone(), message)
    }
}

impl<M> Clone for BoundRef<M> {
    fn clone(&self) -> Self {
        Self::new(&self.core, self.actor.clone())
    }
}

impl<M> Deref for BoundRef<M> {
    type Target = ActorRef<M>;
    fn deref(&self) -> &ActorRef<M> {
        &self.actor
    }
}

impl<M> From<BoundRef<M>> for ActorRef<M> {
    fn from(bound: BoundRef<M>) -> Self {
        bound.actor
    }
}

impl<M> PartialEq for BoundRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.actor == other.actor
    }
}

impl<M> Eq for BoundRef<M> {}

impl<M> fmt::Debug for BoundRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.actor, f)
    }
}

/// Encodes a message and sends it to whom a reference names.
pub(crate) fn tell<M: Serialize>(
    core: &Arc<Core>,
    to: &ActorRef<M>,
    message: &M,
) -> Result<(), TellError> {
    core.encoded(message, |class, bytes| {
        deliver(core, to, (class, bytes), None)
    })
}

/// Prepares an ask of whom a reference names.
pub(crate) fn ask<M: Serialize, R: DeserializeOwned>(
    core: &Arc<Core>,
    to: ActorRef<M>,
    message: impl FnOnce(ActorRef<R>) -> M,
) -> Ask<'_, R, impl SendAsk<R>> {
    Ask::new(
        core,
        move |opening: Opening<'_, R>| -> Result<Opened, AskError> {
            opening.open(|core, reply_to, slot| {
                let message = message(reply_to);
                core.encoded(&message, |class, bytes| {
                    deliver(core, &to, (class, bytes), Some(slot))
                })?;
                Ok(())
            })
        },
    )
}

fn deliver<M>(
    core: &Core,
    to: &ActorRef<M>,
    (class, bytes): (&str, &[u8]),
    slot: Option<Slot>,
) -> Result<(), TellError> {
    let uri = to.parts()?;
    let node = uri.node_address().ok_or(TellError::LocalReference)?;
    if node == *core.identity.address() {
        if let Some(slot) = slot {
            core.asks.carried_by(slot.id, Some(HERE));
        }
        return core.deliver_here(uri.path, Bytes::copy_from_slice(bytes));
    }
    core.send(
        &Destination::Actor {
            node,
            path: uri.path,
            class,
        },
        Encoded {
            bytes,
            kind: std::any::type_name::<M>(),
        },
        slot,
    )
}
