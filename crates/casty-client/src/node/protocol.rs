//! The paths at which nodes and this client address each other's own messages.

use std::sync::Arc;

use bytes::Bytes;
use casty_proto::NodeAddress;

/// The path at which coordinators answer, before the region's name.
pub(crate) const LOCATIONS_PATH: &str = "/_proxy-";

/// The path to which nodes push their views, before the number of the subscription.
pub(crate) const VIEWS_PATH: &str = "/_topology_sub/";

/// A view as it came in, still encoded.
pub(crate) struct Snapshot {
    pub(crate) from: NodeAddress,
    /// The name of the actor system that sent it.
    pub(crate) system: Arc<str>,
    pub(crate) subscription: u64,
    pub(crate) message: Bytes,
}
