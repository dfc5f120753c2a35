//! The configuration of a client as it was read, checked and ready to be used.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use casty_proto::{AllowError, Codec, Compression, NodeAddress};
use casty_routing::{Overflow, ShardCounts};
use casty_transport::TransportConfig;

use ::config::ValueKind;

use super::choice::{Choice, Word, choose};
use super::defaults::default_codec;
#[cfg(feature = "tcp")]
use super::defaults::default_transport;
use super::error::{ConfigError, SettingError};
use super::layers::ConfigLayers;
use super::limits::ClientLimits;
use super::merged::{Merged, invalid, take};
use super::names::{HOST, SYSTEM_NAME, is_host, is_system_name};
use super::parse::{self, Parsed};
use super::quic::{self, QuicSettings};
use super::socks5::{self, Socks5Settings};
use super::tcp::TcpSettings;
use super::tls::{self, TlsSettings};

/// The configuration of a client from files, the environment and flags.
///
/// ```
/// use casty_client::ClientConfig;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let config = ClientConfig::from_toml_str(r#"
///     system_name = "my-cluster"
///     contact_points = ["10.0.1.10:25520", "10.0.1.11:25520"]
///     codec = "msgpack"
///     ask_timeout = "2s"
/// "#)?;
/// let client = config.builder().client_host("gateway-1").connect().await?;
/// # Ok(())
/// # }
/// ```
///
/// `casty.example.toml`, beside this crate's manifest, lists every key. Values that are set on the
/// builder override those of the configuration. Everything is checked when it is read, except that
/// the codec and the transport are compiled in: this is checked when the client is started, because
/// the builder may have set others.
#[derive(Debug, Clone, Default)]
pub struct ClientConfig {
    pub(super) system_name: Option<String>,
    contact_points: Vec<String>,
    pub(super) client_host: Option<String>,
    pub(super) client_port: Option<u16>,
    pub(super) advertised_host: Option<String>,
    pub(super) advertised_port: Option<u16>,
    pub(super) address_map: Option<HashMap<NodeAddress, NodeAddress>>,
    codec: Option<Choice>,
    allowed_classes: Vec<String>,
    compression: Option<Choice>,
    compression_level: Option<u8>,
    transport: Option<Choice>,
    tls: TlsSettings,
    tcp: TcpSettings,
    quic: QuicSettings,
    socks5: Socks5Settings,
    pub(super) limits: ClientLimits,
    pub(super) regions: BTreeMap<String, u32>,
    pub(super) trace_context: Option<bool>,
}

const CODECS: [Word; 6] = [
    ("pickle", "pickle"),
    ("pickle_positional", "pickle"),
    ("cloudpickle", "pickle"),
    ("json", "json"),
    ("msgpack", "msgpack"),
    ("protobuf", "protobuf"),
];
const COMPRESSIONS: [Word; 6] = [
    ("none", ""),
    ("zlib", "zlib"),
    ("gzip", "gzip"),
    ("bz2", "bz2"),
    ("lzma", "lzma"),
    ("lz4", "lz4"),
];
const OVERFLOWS: [Word; 2] = [("refuse", ""), ("drop_oldest", "")];
const SHARD_COUNTS: [Word; 2] = [("lenient", ""), ("strict", "")];
const TRANSPORTS: [Word; 3] = [("tcp", "tcp"), ("tls", "tls"), ("quic", "quic")];

impl ClientConfig {
    /// Begins a configuration, to which layers are added.
    pub fn layers() -> ConfigLayers {
        ConfigLayers::default()
    }

    /// Reads a configuration from TOML.
    ///
    /// # Errors
    /// The text or a value is invalid; the error names the key.
    pub fn from_toml_str(text: &str) -> Result<Self, ConfigError> {
        Self::layers().toml(text, "the TOML text")?.load()
    }

