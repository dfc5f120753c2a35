//! The settings: one file, in which those of the client are the table `casty`.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use casty_client::{ClientConfig, ConfigError};
use serde::{Deserialize, Deserializer, de};

use crate::following;

/// The prefix of variables that set what is in the table `casty`, as `GATEWAY_CASTY_CONTACT_POINTS` does.
const PREFIX: &str = "GATEWAY_CASTY";

/// The settings of the gateway and of its client.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The settings of the table `gateway`.
    pub gateway: GatewaySettings,
    /// The settings of the table `casty`, and above them those of the environment.
    pub client: ClientConfig,
}

/// The settings of the table `gateway`; each has a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySettings {
    /// The address to listen at for requests.
    pub listen: SocketAddr,
    /// The address to listen at for probes and who reads the metrics, with 64 connections of their own.
    pub probe_listen: SocketAddr,
    /// The connections of requests at once; more wait in the kernel.
    pub max_connections: usize,
    /// The time in which a connection must send the head of its first or next request.
    #[serde(deserialize_with = "time")]
    pub head_timeout: Duration,
    /// The requests at once; more are refused.
    pub max_requests: usize,
    /// The time in which a request must have an answer.
    #[serde(deserialize_with = "time")]
    pub request_timeout: Duration,
    /// The streams of events at once; more are refused.
    pub max_streams: usize,
    /// The time after which an account is asked anew for its pushes, though nothing is known to have happened.
    #[serde(deserialize_with = "time")]
    pub renewal: Duration,
    /// The time that requests have to end when the gateway stops.
    #[serde(deserialize_with = "time")]
    pub drain_timeout: Duration,
    /// The time that the client has then to write what waits.
    #[serde(deserialize_with = "time")]
    pub close_timeout: Duration,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::UNSPECIFIED, 8080).into(),
            probe_listen: (Ipv4Addr::UNSPECIFIED, 8081).into(),
            max_connections: 4_096,
            head_timeout: Duration::from_secs(30),
            max_requests: 1_024,
            request_timeout: Duration::from_secs(2),
            max_streams: 1_024,
            renewal: Duration::from_secs(15),
            drain_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
        }
    }
}

impl GatewaySettings {
    /// Returns the limits of what is followed.
    pub fn following(&self) -> following::Limits {
        following::Limits {
            streams: self.max_streams,
            renewal: self.renewal,
        }
    }
}

/// The reason for which there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is no TOML, or its table `gateway` is wrong.
    #[error("{} is wrong", path.display())]
    Gateway {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: toml::de::Error,
    },
    /// The table `casty`, or the environment, is wrong.
    #[error(transparent)]
    Client(#[from] ConfigError),
}

/// The file, of which the client reads its table by itself.
#[derive(Deserialize)]
struct File {
    #[serde(default)]
    gateway: GatewaySettings,
}

impl Settings {
    /// Reads a file, and the environment.
    ///
    /// # Errors
    /// The file cannot be read, or something in it or in the environment is wrong.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let file: File = toml::from_str(&text).map_err(|source| SettingsError::Gateway {
            path: path.to_owned(),
            source,
        })?;
        let client = ClientConfig::layers()
            .table("casty")
            .toml(&text, &path.display().to_string())?
            .environment_prefix(PREFIX)
            .environment()?
            .load()?;
        Ok(Self {
            gateway: file.gateway,
            client,
        })
    }
}

/// Reads a time such as `2s`.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(de::Error::custom)
}
