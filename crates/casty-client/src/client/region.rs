//! Shard regions and their entities, to which most messages go.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use casty_proto::message::ShardEnvelope;
use casty_proto::{ActorRef, Count, Escaped};
use casty_routing::{CountContradiction, RegionId, ShardCount, ShardId, entity_shard};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::yield_now;

use crate::ask::Ask;
use crate::ask::sender::{AskSender, SendAsk};
use crate::error::{AskError, RegionError, TellError};
use crate::message::{Destination, Envelope, Message, Region};
use crate::send::Core;
use crate::send::{give_way, wait};

/// A shard region of the cluster, made by [`ClusterClient::region`](crate::ClusterClient::region).
///
/// Messages to its entities go straight to the node that owns the entity's shard. Cheap to clone.
/// Two are equal if they are the same region of the same client.
#[derive(Clone)]
pub struct RegionRef {
    core: Arc<Core>,
    name: Arc<str>,
    id: RegionId,
    shards: ShardCount,
}

impl RegionRef {
    /// Returns a region of a client, which takes it up on first use.
    pub(crate) fn of(core: &Arc<Core>, name: &str, shards: u32) -> Result<Self, RegionError> {
        let region = || name.to_owned();
        if name.is_empty() || name.starts_with('/') || name.contains('\n') {
            return Err(RegionError::Name { region: region() });
        }
        let count =
            ShardCount::try_from(shards).map_err(|_| RegionError::NoShards { region: region() })?;
        if let Some(configured) = core.regions.get(name)
            && *configured != shards
        {
            return Err(RegionError::OtherConfigured {
                region: region(),
                configured: *configured,
                asked: shards,
            });
        }
        let id = core.route(|routing| {
            let id = routing.router.register_region(name, count);
            routing.pump(core);
            id
        });
        let id = id.map_err(|source| RegionError::Shards {
            region: region(),
            source,
        })?;
        #[cfg(feature = "metrics")]
        core.latencies.begin(id, |_| region());
        Ok(Self {
            core: Arc::clone(core),
            name: name.into(),
            id,
            shards: count,
        })
    }

    /// Returns the region's name, `shard_type` in Casty's `ClusterClient`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of shards that the region is divided into, as the client was given it.
    pub fn shards(&self) -> u32 {
        self.shards.get()
    }

    /// Returns what the cluster's view says against that number: some other program uses another
    /// one. `None` if it says nothing, or none has come.
    pub fn contradiction(&self) -> Option<CountContradiction> {
        let routing = self.core.routing.lock();
        routing.router.contradiction(self.id).cloned()
    }

    /// Returns one entity. It remembers its shard, so messages through it save the hash of its id.
    pub fn entity(&self, id: impl Into<Arc<str>>) -> EntityRef {
        let id = id.into();
        let shard = entity_shard(&id, self.shards);
        EntityRef {
            region: self.clone(),
            id,
            shard,
        }
    }

    /// Sends a message to one entity.
    ///
    /// Never waits: the message is encoded into the outbox of the owning node, or buffered until that
    /// is known and connected, for the client's buffer timeout. `Ok` means accepted. The fate that
    /// follows is counted, and a message that was not sent is a dead letter.
    ///
    /// Messages of one task to one entity arrive in order while its owner does not change and the
    /// connection to it lasts; what an ended connection left unread at the node may be overtaken.
    ///
    /// # Errors
    /// The message was not accepted, and nothing of it was sent.
    #[expect(clippy::needless_pass_by_value, reason = "a message is given away")]
    pub fn tell<M, I>(&self, envelope: ShardEnvelope<M, I>) -> Result<(), TellError>
    where
        M: Serialize,
        I: Serialize + AsRef<str>,
    {
        let (envelope, shard) = self.addressed(&envelope);
        self.send(&envelope, shard)
    }

    /// Sends a message to one entity, and waits while the outbox of its owner or the pending buffer
    /// is full: at most for the client's buffer timeout. Waiting tasks are served in turn, one woken
    /// at a time.
    ///
    /// # Errors
    /// As those of [`tell`](Self::tell); [`TellError::Busy`] and [`TellError::BufferFull`] if there
    /// was no capacity in all that time.
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_wait<M, I>(&self, envelope: ShardEnvelope<M, I>) -> Result<(), TellError>
    where
        M: Serialize,
        I: Serialize + AsRef<str>,
    {
        let (envelope, shard) = self.addressed(&envelope);
        self.send_wait(&envelope, shard, None).await
    }

