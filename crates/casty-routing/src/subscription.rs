//! The subscription to the view of one node, which moves to another node when that one is silent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

/// The time limits of a [`Subscription`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SubscriptionConfig {
    /// The time that a node has for its first view, once it is asked for views. Default 2 s.
    ///
    /// Beyond it, another node is asked for views.
    pub first: Duration,
    /// The silence after which the node that sends views is probed. Nodes of a cluster of several push
    /// about four views a second; a lone node pushes nothing unless asked. Default 3 s.
    ///
    /// Beyond it, it is probed.
    pub silence: Duration,
    /// The time that a node that sends views has to answer when it is probed. Default 1 s.
    ///
    /// Beyond it, another node is asked for views.
    pub answer: Duration,
    /// The time for which a node that was left is chosen only if there is no other. Default 30 s.
    pub avoid: Duration,
}

impl Default for SubscriptionConfig {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(2),
            silence: Duration::from_secs(3),
            answer: Duration::from_secs(1),
            avoid: Duration::from_secs(30),
        }
    }
}

/// An event that a [`Subscription`] is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionInput {
    /// The node (by its canonical address) can be written to.
    Connected(NodeAddress),
    /// The node can no longer be written to.
    Disconnected(NodeAddress),
    /// A view arrived for the subscription of that number.
    Snapshot {
        /// The node that sent it.
        from: NodeAddress,
        /// The number of the [`SubscriptionOutput::Subscribe`] it answers.
        subscription: u64,
    },
    /// Something else arrived that shows that the node works on what it is asked.
    Answer {
        /// The node that answered.
        from: NodeAddress,
    },
    /// The view changed: these nodes are up and reachable by it.
    Live(BTreeSet<NodeAddress>),
    /// Nothing but time passed.
    Tick,
    /// The view is no longer needed. Everything after this is ignored.
    Close,
}

/// An order of a [`Subscription`] to its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionOutput {
    /// Send `SubscribeTopology` with a reference that is this number's own.
    Subscribe {
        /// The node to ask.
        to: NodeAddress,
        /// Greater than all before, so that views of an older subscription can be told apart.
        subscription: u64,
    },
    /// Send `UnsubscribeTopology` with the reference of that number, as it was when subscribed.
    Unsubscribe {
        /// The node that still pushes to it, or would.
        from: NodeAddress,
        /// The number it was subscribed under.
        subscription: u64,
    },
    /// Send `SubscribeTopology` with the same reference once more: it is answered at once and
    /// changes nothing.
    Probe {
        /// The node to ask.
        to: NodeAddress,
        /// The number it is subscribed under.
        subscription: u64,
    },
    /// This node sends no view although it was asked, or was asked again after a while of silence:
    /// it hangs, is cut off, or cannot read what it is asked. Told once, until it answers.
    Silent(NodeAddress),
    /// The view is stale: the only connected node does not answer, or those asked after a silent
    /// one do not either, or none is connected. Told once; the next view ends it.
    Stale {
        /// The time up to which it was up to date, or at which the engine was first used.
        since: Instant,
    },
    /// Nothing more to do until then, or until something happens.
    Wait(Option<Instant>),
}

/// The subscription engine: at most one node sends the views at a time, and as long as any
/// connected node answers, one does.
///
/// A node pushes its view to subscribers until they say otherwise, or until it dies; it says
/// nothing when it drops one. So the engine listens for silence: it asks again, and moves on when
/// there is no answer.
///
/// Memory: an entry for each connected node, for each of the last 64 subscriptions, and of the last
/// 64 nodes lost while subscribed.
///
/// ```
/// # use std::time::{Duration, Instant};
/// use casty_proto::NodeAddress;
/// use casty_routing::{SubscriptionConfig, SubscriptionInput, SubscriptionOutput, Subscription};
///
/// let (now, node): (_, NodeAddress) = (Instant::now(), "10.0.0.1:25520".parse()?);
/// let mut subscription = Subscription::new(SubscriptionConfig::default());
/// subscription.handle(now, SubscriptionInput::Connected(node.clone()));
/// let subscribe = SubscriptionOutput::Subscribe { to: node.clone(), subscription: 1 };
/// assert_eq!(subscription.poll(), subscribe);
/// subscription.handle(now, SubscriptionInput::Snapshot { from: node, subscription: 1 });
/// assert_eq!(subscription.poll(), SubscriptionOutput::Wait(Some(now + Duration::from_secs(3))));
/// # Ok::<(), casty_proto::AddressError>(())
/// ```
#[derive(Debug)]
pub struct Subscription {
    config: SubscriptionConfig,
    nodes: BTreeMap<NodeAddress, Node>,
    live: BTreeSet<NodeAddress>,
    source: Option<Source>,
    /// Subscriptions that nodes may still hold, the connection having gone before they could be
    /// told otherwise. Whatever views say of them: a node that was only cut off holds them still.
    orphans: BTreeMap<NodeAddress, u64>,
    /// The number of the last subscription made.
    last: u64,
    /// The nodes that the latest subscriptions were made with, by number.
    asked: BTreeMap<u64, NodeAddress>,
    /// The time of the last sign of life from the source, or at which the engine was first used.
    up_to_date: Option<Instant>,
    stale: bool,
    closed: bool,
    outputs: VecDeque<SubscriptionOutput>,
}

