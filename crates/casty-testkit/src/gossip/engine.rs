//! A node's part in an agreement by gossip: its engine, and what is on its way to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use casty_proto::ActorRef;
use casty_proto::message::ClusterState;
use casty_proto::message::membership::{HeartbeatResponse, JoinAccepted};
use casty_routing::membership::{Membership, MembershipConfig, MembershipInput};
use tokio::sync::watch;

/// The most messages that are on their way to one node.
const UNDER_WAY: usize = 16_384;

/// The target of an answer of an engine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asker {
    /// A node of this process, by its number.
    Node(usize),
    /// A node outside that asks to join.
    Joiner(ActorRef<JoinAccepted>),
    /// A node outside that asks whether this one lives.
    Prober(ActorRef<HeartbeatResponse>),
}

/// An input of an engine.
pub(crate) type EngineInput = MembershipInput<Asker>;

/// The engine of one node.
pub(super) struct Engine {
    pub(super) membership: Membership<Asker>,
    /// The time at which it has to be told that time has passed.
    pub(super) wait: Option<Instant>,
    /// The state that was last shown to subscribers and coordinators.
    pub(super) shown: Arc<ClusterState>,
    under_way: BTreeMap<(Instant, u64), EngineInput>,
    /// The arrival of the last message of each node: none overtakes it.
    last: BTreeMap<usize, Instant>,
    sent: u64,
    /// The time at which there is something to do. Tells the node's task.
    due: watch::Sender<Option<Instant>>,
}

impl Engine {
    pub(super) fn new(now: Instant, config: MembershipConfig, seed: u64) -> Self {
        let membership = Membership::new(now, config, seed);
        Self {
            shown: Arc::clone(membership.state()),
            membership,
            wait: Some(now),
            under_way: BTreeMap::new(),
            last: BTreeMap::new(),
            sent: 0,
            due: watch::Sender::new(Some(now)),
        }
    }

    /// Returns a receiver of the time at which there is something to do.
    pub(super) fn due(&self) -> watch::Receiver<Option<Instant>> {
        self.due.subscribe()
    }

    /// Returns when there is something to do.
    fn next(&self) -> Option<Instant> {
        let arrives = self.under_way.first_key_value();
        let arrives = arrives.map(|((at, _), _)| *at);
        [arrives, self.wait].into_iter().flatten().min()
    }

    /// Tells the node's task when there is something to do, if that has changed.
    pub(super) fn arrange(&self) {
        let next = self.next();
        self.due.send_if_modified(|due| {
            let changed = *due != next;
            *due = next;
            changed
        });
    }

    /// Sends it something from a node of this process, which arrives at that time, or behind what that has
    /// sent before. What is too much is lost.
    pub(super) fn send(&mut self, from: usize, arrives: Instant, input: EngineInput) {
        if self.under_way.len() >= UNDER_WAY {
            return;
        }
        let last = self.last.entry(from).or_insert(arrives);
        *last = arrives.max(*last);
        self.sent += 1;
        self.under_way.insert((*last, self.sent), input);
    }

    /// Takes what it is to be told by now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<EngineInput> {
        let ((arrives, _), _) = self.under_way.first_key_value()?;
        if *arrives <= now {
            return self.under_way.pop_first().map(|(_, input)| input);
        }
        None
    }

    /// Returns whether it has to be told that time has passed.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.wait.is_some_and(|wait| wait <= now)
    }
}
