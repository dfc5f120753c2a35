//! The certificates and limits of a QUIC transport.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{IdleTimeout, VarInt};
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, Version};
use rustls::{CipherSuite, ClientConfig, ServerConfig};

use super::error::QuicConfigError;
use crate::transport::tls::TlsConfig;

/// The windows that make sense, in bytes.
const WINDOWS: std::ops::RangeInclusive<u32> = 16 * 1024..=1 << 30;

/// Connections that may wait to be accepted.
const BACKLOG: usize = 1024;

/// The certificates and limits of a [`QuicTransport`](super::QuicTransport). Cheap to clone.
///
/// The certificates are those of a [`TlsConfig`], read again at every handshake as for TLS over
/// TCP. Setters take and give the value; [`check`](Self::check) refuses what makes no sense, and so
/// does every dial and listen, before a socket opens.
#[derive(Debug, Clone)]
#[must_use]
pub struct QuicConfig {
    tls: TlsConfig,
    keep_alive: Duration,
    idle_timeout: Duration,
    window: u32,
}

impl QuicConfig {
    /// The protocol that both sides must name in their handshake (ALPN).
    pub const ALPN: &[u8] = b"casty/1";

    /// The default time between two signs of life on an idle connection: 5 s.
    pub const KEEP_ALIVE: Duration = Duration::from_secs(5);

    /// The default time without a datagram after which a connection is lost: 30 s.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

    /// The default limit of the bytes of a direction that are kept: 4 MiB.
    pub const WINDOW: u32 = 4 * 1024 * 1024;

    /// Creates the configuration with these certificates and their cryptography, and the default
    /// limits. It is always TLS 1.3, with [`ALPN`](Self::ALPN) as the only protocol.
    pub fn new(tls: TlsConfig) -> Self {
        Self {
            tls,
            keep_alive: Self::KEEP_ALIVE,
            idle_timeout: Self::IDLE_TIMEOUT,
            window: Self::WINDOW,
        }
    }

    /// Sets the time between two signs of life on a connection that is idle. Default: 5 s; at least
    /// 1 ms, and less than the idle timeout.
    pub fn keep_alive(mut self, every: Duration) -> Self {
        self.keep_alive = every;
        self
    }

    /// Sets the time without any datagram of the peer after which a connection is lost; the smaller
    /// one of both sides counts. Default: 30 s; at least 1 ms, less than 2^32 ms.
    pub fn idle_timeout(mut self, after: Duration) -> Self {
        self.idle_timeout = after;
        self
    }

    /// Sets the number of bytes of each direction of a connection that are kept at most, by the
    /// receiver until they are read and by the sender until they are acknowledged. Default: 4 MiB;
    /// from 16 KiB to 1 GiB.
    pub fn window(mut self, bytes: u32) -> Self {
        self.window = bytes;
        self
    }

    /// Checks that the parts make sense together.
    ///
    /// # Errors
    /// They do not; the error names what contradicts what.
    pub fn check(&self) -> Result<(), QuicConfigError> {
        let millisecond = Duration::from_millis(1);
        if self.keep_alive < millisecond {
            return Err(QuicConfigError::NoKeepAlive);
        }
        if self.idle_timeout < millisecond || idle(self.idle_timeout).is_none() {
            return Err(QuicConfigError::IdleTimeout(self.idle_timeout));
        }
        if self.keep_alive >= self.idle_timeout {
            return Err(QuicConfigError::KeepAlive {
                keep_alive: self.keep_alive,
                idle_timeout: self.idle_timeout,
            });
        }
        if !WINDOWS.contains(&self.window) {
            return Err(QuicConfigError::Window(self.window));
        }
        let suites = &self.tls.provider().cipher_suites;
        let is_initial = |suite: &rustls::SupportedCipherSuite| {
            let suite = suite.tls13();
            suite.is_some_and(|suite| {
                suite.common.suite == CipherSuite::TLS13_AES_128_GCM_SHA256
                    && suite.quic_suite().is_some()
            })
        };
        if !suites.iter().any(is_initial) {
            return Err(QuicConfigError::Cipher);
        }
        self.tls.own().map_or(Ok(()), check_own)
    }

    /// Returns the certificates, whose status tells of renewals.
    pub fn tls(&self) -> &TlsConfig {
        &self.tls
    }

    /// Returns the configuration of a dial.
    pub(super) fn client(
        &self,
        mut tls: ClientConfig,
    ) -> Result<quinn::ClientConfig, QuicConfigError> {
        self.check()?;
        tls.alpn_protocols = vec![QuicConfig::ALPN.to_vec()];
        let tls = QuicClientConfig::try_from(tls).map_err(|_| QuicConfigError::Cipher)?;
        let mut config = quinn::ClientConfig::new(Arc::new(tls));
        config.transport_config(Arc::new(self.limits()));
        Ok(config)
    }

    /// Returns the configuration of a listener, and of each connection that it accepts.
    pub(super) fn server(
        &self,
        tls: &ServerConfig,
    ) -> Result<quinn::ServerConfig, QuicConfigError> {
        self.check()?;
        let mut config = quinn::ServerConfig::with_crypto(server_crypto(tls)?);
        config
            .transport_config(Arc::new(self.limits()))
            .max_incoming(BACKLOG);
        Ok(config)
    }

    fn limits(&self) -> quinn::TransportConfig {
        let mut limits = quinn::TransportConfig::default();
        limits
            .keep_alive_interval(Some(self.keep_alive))
            .max_idle_timeout(idle(self.idle_timeout))
            .stream_receive_window(VarInt::from_u32(self.window))
            .receive_window(VarInt::from_u32(self.window))
            .send_window(u64::from(self.window))
            // A listener allows one when it has accepted the dialler.
            .max_concurrent_bidi_streams(VarInt::from_u32(0))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .datagram_receive_buffer_size(None);
        limits
    }
}

/// Checks that a configuration of the program's own can be that of QUIC.
fn check_own(config: ClientConfig) -> Result<(), QuicConfigError> {
    let protocols = &config.alpn_protocols;
    if !protocols.is_empty() && !protocols.iter().any(|it| it == QuicConfig::ALPN) {
        return Err(QuicConfigError::OtherProtocol);
    }
    // rustls tells its versions in no other way, and quinn panics without this one.
    let name = ServerName::from(Ipv4Addr::LOCALHOST);
    let begun = ClientConnection::new(Arc::new(config), Version::V1, name, Vec::new());
    begun.map_err(|_| QuicConfigError::NoTls13)?;
    Ok(())
}

/// Returns the timeout as QUIC tells it to the peer, in milliseconds; `None` if it is too long.
fn idle(timeout: Duration) -> Option<IdleTimeout> {
    let milliseconds = u32::try_from(timeout.as_millis()).ok()?;
    Some(IdleTimeout::from(VarInt::from_u32(milliseconds)))
}

/// Turns a listener's TLS into that of QUIC.
pub(super) fn server_crypto(tls: &ServerConfig) -> Result<Arc<QuicServerConfig>, QuicConfigError> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![QuicConfig::ALPN.to_vec()];
    let tls = QuicServerConfig::try_from(tls).map_err(|_| QuicConfigError::Cipher)?;
    Ok(Arc::new(tls))
}
