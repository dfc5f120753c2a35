//! [`Connections`] and [`Subscription`] together, wired as a client wires them, against a cluster
//! that dies, hangs and moves: does the view come, and come again?

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]
// Tests have to begin at some moment.
#![allow(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;
use casty_routing::{
    Connections, ConnectionsConfig, ConnectionsInput, ConnectionsOutput, Subscription,
    SubscriptionConfig, SubscriptionInput, SubscriptionOutput,
};

/// Milliseconds from the start.
type Millis = u64;

/// The time that nodes take to notice that one of them is dead.
const DETECTION: Millis = 1_500;
/// The time that a dial into nothing takes to fail.
const CONNECT_TIMEOUT: Millis = 2_000;
/// The time between two pushes of its view by a node of several.
const PUSH: Millis = 250;

/// A thing that is under way and arrives at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    DialEnds {
        dialled: NodeAddress,
    },
    View {
        from: NodeAddress,
        subscription: u64,
    },
    Push,
}

#[derive(Debug, Default)]
struct Node {
    dead_since: Option<Millis>,
    hung: bool,
    subscribers: BTreeSet<u64>,
}

struct World {
    start: Instant,
    now: Millis,
    connections: Connections,
    subscription: Subscription,
    source: Option<NodeAddress>,
    nodes: BTreeMap<NodeAddress, Node>,
    /// The node that the one host name that is a contact leads to.
    name_leads_to: Option<NodeAddress>,
    connected: BTreeSet<NodeAddress>,
    under_way: BTreeMap<(Millis, u64), Event>,
    sent: u64,
    views: Vec<Millis>,
    log: Vec<String>,
}

fn node(number: u16) -> NodeAddress {
    NodeAddress::new("10.0.0.1", number)
}

fn name() -> NodeAddress {
    NodeAddress::new("casty.example", 25_520)
}

/// Makes a client of the contacts in a world of nodes `1..=count`.
fn world(count: u16, contacts: &[NodeAddress], seed: u64) -> World {
    let mut world = World {
        start: Instant::now(),
        now: 0,
        connections: Connections::new(ConnectionsConfig::default(), contacts.to_vec(), seed),
        subscription: Subscription::new(SubscriptionConfig::default()),
        source: None,
        nodes: (1..=count).map(|n| (node(n), Node::default())).collect(),
        name_leads_to: None,
        connected: BTreeSet::new(),
        under_way: BTreeMap::new(),
        sent: 0,
        views: Vec::new(),
        log: Vec::new(),
    };
    world.later(PUSH, Event::Push);
    world.tell_connections(ConnectionsInput::Tick);
    world
}

impl World {
    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    fn later(&mut self, millis: Millis, event: Event) {
        self.sent += 1;
        self.under_way.insert((self.now + millis, self.sent), event);
    }

    fn note(&mut self, what: impl std::fmt::Debug) {
        self.log.push(format!("{} {what:?}", self.now));
    }

    // The wiring of a client.

    fn tell_connections(&mut self, input: ConnectionsInput) {
        self.connections.handle(self.instant(), input);
        loop {
            let output = self.connections.poll();
            if !matches!(output, ConnectionsOutput::Wait(_)) {
                self.note(&output);
            }
            match output {
                ConnectionsOutput::Dial(dialled) => {
                    let took = match self.target(&dialled).map(|node| &self.nodes[&node]) {
                        Some(node) if node.hung => CONNECT_TIMEOUT,
                        Some(_) => 5,
                        None => 1,
                    };
                    self.later(took, Event::DialEnds { dialled });
                }
                ConnectionsOutput::Close(node) => {
                    assert!(self.connected.remove(&node));
                    self.tell_subscription(SubscriptionInput::Disconnected(node));
                }
                ConnectionsOutput::Duplicate(_)
                | ConnectionsOutput::Suspect(_)
                | ConnectionsOutput::Discover => {}
                ConnectionsOutput::Wait(_) => return,
            }
        }
    }

