//! Casty's routing engine: shards, views, route table, subscription and coordinator, without I/O or clock.

pub mod backoff;
pub mod coordinator;
pub mod links;
pub mod subscription;

pub use backoff::Backoff;
pub use coordinator::Coordinator;
pub use links::Links;
pub use subscription::Subscription;
