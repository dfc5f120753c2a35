//! The choice of one instance of a service for each message, those that failed lately last.

use std::fmt;
use std::time::Duration;

use casty_proto::message::ServiceKey;
use casty_proto::{ActorRef, NodeAddress};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ask::Ask;
use crate::ask::sender::SendAsk;
use crate::client::bound_ref;
use crate::client::services::picker::asking::{AskPicked, PickedInstance};
use crate::client::services::picker::instances::{Instances, PickBy};
use crate::client::services::{Instance, instance};
use crate::client::{AskTarget, ClusterClient, sealed};
use crate::error::TellError;
use crate::error::services::{PickError, PickedError};
use crate::send::wait::is_full;

pub(crate) mod asking;
pub(crate) mod instances;

/// The number of instances that one told message is offered to at most.
///
/// Beyond it, the message is refused as the last of them refused it.
const OFFERS: u32 = 3;

/// A picker of one instance of a service for each message, made by
/// [`ClusterClient::picker`](crate::ClusterClient::picker).
///
/// Instances come and go with the view of the cluster. One that failed lately is *set aside*, for 5 s
/// unless [`set_aside_for`](Self::set_aside_for) says otherwise: others are picked as long as there are
/// any, and of those whose node is connected as long as there are any. If all are set aside, one of them
/// is picked all the same: an instance that may answer is better than none.
///
/// [`tell`](Self::tell) and [`ask`](Self::ask) take note of what fails by themselves. Who sends by
/// [`pick`](Self::pick) tells with [`failed`](Self::failed) and [`answered`](Self::answered).
///
/// Cheap to clone; clones share the turn and what is set aside, and so do those that pick
/// [otherwise](Self::by). Memory: an entry for each listed instance that is set aside. Cost of a pick: a
/// walk over the instances that the view lists.
///
/// ```
/// # async fn example(client: &casty_client::ClusterClient) -> Result<(), Box<dyn std::error::Error>> {
/// use casty_client::{ActorRef, ServiceKey};
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// #[serde(rename = "hello.Greet")]
/// struct Greet { name: String, reply_to: ActorRef<String> }
///
/// let greeters = client.picker(&ServiceKey::new("greeter"));
/// let greet = |reply_to| Greet { name: "Ada".to_owned(), reply_to };
/// println!("{}", greeters.ask(greet).await?);
/// # Ok(())
/// # }
/// ```
pub struct Picker<M> {
    key: ServiceKey<M>,
    instances: Instances,
}

impl ClusterClient {
    /// Returns a picker of one instance of a service for each message, in turn unless it is told to pick
    /// [otherwise](Picker::by). Keep it, and clone it for other tasks: what failed lately is forgotten with
    /// it, and the next one's turn begins at any instance.
    pub fn picker<M>(&self, key: &ServiceKey<M>) -> Picker<M> {
        Picker {
            key: key.clone(),
            instances: Instances::of(self.core(), key.name()),
        }
    }
}

impl<M> Picker<M> {
    /// Sets how to pick. Default: in turn.
    #[must_use]
    pub fn by(mut self, by: PickBy) -> Self {
        self.instances.by = by;
        self
    }

    /// Sets for how long an instance that failed is set aside. Default: 5 s; zero for never.
    #[must_use]
    pub fn set_aside_for(mut self, time: Duration) -> Self {
        self.instances.aside_for = time;
        self
    }

    /// Returns the key of the service.
    pub fn key(&self) -> &ServiceKey<M> {
        &self.key
    }

    /// Picks an instance. A local matter: nothing is sent, and nothing waited for.
    ///
    /// # Errors
    /// There is no live instance, or none on the node that was asked for.
    pub fn pick(&self) -> Result<Instance<M>, PickError> {
        let picked = self.instances.pick(&[])?;
        Ok(instance(&self.instances.core, &picked))
    }

    /// Sets an instance aside that failed to do its work. No effect if the view does not list it.
    pub fn failed(&self, instance: &Instance<M>) {
        if let Ok(uri) = instance.actor.actor_ref().parts() {
            self.instances.failed(&instance.node, uri.path);
        }
    }

    /// Takes an instance back that is set aside, because it did its work.
    pub fn answered(&self, instance: &Instance<M>) {
        if let Ok(uri) = instance.actor.actor_ref().parts() {
            self.instances.answered(&instance.node, uri.path);
        }
    }

    /// Returns whether an instance is set aside.
    pub fn is_set_aside(&self, instance: &Instance<M>) -> bool {
        let actor = instance.actor.actor_ref();
        let uri = actor.parts();
        uri.is_ok_and(|uri| self.instances.is_set_aside(&instance.node, uri.path))
    }

    /// Picks an instance and sends it a message; returns its node. Never waits.
    ///
    /// An instance for which there is no capacity is set aside, and the message offered to the next, to
    /// three in all: nothing of it was sent to those that refused it.
    ///
    /// # Errors
    /// No instance was picked, or the message was not accepted; nothing of it was sent.
    pub fn tell(&self, message: M) -> Result<NodeAddress, PickedError<TellError>>
    where
        M: Serialize,
    {
        let mut offers = 1;
        loop {
            let picked = self.pick()?;
            match bound_ref::tell(&self.instances.core, &picked.actor.actor_ref(), &message) {
                Ok(()) => return Ok(picked.node),
                Err(refused) if is_full(&refused) && offers < OFFERS => {
                    self.failed(&picked);
                    offers += 1;
                }
                Err(source) => {
                    if is_full(&source) {
                        self.failed(&picked);
                    }
                    let node = picked.node;
                    return Err(PickedError::Failed { node, source });
                }
            }
        }
    }

    /// Prepares an ask of an instance; awaited, it picks one, sends it the message and returns the reply.
    /// See [`ClusterClient::ask`].
    ///
    /// An instance that sends no reply, whose connection is lost or for which there is no capacity is set
    /// aside; one that replies is taken back, be the reply readable or not. Dropping the ask says nothing
    /// of the instance.
    ///
    /// The message goes to one instance and to no second one, for it may have been handled. One that is
    /// [idempotent](Ask::idempotent) goes to another instance each time that it is sent again, or
    /// [early](crate::IdempotentAsk::hedge_after), as long as there is one that it did not go to; one that
    /// has let its share of the time pass is set aside. The first reply wins, whoever it is from.
    ///
    /// The error of an ask that ends without a reply is a [`PickedError`]: no instance was picked, or the
    /// one that the message went to last, and why; its `fate` says what may have happened to the message.
    pub fn ask<R: DeserializeOwned>(
        &self,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'_, R, impl SendAsk<R, PickedInstance>, PickedInstance>
    where
        M: Serialize,
    {
        let instances = &self.instances;
        Ask::choosing(&instances.core, AskPicked { instances, message })
    }
}

impl<M> sealed::Sealed for Picker<M> {}

impl<M: Serialize> AskTarget<M> for Picker<M> {
    type Choice = PickedInstance;

    fn ask_through<'a, R: DeserializeOwned>(
        &'a self,
        _: &'a ClusterClient,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'a, R, impl SendAsk<R, PickedInstance>, PickedInstance> {
        self.ask(message)
    }
}

impl<M> Clone for Picker<M> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            instances: self.instances.clone(),
        }
    }
}

impl<M> fmt::Debug for Picker<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picker")
            .field("key", &self.key)
            .field("by", &self.instances.by)
            .field("set_aside_for", &self.instances.aside_for)
            .finish_non_exhaustive()
    }
}
