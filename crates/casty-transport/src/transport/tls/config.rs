//! The configuration of TLS: the sources of the certificates of one side.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use tokio::sync::watch;

use super::certificates::{Certificates, Source, Sources};
use super::error::TlsConfigError;
use super::renewal::{Renewal, TlsStatus};

/// The certificates and the key of one side: the authorities that it trusts, and the certificate
/// that it shows.
///
/// Casty nodes show a certificate and require one, of clients as of each other. The certificate
/// that is dialled must be for the host that was dialled (behind the address map), as a DNS name
/// or an IP address among its alternative names.
///
/// Files are read again at every handshake (a few dozen microseconds, on the runtime's blocking
/// pool) and parsed if they changed, so a renewal needs no restart; connections that exist go on
/// with what they began with. While a replacement cannot be used, because it is half written or
/// the key is not that of the certificate, the certificates before it stay in use;
/// [`TlsConfig::status`], [`TlsConfig::changes`] and a warning of `tracing` tell so.
///
/// Cheap to clone; clones share what was read.
#[derive(Clone)]
pub struct TlsConfig(Arc<Renewal>);

impl TlsConfig {
    /// Creates a builder without anything; an authority is the least that is needed.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::default()
    }

    /// Returns the outcome of the renewals so far.
    pub fn status(&self) -> TlsStatus {
        self.0.status.borrow().clone()
    }

    /// Follows the status: every renewal and every refusal is a change. A reader that is slow sees
    /// the last one; the counts tell how many there were. Nothing looks at the files while there
    /// are no handshakes.
    pub fn changes(&self) -> watch::Receiver<TlsStatus> {
        self.0.status.subscribe()
    }

    /// Returns whether there is a certificate to show, as listening needs, and dialling to nodes.
    pub fn has_certificate(&self) -> bool {
        self.0.sources.identity.is_some()
    }

    #[cfg(feature = "quic")]
    pub(crate) fn provider(&self) -> &CryptoProvider {
        &self.0.provider
    }

    /// Returns the certificates for the next handshake, read again if they may have changed.
    pub(crate) async fn certificates(&self) -> Arc<Certificates> {
        if self.0.sources.has_files() {
            let shared = Arc::clone(&self.0);
            // Fails only when the runtime ends; all who wait then end with it.
            let _ = tokio::task::spawn_blocking(move || shared.renew()).await;
        }
        self.0.current()
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsConfig").field(&self.0.sources).finish()
    }
}

/// A builder of a [`TlsConfig`]: where its certificates are. The last setting of a part counts.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TlsConfigBuilder {
    authority: Option<Source>,
    certificate: Option<Source>,
    key: Option<Source>,
    provider: Option<Arc<CryptoProvider>>,
}

impl TlsConfigBuilder {
    /// Sets the file (PEM) with the certificates of the authorities to trust.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.authority = Some(Source::File(path.into()));
        self
    }

    /// Sets the certificates (PEM) of the authorities to trust.
    pub fn ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.authority = Some(memory(pem));
        self
    }

    /// Sets the file (PEM) with our certificate, before those between it and the authority. The key
    /// is taken from it too, unless one is named.
    ///
    /// Without a certificate one can dial servers that want none; Casty nodes do.
    pub fn certificate_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.certificate = Some(Source::File(path.into()));
        self
    }

    /// Sets our certificate (PEM), before those between it and the authority. The key is taken from
    /// it too, unless one is named.
    pub fn certificate_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.certificate = Some(memory(pem));
        self
    }

    /// Sets the file (PEM) with the certificate's private key: PKCS#8, SEC1 or PKCS#1, not encrypted.
    /// ring can use RSA of 2,048 bits and more, ECDSA on P-256 and P-384, and Ed25519.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(Source::File(path.into()));
        self
    }

    /// Sets the certificate's private key (PEM): PKCS#8, SEC1 or PKCS#1, not encrypted.
    pub fn key_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.key = Some(memory(pem));
        self
    }

    /// Sets the provider of cryptography. Default: ring.
    pub fn provider(mut self, provider: Arc<CryptoProvider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Reads everything once. Blocks for as long as reading files does.
    ///
    /// # Errors
    /// Something is missing, cannot be read, or does not go together.
    pub fn build(self) -> Result<TlsConfig, TlsConfigError> {
        let identity = match (self.certificate, self.key) {
            (Some(certificate), key) => Some((certificate, key)),
            (None, None) => None,
            (None, Some(_)) => return Err(TlsConfigError::KeyAlone),
        };
        let sources = Sources {
            authority: self.authority.ok_or(TlsConfigError::NoAuthority)?,
            identity,
        };
        let provider = self
            .provider
            .unwrap_or_else(|| Arc::new(ring::default_provider()));
        Ok(TlsConfig(Arc::new(Renewal::new(sources, provider)?)))
    }
}

fn memory(pem: impl AsRef<[u8]>) -> Source {
    Source::Memory(pem.as_ref().into())
}
