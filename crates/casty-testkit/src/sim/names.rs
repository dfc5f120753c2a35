//! The names of the simulated network, and the addresses that they have.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use async_trait::async_trait;
use casty_proto::NodeAddress;
use casty_transport::Resolver;

use super::network::Network;

/// The address at which a decoy listens.
const DECOY: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

/// The name server of a world.
pub(super) struct SimResolver(pub(super) Network);

impl fmt::Debug for SimResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimResolver")
    }
}

#[async_trait]
impl Resolver for SimResolver {
    /// Returns the address of the node of that name, behind that of a decoy if there is one.
    async fn resolve(&self, name: &NodeAddress) -> io::Result<Vec<SocketAddr>> {
        let node = self.0.named(name);
        let decoy = self.0.decoy().map(|_| SocketAddr::new(DECOY, name.port()));
        Ok(decoy.into_iter().chain([node]).collect())
    }
}

/// Returns whether a decoy listens at an address, while there is one.
pub(super) fn is_decoy(address: SocketAddr) -> bool {
    address.ip() == DECOY
}
