//! Over which transport to reach the cluster.

use std::path::PathBuf;

use casty_client::{TlsConfig, TransportConfig};
use clap::{Args, ValueEnum};

use crate::failure::Failure;

/// The transport, and whose certificates it shows and trusts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct Transport {
    /// What the nodes are configured with.
    #[arg(id = "transport", long, value_enum, default_value_t = Kind::Tcp)]
    kind: Kind,
    /// With tls: the certificates of the authorities to trust (PEM).
    #[arg(long, value_name = "FILE", required_if_eq("transport", "tls"))]
    tls_ca: Option<PathBuf>,
    /// With tls: the certificate to show, which nodes require (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_ca")]
    tls_cert: Option<PathBuf>,
    /// With tls: its private key (PEM) [default: in the file of --tls-cert].
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Tcp,
    Tls,
}

impl Transport {
    /// The transport to use.
    ///
    /// # Errors
    /// The certificates cannot be used, or are of no use.
    pub(crate) fn config(&self) -> Result<TransportConfig, Failure> {
        match (self.kind, &self.tls_ca) {
            (Kind::Tcp, None) => return Ok(TransportConfig::tcp()),
            (Kind::Tcp, Some(_)) => {
                let text = "certificates are of no use without --transport tls";
                return Err(Failure::Usage(text.into()));
            }
            (Kind::Tls, _) => {}
        }
        let mut builder = TlsConfig::builder();
        if let Some(path) = &self.tls_ca {
            builder = builder.ca_file(path);
        }
        if let Some(path) = &self.tls_cert {
            builder = builder.certificate_file(path);
        }
        if let Some(path) = &self.tls_key {
            builder = builder.key_file(path);
        }
        let config = builder
            .build()
            .map_err(|error| Failure::Usage(error.into()))?;
        Ok(TransportConfig::tls(config))
    }
}
