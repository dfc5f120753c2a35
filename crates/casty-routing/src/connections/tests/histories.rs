//! Random histories, against what must hold in all of them.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Event {
    Pass(u64),
    /// The members that are live, and those that are gone.
    View(BTreeSet<u16>, BTreeSet<u16>),
    Source(Option<u16>),
    Want(u16),
    Stale(bool),
    /// The dial at that place among those in flight ends: in the node of that number, or not.
    End(usize, Option<u16>),
    /// The connection at that place breaks.
    Lose(usize),
}

const NODES: u16 = 6;

fn events() -> impl Strategy<Value = Vec<Event>> {
    let some = || proptest::collection::btree_set(1..=NODES, 0..5);
    let event = prop_oneof![
        4 => (0u64..3_000).prop_map(Event::Pass),
        2 => (some(), some()).prop_map(|(live, gone)| Event::View(live, gone)),
        1 => proptest::option::of(1..=NODES).prop_map(Event::Source),
        1 => (1..=NODES + 2).prop_map(Event::Want),
        1 => proptest::bool::ANY.prop_map(Event::Stale),
        6 => (0usize..8, proptest::option::of(0..=NODES)).prop_map(|(at, led)| Event::End(at, led)),
        2 => (0usize..8).prop_map(Event::Lose),
    ];
    proptest::collection::vec(event, 1..80)
}

/// The world around the engine: what it dialled and what is connected, kept independently.
struct World {
    bench: Bench,
    dialling: Vec<NodeAddress>,
    connected: BTreeSet<NodeAddress>,
    live: BTreeSet<NodeAddress>,
    /// The nodes that were ever wanted.
    wanted: BTreeSet<NodeAddress>,
    source: Option<NodeAddress>,
    log: Vec<(u64, ConnectionsOutput)>,
}

impl World {
    /// Two contacts are nodes 1 and 2, one is a name.
    fn new() -> Self {
        let mut world = Self {
            bench: bench(&[&node(1), &alias("name"), &node(2)]),
            dialling: Vec::new(),
            connected: BTreeSet::new(),
            live: BTreeSet::new(),
            wanted: BTreeSet::new(),
            source: None,
            log: Vec::new(),
        };
        world.run_to(0);
        world
    }

    fn perform(&mut self, outputs: Vec<ConnectionsOutput>) {
        for output in outputs {
            self.log.push((self.bench.now, output.clone()));
            match output {
                ConnectionsOutput::Dial(address) => {
                    assert!(
                        !self.connected.contains(&address),
                        "dialled while connected"
                    );
                    assert!(!self.dialling.contains(&address), "dialled twice at a time");
                    self.dialling.push(address);
                }
                ConnectionsOutput::Close(node) => {
                    assert!(self.connected.remove(&node), "closed while not connected");
                    assert!(!self.live.contains(&node), "closed while live");
                    assert_ne!(Some(&node), self.source.as_ref(), "closed the source");
                }
                ConnectionsOutput::Suspect(node) => {
                    assert!(self.live.contains(&node) || self.wanted.contains(&node));
                    assert!(!self.connected.contains(&node));
                }
                ConnectionsOutput::Duplicate(_)
                | ConnectionsOutput::Discover
                | ConnectionsOutput::Wait(_) => {}
            }
        }
    }

    fn end(&mut self, at: usize, node: Option<NodeAddress>) {
        let dialled = self.dialling.remove(at);
        let done = match node {
            None => self.bench.fail(&dialled),
            Some(canonical) => {
                let new = self.connected.insert(canonical.clone());
                let done = self.bench.connect_as(&dialled, &canonical);
                let duplicate = done.contains(&ConnectionsOutput::Duplicate(dialled.clone()));
                assert_eq!(duplicate, !new, "one connection to a node");
                done
            }
        };
        self.perform(done);
    }

