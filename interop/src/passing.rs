//! The connections of a proxy between two sides that a scenario puts something into.

use std::future::Future;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Passes on each connection that comes, until it is dropped, which ends them all.
pub(crate) async fn pass_each<P: Future<Output: Send> + Send + 'static>(
    listener: TcpListener,
    pass: impl Fn(TcpStream) -> P,
) {
    let mut passing = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let passed = pass(stream);
        passing.spawn(async move { drop(passed.await) });
    }
}

/// Has both sides send at once: small frames are not to wait for acknowledgements in a proxy. `None` if one has ended.
pub(crate) fn undelayed(one: &TcpStream, other: &TcpStream) -> Option<()> {
    one.set_nodelay(true).and(other.set_nodelay(true)).ok()
}
