//! The copies of an ask that may be sent again: where they are, and what became of them.

use std::task::Waker;

use casty_proto::NodeAddress;

use super::id::PeerId;
use super::outcome::{Failure, Step};
use crate::error::{Fate, NotSent};
use crate::runtime::clock::Tick;

/// What the slot of such an ask holds while nobody has replied.
pub(super) struct Copies {
    pub(super) waker: Option<Waker>,
    /// Copies that were accepted, less those that were lost or given up.
    open: usize,
    /// The connections that carry them, in the order in which they took them. The other open ones
    /// are held.
    carriers: Vec<PeerId>,
    /// Copies that were lost, and the node with whose connection the last of them was.
    losses: usize,
    lost: Option<NodeAddress>,
    /// RetryReason a copy was given up while another was open.
    given_up: Option<NotSent>,
    /// What is known of those that were lost: unknown if any may have been in flight.
    fate: Fate,
    /// When to send another if there is no reply.
    due: Option<Tick>,
    wake: Option<RetryReason>,
}

/// RetryReason the task of an ask is to look whether it is to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryReason {
    /// Its time has come, and there is no reply.
    Due,
    /// The connection that carried its last copy was lost.
    Lost,
}

/// How an ask stands that its task is to look after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryStatus {
    pub(crate) reason: RetryReason,
    /// Whether a reply to an earlier copy may still come.
    pub(crate) open: bool,
    /// Whether a copy still waits for its route.
    pub(crate) buffered: bool,
}

impl Copies {
    /// The first copy, about to be sent.
    pub(super) fn new(due: Option<Tick>) -> Self {
        Self {
            waker: None,
            open: 1,
            carriers: Vec::new(),
            losses: 0,
            lost: None,
            given_up: None,
            fate: Fate::Written,
            due,
            wake: None,
        }
    }

    pub(super) fn carried_by(&mut self, carrier: PeerId) {
        self.carriers.push(carrier);
    }

    pub(super) fn requeued(&mut self, carrier: PeerId) {
        if let Some(at) = self.carriers.iter().rposition(|it| *it == carrier) {
            self.carriers.remove(at);
        } else if self.losses > 0 {
            // Its connection was lost before it could be put on it, and it was not lost with that.
            self.open += 1;
            self.losses -= 1;
            self.lost.take_if(|_| self.losses == 0);
        }
    }

    /// One more copy is about to be sent.
    pub(super) fn add(&mut self) {
        self.open += 1;
    }

    /// A copy was not accepted, which ends the ask if all others were given up before they were
    /// sent.
    pub(super) fn refused(&mut self) -> Step {
        self.open = self.open.saturating_sub(1);
        match &self.given_up {
            Some(reason) if self.open == 0 && self.lost.is_none() => {
                Step::End(Failure::NotSent(reason.clone()))
            }
            _ => Step::Wait,
        }
    }

    pub(super) fn arm(&mut self, due: Option<Tick>) {
        self.due = due;
    }

    pub(super) fn take_status(&mut self) -> Option<RetryStatus> {
        Some(RetryStatus {
            reason: self.wake.take()?,
            open: self.open > 0,
            buffered: self.is_buffered(),
        })
    }

    /// Nothing more is done for the ask: it ends, unless a copy is open.
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

    /// A copy may have been in flight when its connection was lost, which is told next.
    pub(super) fn mark_unknown(&mut self) -> Step {
        self.fate = Fate::Unknown;
        Step::Wait
    }

    /// A connection is lost, and with it the copies that it carried.
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

    /// A copy was given up before it was sent, which ends the ask if that was the last.
    pub(super) fn fail_not_sent(&mut self, reason: NotSent) -> Step {
        self.open = self.open.saturating_sub(1);
        if self.open > 0 {
            self.given_up = Some(reason);
            return Step::Wait;
        }
        Step::End(match (&self.lost, reason) {
            (None, reason) => Failure::NotSent(reason),
            (Some(_), NotSent::Expired(_)) => Failure::Timeout,
            (Some(node), _) => self.loss(node),
        })
    }

    /// Time has passed. What is held and was never sent is ended by the router, which knows that.
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

    /// The end of an ask whose copies were lost.
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

    /// One copy on each of two connections.
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
            "one is held"
        );
        let end = copies.fail_not_sent(NotSent::NodeGone);
        assert!(matches!(end, lost!(Fate::Written)));
    }

    #[test]
    fn one_copy_in_doubt_leaves_the_fate_of_all_unknown() {
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
    fn an_ask_of_which_one_copy_was_given_up_and_the_other_refused_ends_as_not_sent() {
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
}
