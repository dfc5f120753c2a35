//! The external client of [Casty](https://pypi.org/project/casty/) actor clusters: a program that is
//! no member sends each message straight to the node that owns the entity, in one hop.
//!
//! # Quick start
//!
//! A message is a type that serde serialises under the name of its Python class. A region is named
//! with the number of shards that the nodes divide it into.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use casty_client::{ActorRef, ClusterClient};
//! use serde::Serialize;
//!
//! #[derive(Serialize)]
//! #[serde(rename = "bank.Deposit")]
//! struct Deposit { amount: i64 }
//!
//! #[derive(Serialize)]
//! #[serde(rename = "bank.GetBalance")]
//! struct GetBalance { reply_to: ActorRef<i64> }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = ClusterClient::builder("my-cluster")
//!     .contact_point("10.0.1.10:25520")
//!     .contact_point("10.0.1.11:25520")
//!     .connect()
//!     .await?;
//! client.ready(Duration::from_secs(10)).await?;
//!
//! let alice = client.region("account", 100)?.entity("alice");
//! alice.tell(Deposit { amount: 5 })?;
//! let balance: i64 = alice.ask(|reply_to| GetBalance { reply_to }).await?;
//! println!("alice has {balance}");
//!
//! let report = client.close(Duration::from_secs(5)).await;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! # Concepts
//!
//! * **Client.** [`ClusterClient`] is one client of one cluster, cheap to clone. It is built by
//!   [`ClientBuilder`], and with the feature `config` from files and the environment by
//!   `ClientConfig`. [`ready`](ClusterClient::ready) waits for the
//!   cluster, but nothing has to: messages are buffered until it is reached, within their time. Contact
//!   points are given, or asked for while it runs ([`Discovery`]).
//! * **Regions and entities.** [`RegionRef`] and [`EntityRef`] send to sharded entities. An entity's
//!   id leads to a shard, the view of the cluster to the shard's owner. The number of shards is given
//!   in code or by the configuration
//!   ([`configured_region`](ClusterClient::configured_region)); what the cluster says against it,
//!   because some other program uses another one, is told and stops nothing
//!   ([`contradictions`](ClusterClient::contradictions), [`ShardCounts`]).
//! * **Services.** [`lookup`](ClusterClient::lookup) finds the instances of a service,
//!   [`lookup_wait`](ClusterClient::lookup_wait) waits for them, [`Services`] is a stream of what changes,
//!   and a [`Picker`] chooses one for each message, those that failed lately last.
//! * **Actors of nodes.** [`BoundRef`] sends to one actor of one node; references come in messages, from
//!   services, or of a path ([`actor_on`](ClusterClient::actor_on)). A [`LeaderRef`] follows the leader,
//!   where [singletons](ClusterClient::singleton) are, and a [`BroadcastRef`] sends to all members and asks
//!   each by name.
//! * **Actors of the client.** [`spawn`](ClusterClient::spawn) runs an actor in this program, to which
//!   nodes can send; [`actor`](ClusterClient::actor) one with a state ([`Actor`]), a mailbox and restarts
//!   of its own, and a handle that tells why it has ended.
//! * **Streams.** [`subscribe`](ClusterClient::subscribe) reads a producer of a node as a [`StreamSource`];
//!   [`stream_producer`](ClusterClient::stream_producer) is one for consumers of nodes, and
//!   [`stream_sink`](ClusterClient::stream_sink) pushes into one.
//! * **Structures.** [`Distributed`] has counters, maps, sets, queues, locks, semaphores and barriers, which
//!   all participants of the cluster share. A [`Guard`] holds a lock or a permit, and tells when that is lost.
//! * **Asks.** An [`Ask`] is awaited for its reply, by default for 5 s. It is sent when it is first polled, or
//!   by [`Ask::send`] at once. Whatever can be asked is an [`AskTarget`].
//!   [`idempotent`](Ask::idempotent) allows it to be sent again, within one deadline and one retry
//!   budget for the whole client.
//! * **Topology.** [`Topology`] is the view of the cluster as it changes.
//! * **Health.** [`Health`] says what the client can do now and why not more, at one moment
//!   ([`health`](ClusterClient::health)) or as it changes ([`HealthWatch`]).
//! * **Administration.** [`Admin`] asks all nodes for their state, says what is wrong and what helps,
//!   and declares members dead; only on demand.
//!
//! # Fates
//!
//! Casty acknowledges nothing, so no message is ever called delivered. Each accepted message ends
//! once ([`Fate`]): *written* to the owner's connection, *not sent*, or *unknown* if its connection
//! was lost while it may have been in flight. The last two are [`DeadLetter`]s; [`Stats`] counts all
//! of them, and the counters add up.
//!
//! # Limits
//!
//! Every buffer is bounded, and full is an answer: [`TellError::Busy`] when the outbox of the owner is
//! full, [`TellError::BufferFull`] when too much waits for a route, [`AskError::TooManyAsks`] when too
//! many asks wait. `tell` never waits; `tell_wait` waits for capacity, one task woken at a time. The
//! setters of [`ClientBuilder`] have the limits, with defaults and ranges.
//!
//! So is what a message from the cluster may cost: [`OverLimit`] names the limit that one was over,
//! and how it is raised ([`AskError::ReplyOverLimit`], [`ReadyError::ViewOverLimit`]).
//!
//! # Errors
//!
//! There is one type for each operation: [`ConfigError`] (nothing was started), [`TellError`] (nothing
//! was sent), [`AskError`] and [`StructureError`] ([`fate`](AskError::fate) says what may have happened),
//! [`AcquireError`] (what may be held is released), [`ReadyError`] (the client goes on trying),
//! [`PickedError`] (as [`AskError`], with the node), [`RegionError`], [`NameError`], [`SpawnError`],
//! [`StreamError`], [`ProducerError`] and [`DownError`]. The [`kind`](ErrorKind) of each says what to do, and
//! [`Error`] holds any of them. [`Chain`] shows any of them with its causes. What a
//! peer has chosen is [`Escaped`] in all of them; show fields of views, such as a member's id, so as well.
//!
//! # Features
//!
//! | feature | gives | default |
//! |---|---|---|
//! | `tcp` | plain TCP | yes |
//! | `tls` | TLS with certificates on both sides | no |
//! | `quic` | QUIC, to nodes behind `casty proxy` | no |
//! | `socks5` | TCP and TLS through a SOCKS5 proxy | no |
//! | `memory` | a network in one process, for tests | no |
//! | `pickle`, `json`, `msgpack` | the serializers of nodes | yes |
//! | `protobuf` | one more, for nodes that are given it | no |
//! | `zlib`, `gzip`, `bz2`, `lzma`, `lz4` | compression, as nodes are configured | no |
//! | `blocking` | `blocking`: the client without an async runtime of yours | no |
//! | `tower` | [`AskService`](ClusterClient::service), a `tower` service that asks | no |
//! | `chrono`, `jiff` | dates and times of these crates from and to those of messages ([`value`]) | no |
//! | `metrics` | what is counted and how long asks take, for the program's recorder of the `metrics` crate | no |
//! | `config` | settings from TOML files and the environment | no |
//!
//! Features are additive: turning one on changes nothing that worked.
//!
//! # Runtime and logs
//!
//! A client needs a tokio runtime with time enabled, on which it runs one control task and one task
//! for each connection. It logs by [`tracing`](https://docs.rs/tracing), and never for each message. Dials,
//! subscriptions, views and asks are spans, if anybody listens, and messages carry the trace context of the
//! program, if that is wanted ([`trace_context`](ClientBuilder::trace_context)).
//!
//! # The crates below
//!
//! They are re-exported: [`casty_proto`] has the types that messages are made of, and the codecs;
//! [`casty_routing`] the engines, views and [`diagnosis`]; [`casty_transport`] the transports, and the
//! trait for one of your own. `casty-testkit` is a cluster in one process for your tests.

