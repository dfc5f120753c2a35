//! The surroundings of an actor while it handles a message.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use casty_proto::ActorRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::bound_ref;
use crate::error::{AskError, TellError};
use crate::mailboxes::queue::ActorQueue;
use crate::send::Core;

/// The surroundings of an actor while it handles a message: itself, and the means to send. Cheap to
/// clone.
pub struct ActorContext<M> {
    core: Weak<Core>,
    me: ActorRef<M>,
    mailbox: Arc<ActorQueue>,
}

impl<M> ActorContext<M> {
    pub(super) fn new(core: &Arc<Core>, me: ActorRef<M>, mailbox: &Arc<ActorQueue>) -> Self {
        Self {
            core: Arc::downgrade(core),
            me,
            mailbox: Arc::clone(mailbox),
        }
    }

    /// Returns the reference by which nodes and other actors address this one.
    pub fn me(&self) -> &ActorRef<M> {
        &self.me
    }

    /// Sends a message to any actor, such as the reply to whoever asked; see
    /// [`ClusterClient::tell`](crate::ClusterClient::tell).
    ///
    /// While the client closes, and its actors handle what is in their mailboxes, this still sends to
    /// nodes, and replies to asks of the client itself; its own actors are told nothing more.
    ///
    /// # Errors
    /// The message was not accepted; [`TellError::Closed`] once the client has closed its connections, or
    /// was dropped.
    pub fn tell<N: Serialize>(&self, to: &ActorRef<N>, message: N) -> Result<(), TellError> {
        let core = self.core.upgrade().ok_or(TellError::Closed)?;
        bound_ref::tell_while_closing(&core, to, &message)
    }

    /// Asks any actor and waits for the reply, as long as the client's
    /// [`ask_timeout`](crate::ClientBuilder::ask_timeout). See [`ask_within`](Self::ask_within).
    ///
    /// # Errors
    /// As those of [`ask_within`](Self::ask_within).
    ///
    /// # Cancel safety
    /// As that of [`ask_within`](Self::ask_within).
    pub async fn ask<N: Serialize, R: DeserializeOwned>(
        &self,
        to: &ActorRef<N>,
        message: impl FnOnce(ActorRef<R>) -> N,
    ) -> Result<R, AskError> {
        let core = self.core.upgrade().ok_or(TellError::Closed)?;
        let reply = bound_ref::ask(&core, to.clone(), message).send();
        reply.await
    }

    /// Asks any actor and waits for the reply at most for `within`; see
    /// [`ClusterClient::ask`](crate::ClusterClient::ask). Meanwhile the actor handles nothing else, so
    /// one that asks itself waits in vain.
    ///
    /// # Errors
    /// No reply came, or it cannot be read; [`AskError::fate`] tells what may have happened to the
    /// message. A client that closes begins no more asks, be it for its actors:
    /// [`AskError::Refused`] with [`TellError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future abandons the ask.
    pub async fn ask_within<N: Serialize, R: DeserializeOwned>(
        &self,
        to: &ActorRef<N>,
        message: impl FnOnce(ActorRef<R>) -> N,
        within: Duration,
    ) -> Result<R, AskError> {
        let core = self.core.upgrade().ok_or(TellError::Closed)?;
        let ask = bound_ref::ask(&core, to.clone(), message).within(within);
        let reply = ask.send();
        reply.await
    }

    /// Ends the actor after the message being handled, or at once if it waits for one. It takes no more
    /// messages, and what is left in its mailbox is dropped, now. Its name is free when it has ended. An
    /// actor that panics in this very message is not restarted.
    pub fn stop(&self) {
        self.mailbox.end();
    }
}

impl<M> Clone for ActorContext<M> {
    fn clone(&self) -> Self {
        Self {
            core: Weak::clone(&self.core),
            me: self.me.clone(),
            mailbox: Arc::clone(&self.mailbox),
        }
    }
}

impl<M> fmt::Debug for ActorContext<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorContext({:?})", self.me)
    }
}
