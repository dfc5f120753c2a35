//! Streams that were dropped and whose connections have not ended yet.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts them. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub(super) struct Partings(Arc<watch::Sender<usize>>);

impl Partings {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// Counts one more, until what is returned is dropped.
    pub(super) fn begin(&self) -> Parting {
        self.0.send_modify(|count| *count += 1);
        Parting(self.clone())
    }

    /// Waits until there is none.
    pub(super) async fn ended(&self) {
        // Cannot fail: the sender is here.
        self.0.subscribe().wait_for(|count| *count == 0).await.ok();
    }
}

/// One of them.
pub(super) struct Parting(Partings);

impl Drop for Parting {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
