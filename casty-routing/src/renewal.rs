//! Under which address a client comes back to a node that it lost.
//!
//! Nodes send to a client by the address that it announced. One that has something to send while
//! nobody is connected under that address leaves the address alone for 5 s, even when the client
//! has come back under it (section 2 of the protocol's description). So a client comes back under
//! a fresh address, which the node has no grudge against. References to the client's first
//! address are still about, though: in the hands of other nodes, and of entities that were told of
//! the client's actors. A second connection under that address, the companion, keeps them
//! good; nothing is sent on it. Once it has outlived the grudge, the first address serves for
//! everything again. When the node is lost once more, it is made anew: it may be half open.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

use crate::backoff::{self, Backoff, Dice};

/// The pace and the bounds of [`Renewal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How long a companion must have been connected before the first address is trusted again, and
    /// how long a node is remembered as lost once it is gone. Default 6 s: nodes bear a grudge for
    /// 5 s.
    pub grudge: Duration,
    /// Between attempts at one companion.
    pub backoff: backoff::Config,
    /// The most nodes that are remembered as lost; beyond, others are come back to under the first
    /// address. Default 1,024.
    pub nodes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            grudge: Duration::from_secs(6),
            backoff: backoff::Config::default(),
            nodes: 1_024,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The connection to a node is made, under a fresh address if
    /// [`is_lost`](Renewal::is_lost) said so.
    Connected(NodeAddress),
    /// The connection to a node ended, whoever ended it: the node may have had something to send.
    Lost(NodeAddress),
    /// The companion of a node is connected.
    CompanionUp(NodeAddress),
    /// The companion of a node could not be connected, or was lost.
    CompanionDown(NodeAddress),
    /// A node is gone from the cluster.
    Gone(NodeAddress),
    /// Nothing but time passed.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Connect to this node under the first address, and answer with [`Input::CompanionUp`] or
    /// [`Input::CompanionDown`], in bounded time.
    DialCompanion(NodeAddress),
    /// The node's companion is of no more use: end it. Its end is not to be told.
    CloseCompanion(NodeAddress),
    /// What is asked of the node may be answered to the first address from now on.
    Settled(NodeAddress),
    /// What is asked of the node is to be answered to the address of the connection in use.
    Unsettled(NodeAddress),
    /// Nothing more to do until then, or until something happens.
    Wait(Option<Instant>),
}

/// The engine of one client. Memory: an entry for each node that was lost, up to the limit, until
/// it is gone from the cluster, and for as long as it could bear a grudge then: nodes come back.
#[derive(Debug)]
pub struct Renewal {
    config: Config,
    dice: Dice,
    nodes: BTreeMap<NodeAddress, Node>,
    outputs: VecDeque<Output>,
}

/// A node that was lost at least once.
#[derive(Debug)]
struct Node {
    connected: bool,
    /// When its connection ended last.
    lost: Instant,
    /// Whether it is gone from the cluster.
    gone: bool,
    companion: Companion,
    backoff: Backoff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Companion {
    /// Not dialled before.
    Absent(Instant),
    Dialling,
    /// Trusted from then on.
    Up(Instant),
    Settled,
}

impl Renewal {
    /// An engine that knows of no loss. `seed` determines the jitter of its attempts.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            dice: Dice::new(seed),
            nodes: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Whether the node was lost, and is to be come back to under a fresh address.
    pub fn is_lost(&self, node: &NodeAddress) -> bool {
        self.nodes.contains_key(node)
    }

    /// The nodes that were lost and are none of those that are `there`.
    pub fn forgotten(&self, there: impl Fn(&NodeAddress) -> bool) -> Vec<NodeAddress> {
        let nodes = self.nodes.keys().filter(|node| !there(node));
        nodes.cloned().collect()
    }

