//! The renewal of certificates: files are read again, and taken into use if they changed.

use std::sync::Arc;

use casty_proto::Chain;
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use tokio::sync::watch;

use super::certificates::{Certificates, Pems, Sources};
use super::error::TlsConfigError;

/// The outcome of the renewals of certificates.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TlsStatus {
    /// The number of times that changed files were taken into use.
    pub renewed: u64,
    /// The number of times that changed files could not be used, each state of them counted once.
    pub refused: u64,
    /// The reason for which the files as they were last read are not in use; `None` if they are.
    pub error: Option<TlsConfigError>,
}

/// The certificates of one side as its clones share them, and the sources that they are read from.
pub(super) struct Renewal {
    /// `None` of certificates that the program sees to itself.
    pub(super) sources: Option<Sources>,
    pub(super) provider: Arc<CryptoProvider>,
    /// The files as they were read last, unless that failed. Locked while files are read, so that
    /// an older reading never replaces a newer one; taken before `current`.
    seen: Mutex<Option<Pems>>,
    /// The certificates in use. Locked for a clone or a swap only.
    current: Mutex<Arc<Certificates>>,
    pub(super) status: watch::Sender<TlsStatus>,
}

impl Renewal {
    /// Reads everything for the first time. Blocks.
    pub(super) fn new(
        sources: Sources,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsConfigError> {
        let seen = sources.read()?;
        let certificates = Arc::new(sources.parse(&seen, &provider)?);
        Ok(Self {
            sources: Some(sources),
            provider,
            seen: Mutex::new(Some(seen)),
            current: Mutex::new(certificates),
            status: watch::Sender::new(TlsStatus::default()),
        })
    }

    /// Takes a configuration of the program's own, which stays as it is.
    pub(super) fn of(config: &ClientConfig) -> Self {
        Self {
            sources: None,
            provider: Arc::clone(config.crypto_provider()),
            seen: Mutex::new(None),
            current: Mutex::new(Arc::new(Certificates::of(config))),
            status: watch::Sender::new(TlsStatus::default()),
        }
    }

    /// Returns the certificates in use.
    pub(super) fn current(&self) -> Arc<Certificates> {
        Arc::clone(&self.current.lock())
    }

    /// Reads the files, and takes them into use if they changed and can be used. Blocks.
    pub(super) fn renew(&self) {
        let Some(sources) = &self.sources else {
            return;
        };
        let mut seen = self.seen.lock();
        let pems = match sources.read() {
            Ok(pems) => pems,
            Err(error) => {
                *seen = None;
                return self.report(error);
            }
        };
        if seen.as_ref() == Some(&pems) {
            return;
        }
        let parsed = sources.parse(&pems, &self.provider);
        *seen = Some(pems);
        match parsed {
            Ok(certificates) => {
                *self.current.lock() = Arc::new(certificates);
                tracing::info!("certificates were renewed");
                self.status.send_modify(|status| {
                    status.renewed += 1;
                    status.error = None;
                });
            }
            Err(error) => self.report(error),
        }
    }

    /// Reports that changed files cannot be used.
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
        tracing::warn!(error = %Chain(&error), "changed certificates cannot be used; the old ones stay");
        self.status.send_modify(|status| {
            status.refused += 1;
            status.error = Some(error);
        });
    }
}
