//! The settings of an actor before it is started.

use std::fmt;

use crate::client::ClusterClient;
use crate::client::actor::behaviour::Actor;
use crate::client::actor::handle::ActorHandle;
use crate::client::actor::restart::RestartPolicy;
use crate::client::actor::start::{ActorSettings, start};
use crate::error::SpawnError;
use crate::mailboxes::queue::MailboxOverflow;

/// The settings of an actor of this client, made by
/// [`ClusterClient::actor`](crate::ClusterClient::actor); [`spawn`](Self::spawn) starts it.
///
/// ```
/// # use std::time::Duration;
/// # use casty_client::{Actor, ActorContext, ClusterClient};
/// # #[derive(Default)] struct Meter;
/// # impl Actor for Meter {
/// #     type Message = i64;
/// #     async fn handle(&mut self, _: i64, _: &ActorContext<i64>) {}
/// # }
/// # async fn example(client: &ClusterClient) -> Result<(), casty_client::SpawnError> {
/// use casty_client::{MailboxOverflow, RestartPolicy};
///
/// let meter = client
///     .actor("meter")
///     .mailbox(1_000)
///     .overflow(MailboxOverflow::DropOldest)
///     .restart(RestartPolicy::on_panic())
///     .spawn(Meter::default)?;
/// println!("{} ended: {}", meter.actor().uri(), meter.stopped().await);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing runs before `spawn`"]
pub struct ActorBuilder<'a> {
    client: &'a ClusterClient,
    name: &'a str,
    settings: ActorSettings,
}

impl ClusterClient {
    /// Returns the settings of an actor of this client, to be started under that name. For an actor that
    /// is a closure and needs no settings, there is [`spawn`](Self::spawn).
    pub fn actor<'a>(&'a self, name: &'a str) -> ActorBuilder<'a> {
        ActorBuilder {
            client: self,
            name,
            settings: ActorSettings::of(self.core()),
        }
    }
}

impl ActorBuilder<'_> {
    /// Sets the number of messages that may wait. Default: the client's
    /// [`mailbox`](crate::ClientBuilder::mailbox), 16,384; at least 1.
    pub fn mailbox(mut self, messages: usize) -> Self {
        self.settings.mailbox.messages = messages.max(1);
        self
    }

    /// Sets the bytes of messages that may wait. Default: the client's
    /// [`mailbox_bytes`](crate::ClientBuilder::mailbox_bytes), 16 MiB. A message that is longer still
    /// finds its place while nothing else waits.
    pub fn mailbox_bytes(mut self, bytes: usize) -> Self {
        self.settings.mailbox.bytes = bytes;
        self
    }

    /// Sets what becomes of a message that finds the mailbox full. Default: it is refused, and those that
    /// wait stay. What is dropped is counted, and logged when that begins.
    pub fn overflow(mut self, overflow: MailboxOverflow) -> Self {
        self.settings.mailbox.overflow = overflow;
        self
    }

    /// Sets whether and how the actor begins anew when its handler panics. Default: it ends.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.settings.restart = policy;
        self
    }

    /// Starts the actor on the current tokio runtime, or on the client's outside any; nodes can send to it
    /// from now on. `make` makes its state, in the actor's own task: at first, and for each restart.
    ///
    /// # Errors
    /// The name is taken or cannot be one, there are too many actors, or the client is closed.
    pub fn spawn<A: Actor>(
        self,
        mut make: impl FnMut() -> A + Send + 'static,
    ) -> Result<ActorHandle<A::Message>, SpawnError> {
        start(self.client.core(), self.name, self.settings, move || {
            Some(make())
        })
    }
}

impl fmt::Debug for ActorBuilder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorBuilder")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
