//! Transports that clients reach nodes over, and what both sides need for them.

use std::fmt;
use std::str::FromStr;

use casty_client::{TlsConfig, TransportConfig};
use casty_transport::QuicConfig;

use crate::certificates::{Certificates, Makers};
use crate::error::Failure;
use crate::python::Installation;

/// A transport, by the name that the `casty` command knows it under.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transport {
    /// The default of nodes.
    #[default]
    Tcp,
    /// Nodes with TLS, which show certificates and require them.
    Tls,
    /// Nodes with plain TCP behind a `casty proxy` each, which is dialled by QUIC.
    Quic,
}

impl Transport {
    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Quic => "quic",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        [Self::Tcp, Self::Tls, Self::Quic]
            .into_iter()
            .find(|transport| transport.name() == text)
            .ok_or_else(|| UnknownTransport(text.to_owned()))
    }
}

/// A name that is no transport's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no transport is called {0:?}; there are tcp, tls and quic")]
pub struct UnknownTransport(pub String);

/// A transport with its certificates. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Link {
    transport: Transport,
    certificates: Option<Certificates>,
    client: TransportConfig,
}

impl Link {
    /// Returns a link over plain TCP.
    pub fn tcp() -> Self {
        Self {
            transport: Transport::Tcp,
            certificates: None,
            client: TransportConfig::tcp(),
        }
    }

    /// Returns a link over that transport, with certificates of these makers if it needs any. Files
    /// of an earlier call with the same label and makers are replaced, and programs that use them
    /// take the new ones.
    ///
    /// # Errors
    /// The certificates could not be made, or are not taken.
    pub async fn make(
        python: &Installation,
        transport: Transport,
        makers: Makers,
        label: &str,
    ) -> Result<Self, Failure> {
        if transport == Transport::Tcp {
            return Ok(Self::tcp());
        }
        let certificates = Certificates::make(python, makers, label).await?;
        let client = match transport {
            Transport::Quic => TransportConfig::quic(QuicConfig::new(tls(&certificates)?)),
            Transport::Tcp | Transport::Tls => TransportConfig::tls(tls(&certificates)?),
        };
        Ok(Self {
            transport,
            certificates: Some(certificates),
            client,
        })
    }

    /// Returns the transport.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Returns the configuration that a client dials with.
    pub fn client(&self) -> &TransportConfig {
        &self.client
    }

    /// Returns the certificates of both sides; none without encryption.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }
}

/// Returns the configuration that a client needs for TLS and QUIC.
fn tls(certificates: &Certificates) -> Result<TlsConfig, Failure> {
    let (certificate, key) = certificates.client();
    let config = TlsConfig::builder().ca_file(certificates.authority());
    let config = config.certificate_file(certificate).key_file(key);
    Ok(config.build()?)
}
