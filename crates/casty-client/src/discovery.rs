//! The program's own source of contact points.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use casty_proto::NodeAddress;
use tokio::time::timeout;

use crate::error::discovery::DiscoveryError;
use crate::runtime::panics::caught_in;

/// The error of a [`Discovery`], of any type.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A source of contact points that is asked while the client runs: SRV records, the API of a cloud, a
/// file that changes. [`ClientBuilder::discovery`](crate::ClientBuilder::discovery) takes one.
///
/// Every function that returns such a future is one, so a closure will do; an `async fn` does in a type
/// of its own:
///
/// ```
/// use casty_client::{BoxError, ClusterClient, Discovery, NodeAddress};
/// # async fn list_instances(_tag: &str) -> Result<Vec<String>, BoxError> { Ok(Vec::new()) }
///
/// struct Tagged { tag: String }
///
/// impl Discovery for Tagged {
///     async fn contact_points(&self) -> Result<Vec<NodeAddress>, BoxError> {
///         let hosts = list_instances(&self.tag).await?;
///         Ok(hosts.into_iter().map(|host| NodeAddress::new(host, 25520)).collect())
///     }
/// }
///
/// let builder = ClusterClient::builder("my-cluster").discovery(Tagged { tag: "casty".to_owned() });
/// let builder = ClusterClient::builder("my-cluster").discovery(async || {
///     Ok(vec!["10.0.1.10:25520".parse()?])
/// });
/// ```
///
/// # Cancel safety
/// The future is dropped when its time is up, or the client ends: it should not leave anything half
/// done that the next call depends on.
pub trait Discovery: Send + Sync + 'static {
    /// Returns addresses at which nodes of the cluster may be, the likely ones first. A host may be a
    /// name; it is looked up at every dial.
    ///
    /// Called on the client's tasks, so it must not block; one call at a time.
    ///
    /// # Errors
    /// Whatever the program likes; no address is an error, too.
    fn contact_points(&self) -> impl Future<Output = Result<Vec<NodeAddress>, BoxError>> + Send;
}

impl<F, Fut> Discovery for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<NodeAddress>, BoxError>> + Send,
{
    fn contact_points(&self) -> impl Future<Output = Result<Vec<NodeAddress>, BoxError>> + Send {
        self()
    }
}

/// The answer of a source, under way.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<NodeAddress>, BoxError>> + Send + 'a>>;

/// A [`Discovery`] of any type.
pub(crate) trait Source: Send + Sync + 'static {
    /// Begins a call.
    fn call(&self) -> Answer<'_>;
}

impl<D: Discovery> Source for D {
    fn call(&self) -> Answer<'_> {
        Box::pin(self.contact_points())
    }
}

/// Asks a source for contact points, of which it returns at least one, within `limit`.
pub(crate) async fn ask(
    source: &dyn Source,
    limit: Duration,
) -> Result<Vec<NodeAddress>, DiscoveryError> {
    // With all that may panic: the call, its future, and the drop of that.
    let outcome = caught_in(answered(source, limit)).await;
    outcome.unwrap_or_else(|words| Err(DiscoveryError::Panicked(words.into())))
}

async fn answered(
    source: &dyn Source,
    limit: Duration,
) -> Result<Vec<NodeAddress>, DiscoveryError> {
    match timeout(limit, source.call()).await {
        Err(_) => Err(DiscoveryError::Timeout(limit)),
        Ok(Err(error)) => Err(DiscoveryError::Failed(error.into())),
        Ok(Ok(found)) if found.is_empty() => Err(DiscoveryError::Empty),
        Ok(Ok(found)) => Ok(found),
    }
}
