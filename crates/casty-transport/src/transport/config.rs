//! The choice of a transport.

use std::sync::Arc;

#[cfg(feature = "memory")]
use crate::transport::MemoryNetwork;
#[cfg(feature = "socks5")]
use crate::transport::Socks5;
#[cfg(any(feature = "tls", feature = "quic"))]
use crate::transport::TlsConfig;
#[cfg(feature = "tls")]
use crate::transport::TlsTransport;
use crate::transport::Transport;
#[cfg(feature = "quic")]
use crate::transport::{QuicConfig, QuicConfigError, QuicTransport};
#[cfg(feature = "tcp")]
use crate::transport::{TcpConfig, TcpTransport};

/// The choice of the transport of a client or a node. Nothing is opened before the first dial or
/// listen.
///
/// With the feature `tcp` the default is TCP, which every Casty node speaks unless it is
/// configured for TLS.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "tcp", derive(Default))]
pub struct TransportConfig(Kind);

#[derive(Debug, Clone)]
enum Kind {
    #[cfg(feature = "tcp")]
    Tcp(Tcp),
    #[cfg(feature = "tls")]
    Tls(TlsConfig, Tcp),
    #[cfg(feature = "memory")]
    Memory(MemoryNetwork),
    #[cfg(feature = "quic")]
    Quic(QuicConfig),
    Custom(Arc<dyn Transport>),
}

#[cfg(feature = "tcp")]
impl Default for Kind {
    fn default() -> Self {
        Self::Tcp(Tcp::default())
    }
}

/// The choices for TCP, with TLS above it or without.
#[cfg(feature = "tcp")]
#[derive(Debug, Clone, Default)]
struct Tcp {
    times: TcpConfig,
    #[cfg(feature = "socks5")]
    proxy: Option<Socks5>,
}

#[cfg(feature = "tcp")]
impl Tcp {
    fn transport(&self) -> TcpTransport {
        let transport = TcpTransport::with(self.times);
        #[cfg(feature = "socks5")]
        if let Some(proxy) = &self.proxy {
            return transport.through(proxy.clone());
        }
        transport
    }
}

impl TransportConfig {
    /// Chooses plain TCP.
    #[cfg(feature = "tcp")]
    pub fn tcp() -> Self {
        Self(Kind::default())
    }

    /// Chooses TLS over TCP, with these certificates.
    #[cfg(feature = "tls")]
    pub fn tls(config: TlsConfig) -> Self {
        Self(Kind::Tls(config, Tcp::default()))
    }

    /// Replaces the times after which a silent TCP connection is lost, under TLS too. Changes
    /// nothing where the transport is neither.
    #[cfg(feature = "tcp")]
    #[must_use]
    pub fn over_tcp(mut self, config: TcpConfig) -> Self {
        if let Some(tcp) = self.tcp_mut() {
            tcp.times = config;
        }
        self
    }

    /// Has all TCP connections dialled through a SOCKS5 proxy, under TLS too: those of a program that
    /// reaches its cluster by a bastion, or by `ssh -D`. Changes nothing where the transport is neither.
    #[cfg(feature = "socks5")]
    #[must_use]
    pub fn through(mut self, proxy: Socks5) -> Self {
        if let Some(tcp) = self.tcp_mut() {
            tcp.proxy = Some(proxy);
        }
        self
    }

