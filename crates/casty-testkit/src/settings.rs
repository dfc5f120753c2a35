//! The configuration of a cluster after it was checked.

use std::sync::Arc;
use std::time::Duration;

use casty_proto::Codec;
use casty_routing::ShardCount;
use casty_transport::{ConnectOptions, OutboxLimits, Transport};

use crate::actor::ActorPlan;
use crate::membership::MembershipOptions;
use crate::region::RegionPlan;
use crate::singleton::SingletonPlan;

/// The most nodes that a cluster ever has.
pub(crate) const NODES: usize = 256;

/// A configuration that was checked, shared by all nodes.
pub(crate) struct Settings {
    pub(crate) system: String,
    pub(crate) codec: Codec,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) options: ConnectOptions,
    pub(crate) regions: Vec<RegionPlan>,
    /// The services at first; others may come, and these go.
    pub(crate) services: Vec<ActorPlan>,
    /// The actors that are no services.
    pub(crate) actors: Vec<ActorPlan>,
    pub(crate) singletons: Vec<SingletonPlan>,
    /// The names of the broadcasts, whose actors are among the others.
    pub(crate) broadcasts: Vec<Arc<str>>,
    /// The time that nodes take to notice what has changed.
    pub(crate) detection: Duration,
    /// The time between two pushes of an unchanged view.
    pub(crate) gossip: Duration,
    /// True if nodes treat announced addresses as real ones do.
    pub(crate) like_casty: bool,
    pub(crate) outbox: OutboxLimits,
    /// The way in which nodes agree on who is a member; `None` if they share a table.
    pub(crate) membership: Option<MembershipOptions>,
}

impl Settings {
    /// Returns the number of shards of a region; `None` if there is no region of that name.
    pub(crate) fn shards(&self, region: &str) -> Option<ShardCount> {
        let plan = self.regions.iter().find(|plan| &*plan.name == region);
        plan.map(|plan| plan.shards)
    }
}
