//! Shard regions and their entities, to which most messages go.

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use casty_proto::message::ShardEnvelope;
use casty_proto::{ActorRef, Count, Escaped};
use casty_routing::{CountContradiction, RegionId, ShardCount, ShardId, entity_shard};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ask::{Ask, AskSender, SendAsk};
use crate::error::{AskError, TellError};
use crate::message::{Destination, Encoded};
use crate::send::Core;
use crate::send::wait;

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
    pub(crate) fn new(core: &Arc<Core>, name: Arc<str>, id: RegionId, shards: ShardCount) -> Self {
        Self {
            core: Arc::clone(core),
            name,
            id,
            shards,
        }
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
        let shard = entity_shard(envelope.entity_id.as_ref(), self.shards);
        self.send(&envelope, shard, type_name::<M>())
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
        let shard = entity_shard(envelope.entity_id.as_ref(), self.shards);
        self.send_wait(&envelope, shard, None, type_name::<M>())
            .await
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
        let shard = entity_shard(envelope.entity_id.as_ref(), self.shards);
        self.send_wait(&envelope, shard, Some(within), type_name::<M>())
            .await
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
            let shard = entity_shard(envelope.entity_id.as_ref(), self.shards);
            self.send_ask(ask, &envelope, shard, type_name::<M>())
        };
        Ask::new(&self.core, send)
    }

    fn send<M: Serialize>(
        &self,
        envelope: &M,
        shard: ShardId,
        kind: &'static str,
    ) -> Result<(), TellError> {
        let to = self.destination(shard);
        self.core.encoded(envelope, |_, bytes| {
            self.core.send(&to, Encoded { bytes, kind }, None)
        })
    }

    fn send_ask<M: Serialize>(
        &self,
        ask: &mut AskSender<'_>,
        envelope: &M,
        shard: ShardId,
        kind: &'static str,
    ) -> Result<(), AskError> {
        let to = self.destination(shard);
        self.core
            .encoded(envelope, |_, bytes| ask.send(&to, Encoded { bytes, kind }))
    }

    async fn send_wait<M: Serialize>(
        &self,
        envelope: &M,
        shard: ShardId,
        within: Option<Duration>,
        kind: &'static str,
    ) -> Result<(), TellError> {
        match self.send(envelope, shard, kind) {
            Err(refused) if wait::is_full(&refused) => {
                let within = within.unwrap_or(self.core.limits.buffer_timeout);
                let to = self.destination(shard);
                wait::tell(&self.core, &to, envelope, kind, refused, within).await
            }
            sent => sent,
        }
    }

    fn destination(&self, shard: ShardId) -> Destination<'_> {
        Destination::Shard {
            region: self.id,
            name: &self.name,
            shard,
        }
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

    /// Sends a message to the entity; see [`RegionRef::tell`].
    ///
    /// # Errors
    /// The message was not accepted, and nothing of it was sent.
    pub fn tell<M: Serialize>(&self, message: M) -> Result<(), TellError> {
        let envelope = self.envelope(message);
        self.region.send(&envelope, self.shard, type_name::<M>())
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
        let envelope = self.envelope(message);
        let kind = type_name::<M>();
        let sent = self.region.send_wait(&envelope, self.shard, None, kind);
        sent.await
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
        let envelope = self.envelope(message);
        let kind = type_name::<M>();
        let sent = self
            .region
            .send_wait(&envelope, self.shard, Some(within), kind);
        sent.await
    }

    fn envelope<M>(&self, message: M) -> ShardEnvelope<M, &str> {
        ShardEnvelope {
            entity_id: &*self.id,
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
            let envelope = self.envelope(message(reply_to));
            let region = &self.region;
            region.send_ask(ask, &envelope, self.shard, type_name::<M>())
        };
        Ask::new(&self.region.core, send)
    }
}

impl fmt::Debug for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (region, id) = (Escaped::new(&self.region.name), Escaped::new(&self.id));
        write!(f, "EntityRef({region}/{id})")
    }
}
