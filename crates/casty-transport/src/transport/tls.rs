//! Certificates on both sides, as Casty nodes require them: for TLS 1.2 and 1.3 over TCP, and for
//! QUIC.

use casty_proto::NodeAddress;
use rustls::pki_types::ServerName;

use crate::error::DialError;

mod certificates;
mod config;
mod dial;
mod error;
#[cfg(test)]
#[cfg_attr(
    not(all(feature = "tls", feature = "quic")),
    allow(dead_code, reason = "the tests of each need other parts of it")
)]
pub(crate) mod issued;
#[cfg(feature = "tls")]
mod stream;
#[cfg(feature = "tls")]
mod transport;

pub use config::{TlsConfig, TlsConfigBuilder, TlsStatus};
pub(crate) use dial::Dialling;
pub use error::{TlsConfigError, TlsError};
#[cfg(feature = "tls")]
pub use transport::TlsTransport;

/// The name that the certificate of the host must be for. Without one, nothing is dialled.
pub(crate) fn host_name(of: &NodeAddress) -> Result<ServerName<'static>, DialError> {
    ServerName::try_from(of.host().to_owned()).map_err(|_| DialError::Tls {
        at: of.clone(),
        source: TlsError::HostName,
    })
}

#[cfg(test)]
#[cfg(feature = "tls")]
mod tests;
