//! The certificates of one side, and their renewal.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::crypto::{CryptoProvider, ring};
use tokio::sync::watch;

use super::certificates::{Material, Pems, Source, Sources};
use super::error::TlsConfigError;

/// Whom to trust, and what to show: the certificates and the key for both directions.
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
pub struct TlsConfig(Arc<Shared>);

struct Shared {
    sources: Sources,
    provider: Arc<CryptoProvider>,
    /// What was read last, unless that failed. Held while files are read, so that an older reading
    /// never replaces a newer one.
    seen: Mutex<Option<Pems>>,
    material: Mutex<Arc<Material>>,
    status: watch::Sender<TlsStatus>,
}

/// What became of renewed certificates.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TlsStatus {
    /// How often changed files were taken into use.
    pub renewed: u64,
    /// How often changed files could not be used, each state of them counted once.
    pub refused: u64,
    /// Why the files as they were last read are not in use; `None` if they are.
    pub error: Option<TlsConfigError>,
}

impl TlsConfig {
    /// Begins with nothing; an authority is the least that is needed.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::default()
    }

    /// What became of renewed certificates so far.
    pub fn status(&self) -> TlsStatus {
        self.0.status.borrow().clone()
    }

    /// Follows the status: every renewal and every refusal is a change. A reader that is slow sees
    /// the last one; the counts tell how many there were. Nothing looks at the files while there
    /// are no handshakes.
    pub fn changes(&self) -> watch::Receiver<TlsStatus> {
        self.0.status.subscribe()
    }

    /// Whether there is a certificate to show, as listening needs, and dialling to nodes.
    pub fn has_certificate(&self) -> bool {
        self.0.sources.identity.is_some()
    }

    #[cfg(feature = "quic")]
    pub(crate) fn provider(&self) -> &CryptoProvider {
        &self.0.provider
    }

    /// What the next handshake needs, read again if it may have changed.
    pub(crate) async fn material(&self) -> Arc<Material> {
        if self.0.sources.has_files() {
            let shared = Arc::clone(&self.0);
            // Fails only when the runtime ends; whoever waits then ends with it.
            let _ = tokio::task::spawn_blocking(move || shared.renew()).await;
        }
        Arc::clone(&self.0.material.lock())
    }
}

impl Shared {
    fn renew(&self) {
        let mut seen = self.seen.lock();
        let pems = match self.sources.read() {
            Ok(pems) => pems,
            Err(error) => {
                *seen = None;
                return self.report(error);
            }
        };
        if seen.as_ref() == Some(&pems) {
            return;
        }
        let parsed = self.sources.parse(&pems, &self.provider);
        *seen = Some(pems);
        match parsed {
            Ok(material) => {
                *self.material.lock() = Arc::new(material);
                tracing::info!("certificates were renewed");
                self.status.send_modify(|status| {
                    status.renewed += 1;
                    status.error = None;
                });
            }
            Err(error) => self.report(error),
        }
    }

    fn report(&self, error: TlsConfigError) {
        let is_unread = matches!(
            error,
            TlsConfigError::Read { .. } | TlsConfigError::TooLong { .. }
        );
        let told = |known: &TlsConfigError| known.to_string() == error.to_string();
        // A file that stays away is one refusal, not one at every handshake.
        if is_unread && self.status.borrow().error.as_ref().is_some_and(told) {
            return;
        }
        tracing::warn!(%error, "changed certificates cannot be used; the old ones stay");
        self.status.send_modify(|status| {
            status.refused += 1;
            status.error = Some(error);
        });
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsConfig").field(&self.0.sources).finish()
    }
}

/// Collects where the certificates of a [`TlsConfig`] are. The last word on a part counts.
#[derive(Debug, Clone, Default)]
pub struct TlsConfigBuilder {
    authority: Option<Source>,
    certificate: Option<Source>,
    key: Option<Source>,
    provider: Option<Arc<CryptoProvider>>,
}

impl TlsConfigBuilder {
    /// The file (PEM) with the certificates of the authorities to trust.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.authority = Some(Source::File(path.into()));
        self
    }

    /// The certificates (PEM) of the authorities to trust.
    pub fn ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.authority = Some(memory(pem));
        self
    }

    /// The file (PEM) with our certificate, before those between it and the authority. The key is
    /// taken from it too, unless one is named.
    ///
    /// Without a certificate one can dial servers that want none; Casty nodes do.
    pub fn certificate_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.certificate = Some(Source::File(path.into()));
        self
    }

    /// Our certificate (PEM), before those between it and the authority. The key is taken from it
    /// too, unless one is named.
    pub fn certificate_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.certificate = Some(memory(pem));
        self
    }

    /// The file (PEM) with the certificate's private key: PKCS#8, SEC1 or PKCS#1, not encrypted.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(Source::File(path.into()));
        self
    }

    /// The certificate's private key (PEM): PKCS#8, SEC1 or PKCS#1, not encrypted.
    pub fn key_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.key = Some(memory(pem));
        self
    }

    /// Who does the cryptography. Default: ring.
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
        let seen = sources.read()?;
        let material = Arc::new(sources.parse(&seen, &provider)?);
        Ok(TlsConfig(Arc::new(Shared {
            sources,
            provider,
            seen: Mutex::new(Some(seen)),
            material: Mutex::new(material),
            status: watch::Sender::new(TlsStatus::default()),
        })))
    }
}

fn memory(pem: impl AsRef<[u8]>) -> Source {
    Source::Memory(pem.as_ref().into())
}
