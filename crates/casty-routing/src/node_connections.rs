//! The choice of the one connection between two nodes, and when a node is dialled again.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

/// The limits of [`NodeConnections`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NodeConnectionsConfig {
    /// The time for which a node is not dialled again after a dial has failed. Default 5 s, as Casty's nodes.
    pub quarantine: Duration,
    /// The most peers that are known at a time, clients among them. More that dial in are refused, and so many
    /// names by which peers were dialled are known besides. Default 4,096.
    pub peers: usize,
}

impl Default for NodeConnectionsConfig {
    fn default() -> Self {
        Self {
            quarantine: Duration::from_secs(5),
            peers: 4_096,
        }
    }
}

/// An event that [`NodeConnections`] is told of. A connection is named by a number that no other ever had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeConnectionsInput {
    /// There is something to send to a node.
    Wanted(NodeAddress),
    /// A dial has succeeded.
    Dialled {
        /// The address that was dialled.
        node: NodeAddress,
        /// The address that the node announced, as far as it is believed: what waits for either address, or is
        /// sent to it, goes there from now on.
        announced: NodeAddress,
        /// The connection.
        connection: u64,
    },
    /// A dial has failed.
    Failed(NodeAddress),
    /// A peer has dialled in.
    Accepted {
        /// The address that it announced.
        node: NodeAddress,
        /// The connection.
        connection: u64,
    },
    /// A connection has ended.
    Ended(u64),
    /// The node has asked to join: it has started anew, and may be dialled.
    EndQuarantine(NodeAddress),
}

/// An order of [`NodeConnections`] to its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeConnectionsOutput {
    /// Dial the node.
    Dial(NodeAddress),
    /// Send by this connection from now on what is for the node.
    Use {
        /// The node.
        node: NodeAddress,
        /// The connection.
        connection: u64,
    },
    /// Close a connection: another one is used, or there is no place for one more.
    Close(u64),
    /// Drop what waits for the node: it cannot be connected, or its connection has ended.
    Drop(NodeAddress),
    /// Nothing more to do until something happens.
    Idle,
}

/// The connections of a node to its peers: one for each, whichever side dialled.
///
/// Two nodes that dial each other at once both have to keep the same one of the two connections, so the rule is
/// that of Casty's nodes: the one that the lower address began. So a peer that has lost its connection without
/// this node's notice cannot come back before this node is told that it has [ended](NodeConnectionsInput::Ended),
/// if its address is the higher one: whoever drives this has to probe. A node that could not be dialled is left
/// alone for a while, unless it asks to join.
///
/// Memory: an entry for each peer that is connected, dialled or left alone, and for each other name of such a
/// peer; both are limited. An event costs at most a look at all of them.
///
/// ```
/// # use std::time::Instant;
/// use casty_proto::NodeAddress;
/// use casty_routing::{
///     NodeConnections, NodeConnectionsConfig, NodeConnectionsInput, NodeConnectionsOutput,
/// };
///
/// let (me, peer): (NodeAddress, NodeAddress) = ("10.0.0.2:1".parse()?, "10.0.0.1:1".parse()?);
/// let mut connections = NodeConnections::new(NodeConnectionsConfig::default(), me);
/// let now = Instant::now();
/// connections.handle(now, NodeConnectionsInput::Wanted(peer.clone()));
/// assert_eq!(connections.poll(), NodeConnectionsOutput::Dial(peer.clone()));
/// // The peer, whose address is lower, has dialled at the same time: its connection is kept.
/// let accepted = NodeConnectionsInput::Accepted { node: peer.clone(), connection: 1 };
/// connections.handle(now, accepted);
/// let used = NodeConnectionsOutput::Use { node: peer.clone(), connection: 1 };
/// assert_eq!(connections.poll(), used);
/// let (node, announced) = (peer.clone(), peer);
/// let dialled = NodeConnectionsInput::Dialled { node, announced, connection: 2 };
/// connections.handle(now, dialled);
/// assert_eq!(connections.poll(), NodeConnectionsOutput::Close(2));
/// # Ok::<(), casty_proto::AddressError>(())
/// ```
#[derive(Debug)]
pub struct NodeConnections {
    config: NodeConnectionsConfig,
    me: NodeAddress,
    peers: BTreeMap<NodeAddress, Peer>,
    /// The addresses that were dialled and under which nodes did not announce themselves.
    aliases: BTreeMap<NodeAddress, NodeAddress>,
    outputs: VecDeque<NodeConnectionsOutput>,
}

