//! The connections that carry asks, for those who have to know which node has one.

use std::task::{Context, Poll};

use super::PendingAsks;
use super::id::{AskId, NOBODY, PeerId};
use super::slot::Slot;
use super::waiter::Waiter;

impl PendingAsks {
    /// Returns the connection that carries an ask which is sent once; `None` while it waits for a route.
    pub(crate) fn carrier(&self, id: AskId) -> Option<PeerId> {
        self.stripe(id).find(id).and_then(|slot| carrier(slot))
    }

    /// Returns the connection that carries an ask, the last one of several; `None` while it waits for a
    /// route, and of one that is sent again once it has ended.
    pub(crate) fn latest_carrier(&self, id: AskId) -> Option<PeerId> {
        let mut stripe = self.stripe(id);
        let slot = stripe.find(id)?;
        slot.latest_copy().or_else(|| carrier(slot))
    }

    /// Returns the connection that carried an ask which is sent once, as soon as it has ended, or has the
    /// task woken then. Its outcome stays to be taken, and tells of this connection and no other.
    pub(crate) fn poll_carrier(&self, id: AskId, cx: &Context<'_>) -> Poll<Option<PeerId>> {
        let mut stripe = self.stripe(id);
        let Some(slot) = stripe.find(id) else {
            return Poll::Ready(None);
        };
        let by = carrier(slot);
        let Some(waiter) = slot.state.waiter() else {
            return Poll::Ready(by);
        };
        if !waiter.as_ref().is_some_and(|waiter| waiter.is_task(cx)) {
            let former = waiter.replace(Waiter::task(cx));
            // With no stripe locked: it may be the last to own a task.
            drop(stripe);
            drop(former);
        }
        Poll::Pending
    }
}

fn carrier(slot: &Slot) -> Option<PeerId> {
    (slot.carrier != NOBODY).then_some(slot.carrier)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use casty_proto::NodeAddress;

    use super::*;
    use crate::pending_asks::outcome::Failure;
    use crate::runtime::clock::Tick;

    #[test]
    fn the_carrier_of_an_ask_is_known_until_its_outcome_is_taken() {
        let asks = PendingAsks::of(10, 0);
        let cx = Context::from_waker(Waker::noop());
        let id = asks.open_one(Tick::after(5)).unwrap();
        assert_eq!(asks.carrier(id), None);
        assert_eq!(asks.poll_carrier(id, &cx), Poll::Pending);
        for carrier in [PeerId(1), PeerId(2)] {
            asks.carried_by(id, carrier);
            assert_eq!(asks.carrier(id), Some(carrier));
        }
        asks.lose(PeerId(2), &NodeAddress::new("n", 1));
        for _ in 0..2 {
            assert_eq!(asks.poll_carrier(id, &cx), Poll::Ready(Some(PeerId(2))));
        }
        let lost = asks.poll(id, &cx);
        assert!(matches!(lost, Poll::Ready(Err(Failure::Lost { .. }))));
        assert_eq!(asks.poll_carrier(id, &cx), Poll::Ready(None));
    }
}