    fn run_to(&mut self, millis: u64) {
        let done = self.bench.tick();
        self.perform(done);
        for (at, output) in self.bench.run_to(millis) {
            self.bench.now = at;
            self.perform(vec![output]);
        }
        self.bench.now = millis;
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Pass(millis) => self.run_to(self.bench.now + millis),
            Event::View(live, gone) => {
                let addresses = |numbers: BTreeSet<u16>| numbers.into_iter().map(node);
                self.live = addresses(live.clone()).collect();
                let done = self.bench.give(ConnectionsInput::View {
                    live: addresses(live).collect(),
                    gone: addresses(gone).collect(),
                });
                self.perform(done);
            }
            Event::Source(number) => {
                self.source = number
                    .map(node)
                    .filter(|node| self.connected.contains(node));
                let source = self.source.clone();
                let done = self.bench.give(ConnectionsInput::Source(source));
                self.perform(done);
            }
            Event::Stale(stale) => {
                let done = self.bench.give(ConnectionsInput::Stale(stale));
                self.perform(done);
            }
            Event::Want(number) => {
                self.wanted.insert(node(number));
                let done = self.bench.give(ConnectionsInput::Want(node(number)));
                self.perform(done);
            }
            Event::End(at, number) if at < self.dialling.len() => {
                // 0 is the node that the dialled address names.
                let named = self.dialling[at].clone();
                self.end(at, number.map(|n| if n == 0 { named } else { node(n) }));
            }
            Event::Lose(at) => {
                if let Some(node) = self.connected.iter().nth(at).cloned() {
                    self.connected.remove(&node);
                    self.source.take_if(|source| *source == node);
                    let done = self.bench.lose(&node);
                    self.perform(done);
                }
            }
            Event::End(..) => {}
        }
        let known: BTreeSet<_> = self.bench.engine.connected_nodes().cloned().collect();
        assert_eq!(known, self.connected);
        assert_eq!(self.bench.engine.dials_in_flight(), self.dialling.len());
        let now = self.bench.start + Duration::from_millis(self.bench.now);
        naive::check(&self.bench.engine, now);
    }
}

fn history(events: Vec<Event>) -> World {
    let mut world = World::new();
    for event in events {
        world.apply(event);
    }
    world
}

proptest! {
    #[test]
    fn no_node_is_dialled_or_connected_twice_and_none_in_use_is_closed(events in events()) {
        history(events);
    }

    #[test]
    fn dials_of_one_address_are_bounded_in_rate(events in events()) {
        let world = history(events);
        let mut times: BTreeMap<NodeAddress, Vec<u64>> = BTreeMap::new();
        for (at, output) in &world.log {
            if let ConnectionsOutput::Dial(address) = output {
                times.entry(address.clone()).or_default().push(*at);
            }
        }
        for (address, times) in times {
            // Within any second: the doubling delays of one row of failures, and the attempts
            // that a stable connection's loss and a view's news bring forward.
            for (first, at) in times.iter().enumerate() {
                let within = times[first..].iter().take_while(|t| **t < at + 1_000).count();
                prop_assert!(within <= 15, "{within} dials of {address} within a second");
            }
        }
    }

    #[test]
    fn once_faults_stop_all_live_members_are_connected_and_no_others(
        events in events(),
        live in proptest::collection::btree_set(1..=NODES, 1..5),
    ) {
        let mut world = history(events);
        world.apply(Event::View(live.clone(), BTreeSet::new()));
        world.apply(Event::Stale(false));
        // Every dial ends in the node that it names, and the name leads to a live one.
        let first = node(*live.first().unwrap());
        let until = world.bench.now + 130_000;
        while world.bench.now < until {
            while let Some(named) = world.dialling.first().cloned() {
                let led = if named == alias("name") { first.clone() } else { named };
                world.end(0, Some(led));
            }
            if world.connected.contains(&first) {
                world.apply(Event::Source(Some(first.port())));
            }
            world.run_to(world.bench.now + 1_000);
        }
        let members: BTreeSet<_> = live.into_iter().map(node).collect();
        let connected = &world.connected;
        prop_assert!(connected.is_superset(&members), "{connected:?}");
        for other in connected.difference(&members) {
            prop_assert!(world.bench.engine.book.open.get(other).is_some_and(|open| open.non_member), "{other} is not needed");
        }
        prop_assert_eq!(world.bench.engine.suspects().count(), 0);
        prop_assert!(world.dialling.is_empty());
        prop_assert_eq!(world.bench.wait(), None);
    }

    #[test]
    fn without_members_within_reach_some_contact_is_always_dialled_soon(events in events()) {
        let mut world = history(events);
        while let Some(node) = world.connected.first().cloned() {
            world.connected.remove(&node);
            let done = world.bench.lose(&node);
            world.perform(done);
        }
        let since = world.bench.now;
        let mut dialled = false;
        while world.bench.now < since + 12_000 {
            while !world.dialling.is_empty() {
                dialled |= [node(1), node(2), alias("name")].contains(&world.dialling[0]);
                world.end(0, None);
            }
            world.run_to(world.bench.now + 500);
        }
        prop_assert!(dialled, "{:?}", world.log);
    }

    #[test]
    fn equal_seeds_and_histories_give_equal_logs(events in events()) {
        prop_assert_eq!(history(events.clone()).log, history(events).log);
    }
}
