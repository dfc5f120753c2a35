//! The paths and messages by which nodes and a client keep up a connection.

use std::sync::Arc;

use casty_proto::NodeAddress;

use crate::error::OverLimit;
use crate::runtime::byte_limit::Counted;

/// The path of the coordinator of a region on each node, before the region's name.
pub(crate) const COORDINATORS_PATH: &str = "/_coord-";

/// The path to which coordinators reply, before the region's name.
pub(crate) const LOCATIONS_PATH: &str = "/_proxy-";

/// The path to which nodes send their views, before the number of the subscription.
pub(crate) const VIEWS_PATH: &str = "/_topology_sub/";

/// The path to which producers send the elements of a stream, before letters of its own.
pub(crate) const STREAMS_PATH: &str = "/_stream/";

/// The path to which nodes answer probes of a silent connection: nobody reads the answers.
pub(crate) const PROBES_PATH: &str = "/_probe";

/// The name of a service that no node has, which probes ask for: the answer is short.
pub(crate) const PROBED_SERVICE: &str = "casty-client-probe";

/// A received view, still encoded, or the reason for which it was not taken in.
pub(crate) struct Snapshot {
    pub(crate) from: NodeAddress,
    /// The name of the actor system that sent it.
    pub(crate) system: Arc<str>,
    pub(crate) subscription: u64,
    pub(crate) message: Result<Counted, OverLimit>,
}