    /// Reads a configuration from a TOML file. Blocks while it is read.
    ///
    /// # Errors
    /// The file cannot be read, or it or a value is invalid; the error names the file and the key.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::layers().file(path)?.load()
    }

    /// Reads a configuration from the environment; see [`ConfigLayers::variables`].
    ///
    /// # Errors
    /// A variable is unknown or invalid; the error names it.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::layers().environment()?.load()
    }

    /// Reads a configuration from a TOML file, if one is given, and the environment, which
    /// overrides the file.
    ///
    /// # Errors
    /// The file cannot be read, or a value is invalid; the error names the file or the variable,
    /// and the key.
    pub fn layered(file: Option<&Path>) -> Result<Self, ConfigError> {
        let layers = match file {
            Some(file) => Self::layers().file(file)?,
            None => Self::layers(),
        };
        layers.environment()?.load()
    }

    /// Reads the values that are set, and takes the defaults of the others.
    pub(super) fn read(merged: &Merged) -> Result<Self, SettingError> {
        let host = |key| take(merged, key, &|value| named(value, is_host, HOST));
        let port = |key| {
            take(merged, key, &|value| {
                parse::number::<u16>(value, "a port from 0 to 65535")
            })
        };
        let mut config = Self {
            system_name: take(merged, "system_name", &|value| {
                named(value, is_system_name, SYSTEM_NAME)
            })?,
            contact_points: take(merged, "contact_points", &contacts)?.unwrap_or_default(),
            client_host: host("client_host")?,
            client_port: port("client_port")?,
            advertised_host: host("advertised_host")?,
            advertised_port: port("advertised_port")?,
            address_map: take(merged, "address_map", &parse::addresses)?,
            codec: choose(merged, "codec", &CODECS)?,
            allowed_classes: take(merged, "allowed_classes", &classes)?.unwrap_or_default(),
            compression: choose(merged, "compression", &COMPRESSIONS)?,
            compression_level: None,
            transport: choose(merged, "transport", &TRANSPORTS)?,
            tls: TlsSettings::read(merged)?,
            tcp: TcpSettings::read(merged)?,
            quic: QuicSettings::read(merged)?,
            socks5: Socks5Settings::read(merged)?,
            limits: limits(merged)?,
            regions: take(merged, "regions", &parse::regions)?.unwrap_or_default(),
            trace_context: take(merged, "trace_context", &parse::boolean)?,
        };
        config.compression_level = config.level(merged)?;
        config.check_tls(merged)?;
        let unused = match config.transport_name() {
            Some("quic") => &socks5::KEYS,
            _ => &quic::KEYS,
        };
        config.check_unused(merged, unused)?;
        Ok(config)
    }

    /// Returns the name of the cluster's actor system, if it is set.
    pub fn system_name(&self) -> Option<&str> {
        self.system_name.as_deref()
    }

    /// Returns the nodes to begin with.
    pub fn contact_points(&self) -> &[String] {
        &self.contact_points
    }

    /// Returns the name of the serializer, if one is set.
    pub fn codec_name(&self) -> Option<&'static str> {
        self.codec.as_ref().map(|choice| choice.value)
    }

    /// Returns the classes that dynamic values may name in pickles besides Casty's own.
    pub fn allowed_classes(&self) -> &[String] {
        &self.allowed_classes
    }

    /// Returns the name of the transport, if one is set.
    pub fn transport_name(&self) -> Option<&'static str> {
        self.transport.as_ref().map(|choice| choice.value)
    }

    /// Returns the name of the compression and its level, each if it is set.
    pub fn compression(&self) -> (Option<&'static str>, Option<u8>) {
        let name = self.compression.as_ref().map(|choice| choice.value);
        (name, self.compression_level)
    }

    /// Returns the number of shards of each region that is named.
    pub fn regions(&self) -> &BTreeMap<String, u32> {
        &self.regions
    }

    /// Returns the files for TLS and QUIC, and the name of the servers.
    pub fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    /// Returns the times of TCP, with defaults for those that are not set.
    pub fn tcp(&self) -> &TcpSettings {
        &self.tcp
    }

    /// Returns the times and the window of QUIC, with defaults for those that are not set.
    pub fn quic(&self) -> &QuicSettings {
        &self.quic
    }

    /// Returns the SOCKS5 proxy through which nodes are dialled, if one is set.
    pub fn socks5(&self) -> &Socks5Settings {
        &self.socks5
    }

    /// Returns the serializer with its compression; `None` if neither is set.
    pub(super) fn codec(&self) -> Result<Option<Codec>, SettingError> {
        let codec = self.serializer()?;
        let Some(choice) = &self.compression else {
            return Ok(codec);
        };
        let Some(codec) = codec.or_else(default_codec) else {
            return Ok(None);
        };
        if choice.value == "none" {
            return Ok(Some(codec));
        }
        let missing = || choice.not_built_in("compression");
        let compression: Compression = choice.value.parse().map_err(|_| missing())?;
        let level = self.compression_level.unwrap_or(Compression::DEFAULT_LEVEL);
        let codec = codec.compressed_at(compression, level);
        Ok(Some(codec.map_err(|_| missing())?))
    }

    /// Returns the serializer that is set, if any.
    fn serializer(&self) -> Result<Option<Codec>, SettingError> {
        let Some(choice) = &self.codec else {
            return Ok(None);
        };
        match choice.value {
            #[cfg(feature = "pickle")]
            "pickle" | "cloudpickle" => Ok(Some(Codec::pickle())),
            #[cfg(feature = "pickle")]
            "pickle_positional" => Ok(Some(Codec::pickle_positional())),
            #[cfg(feature = "json")]
            "json" => Ok(Some(Codec::json())),
            #[cfg(feature = "msgpack")]
            "msgpack" => Ok(Some(Codec::msgpack())),
            #[cfg(feature = "protobuf")]
            "protobuf" => Ok(Some(Codec::protobuf())),
            _ => Err(choice.not_built_in("codec")),
        }
    }

    /// Returns whether the transport that is set reads certificates from files.
    pub(super) fn reads_certificates(&self) -> bool {
        self.transport_name().is_some_and(|name| name != "tcp")
    }

    /// Returns the transport that is set, if any, with the times of TCP.
    pub(super) fn transport(&self) -> Result<Option<TransportConfig>, SettingError> {
        let chosen = self.chosen_transport()?;
        #[cfg(feature = "tcp")]
        let chosen = chosen
            .or_else(default_transport)
            .map(|transport| transport.over_tcp(self.tcp.config()));
        self.socks5.applied_to(chosen)
    }

    fn chosen_transport(&self) -> Result<Option<TransportConfig>, SettingError> {
        let Some(choice) = &self.transport else {
            return Ok(None);
        };
        match choice.value {
            #[cfg(feature = "tcp")]
            "tcp" => Ok(Some(TransportConfig::tcp())),
            #[cfg(feature = "quic")]
            "quic" => Ok(Some(TransportConfig::quic(self.over_quic(choice)?))),
            #[cfg(feature = "tls")]
            "tls" => Ok(Some(TransportConfig::tls(self.tls.certificates(choice)?))),
            _ => Err(choice.not_built_in("transport")),
        }
    }

    /// Returns the configuration of QUIC, with its certificates read.
    #[cfg(feature = "quic")]
    fn over_quic(&self, choice: &Choice) -> Result<casty_transport::QuicConfig, SettingError> {
        let QuicSettings {
            keep_alive,
            idle_timeout,
            window,
        } = self.quic;
        Ok(
            casty_transport::QuicConfig::new(self.tls.certificates(choice)?)
                .keep_alive(keep_alive)
                .idle_timeout(idle_timeout)
                .window(window),
        )
    }

    /// Reads the level of compression, if one is set and used.
    fn level(&self, merged: &Merged) -> Result<Option<u8>, SettingError> {
        const KEY: &str = "compression_level";
        let Some((value, origin)) = merged.get(KEY) else {
            return Ok(None);
        };
        let algorithm = self.compression.as_ref().map(|choice| choice.value);
        let (levels, expected) = match algorithm {
            None | Some("none") => {
                // A layer above that turns compression off leaves the level idle.
                if merged.layer("compression") > merged.layer(KEY) {
                    return Ok(None);
                }
                return Err(SettingError::Contradiction {
                    key: KEY,
                    origin,
                    conflict: "makes no sense without compression".to_owned(),
                });
            }
            Some("bz2") => (1..=9, "a level from 1 to 9"),
            Some("lz4") => (0..=16, "a level from 0 to 16"),
            Some(_) => (0..=9, "a level from 0 to 9"),
        };
        match parse::number::<u8>(value, expected) {
            Ok(level) if levels.contains(&level) => Ok(Some(level)),
            _ => Err(invalid(KEY, value, origin, expected)),
        }
    }

    /// Refuses certificates that would not be used, because a configuration that names them does
    /// not mean plain TCP, and a transport that needs them without them.
    fn check_tls(&self, merged: &Merged) -> Result<(), SettingError> {
        let Some(transport) = self.transport.as_ref().filter(|it| it.value != "tcp") else {
            return self.check_unused(merged, &tls::KEYS);
        };
        match tls::NEEDED
            .into_iter()
            .find(|key| merged.get(key).is_none())
        {
            None => Ok(()),
            Some(missing) => Err(SettingError::Contradiction {
                key: "transport",
                origin: transport.origin.clone(),
                conflict: format!("= {:?} needs {missing}", transport.value),
            }),
        }
    }

    /// Refuses keys that the transport does not use, unless a layer above theirs chose it.
    fn check_unused(&self, merged: &Merged, keys: &[&'static str]) -> Result<(), SettingError> {
        let set = |key: &&'static str| Some((*key, merged.get(key)?.1));
        for (key, origin) in keys.iter().filter_map(set) {
            if merged.layer("transport") > merged.layer(key) {
                continue;
            }
            let how = match &self.transport {
                Some(transport) => format!("{:?} in {}", transport.value, transport.origin),
                None => "\"tcp\" by default".to_owned(),
            };
            return Err(SettingError::Contradiction {
                key,
                origin,
                conflict: format!("makes no sense with transport = {how}"),
            });
        }
        Ok(())
    }
}

