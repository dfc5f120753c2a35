//! The guard of what is held.

use std::fmt;
use std::sync::Arc;

use casty_proto::Escaped;
use tokio::sync::{oneshot, watch};

use crate::distributed::error::{HoldLost, StructureError};
use crate::error::AskError;

/// The end of a hold, as its guard learns it.
pub(super) type Ended = Result<Released, StructureError>;

/// The hold of a lock, or of a permit of a semaphore. Dropping it releases it in the background, on the
/// client's runtime.
///
/// **Before the process ends**, wait for [`release`](Self::release) or close the client: what is still on its
/// way when `main` returns is lost, and then nobody releases it but an operator.
///
/// It does not know for sure that it still holds: nodes have no leases. [`loss`](Self::loss) and
/// [`lost`](Self::lost) tell as soon as the cluster's view shows that the node which granted it is gone,
/// some seconds after it happened, and from then on others may hold it as well. A node that is killed and
/// started again within a second under the same id may not be noticed at all.
///
/// It is released when the client is closed, too, for nothing could do it later.
#[must_use = "it is released when it is dropped"]
pub struct Guard {
    name: Arc<str>,
    owner: Arc<str>,
    lost: watch::Receiver<Option<HoldLost>>,
    /// The way to tell the task of the hold that it is to end, and where to report. Dropped, it ends as well.
    end: Option<oneshot::Sender<oneshot::Sender<Ended>>>,
}

/// The end of a hold that was released.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Released {
    /// The node says that it was held until now.
    Freed,
    /// The node says that it was not held any more: an operator has released or destroyed it, or the node
    /// has lost its state. Others may have held it at the same time.
    NotHeld,
    /// The node that had granted it was lost before, so others may have held it at the same time. It was
    /// released in case it was held all the same.
    Lost(HoldLost),
}

/// The ends of a guard that the task of its hold has.
pub(super) struct Task {
    pub(super) lost: watch::Sender<Option<HoldLost>>,
    pub(super) end: oneshot::Receiver<oneshot::Sender<Ended>>,
}

impl Guard {
    pub(super) fn new(name: Arc<str>, owner: Arc<str>) -> (Self, Task) {
        let (lost, lost_here) = watch::channel(None);
        let (end_here, end) = oneshot::channel();
        let guard = Self {
            name,
            owner,
            lost: lost_here,
            end: Some(end_here),
        };
        (guard, Task { lost, end })
    }

    /// Returns the name of the lock or semaphore.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the owner's name under which the node has it, which no other hold has. Log it if operators
    /// are to release what a dead program has left:
    /// [`Lock::release_owner`](crate::Lock::release_owner).
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Returns the reason if it is known to be held no more; it stays so. A local read.
    pub fn loss(&self) -> Option<HoldLost> {
        let lost = self.lost.borrow().clone();
        let ended = || self.lost.has_changed().is_err().then_some(HoldLost::Closed);
        lost.or_else(ended)
    }

    /// Waits until it is known to be held no more, and returns the reason.
    ///
    /// # Cancel safety
    /// Safe: nothing is consumed.
    pub async fn lost(&self) -> HoldLost {
        let mut lost = self.lost.clone();
        // The task ends before the guard only with the client.
        let seen = lost.wait_for(Option::is_some).await;
        let seen = seen.map_or(None, |lost| lost.clone());
        seen.unwrap_or(HoldLost::Closed)
    }

    /// Releases it, and returns whether it was held until now.
    ///
    /// # Errors
    /// No reply came. It is still being released in the background: again and again until a node answers,
    /// the node that had granted it is gone, or the client is closed.
    ///
    /// # Cancel safety
    /// Once it was called it is released, whether or not that is waited for.
    pub fn release(mut self) -> impl Future<Output = Result<Released, StructureError>> + Send {
        let (report, ended) = oneshot::channel();
        let told = match self.end.take() {
            Some(end) => end.send(report).is_ok(),
            None => false,
        };
        async move {
            let ended = if told { ended.await.ok() } else { None };
            match (ended, self.loss()) {
                (Some(ended), _) => ended,
                // The task has ended with the client.
                (None, Some(lost)) => Ok(Released::Lost(lost)),
                (None, None) => Err(AskError::Closed.into()),
            }
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Escaped::new(&self.name);
        write!(f, "Guard({name}, {})", self.owner)
    }
}