#[derive(Debug, Default)]
struct Peer {
    connection: Option<u64>,
    is_dialled: bool,
    quarantine: Option<Quarantine>,
}

/// The time for which a node is left alone.
#[derive(Debug, Clone, Copy)]
struct Quarantine {
    since: Instant,
    time: Duration,
}

impl Quarantine {
    fn is_over(self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= self.time
    }
}

impl Peer {
    fn is_left_alone(&self, now: Instant) -> bool {
        self.quarantine
            .is_some_and(|quarantine| !quarantine.is_over(now))
    }

    /// Returns whether nothing is known of it that matters.
    fn is_idle(&self, now: Instant) -> bool {
        self.connection.is_none() && !self.is_dialled && !self.is_left_alone(now)
    }
}

impl NodeConnections {
    /// Creates the connections of the node `me`, of which there are none.
    pub fn new(config: NodeConnectionsConfig, me: NodeAddress) -> Self {
        Self {
            config,
            me,
            peers: BTreeMap::new(),
            aliases: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes in an event; [`poll`](Self::poll) then returns what to do.
    pub fn handle(&mut self, now: Instant, input: NodeConnectionsInput) {
        match input {
            NodeConnectionsInput::Wanted(node) => self.wanted(now, node),
            NodeConnectionsInput::Dialled {
                node,
                announced,
                connection,
            } => self.dialled(now, node, announced, connection),
            NodeConnectionsInput::Failed(node) => self.failed(now, node),
            NodeConnectionsInput::Accepted { node, connection } => {
                let initiator = node.clone();
                self.up(now, node, &initiator, connection);
            }
            NodeConnectionsInput::Ended(connection) => self.ended(connection),
            NodeConnectionsInput::EndQuarantine(node) => self.end_quarantine(&node),
        }
    }

    /// Returns the next thing to do. To be called until it returns [`NodeConnectionsOutput::Idle`].
    #[must_use = "an output is returned once"]
    pub fn poll(&mut self) -> NodeConnectionsOutput {
        self.outputs
            .pop_front()
            .unwrap_or(NodeConnectionsOutput::Idle)
    }

    /// Returns the connection by which to send to a node.
    pub fn connection(&self, node: &NodeAddress) -> Option<u64> {
        let canonical = self.aliases.get(node).unwrap_or(node);
        self.peers.get(canonical)?.connection
    }

    fn wanted(&mut self, now: Instant, node: NodeAddress) {
        if self.connection(&node).is_some() {
            return;
        }
        let has_place = self.has_place(now, &node);
        let peer = self.peers.get(&node);
        let is_dialled = peer.is_some_and(|peer| peer.is_dialled);
        let is_left_alone = peer.is_some_and(|peer| peer.is_left_alone(now));
        if node == self.me || is_left_alone || !has_place {
            self.outputs.push_back(NodeConnectionsOutput::Drop(node));
        } else if !is_dialled {
            let dialled = self.peers.entry(node.clone()).or_default();
            dialled.is_dialled = true;
            dialled.quarantine = None;
            self.outputs.push_back(NodeConnectionsOutput::Dial(node));
        }
    }

    /// Returns whether a peer is known, or there is a place for it. Forgets those that do not matter.
    fn has_place(&mut self, now: Instant, node: &NodeAddress) -> bool {
        if self.peers.contains_key(node) {
            return true;
        }
        if self.peers.len() >= self.config.peers {
            self.peers.retain(|_, peer| !peer.is_idle(now));
        }
        self.peers.len() < self.config.peers
    }

    fn dialled(
        &mut self,
        now: Instant,
        node: NodeAddress,
        announced: NodeAddress,
        connection: u64,
    ) {
        if let Some(peer) = self.peers.get_mut(&node) {
            peer.is_dialled = false;
        }
        if announced == self.me {
            // It has reached itself.
            self.outputs
                .push_back(NodeConnectionsOutput::Close(connection));
            return self.failed(now, node);
        }
        let me = self.me.clone();
        if node == announced {
            return self.up(now, announced, &me, connection);
        }
        let is_known = self.aliases.contains_key(&node);
        let is_full = !is_known && self.aliases.len() >= self.config.peers;
        if is_full || !self.has_place(now, &announced) {
            self.outputs
                .push_back(NodeConnectionsOutput::Close(connection));
            return self.failed(now, node);
        }
        // Another node may have dialled in meanwhile that announces the address that was dialled: it has it.
        let peer = self.peers.get(&node);
        if peer.is_none_or(|peer| peer.connection.is_none()) {
            self.peers.remove(&node);
            self.aliases.insert(node, announced.clone());
        }
        let node = announced.clone();
        self.up(now, announced, &me, connection);
        if let Some(kept) = self.connection(&node).filter(|kept| *kept != connection) {
            // It is known by another name already, and what waits for this one goes there.
            let connection = kept;
            self.outputs
                .push_back(NodeConnectionsOutput::Use { node, connection });
        }
    }

    /// Takes up a connection that `initiator` began, unless another one of that peer is kept.
    fn up(&mut self, now: Instant, node: NodeAddress, initiator: &NodeAddress, connection: u64) {
        if node == self.me || !self.has_place(now, &node) {
            let close = NodeConnectionsOutput::Close(connection);
            return self.outputs.push_back(close);
        }
        let wins = initiator == (&self.me).min(&node);
        self.aliases.remove(&node);
        let peer = self.peers.entry(node.clone()).or_default();
        if let Some(other) = peer.connection {
            let close = if wins { other } else { connection };
            self.outputs.push_back(NodeConnectionsOutput::Close(close));
            if !wins {
                return;
            }
        }
        peer.connection = Some(connection);
        peer.quarantine = None;
        self.outputs
            .push_back(NodeConnectionsOutput::Use { node, connection });
    }

    fn failed(&mut self, now: Instant, node: NodeAddress) {
        let Some(peer) = self.peers.get_mut(&node) else {
            return;
        };
        peer.is_dialled = false;
        if peer.connection.is_none() {
            let time = self.config.quarantine;
            peer.quarantine = Some(Quarantine { since: now, time });
            self.outputs.push_back(NodeConnectionsOutput::Drop(node));
        }
    }

    fn ended(&mut self, connection: u64) {
        let used = self
            .peers
            .iter_mut()
            .find(|(_, peer)| peer.connection == Some(connection));
        let Some((node, peer)) = used else {
            return;
        };
        peer.connection = None;
        let node = node.clone();
        self.aliases.retain(|_, announced| *announced != node);
        self.outputs.push_back(NodeConnectionsOutput::Drop(node));
    }

    fn end_quarantine(&mut self, node: &NodeAddress) {
        self.aliases.remove(node);
        if let Some(peer) = self.peers.get_mut(node) {
            peer.quarantine = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeAddress {
        NodeAddress::new(name, 1)
    }

    struct World {
        now: Instant,
        engine: NodeConnections,
    }

    impl World {
        fn of(me: &str) -> Self {
            Self {
                now: Instant::now(),
                engine: NodeConnections::new(NodeConnectionsConfig::default(), node(me)),
            }
        }

        fn tell(&mut self, input: NodeConnectionsInput) -> Vec<NodeConnectionsOutput> {
            self.engine.handle(self.now, input);
            let next = || match self.engine.poll() {
                NodeConnectionsOutput::Idle => None,
                output => Some(output),
            };
            std::iter::from_fn(next).collect()
        }

        fn wants(&mut self, name: &str) -> Vec<NodeConnectionsOutput> {
            self.tell(NodeConnectionsInput::Wanted(node(name)))
        }

        fn dialled(&mut self, name: &str, connection: u64) -> Vec<NodeConnectionsOutput> {
            self.dialled_as(name, name, connection)
        }

        fn dialled_as(
            &mut self,
            name: &str,
            announced: &str,
            connection: u64,
        ) -> Vec<NodeConnectionsOutput> {
            let (node, announced) = (node(name), node(announced));
            self.tell(NodeConnectionsInput::Dialled {
                node,
                announced,
                connection,
            })
        }

        fn accepted(&mut self, name: &str, connection: u64) -> Vec<NodeConnectionsOutput> {
            let node = node(name);
            self.tell(NodeConnectionsInput::Accepted { node, connection })
        }
    }

    fn using(name: &str, connection: u64) -> NodeConnectionsOutput {
        let node = node(name);
        NodeConnectionsOutput::Use { node, connection }
    }

    #[test]
    fn of_two_connections_both_sides_keep_the_one_that_the_lower_address_began() {
        for accepted_first in [false, true] {
            for (me, peer, mine_wins) in [("a", "b", true), ("b", "a", false)] {
                let mut world = World::of(me);
                assert_eq!(world.wants(peer), [NodeConnectionsOutput::Dial(node(peer))]);
                assert_eq!(world.wants(peer), []);
                let (mine, theirs) = (1, 2);
                let (first, second, outputs) = if accepted_first {
                    let first = world.accepted(peer, theirs);
                    (first, theirs, world.dialled(peer, mine))
                } else {
                    let first = world.dialled(peer, mine);
                    (first, mine, world.accepted(peer, theirs))
                };
                assert_eq!(first, [using(peer, second)]);
                let (kept, other) = if mine_wins {
                    (mine, theirs)
                } else {
                    (theirs, mine)
                };
                if kept == second {
                    assert_eq!(outputs, [NodeConnectionsOutput::Close(other)]);
                } else {
                    assert_eq!(
                        outputs,
                        [NodeConnectionsOutput::Close(other), using(peer, kept)]
                    );
                }
                assert_eq!(world.engine.connection(&node(peer)), Some(kept));
                // The end of the other one is no end of the peer's.
                assert_eq!(world.tell(NodeConnectionsInput::Ended(other)), []);
                let ended = world.tell(NodeConnectionsInput::Ended(kept));
                assert_eq!(ended, [NodeConnectionsOutput::Drop(node(peer))]);
            }
        }
    }

    #[test]
    fn a_node_that_cannot_be_dialled_is_left_alone_until_time_has_passed_or_it_joins() {
        let mut world = World::of("a");
        let (dial, drop) = (
            vec![NodeConnectionsOutput::Dial(node("b"))],
            vec![NodeConnectionsOutput::Drop(node("b"))],
        );
        assert_eq!(world.wants("b"), dial);
        assert_eq!(world.tell(NodeConnectionsInput::Failed(node("b"))), drop);
        assert_eq!(world.wants("b"), drop);
        assert_eq!(
            world.tell(NodeConnectionsInput::EndQuarantine(node("b"))),
            []
        );
        assert_eq!(world.wants("b"), dial);
        assert_eq!(world.tell(NodeConnectionsInput::Failed(node("b"))), drop);
        world.now += Duration::from_secs(5);
        assert_eq!(world.wants("b"), dial);
        // It has dialled in meanwhile.
        assert_eq!(world.accepted("b", 7), [using("b", 7)]);
        assert_eq!(world.tell(NodeConnectionsInput::Failed(node("b"))), []);
        assert_eq!(world.wants("b"), []);
    }

    #[test]
    fn a_node_that_announces_another_address_is_known_by_both_while_it_is_connected() {
        let mut world = World::of("a");
        world.wants("localhost");
        let (from, announced) = (node("localhost"), node("b"));
        let dialled = NodeConnectionsInput::Dialled {
            node: from.clone(),
            announced,
            connection: 1,
        };
        assert_eq!(world.tell(dialled), [using("b", 1)]);
        assert_eq!(world.engine.connection(&from), Some(1));
        assert_eq!(world.wants("localhost"), []);
        world.tell(NodeConnectionsInput::Ended(1));
        assert_eq!(world.engine.connection(&from), None);
    }

    #[test]
    fn a_node_does_not_talk_to_itself() {
        let mut world = World::of("a");
        assert_eq!(world.wants("a"), [NodeConnectionsOutput::Drop(node("a"))]);
        assert_eq!(world.accepted("a", 1), [NodeConnectionsOutput::Close(1)]);
        world.wants("localhost");
        let dialled = NodeConnectionsInput::Dialled {
            node: node("localhost"),
            announced: node("a"),
            connection: 2,
        };
        let dropped = NodeConnectionsOutput::Drop(node("localhost"));
        assert_eq!(
            world.tell(dialled),
            [NodeConnectionsOutput::Close(2), dropped]
        );
    }

    #[test]
    fn peers_are_limited_and_those_that_do_not_matter_make_room() {
        let mut world = World::of("a");
        world.engine.config.peers = 2;
        world.accepted("b", 1);
        world.wants("c");
        world.tell(NodeConnectionsInput::Failed(node("c")));
        assert_eq!(world.accepted("d", 2), [NodeConnectionsOutput::Close(2)]);
        world.now += Duration::from_secs(5);
        assert_eq!(world.accepted("d", 3), [using("d", 3)]);
        assert_eq!(world.wants("e"), [NodeConnectionsOutput::Drop(node("e"))]);
    }

    #[test]
    fn a_peer_that_dials_in_under_a_name_that_was_dialled_keeps_its_connection() {
        let mut world = World::of("a");
        world.wants("b");
        assert_eq!(world.accepted("b", 1), [using("b", 1)]);
        // Meanwhile the dial has reached somebody else.
        assert_eq!(world.dialled_as("b", "c", 2), [using("c", 2)]);
        assert_eq!(world.engine.connection(&node("b")), Some(1));
        let ended = world.tell(NodeConnectionsInput::Ended(1));
        assert_eq!(ended, [NodeConnectionsOutput::Drop(node("b"))]);
        // And a name of another peer is its own when it comes itself.
        world.wants("d");
        assert_eq!(
            world.dialled_as("d", "c", 3),
            [NodeConnectionsOutput::Close(2), using("c", 3)]
        );
        assert_eq!(world.engine.connection(&node("d")), Some(3));
        assert_eq!(world.accepted("d", 4), [using("d", 4)]);
        assert_eq!(world.engine.connection(&node("d")), Some(4));
    }

    #[test]
    fn what_waits_for_another_name_of_a_peer_goes_by_the_connection_that_is_kept() {
        let mut world = World::of("b");
        assert_eq!(world.accepted("a", 1), [using("a", 1)]);
        world.wants("localhost");
        let closed = NodeConnectionsOutput::Close(2);
        assert_eq!(
            world.dialled_as("localhost", "a", 2),
            [closed, using("a", 1)]
        );
        assert_eq!(world.engine.connection(&node("localhost")), Some(1));
    }

    #[test]
    fn names_of_peers_are_limited_and_what_finds_no_place_is_not_waited_for() {
        let mut world = World::of("a");
        world.engine.config.peers = 2;
        for (name, connection) in [("x", 1), ("y", 2)] {
            world.wants(name);
            world.dialled_as(name, "b", connection);
        }
        world.wants("z");
        let dropped = NodeConnectionsOutput::Drop(node("z"));
        let closed = NodeConnectionsOutput::Close(3);
        assert_eq!(world.dialled_as("z", "b", 3), [closed, dropped.clone()]);
        assert_eq!(world.wants("z"), [dropped]);
        assert_eq!(world.engine.connection(&node("x")), Some(2));
    }

    #[test]
    fn a_quarantine_without_end_is_one() {
        let mut world = World::of("a");
        world.engine.config.quarantine = Duration::MAX;
        world.wants("b");
        world.tell(NodeConnectionsInput::Failed(node("b")));
        world.now += Duration::from_secs(1_000_000);
        let dropped = NodeConnectionsOutput::Drop(node("b"));
        assert_eq!(world.wants("b"), [dropped]);
    }
}
