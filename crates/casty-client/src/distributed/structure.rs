//! The common part of all handles of structures: their region, and asks that end as their errors.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{ActorRef, Escaped};
use casty_routing::{MissingRoute, ShardCounts};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::client::region::{EntityRef, RegionRef};
use crate::distributed::error::StructureError;
use crate::error::{AskError, NotSent};
use crate::runtime::clock;
use crate::send::Core;

/// The region of a structure, and how it is asked.
#[derive(Clone)]
pub(super) struct Structure {
    region: RegionRef,
    name: Arc<str>,
    within: Duration,
    counts: ShardCounts,
}

impl Structure {
    pub(super) fn new(
        region: RegionRef,
        name: &str,
        within: Duration,
        counts: ShardCounts,
    ) -> Self {
        Self {
            region,
            name: name.into(),
            within,
            counts,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the time for an operation.
    pub(super) fn within(&self) -> Duration {
        self.within
    }

    pub(super) fn region(&self) -> &RegionRef {
        &self.region
    }

    /// Returns the entity of a structure that has one.
    pub(super) fn entity(&self) -> EntityRef {
        self.region.entity(Arc::clone(&self.name))
    }

    /// Asks an entity once.
    pub(super) async fn ask<M, R>(
        &self,
        entity: &EntityRef,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Result<R, StructureError>
    where
        M: Serialize,
        R: DeserializeOwned,
    {
        let left = self.ready(self.within).await?;
        let asked = entity.ask(message).within(left).await;
        asked.map_err(|error| self.told(error))
    }

    /// Asks an entity for something that changes nothing: sent again where that may help.
    pub(super) async fn read<M, R>(
        &self,
        entity: &EntityRef,
        message: impl FnOnce(ActorRef<R>) -> M,
    ) -> Result<R, StructureError>
    where
        M: Serialize,
        R: DeserializeOwned,
    {
        let left = self.ready(self.within).await?;
        let asked = entity.ask(message).within(left).idempotent().await;
        asked.map_err(|error| self.told(error))
    }

    /// Waits for a view of the cluster, and checks the shard count against it. Returns the time that is
    /// left.
    pub(super) async fn ready(&self, within: Duration) -> Result<Duration, StructureError> {
        let core = self.region.core();
        let mut left = within;
        if core.view.borrow().is_none() && !core.is_closed() {
            let begun = Instant::now();
            let deadline = clock::from_now(within);
            if core.home.by(deadline, first_view(core)).await.is_none() {
                return Err(StructureError::NoView { after: within });
            }
            left = within.saturating_sub(begun.elapsed());
        }
        match self.region.contradiction() {
            Some(contradiction) if self.counts != ShardCounts::Lenient => {
                Err(StructureError::WrongShards {
                    region: self.region.name().into(),
                    shards: self.region.shards(),
                    contradiction: Box::new(contradiction),
                })
            }
            _ => Ok(left),
        }
    }

    /// Waits for some time, wherever the caller runs.
    pub(super) async fn pause(&self, time: Duration) {
        self.region.core().home.pause(time).await;
    }

    /// Returns the error of an ask, with what the view says about the region if nobody has named an owner.
    /// A message that a node was sent has one, whether or not the view shows the region yet.
    pub(super) fn told(&self, error: AskError) -> StructureError {
        let ownerless = matches!(
            error,
            AskError::NotSent(NotSent::Expired(MissingRoute::Owner))
        );
        let view = self.region.core().view.borrow().clone();
        let shown = view.is_none_or(|view| view.allocations(self.region.name()).is_some());
        if !ownerless || shown {
            return error.into();
        }
        StructureError::NotHosted {
            region: self.region.name().into(),
            shards: self.region.shards(),
            source: Box::new(error),
        }
    }

    /// Writes a handle for logs.
    pub(super) fn debug(&self, kind: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{kind}({})", Escaped::new(&self.name))
    }
}

/// Waits until there is a view, or the client has ended, as whatever is sent then finds.
async fn first_view(core: &Core) {
    loop {
        let seen = core.views.count();
        if core.view.borrow().is_some() || core.is_closed() {
            return;
        }
        core.views.since(seen).await;
    }
}
