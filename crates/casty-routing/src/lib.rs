//! Casty's routing engine: shards, views, route table, subscription and coordinator, without I/O
//! or clock.

// Tests have to begin at some moment.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod backoff;
pub mod connections;
pub mod coordinator;
pub mod diagnosis;
pub mod error;
pub mod renewal;
pub mod retry_budget;
pub mod router;
pub mod shard;
pub mod subscription;
pub mod table;
pub mod view;

pub use backoff::Backoff;
pub use connections::Links;
pub use coordinator::Coordinator;
pub use error::{Lacking, Reason, RegionError};
pub use renewal::Renewal;
pub use retry_budget::Budget;
pub use router::{Held, Input, Output, Overflow, Parcel, Router, RouterConfig, Target};
pub use shard::{NoShards, ShardCount, ShardId, entity_shard};
pub use subscription::Subscription;
pub use table::{RegionId, RouteTable, SharedTable, TableGuard};
pub use view::{LOWER_EPOCH_PATIENCE, Offer, RegionAllocations, Version, View, ViewKeeper};
