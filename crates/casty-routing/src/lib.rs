//! The routing engines of a Casty cluster's clients and nodes: from an entity id to the connection
//! of the node that owns it, without I/O or clock.
//!
//! Programs that talk to a cluster use `casty-client`, which drives these engines and re-exports
//! this crate. Use it directly for
//!
//! * **a node of your own** that hosts a region: [`Membership`](membership::Membership) makes it a
//!   member of the cluster, [`NodeConnections`] connects it to the others, and [`Coordinator`] answers
//!   the question who owns a shard, as Casty's nodes do;
//! * **a client on another runtime**, or a proxy: [`Connections`], [`Subscription`], [`ViewKeeper`]
//!   and [`Router`] decide, and your code carries out;
//! * **tools** that look at a cluster: [`View`], [`entity_shard`], [`diagnosis`].
//!
//! # The engines
//!
//! Each engine takes events in by `handle(now, input)` and gives orders out by `poll()`, which is
//! to be called until it returns `Wait`. Time and seeds are arguments; nothing else is read. Equal
//! inputs give equal outputs, so every test is repeatable and none sleeps.
//!
//! | engine | decides |
//! |---|---|
//! | [`Connections`] | which address is dialled, and when; which connection is kept |
//! | [`Renewal`] | under which address of its own a client comes back to a node |
//! | [`Subscription`] | which node sends views, and when to ask another one |
//! | [`ViewKeeper`] | which of two snapshots is newer |
//! | [`Router`] | where a message goes, and what waits for a route |
//! | [`Coordinator`] | who owns a shard; the node's side |
//! | [`Membership`](membership::Membership) | who is a member, who leads, who is dead; the node's side |
//! | [`NodeConnections`] | which connection between two nodes is kept; the node's side |
//!
//! # A router, driven by hand
//!
//! A message goes to the node that owns its shard. The hot path is the published [`RouteTable`];
//! the router gets what the table does not answer:
//!
//! ```
//! use std::collections::VecDeque;
//! use std::sync::Arc;
//! use std::time::{Duration, Instant};
//!
//! use casty_proto::NodeAddress;
//! use casty_proto::message::{Member, MemberStatus, ShardLocation, TopologySnapshot};
//! use casty_routing::{
//!     PendingMessage, Router, RouterConfig, RouterInput, RouterOutput, SharedTable, Target, View,
//!     entity_shard,
//! };
//!
//! let now = Instant::now();
//! let node: NodeAddress = "10.0.0.1:25520".parse()?;
//! // A message is a text here, and the outbox of the node is the number 1.
//! let mut router: Router<u32, &str> = Router::new(RouterConfig::default(), 7);
//! let shards = 100.try_into()?;
//! let region = router.register_region("account", shards)?;
//! let shard = entity_shard("alice", shards);
//!
//! let member = Member {
//!     address: node.clone(),
//!     status: MemberStatus::Up,
//!     roles: Default::default(),
//!     id: "a".into(),
//! };
//! let view = View::from_snapshot(TopologySnapshot {
//!     members: [member].into_iter().collect(),
//!     leader: Some(node.clone()),
//!     ..Default::default()
//! });
//! let deposit = PendingMessage {
//!     target: Target::Shard { region, shard },
//!     item: "deposit",
//!     bytes: 7,
//!     deadline: now + Duration::from_secs(5),
//! };
//! let mut events = VecDeque::from([
//!     RouterInput::View(Arc::new(view)),
//!     RouterInput::PeerUp { node: node.clone(), handle: 1 },
//!     RouterInput::Send(deposit),
//! ]);
//!
//! let table = SharedTable::new();
//! let mut delivered = Vec::new();
//! while let Some(event) = events.pop_front() {
//!     router.handle(now, event);
//!     loop {
//!         match router.poll() {
//!             RouterOutput::Deliver { to, message, .. } => delivered.push((to, message.item)),
//!             RouterOutput::Publish(newer) => table.store(newer),
//!             // A client sends `GetShardLocation` to the leader; here the answer comes at once.
//!             RouterOutput::Query { region, shard, .. } => {
//!                 let (shard_id, node) = (shard.get(), node.clone());
//!                 let location = ShardLocation { shard_id, node, replicas: Default::default() };
//!                 events.push_back(RouterInput::Location { region, location });
//!             }
//!             RouterOutput::Connect { node } => println!("dial {node}"),
//!             RouterOutput::Undeliverable { message, reason } => {
//!                 println!("{}: {reason}", message.item);
//!             }
//!             RouterOutput::Contradiction { name, contradiction, .. } => {
//!                 println!("{name}: another program uses another count: {contradiction:?}");
//!             }
//!             RouterOutput::Wait(_next) => break, // call again then, or at the next event
//!         }
//!     }
//! }
//! assert_eq!(delivered, [(1, "deposit")]);
//! // From now on the table answers for this shard, without lock or allocation.
//! assert_eq!(table.load().owner(region, shard), Some(&1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A node that hosts a region
//!
//! One [`Coordinator`] serves one region of one node. It is told of the node's view, of the nodes
//! that host the region and of queries; it answers, forwards to the leader, or allocates when its
//! node leads. The asker is whatever the node answers to, here a name:
//!
//! ```
//! use std::time::Instant;
//! use casty_proto::NodeAddress;
//! use casty_routing::{
//!     Coordinator, CoordinatorConfig, CoordinatorInput, CoordinatorOutput, RegionView,
//! };
//!
//! let (now, me): (_, NodeAddress) = (Instant::now(), "10.0.0.1:25520".parse()?);
//! let mut coordinator = Coordinator::new(CoordinatorConfig::new(100), me.clone());
//! // From the node's gossip: `RegionView::of(&snapshot, "account")`.
//! let view = RegionView {
//!     leader: Some(me.clone()),
//!     live: [me.clone()].into(),
//!     ..Default::default()
//! };
//! coordinator.handle(now, CoordinatorInput::View(view));
//! coordinator.handle(now, CoordinatorInput::Host);
//! let query = CoordinatorInput::Query { shard: 7, asker: "alice", from: None };
//! coordinator.handle(now, query);
//! loop {
//!     match coordinator.poll() {
//!         CoordinatorOutput::Locate { asker, location } => println!("{asker}: {location:?}"),
//!         CoordinatorOutput::Forward { leader, .. } => println!("{leader} answers it"),
//!         CoordinatorOutput::Refused { asker, reason } => println!("none for {asker}: {reason}"),
//!         CoordinatorOutput::Register { leader, node } => println!("tell {leader} of {node}"),
//!         CoordinatorOutput::Publish { epoch, .. } => println!("allocations of epoch {epoch}"),
//!         CoordinatorOutput::Wait(_next) => break,
//!     }
//! }
//! assert_eq!(coordinator.allocations()[&7].primary, me);
//! # Ok::<(), casty_proto::AddressError>(())
//! ```
//!
//! # A member of the cluster
//!
//! A node joins by its seeds and gossips with members written in Python, by their own rules: the
//! [`membership`] engine says what is sent to whom, and its state is the view that coordinators are told
//! of. It is told of messages, and whatever it is told that cannot be true changes nothing:
//!
//! ```
//! use std::time::Instant;
//! use casty_proto::message::{MemberStatus, TopologySnapshot};
//! use casty_routing::RegionView;
//! use casty_routing::membership::{
//!     Membership, MembershipConfig, MembershipInput, MembershipOutput,
//! };
//!
//! let now = Instant::now();
//! let config = MembershipConfig::new("rust-1:25520".parse()?, "rust-1");
//! let mut membership = Membership::new(now, config, 7);
//! let join = MembershipInput::Join {
//!     node: "rust-2:25520".parse()?,
//!     id: "rust-2".into(),
//!     roles: Default::default(),
//!     asker: Some("the connection of rust-2"),
//! };
//! membership.handle(now, join);
//! loop {
//!     match membership.poll() {
//!         MembershipOutput::Accept { asker, state } => {
//!             println!("JoinAccepted to {asker}: {} members", state.members.len());
//!         }
//!         MembershipOutput::Gossip { to, .. } => println!("GossipMessage to {to}"),
//!         MembershipOutput::Heartbeat { to } => println!("HeartbeatRequest to {to}"),
//!         MembershipOutput::View(state) => {
//!             // To coordinators, and to all who have subscribed to the topology.
//!             let view = RegionView::of(&TopologySnapshot::from(&*state), "account");
//!             assert_eq!(view.leader.as_ref(), Some(membership.address()));
//!         }
//!         MembershipOutput::Event(event) => println!("{event}"),
//!         MembershipOutput::Wait(_next) => break,
//!         _ => {}
//!     }
//! }
//! // It is `up` once it has gossiped that it knows of it.
//! assert_eq!(membership.state().members[1].status, MemberStatus::Joining);
//! # Ok::<(), casty_proto::AddressError>(())
//! ```
//!
//! # Errors, limits, features
//!
//! Nothing here fails in operation: a message that cannot be delivered comes back as
//! [`RouterOutput::Undeliverable`] with an [`UndeliverableReason`], and one whose deadline passed
//! says what its route was [missing](MissingRoute). Only registering a region returns an error
//! ([`RegisterRegionError`]): a program that uses two shard counts for one region would make second
//! copies of entities. What the cluster says against a count is told
//! ([`RouterOutput::Contradiction`]), and stops nothing unless that is wanted ([`ShardCounts`]).
//! Memory is bounded by the config of each engine. The crate has no features.
//!
//! The decisions behind it are in `ARCHITECTURE.md`, what tests cover in `TESTING.md`.