// The features that an item needs stand beside it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod acquires;
mod admin;
mod ask;
#[cfg(feature = "blocking")]
pub mod blocking;
mod client;
mod config;
mod control;
mod dead_letters;
mod discovery;
mod distributed;
mod error;
mod health;
mod mailboxes;
mod message;
#[cfg(feature = "metrics")]
mod metrics;
mod node;
mod pending_asks;
mod routing;
mod runtime;
mod send;
mod shared;
mod spans;
mod stats;
mod streams;
mod topology;
mod trace_source;
pub mod value;

pub use {casty_proto, casty_routing, casty_transport};

pub use admin::{Admin, DownError, DownReport, NotTold, NotVacated, StillUp, Vacated};
pub use ask::Ask;
pub use ask::choice::AskChoice;
pub use ask::idempotent::IdempotentAsk;
pub use ask::reply::{Asking, Reply};
pub use ask::sender::SendAsk;
pub use casty_proto::message::streams::{StreamConsumerMessage, StreamProducerMessage};
pub use casty_proto::message::{ServiceKey, ShardEnvelope};
pub use casty_proto::{
    ActorRef, Codec, Compression, Limits, NodeAddress, TraceParent, TraceParentError, Value,
};
pub use casty_proto::{AddressError, AllowError, Chain, DecodeError, EncodeError, Escaped};
pub use casty_routing::{
    CountContradiction, MissingRoute, Overflow, RetryBudgetConfig, ShardCounts, ShardId, View,
    diagnosis,
};
pub use casty_transport::{AddressMap, ConnectError, OutboxLimit, TransportConfig};
#[cfg(feature = "quic")]
pub use casty_transport::{QuicConfig, QuicConfigError};
#[cfg(feature = "socks5")]
pub use casty_transport::{Socks5, Socks5Error};
#[cfg(any(feature = "tls", feature = "quic"))]
pub use casty_transport::{TlsConfig, TlsConfigError, TlsStatus, rustls};
pub use client::actor::behaviour::Actor;
pub use client::actor::builder::ActorBuilder;
pub use client::actor::context::ActorContext;
pub use client::actor::exit::ActorExit;
pub use client::actor::handle::{ActorHandle, ActorStats};
pub use client::actor::restart::RestartPolicy;
pub use client::ask_many::AskMany;
#[cfg(feature = "tower")]
pub use client::ask_service::AskService;
pub use client::bound_ref::BoundRef;
pub use client::broadcast::{AskAll, BroadcastRef, BroadcastTell, Gathered};
pub use client::leader_ref::LeaderRef;
pub use client::region::{EntityName, EntityRef, RegionRef};
pub use client::services::following::Services;
pub use client::services::picker::Picker;
pub use client::services::picker::asking::PickedInstance;
pub use client::services::picker::instances::PickBy;
pub use client::services::{Instance, Listing};
pub use client::tell_all::{BulkTell, TellAll};
pub use client::{AskTarget, ClusterClient};
pub use config::{BufferLimits, ClientBuilder, ConfigError};
#[cfg(feature = "config")]
pub use config::{
    ClientConfig, ConfigLayers, QuicSettings, Setting, SettingError, Socks5Settings, TcpSettings,
    TlsSettings,
};
pub use dead_letters::{DeadLetter, DeadLetters, Loss};
pub use discovery::{BoxError, Discovery};
pub use distributed::Distributed;
pub use distributed::barrier::Barrier;
pub use distributed::counter::Counter;
pub use distributed::error::{AcquireError, HoldLost, StructureError};
pub use distributed::guard::{Guard, Released};
pub use distributed::lock::Lock;
pub use distributed::map::Map;
pub use distributed::queue::Queue;
pub use distributed::semaphore::Semaphore;
pub use distributed::set::Set;
pub use error::any::Error;
pub use error::discovery::DiscoveryError;
pub use error::kind::ErrorKind;
pub use error::names::NameError;
pub use error::services::{LookupError, PickError, PickedError};
pub use error::{
    AskError, Closed, Fate, NotSent, OverLimit, ReadyError, RegionError, SpawnError, TellError,
};
pub use health::watching::HealthWatch;
pub use health::{Health, HealthState, MemberHealth, ViewHealth, Waiting};
pub use mailboxes::queue::MailboxOverflow;
pub use stats::gauges::Gauges;
pub use stats::listing::{Stat, StatKind};
pub use stats::per_region::{NodeStats, RegionStats};
pub use stats::{CloseReport, Stats};
pub use streams::error::{ProducerError, StreamError};
pub use streams::options::{ProducerOptions, SourceOptions};
pub use streams::producer::StreamProducer;
pub use streams::sink::StreamSink;
pub use streams::source::StreamSource;
pub use topology::Topology;
