//! The view of the cluster as it changes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use casty_proto::NodeAddress;
use casty_routing::View;
use casty_transport::ConnectError;
use tokio::sync::watch;

use crate::error::{Closed, ReadyError};
use crate::send::Core;

/// Follows the view of the cluster. Views that came while nobody looked are skipped: the next one
/// is always the latest.
#[derive(Debug, Clone)]
pub struct Topology {
    views: watch::Receiver<Option<Arc<View>>>,
}

impl Topology {
    pub(crate) fn new(mut views: watch::Receiver<Option<Arc<View>>>) -> Self {
        // A view that is there already counts as new.
        views.mark_changed();
        Self { views }
    }

    /// The latest view; none before the first.
    pub fn current(&self) -> Option<Arc<View>> {
        self.views.borrow().clone()
    }

    /// Waits for a view that this handle has not returned before; the first is that which is
    /// there already, if one is. Views that say nothing new are not told.
    ///
    /// # Errors
    /// The client has ended.
    ///
    /// # Cancel safety
    /// No view is lost.
    pub async fn next(&mut self) -> Result<Arc<View>, Closed> {
        loop {
            self.views.changed().await.map_err(|_| Closed)?;
            if let Some(view) = self.views.borrow_and_update().clone() {
                return Ok(view);
            }
        }
    }

    /// Waits until the latest view satisfies `wanted`.
    ///
    /// # Errors
    /// The client has ended.
    pub async fn wait_for(
        &mut self,
        mut wanted: impl FnMut(&View) -> bool,
    ) -> Result<Arc<View>, Closed> {
        loop {
            // Not told of what it last was, once the client has ended.
            self.views.has_changed().map_err(|_| Closed)?;
            // No lock is held while the user's code looks at it.
            let view = self.views.borrow_and_update().clone();
            if let Some(view) = view.filter(|view| wanted(view)) {
                return Ok(view);
            }
            self.views.changed().await.map_err(|_| Closed)?;
        }
    }
}

/// Waits for the first view; see [`ClusterClient::ready`](crate::ClusterClient::ready).
pub(crate) async fn ready(core: &Core, timeout: Duration) -> Result<Arc<View>, ReadyError> {
    if core.closed.load(Ordering::SeqCst) {
        return Err(ReadyError::Closed);
    }
    let (mut views, mut ready_error) = (Topology::new(core.view.clone()), core.ready_error.clone());
    tokio::select! {
        biased;
        view = views.wait_for(|_| true) => Ok(view?),
        ready_error = ready_error.wait_for(Option::is_some) => {
            let ready_error = ready_error.map_or(None, |ready_error| ready_error.clone());
            Err(ready_error.unwrap_or(ReadyError::Closed))
        }
        () = tokio::time::sleep(timeout) => {
            Err(ReadyError::Timeout {
                after: timeout,
                failures: dial_failures(core),
                silent: core.connected.read().keys().cloned().collect(),
            })
        }
    }
}

/// The addresses that could not be connected when last dialled, and why.
pub(crate) fn dial_failures(core: &Core) -> Vec<(NodeAddress, ConnectError)> {
    let failures = core.dial_failures.lock();
    failures
        .iter()
        .map(|(node, error)| (node.clone(), error.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use casty_proto::message::TopologySnapshot;

    use super::*;

    #[test]
    fn a_wish_is_looked_at_with_no_lock_held() {
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let first = Arc::new(View::from_snapshot(TopologySnapshot::default()));
            let (views, seen) = watch::channel(Some(first));
            let mut topology = Topology::new(seen);
            let mut wish =
                std::pin::pin!(topology.wait_for(|_| views.send_replace(None).is_some()));
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(wish.as_mut().poll(&mut cx).is_ready());
            done.send(()).ok();
        });
        let outcome = ended.recv_timeout(Duration::from_secs(20));
        outcome.expect("the lock was held");
    }
}