/// A connected node.
#[derive(Debug, Default)]
struct Node {
    /// The number under which it was last subscribed; 0 if never.
    tried: u64,
    /// The time until which others come first.
    avoided: Option<Instant>,
    /// `true` if it was connected when all others were silent, and not asked yet.
    fresh: bool,
    /// `true` if it was asked and did not answer in time.
    silent: bool,
}

/// The node that feeds the view, or was asked to.
#[derive(Debug)]
struct Source {
    node: NodeAddress,
    subscription: u64,
    phase: Phase,
    until: Instant,
}

/// The state of a [`Source`], up to the time `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It was asked, and has until then to answer.
    Asked,
    /// It answered, and may be silent until then.
    Answered,
    /// It did not answer, and there was no other node; it is asked again then.
    Overdue,
}

/// The most subscriptions of which it is remembered with which node they were made.
const ASKED: usize = 64;

/// The most nodes whose lost subscription is remembered.
const ORPHANS: usize = 64;

impl Subscription {
    /// Creates an engine that waits for a connection.
    pub fn new(config: SubscriptionConfig) -> Self {
        Self {
            config,
            nodes: BTreeMap::new(),
            live: BTreeSet::new(),
            source: None,
            orphans: BTreeMap::new(),
            last: 0,
            asked: BTreeMap::new(),
            up_to_date: None,
            stale: false,
            closed: false,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in an event; [`poll`](Self::poll) then returns what to do.
    pub fn handle(&mut self, now: Instant, input: SubscriptionInput) {
        if self.closed {
            return;
        }
        self.up_to_date.get_or_insert(now);
        match input {
            SubscriptionInput::Connected(node) => self.connected(node),
            SubscriptionInput::Disconnected(node) => self.disconnected(&node),
            SubscriptionInput::Snapshot { from, subscription } => {
                self.received(now, &from, Some(subscription));
            }
            SubscriptionInput::Answer { from } => self.received(now, &from, None),
            SubscriptionInput::Live(live) => self.live = live,
            SubscriptionInput::Tick => {}
            SubscriptionInput::Close => return self.close(),
        }
        self.attend(now);
        self.tell_stale(now);
    }

    /// Returns the next thing to do. To be called until it returns [`SubscriptionOutput::Wait`].
    #[must_use = "an output is returned once"]
    pub fn poll(&mut self) -> SubscriptionOutput {
        match self.outputs.pop_front() {
            Some(output) => output,
            None => SubscriptionOutput::Wait(self.deadline()),
        }
    }

    /// Returns the node that feeds the view, or has been asked to.
    pub fn source(&self) -> Option<&NodeAddress> {
        self.source.as_ref().map(|source| &source.node)
    }

    /// Returns whether the view is stale, as [`SubscriptionOutput::Stale`] told.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Returns whether the number is that of the present subscription. Views of others came late
    /// and may be older than what is known.
    pub fn is_current(&self, subscription: u64) -> bool {
        self.source
            .as_ref()
            .is_some_and(|source| source.subscription == subscription)
    }

    /// Returns whether a node was asked for views under that number, as far as that is remembered.
    /// Another view was never asked for, or of somebody else.
    pub fn was_asked(&self, node: &NodeAddress, subscription: u64) -> bool {
        self.asked.get(&subscription) == Some(node)
    }

    fn connected(&mut self, node: NodeAddress) {
        if let Some(subscription) = self.orphans.remove(&node) {
            self.outputs.push_back(SubscriptionOutput::Unsubscribe {
                from: node.clone(),
                subscription,
            });
        }
        // While all others are silent, a new node is the best hope: it is asked before them.
        let fresh = self.stale;
        self.nodes.entry(node).or_insert_with(|| Node {
            fresh,
            ..Node::default()
        });
    }

    fn disconnected(&mut self, node: &NodeAddress) {
        self.nodes.remove(node);
        let Some(source) = self.source.take_if(|source| source.node == *node) else {
            return;
        };
        // It may only be cut off, and goes on pushing: it is told to stop when it comes back.
        self.orphans.insert(source.node, source.subscription);
        if self.orphans.len() > ORPHANS {
            let oldest = self.orphans.values().min().copied();
            self.orphans.retain(|_, number| Some(*number) != oldest);
        }
    }

    fn received(&mut self, now: Instant, from: &NodeAddress, subscription: Option<u64>) {
        let Some(source) = &mut self.source else {
            return;
        };
        if source.node == *from && subscription.is_none_or(|number| number == source.subscription) {
            source.phase = Phase::Answered;
            source.until = now + self.config.silence;
            if let Some(node) = self.nodes.get_mut(from) {
                node.silent = false;
            }
            self.up_to_date = Some(now);
            self.stale = false;
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.outputs.clear();
        self.leave();
    }

    /// Finds a source if there is none, and deals with one that is silent or not up.
    fn attend(&mut self, now: Instant) {
        let better = self.has_better(now);
        let others = self.nodes.len() > 1;
        let fresh = self.stale && self.nodes.values().any(|node| node.fresh);
        let Some(source) = self.source.as_mut().filter(|_| !fresh) else {
            return self.move_on(now);
        };
        let due = now >= source.until;
        if due
            && source.phase == Phase::Asked
            && let Some(node) = self.nodes.get_mut(&source.node)
            && !std::mem::replace(&mut node.silent, true)
        {
            self.outputs
                .push_back(SubscriptionOutput::Silent(source.node.clone()));
        }
        (source.phase, source.until) = match source.phase {
            Phase::Answered if better && !self.live.contains(&source.node) => {
                return self.move_on(now);
            }
            Phase::Asked if others && due => return self.move_on(now),
            Phase::Overdue if others => return self.move_on(now),
            _ if !due => return,
            Phase::Answered => (Phase::Asked, now + self.config.answer),
            Phase::Asked | Phase::Overdue => (Phase::Overdue, now + self.config.silence),
        };
        self.outputs.push_back(SubscriptionOutput::Probe {
            to: source.node.clone(),
            subscription: source.subscription,
        });
    }

    /// Returns whether a connected node is up and was not left lately, and so is worth leaving a
    /// source for that still answers.
    fn has_better(&self, now: Instant) -> bool {
        self.nodes
            .iter()
            .any(|(address, node)| self.live.contains(address) && !node.is_avoided(now))
    }

    /// Leaves the source, if there is one, for the best other node, if there is one.
    fn move_on(&mut self, now: Instant) {
        let left = self.leave();
        if let Some(node) = left.as_ref().and_then(|left| self.nodes.get_mut(left)) {
            node.avoided = Some(now + self.config.avoid);
        }
        let best = self
            .nodes
            .iter()
            .filter(|(address, _)| Some(*address) != left.as_ref())
            .min_by_key(|(address, node)| {
                // Those avoided are tried in turn, up or not: views may all be wrong.
                let avoided = node.is_avoided(now);
                let down = !avoided && !self.live.contains(*address);
                (!node.fresh, avoided, down, node.tried)
            })
            .map(|(address, _)| address.clone());
        let Some(to) = best else {
            return;
        };
        self.last += 1;
        let subscription = self.last;
        self.asked.insert(subscription, to.clone());
        if self.asked.len() > ASKED {
            self.asked.pop_first();
        }
        if let Some(node) = self.nodes.get_mut(&to) {
            node.tried = subscription;
            node.fresh = false;
        }
        self.source = Some(Source {
            node: to.clone(),
            subscription,
            phase: Phase::Asked,
            until: now + self.config.first,
        });
        self.outputs
            .push_back(SubscriptionOutput::Subscribe { to, subscription });
    }

    /// Ends the present subscription, and returns the node whose it was.
    fn leave(&mut self) -> Option<NodeAddress> {
        let source = self.source.take()?;
        self.outputs.push_back(SubscriptionOutput::Unsubscribe {
            from: source.node.clone(),
            subscription: source.subscription,
        });
        Some(source.node)
    }

    /// Returns the time at which the view becomes stale, unless that has been told: a silent source
    /// was probed and one other was tried by then.
    fn stale_at(&self) -> Option<Instant> {
        let limit = self.config.silence + self.config.answer + self.config.first;
        let since = self.up_to_date.filter(|_| !self.stale);
        since.map(|since| since + limit)
    }

    fn tell_stale(&mut self, now: Instant) {
        let Some((since, at)) = self.up_to_date.zip(self.stale_at()) else {
            return;
        };
        let overdue = |source: &Source| source.phase == Phase::Overdue;
        if now >= at || self.source.as_ref().is_some_and(overdue) {
            self.stale = true;
            self.outputs.push_back(SubscriptionOutput::Stale { since });
        }
    }

    fn deadline(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let source = self.source.as_ref().map(|source| source.until);
        source.into_iter().chain(self.stale_at()).min()
    }
}

impl Node {
    fn is_avoided(&self, now: Instant) -> bool {
        self.avoided.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests;
