use proptest::prelude::*;

use super::*;

/// The engine and its clock, in milliseconds from the start.
struct Bench {
    engine: Subscription,
    start: Instant,
    now: u64,
}

fn bench() -> Bench {
    Bench {
        engine: Subscription::new(SubscriptionConfig::default()),
        start: Instant::now(),
        now: 0,
    }
}

impl Bench {
    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// Hands the input over at the present time; what is to be done, without the wait.
    fn give(&mut self, input: SubscriptionInput) -> Vec<SubscriptionOutput> {
        self.engine.handle(self.at(self.now), input);
        self.drain()
    }

    fn drain(&mut self) -> Vec<SubscriptionOutput> {
        let mut outputs = Vec::new();
        loop {
            match self.engine.poll() {
                SubscriptionOutput::Wait(_) => return outputs,
                output => outputs.push(output),
            }
        }
    }

    /// When the engine next wants to be called.
    fn wait(&mut self) -> Option<u64> {
        match self.engine.poll() {
            SubscriptionOutput::Wait(at) => at.map(|at| {
                u64::try_from(at.saturating_duration_since(self.start).as_millis()).unwrap()
            }),
            output => panic!("not drained: {output:?}"),
        }
    }

    /// Lets time pass, calling the engine whenever it wants to be; what it did, and when.
    fn run_to(&mut self, millis: u64) -> Vec<(u64, SubscriptionOutput)> {
        let mut log = Vec::new();
        while let Some(at) = self.wait().filter(|at| *at <= millis) {
            assert!(at > self.now || log.len() < 1_000, "it does not wait");
            self.now = at.max(self.now);
            let now = self.now;
            log.extend(
                self.give(SubscriptionInput::Tick)
                    .into_iter()
                    .map(|done| (now, done)),
            );
        }
        self.now = millis;
        log
    }

    fn connect(&mut self, number: u16) -> Vec<SubscriptionOutput> {
        self.give(SubscriptionInput::Connected(node(number)))
    }

    fn disconnect(&mut self, number: u16) -> Vec<SubscriptionOutput> {
        self.give(SubscriptionInput::Disconnected(node(number)))
    }

    /// A view of the node's present subscription.
    fn snapshot(&mut self, number: u16, subscription: u64) -> Vec<SubscriptionOutput> {
        self.give(SubscriptionInput::Snapshot {
            from: node(number),
            subscription,
        })
    }

    fn live(&mut self, numbers: &[u16]) -> Vec<SubscriptionOutput> {
        self.give(SubscriptionInput::Live(
            numbers.iter().copied().map(node).collect(),
        ))
    }
}

fn node(number: u16) -> NodeAddress {
    NodeAddress::new("n", number)
}

fn subscribe(number: u16, subscription: u64) -> SubscriptionOutput {
    SubscriptionOutput::Subscribe {
        to: node(number),
        subscription,
    }
}

fn unsubscribe(number: u16, subscription: u64) -> SubscriptionOutput {
    SubscriptionOutput::Unsubscribe {
        from: node(number),
        subscription,
    }
}

fn probe(number: u16, subscription: u64) -> SubscriptionOutput {
    SubscriptionOutput::Probe {
        to: node(number),
        subscription,
    }
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let millis = |duration: Duration| duration.as_millis();
    let config = SubscriptionConfig::default();
    assert_eq!(millis(config.first), 2_000);
    assert_eq!(millis(config.silence), 3_000);
    assert_eq!(millis(config.answer), 1_000);
    assert_eq!(millis(config.avoid), 30_000);
}

#[test]
fn the_first_connected_node_is_subscribed_at_once_and_the_next_is_not() {
    let mut bench = bench();
    assert_eq!(bench.connect(2), [subscribe(2, 1)]);
    assert_eq!(bench.connect(1), []);
    assert_eq!(bench.engine.source(), Some(&node(2)));
}

