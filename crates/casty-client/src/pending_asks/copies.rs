//! The copies of an ask that may be sent again, and their fates.

use casty_proto::NodeAddress;

use super::id::PeerId;
use super::outcome::{Failure, Step};
use super::waiter::Waiter;
use crate::error::{Fate, NotSent};
use crate::runtime::clock::Tick;

/// The copies of one ask that may be sent again and has no reply yet.
pub(super) struct Copies {
    /// The waiter for the ask.
    pub(super) waiter: Option<Waiter>,
    /// The number of copies that were accepted and neither lost nor failed as not sent.
    open: usize,
    /// The connections that carry open copies, in the order in which they accepted them. The other
    /// open copies are buffered.
    carriers: Vec<PeerId>,
    /// The number of copies that were lost with their connections.
    losses: usize,
    /// The node whose connection was lost last with a copy.
    lost: Option<NodeAddress>,
    /// The reason for which a copy was not sent, while another was open.
    not_sent: Option<NotSent>,
    /// The fate of the lost copies: unknown if any of them may have been in flight.
    fate: Fate,
    /// The time to send another copy if there is no reply; `None` if none is to be sent.
    due: Option<Tick>,
    /// The reason for which the task was woken and which it has not taken yet.
    wake: Option<RetryReason>,
}

/// The reason for which the task of an ask may send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryReason {
    /// The time for another copy has come, and there is no reply.
    Due,
    /// The connection that carried the latest copy was lost.
    Lost,
}

/// The state of an ask whose task may send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryStatus {
    pub(crate) reason: RetryReason,
    /// Set if a reply to an earlier copy may still come.
    pub(crate) open: bool,
    /// Set if a copy still waits for its route.
    pub(crate) buffered: bool,
}

impl Copies {
    /// Returns the record of an ask whose first copy is about to be sent.
    pub(super) fn new(due: Option<Tick>) -> Self {
        Self {
            waiter: None,
            open: 1,
            carriers: Vec::new(),
            losses: 0,
            lost: None,
            not_sent: None,
            fate: Fate::Written,
            due,
            wake: None,
        }
    }

    /// Notes that a connection is about to carry a copy.
    pub(super) fn carried_by(&mut self, carrier: PeerId) {
        self.carriers.push(carrier);
    }

    /// Returns the connection that carries the last of the copies that any carries.
    pub(super) fn latest_carrier(&self) -> Option<PeerId> {
        self.carriers.last().copied()
    }

    /// Notes that a connection did not accept, or gave back, a copy.
    pub(super) fn requeued(&mut self, carrier: PeerId) {
        if let Some(at) = self.carriers.iter().rposition(|it| *it == carrier) {
            self.carriers.remove(at);
        } else if self.losses > 0 {
            // The connection was lost before the copy could be put on it, so the copy was not.
            self.open += 1;
            self.losses -= 1;
            self.lost.take_if(|_| self.losses == 0);
        }
    }

    /// Notes that one more copy is about to be sent.
    pub(super) fn add(&mut self) {
        self.open += 1;
    }

    /// Notes that a copy was not accepted, which ends the ask if no other was ever sent.
    pub(super) fn refused(&mut self) -> Step {
        self.open = self.open.saturating_sub(1);
        match &self.not_sent {
            Some(reason) if self.open == 0 && self.lost.is_none() => {
                Step::End(Failure::NotSent(reason.clone()))
            }
            _ => Step::Wait,
        }
    }

    /// Sets the time at which another copy is due.
    pub(super) fn arm(&mut self, due: Option<Tick>) {
        self.due = due;
    }

    /// Returns the state of the ask if its task was woken to send it again, once for each wake-up.
    pub(super) fn take_status(&mut self) -> Option<RetryStatus> {
        Some(RetryStatus {
            reason: self.wake.take()?,
            open: self.open > 0,
            buffered: self.is_buffered(),
        })
    }

    /// Ends an ask of which no more copies are sent, unless one is open.
    pub(super) fn end(&self) -> Step {
        match &self.lost {
            Some(node) if self.open == 0 => Step::End(self.loss(node)),
            _ => Step::Wait,
        }
    }

    fn loss(&self, node: &NodeAddress) -> Failure {
        let (node, fate) = (node.clone(), self.fate);
        Failure::Lost { node, fate }
    }

    /// Notes that a copy may have been in flight on a connection whose loss is reported next.
    pub(super) fn mark_unknown(&mut self) -> Step {
        self.fate = Fate::Unknown;
        Step::Wait
    }

