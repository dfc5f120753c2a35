//! Which transport to use, named by one word.

use std::sync::Arc;

#[cfg(feature = "memory")]
use crate::memory::MemoryNetwork;
#[cfg(feature = "tcp")]
use crate::tcp::TcpTransport;
use crate::transport::Transport;

/// Names the transport of a client or a node. Nothing is opened before the first dial or listen.
///
/// With the feature `tcp` the default is TCP, which every Casty node speaks unless it is
/// configured for TLS.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "tcp", derive(Default))]
pub struct TransportConfig(Kind);

#[derive(Debug, Clone)]
#[cfg_attr(feature = "tcp", derive(Default))]
enum Kind {
    #[cfg(feature = "tcp")]
    #[default]
    Tcp,
    #[cfg(feature = "memory")]
    Memory(MemoryNetwork),
    Custom(Arc<dyn Transport>),
}

impl TransportConfig {
    /// Plain TCP.
    #[cfg(feature = "tcp")]
    pub fn tcp() -> Self {
        Self(Kind::Tcp)
    }

    /// A network inside this process.
    #[cfg(feature = "memory")]
    pub fn memory(network: MemoryNetwork) -> Self {
        Self(Kind::Memory(network))
    }

    /// A transport of your own.
    pub fn custom(transport: Arc<dyn Transport>) -> Self {
        Self(Kind::Custom(transport))
    }

    /// The transport that was named.
    pub fn build(&self) -> Arc<dyn Transport> {
        match &self.0 {
            #[cfg(feature = "tcp")]
            Kind::Tcp => Arc::new(TcpTransport::new()),
            #[cfg(feature = "memory")]
            Kind::Memory(network) => Arc::new(network.transport()),
            Kind::Custom(transport) => Arc::clone(transport),
        }
    }
}