#[test]
fn a_node_without_a_first_view_in_time_is_left_for_each_other_in_turn() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.connect(3);
    assert_eq!(
        bench.run_to(8_000),
        [
            (2_000, unsubscribe(1, 1)),
            (2_000, subscribe(2, 2)),
            (4_000, unsubscribe(2, 2)),
            (4_000, subscribe(3, 3)),
            // The first was tried longest ago.
            (6_000, unsubscribe(3, 3)),
            (6_000, subscribe(1, 4)),
            (6_000, SubscriptionOutput::Stale { since: bench.start }),
            (8_000, unsubscribe(1, 4)),
            (8_000, subscribe(2, 5)),
        ]
    );
}

#[test]
fn a_killed_source_is_replaced_at_once() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.snapshot(1, 1);
    assert_eq!(bench.disconnect(1), [subscribe(2, 2)]);
    assert_eq!(bench.snapshot(2, 2), []);
    assert_eq!(bench.engine.source(), Some(&node(2)));
}

#[test]
fn a_node_that_is_not_the_source_may_come_and_go() {
    let mut bench = bench();
    bench.connect(1);
    bench.snapshot(1, 1);
    assert_eq!(bench.connect(2), []);
    assert_eq!(bench.disconnect(2), []);
    assert_eq!(bench.disconnect(2), []);
}

#[test]
fn views_keep_the_source_from_being_probed() {
    let mut bench = bench();
    bench.connect(1);
    for round in 0..100 {
        assert_eq!(bench.run_to(round * 2_999), []);
        assert_eq!(bench.snapshot(1, 1), []);
    }
}

#[test]
fn a_silent_source_is_probed_and_left_when_it_does_not_answer() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.snapshot(1, 1);
    assert_eq!(
        bench.run_to(4_000),
        [
            (3_000, probe(1, 1)),
            (4_000, unsubscribe(1, 1)),
            (4_000, subscribe(2, 2)),
        ]
    );
}

#[test]
fn a_lone_node_is_probed_for_ever_and_kept_as_long_as_it_answers() {
    for answer in [
        SubscriptionInput::Snapshot {
            from: node(1),
            subscription: 1,
        },
        SubscriptionInput::Answer { from: node(1) },
    ] {
        let mut bench = bench();
        bench.connect(1);
        bench.snapshot(1, 1);
        for _ in 0..50 {
            let asked = bench.now + 3_000;
            assert_eq!(bench.run_to(asked + 900), [(asked, probe(1, 1))]);
            assert_eq!(bench.give(answer.clone()), []);
        }
    }
}

#[test]
fn a_source_that_answers_probes_is_kept_among_others() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.snapshot(1, 1);
    for _ in 0..50 {
        let asked = bench.now + 3_000;
        assert_eq!(bench.run_to(asked), [(asked, probe(1, 1))]);
        assert_eq!(bench.snapshot(1, 1), []);
    }
}

#[test]
fn the_only_node_is_asked_again_and_again_and_staleness_is_told_once() {
    let mut bench = bench();
    bench.connect(1);
    bench.run_to(500);
    bench.snapshot(1, 1);
    let since = bench.at(500);
    assert_eq!(
        bench.run_to(11_000),
        [
            (3_500, probe(1, 1)),
            (4_500, probe(1, 1)),
            (4_500, SubscriptionOutput::Stale { since }),
            (7_500, probe(1, 1)),
            (10_500, probe(1, 1)),
        ]
    );
    // A view ends it; it is told anew next time.
    bench.snapshot(1, 1);
    let since = bench.at(11_000);
    assert_eq!(
        bench.run_to(15_000),
        [
            (14_000, probe(1, 1)),
            (15_000, probe(1, 1)),
            (15_000, SubscriptionOutput::Stale { since }),
        ]
    );
}

#[test]
fn an_overdue_source_is_left_as_soon_as_another_node_is_connected() {
    let mut bench = bench();
    bench.connect(1);
    bench.run_to(2_500);
    assert_eq!(bench.connect(2), [unsubscribe(1, 1), subscribe(2, 2)]);
}

#[test]
fn staleness_is_told_when_nobody_is_connected() {
    let mut bench = bench();
    bench.connect(1);
    bench.snapshot(1, 1);
    bench.disconnect(1);
    let since = bench.start;
    assert_eq!(
        bench.run_to(60_000),
        [(6_000, SubscriptionOutput::Stale { since })]
    );
    assert_eq!(bench.wait(), None);
}