    /// Takes in what happened; [`poll`](Self::poll) then tells what to do.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Lost(node) => self.lost(now, node),
            Input::Connected(node) => {
                if let Some(known) = self.nodes.get_mut(&node) {
                    (known.connected, known.gone) = (true, false);
                }
            }
            Input::CompanionUp(node) => {
                let trusted = now + self.config.grudge;
                match self.nodes.get_mut(&node) {
                    Some(known) if !known.gone => known.companion = Companion::Up(trusted),
                    late => {
                        if let Some(known) = late {
                            known.companion = Companion::Absent(now);
                        }
                        self.outputs.push_back(Output::CloseCompanion(node));
                    }
                }
            }
            Input::CompanionDown(node) => self.companion_down(now, node),
            Input::Gone(node) => self.gone(now, node),
            Input::Tick => {}
        }
        self.advance(now);
    }

    /// The next thing to do. To be called until it says [`Output::Wait`].
    pub fn poll(&mut self) -> Output {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| Output::Wait(self.deadline()))
    }

    fn lost(&mut self, now: Instant, node: NodeAddress) {
        if let Some(known) = self.nodes.get_mut(&node) {
            (known.connected, known.lost) = (false, now);
            // Whatever cost the one connection may have cost the other, which nothing is sent on:
            // it would not be noticed.
            if let Companion::Up(_) | Companion::Settled = known.companion {
                known.companion = Companion::Absent(now);
                self.outputs.push_back(Output::CloseCompanion(node));
            }
            return;
        }
        if self.nodes.len() < self.config.nodes {
            let known = Node {
                connected: false,
                lost: now,
                gone: false,
                companion: Companion::Absent(now),
                backoff: Backoff::new(self.config.backoff, self.dice.roll()),
            };
            self.nodes.insert(node, known);
        }
    }

    fn companion_down(&mut self, now: Instant, node: NodeAddress) {
        let Some(known) = self.nodes.get_mut(&node) else {
            return;
        };
        // One that served for a while is come back to at once.
        if known.companion == Companion::Settled {
            known.backoff.succeeded();
            self.outputs.push_back(Output::Unsettled(node));
        }
        known.companion = Companion::Absent(now + known.backoff.failed());
    }

    fn gone(&mut self, now: Instant, node: NodeAddress) {
        // One that is connected all the same is still of use.
        let Some(known) = self.nodes.get_mut(&node).filter(|known| !known.connected) else {
            return;
        };
        known.gone = true;
        if let Companion::Up(_) | Companion::Settled = known.companion {
            known.companion = Companion::Absent(now);
            self.outputs.push_back(Output::CloseCompanion(node));
        }
    }

    /// Does what is due.
    fn advance(&mut self, now: Instant) {
        let grudge = self.config.grudge;
        self.nodes
            .retain(|_, known| known.leaves(grudge).is_none_or(|at| at > now));
        for (node, known) in &mut self.nodes {
            match known.companion {
                Companion::Absent(due) if known.connected && due <= now => {
                    known.companion = Companion::Dialling;
                    self.outputs.push_back(Output::DialCompanion(node.clone()));
                }
                Companion::Up(trusted) if trusted <= now => {
                    known.companion = Companion::Settled;
                    self.outputs.push_back(Output::Settled(node.clone()));
                }
                _ => {}
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let dues = self.nodes.values().flat_map(|known| {
            let companion = match known.companion {
                Companion::Absent(due) => known.connected.then_some(due),
                Companion::Up(trusted) => Some(trusted),
                Companion::Dialling | Companion::Settled => None,
            };
            [companion, known.leaves(self.config.grudge)]
        });
        dues.flatten().min()
    }
}

impl Node {
    /// When it may be forgotten: it is gone, and bears no grudge any more.
    fn leaves(&self, grudge: Duration) -> Option<Instant> {
        self.gone.then(|| self.lost + grudge)
    }
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
        fn new(config: Config) -> Self {
            Self {
                renewal: Renewal::new(config, 7),
                now: Instant::now(),
            }
        }

        fn tell(&mut self, input: Input) -> Vec<Output> {
            self.renewal.handle(self.now, input);
            let mut outputs = Vec::new();
            loop {
                match self.renewal.poll() {
                    Output::Wait(due) => {
                        assert!(due.is_none_or(|due| due > self.now), "it would spin");
                        return outputs;
                    }
                    output => outputs.push(output),
                }
            }
        }

        /// Lets time pass up to what is due, and tells what is done then.
        fn wait(&mut self) -> Vec<Output> {
            let Output::Wait(Some(due)) = self.renewal.poll() else {
                panic!("nothing is due")
            };
            self.now = due;
            self.tell(Input::Tick)
        }
    }

    #[test]
    fn a_node_never_lost_needs_no_fresh_address_and_no_companion() {
        let mut world = World::new(Config::default());
        assert!(world.tell(Input::Connected(node("a"))).is_empty());
        assert!(!world.renewal.is_lost(&node("a")));
        assert_eq!(world.renewal.poll(), Output::Wait(None));
    }

    #[test]
    fn a_lost_node_gets_a_companion_that_is_trusted_after_the_grudge() {
        let mut world = World::new(Config::default());
        let a = node("a");
        assert!(world.tell(Input::Lost(a.clone())).is_empty());
        assert!(world.renewal.is_lost(&a));
        let outputs = world.tell(Input::Connected(a.clone()));
        assert_eq!(outputs, [Output::DialCompanion(a.clone())]);
        let begun = world.now;
        assert!(world.tell(Input::CompanionUp(a.clone())).is_empty());
        assert_eq!(world.wait(), [Output::Settled(a.clone())]);
        assert_eq!(world.now - begun, Config::default().grudge);
    }

    #[test]
    fn the_companion_of_a_node_that_was_lost_is_made_anew() {
        let mut world = World::new(Config::default());
        let a = node("a");
        world.tell(Input::Lost(a.clone()));
        world.tell(Input::Connected(a.clone()));
        world.tell(Input::CompanionUp(a.clone()));
        world.wait();
        // Nothing is sent on it, so it would stand for ever if the node lost its power.
        let outputs = world.tell(Input::Lost(a.clone()));
        assert_eq!(outputs, [Output::CloseCompanion(a.clone())]);
        let outputs = world.tell(Input::Connected(a.clone()));
        assert_eq!(outputs, [Output::DialCompanion(a.clone())]);
        world.tell(Input::CompanionUp(a.clone()));
        assert_eq!(world.wait(), [Output::Settled(a)]);
    }

    #[test]
    fn a_companion_that_fails_is_dialled_again_at_growing_intervals() {
        let mut world = World::new(Config::default());
        let a = node("a");
        world.tell(Input::Lost(a.clone()));
        world.tell(Input::Connected(a.clone()));
        let begun = world.now;
        for _ in 0..20 {
            assert!(world.tell(Input::CompanionDown(a.clone())).is_empty());
            assert_eq!(world.wait(), [Output::DialCompanion(a.clone())]);
        }
        assert!(world.now - begun > Duration::from_secs(5));
        world.tell(Input::CompanionUp(a.clone()));
        world.wait();
        let outputs = world.tell(Input::CompanionDown(a.clone()));
        assert_eq!(outputs, [Output::Unsettled(a.clone())]);
        let before = world.now;
        assert_eq!(world.wait(), [Output::DialCompanion(a)]);
        assert!(world.now - before <= backoff::Config::default().base);
    }

    #[test]
    fn no_companion_is_dialled_while_the_node_is_not_connected() {
        let mut world = World::new(Config::default());
        let a = node("a");
        world.tell(Input::Lost(a.clone()));
        world.tell(Input::Connected(a.clone()));
        world.tell(Input::Lost(a.clone()));
        assert!(world.tell(Input::CompanionDown(a.clone())).is_empty());
        assert_eq!(world.renewal.poll(), Output::Wait(None));
    }

    #[test]
    fn a_node_that_is_gone_is_forgotten_with_its_companion() {
        let mut world = World::new(Config::default());
        let a = node("a");
        world.tell(Input::Lost(a.clone()));
        world.tell(Input::Connected(a.clone()));
        world.tell(Input::CompanionUp(a.clone()));
        assert!(world.tell(Input::Gone(a.clone())).is_empty(), "it serves");
        let outputs = world.tell(Input::Lost(a.clone()));
        assert_eq!(outputs, [Output::CloseCompanion(a.clone())]);
        assert!(world.tell(Input::Gone(a.clone())).is_empty());
        assert!(world.wait().is_empty());
        assert!(!world.renewal.is_lost(&a));
        let outputs = world.tell(Input::CompanionUp(a.clone()));
        assert_eq!(outputs, [Output::CloseCompanion(a)], "it came too late");
    }

    #[test]
    fn a_node_that_is_gone_is_remembered_for_as_long_as_it_may_bear_a_grudge() {
        let mut world = World::new(Config::default());
        let (a, begun) = (node("a"), world.now);
        world.tell(Input::Lost(a.clone()));
        for _ in 0..3 {
            world.now += Duration::from_secs(1);
            assert!(world.tell(Input::Gone(a.clone())).is_empty());
            assert!(world.renewal.is_lost(&a));
        }
        assert!(world.wait().is_empty());
        assert!(!world.renewal.is_lost(&a));
        assert_eq!(world.now - begun, Config::default().grudge);
        assert_eq!(world.renewal.poll(), Output::Wait(None));
    }

    #[test]
    fn a_node_that_is_gone_and_comes_back_in_time_is_come_back_to_as_any_lost_one() {
        let mut world = World::new(Config::default());
        let a = node("a");
        world.tell(Input::Lost(a.clone()));
        world.tell(Input::Gone(a.clone()));
        let outputs = world.tell(Input::Connected(a.clone()));
        assert_eq!(outputs, [Output::DialCompanion(a.clone())]);
        assert!(world.tell(Input::CompanionUp(a.clone())).is_empty());
        assert_eq!(world.wait(), [Output::Settled(a.clone())]);
        assert!(world.renewal.is_lost(&a), "it is not gone any more");
    }

    #[test]
    fn a_companion_that_comes_up_when_its_node_is_gone_is_closed() {
        let mut world = World::new(Config::default());
        let a = node("a");
        world.tell(Input::Lost(a.clone()));
        world.tell(Input::Connected(a.clone()));
        world.tell(Input::Lost(a.clone()));
        assert!(world.tell(Input::Gone(a.clone())).is_empty(), "none yet");
        let outputs = world.tell(Input::CompanionUp(a.clone()));
        assert_eq!(outputs, [Output::CloseCompanion(a.clone())]);
        let outputs = world.tell(Input::Connected(a.clone()));
        assert_eq!(outputs, [Output::DialCompanion(a)]);
    }

    #[test]
    fn the_lost_nodes_that_are_not_there_any_more_are_told() {
        let mut world = World::new(Config::default());
        let [a, b] = ["a", "b"].map(node);
        world.tell(Input::Lost(a.clone()));
        world.tell(Input::Lost(b.clone()));
        assert_eq!(world.renewal.forgotten(|node| *node == a), [b]);
        assert!(world.renewal.forgotten(|_| true).is_empty());
    }

    #[test]
    fn as_many_lost_nodes_are_remembered_as_may_be() {
        let mut world = World::new(Config {
            nodes: 2,
            ..Config::default()
        });
        for name in ["a", "b", "c"] {
            world.tell(Input::Lost(node(name)));
        }
        assert!(world.renewal.is_lost(&node("b")) && !world.renewal.is_lost(&node("c")));
    }
}
