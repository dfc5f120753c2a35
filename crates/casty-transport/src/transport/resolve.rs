//! The addresses of a name, and the choice among them when dialling and listening.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use casty_proto::NodeAddress;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::error::{DialError, ListenError};

/// The time that an address of a name may stay silent before the next one is tried beside it.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Connects to one of the addresses that the name in `to` has now, by `connect`.
pub(super) async fn connect_by_name<T, F>(
    to: &NodeAddress,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, DialError>
where
    F: Future<Output = Result<T, DialError>>,
{
    let addresses = resolve(to).await.map_err(|source| DialError::Unresolved {
        at: to.clone(),
        source: Arc::new(source),
    })?;
    let nothing = DialError::from_io(to, nothing_resolved());
    first_to_connect(addresses, nothing, connect).await
}

/// Binds the first of the addresses that the name in `at` has now and that `bind` can bind.
pub(super) async fn bind_by_name<T>(
    at: &NodeAddress,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<T, ListenError> {
    let addresses = resolve(at)
        .await
        .map_err(|source| ListenError::Unresolved {
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

/// Returns the addresses that the host's name has now, at least one, in the resolver's order.
async fn resolve(address: &NodeAddress) -> io::Result<Vec<SocketAddr>> {
    let found: Vec<_> = lookup_host((address.host(), address.port()))
        .await?
        .collect();
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
mod tests {
    use std::net::Ipv4Addr;

    use tokio::time::Instant;

    use super::*;

    /// Behaves as an address does in a test of the race; its port says how.
    async fn behave(address: SocketAddr) -> io::Result<SocketAddr> {
        const SILENT: u16 = 1;
        const SLOW: u16 = 2;
        const REFUSING: u16 = 3;
        match address.port() {
            SILENT => std::future::pending().await,
            SLOW => {
                let late = std::future::pending::<()>();
                let _ = timeout(Duration::from_millis(400), late).await;
                Ok(address)
            }
            REFUSING => Err(io::ErrorKind::ConnectionRefused.into()),
            _ => Ok(address),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_address_is_tried_after_a_failure_or_a_quarter_of_a_second() {
        let (silent, slow, refusing, good) = (1, 2, 3, 4);
        for (ports, taken, after) in [
            (vec![good, silent], good, 0),
            (vec![refusing, refusing, good], good, 0),
            (vec![silent, good], good, 250),
            (vec![silent, silent, refusing, good], good, 500),
            (vec![slow, good], good, 250),
            (vec![slow, silent, silent], slow, 400),
            (vec![slow, refusing], slow, 400),
        ] {
            let addresses = ports.iter().map(|port| (Ipv4Addr::LOCALHOST, *port).into());
            let start = Instant::now();
            let first = first_to_connect(addresses.collect(), nothing_resolved(), behave).await;
            assert_eq!(first.unwrap().port(), taken, "{ports:?}");
            assert_eq!(start.elapsed(), Duration::from_millis(after), "{ports:?}");
        }
        let error = first_to_connect(Vec::new(), nothing_resolved(), behave)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
