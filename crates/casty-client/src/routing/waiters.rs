//! The tasks that wait for capacity in the pending buffer, in the order in which they came.

use std::collections::BTreeMap;
use std::sync::Arc;

use casty_routing::{Router, Target};
use tokio::sync::oneshot;

use crate::message::Outgoing;
use crate::node::peer::Peer;

/// The waiting tasks of one client. One entry for each task, so bounded by their number.
#[derive(Default)]
pub(crate) struct Waiters {
    waiting: BTreeMap<u64, Waiter>,
    last: u64,
}

struct Waiter {
    target: Target,
    bytes: usize,
    permit: oneshot::Sender<()>,
}

/// A place among the waiters, and the permit that it will be given.
pub(crate) struct Ticket {
    pub(crate) number: u64,
    pub(crate) permit: oneshot::Receiver<()>,
}

impl Waiters {
    /// Returns the number of waiting tasks.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the last place. The permit is given at once unless the caller has to `wait`.
    pub(crate) fn join(&mut self, target: Target, bytes: usize, wait: bool) -> Ticket {
        let (sender, permit) = oneshot::channel();
        self.last += 1;
        if wait {
            let waiter = Waiter {
                target,
                bytes,
                permit: sender,
            };
            self.waiting.insert(self.last, waiter);
        }
        // The receiver ends when the sender is dropped: that is a permit, too.
        Ticket {
            number: self.last,
            permit,
        }
    }

    /// Gives up a place. Returns `false` if it had its permit already.
    pub(crate) fn leave(&mut self, number: u64) -> bool {
        self.waiting.remove(&number).is_some()
    }

    /// Gives a permit to the first task whose message the router would accept.
    pub(crate) fn wake_next(&mut self, router: &Router<Arc<Peer>, Outgoing>) {
        let mut waiting = self.waiting.iter();
        let next = waiting.find(|(_, waiter)| router.accepts(&waiter.target, waiter.bytes));
        let next = next.map(|(number, _)| *number);
        if let Some(next) = next.and_then(|number| self.waiting.remove(&number)) {
            // Fails if the task is gone. Then its place is dropped too, which finds it taken off
            // the list and wakes the next: no permit is lost.
            next.permit.send(()).ok();
        }
    }

    /// Gives all tasks their permits: nothing is accepted any more, which they find at their next
    /// attempt.
    pub(crate) fn wake_all(&mut self) {
        self.waiting.clear();
    }
}
