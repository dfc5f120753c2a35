//! The settings of a client: every parameter of Casty's `ClusterClient`, and limits of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::{Codec, Limits, NodeAddress};
use casty_routing::{Overflow, RetryBudgetConfig, ShardCounts};
use casty_transport::{AddressMap, TransportConfig};

use crate::dead_letters::{DeadLetter, DeadLetterHook};
use crate::discovery::{Discovery, Source};
use crate::trace_source::TraceSource;

#[cfg(feature = "config")]
mod choice;
mod defaults;
pub(crate) mod error;
#[cfg(feature = "config")]
mod key;
#[cfg(feature = "config")]
mod layers;
pub(crate) mod limits;
#[cfg(feature = "config")]
mod listing;
#[cfg(feature = "config")]
mod merged;
mod names;
#[cfg(feature = "config")]
mod parse;
#[cfg(feature = "config")]
mod quic;
#[cfg(feature = "config")]
mod settings;
#[cfg(feature = "config")]
mod socks5;
#[cfg(feature = "config")]
mod tcp;
#[cfg(all(
    test,
    feature = "config",
    feature = "tcp",
    feature = "json",
    feature = "msgpack",
    feature = "pickle"
))]
mod tests;
#[cfg(feature = "config")]
mod tls;
mod trace_context;

pub use error::ConfigError;
#[cfg(feature = "config")]
pub use error::SettingError;
#[cfg(feature = "config")]
pub use layers::ConfigLayers;
pub use limits::BufferLimits;
#[cfg(feature = "config")]
pub use listing::Setting;
#[cfg(feature = "config")]
pub use quic::QuicSettings;
#[cfg(feature = "config")]
pub use settings::ClientConfig;
#[cfg(feature = "config")]
pub use socks5::Socks5Settings;
#[cfg(feature = "config")]
pub use tcp::TcpSettings;
#[cfg(feature = "config")]
pub use tls::TlsSettings;

use defaults::{default_codec, default_transport};
use limits::ClientLimits;
use names::{is_host, is_system_name};

/// The settings of a [`ClusterClient`](crate::ClusterClient) to be started, made by
/// [`ClusterClient::builder`](crate::ClusterClient::builder).
///
/// Nothing is checked and no socket is opened before [`connect`](Self::connect).
#[derive(Clone)]
#[must_use = "nothing happens before it is connected"]
pub struct ClientBuilder {
    pub(crate) system: String,
    contacts: Vec<String>,
    pub(crate) discovery: Option<Arc<dyn Source>>,
    client_host: Option<String>,
    client_port: Option<u16>,
    advertised_host: Option<String>,
    advertised_port: Option<u16>,
    pub(crate) address_map: AddressMap,
    codec: Option<Codec>,
    allowed_classes: Option<Vec<String>>,
    pub(crate) transport: Option<TransportConfig>,
    pub(crate) limits: ClientLimits,
    pub(crate) regions: BTreeMap<String, u32>,
    pub(crate) dead_letters: Option<DeadLetterHook>,
    trace_context: Option<bool>,
    trace_source: Option<TraceSource>,
    /// The seed of all that is random, in a simulation.
    pub(crate) seed: Option<u64>,
    /// The settings of files and the environment, for what is not set here.
    #[cfg(feature = "config")]
    settings: Option<Box<ClientConfig>>,
}

impl ClientBuilder {
    pub(crate) fn new(system: String) -> Self {
        Self {
            system,
            contacts: Vec::new(),
            discovery: None,
            client_host: None,
            client_port: None,
            advertised_host: None,
            advertised_port: None,
            address_map: AddressMap::identity(),
            codec: None,
            allowed_classes: None,
            transport: None,
            limits: ClientLimits::default(),
            regions: BTreeMap::new(),
            dead_letters: None,
            trace_context: None,
            trace_source: None,
            seed: None,
            #[cfg(feature = "config")]
            settings: None,
        }
    }

    /// Returns a builder with the settings of files, the environment and flags; see
    /// [`ClientConfig::builder`].
    #[cfg(feature = "config")]
    pub fn from_config(config: &ClientConfig) -> Self {
        config.builder()
    }

    /// Replaces the name of the nodes' actor system.
    pub fn system_name(mut self, name: impl Into<String>) -> Self {
        self.system = name.into();
        self
    }

    /// Adds a node to begin with, as `host:port`. The host may be a name; it is looked up at every
    /// dial. At least one is needed, or a [`discovery`](Self::discovery); any member will do, and the
    /// others are learned from it.
    pub fn contact_point(mut self, host_and_port: impl Into<String>) -> Self {
        self.contacts.push(host_and_port.into());
        self
    }