    #[cfg(feature = "tcp")]
    fn tcp_mut(&mut self) -> Option<&mut Tcp> {
        match &mut self.0 {
            Kind::Tcp(tcp) => Some(tcp),
            #[cfg(feature = "tls")]
            Kind::Tls(_, tcp) => Some(tcp),
            #[cfg_attr(
                not(any(feature = "memory", feature = "quic")),
                allow(
                    clippy::match_wildcard_for_single_variants,
                    reason = "the others are features"
                )
            )]
            _ => None,
        }
    }

    /// Chooses a network inside this process.
    #[cfg(feature = "memory")]
    pub fn memory(network: MemoryNetwork) -> Self {
        Self(Kind::Memory(network))
    }

    /// Chooses QUIC with mutual TLS: for Rust listeners, and for nodes behind a
    /// [`Proxy`](crate::Proxy).
    #[cfg(feature = "quic")]
    pub fn quic(config: QuicConfig) -> Self {
        Self(Kind::Quic(config))
    }

    /// Chooses a transport of your own.
    pub fn custom(transport: Arc<dyn Transport>) -> Self {
        Self(Kind::Custom(transport))
    }

    /// Returns the certificates that it shows and trusts; `None` if it has none, or is of your own.
    #[cfg(any(feature = "tls", feature = "quic"))]
    pub fn certificates(&self) -> Option<&TlsConfig> {
        match &self.0 {
            #[cfg(feature = "tls")]
            Kind::Tls(config, _) => Some(config),
            #[cfg(feature = "quic")]
            Kind::Quic(config) => Some(config.tls()),
            _ => None,
        }
    }

    /// Checks that the configuration makes sense; only that of QUIC may not.
    ///
    /// # Errors
    /// A limit of QUIC is out of range or contradicts another: see [`QuicConfig::check`].
    #[cfg(feature = "quic")]
    pub fn check(&self) -> Result<(), QuicConfigError> {
        if let Kind::Quic(config) = &self.0 {
            return config.check();
        }
        Ok(())
    }

    /// Creates the transport that was chosen.
    pub fn build(&self) -> Arc<dyn Transport> {
        match &self.0 {
            #[cfg(feature = "tcp")]
            Kind::Tcp(tcp) => Arc::new(tcp.transport()),
            #[cfg(feature = "tls")]
            Kind::Tls(config, tcp) => {
                let tcp = Arc::new(tcp.transport());
                Arc::new(TlsTransport::over(tcp, config.clone()))
            }
            #[cfg(feature = "memory")]
            Kind::Memory(network) => Arc::new(network.transport()),
            #[cfg(feature = "quic")]
            Kind::Quic(config) => Arc::new(QuicTransport::new(config.clone())),
            Kind::Custom(transport) => Arc::clone(transport),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "memory")]
mod tests {
    use casty_proto::NodeAddress;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_build_of_a_memory_config_reaches_the_same_network() {
        let network = MemoryNetwork::new();
        let at = NodeAddress::new("node", 1);
        let _listener = network.transport().listen(&at).await.unwrap();
        let config = TransportConfig::memory(network.clone());
        assert!(config.build().dial(&at).await.is_ok());
        assert!(config.build().dial(&at).await.is_ok());
        let custom = TransportConfig::custom(Arc::new(network.transport()));
        assert!(custom.build().dial(&at).await.is_ok());
    }

    #[test]
    #[cfg(feature = "tcp")]
    fn the_default_is_tcp() {
        assert_eq!(
            format!("{:?}", TransportConfig::default()),
            format!("{:?}", TransportConfig::tcp())
        );
    }

    #[cfg(all(feature = "tls", feature = "quic"))]
    #[test]
    fn certificates_and_times_are_those_of_the_transport_that_was_chosen() {
        use std::time::Duration;

        use crate::transport::tls::issued;
        let (tls, times) = (
            issued::good(),
            TcpConfig::new().user_timeout(Duration::from_secs(9)),
        );
        let quic = QuicConfig::new(tls.clone());
        for (config, over_tcp, shows) in [
            (TransportConfig::tcp(), true, false),
            (TransportConfig::tls(tls.clone()), true, true),
            (TransportConfig::quic(quic.clone()), false, true),
            (TransportConfig::memory(MemoryNetwork::new()), false, false),
        ] {
            assert!(config.check().is_ok());
            assert_eq!(config.certificates().is_some(), shows, "{config:?}");
            let before = format!("{config:?}");
            let after = format!("{:?}", config.over_tcp(times));
            assert_eq!(after != before, over_tcp, "{before}");
            assert_eq!(after.contains("user_timeout: 9s"), over_tcp, "{after}");
        }
        let wrong = TransportConfig::quic(quic.idle_timeout(Duration::ZERO));
        assert!(wrong.check().is_err());
    }
}
