//! The connections of streams that were dropped, which have not ended yet.

use std::sync::Arc;

use tokio::sync::watch;

/// The number of connections that are closing. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub(super) struct Closings(Arc<watch::Sender<usize>>);

impl Closings {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// Counts one more, until what is returned is dropped.
    pub(super) fn begin(&self) -> Closing {
        // Wakes those who wait in `ended`, who look at the count.
        self.0.send_modify(|count| *count += 1);
        Closing(self.clone())
    }

    /// Waits until no connection is closing.
    pub(super) async fn ended(&self) {
        // Cannot fail: the sender is here.
        self.0.subscribe().wait_for(|count| *count == 0).await.ok();
    }
}

/// A connection that is closing, counted until this is dropped.
pub(super) struct Closing(Closings);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