    /// Adds several nodes to begin with; see [`contact_point`](Self::contact_point).
    pub fn contact_points<S: Into<String>>(mut self, all: impl IntoIterator<Item = S>) -> Self {
        self.contacts.extend(all.into_iter().map(Into::into));
        self
    }

    /// Sets a source of contact points beside those that are given, or in place of them: a closure that
    /// returns a future, or a type of one's own ([`Discovery`]).
    ///
    /// It is asked at the start, and again whenever contact points are needed and all that are known
    /// have failed, those that hang for 10 s: all nodes have moved, say. Between two questions is a
    /// growing pause, of up to 5 s. What it names replaces what it named before; of more than 1,024
    /// addresses the first are kept, which the log tells. An error, a panic, no address, and no answer
    /// within [`discovery_timeout`](Self::discovery_timeout) are failures, which
    /// [`ready`](crate::ClusterClient::ready) and
    /// [`discovery_failure`](crate::ClusterClient::discovery_failure) tell. Default: none.
    ///
    /// ```
    /// use casty_client::{ClusterClient, NodeAddress};
    /// use tokio::net::lookup_host;
    ///
    /// // Each address of the name is a contact point, and is dialled as itself.
    /// let builder = ClusterClient::builder("my-cluster").discovery(|| async {
    ///     let found = lookup_host("nodes.example:25520").await?;
    ///     Ok(found.map(|at| NodeAddress::new(at.ip().to_string(), at.port())).collect())
    /// });
    /// ```
    pub fn discovery(mut self, source: impl Discovery) -> Self {
        self.discovery = Some(Arc::new(source));
        self
    }

    /// Sets how long one question to the [`discovery`](Self::discovery) may take; its future is dropped
    /// then. Default: 5 s; at least 1 ms.
    pub fn discovery_timeout(mut self, timeout: Duration) -> Self {
        self.limits.discovery_timeout = timeout;
        self
    }

