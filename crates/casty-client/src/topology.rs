//! The view of the cluster as it changes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use casty_proto::NodeAddress;
use casty_routing::View;
use casty_transport::ConnectError;
use tokio::sync::watch;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;

use crate::error::{Closed, ReadyError};
use crate::runtime::clock;
use crate::send::Core;

/// The view of the cluster as it changes, made by
/// [`ClusterClient::topology`](crate::ClusterClient::topology).
///
/// Views that came while nobody looked are skipped: the next one is always the latest. Memory: none
/// beyond that view, however slow the reader is.
///
/// It is a [`Stream`] as well, which ends with the client. Views that the stream and the methods
/// here return are counted together: each comes once.
///
/// ```
/// # async fn example(client: &casty_client::ClusterClient) -> Result<(), casty_client::Closed> {
/// let mut topology = client.topology();
/// let view = topology.wait_for(|view| view.live_members().count() >= 3).await?;
/// println!("led by {:?}", view.leader());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Topology {
    views: watch::Receiver<Option<Arc<View>>>,
    /// The next change, while the stream is polled for it. Dropped whenever a view is returned by
    /// another way, for it counts from the view that `views` had returned when it was made.
    change: Option<WatchStream<Option<Arc<View>>>>,
}

impl Clone for Topology {
    fn clone(&self) -> Self {
        Self {
            views: self.views.clone(),
            change: None,
        }
    }
}

impl Topology {
    pub(crate) fn new(mut views: watch::Receiver<Option<Arc<View>>>) -> Self {
        // A view that is there already counts as new.
        views.mark_changed();
        Self {
            views,
            change: None,
        }
    }

    /// Returns the latest view; `None` before the first.
    pub fn current(&self) -> Option<Arc<View>> {
        self.views.borrow().clone()
    }

    /// Waits for a view that this handle has not returned before. The first is the one that is
    /// there already, if any; views that say nothing new are skipped.
    ///
    /// # Errors
    /// The client has ended.
    ///
    /// # Cancel safety
    /// No view is lost.
    pub async fn changed(&mut self) -> Result<Arc<View>, Closed> {
        self.change = None;
        loop {
            self.views.changed().await.map_err(|_| Closed)?;
            if let Some(view) = self.views.borrow_and_update().clone() {
                return Ok(view);
            }
        }
    }

    /// Waits until the latest view satisfies `wanted`, and returns it.
    ///
    /// # Errors
    /// The client has ended.
    ///
    /// # Cancel safety
    /// No view is lost but those that `wanted` has refused.
    pub async fn wait_for(
        &mut self,
        mut wanted: impl FnMut(&View) -> bool,
    ) -> Result<Arc<View>, Closed> {
        self.change = None;
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

impl Stream for Topology {
    type Item = Arc<View>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Arc<View>>> {
        let this = self.get_mut();
        loop {
            let views = &this.views;
            let change = this
                .change
                .get_or_insert_with(|| WatchStream::from_changes(views.clone()));
            if ready!(Pin::new(change).poll_next(cx)).is_none() {
                return Poll::Ready(None);
            }
            this.change = None;
            if let Some(view) = this.views.borrow_and_update().clone() {
                return Poll::Ready(Some(view));
            }
        }
    }
}

/// Waits for the first view; see [`ClusterClient::ready`](crate::ClusterClient::ready).
pub(crate) async fn ready(core: &Core, timeout: Duration) -> Result<Arc<View>, ReadyError> {
    if core.closed.load(Ordering::SeqCst) {
        return Err(ReadyError::Closed);
    }
    let (mut views, mut ready_error) = (Topology::new(core.view.clone()), core.ready_error.clone());
    let told = async {
        tokio::select! {
            biased;
            view = views.wait_for(|_| true) => Ok(view?),
            ready_error = ready_error.wait_for(Option::is_some) => {
                let ready_error = ready_error.map_or(None, |ready_error| ready_error.clone());
                Err(ready_error.unwrap_or(ReadyError::Closed))
            }
        }
    };
    let told = core.home.by(clock::from_now(timeout), told).await;
    told.unwrap_or_else(|| {
        Err(ReadyError::Timeout {
            after: timeout,
            failures: dial_failures(core),
            discovery: core.discovery_failure.lock().clone(),
            silent: core.connected.read().keys().cloned().collect(),
        })
    })
}

/// Returns the addresses that could not be connected when last dialled, with the error of each.
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

    #[tokio::test]
    async fn the_stream_and_the_methods_return_each_view_once_and_end_with_the_client() {
        let view = || Some(Arc::new(View::from_snapshot(TopologySnapshot::default())));
        let (views, seen) = watch::channel(view());
        let mut topology = Topology::new(seen);
        let streamed = |topology: &mut Topology| {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            Pin::new(topology).poll_next(&mut cx)
        };
        assert!(matches!(streamed(&mut topology), Poll::Ready(Some(_))));
        assert!(streamed(&mut topology).is_pending());
        views.send_replace(view());
        topology.changed().await.unwrap();
        assert!(streamed(&mut topology).is_pending(), "it was returned");
        views.send_replace(view());
        views.send_replace(None);
        assert!(streamed(&mut topology).is_pending(), "it is gone");
        views.send_replace(view());
        drop(views);
        assert!(matches!(streamed(&mut topology), Poll::Ready(Some(_))));
        assert!(matches!(streamed(&mut topology), Poll::Ready(None)));
        assert!(topology.changed().await.is_err());
    }

    #[test]
    fn a_wish_is_looked_at_with_no_lock_held() {
        let (done, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let first = Arc::new(View::from_snapshot(TopologySnapshot::default()));
            let (views, seen) = watch::channel(Some(first));
            let mut topology = Topology::new(seen);
            let mut wish =
                std::pin::pin!(topology.wait_for(|_| views.send_replace(None).is_some()));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(wish.as_mut().poll(&mut cx).is_ready());
            done.send(()).ok();
        });
        let outcome = ended.recv_timeout(Duration::from_secs(20));
        outcome.expect("the lock was held");
    }
}