    /// Sends a message to one entity, and waits for capacity at most for `within`; see
    /// [`tell_wait`](Self::tell_wait). Once accepted, the message has the whole buffer timeout to
    /// find a route.
    ///
    /// # Errors
    /// As those of [`tell_wait`](Self::tell_wait).
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_within<M, I>(
        &self,
        envelope: ShardEnvelope<M, I>,
        within: Duration,
    ) -> Result<(), TellError>
    where
        M: Serialize,
        I: Serialize + AsRef<str>,
    {
        let (envelope, shard) = self.addressed(&envelope);
        self.send_wait(&envelope, shard, Some(within)).await
    }

    /// Prepares an ask of one entity; awaited, it sends the message and returns the reply. See
    /// [`ClusterClient::ask`](crate::ClusterClient::ask).
    pub fn ask<M, I, R>(
        &self,
        envelope: impl FnOnce(ActorRef<R>) -> ShardEnvelope<M, I>,
    ) -> Ask<'_, R, impl SendAsk<R>>
    where
        M: Serialize,
        I: Serialize + AsRef<str>,
        R: DeserializeOwned,
    {
        let send = move |ask: &mut AskSender<'_>, reply_to: ActorRef<R>| {
            let envelope = envelope(reply_to);
            let (envelope, shard) = self.addressed(&envelope);
            self.send_ask(ask, &envelope, shard)
        };
        Ask::new(&self.core, send).of_region(self.id)
    }

    /// Returns an envelope as it is encoded, and the shard of its entity.
    fn addressed<'a, M, I: AsRef<str>>(
        &self,
        envelope: &'a ShardEnvelope<M, I>,
    ) -> (Envelope<'a, M>, ShardId) {
        let ShardEnvelope { entity_id, message } = envelope;
        let entity_id = entity_id.as_ref();
        let shard = entity_shard(entity_id, self.shards);
        (Envelope { entity_id, message }, shard)
    }

    fn send(&self, envelope: &impl Message, shard: ShardId) -> Result<(), TellError> {
        let core = &self.core;
        core.encoded(envelope, |_, message| {
            core.tell_shard((self.as_named(), shard), message)
        })
    }

    fn send_ask(
        &self,
        ask: &mut AskSender<'_>,
        envelope: &impl Message,
        shard: ShardId,
    ) -> Result<(), AskError> {
        let region = self.as_named();
        self.core.encoded(envelope, |_, message| {
            ask.send_to_shard(region, shard, message)
        })
    }

    async fn send_wait(
        &self,
        envelope: &impl Message,
        shard: ShardId,
        within: Option<Duration>,
    ) -> Result<(), TellError> {
        if give_way::is_due() {
            yield_now().await;
        }
        match self.send(envelope, shard) {
            Ok(()) => Ok(()),
            Err(refused) => self.send_again(envelope, shard, refused, within).await,
        }
    }

    /// Sends a message that was `refused` for lack of capacity when there is some.
    async fn send_again(
        &self,
        envelope: &impl Message,
        shard: ShardId,
        refused: TellError,
        within: Option<Duration>,
    ) -> Result<(), TellError> {
        if !wait::is_full(&refused) {
            return Err(refused);
        }
        let within = within.unwrap_or(self.core.limits.buffer_timeout);
        let to = self.destination(shard);
        wait::tell(&self.core, &to, envelope, refused, within).await
    }

    /// Returns the region as messages name it.
    pub(crate) fn as_named(&self) -> Region<'_> {
        Region {
            id: self.id,
            name: &self.name,
        }
    }

    /// Returns the client.
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Returns where a message for a shard goes.
    pub(crate) fn destination(&self, shard: ShardId) -> Destination<'_> {
        self.as_named().destination(shard)
    }
}

impl PartialEq for RegionRef {
    fn eq(&self, other: &Self) -> bool {
        // Ids are the router's, so they tell regions apart within one client only.
        Arc::ptr_eq(&self.core, &other.core) && self.id == other.id
    }
}

impl Eq for RegionRef {}

impl Hash for RegionRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.core).hash(state);
        self.id.hash(state);
    }
}

impl fmt::Debug for RegionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shards = Count(self.shards.get(), "shard");
        write!(f, "RegionRef({}, {shards})", Escaped::new(&self.name))
    }
}

/// One entity of a shard region, made by [`RegionRef::entity`]. Cheap to clone.
///
/// Two are equal if they have the same id in the same region of the same client.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntityRef {
    region: RegionRef,
    id: Arc<str>,
    shard: ShardId,
}

impl EntityRef {
    /// Returns the entity's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the region that it belongs to.
    pub fn region(&self) -> &RegionRef {
        &self.region
    }

    /// Returns its shard.
    pub(crate) fn shard_id(&self) -> ShardId {
        self.shard
    }

