//! The configuration of TLS: the sources of the certificates of one side.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use casty_proto::NodeAddress;
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use tokio::sync::watch;

use super::certificates::{Certificates, Source, Sources};
use super::dial::host_name;
use super::error::TlsConfigError;
use super::renewal::{Renewal, TlsStatus};
use crate::error::{DialError, ListenError};

/// The certificates and the key of one side: the authorities that it trusts, and the certificate
/// that it shows.
///
/// Casty nodes show a certificate and require one, of clients as of each other. The certificate
/// that is dialled must be for the host that was dialled (behind the address map), as a DNS name
/// or an IP address among its alternative names, or for the
/// [server name](Self::with_server_name) that is set.
///
/// Files are read again at every handshake (a few dozen microseconds, on the runtime's blocking
/// pool) and parsed if they changed, so a renewal needs no restart; connections that exist go on
/// with what they began with. While a replacement cannot be used, because it is half written or
/// the key is not that of the certificate, the certificates before it stay in use;
/// [`TlsConfig::status`], [`TlsConfig::changes`] and a warning of `tracing` tell so.
///
/// Cheap to clone; clones share what was read.
#[derive(Clone)]
pub struct TlsConfig {
    renewal: Arc<Renewal>,
    server_name: Option<ServerName<'static>>,
}

impl TlsConfig {
    /// Creates a builder without anything; an authority is the least that is needed.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::default()
    }

    /// Creates a configuration of a side that dials from one of rustls: with a store of certificates, a
    /// verifier or hardware keys of the program's own.
    ///
    /// Its versions, provider, verifier and resolver are used as they are, and what
    /// [`TlsConfig`] says of files does not hold: the verifier decides whom to trust, and the resolver
    /// which certificate to show, at each handshake anew. Still a server that does not ask for a
    /// certificate is refused if the resolver has any. Sessions are not resumed, for a resumed one
    /// shows no certificates. Over QUIC, TLS 1.3 must be enabled, and its protocols (ALPN) be none or
    /// `casty/1` among them: [`QuicConfig::check`](crate::QuicConfig::check) tells.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use casty_transport::TlsConfig;
    /// use casty_transport::rustls::{ClientConfig, RootCertStore, crypto::ring};
    ///
    /// let provider = Arc::new(ring::default_provider());
    /// let config = ClientConfig::builder_with_provider(provider)
    ///     .with_safe_default_protocol_versions()?
    ///     .with_root_certificates(RootCertStore::empty())
    ///     .with_no_client_auth();
    /// let tls = TlsConfig::from_rustls(Arc::new(config));
    /// # Ok::<(), casty_transport::rustls::Error>(())
    /// ```
    pub fn from_rustls(config: impl Into<Arc<ClientConfig>>) -> Self {
        let config: Arc<ClientConfig> = config.into();
        Self {
            renewal: Arc::new(Renewal::of(&config)),
            server_name: None,
        }
    }

    /// Sets the name that the certificates of servers must be for, in place of the host that is
    /// dialled: a DNS name, which the server is told (SNI), or an IP address. For nodes that share
    /// one name because their addresses are not known when certificates are made. It counts for
    /// every server that is dialled, over TLS and QUIC, and not where connections are accepted.
    ///
    /// Such a certificate shows that the peer is one of the cluster, not which. So a node is
    /// believed to be at the address that was dialled, but one that calls itself otherwise is not
    /// connected unless the address map has it at the same place, or its certificate names its own
    /// host besides; that it is for this name counts for nothing
    /// ([`Connection::covered`](crate::Connection::covered)). A contact point that is a name of
    /// several nodes is no way in then; their own addresses are.
    ///
    /// # Errors
    /// No certificate can be for such a name.
    pub fn with_server_name(mut self, name: &str) -> Result<Self, TlsConfigError> {
        let parsed = ServerName::try_from(name.to_owned());
        let parsed = parsed.map_err(|_| TlsConfigError::ServerName {
            name: name.to_owned(),
        })?;
        self.server_name = Some(parsed);
        Ok(self)
    }

    /// Returns the outcome of the renewals so far.
    pub fn status(&self) -> TlsStatus {
        self.renewal.status.borrow().clone()
    }

    /// Follows the status: every renewal and every refusal is a change. A reader that is slow sees
    /// the last one; the counts tell how many there were. Nothing looks at the files while there
    /// are no handshakes.
    pub fn changes(&self) -> watch::Receiver<TlsStatus> {
        self.renewal.status.subscribe()
    }

    /// Returns whether there is a certificate to show, as listening needs, and dialling to nodes.
    pub fn has_certificate(&self) -> bool {
        let certificates = self.renewal.current();
        certificates.client.client_auth_cert_resolver.has_certs()
    }

    /// Checks that there is what listening needs.
    ///
    /// # Errors
    /// There is no certificate, or a configuration that can only dial.
    pub(crate) fn check_listening(&self, at: &NodeAddress) -> Result<(), ListenError> {
        let at = || at.clone();
        if self.renewal.sources.is_none() {
            return Err(ListenError::DialsOnly { at: at() });
        }
        if !self.has_certificate() {
            return Err(ListenError::NoCertificate { at: at() });
        }
        Ok(())
    }

    /// Returns the name that the certificate of a server at this address must be for.
    ///
    /// # Errors
    /// There is none, so nothing must be dialled.
    pub(crate) fn name_for(&self, to: &NodeAddress) -> Result<ServerName<'static>, DialError> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => host_name(to),
        }
    }

    /// Returns the name that is set for all servers.
    pub(crate) fn server_name(&self) -> Option<&ServerName<'static>> {
        self.server_name.as_ref()
    }

    #[cfg(feature = "quic")]
    pub(crate) fn provider(&self) -> &CryptoProvider {
        &self.renewal.provider
    }

    /// Returns the configuration of the program's own, if it is one.
    #[cfg(feature = "quic")]
    pub(crate) fn own(&self) -> Option<ClientConfig> {
        let own = self.renewal.sources.is_none();
        own.then(|| self.renewal.current().client.clone())
    }

    /// Returns the certificates for the next handshake, read again if they may have changed.
    pub(crate) async fn certificates(&self) -> Arc<Certificates> {
        let sources = self.renewal.sources.as_ref();
        if sources.is_some_and(Sources::has_files) {
            let shared = Arc::clone(&self.renewal);
            // Fails only when the runtime ends; all who wait then end with it.
            let _ = tokio::task::spawn_blocking(move || shared.renew()).await;
        }
        self.renewal.current()
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("sources", &self.renewal.sources)
            .field("server_name", &self.server_name)
            .finish()
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
    server_name: Option<String>,
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

    /// Sets the name that the certificates of servers must be for, in place of the host that is
    /// dialled; [`TlsConfig::with_server_name`] says what follows from it. Default: that host.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
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
        let config = TlsConfig {
            renewal: Arc::new(Renewal::new(sources, provider)?),
            server_name: None,
        };
        match self.server_name {
            Some(name) => config.with_server_name(&name),
            None => Ok(config),
        }
    }
}

fn memory(pem: impl AsRef<[u8]>) -> Source {
    Source::Memory(pem.as_ref().into())
}