impl ConfigLayers {
    /// Merges the layers and checks the result.
    ///
    /// # Errors
    /// A value is not one that its key may have, or contradicts another.
    pub fn load(self) -> Result<ClientConfig, ConfigError> {
        Ok(ClientConfig::read(&Merged::new(self.layers)?)?)
    }
}

/// Parses a string that passes a check.
fn named(value: &ValueKind, fine: fn(&str) -> bool, expected: &'static str) -> Parsed<String> {
    let text = parse::text(value)?;
    fine(&text).then_some(text).ok_or(expected)
}

/// Parses a list of contact points.
fn contacts(value: &ValueKind) -> Parsed<Vec<String>> {
    let contacts = parse::list(value)?;
    let are_fine = contacts
        .iter()
        .all(|contact| contact.parse::<NodeAddress>().is_ok());
    (are_fine && !contacts.is_empty())
        .then_some(contacts)
        .ok_or("a list of one or more host:port")
}

/// Parses a list of classes that dynamic values may name.
fn classes(value: &ValueKind) -> Parsed<Vec<String>> {
    let classes = parse::list(value)?;
    AllowError::check(&classes)
        .is_ok()
        .then_some(classes)
        .ok_or("a list of classes and modules such as \"bank.Deposit\" and \"bank.*\"")
}