#[test]
fn a_late_view_of_an_older_subscription_is_no_sign_of_life() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.run_to(2_000);
    assert!(bench.engine.is_current(2));
    assert!(!bench.engine.is_current(1));
    let made = [0, 1, 2, 3].map(|number| bench.engine.was_made(number));
    assert_eq!(made, [false, true, true, false]);
    bench.snapshot(1, 1);
    bench.snapshot(2, 1);
    bench.snapshot(1, 2);
    assert_eq!(
        bench.run_to(4_000),
        [(4_000, unsubscribe(2, 2)), (4_000, subscribe(1, 3))]
    );
}

#[test]
fn a_node_left_for_silence_is_not_chosen_again_before_others_for_a_while() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.run_to(2_000);
    bench.snapshot(2, 2);
    // A newcomer comes before node 1, although its address is higher.
    bench.connect(3);
    assert_eq!(bench.disconnect(2), [subscribe(3, 3)]);
    bench.snapshot(3, 3);
    bench.connect(2);
    // So does node 2, which was lost, not left.
    assert_eq!(bench.disconnect(3), [subscribe(2, 4)]);
    assert_eq!(bench.disconnect(2), [subscribe(1, 5)], "better than none");
}

#[test]
fn a_node_left_for_silence_is_as_good_as_any_after_a_while() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.connect(3);
    bench.run_to(2_000);
    bench.snapshot(2, 2);
    bench.live(&[1, 2]);
    while bench.now < 32_000 {
        let next = bench.now + 2_000;
        bench.run_to(next);
        bench.snapshot(2, 2);
    }
    assert_eq!(bench.disconnect(2), [subscribe(1, 3)], "up by the view");
}

#[test]
fn a_source_that_is_not_up_by_its_own_view_is_left_for_a_member() {
    let mut bench = bench();
    bench.connect(1);
    bench.snapshot(1, 1);
    assert_eq!(bench.live(&[2, 3]), [], "no member is connected yet");
    assert_eq!(bench.connect(4), [], "nor is this one better");
    assert_eq!(bench.connect(3), [unsubscribe(1, 1), subscribe(3, 2)]);
}

#[test]
fn nodes_that_were_all_left_are_tried_in_turn_whatever_the_view_says() {
    let mut bench = bench();
    bench.connect(4);
    bench.connect(2);
    bench.snapshot(4, 1);
    bench.live(&[1, 2]);
    bench.connect(1);
    assert_eq!(
        bench.run_to(4_000),
        [
            (2_000, unsubscribe(2, 2)),
            (2_000, subscribe(1, 3)),
            (4_000, unsubscribe(1, 3)),
            (4_000, subscribe(4, 4)),
        ]
    );
}

#[test]
fn two_nodes_that_call_each_other_dead_are_not_swapped_for_ever() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    let mut moves = 0;
    let mut subscription = 1;
    while bench.now < 60_000 {
        let source = bench.engine.source().unwrap().port();
        let mut done = bench.snapshot(source, subscription);
        done.extend(bench.live(&[3 - source]));
        if let Some(SubscriptionOutput::Subscribe {
            subscription: number,
            ..
        }) = done.last()
        {
            subscription = *number;
            moves += 1;
        }
        let next = bench.now + 250;
        assert_eq!(bench.run_to(next), []);
    }
    assert!((1..=3).contains(&moves), "{moves} moves in a minute");
}

#[test]
fn live_members_are_chosen_before_others() {
    let mut bench = bench();
    for number in 1..=4 {
        bench.connect(number);
    }
    bench.snapshot(1, 1);
    bench.live(&[1, 3]);
    assert_eq!(bench.disconnect(1), [subscribe(3, 2)]);
}

#[test]
fn a_node_that_returns_is_told_to_drop_what_it_held_when_it_was_lost() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.disconnect(1);
    assert_eq!(bench.connect(1), [unsubscribe(1, 1)]);
    bench.disconnect(1);
    assert_eq!(bench.connect(1), [], "it has been told");
    bench.disconnect(1);
    bench.disconnect(2);
    assert_eq!(
        bench.connect(2),
        [unsubscribe(2, 2), subscribe(2, 3)],
        "in this order"
    );
}