    fn tell_subscription(&mut self, input: SubscriptionInput) {
        self.subscription.handle(self.instant(), input);
        loop {
            let output = self.subscription.poll();
            match &output {
                SubscriptionOutput::Wait(_) => break,
                SubscriptionOutput::Stale { .. } => self.note("stale"),
                SubscriptionOutput::Silent(_) => {}
                output => self.note(output),
            }
            match output {
                SubscriptionOutput::Subscribe { to, subscription }
                | SubscriptionOutput::Probe { to, subscription } => {
                    assert!(self.connected.contains(&to));
                    if let Some(node) = self.nodes.get_mut(&to).filter(|node| !node.hung) {
                        node.subscribers.insert(subscription);
                        let from = to;
                        self.later(2, Event::View { from, subscription });
                    }
                }
                SubscriptionOutput::Unsubscribe { from, subscription } => {
                    assert!(self.connected.contains(&from));
                    if let Some(node) = self.nodes.get_mut(&from) {
                        node.subscribers.remove(&subscription);
                    }
                }
                _ => {}
            }
        }
        if self.subscription.source() != self.source.as_ref() {
            self.source = self.subscription.source().cloned();
            self.tell_connections(ConnectionsInput::Source(self.source.clone()));
        }
    }

    /// The node that a dial of this address reaches.
    fn target(&self, dialled: &NodeAddress) -> Option<NodeAddress> {
        let address = if *dialled == name() {
            self.name_leads_to.as_ref()?
        } else {
            dialled
        };
        let node = self.nodes.get(address)?;
        node.dead_since.is_none().then(|| address.clone())
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::DialEnds { dialled } => match self.target(&dialled) {
                Some(canonical) if !self.nodes[&canonical].hung => {
                    let new = self.connected.insert(canonical.clone());
                    let node = canonical.clone();
                    self.tell_connections(ConnectionsInput::Connected { dialled, canonical });
                    if new && self.connected.contains(&node) {
                        self.tell_subscription(SubscriptionInput::Connected(node));
                    }
                }
                _ => self.tell_connections(ConnectionsInput::Failed { dialled }),
            },
            Event::View { from, subscription } => self.view(&from, subscription),
            Event::Push => {
                let up = |(_, node): &(&NodeAddress, &Node)| node.dead_since.is_none();
                if self.nodes.iter().filter(up).count() > 1 {
                    let pushes: Vec<_> = self
                        .nodes
                        .iter()
                        .filter(|(_, node)| node.dead_since.is_none() && !node.hung)
                        .flat_map(|(from, node)| {
                            node.subscribers.iter().map(|s| (from.clone(), *s))
                        })
                        .collect();
                    for (from, subscription) in pushes {
                        self.view(&from, subscription);
                    }
                }
                self.later(PUSH, Event::Push);
            }
        }
    }

    /// A view arrives, if there still is a connection for it to arrive by.
    fn view(&mut self, from: &NodeAddress, subscription: u64) {
        let alive = self
            .nodes
            .get(from)
            .is_some_and(|node| node.dead_since.is_none());
        if !alive || !self.connected.contains(from) || !self.subscription.is_current(subscription) {
            return;
        }
        let from = from.clone();
        self.tell_subscription(SubscriptionInput::Snapshot { from, subscription });
        self.views.push(self.now);
        let noticed = |node: &Node| node.dead_since.is_some_and(|at| at + DETECTION <= self.now);
        let (gone, live): (Vec<_>, Vec<_>) = self.nodes.iter().partition(|(_, node)| noticed(node));
        let addresses = |nodes: Vec<(&NodeAddress, &Node)>| {
            nodes
                .into_iter()
                .map(|(node, _)| node.clone())
                .collect::<Vec<_>>()
        };
        let (live, gone) = (addresses(live), addresses(gone));
        let up = live.iter().cloned().collect();
        self.tell_connections(ConnectionsInput::View { live, gone });
        self.tell_subscription(SubscriptionInput::Live(up));
    }

    // Faults.

    fn kill(&mut self, number: u16) {
        if let Some(victim) = self.nodes.get_mut(&node(number)) {
            victim.dead_since.get_or_insert(self.now);
            victim.subscribers.clear();
        }
        self.cut(number);
    }

    fn cut(&mut self, number: u16) {
        let node = node(number);
        if self.connected.remove(&node) {
            self.note(("lost", &node));
            let lost = node.clone();
            self.tell_connections(ConnectionsInput::Lost { node: lost });
            self.tell_subscription(SubscriptionInput::Disconnected(node));
        }
    }

    fn start(&mut self, number: u16) {
        self.nodes.insert(node(number), Node::default());
    }

    fn hang(&mut self, number: u16, hung: bool) {
        if let Some(node) = self.nodes.get_mut(&node(number)) {
            node.hung = hung;
        }
    }

    // Time.

    fn run(&mut self, millis: Millis) {
        let until = self.now + millis;
        let mut steps = 0;
        while let Some(next) = self.next().filter(|next| *next <= until) {
            steps += 1;
            assert!(steps < 100_000, "it does not wait: {:?}", self.log.last());
            self.now = next.max(self.now);
            while let Some(entry) = self.under_way.first_entry()
                && entry.key().0 <= self.now
            {
                let event = entry.remove();
                self.happen(event);
            }
            self.tell_connections(ConnectionsInput::Tick);
            self.tell_subscription(SubscriptionInput::Tick);
        }
        self.now = until;
    }

    /// Returns the time at which something is due next.
    fn next(&mut self) -> Option<Millis> {
        let ConnectionsOutput::Wait(dials) = self.connections.poll() else {
            panic!("the connections are not drained");
        };
        let SubscriptionOutput::Wait(subscription) = self.subscription.poll() else {
            panic!("the subscription is not drained");
        };
        let waits = dials.into_iter().chain(subscription).map(|at| {
            let micros = at.saturating_duration_since(self.start).as_micros();
            Millis::try_from(micros.div_ceil(1_000)).unwrap_or(Millis::MAX)
        });
        let events = self.under_way.keys().next().map(|(at, _)| *at);
        waits.chain(events).min()
    }

    /// Runs until the next view, which is to come within `millis`, and returns the time it took.
    fn view_within(&mut self, millis: Millis) -> Millis {
        let (seen, since) = (self.views.len(), self.now);
        while self.views.len() == seen {
            assert!(self.now < since + millis, "no view: {:#?}", self.log);
            self.run(1);
        }
        self.now - since
    }

    /// Returns the port of the node that feeds the view; 0 if none does.
    fn source_number(&self) -> u16 {
        self.source.as_ref().map_or(0, NodeAddress::port)
    }
}

