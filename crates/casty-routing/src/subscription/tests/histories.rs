//! Random histories, against what must hold in all of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Bench, SubscriptionInput, SubscriptionOutput, bench, node};

/// A thing that may happen in a random history.
#[derive(Debug, Clone)]
enum Event {
    Pass(u64),
    Connect(u16),
    Disconnect(u16),
    /// From now on the node takes everything and answers nothing, or is well again.
    Hang(u16, bool),
    Live(BTreeSet<u16>),
    /// A view that was long under way.
    Late(u16, u64),
}

const NODES: u16 = 5;

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0u64..5_000).prop_map(Event::Pass),
        3 => (1..=NODES).prop_map(Event::Connect),
        2 => (1..=NODES).prop_map(Event::Disconnect),
        2 => (1..=NODES, any::<bool>()).prop_map(|(node, hung)| Event::Hang(node, hung)),
        1 => proptest::collection::btree_set(1..=NODES, 0..4).prop_map(Event::Live),
        1 => (1..=NODES, 0u64..40).prop_map(|(node, number)| Event::Late(node, number)),
    ];
    proptest::collection::vec(event, 1..60)
}

/// Nodes that keep subscriptions as real ones do: by number, until told otherwise, and lost with
/// nothing but the process. Every connection here is lost for good with what the node held, or
/// told to drop it when it returns.
struct Cluster {
    bench: Bench,
    connected: BTreeSet<u16>,
    hung: BTreeSet<u16>,
    subscribed: BTreeMap<u16, BTreeSet<u64>>,
    last: u64,
    stale: bool,
    log: Vec<(u64, SubscriptionOutput)>,
    snapshots: Vec<u64>,
}

impl Cluster {
    fn new() -> Self {
        Self {
            bench: bench(),
            connected: BTreeSet::new(),
            hung: BTreeSet::new(),
            subscribed: BTreeMap::new(),
            last: 0,
            stale: false,
            log: Vec::new(),
            snapshots: Vec::new(),
        }
    }

    /// Performs what the engine asks for, and checks each thing.
    fn perform(&mut self, outputs: Vec<SubscriptionOutput>) {
        let mut answers = Vec::new();
        for output in outputs {
            self.log.push((self.bench.now, output.clone()));
            let answer = match output {
                SubscriptionOutput::Subscribe { to, subscription } => {
                    assert!(subscription > self.last, "numbers grow");
                    self.last = subscription;
                    let subscribed = self.subscribed.entry(to.port()).or_default();
                    subscribed.insert(subscription);
                    Some((to.port(), subscription))
                }
                SubscriptionOutput::Probe { to, subscription } => {
                    assert!(self.subscribed[&to.port()].contains(&subscription));
                    Some((to.port(), subscription))
                }
                SubscriptionOutput::Unsubscribe { from, subscription } => {
                    assert!(self.connected.contains(&from.port()));
                    let subscribed = self.subscribed.entry(from.port()).or_default();
                    subscribed.remove(&subscription);
                    None
                }
                SubscriptionOutput::Stale { .. } => {
                    assert!(!std::mem::replace(&mut self.stale, true), "told once");
                    None
                }
                SubscriptionOutput::Silent(_) | SubscriptionOutput::Wait(_) => None,
            };
            if let Some((number, subscription)) = answer {
                assert!(
                    self.connected.contains(&number),
                    "asked across no connection"
                );
                if !self.hung.contains(&number) {
                    answers.push((number, subscription));
                }
            }
        }
        for (number, subscription) in answers {
            self.view(number, subscription);
        }
    }

    fn view(&mut self, number: u16, subscription: u64) {
        if self.bench.engine.is_current(subscription)
            && self.bench.engine.source() == Some(&node(number))
        {
            self.snapshots.push(self.bench.now);
            self.stale = false;
        }
        let done = self.bench.snapshot(number, subscription);
        self.perform(done);
    }

    fn check(&self) {
        let alive: usize = self
            .subscribed
            .iter()
            .filter(|(number, _)| self.connected.contains(*number))
            .map(|(_, subscribed)| subscribed.len())
            .sum();
        assert!(alive <= 1, "several sources: {:?}", self.subscribed);
        assert_eq!(alive == 1, self.bench.engine.source().is_some());
        assert_eq!(alive == 1, !self.connected.is_empty());
    }

    fn run_to(&mut self, millis: u64) {
        let mut calls = 0;
        while let Some(at) = self.bench.wait().filter(|at| *at <= millis) {
            calls += 1;
            assert!(calls < 1_000, "it does not wait");
            self.bench.now = at.max(self.bench.now);
            let done = self.bench.give(SubscriptionInput::Tick);
            self.perform(done);
            self.check();
        }
        self.bench.now = millis;
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Pass(millis) => self.run_to(self.bench.now + millis),
            Event::Connect(number) => {
                self.connected.insert(number);
                let done = self.bench.connect(number);
                self.perform(done);
            }
            Event::Disconnect(number) => {
                self.connected.remove(&number);
                let done = self.bench.disconnect(number);
                self.perform(done);
            }
            Event::Hang(number, true) => {
                self.hung.insert(number);
            }
            Event::Hang(number, false) => {
                self.hung.remove(&number);
            }
            Event::Live(numbers) => {
                let done = self.bench.live(&numbers.into_iter().collect::<Vec<_>>());
                self.perform(done);
            }
            Event::Late(number, subscription) if subscription < self.last => {
                let done = self.bench.snapshot(number, subscription);
                self.perform(done);
            }
            Event::Late(..) => {}
        }
        self.check();
    }
}

fn history(events: Vec<Event>) -> Cluster {
    let mut cluster = Cluster::new();
    for event in events {
        cluster.apply(event);
    }
    cluster
}

proptest! {
    #[test]
    fn one_connected_node_feeds_the_view_at_a_time(events in events()) {
        history(events);
    }

    #[test]
    fn a_view_arrives_in_bounded_time_once_some_node_answers(events in events(), well in 1..=NODES) {
        let mut cluster = history(events);
        cluster.apply(Event::Hang(well, false));
        cluster.apply(Event::Connect(well));
        let since = cluster.bench.now;
        // A silence, an unanswered probe, and a first view awaited from every other node.
        let bound = 3_000 + 1_000 + 2_000 * u64::from(NODES);
        cluster.run_to(since + bound);
        prop_assert!(cluster.snapshots.iter().any(|at| *at >= since), "{:?}", cluster.log);
    }

    #[test]
    fn equal_histories_give_equal_logs(events in events()) {
        let first = history(events.clone());
        let relative = |cluster: &Cluster| {
            let start = cluster.bench.start;
            cluster.log.iter().map(|(at, output)| match output {
                SubscriptionOutput::Stale { since } => format!("{at} stale {:?}", since.duration_since(start)),
                output => format!("{at} {output:?}"),
            }).collect::<Vec<_>>()
        };
        prop_assert_eq!(relative(&first), relative(&history(events)));
    }
}
