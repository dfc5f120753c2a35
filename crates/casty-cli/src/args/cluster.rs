//! The arguments that commands share: the cluster, a region of it, and times.

use std::path::{Path, PathBuf};
use std::time::Duration;

use casty_client::{ClientConfig, ConfigError, ConfigLayers, NodeAddress};
use clap::Args;

use super::place;
use super::time::time;
use crate::certificates::CertificateArgs;
use crate::error::CommandError;

/// The time that a command may take unless it is given.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of nodes, and the way to them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct Wire {
    /// Settings of a client as TOML. The environment (CASTY_CONTACT_POINTS and so on) overrides
    /// it, and flags override both. Timeouts are the command's own: see --timeout.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The table of that file which has the settings, such as casty, where the rest is another
    /// program's [default: the whole file].
    #[arg(long, value_name = "TABLE")]
    config_table: Option<String>,
    /// The prefix of the variables of the environment [default: CASTY].
    #[arg(long, value_name = "PREFIX")]
    env_prefix: Option<String>,
    /// The name of the nodes' actor system [env: CASTY_SYSTEM].
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// The serializer that the nodes are configured with [env: CASTY_CODEC] [default: pickle].
    #[arg(long, value_name = "CODEC", value_parser = CODECS)]
    codec: Option<String>,
    /// The compression that the nodes use for messages [env: CASTY_COMPRESSION] [default: none].
    #[arg(long, value_name = "ALGORITHM", value_parser = COMPRESSIONS)]
    compression: Option<String>,
    /// The transport by which nodes are reached [env: CASTY_TRANSPORT] [default: tcp].
    #[arg(long, value_name = "TRANSPORT", value_parser = ["tcp", "tls", "quic"])]
    transport: Option<String>,
    #[command(flatten)]
    files: CertificateArgs,
    /// The name that the certificates of all nodes must have, whatever host is dialled
    /// [env: CASTY_TLS__SERVER_NAME] [default: the host of each].
    #[arg(long, value_name = "NAME")]
    tls_server_name: Option<String>,
    /// The address to dial for a node behind a proxy, such as 10.0.1.10:25520=localhost:25521
    /// (may be repeated).
    #[arg(long, value_name = "NODE=HOST:PORT", value_delimiter = ',')]
    address_map: Vec<String>,
}

/// The cluster, and the way to reach it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct Cluster {
    /// A node to begin with; any will do, several are better (may be repeated)
    /// [env: CASTY_CONTACT_POINTS].
    #[arg(long = "contact", value_name = "HOST:PORT", value_delimiter = ',')]
    contacts: Vec<NodeAddress>,
    #[command(flatten)]
    wire: Wire,
    /// The time for the whole command, connecting and closing included [default: 5s].
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,
    /// The host to announce as the client's own [default: one that no other client has].
    #[arg(long, value_name = "HOST")]
    client_host: Option<String>,
    /// The port to announce with it [default: 0 if a host is given, else random].
    #[arg(long, value_name = "PORT")]
    client_port: Option<u16>,
    /// Overrides --client-host.
    #[arg(long, value_name = "HOST")]
    advertised_host: Option<String>,
    /// Overrides --client-port.
    #[arg(long, value_name = "PORT")]
    advertised_port: Option<u16>,
}

const CODECS: [&str; 6] = [
    "pickle",
    "pickle_positional",
    "cloudpickle",
    "json",
    "msgpack",
    "protobuf",
];
const COMPRESSIONS: [&str; 6] = ["none", "zlib", "gzip", "bz2", "lzma", "lz4"];

