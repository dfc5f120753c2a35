//! A Casty cluster of fake nodes in one process, for tests: kill, restart, move, partition, delay.
//!
//! Code that talks to a Casty cluster is tested here without Python and without a deployment. The
//! nodes speak the cluster's own protocol over any transport of casty-transport, so any client can
//! be tested against them, and they behave towards clients as real nodes do, the unpleasant habits
//! included: see [`ClusterBuilder::like_casty`].
//!
//! # Quick start
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
//!
//! # Concepts
//!
//! - **Cluster.** A [`ClusterBuilder`] configures nodes, regions and services; a [`Cluster`] is the
//!   handle to all of them. Nodes are numbered from 0. Dropping the cluster ends them.
//! - **Entities.** A region runs on all nodes, and a shard's owner makes an entity for each id that
//!   it is sent a message for. An [`Entity`] is a type of yours, or a state and a closure:
//!   [`stateful`]. All answer by [`Context::reply`].
//! - **Actors.** A service is a closure that clients find by a key; services may
//!   [come](Cluster::start_service) and [go](Cluster::stop_service). Other actors are addressed by path:
//!   [of one node](ClusterBuilder::actor_on), [of all](ClusterBuilder::actor),
//!   [of a broadcast](ClusterBuilder::broadcast), and [singletons](ClusterBuilder::singleton), entities
//!   of whichever node leads, to which the others pass messages on.
//! - **Streams.** A node has producers that clients subscribe to ([`ClusterBuilder::stream_on`],
//!   [`ClusterBuilder::stream_producer_on`]), and consumers of what clients produce
//!   ([`ClusterBuilder::stream_consumer_on`]).
//! - **Structures.** [`ClusterBuilder::structure`] has all nodes host one of Casty's distributed
//!   structures, which behaves as theirs: [`Structure`].
//! - **Shared gossip.** A node here is casty-routing's [`Coordinator`](casty_routing::Coordinator)
//!   and casty-transport's listener, connection and driver, with a table of paths between them. The
//!   state that real nodes gossip is one in memory, of which every node has a view of its own.
//! - **Membership.** With [`ClusterBuilder::membership`] there is no shared state: nodes find out by
//!   heartbeats and gossip who is a member, as real nodes do, dial seeds outside of the process, and take real
//!   nodes in. So a cluster of one is a member of a real cluster, which hosts regions there; it may
//!   [`leave`](Cluster::leave).
//! - **Faults.** [`kill`](Cluster::kill), [`restart`](Cluster::restart), [`hang`](Cluster::hang),
//!   [`cut`](Cluster::cut), [`cut_mid_frame`](Cluster::cut_mid_frame), [`delay`](Cluster::delay),
//!   [`partition`](Cluster::partition), [`move_shard`](Cluster::move_shard),
//!   [`add`](Cluster::add), [`replace`](Cluster::replace): each is one call, at any time.
//! - **Waiting.** No test has to sleep: [`Cluster::wait_until`] waits for a [`Status`], and over
//!   [`TransportConfig::memory`](casty_transport::TransportConfig::memory) in tokio's paused time
//!   seconds take none.
//! - **Codecs.** [`assert_round_trips`] checks that a type of yours comes back from every
//!   serializer that a cluster can be configured with.
//!
//! # Simulation
//!
//! With the feature `sim`, the module `sim` runs whole worlds in virtual time: a cluster, real
//! clients and a network that goes wrong, on one thread and without sockets. Everything random
//! comes from one seed: a seed that fails today fails tomorrow, with the same log byte for byte.
//! There are 34 kinds of faults, and four more of nodes that gossip, and each client is checked while its
//! world lasts: its counters add up, its limits hold, nothing overtakes, asks end in time, and in the end
//! nothing is left behind. Nodes that gossip have to agree in the end.
//! The example `box_office` puts a whole service through it.
//!
//! # Features
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `sim` | the module `sim`, and the `casty-sim` program | no |
//!
//! # Errors
//!
//! [`StartError`] is the only one: a setting out of its range, or an address that is taken. Faults
//! have no errors; a number that no node has is ignored, so that tests need not look first.
//! Messages that nodes drop are counted in [`NodeStatus`].
//!
//! # Differences from real nodes
//!
//! A fake node notices at once what real ones take 1 to 3 s for, unless
//! [`ClusterBuilder::detection`] says otherwise, and its views agree as soon as nodes can reach
//! each other. Messages between nodes do not travel by a network. There are no replicas. Nodes that gossip are
//! as late as real ones. Those among real nodes pass on what is for a singleton or a broadcast as these do, but
//! for a message that comes from the very node that they take for the leader: that is dropped and counted as
//! unrouted, where two real nodes send it to and fro for as long as each takes the other for the leader.
//!
//! # Beside this crate
//!
//! `casty-client` is the client that most tests drive; `casty-transport` has the transports, and
//! `casty-proto` the codecs and the messages. In the repository, `TESTING.md` tells what the
//! project's own tests check, and the folder `examples` of this crate has five programs to begin
//! with.

// The features that an item needs stand beside it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod actor;
mod builder;
mod cluster;
mod context;
mod entity;
mod error;
mod gossip;
mod link;
mod membership;
mod node;
mod region;
mod round_trip;
mod settings;
#[cfg(feature = "sim")]
pub mod sim;
mod singleton;
mod status;
mod streams;
mod structure;
mod wake;

pub use builder::ClusterBuilder;
pub use cluster::Cluster;
pub use context::Context;
pub use entity::{Entity, Stateful, stateful};
pub use error::StartError;
pub use membership::MembershipOptions;
pub use round_trip::assert_round_trips;
pub use status::{NodeStatus, Status};
pub use streams::Consume;
pub use structure::Structure;
