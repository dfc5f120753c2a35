//! The external client of Casty actor clusters: one hop to the node that owns the shard.
//!
//! [`ClusterClient`] is the way in. Its parts: [`RegionRef`] and [`EntityRef`] send to sharded
//! entities, [`BoundRef`] to any actor, [`ClusterClient::spawn`] runs actors that nodes send to,
//! [`Topology`] follows the cluster, [`Stats`] and [`DeadLetter`]s tell what became of messages.
//!
//! The crates below are re-exported: [`casty_proto`] has the types that messages are made of, and
//! codecs; [`casty_routing`] views and diagnosis; [`casty_transport`] what a transport of your own
//! implements.

mod admin;
mod ask;
mod client;
mod config;
mod control;
mod dead_letters;
mod error;
mod mailboxes;
mod message;
mod node;
mod pending;
mod routing;
mod runtime;
mod send;
mod shared;
mod stats;
mod topology;

pub use {casty_proto, casty_routing, casty_transport};

pub use admin::{Admin, DownError, DownReport, NotTold, StillUp};
pub use ask::idempotent::IdempotentAsk;
pub use ask::{Ask, Reply, SendAsk};
pub use casty_proto::message::{ServiceKey, ShardEnvelope};
pub use casty_proto::{ActorRef, Codec, Compression, NodeAddress, Value};
pub use casty_proto::{AddressError, DecodeError, EncodeError};
pub use casty_routing::{MissingRoute, Overflow, RetryBudgetConfig, View, diagnosis};
pub use casty_transport::{AddressMap, ConnectError, OutboxLimit, TransportConfig};
#[cfg(feature = "quic")]
pub use casty_transport::{QuicConfig, QuicConfigError};
#[cfg(any(feature = "tls", feature = "quic"))]
pub use casty_transport::{TlsConfig, TlsConfigError, TlsStatus};
pub use client::actor::ActorContext;
pub use client::bound_ref::BoundRef;
pub use client::region::{EntityRef, RegionRef};
pub use client::services::{Instance, Listing};
pub use client::{AskTarget, ClusterClient};
pub use config::{BufferLimits, ClientBuilder, ConfigError};
#[cfg(feature = "config")]
pub use config::{ClientConfig, ConfigLayers, QuicSettings, SettingError, TlsFiles};
pub use dead_letters::{DeadLetter, DeadLetters, Loss};
pub use error::{AskError, Closed, Fate, NotSent, ReadyError, RegionError, SpawnError, TellError};
pub use stats::gauges::Gauges;
pub use stats::per_region::{NodeStats, RegionStats};
pub use stats::{CloseReport, Stats};
pub use topology::Topology;
