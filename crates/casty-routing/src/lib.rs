//! Casty's routing engine: shards, views, route table, subscription and coordinator, without I/O
//! or clock.

// Tests have to begin at some moment.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod backoff;
mod connections;
mod coordinator;
pub mod diagnosis;
mod error;
mod renewal;
mod retry_budget;
mod rng;
mod router;
mod shard;
mod subscription;
mod table;
mod view;

pub use backoff::{Backoff, BackoffConfig};
pub use connections::{Connections, ConnectionsConfig, ConnectionsInput, ConnectionsOutput};
pub use coordinator::{
    Coordinator, CoordinatorConfig, CoordinatorInput, CoordinatorOutput, CoordinatorRole,
    QueryRefusal, RegionView,
};
pub use error::{MissingRoute, RegisterRegionError, UndeliverableReason};
pub use renewal::{Renewal, RenewalConfig, RenewalInput, RenewalOutput};
pub use retry_budget::{RetryBudget, RetryBudgetConfig};
pub use router::{
    Buffered, Overflow, PendingMessage, Router, RouterConfig, RouterInput, RouterOutput, Target,
};
pub use shard::{NoShards, ShardCount, ShardId, entity_shard};
pub use subscription::{Subscription, SubscriptionConfig, SubscriptionInput, SubscriptionOutput};
pub use table::{RegionId, RouteTable, SharedTable, TableGuard};
pub use view::keeper::{LOWER_EPOCH_GRACE, Offer, ViewKeeper};
pub use view::{RegionAllocations, View, ViewVersion};
