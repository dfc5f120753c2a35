//! TLS with certificates on both sides, as Casty nodes require them: 1.2 and 1.3 over TCP, and for
//! QUIC.

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
mod key;
mod renewal;
#[cfg(feature = "tls")]
mod stream;
#[cfg(feature = "tls")]
mod transport;
pub(crate) mod words;

pub use config::{TlsConfig, TlsConfigBuilder};
pub(crate) use dial::{TlsDial, dialler_proof_of, proof_of};
pub use error::{TlsConfigError, TlsError};
pub use renewal::TlsStatus;
#[cfg(feature = "tls")]
pub use transport::TlsTransport;

#[cfg(test)]
#[cfg(feature = "tls")]
mod tests;