#[test]
fn the_first_view_comes_at_once_and_all_members_are_connected() {
    let mut world = world(3, &[node(1)], 1);
    world.view_within(20);
    world.run(100);
    assert_eq!(world.connected.len(), 3);
}

#[test]
fn contacts_that_are_down_or_hung_cost_a_stagger_at_most() {
    let mut world = world(3, &[node(8), node(9), node(1), node(2)], 1);
    world.view_within(20);
    let mut world = world_with_hung_contacts();
    assert!(world.view_within(2_000) <= 250);
}

fn world_with_hung_contacts() -> World {
    let mut world = world(4, &[], 1);
    world.hang(1, true);
    world.hang(2, true);
    let contacts = vec![node(1), node(2), node(3)];
    world.connections = Connections::new(ConnectionsConfig::default(), contacts, 1);
    world.tell_connections(ConnectionsInput::Tick);
    world
}

#[test]
fn killing_the_source_costs_no_more_than_a_round_trip() {
    for seed in 0..50 {
        let mut world = world(3, &[node(1)], seed);
        world.run(5_000);
        let source = world.source_number();
        world.kill(source);
        world.view_within(10);
        assert_ne!(world.source_number(), source);
        world.run(10_000);
        assert_eq!(world.connected.len(), 2);
    }
}

