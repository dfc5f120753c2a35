//! References to actors, bound to the client that sends to them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use casty_proto::ActorRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ask::Ask;
use crate::ask::sender::{AskSender, SendAsk};
use crate::error::TellError;
use crate::message::{Destination, Encoded, Plain};
use crate::send::Core;
use crate::send::give_way::give_way;
use crate::send::wait;

/// An [`ActorRef`] bound to the client that sends to it.
///
/// Cheap to clone. [`actor_ref`](Self::actor_ref) is the plain reference, for use in messages. Two
/// are equal if they name the same actor, whichever client each is bound to.
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

    /// Returns the URI of the actor.
    pub fn uri(&self) -> &str {
        self.actor.uri()
    }

    /// Returns the plain reference, which is what goes into messages.
    pub fn actor_ref(&self) -> ActorRef<M> {
        self.actor.clone()
    }

    /// Sends a message to the actor; see [`ClusterClient::tell`](crate::ClusterClient::tell).
    ///
    /// # Errors
    /// The message was not accepted, and nothing of it was sent.
    pub fn tell(&self, message: M) -> Result<(), TellError>
    where
        M: Serialize,
    {
        tell(&self.core, &self.actor, &message)
    }

    /// Sends a message to the actor, and waits while the outbox of its node or the pending buffer is
    /// full: at most for the client's buffer timeout. The mailbox of an actor of this client is not
    /// waited for.
    ///
    /// # Errors
    /// As those of [`tell`](Self::tell); [`TellError::Busy`] and [`TellError::BufferFull`] if there
    /// was no capacity in all that time.
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_wait(&self, message: M) -> Result<(), TellError>
    where
        M: Serialize,
    {
        let within = self.core.limits.buffer_timeout;
        self.tell_within(message, within).await
    }

    /// Sends a message to the actor, and waits for capacity at most for `within`; see
    /// [`tell_wait`](Self::tell_wait).
    ///
    /// # Errors
    /// As those of [`tell_wait`](Self::tell_wait).
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_within(&self, message: M, within: Duration) -> Result<(), TellError>
    where
        M: Serialize,
    {
        give_way().await;
        let refused = match tell(&self.core, &self.actor, &message) {
            Err(refused) if wait::is_full(&refused) => refused,
            sent => return sent,
        };
        let uri = self.actor.parts()?;
        let to = Destination::Actor {
            node: uri.node_address().ok_or(TellError::LocalReference)?,
            path: uri.path,
            class: "",
        };
        wait::tell(&self.core, &to, &Plain(&message), refused, within).await
    }

    /// Prepares an ask of the actor; awaited, it sends the message and returns the reply. See
    /// [`ClusterClient::ask`](crate::ClusterClient::ask).
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

impl<M> Hash for BoundRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.actor.hash(state);
    }
}

impl<M> fmt::Debug for BoundRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.actor, f)
    }
}

/// Encodes a message and sends it to the actor that a reference names.
pub(crate) fn tell<M: Serialize>(
    core: &Arc<Core>,
    to: &ActorRef<M>,
    message: &M,
) -> Result<(), TellError> {
    tell_by(core, to, message, |to, message| {
        core.send(to, message, None)
    })
}

/// Does what [`tell`] does, and goes on to send to nodes while the client closes; see
/// [`Core::send_while_closing`].
pub(crate) fn tell_while_closing<M: Serialize>(
    core: &Core,
    to: &ActorRef<M>,
    message: &M,
) -> Result<(), TellError> {
    tell_by(core, to, message, |to, message| {
        core.send_while_closing(to, message)
    })
}

/// Encodes a message, and delivers it here or has it sent to its node.
fn tell_by<M: Serialize>(
    core: &Core,
    to: &ActorRef<M>,
    message: &M,
    send: impl FnOnce(&Destination<'_>, Encoded<'_>) -> Result<(), TellError>,
) -> Result<(), TellError> {
    core.encoded(&Plain(message), |class, message| {
        match place(core, to, class)? {
            Place::Here(path) => core.deliver_here(path, Bytes::copy_from_slice(message.bytes)),
            Place::There(to) => send(&to, message),
        }
    })
}

/// Prepares an ask of the actor that a reference names.
pub(crate) fn ask<M: Serialize, R: DeserializeOwned>(
    core: &Arc<Core>,
    to: ActorRef<M>,
    message: impl FnOnce(ActorRef<R>) -> M,
) -> Ask<'_, R, impl SendAsk<R>> {
    let send = move |ask: &mut AskSender<'_>, reply_to: ActorRef<R>| {
        let message = message(reply_to);
        core.encoded(&Plain(&message), |class, message| {
            match place(core, &to, class)? {
                Place::Here(path) => ask.deliver_here(path, message.bytes),
                Place::There(to) => ask.send(&to, message),
            }
        })
    };
    Ask::new(core, send)
}

/// The place of an actor.
pub(crate) enum Place<'a> {
    /// At this path of this client.
    Here(&'a str),
    There(Destination<'a>),
}

/// Returns the place of the actor that a reference names, for a message of `class`.
pub(crate) fn place<'a, M>(
    core: &Core,
    to: &'a ActorRef<M>,
    class: &'a str,
) -> Result<Place<'a>, TellError> {
    let uri = to.parts()?;
    let node = uri.node_address().ok_or(TellError::LocalReference)?;
    let path = uri.path;
    Ok(if node == *core.identity.address() {
        Place::Here(path)
    } else {
        Place::There(Destination::Actor { node, path, class })
    })
}
