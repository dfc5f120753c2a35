//! The errors of a SOCKS5 proxy.

use std::io;

use casty_proto::NodeAddress;

/// The reason for which a SOCKS5 proxy made no connection, where it is the proxy's own. Nothing was sent to
/// the node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Socks5Error {
    /// There is no connection to the proxy, or it broke. This may pass.
    #[error("cannot talk to the SOCKS5 proxy {proxy}")]
    Unreachable {
        /// The proxy.
        proxy: NodeAddress,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The proxy wants a user and a password, or others.
    #[error("the SOCKS5 proxy {proxy} wants another user or password")]
    Unauthorized {
        /// The proxy.
        proxy: NodeAddress,
    },
    /// The proxy's rules do not allow the connection.
    #[error("the SOCKS5 proxy {proxy} does not allow the connection")]
    NotAllowed {
        /// The proxy.
        proxy: NodeAddress,
    },
    /// The proxy takes no addresses like the node's: it resolves no names, or knows no IPv6.
    #[error(
        "the SOCKS5 proxy {proxy} takes no addresses of this kind: it resolves no names, or has no IPv6"
    )]
    AddressKind {
        /// The proxy.
        proxy: NodeAddress,
    },
    /// The proxy connects nobody with anybody: it is there for something else.
    #[error("the SOCKS5 proxy {proxy} makes no connections")]
    NoConnections {
        /// The proxy.
        proxy: NodeAddress,
    },
    /// The proxy failed, and says no more. This may pass.
    #[error("the SOCKS5 proxy {proxy} made no connection, and does not tell why")]
    Failed {
        /// The proxy.
        proxy: NodeAddress,
    },
    /// Something else is there, or it does not speak SOCKS5 as it should.
    #[error("{proxy} is no SOCKS5 proxy")]
    NotSocks5 {
        /// The address that was taken for a proxy's.
        proxy: NodeAddress,
    },
}

impl Socks5Error {
    /// Returns whether trying again may help without a change of the configuration, here or there.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }
}
