//! The error of starting nodes.

use casty_proto::NodeAddress;
use casty_transport::ListenError;

/// The reason why nodes could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration makes no sense.
    #[error("{what} must be {range}")]
    Range {
        /// The setting.
        what: &'static str,
        /// The values that it may have.
        range: &'static str,
    },
    /// A node could not listen at its address.
    #[error("node {node} cannot listen at {at}")]
    Listen {
        /// The node's number.
        node: usize,
        /// The address.
        at: NodeAddress,
        /// The cause.
        #[source]
        source: ListenError,
    },
}