    /// Notes that a connection was lost with the copies that it carried.
    pub(super) fn lose(&mut self, carrier: PeerId, node: &NodeAddress) -> Step {
        let was_last = self.carriers.last() == Some(&carrier);
        let before = self.carriers.len();
        self.carriers.retain(|it| *it != carrier);
        if self.carriers.len() == before {
            return Step::Wait;
        }
        let losses = before - self.carriers.len();
        self.open = self.open.saturating_sub(losses);
        self.losses += losses;
        self.lost = Some(node.clone());
        if !was_last || self.is_buffered() {
            return Step::Wait;
        }
        self.wake = Some(RetryReason::Lost);
        Step::Wake
    }

    /// Notes that a copy was not sent, which ends the ask if it was the last.
    pub(super) fn fail_not_sent(&mut self, reason: NotSent) -> Step {
        self.open = self.open.saturating_sub(1);
        if self.open > 0 {
            self.not_sent = Some(reason);
            return Step::Wait;
        }
        Step::End(match (&self.lost, reason) {
            (None, reason) => Failure::NotSent(reason),
            (Some(_), NotSent::Expired(_)) => Failure::Timeout,
            (Some(node), _) => self.loss(node),
        })
    }

    /// Handles that time has passed. An ask that was never sent is ended by the router, which knows
    /// that it was not.
    pub(super) fn expire(&mut self, now: Tick, deadline: Tick) -> Step {
        let may_have_arrived = self.lost.is_some() || !self.carriers.is_empty();
        if deadline <= now {
            return if may_have_arrived || self.open == 0 {
                Step::End(Failure::Timeout)
            } else {
                Step::Wait
            };
        }
        if self.due.take_if(|due| *due <= now).is_none() {
            return Step::Wait;
        }
        self.wake.get_or_insert(RetryReason::Due);
        Step::Wake
    }

    fn is_buffered(&self) -> bool {
        self.open > self.carriers.len()
    }
}

#[cfg(test)]
mod tests {
    use casty_routing::MissingRoute;

    use super::*;

    const OLD: PeerId = PeerId(1);
    const NEW: PeerId = PeerId(2);

    /// Matches the end of an ask whose copies were lost.
    macro_rules! lost {
        ($fate:pat) => {
            Step::End(Failure::Lost { fate: $fate, .. })
        };
    }

    fn node() -> NodeAddress {
        NodeAddress::new("n", 1)
    }

    fn status(reason: RetryReason, open: bool, buffered: bool) -> RetryStatus {
        RetryStatus {
            reason,
            open,
            buffered,
        }
    }

    /// Returns an ask with a copy on each of two connections.
    fn two() -> Copies {
        let mut copies = Copies::new(None);
        copies.carried_by(OLD);
        copies.add();
        copies.carried_by(NEW);
        copies
    }

    #[test]
    fn only_the_loss_of_the_last_carrier_calls_for_another_copy() {
        let mut copies = two();
        assert!(matches!(copies.lose(OLD, &node()), Step::Wait));
        assert_eq!(copies.take_status(), None);
        assert!(matches!(copies.lose(NEW, &node()), Step::Wake));
        assert_eq!(
            copies.take_status(),
            Some(status(RetryReason::Lost, false, false))
        );
        assert!(matches!(copies.end(), lost!(Fate::Written)));

        let mut copies = two();
        assert!(matches!(copies.lose(NEW, &node()), Step::Wake));
        assert_eq!(
            copies.take_status(),
            Some(status(RetryReason::Lost, true, false))
        );
        let end = copies.end();
        assert!(matches!(end, Step::Wait), "the older one may be answered");
    }

    #[test]
    fn a_copy_that_came_back_is_buffered_and_not_lost() {
        let mut copies = two();
        copies.requeued(NEW);
        assert!(matches!(copies.lose(NEW, &node()), Step::Wait));
        assert!(
            matches!(copies.lose(OLD, &node()), Step::Wait),
            "one is buffered"
        );
        let end = copies.fail_not_sent(NotSent::NodeGone);
        assert!(matches!(end, lost!(Fate::Written)));
    }

    #[test]
    fn one_copy_of_unknown_fate_leaves_the_fate_of_all_unknown() {
        let mut copies = two();
        copies.mark_unknown();
        copies.lose(OLD, &node());
        copies.lose(NEW, &node());
        assert!(matches!(copies.end(), lost!(Fate::Unknown)));
    }

