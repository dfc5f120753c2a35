//! The errors of a program's own source of contact points.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::Escaped;

/// The reason for which a [`Discovery`](crate::Discovery) gave no contact points. The client goes on
/// with those that it knows, and asks again.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// It returned an error.
    #[error("the discovery of contact points failed")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
    /// It named no contact point.
    #[error("the discovery of contact points found none")]
    Empty,
    /// It gave no answer in time, and was dropped.
    #[error("the discovery of contact points gave no answer within {0:?}")]
    Timeout(Duration),
    /// It panicked, with these words.
    #[error("the discovery of contact points panicked: {}", Escaped::new(.0))]
    Panicked(Arc<str>),
}