#[test]
fn a_lost_source_that_was_not_up_for_a_moment_is_told_to_drop_what_it_held() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.live(&[1, 2]);
    assert_eq!(bench.disconnect(1), [subscribe(2, 2)]);
    bench.live(&[2]);
    bench.live(&[1, 2]);
    assert_eq!(bench.connect(1), [unsubscribe(1, 1)]);
}

#[test]
fn what_lost_nodes_held_is_remembered_of_the_last_64() {
    let mut bench = bench();
    for number in 1..=65 {
        bench.connect(number);
        bench.disconnect(number);
    }
    assert_eq!(bench.engine.orphans.len(), 64);
    bench.connect(100);
    assert_eq!(bench.connect(1), [], "the oldest is forgotten");
    for number in 2..=65 {
        let told = unsubscribe(number, u64::from(number));
        assert_eq!(bench.connect(number), [told]);
    }
}

#[test]
fn close_unsubscribes_and_ends_everything() {
    let mut bench = bench();
    bench.connect(1);
    bench.connect(2);
    bench.snapshot(1, 1);
    assert_eq!(bench.give(SubscriptionInput::Close), [unsubscribe(1, 1)]);
    assert_eq!(bench.engine.source(), None);
    assert_eq!(bench.disconnect(1), []);
    assert_eq!(bench.connect(3), []);
    assert_eq!(bench.give(SubscriptionInput::Close), []);
    assert_eq!(bench.wait(), None);
}

#[test]
fn close_without_a_source_has_nothing_to_end() {
    let mut bench = bench();
    assert_eq!(bench.give(SubscriptionInput::Close), []);
    assert_eq!(bench.connect(1), []);
}

#[test]
fn an_engine_that_was_never_used_waits_for_ever() {
    assert_eq!(bench().wait(), None);
}

/// What may happen in a random history.
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
    held: BTreeMap<u16, BTreeSet<u64>>,
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
            held: BTreeMap::new(),
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
                    let held = self.held.entry(to.port()).or_default();
                    held.insert(subscription);
                    Some((to.port(), subscription))
                }
                SubscriptionOutput::Probe { to, subscription } => {
                    assert!(self.held[&to.port()].contains(&subscription));
                    Some((to.port(), subscription))
                }
                SubscriptionOutput::Unsubscribe { from, subscription } => {
                    assert!(self.connected.contains(&from.port()));
                    let held = self.held.entry(from.port()).or_default();
                    held.remove(&subscription);
                    None
                }
                SubscriptionOutput::Stale { .. } => {
                    assert!(!std::mem::replace(&mut self.stale, true), "told once");
                    None
                }
                SubscriptionOutput::Wait(_) => None,
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
            .held
            .iter()
            .filter(|(number, _)| self.connected.contains(*number))
            .map(|(_, held)| held.len())
            .sum();
        assert!(alive <= 1, "several sources: {:?}", self.held);
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

#[test]
fn a_node_that_comes_when_all_the_others_are_silent_is_asked_at_once_and_before_them() {
    let mut bench = bench();
    bench.live(&[1, 2]);
    bench.connect(1);
    bench.connect(2);
    bench.snapshot(1, 1);
    assert!(!bench.engine.is_stale());
    bench.run_to(20_000);
    assert!(bench.engine.is_stale(), "both are silent");
    // It is none of those that are said to be up, and was not asked before.
    let asked = bench.connect(3);
    let last = asked.iter().rev().find_map(|output| match output {
        SubscriptionOutput::Subscribe { to, subscription } => Some((to.clone(), *subscription)),
        _ => None,
    });
    let (to, subscription) = last.expect("the view is asked for");
    assert_eq!(to, node(3));
    bench.snapshot(3, subscription);
    assert!(!bench.engine.is_stale(), "it feeds the view");
    assert_eq!(bench.engine.source(), Some(&node(3)));
}