#[test]
fn a_hung_source_is_replaced_after_a_silence_and_a_probe() {
    let mut world = world(3, &[node(1)], 1);
    world.run(5_000);
    world.hang(1, true);
    assert!(world.view_within(4_010) >= 3_750);
    assert_ne!(world.source_number(), 1);
}

#[test]
fn a_lone_node_feeds_the_view_by_probes_and_again_after_its_restart() {
    let mut world = world(1, &[node(1)], 1);
    world.run(31_000);
    assert_eq!(world.views.len(), 11, "one each 3 s");
    assert!(!world.log.iter().any(|line| line.contains("Unsubscribe")));
    world.kill(1);
    world.run(60_000);
    world.start(1);
    world.view_within(5_100);
}

#[test]
fn a_client_that_starts_before_the_cluster_follows_it_when_it_comes() {
    for seed in 0..50 {
        let mut world = world(0, &[node(1), node(2)], seed);
        world.run(60_000);
        world.start(1);
        world.start(2);
        world.view_within(5_100);
        world.run(5_000);
        assert_eq!(world.connected.len(), 2);
    }
}

#[test]
fn a_cluster_that_got_new_addresses_is_found_by_its_name() {
    for seed in 0..50 {
        let mut world = world(3, &[name()], seed);
        world.name_leads_to = Some(node(1));
        world.view_within(5_100);
        world.run(60_000);
        for number in 1..=3 {
            world.kill(number);
        }
        world.run(20_000);
        world.nodes.clear();
        for number in 11..=13 {
            world.start(number);
        }
        world.name_leads_to = Some(node(12));
        world.view_within(5_100);
        world.run(30_000);
        let expected: BTreeSet<_> = (11..=13).map(node).collect();
        assert_eq!(world.connected, expected);
    }
}

#[test]
fn a_node_left_behind_by_a_cut_keeps_no_old_subscription() {
    let mut world = world(3, &[node(1)], 1);
    world.run(5_000);
    for _ in 0..20 {
        let source = world.source_number();
        world.cut(source);
        world.run(10_000);
    }
    let subscriptions: usize = world
        .nodes
        .values()
        .map(|node| node.subscribers.len())
        .sum();
    assert_eq!(subscriptions, 1);
}

/// Makes faults of every kind for a minute, as the seed has it.
fn storm(seed: u64) -> World {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut roll = move |below: u16| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u16::try_from(state % u64::from(below)).unwrap_or(0)
    };
    let mut world = world(4, &[node(1), name(), node(2)], seed);
    world.name_leads_to = Some(node(3));
    while world.now < 60_000 {
        let number = roll(4) + 1;
        match roll(6) {
            0 => world.kill(number),
            1 => world.start_if_dead(number),
            2 => world.hang(number, true),
            3 => world.hang(number, false),
            4 => world.cut(number),
            _ => world.name_leads_to = Some(node(number)),
        }
        world.run(roll(1_500).into());
    }
    world
}

impl World {
    fn start_if_dead(&mut self, number: u16) {
        if self.nodes[&node(number)].dead_since.is_some() {
            self.start(number);
        }
    }
}

#[test]
fn after_any_storm_the_view_comes_and_every_live_member_is_connected() {
    for seed in 0..300 {
        let mut world = storm(seed);
        for number in 1..=4 {
            world.start_if_dead(number);
            world.hang(number, false);
        }
        let took = world.view_within(12_000);
        assert!(took <= 12_000, "seed {seed}");
        world.run(70_000);
        assert_eq!(world.connected.len(), 4, "seed {seed}: {:#?}", world.log);
        assert_eq!(world.connections.suspects().count(), 0, "seed {seed}");
        let current: Vec<_> = world
            .nodes
            .values()
            .flat_map(|node| &node.subscribers)
            .filter(|number| world.subscription.is_current(**number))
            .collect();
        assert_eq!(current.len(), 1, "seed {seed}");
    }
}

#[test]
fn one_seed_gives_one_log() {
    for seed in 0..20 {
        assert_eq!(storm(seed).log, storm(seed).log, "seed {seed}");
    }
    assert_ne!(storm(1).log, storm(2).log);
}