    /// Sends a message to the entity; see [`RegionRef::tell`].
    ///
    /// # Errors
    /// The message was not accepted, and nothing of it was sent.
    pub fn tell<M: Serialize>(&self, message: M) -> Result<(), TellError> {
        self.region.send(&self.envelope(&message), self.shard)
    }

    /// Sends a message to the entity, and waits while there is no capacity for it; see
    /// [`RegionRef::tell_wait`].
    ///
    /// # Errors
    /// As those of [`RegionRef::tell_wait`].
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_wait<M: Serialize>(&self, message: M) -> Result<(), TellError> {
        // As `RegionRef::send_wait`, in place: a future in another one would be written and read again
        // by every message, for the few that wait.
        if give_way::is_due() {
            yield_now().await;
        }
        let sent = self.region.send(&self.envelope(&message), self.shard);
        match sent {
            Ok(()) => Ok(()),
            Err(refused) => {
                let envelope = self.envelope(&message);
                let region = &self.region;
                region
                    .send_again(&envelope, self.shard, refused, None)
                    .await
            }
        }
    }

    /// Sends a message to the entity, and waits for capacity at most for `within`; see
    /// [`RegionRef::tell_within`].
    ///
    /// # Errors
    /// As those of [`RegionRef::tell_within`].
    ///
    /// # Cancel safety
    /// Either the message was accepted or nothing of it was.
    pub async fn tell_within<M: Serialize>(
        &self,
        message: M,
        within: Duration,
    ) -> Result<(), TellError> {
        let envelope = self.envelope(&message);
        let sent = self.region.send_wait(&envelope, self.shard, Some(within));
        sent.await
    }

    fn envelope<'a, M>(&'a self, message: &'a M) -> Envelope<'a, M> {
        Envelope {
            entity_id: &self.id,
            message,
        }
    }

    /// Prepares an ask of the entity; awaited, it sends the message and returns the reply. See
    /// [`ClusterClient::ask`](crate::ClusterClient::ask).
    pub fn ask<M, R>(&self, message: impl FnOnce(ActorRef<R>) -> M) -> Ask<'_, R, impl SendAsk<R>>
    where
        M: Serialize,
        R: DeserializeOwned,
    {
        let send = move |ask: &mut AskSender<'_>, reply_to: ActorRef<R>| {
            let message = message(reply_to);
            let region = &self.region;
            region.send_ask(ask, &self.envelope(&message), self.shard)
        };
        Ask::new(&self.region.core, send).towards(self.region.id, self.shard)
    }

    /// Prepares an ask of the entity that is sent although the client accepts no more, as long as its
    /// router does: the last that is due to it.
    pub(crate) fn ask_last<M, R>(
        &self,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Ask<'_, R, impl SendAsk<R>>
    where
        M: Serialize,
        R: DeserializeOwned,
    {
        let core = &self.region.core;
        let send = move |ask: &mut AskSender<'_>, reply_to: ActorRef<R>| {
            let message = message(reply_to);
            let to = self.region.destination(self.shard);
            core.encoded(&self.envelope(&message), |_, message| {
                ask.send_last(&to, message)
            })
        };
        Ask::new(core, send).of_region(self.region.id)
    }
}

/// The name of one entity of a region: its [`EntityRef`], which remembers the shard, or its id.
///
/// An [`EntityRef`] of another region stands for its id alone.
pub trait EntityName: sealed::Sealed {
    #[doc(hidden)]
    fn id(&self) -> &str;

    #[doc(hidden)]
    fn shard(&self, region: &RegionRef) -> ShardId {
        entity_shard(self.id(), region.shards)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::EntityRef {}
    impl Sealed for str {}
    impl Sealed for String {}
    impl Sealed for std::sync::Arc<str> {}
    impl<N: Sealed + ?Sized> Sealed for &N {}
}

impl EntityName for EntityRef {
    fn id(&self) -> &str {
        &self.id
    }

    fn shard(&self, region: &RegionRef) -> ShardId {
        if self.region == *region {
            self.shard
        } else {
            entity_shard(&self.id, region.shards)
        }
    }
}

impl EntityName for str {
    fn id(&self) -> &str {
        self
    }
}

impl EntityName for String {
    fn id(&self) -> &str {
        self
    }
}

impl EntityName for Arc<str> {
    fn id(&self) -> &str {
        self
    }
}

impl<N: EntityName + ?Sized> EntityName for &N {
    fn id(&self) -> &str {
        (**self).id()
    }

    fn shard(&self, region: &RegionRef) -> ShardId {
        (**self).shard(region)
    }
}

impl fmt::Debug for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (region, id) = (Escaped::new(&self.region.name), Escaped::new(&self.id));
        write!(f, "EntityRef({region}/{id})")
    }
}