/// Reads the times and limits, and checks that each is in its range.
fn limits(merged: &Merged) -> Result<ClientLimits, SettingError> {
    let mut limits = ClientLimits::default();
    for (key, field) in [
        ("ask_timeout", &mut limits.ask_timeout),
        ("buffer_timeout", &mut limits.buffer_timeout),
        ("connect_timeout", &mut limits.connect_timeout),
    ] {
        *field = take(merged, key, &parse::duration)?.unwrap_or(*field);
    }
    for (key, field) in [
        ("outbox_bytes", &mut limits.outbox_bytes),
        ("buffer_bytes", &mut limits.buffer.bytes),
        ("ask_bytes", &mut limits.ask_bytes),
        ("max_frame", &mut limits.max_frame),
        ("max_inbound_frame", &mut limits.max_inbound_frame),
        ("inbound_bytes", &mut limits.inbound_bytes),
        ("limits.bytes", &mut limits.decoding.bytes),
        ("mailbox_bytes", &mut limits.mailbox_bytes),
    ] {
        *field = take(merged, key, &parse::size)?.unwrap_or(*field);
    }
    let count = |value: &ValueKind| parse::number::<u32>(value, "a whole number");
    for (key, field) in [
        ("outbox_messages", &mut limits.outbox_messages),
        ("buffer_messages", &mut limits.buffer.messages),
        ("pending_asks", &mut limits.pending_asks),
        ("mailbox", &mut limits.mailbox),
        ("limits.items", &mut limits.decoding.items),
        ("limits.depth", &mut limits.decoding.depth),
    ] {
        let count = |value: &ValueKind| {
            let count = count(value)?;
            usize::try_from(count).map_err(|_| "a whole number")
        };
        *field = take(merged, key, &count)?.unwrap_or(*field);
    }
    for (key, field) in [
        ("ask_attempts", &mut limits.ask_attempts),
        ("retry_percent", &mut limits.retry_budget.percent),
        ("retry_per_second", &mut limits.retry_budget.per_second),
        ("retry_burst", &mut limits.retry_budget.burst),
    ] {
        *field = take(merged, key, &count)?.unwrap_or(*field);
    }
    let overflow = choose(merged, "buffer_overflow", &OVERFLOWS)?;
    if overflow.is_some_and(|choice| choice.value == "drop_oldest") {
        limits.buffer_overflow = Overflow::DropOldest;
    }
    let shard_counts = choose(merged, "shard_counts", &SHARD_COUNTS)?;
    if shard_counts.is_some_and(|choice| choice.value == "strict") {
        limits.shard_counts = ShardCounts::Strict;
    }
    match limits.check() {
        Ok(()) => Ok(limits),
        Err((key, range)) => {
            let (value, origin) = merged
                .get(key)
                .unwrap_or((&ValueKind::Nil, "the defaults".to_owned()));
            Err(invalid(key, value, origin, range))
        }
    }
}
