//! The addresses of a name, and the choice among them when dialling and listening.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use casty_proto::NodeAddress;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use crate::error::{DialError, ListenError};
use crate::transport::ByteStream;

mod lookups;
mod memory;

use memory::Memory;

/// The time that an address of a name may stay silent before the next one is tried beside it.
///
/// Beyond it, the next one is tried beside it.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);
/// The most addresses of a name that are tried.
///
/// Beyond it, the others are not tried.
const ADDRESSES: usize = 64;

/// A source of the addresses that names lead to.
#[async_trait]
pub trait Resolver: Send + Sync + Debug + 'static {
    /// Returns the addresses that a name has now, in the order in which they are to be tried. It is
    /// asked at every dial of a host that is no IP address.
    ///
    /// # Errors
    /// The name has no address, or that could not be found out. This may pass.
    ///
    /// # Cancel safety
    /// Dropping the future gives the look-up up, or leaves one that is bounded in number.
    async fn resolve(&self, name: &NodeAddress) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the system: the hosts file, DNS, and whatever else it is configured for.
///
/// A look-up blocks for as long as name servers do not answer, on a thread of its own. Of each name
/// one goes on at a time in the whole process, whoever waits for it, and 4 in all.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &NodeAddress) -> io::Result<Vec<SocketAddr>> {
        let found = lookups::SYSTEM.addresses(name.host()).await?;
        let with_port = |address| SocketAddr::new(address, name.port());
        Ok(found.into_iter().map(with_port).collect())
    }
}

/// The addresses of names, with a memory of what became of connections to them. Clones share it.
///
/// The addresses of a name are tried in this order: the one at which a node last answered, those
/// that nothing is known against, as the resolver has them, and those that failed in the last 30 s,
/// the longest ago first. The next one is tried as soon as one failed or was silent for 250 ms.
///
/// An address has failed when there is no connection to it, and also if what is connected there
/// turns out to be no node: [`connect`](crate::connect) then goes on with the next one. Of 256 names
/// that is remembered; of a name, 64 addresses are tried.
///
/// For transports of your own that dial by IP address:
///
/// ```
/// # #[cfg(feature = "tcp")]
/// # async fn dial() -> Result<(), Box<dyn std::error::Error>> {
/// use casty_transport::{ByteStream, DialError, Names};
/// use tokio::net::TcpStream;
///
/// let names = Names::default();
/// let to = "casty.example:25520".parse()?;
/// let stream = names.connect(&to, async |address| {
///     let stream = TcpStream::connect(address).await;
///     let stream = stream.map_err(|error| DialError::from_io(&to, error))?;
///     Ok(ByteStream::new(stream, address.to_string()))
/// });
/// let stream = stream.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Names {
    resolver: Arc<dyn Resolver>,
    memory: Arc<Memory>,
}

impl Default for Names {
    /// Creates names that the system resolves.
    fn default() -> Self {
        Self::new(Arc::new(SystemResolver))
    }
}

impl Names {
    /// Creates names of which nothing is known yet.
    pub fn new(resolver: Arc<dyn Resolver>) -> Self {
        let memory = Arc::default();
        Self { resolver, memory }
    }

    /// Connects to one of the addresses that the name in `to` has now, by `connect`. A host that is
    /// an IP address is its own only one.
    ///
    /// # Errors
    /// The name has no address, or none of them could be connected: the last failure.
    ///
    /// # Cancel safety
    /// Dropping the future drops those of `connect`.
    pub async fn connect<F>(
        &self,
        to: &NodeAddress,
        connect: impl Fn(SocketAddr) -> F,
    ) -> Result<ByteStream, DialError>
    where
        F: Future<Output = Result<ByteStream, DialError>>,
    {
        let mut addresses = resolve(&*self.resolver, to).await.map_err(|source| {
            let source = Arc::new(source);
            let at = to.clone();
            DialError::Unresolved { at, source }
        })?;
        if let [address] = addresses[..] {
            return connect(address).await;
        }
        self.memory.order(to, &mut addresses);
        let all: Arc<[SocketAddr]> = addresses.as_slice().into();
        let nothing = DialError::from_io(to, nothing_resolved());
        let connect_and_judge = async |address| match connect(address).await {
            Ok(stream) => {
                let (memory, name, all) = (Arc::clone(&self.memory), to.clone(), Arc::clone(&all));
                Ok(stream.judged(move |is_node| {
                    if is_node {
                        memory.won(&name, address);
                        return false;
                    }
                    memory.lost(&name, address, &all)
                }))
            }
            Err(error) => {
                self.memory.lost(to, address, &all);
                Err(error)
            }
        };
        first_to_connect(addresses, nothing, connect_and_judge).await
    }
}

/// Binds the first of the addresses that the name in `at` has now and that `bind` can bind.
pub(super) async fn bind_by_name<T>(
    at: &NodeAddress,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<T, ListenError> {
    let addresses = resolve(&SystemResolver, at).await;
    let addresses = addresses.map_err(|source| ListenError::Unresolved {
        at: at.clone(),
        source: Arc::new(source),
    })?;
    let mut failure = nothing_resolved();
    for address in addresses {
        match bind(address) {
            Ok(bound) => return Ok(bound),
            Err(error) => failure = error,
        }
    }
    Err(ListenError::from_io(at, failure))
}

/// Returns the addresses that the host has now, at least one, none twice.
pub(super) async fn resolve(
    resolver: &dyn Resolver,
    name: &NodeAddress,
) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = name.host().parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, name.port())]);
    }
    let mut found: Vec<SocketAddr> = Vec::new();
    for address in resolver.resolve(name).await? {
        if found.len() < ADDRESSES && !found.contains(&address) {
            found.push(address);
        }
    }
    if found.is_empty() {
        return Err(nothing_resolved());
    }
    Ok(found)
}

pub(super) fn nothing_resolved() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the name has no address")
}

/// Returns the first connection that one of `addresses` gives, or the last failure; `failure` if
/// there is no address.
pub(super) async fn first_to_connect<T, E, F>(
    addresses: Vec<SocketAddr>,
    mut failure: E,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    let mut untried = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    loop {
        attempts.extend(untried.next().map(&connect));
        let finished = if untried.len() == 0 {
            attempts.next().await
        } else {
            match timeout(NEXT_ADDRESS_AFTER, attempts.next()).await {
                Ok(finished) => finished,
                Err(_) => continue,
            }
        };
        match finished {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => failure = error,
            None => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests;
