//! The view of the cluster as it changes.

use std::sync::Arc;

use casty_routing::View;
use tokio::sync::watch;

use crate::error::Closed;

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
        let found = self
            .views
            .wait_for(|view| view.as_ref().is_some_and(|view| wanted(view)));
        found.await.map_err(|_| Closed)?.clone().ok_or(Closed)
    }
}