    /// Sets the serializer that the cluster's nodes are configured with, and their compression:
    /// `Codec::pickle().compressed(Compression::Zlib)`. Default: pickle, uncompressed, as theirs;
    /// where that is compiled out, the first of msgpack, json and protobuf that is not.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = Some(codec);
        self
    }

    /// Sets the classes that [`Value`](crate::Value)s may name in pickles besides Casty's own, as
    /// [`Codec::allowing`] has them: `bank.Deposit`, `bank.*`, `*`. They come on top of those that the
    /// [`codec`](Self::codec) itself allows. Types of the program's own need no entry, nor does any
    /// value in another serializer than pickle. Default: none; at most 1,024.
    pub fn allowed_classes<S: Into<String>>(mut self, all: impl IntoIterator<Item = S>) -> Self {
        self.allowed_classes = Some(all.into_iter().map(Into::into).collect());
        self
    }

    /// Sets how nodes are reached. Default: TCP.
    pub fn transport(mut self, transport: TransportConfig) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Sets the host that the client announces as its own. Nodes send answers to the client that
    /// announced it, so it must be one that no other client uses. It is only a name: nothing listens
    /// there. Default: a random group address (239.x.x.x), at which nothing can be, and with it a
    /// random port; `127.0.0.1` if a port is set.
    pub fn client_host(mut self, host: impl Into<String>) -> Self {
        self.client_host = Some(host.into());
        self
    }

    /// Sets the port that the client announces with its host. Default: 0 if a host is set, else random.
    pub fn client_port(mut self, port: u16) -> Self {
        self.client_port = Some(port);
        self
    }

    /// Overrides [`client_host`](Self::client_host), as in Casty's `ClusterClient`.
    pub fn advertised_host(mut self, host: impl Into<String>) -> Self {
        self.advertised_host = Some(host.into());
        self
    }

    /// Overrides [`client_port`](Self::client_port), as in Casty's `ClusterClient`.
    pub fn advertised_port(mut self, port: u16) -> Self {
        self.advertised_port = Some(port);
        self
    }

    /// Sets the addresses at which nodes are dialled, by their canonical addresses. Default: at
    /// these.
    pub fn address_map(mut self, map: impl Into<AddressMap>) -> Self {
        self.address_map = map.into();
        self
    }

    /// Sets how long an ask waits for its reply unless it says otherwise. Default: 5 s; at least 1 ms.
    pub fn ask_timeout(mut self, timeout: Duration) -> Self {
        self.limits.ask_timeout = timeout;
        self
    }

    /// Sets how long a told message may wait for a connected owner before it becomes a dead letter.
    /// Default: 5 s; at least 1 ms.
    pub fn buffer_timeout(mut self, timeout: Duration) -> Self {
        self.limits.buffer_timeout = timeout;
        self
    }

    /// Sets how long connecting may take, and the handshake behind it as long again. Default: 2 s;
    /// at least 1 ms.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// Sets the bytes that may wait to be written to one node. Default: 1 MiB; at least 4 KiB.
    pub fn outbox_bytes(mut self, bytes: usize) -> Self {
        self.limits.outbox_bytes = bytes;
        self
    }

    /// Sets the messages that may wait to be written to one node, however short they are. Default:
    /// 65,536; at least 1.
    pub fn outbox_messages(mut self, messages: usize) -> Self {
        self.limits.outbox_messages = messages;
        self
    }

    /// Sets how much may wait for a route in all, in the pending buffer. Default: 65,536 messages
    /// and 64 MiB.
    pub fn buffer(mut self, limits: BufferLimits) -> Self {
        self.limits.buffer = limits;
        self
    }

    /// Sets which message gives way when the pending buffer is full. Default: the new one, which is
    /// refused ([`Overflow::Refuse`]).
    pub fn buffer_overflow(mut self, overflow: Overflow) -> Self {
        self.limits.buffer_overflow = overflow;
        self
    }

    /// Sets the number of shards of a region, as the nodes have it, for
    /// [`configured_region`](crate::ClusterClient::configured_region). From 1 to 65,536. May be
    /// called for any number of regions. Default: those of the configuration.
    pub fn region_shards(mut self, region: impl Into<String>, shards: u32) -> Self {
        self.regions.insert(region.into(), shards);
        self
    }

    /// Sets what becomes of a region of which shards are allocated that, by the number the client was
    /// given, it does not have: some other program uses another number. Default: it stays in use, and
    /// the log, `stats`, `region_stats` and `contradictions` tell ([`ShardCounts::Lenient`]). With
    /// [`ShardCounts::Strict`] its messages are refused, and so is the region itself, for as long as
    /// the shards are allocated: one program with a wrong number then stops all right ones that are
    /// strict.
    pub fn shard_counts(mut self, shard_counts: ShardCounts) -> Self {
        self.limits.shard_counts = shard_counts;
        self
    }

    /// Sets the asks that may wait for their replies at once. Default: 65,536; at least 1. Half of them
    /// may be acquires of locks and semaphores.
    pub fn pending_asks(mut self, asks: usize) -> Self {
        self.limits.pending_asks = asks;
        self
    }

    /// Sets the bytes that asks may keep in all: messages of idempotent ones, to be sent again, and
    /// replies over 4 KiB that were not taken yet. Default: 16 MiB; at least 4 KiB. A single one
    /// over this is kept when nothing else is. Full is an answer:
    /// [`AskBytesFull`](crate::AskError::AskBytesFull) and
    /// [`ReplyDropped`](crate::AskError::ReplyDropped).
    pub fn ask_bytes(mut self, bytes: usize) -> Self {
        self.limits.ask_bytes = bytes;
        self
    }

    /// Sets how often the message of an [idempotent](crate::Ask::idempotent) ask is sent at most, the
    /// first time included, unless the ask says otherwise. Default: 3; from 1 to 100.
    pub fn ask_attempts(mut self, attempts: u32) -> Self {
        self.limits.ask_attempts = attempts;
        self
    }

    /// Sets how many messages of idempotent asks may be sent again in all, so that a cluster in
    /// trouble is not flooded by them. Each takes a token of a bucket that holds `burst` of them, and
    /// begins full: `percent` are added with every hundred idempotent asks, `per_second` with every
    /// second. Default: 10 %, 10 a second, and 100; `percent` from 0 to 100. With a `burst` of 0
    /// nothing is sent again.
    ///
    /// ```
    /// use casty_client::{ClusterClient, RetryBudgetConfig};
    ///
    /// let builder = ClusterClient::builder("my-cluster")
    ///     .retry_budget(RetryBudgetConfig::default().percent(20).burst(500));
    /// ```
    pub fn retry_budget(mut self, config: RetryBudgetConfig) -> Self {
        self.limits.retry_budget = config;
        self
    }

    /// Sets the longest frame that is sent, in bytes: the most that nodes accept. Default: 16 MiB;
    /// from 4 KiB to 1 GiB.
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.limits.max_frame = bytes;
        self
    }

    /// Sets the longest frame that is accepted, in bytes. Memory is taken for what has come of it, and
    /// not ahead. Of a longer one nothing but the header is kept: the ask whose reply it is ends
    /// with [`ReplyOverLimit`](crate::AskError::ReplyOverLimit), a view is refused with
    /// [`ViewOverLimit`](crate::ReadyError::ViewOverLimit), and the connection goes on, unless the
    /// frame is longer than 1 GiB. Default: 512 MiB, in which a view of 1,000,000 shards fits; from 4
    /// KiB to 4 GiB less one byte.
    pub fn max_inbound_frame(mut self, bytes: usize) -> Self {
        self.limits.max_inbound_frame = bytes;
        self
    }

    /// Sets the bytes that frames which have not come in whole yet may hold on all connections
    /// together, beyond 256 KiB on each; a connection holds at most as many as are left free then, so
    /// that one node does not take them all. What finds no bytes is told as if its
    /// [frame](Self::max_inbound_frame) were too long; it may be asked for again. Default: 1024 MiB; never
    /// less than twice `max_inbound_frame`, so that a frame that comes alone is read.
    pub fn inbound_bytes(mut self, bytes: usize) -> Self {
        self.limits.inbound_bytes = bytes;
        self
    }

    /// Sets the bounds of decoding one message from the cluster: its bytes when decompressed, its
    /// values, and how deep they nest. What is over one of them is not read; it is told as if its
    /// [frame](Self::max_inbound_frame) were too long. Default: [`Limits::new`], with which a view of
    /// 1,000,000 shards is read; at least 4 KiB, 1,024 values, and 16 levels.
    ///
    /// ```
    /// use casty_client::{ClusterClient, Limits};
    ///
    /// let limits = Limits::new().with_items(1_000_000);
    /// let builder = ClusterClient::builder("my-cluster").limits(limits);
    /// ```
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits.decoding = limits;
        self
    }

    /// Sets the messages from the cluster that may wait for an actor of this client. Default: 16,384;
    /// at least 1. Messages beyond are dropped and counted, for nodes take no answer to them.
    pub fn mailbox(mut self, messages: usize) -> Self {
        self.limits.mailbox = messages;
        self
    }

    /// Sets the sum of the bytes of these messages, for each actor. Default: 16 MiB; at least 4 KiB. A
    /// single message that is longer is taken while no other waits.
    pub fn mailbox_bytes(mut self, bytes: usize) -> Self {
        self.limits.mailbox_bytes = bytes;
        self
    }

    /// Calls `hook` with every message that was accepted and then not sent, or that may have been
    /// in flight when its connection was lost. It runs on the client's own tasks and on those that
    /// send, and must not block. It may use the client; for a message that it sends and that is a
    /// dead letter before that call returns it is not called again. Default: none; such messages are
    /// counted in any case, and
    /// [`ClusterClient::dead_letters`](crate::ClusterClient::dead_letters) is a stream of all.
    pub fn on_dead_letter(mut self, hook: impl Fn(&DeadLetter) + Send + Sync + 'static) -> Self {
        self.dead_letters = Some(Arc::new(hook));
        self
    }

    /// Takes everything random from a seed, and gives the calling thread to the client alone: for
    /// simulations, which do the same whenever they are run. Two clients of one seed announce the
    /// same address. Default: randomness of the operating system.
    #[doc(hidden)]
    pub fn simulated(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Returns the contact points, checked.
    pub(crate) fn checked_contacts(&self) -> Result<Vec<NodeAddress>, ConfigError> {
        let contacts = &self.contacts[..];
        #[cfg(feature = "config")]
        let contacts = match (contacts, &self.settings) {
            ([], Some(settings)) => settings.contact_points(),
            _ => contacts,
        };
        if contacts.is_empty() && self.discovery.is_none() {
            return Err(ConfigError::NoContactPoints);
        }
        let parse = |text: &String| {
            text.parse().map_err(|source| ConfigError::ContactPoint {
                text: text.clone(),
                source,
            })
        };
        contacts.iter().map(parse).collect()
    }

    /// Returns the serializer: that of the builder, of the configuration, or the default.
    pub(crate) fn checked_codec(&self) -> Result<Codec, ConfigError> {
        let codec = self.codec;
        #[cfg(feature = "config")]
        let codec = match (codec, &self.settings) {
            (None, Some(settings)) => settings.codec()?,
            _ => codec,
        };
        let codec = codec.or_else(default_codec).ok_or(ConfigError::NoCodec)?;
        let allowed = self.allowed_classes.as_deref();
        #[cfg(feature = "config")]
        let allowed = allowed.or_else(|| Some(self.settings.as_ref()?.allowed_classes()));
        Ok(codec.allowing(allowed.unwrap_or_default())?)
    }

    /// Returns the transport: that of the builder, of the configuration, or the default. Reads the
    /// certificates that a configuration names, where it may block.
    #[cfg_attr(
        not(feature = "config"),
        expect(clippy::unused_async, reason = "only files are waited for")
    )]
    pub(crate) async fn checked_transport(&self) -> Result<TransportConfig, ConfigError> {
        let transport = self.transport.clone();
        #[cfg(feature = "config")]
        let transport = match (transport, &self.settings) {
            (None, Some(settings)) if settings.reads_certificates() => {
                let sent = settings.clone();
                let read = tokio::task::spawn_blocking(move || sent.transport());
                // A runtime that is shutting down runs nothing there any more.
                read.await.unwrap_or_else(|_| settings.transport())?
            }
            (None, Some(settings)) => settings.transport()?,
            (transport, _) => transport,
        };
        let transport = transport
            .or_else(default_transport)
            .ok_or(ConfigError::NoTransport)?;
        #[cfg(feature = "quic")]
        transport.check()?;
        Ok(transport)
    }

    /// Returns the address to announce if the user chose one, checked.
    pub(crate) fn checked_identity(&self) -> Result<Option<NodeAddress>, ConfigError> {
        let host = self.advertised_host.as_ref().or(self.client_host.as_ref());
        let port = self.advertised_port.or(self.client_port);
        if host.is_none() && port.is_none() {
            return Ok(None);
        }
        let host = host.map_or("127.0.0.1", String::as_str);
        if !is_host(host) {
            return Err(ConfigError::AnnouncedHost(host.to_owned()));
        }
        Ok(Some(NodeAddress::new(host, port.unwrap_or(0))))
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.system.is_empty() {
            return Err(ConfigError::NoSystemName);
        }
        if !is_system_name(&self.system) {
            return Err(ConfigError::SystemName(self.system.clone()));
        }
        let fits = |(name, shards): (&String, &u32)| names::is_region(name, *shards);
        if !self.regions.iter().all(fits) {
            let (name, range) = ("regions", names::REGION);
            return Err(ConfigError::Range { name, range });
        }
        let checked = self.limits.check();
        checked.map_err(|(name, range)| ConfigError::Range { name, range })
    }
}

