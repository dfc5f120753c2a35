//! The paths and messages by which nodes and a client keep up a connection.

use std::sync::Arc;

use bytes::Bytes;
use casty_proto::NodeAddress;

/// The path to which coordinators reply, before the region's name.
pub(crate) const LOCATIONS_PATH: &str = "/_proxy-";

/// The path to which nodes send their views, before the number of the subscription.
pub(crate) const VIEWS_PATH: &str = "/_topology_sub/";

/// A received view, still encoded.
pub(crate) struct Snapshot {
    pub(crate) from: NodeAddress,
    /// The name of the actor system that sent it.
    pub(crate) system: Arc<str>,
    pub(crate) subscription: u64,
    pub(crate) message: Bytes,
}
