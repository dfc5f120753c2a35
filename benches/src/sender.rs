//! The senders of this package, by name.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use casty_client::{Codec, TransportConfig};
use casty_proto::NodeAddress;
use casty_transport::QuicConfig;

use crate::Failure;
use crate::certificates;
use crate::process::Way;
use crate::whole::Whole;

/// A sender of messages, and the runtime that it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// The bare loop on a current-thread runtime: what all ratios are to.
    Floor,
    /// The bare loop on a runtime with two workers.
    FloorTwoWorkers,
    /// The whole client on a current-thread runtime.
    Client,
    /// The whole client on a runtime with two workers.
    ClientTwoWorkers,
    /// The bare loop over rustls.
    Rustls,
    /// The whole client over TLS.
    ClientTls,
    /// The bare loop over quinn.
    Quinn,
    /// The whole client over QUIC.
    ClientQuic,
}

impl Name {
    /// All senders.
    pub const ALL: [Self; 8] = [
        Self::Floor,
        Self::Client,
        Self::FloorTwoWorkers,
        Self::ClientTwoWorkers,
        Self::Rustls,
        Self::ClientTls,
        Self::Quinn,
        Self::ClientQuic,
    ];

    /// Returns the number of workers of its runtime; 0 for a current-thread runtime.
    pub fn workers(self) -> usize {
        match self {
            Self::FloorTwoWorkers | Self::ClientTwoWorkers => 2,
            _ => 0,
        }
    }

    /// Returns the way in which it reaches its node.
    pub fn way(self) -> Way {
        match self {
            Self::Rustls | Self::ClientTls => Way::Tls,
            Self::Quinn | Self::ClientQuic => Way::Quic,
            _ => Way::Tcp,
        }
    }

    /// Returns the name on command lines and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::FloorTwoWorkers => "floor2",
            Self::Client => "client",
            Self::ClientTwoWorkers => "client2",
            Self::Rustls => "rustls",
            Self::ClientTls => "client-tls",
            Self::Quinn => "quinn",
            Self::ClientQuic => "client-quic",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Name {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        let known = Self::ALL.into_iter().find(|known| known.as_str() == name);
        known.ok_or_else(|| format!("{name}: no sender").into())
    }
}

/// Connects the whole client, as the sender of that name reaches its node. `outbox` is the limit of
/// outboxes in bytes, if it is not the usual one.
///
/// # Errors
/// The node does not answer.
pub async fn connect(
    name: Name,
    node: &NodeAddress,
    codec: Codec,
    folder: &Path,
    outbox: Option<usize>,
) -> Result<Whole, Failure> {
    let transport = match name.way() {
        Way::Tls => TransportConfig::tls(certificates::client(folder)?),
        Way::Quic => TransportConfig::quic(QuicConfig::new(certificates::client(folder)?)),
        Way::Tcp | Way::Mute | Way::Regions => TransportConfig::tcp(),
    };
    Whole::connect(node, codec, transport, outbox).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in Name::ALL {
            assert_eq!(name.to_string().parse::<Name>().unwrap(), name);
        }
        "nobody".parse::<Name>().unwrap_err();
    }
}