impl Wire {
    /// Reads the file, the environment and the flags, later ones above earlier ones. `begin` names the nodes
    /// to begin with.
    ///
    /// # Errors
    /// They make no sense together, or do not name the cluster.
    pub(crate) fn config(
        &self,
        begin: (&'static str, &[NodeAddress]),
    ) -> Result<ClientConfig, CommandError> {
        self.config_with(begin, [])
    }

    fn config_with(
        &self,
        (name, nodes): (&'static str, &[NodeAddress]),
        others: impl IntoIterator<Item = Flag>,
    ) -> Result<ClientConfig, CommandError> {
        let layers = self.layers((name, nodes), others)?;
        let config = layers.load().map_err(|error| self.located(error))?;
        if config.contact_points().is_empty() {
            let variable = self.variable("CONTACT_POINTS");
            return Err(missing(
                "no node to begin with",
                name,
                &variable,
                "--config",
            ));
        }
        if config.system_name().is_none() {
            let (what, variable) = ("no name of the actor system", self.variable("SYSTEM"));
            return Err(missing(what, "--system", &variable, "--config"));
        }
        Ok(config)
    }

    /// Returns the name of a variable of the environment, which begins with the prefix that was chosen.
    fn variable(&self, name: &str) -> String {
        format!("{}_{name}", self.env_prefix.as_deref().unwrap_or("CASTY"))
    }

    /// Reads all layers, and checks nothing but that their keys exist.
    fn layers(
        &self,
        (name, nodes): (&'static str, &[NodeAddress]),
        others: impl IntoIterator<Item = Flag>,
    ) -> Result<ConfigLayers, CommandError> {
        let mut layers = ClientConfig::layers();
        if let Some(table) = &self.config_table {
            layers = layers.table(table);
        }
        if let Some(file) = &self.config {
            layers = layers.file(file).map_err(|error| self.located(error))?;
        }
        if let Some(prefix) = &self.env_prefix {
            layers = layers.environment_prefix(prefix);
        }
        layers = layers.environment()?;
        let nodes: Vec<_> = nodes.iter().map(ToString::to_string).collect();
        let nodes = Flag::new("contact_points", name, listed(&nodes));
        for flag in self.flags().into_iter().chain([nodes]).chain(others) {
            if let Some(value) = flag.value {
                layers = layers.set(flag.key, value, flag.name)?;
            }
        }
        Ok(layers)
    }

    /// Adds the line to an error, if that is known.
    fn located(&self, error: ConfigError) -> CommandError {
        match &self.config {
            Some(file) => place::located(error, file, self.config_table.as_deref()),
            None => error.into(),
        }
    }

    /// Returns each flag that stands for a key, with its value if it was given.
    fn flags(&self) -> [Flag; 9] {
        let text = |key, name, value: &Option<String>| Flag::new(key, name, value.clone());
        let name = &self.tls_server_name;
        [
            Flag::new("address_map", "--address-map", listed(&self.address_map)),
            text("system_name", "--system", &self.system),
            text("codec", "--codec", &self.codec),
            text("compression", "--compression", &self.compression),
            text("transport", "--transport", &self.transport),
            text("tls.ca", "--tls-ca", &self.files.ca),
            text("tls.cert", "--tls-cert", &self.files.cert),
            text("tls.key", "--tls-key", &self.files.key),
            text("tls.server_name", "--tls-server-name", name),
        ]
    }
}

impl Cluster {
    /// Reads the file, the environment and the flags, later ones above earlier ones.
    ///
    /// # Errors
    /// They make no sense together, or do not name the cluster.
    pub(crate) fn config(&self) -> Result<ClientConfig, CommandError> {
        self.wire
            .config_with(("--contact", &self.contacts), self.flags())
    }

    /// Reads all layers, and checks nothing but that their keys exist.
    ///
    /// # Errors
    /// A file cannot be read, or has a key that does not exist.
    pub(crate) fn layers(&self) -> Result<ConfigLayers, CommandError> {
        self.wire
            .layers(("--contact", &self.contacts), self.flags())
    }

    /// Checks layers, their certificates too.
    ///
    /// # Errors
    /// A value is not one that its key may have, contradicts another, or names what cannot be used.
    pub(crate) fn check(&self, layers: ConfigLayers) -> Result<(), CommandError> {
        let checked = layers.load().and_then(|config| {
            config.to_codec()?;
            config.to_transport().map(drop)
        });
        checked.map_err(|error| self.wire.located(error))
    }

    /// Returns the line of the file of settings in which a key is set, if that is known.
    pub(crate) fn line_of(&self, key: &str) -> Option<usize> {
        let text = place::read(self.wire.config.as_ref()?)?;
        place::line_of(&text, self.wire.config_table.as_deref(), key)
    }

    /// Takes the settings from this file.
    pub(crate) fn with_file(mut self, file: PathBuf) -> Self {
        self.wire.config = Some(file);
        self
    }

    /// Returns the file of settings, if one is named.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.wire.config.as_deref()
    }

    /// Returns each flag that stands for a key of a client alone, with its value if it was given.
    fn flags(&self) -> [Flag; 4] {
        let text = |key, name, value: &Option<String>| Flag::new(key, name, value.clone());
        let port =
            |key, name, port: Option<u16>| Flag::new(key, name, port.map(|port| port.to_string()));
        let advertised_host = &self.advertised_host;
        [
            port("client_port", "--client-port", self.client_port),
            port("advertised_port", "--advertised-port", self.advertised_port),
            text("client_host", "--client-host", &self.client_host),
            text("advertised_host", "--advertised-host", advertised_host),
        ]
    }

    /// Returns the time that the command may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// Returns the part of that time for each node to be connected and to answer, where all are
    /// asked: a fifth, for they may be asked twice, after a pause.
    pub(crate) fn share(&self) -> Duration {
        self.timeout() / 5
    }

    /// Returns the time that the command may take, if it was given.
    pub(crate) fn given_timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

/// A flag that stands for a key of the configuration.
struct Flag {
    key: &'static str,
    name: &'static str,
    value: Option<String>,
}

impl Flag {
    fn new(key: &'static str, name: &'static str, value: Option<String>) -> Self {
        Self { key, name, value }
    }
}

/// Returns a list as a variable would have it; `None` if it is empty.
fn listed(items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| items.join(","))
}

/// A region and its number of shards.
#[derive(Debug, Args)]
pub(crate) struct Region {
    /// The number of shards that the nodes divide the region into, their num_shards; messages go
    /// astray if it is wrong [env: CASTY_REGIONS=REGION=N] [default: that of the table regions in --config].
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=65_536),
        help_heading = "Cluster"
    )]
    shards: Option<u32>,
    /// Send even if the cluster allocates shards that speak against that number.
    #[arg(long)]
    pub(crate) force: bool,
    /// The shard region's name.
    #[arg(value_name = "REGION")]
    pub(crate) name: String,
}

impl Region {
    /// Returns the number of shards: that of the flag, or of the configuration.
    ///
    /// # Errors
    /// Neither names one.
    pub(crate) fn shards(
        &self,
        config: &ClientConfig,
        cluster: &Cluster,
    ) -> Result<u32, CommandError> {
        let name = &self.name;
        let configured = || config.regions().get(name).copied();
        self.shards.or_else(configured).ok_or_else(|| {
            let what =
                format!("no number of shards of region {name:?}, which nodes call num_shards,");
            let variable = format!("{}={name}=N", cluster.wire.variable("REGIONS"));
            missing(&what, "--shards", &variable, "[regions] in --config")
        })
    }
}

/// Makes the error of a setting that is not given.
fn missing(what: &str, flag: &str, variable: &str, file: &str) -> CommandError {
    CommandError::Usage(format!("{what} is given: use {flag}, {variable} or {file}").into())
}
