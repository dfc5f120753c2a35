//! Whom a QUIC transport trusts, what it shows of itself, and its limits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{IdleTimeout, VarInt};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::ALPN;

/// Keep-alive that both sides send on an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Connections on which nothing arrives for so long are lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a direction that may be on their way, at most.
const WINDOW: u32 = 4 * 1024 * 1024;

/// Connections that may wait to be accepted.
const BACKLOG: usize = 1024;

/// Certificates and limits of a [`QuicTransport`](super::QuicTransport). Cheap to clone.
///
/// Setters take and give the value.
#[derive(Clone)]
pub struct QuicConfig {
    client: Arc<QuicClientConfig>,
    server: Arc<QuicServerConfig>,
    keep_alive: Duration,
    idle_timeout: Duration,
    window: u32,
}

impl QuicConfig {
    /// Mutual TLS from PEM texts: the CAs to trust, the certificate (with its chain) to show to
    /// whoever dials or is dialled, and its key (PKCS#8, SEC1 or PKCS#1). Both sides must show a
    /// certificate of one of the CAs.
    ///
    /// # Errors
    /// A text cannot be read, or the key is not the certificate's.
    pub fn from_pem(ca: &[u8], cert: &[u8], key: &[u8]) -> Result<Self, QuicConfigError> {
        let mut roots = RootCertStore::empty();
        for root in certificates(ca)? {
            roots.add(root)?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(cert)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(QuicConfigError::Key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain.clone(), key.clone_key())?;
        let diallers =
            WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider)).build()?;
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(diallers)
            .with_single_cert(chain, key)?;
        Self::from_rustls(client, server)
    }

    /// The same with what rustls lets one choose: verifiers, certificates that change, another
    /// provider of cryptography. The configuration is used as it is, but for the protocol's name:
    /// that is [`ALPN`]. TLS 1.3 must be enabled in both, and whether diallers must show a
    /// certificate is up to `server`.
    ///
    /// # Errors
    /// TLS 1.3 is not enabled, or lacks the cipher that QUIC begins with.
    pub fn from_rustls(
        mut client: ClientConfig,
        mut server: ServerConfig,
    ) -> Result<Self, QuicConfigError> {
        client.alpn_protocols = vec![ALPN.to_vec()];
        server.alpn_protocols = vec![ALPN.to_vec()];
        Self::with_any_protocol(client, server)
    }

    pub(super) fn with_any_protocol(
        client: ClientConfig,
        server: ServerConfig,
    ) -> Result<Self, QuicConfigError> {
        Ok(Self {
            client: Arc::new(client.try_into()?),
            server: Arc::new(server.try_into()?),
            keep_alive: KEEP_ALIVE,
            idle_timeout: IDLE_TIMEOUT,
            window: WINDOW,
        })
    }

    /// How often a sign of life is sent on a connection that is idle. Default: 5 s.
    pub fn keep_alive(mut self, every: Duration) -> Self {
        self.keep_alive = every;
        self
    }

    /// After how long without any datagram of the peer a connection is lost; the smaller one of
    /// both sides counts. Default: 30 s; at least 1 ms, at most 2^32 ms.
    pub fn idle_timeout(mut self, after: Duration) -> Self {
        self.idle_timeout = after.max(Duration::from_millis(1));
        self
    }

    /// Bytes of each direction of a connection that are kept at most, by the receiver until they
    /// are read and by the sender until they are acknowledged. Default: 4 MiB; at least 16 KiB.
    pub fn window(mut self, bytes: u32) -> Self {
        self.window = bytes.max(16 * 1024);
        self
    }

    /// For a dial.
    pub(super) fn client(&self) -> quinn::ClientConfig {
        let mut config = quinn::ClientConfig::new(Arc::clone(&self.client) as Arc<_>);
        config.transport_config(Arc::new(self.limits()));
        config
    }

    /// For a listener.
    pub(super) fn server(&self) -> quinn::ServerConfig {
        let mut config = quinn::ServerConfig::with_crypto(Arc::clone(&self.server) as Arc<_>);
        config
            .transport_config(Arc::new(self.limits()))
            .max_incoming(BACKLOG);
        config
    }

    fn limits(&self) -> quinn::TransportConfig {
        let idle = u32::try_from(self.idle_timeout.as_millis()).unwrap_or(u32::MAX);
        let mut limits = quinn::TransportConfig::default();
        limits
            .keep_alive_interval(Some(self.keep_alive))
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle))))
            .stream_receive_window(VarInt::from_u32(self.window.min(1 << 30)))
            .receive_window(VarInt::from_u32(self.window.min(1 << 30)))
            .send_window(u64::from(self.window))
            // A listener allows one when it has accepted the dialler.
            .max_concurrent_bidi_streams(VarInt::from_u32(0))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .datagram_receive_buffer_size(None);
        limits
    }
}

impl fmt::Debug for QuicConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicConfig")
            .field("keep_alive", &self.keep_alive)
            .field("idle_timeout", &self.idle_timeout)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, QuicConfigError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(QuicConfigError::Certificate)?;
    if found.is_empty() {
        return Err(QuicConfigError::Certificate(pem::Error::NoItemsFound));
    }
    Ok(found)
}

/// Why certificates cannot be used for QUIC.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuicConfigError {
    /// A certificate cannot be read.
    #[error("no certificate can be read")]
    Certificate(#[source] pem::Error),
    /// The key cannot be read.
    #[error("no private key can be read")]
    Key(#[source] pem::Error),
    /// The parts do not fit together: the key is not the certificate's, for example.
    #[error("certificate and key cannot be used")]
    Tls(#[from] rustls::Error),
    /// Diallers cannot be checked.
    #[error("the CAs cannot be used")]
    Verifier(#[from] VerifierBuilderError),
    /// TLS 1.3 is not enabled, or lacks the cipher that QUIC begins with.
    #[error("no TLS 1.3 with AES-128-GCM")]
    Cipher(#[from] NoInitialCipherSuite),
}
