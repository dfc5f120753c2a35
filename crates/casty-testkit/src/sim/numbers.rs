//! The IP addresses of the nodes of a world.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use casty_proto::NodeAddress;

/// The addresses that nodes whose host is a name have, in the order in which they were dialled.
#[derive(Debug, Default)]
pub(super) struct Numbers(Vec<NodeAddress>);

impl Numbers {
    /// Returns the address of a node.
    pub(super) fn of(&mut self, node: &NodeAddress) -> SocketAddr {
        if let Ok(address) = node.host().parse() {
            return SocketAddr::new(address, node.port());
        }
        let known = self.0.iter().position(|known| known == node);
        let number = known.unwrap_or_else(|| {
            self.0.push(node.clone());
            self.0.len() - 1
        });
        let [.., high, low] = number.to_be_bytes();
        SocketAddr::new(Ipv4Addr::new(198, 18, high, low).into(), node.port())
    }

    /// Returns the node that has an address.
    pub(super) fn node(&self, address: SocketAddr) -> NodeAddress {
        let number = match address.ip() {
            IpAddr::V4(ip) => match ip.octets() {
                [198, 18, high, low] => Some(usize::from(u16::from_be_bytes([high, low]))),
                _ => None,
            },
            IpAddr::V6(_) => None,
        };
        let named = number.and_then(|number| self.0.get(number)).cloned();
        named.unwrap_or_else(|| NodeAddress::new(address.ip().to_string(), address.port()))
    }
}