    #[test]
    fn what_was_never_sent_ends_as_not_sent_and_what_was_does_not() {
        let mut copies = Copies::new(None);
        copies.carried_by(OLD);
        copies.requeued(OLD);
        assert!(matches!(
            copies.expire(Tick::after(9), Tick::after(5)),
            Step::Wait
        ));
        let end = copies.fail_not_sent(NotSent::Expired(MissingRoute::View));
        assert!(matches!(
            end,
            Step::End(Failure::NotSent(NotSent::Expired(_)))
        ));

        let mut copies = two();
        copies.lose(OLD, &node());
        copies.requeued(NEW);
        let end = copies.fail_not_sent(NotSent::Expired(MissingRoute::View));
        assert!(matches!(end, Step::End(Failure::Timeout)));

        let mut copies = two();
        copies.requeued(OLD);
        let end = copies.fail_not_sent(NotSent::Expired(MissingRoute::View));
        assert!(matches!(end, Step::Wait), "the newer one is under way");
        let end = copies.expire(Tick::after(9), Tick::after(5));
        assert!(matches!(end, Step::End(Failure::Timeout)));
    }

    #[test]
    fn another_copy_is_due_once_and_a_loss_is_not_forgotten_for_it() {
        let (end, due) = (Tick::after(50), Tick::after(5));
        let mut copies = Copies::new(Some(due));
        copies.carried_by(OLD);
        assert!(matches!(copies.expire(Tick::after(4), end), Step::Wait));
        assert!(matches!(copies.expire(due, end), Step::Wake));
        assert!(matches!(copies.expire(due, end), Step::Wait));
        assert_eq!(
            copies.take_status(),
            Some(status(RetryReason::Due, true, false))
        );
        copies.arm(Some(due));
        copies.lose(OLD, &node());
        copies.expire(due, end);
        assert_eq!(
            copies.take_status(),
            Some(status(RetryReason::Lost, false, false))
        );
    }

    #[test]
    fn an_ask_of_which_one_copy_was_not_sent_and_the_other_refused_ends_as_not_sent() {
        let mut copies = Copies::new(Some(Tick::after(1)));
        copies.carried_by(OLD);
        copies.add();
        copies.requeued(OLD);
        assert!(
            matches!(copies.fail_not_sent(NotSent::BufferFull), Step::Wait),
            "another is about to be sent"
        );
        let end = copies.refused();
        assert!(matches!(
            end,
            Step::End(Failure::NotSent(NotSent::BufferFull))
        ));

        let mut copies = two();
        copies.lose(OLD, &node());
        copies.lose(NEW, &node());
        copies.add();
        assert!(
            matches!(copies.refused(), Step::Wait),
            "it may be sent again"
        );
    }

    #[test]
    fn an_ask_without_a_copy_ends_by_its_deadline() {
        let mut copies = Copies::new(None);
        copies.refused();
        let end = copies.expire(Tick::after(9), Tick::after(5));
        assert!(matches!(end, Step::End(Failure::Timeout)));
    }

    #[test]
    fn a_copy_that_was_not_taken_is_buffered_though_its_connection_was_lost_meanwhile() {
        let mut copies = Copies::new(None);
        copies.carried_by(OLD);
        copies.lose(OLD, &node());
        copies.requeued(OLD);
        assert_eq!(
            copies.take_status(),
            Some(status(RetryReason::Lost, true, true))
        );
        let end = copies.fail_not_sent(NotSent::NodeGone);
        assert!(matches!(
            end,
            Step::End(Failure::NotSent(NotSent::NodeGone))
        ));

        // Of two, the other was lost all the same.
        let mut copies = Copies::new(None);
        copies.carried_by(OLD);
        copies.add();
        copies.carried_by(OLD);
        copies.lose(OLD, &node());
        copies.requeued(OLD);
        let end = copies.fail_not_sent(NotSent::NodeGone);
        assert!(matches!(end, lost!(Fate::Written)));
    }

    #[test]
    fn a_copy_that_comes_back_from_a_connection_that_never_had_it_changes_nothing() {
        let mut copies = Copies::new(None);
        copies.requeued(OLD);
        assert!(matches!(
            copies.fail_not_sent(NotSent::NodeGone),
            Step::End(Failure::NotSent(NotSent::NodeGone))
        ));
    }

    #[test]
    fn an_ask_whose_copy_is_refused_goes_on_while_another_is_open_or_was_lost() {
        // One was not sent, another was refused, and a third is open.
        let mut copies = Copies::new(None);
        copies.add();
        copies.add();
        assert!(matches!(
            copies.fail_not_sent(NotSent::NodeGone),
            Step::Wait
        ));
        assert!(matches!(copies.refused(), Step::Wait));
        // Or one was lost: the ask may have arrived.
        let mut copies = Copies::new(None);
        copies.carried_by(OLD);
        copies.add();
        copies.fail_not_sent(NotSent::NodeGone);
        copies.add();
        copies.lose(OLD, &node());
        assert!(matches!(copies.refused(), Step::Wait));
    }
}
