//! The addresses under which a client comes back to nodes that it lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

use crate::backoff::{Backoff, BackoffConfig};
use crate::rng::Rng;

/// The pace and the limits of [`Renewal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RenewalConfig {
    /// The time for which a secondary connection must have been up before the first address is
    /// trusted again. Default 6 s: nodes keep an address in quarantine for 5 s.
    pub quarantine: Duration,
    /// The pauses between attempts at one secondary connection.
    pub backoff: BackoffConfig,
    /// The most nodes that are remembered as lost; beyond, that is forgotten which is not connected
    /// and was lost the longest ago. Default 1,024.
    pub nodes: usize,
}

impl Default for RenewalConfig {
    fn default() -> Self {
        Self {
            quarantine: Duration::from_secs(6),
            backoff: BackoffConfig::default(),
            nodes: 1_024,
        }
    }
}

/// An event that [`Renewal`] is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RenewalInput {
    /// The connection to a node is made under a fresh address, for
    /// [`is_lost`](Renewal::is_lost) said so of it, or of the node that the name which was dialled
    /// led to before.
    Connected(NodeAddress),
    /// The connection to a node ended, whichever side ended it: the node may have something to send
    /// still. Or a node that was never connected may have failed to send to the client: one that took over
    /// the lead is passed on what others were asked.
    Lost(NodeAddress),
    /// The secondary connection to a node is up.
    SecondaryUp(NodeAddress),
    /// The secondary connection to a node could not be made, or was lost.
    SecondaryDown(NodeAddress),
    /// A node is no member of the cluster any more, of whatever status. One that is dead or only
    /// called so still is: it may come back, and may have failed to send at any time until then.
    Gone(NodeAddress),
    /// Nothing but time passed.
    Tick,
}

/// An order of [`Renewal`] to its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenewalOutput {
    /// Connect to this node under the first address, and answer with [`RenewalInput::SecondaryUp`]
    /// or [`RenewalInput::SecondaryDown`], in bounded time.
    DialSecondary(NodeAddress),
    /// End the secondary connection to this node: it is of no more use. Its end is not to be told.
    CloseSecondary(NodeAddress),
    /// The node trusts the first address: it may answer there from now on.
    Confirmed(NodeAddress),
    /// The node is to answer to the address of the connection in use.
    Unconfirmed(NodeAddress),
    /// Nothing more to do until then, or until something happens.
    Wait(Option<Instant>),
}

/// The engine that decides under which address a client comes back to a node that it lost.
///
/// Nodes send to a client by the address that it announced. One that has something to send while
/// nobody is connected under that address leaves the address alone for 5 s, even when the client
/// has come back under it: the failed send puts the address in quarantine. So a client comes back
/// under a fresh address, which the node has nothing against.
///
/// References to the client's first address are still about, though: in the hands of other nodes,
/// and of entities that were told of the client's actors. A second connection under that address,
/// the secondary connection, keeps them good; no message is sent on it. Once it has outlived the
/// quarantine, the first address serves for everything again. When the node is lost once more, it
/// is made anew: it may be half open.
///
/// Memory: an entry for each node that was lost, up to the limit, until it is no member any more. An
/// input, and a poll, cost the logarithm of their number.
///
/// ```
/// # use std::time::{Duration, Instant};
/// use casty_proto::NodeAddress;
/// use casty_routing::{Renewal, RenewalConfig, RenewalInput, RenewalOutput};
///
/// let (now, node): (_, NodeAddress) = (Instant::now(), "10.0.0.1:25520".parse()?);
/// let mut renewal = Renewal::new(RenewalConfig::default(), 7);
/// renewal.handle(now, RenewalInput::Lost(node.clone()));
/// assert!(renewal.is_lost(&node), "it is to be dialled under a fresh address");
///
/// renewal.handle(now, RenewalInput::Connected(node.clone()));
/// assert_eq!(renewal.poll(), RenewalOutput::DialSecondary(node.clone()));
/// renewal.handle(now, RenewalInput::SecondaryUp(node.clone()));
/// let trusted = now + Duration::from_secs(6);
/// assert_eq!(renewal.poll(), RenewalOutput::Wait(Some(trusted)));
/// renewal.handle(trusted, RenewalInput::Tick);
/// assert_eq!(renewal.poll(), RenewalOutput::Confirmed(node));
/// # Ok::<(), casty_proto::AddressError>(())
/// ```
#[derive(Debug)]
pub struct Renewal {
    config: RenewalConfig,
    rng: Rng,
    nodes: BTreeMap<NodeAddress, Node>,
    /// The nodes for which something is to be done, by time.
    due: BTreeSet<(Instant, NodeAddress)>,
    /// The nodes that are not connected, by the time at which they were lost.
    absent: BTreeSet<(Instant, NodeAddress)>,
    outputs: VecDeque<RenewalOutput>,
}

