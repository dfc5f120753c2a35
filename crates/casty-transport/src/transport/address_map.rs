//! The map from the canonical addresses of nodes to the addresses at which they are dialled.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use casty_proto::NodeAddress;

/// A map from a node's canonical address to the one to dial: behind a proxy, a port forward or in a
/// container, nodes know each other by addresses that a client cannot reach.
///
/// The identity unless made otherwise. Cheap to clone.
///
/// ```
/// use std::collections::HashMap;
/// use casty_proto::NodeAddress;
/// use casty_transport::AddressMap;
///
/// let node = NodeAddress::new("10.0.1.10", 25520);
/// let forward = NodeAddress::new("127.0.0.1", 9000);
/// let map = AddressMap::table(HashMap::from([(node.clone(), forward.clone())]));
/// assert_eq!(map.physical(&node), forward);
/// assert_eq!(map.physical(&forward), forward, "what is not in the table stays");
/// ```
#[derive(Clone, Default)]
pub struct AddressMap(Kind);

#[derive(Clone, Default)]
enum Kind {
    #[default]
    Identity,
    Table(Arc<HashMap<NodeAddress, NodeAddress>>),
    Function(Arc<dyn Fn(&NodeAddress) -> NodeAddress + Send + Sync>),
}

impl AddressMap {
    /// Creates the map by which every node is dialled at its canonical address.
    pub fn identity() -> Self {
        Self::default()
    }

    /// Creates the map of a table from canonical to physical addresses; nodes that are not in it
    /// are dialled at their canonical address.
    pub fn table(table: HashMap<NodeAddress, NodeAddress>) -> Self {
        Self(Kind::Table(Arc::new(table)))
    }

    /// Creates the map of a function, which is called at every dial. It must not block.
    pub fn function(map: impl Fn(&NodeAddress) -> NodeAddress + Send + Sync + 'static) -> Self {
        Self(Kind::Function(Arc::new(map)))
    }

    /// Returns the address to dial for the node known as `canonical`.
    pub fn physical(&self, canonical: &NodeAddress) -> NodeAddress {
        match &self.0 {
            Kind::Identity => canonical.clone(),
            Kind::Table(table) => table.get(canonical).unwrap_or(canonical).clone(),
            Kind::Function(map) => map(canonical),
        }
    }
}

impl From<HashMap<NodeAddress, NodeAddress>> for AddressMap {
    fn from(table: HashMap<NodeAddress, NodeAddress>) -> Self {
        Self::table(table)
    }
}

impl fmt::Debug for AddressMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Identity => f.write_str("identity"),
            Kind::Table(table) => table.fmt(f),
            Kind::Function(_) => f.write_str("function"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_map_answers_for_known_and_unknown_nodes() {
        let node = NodeAddress::new("10.0.1.10", 25520);
        let other = NodeAddress::new("10.0.1.11", 25520);
        let proxy = NodeAddress::new("proxy", 1);
        assert_eq!(AddressMap::identity().physical(&node), node);

        let table = AddressMap::from(HashMap::from([(node.clone(), proxy.clone())]));
        assert_eq!(table.physical(&node), proxy);
        assert_eq!(table.physical(&other), other);

        let function = AddressMap::function(|node| NodeAddress::new("proxy", node.port()));
        assert_eq!(function.physical(&other), NodeAddress::new("proxy", 25520));
        assert_eq!(format!("{function:?}"), "function");
    }
}