#[cfg(feature = "config")]
impl ClientConfig {
    /// Returns a builder with all of these settings; a setter overrides its setting. Contact points
    /// given there replace those from here.
    pub fn builder(&self) -> ClientBuilder {
        let mut builder = ClientBuilder::new(self.system_name.clone().unwrap_or_default());
        builder.client_host.clone_from(&self.client_host);
        builder.client_port = self.client_port;
        builder.advertised_host.clone_from(&self.advertised_host);
        builder.advertised_port = self.advertised_port;
        if let Some(map) = &self.address_map {
            builder.address_map = map.clone().into();
        }
        builder.limits = self.limits;
        builder.regions.clone_from(&self.regions);
        builder.settings = Some(Box::new(self.clone()));
        builder
    }

    /// Returns the serializer, with its compression and allowed classes, that a client of these settings
    /// has, for programs that talk to nodes by other means.
    ///
    /// # Errors
    /// It is not compiled in.
    pub fn to_codec(&self) -> Result<Codec, ConfigError> {
        self.builder().checked_codec()
    }

    /// Returns the transport, with its certificates and times, that a client of these settings has. Blocks
    /// while certificates are read.
    ///
    /// # Errors
    /// It is not compiled in, or a file cannot be used.
    pub fn to_transport(&self) -> Result<TransportConfig, ConfigError> {
        let transport = self.transport()?.or_else(default_transport);
        let transport = transport.ok_or(ConfigError::NoTransport)?;
        #[cfg(feature = "quic")]
        transport.check()?;
        Ok(transport)
    }

    /// Returns the map from the addresses of nodes to those at which they are dialled.
    pub fn to_address_map(&self) -> AddressMap {
        self.address_map
            .clone()
            .map_or_else(AddressMap::identity, AddressMap::table)
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("system", &self.system)
            .field("contact_points", &self.contacts)
            .field("codec", &self.codec)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