/// A node that was lost at least once.
#[derive(Debug)]
struct Node {
    connected: bool,
    /// The time at which its connection ended last.
    lost: Instant,
    secondary: Secondary,
    backoff: Backoff,
}

impl Node {
    /// Returns the time at which something is to be done for it.
    fn due(&self) -> Option<Instant> {
        match self.secondary {
            Secondary::Absent(due) => self.connected.then_some(due),
            Secondary::Up(trusted) => Some(trusted),
            Secondary::Dialling | Secondary::Confirmed => None,
        }
    }

    /// Returns the time at which it was lost, if it is not connected since.
    fn absent_since(&self) -> Option<Instant> {
        (!self.connected).then_some(self.lost)
    }
}

/// The state of a secondary connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secondary {
    /// Not dialled before that time.
    Absent(Instant),
    Dialling,
    /// Trusted from that time on.
    Up(Instant),
    Confirmed,
}

impl Renewal {
    /// Creates an engine that knows of no loss. `seed` determines the jitter of its attempts.
    pub fn new(config: RenewalConfig, seed: u64) -> Self {
        Self {
            config,
            rng: Rng::new(seed),
            nodes: BTreeMap::new(),
            due: BTreeSet::new(),
            absent: BTreeSet::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Returns whether the node was lost, and is to be dialled under a fresh address.
    pub fn is_lost(&self, node: &NodeAddress) -> bool {
        self.nodes.contains_key(node)
    }

    /// Returns the nodes that were lost and are none of those that are `there`.
    pub fn forgotten(&self, there: impl Fn(&NodeAddress) -> bool) -> Vec<NodeAddress> {
        let nodes = self.nodes.keys().filter(|node| !there(node));
        nodes.cloned().collect()
    }

    /// Takes in an event; [`poll`](Self::poll) then returns what to do.
    pub fn handle(&mut self, now: Instant, input: RenewalInput) {
        match input {
            RenewalInput::Lost(node) => self.lost(now, node),
            RenewalInput::Connected(node) => {
                // It may have been forgotten while it was dialled, or never have been lost.
                self.remember(now, &node);
                self.change(&node, |known| known.connected = true);
            }
            RenewalInput::SecondaryUp(node) => {
                let trusted = now + self.config.quarantine;
                let up = self.change(&node, |known| known.secondary = Secondary::Up(trusted));
                if up.is_none() {
                    self.outputs.push_back(RenewalOutput::CloseSecondary(node));
                }
            }
            RenewalInput::SecondaryDown(node) => self.secondary_down(now, node),
            RenewalInput::Gone(node) => self.gone(node),
            RenewalInput::Tick => {}
        }
        self.advance(now);
    }

    /// Returns the next thing to do. To be called until it returns [`RenewalOutput::Wait`].
    #[must_use = "an output is returned once"]
    pub fn poll(&mut self) -> RenewalOutput {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| RenewalOutput::Wait(self.deadline()))
    }

    fn lost(&mut self, now: Instant, node: NodeAddress) {
        self.remember(now, &node);
        let had_secondary = self.change(&node, |known| {
            (known.connected, known.lost) = (false, now);
            // Whatever cost the one connection may have cost the other, which nothing is sent on:
            // it would not be noticed.
            let up = matches!(known.secondary, Secondary::Up(_) | Secondary::Confirmed);
            if up {
                known.secondary = Secondary::Absent(now);
            }
            up
        });
        if had_secondary == Some(true) {
            self.outputs.push_back(RenewalOutput::CloseSecondary(node));
        }
    }

    /// Makes the entry of a lost node, for which another gives way if there are too many; none if
    /// all the others are connected.
    fn remember(&mut self, now: Instant, node: &NodeAddress) {
        if self.nodes.contains_key(node) {
            return;
        }
        if self.nodes.len() >= self.config.nodes {
            let Some((_, oldest)) = self.absent.first().cloned() else {
                return;
            };
            self.forget(&oldest);
        }
        let known = Node {
            connected: false,
            lost: now,
            secondary: Secondary::Absent(now),
            backoff: Backoff::new(self.config.backoff, self.rng.next()),
        };
        self.nodes.insert(node.clone(), known);
        self.absent.insert((now, node.clone()));
    }

    /// Changes the entry of a lost node, if it has one.
    fn change<R>(&mut self, node: &NodeAddress, change: impl FnOnce(&mut Node) -> R) -> Option<R> {
        let known = self.nodes.get_mut(node)?;
        let before = (known.due(), known.absent_since());
        let changed = change(known);
        let after = (known.due(), known.absent_since());
        move_entry(&mut self.due, node, before.0, after.0);
        move_entry(&mut self.absent, node, before.1, after.1);
        Some(changed)
    }

    fn forget(&mut self, node: &NodeAddress) -> Option<Node> {
        let known = self.nodes.remove(node)?;
        move_entry(&mut self.due, node, known.due(), None);
        move_entry(&mut self.absent, node, known.absent_since(), None);
        Some(known)
    }

    fn secondary_down(&mut self, now: Instant, node: NodeAddress) {
        let served = self.change(&node, |known| {
            let served = known.secondary == Secondary::Confirmed;
            // One that served for a while is dialled again at once.
            if served {
                known.backoff.succeeded();
            }
            known.secondary = Secondary::Absent(now + known.backoff.failed());
            served
        });
        if served == Some(true) {
            self.outputs.push_back(RenewalOutput::Unconfirmed(node));
        }
    }

    fn gone(&mut self, node: NodeAddress) {
        // One that is connected all the same is still of use.
        if self.nodes.get(&node).is_none_or(|known| known.connected) {
            return;
        }
        if let Some(known) = self.forget(&node)
            && !matches!(known.secondary, Secondary::Absent(_))
        {
            self.outputs.push_back(RenewalOutput::CloseSecondary(node));
        }
    }

    /// Does what is due, in the order of the nodes' addresses.
    fn advance(&mut self, now: Instant) {
        let due = self.due.iter().take_while(|(due, _)| *due <= now);
        let nodes: BTreeSet<_> = due.map(|(_, node)| node.clone()).collect();
        for node in nodes {
            let done = self.change(&node, |known| {
                let (next, output): (_, fn(_) -> _) = match known.secondary {
                    Secondary::Absent(_) => (Secondary::Dialling, RenewalOutput::DialSecondary),
                    _ => (Secondary::Confirmed, RenewalOutput::Confirmed),
                };
                known.secondary = next;
                output
            });
            self.outputs.extend(done.map(|output| output(node)));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }
}

/// Moves the entry of a node from one time to another, if it had one and is to have one.
fn move_entry(
    entries: &mut BTreeSet<(Instant, NodeAddress)>,
    node: &NodeAddress,
    from: Option<Instant>,
    to: Option<Instant>,
) {
    if from == to {
        return;
    }
    if let Some(from) = from {
        entries.remove(&(from, node.clone()));
    }
    entries.extend(to.map(|to| (to, node.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        renewal: Renewal,
        now: Instant,
    }

    fn node(name: &str) -> NodeAddress {
        NodeAddress::new(name, 1)
    }

    impl World {
        fn new(config: RenewalConfig) -> Self {
            Self {
                renewal: Renewal::new(config, 7),
                now: Instant::now(),
            }
        }

        fn tell(&mut self, input: RenewalInput) -> Vec<RenewalOutput> {
            self.renewal.handle(self.now, input);
            let mut outputs = Vec::new();
            loop {
                match self.renewal.poll() {
                    RenewalOutput::Wait(due) => {
                        assert!(due.is_none_or(|due| due > self.now), "it would spin");
                        return outputs;
                    }
                    output => outputs.push(output),
                }
            }
        }

        /// Lets time pass up to what is due, and returns what is done then.
        fn wait(&mut self) -> Vec<RenewalOutput> {
            let RenewalOutput::Wait(Some(due)) = self.renewal.poll() else {
                panic!("nothing is due")
            };
            self.now = due;
            self.tell(RenewalInput::Tick)
        }
    }

    #[test]
    fn a_node_never_lost_needs_no_fresh_address_and_no_secondary_connection() {
        let mut world = World::new(RenewalConfig::default());
        assert!(world.tell(RenewalInput::Tick).is_empty());
        assert!(!world.renewal.is_lost(&node("a")));
        assert_eq!(world.renewal.poll(), RenewalOutput::Wait(None));
    }

    #[test]
    fn a_lost_node_gets_a_secondary_connection_that_is_trusted_after_the_quarantine() {
        let mut world = World::new(RenewalConfig::default());
        let a = node("a");
        assert!(world.tell(RenewalInput::Lost(a.clone())).is_empty());
        assert!(world.renewal.is_lost(&a));
        let outputs = world.tell(RenewalInput::Connected(a.clone()));
        assert_eq!(outputs, [RenewalOutput::DialSecondary(a.clone())]);
        let begun = world.now;
        assert!(world.tell(RenewalInput::SecondaryUp(a.clone())).is_empty());
        assert_eq!(world.wait(), [RenewalOutput::Confirmed(a.clone())]);
        assert_eq!(world.now - begun, RenewalConfig::default().quarantine);
    }

    #[test]
    fn a_node_in_the_place_of_a_lost_one_gets_a_secondary_connection_too() {
        let mut world = World::new(RenewalConfig::default());
        let [a, b] = ["a", "b"].map(node);
        world.tell(RenewalInput::Lost(a));
        // A name that led to the one leads to the other, and was dialled under a fresh address.
        let outputs = world.tell(RenewalInput::Connected(b.clone()));
        assert_eq!(outputs, [RenewalOutput::DialSecondary(b.clone())]);
        world.tell(RenewalInput::SecondaryUp(b.clone()));
        assert_eq!(world.wait(), [RenewalOutput::Confirmed(b)]);
    }

    #[test]
    fn the_secondary_connection_of_a_node_that_was_lost_is_made_anew() {
        let mut world = World::new(RenewalConfig::default());
        let a = node("a");
        world.tell(RenewalInput::Lost(a.clone()));
        world.tell(RenewalInput::Connected(a.clone()));
        world.tell(RenewalInput::SecondaryUp(a.clone()));
        world.wait();
        // Nothing is sent on it, so it would stand for ever if the node lost its power.
        let outputs = world.tell(RenewalInput::Lost(a.clone()));
        assert_eq!(outputs, [RenewalOutput::CloseSecondary(a.clone())]);
        let outputs = world.tell(RenewalInput::Connected(a.clone()));
        assert_eq!(outputs, [RenewalOutput::DialSecondary(a.clone())]);
        world.tell(RenewalInput::SecondaryUp(a.clone()));
        assert_eq!(world.wait(), [RenewalOutput::Confirmed(a)]);
    }

    #[test]
    fn a_secondary_connection_that_fails_is_dialled_again_at_growing_intervals() {
        let mut world = World::new(RenewalConfig::default());
        let a = node("a");
        world.tell(RenewalInput::Lost(a.clone()));
        world.tell(RenewalInput::Connected(a.clone()));
        let begun = world.now;
        for _ in 0..20 {
            assert!(
                world
                    .tell(RenewalInput::SecondaryDown(a.clone()))
                    .is_empty()
            );
            assert_eq!(world.wait(), [RenewalOutput::DialSecondary(a.clone())]);
        }
        assert!(world.now - begun > Duration::from_secs(5));
        world.tell(RenewalInput::SecondaryUp(a.clone()));
        world.wait();
        let outputs = world.tell(RenewalInput::SecondaryDown(a.clone()));
        assert_eq!(outputs, [RenewalOutput::Unconfirmed(a.clone())]);
        let before = world.now;
        assert_eq!(world.wait(), [RenewalOutput::DialSecondary(a)]);
        assert!(world.now - before <= BackoffConfig::default().base);
    }

    #[test]
    fn no_secondary_connection_is_dialled_while_the_node_is_not_connected() {
        let mut world = World::new(RenewalConfig::default());
        let a = node("a");
        world.tell(RenewalInput::Lost(a.clone()));
        world.tell(RenewalInput::Connected(a.clone()));
        world.tell(RenewalInput::Lost(a.clone()));
        assert!(
            world
                .tell(RenewalInput::SecondaryDown(a.clone()))
                .is_empty()
        );
        assert_eq!(world.renewal.poll(), RenewalOutput::Wait(None));
    }

    #[test]
    fn a_node_that_is_gone_is_forgotten_with_its_secondary_connection() {
        let mut world = World::new(RenewalConfig::default());
        let a = node("a");
        world.tell(RenewalInput::Lost(a.clone()));
        world.tell(RenewalInput::Connected(a.clone()));
        world.tell(RenewalInput::SecondaryUp(a.clone()));
        assert!(
            world.tell(RenewalInput::Gone(a.clone())).is_empty(),
            "it serves"
        );
        let outputs = world.tell(RenewalInput::Lost(a.clone()));
        assert_eq!(outputs, [RenewalOutput::CloseSecondary(a.clone())]);
        world.tell(RenewalInput::Gone(a.clone()));
        assert!(!world.renewal.is_lost(&a));
        let outputs = world.tell(RenewalInput::SecondaryUp(a.clone()));
        assert_eq!(
            outputs,
            [RenewalOutput::CloseSecondary(a)],
            "it came too late"
        );
    }

    #[test]
    fn the_lost_nodes_that_are_not_there_any_more_are_told() {
        let mut world = World::new(RenewalConfig::default());
        let [a, b] = ["a", "b"].map(node);
        world.tell(RenewalInput::Lost(a.clone()));
        world.tell(RenewalInput::Lost(b.clone()));
        assert_eq!(world.renewal.forgotten(|node| *node == a), [b]);
        assert!(world.renewal.forgotten(|_| true).is_empty());
    }

    #[test]
    fn of_too_many_lost_nodes_the_one_gives_way_that_was_lost_first_and_is_not_connected() {
        let mut world = World::new(RenewalConfig {
            nodes: 2,
            ..RenewalConfig::default()
        });
        let lost = |world: &World| {
            let names = ["a", "b", "c", "d"].into_iter();
            let lost = names.filter(|name| world.renewal.is_lost(&node(name)));
            lost.collect::<String>()
        };
        for (name, expected) in [("a", "a"), ("b", "ab"), ("a", "ab"), ("c", "ac")] {
            world.now += Duration::from_secs(1);
            world.tell(RenewalInput::Lost(node(name)));
            assert_eq!(lost(&world), expected, "{name}");
        }
        world.tell(RenewalInput::Connected(node("a")));
        world.tell(RenewalInput::Lost(node("d")));
        assert_eq!(lost(&world), "ad", "a was lost first, and is in use");
        world.tell(RenewalInput::Connected(node("d")));
        world.tell(RenewalInput::Lost(node("b")));
        assert_eq!(lost(&world), "ad", "both are in use");
    }

    #[test]
    fn a_secondary_connection_that_comes_up_when_its_node_is_lost_ends_when_that_is_gone() {
        let mut world = World::new(RenewalConfig::default());
        let a = node("a");
        world.tell(RenewalInput::Lost(a.clone()));
        assert!(
            world.tell(RenewalInput::Gone(a.clone())).is_empty(),
            "it has none"
        );
        world.tell(RenewalInput::Connected(a.clone()));
        world.tell(RenewalInput::Lost(a.clone()));
        assert!(world.tell(RenewalInput::SecondaryUp(a.clone())).is_empty());
        let outputs = world.tell(RenewalInput::Gone(a.clone()));
        assert_eq!(outputs, [RenewalOutput::CloseSecondary(a)]);
    }

    #[test]
    fn a_node_that_was_forgotten_while_it_was_dialled_gets_its_secondary_connection() {
        let mut world = World::new(RenewalConfig::default());
        let a = node("a");
        world.tell(RenewalInput::Lost(a.clone()));
        world.tell(RenewalInput::Gone(a.clone()));
        assert!(!world.renewal.is_lost(&a));
        let outputs = world.tell(RenewalInput::Connected(a.clone()));
        assert_eq!(outputs, [RenewalOutput::DialSecondary(a)]);
    }
}