// Tests have to begin at some moment.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod backoff;
mod connections;
mod contradiction;
mod coordinator;
pub mod diagnosis;
mod error;
mod liveness;
pub mod membership;
mod node_connections;
mod renewal;
mod retry_budget;
mod rng;
mod router;
mod shard;
mod steps;
mod subscription;
mod table;
mod view;

pub use backoff::{Backoff, BackoffConfig};
pub use connections::{Connections, ConnectionsConfig, ConnectionsInput, ConnectionsOutput};
pub use contradiction::CountContradiction;
pub use coordinator::{
    Coordinator, CoordinatorConfig, CoordinatorInput, CoordinatorOutput, CoordinatorRole,
    QueryRefusal, RegionView,
};
pub use error::{MissingRoute, RegisterRegionError, UndeliverableReason};
pub use liveness::{Liveness, LivenessConfig, LivenessInput, LivenessOutput, ObservedConnection};
pub use node_connections::{
    NodeConnections, NodeConnectionsConfig, NodeConnectionsInput, NodeConnectionsOutput,
};
pub use renewal::{Renewal, RenewalConfig, RenewalInput, RenewalOutput};
pub use retry_budget::{RetryBudget, RetryBudgetConfig};
pub use router::{
    Buffered, Overflow, PendingMessage, Router, RouterConfig, RouterInput, RouterOutput,
    ShardCounts, Target,
};
pub use shard::{NoShards, ShardCount, ShardId, entity_shard};
pub use subscription::{Subscription, SubscriptionConfig, SubscriptionInput, SubscriptionOutput};
pub use table::{CachedTable, RegionId, RouteTable, SharedTable, TableGuard};
pub use view::keeper::{LOWER_EPOCH_GRACE, Offer, ViewKeeper};
pub use view::{RegionAllocations, View, ViewVersion};
