//! Why a cluster could not be started.

use casty_proto::NodeAddress;
use casty_transport::ListenError;

/// Why a cluster could not be started. No node of it runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration makes no sense.
    #[error("{what} must be {range}")]
    Range {
        /// The setting.
        what: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// A node could not listen at its address.
    #[error("node {node} cannot listen at {at}")]
    Listen {
        /// The node's number.
        node: usize,
        /// The address.
        at: NodeAddress,
        /// Why.
        #[source]
        source: ListenError,
    },
}
