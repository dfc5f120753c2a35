//! A Casty cluster of fake nodes in one process, for tests: kill, restart, move, partition, delay.
//!
//! The nodes speak the cluster's own protocol over any transport of casty-transport, so any client
//! can be tested against them, and they behave towards clients as real nodes do, the unpleasant
//! habits included: see [`ClusterBuilder::like_casty`]. Behaviour of entities is given as Rust
//! types or closures.
//!
//! A node here is casty-routing's [`Coordinator`](casty_routing::Coordinator) and casty-transport's
//! listener, connection and driver, with a table of paths between them. What real nodes tell each
//! other by gossip is one state in memory here, of which every node has a view of its own.
//!
//! ```
//! use casty_testkit::{Cluster, Context, stateful};
//! use casty_proto::{ActorRef, Codec};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! enum Counter {
//!     #[serde(rename = "counter_app.Increment")]
//!     Increment { amount: i64 },
//!     #[serde(rename = "counter_app.GetCount")]
//!     GetCount { reply_to: ActorRef<i64> },
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), casty_testkit::StartError> {
//! let cluster = Cluster::builder("my-cluster")
//!     .nodes(3)
//!     .codec(Codec::pickle())
//!     .region("counter", 100, stateful(|| 0_i64, |count: &mut i64, message, context: &mut Context<'_>| {
//!         match message {
//!             Counter::Increment { amount } => *count += amount,
//!             Counter::GetCount { reply_to } => context.reply(&reply_to, count),
//!         }
//!     }))
//!     .start()
//!     .await?;
//! println!("clients may connect to {:?}", cluster.contact_points());
//! cluster.kill(1).await;
//! cluster.wait_until(|status| !status.nodes[1].alive).await;
//! # cluster.stop().await; Ok(()) }
//! ```

mod builder;
mod cluster;
mod context;
mod entity;
mod error;
mod gossip;
mod link;
mod node;
mod region;
mod round_trip;
mod service;
mod settings;
#[cfg(feature = "sim")]
pub mod sim;
mod status;
mod wake;

pub use builder::ClusterBuilder;
pub use cluster::Cluster;
pub use context::Context;
pub use entity::{Entity, Stateful, stateful};
pub use error::StartError;
pub use round_trip::assert_round_trips;
pub use status::{NodeStatus, Status};
