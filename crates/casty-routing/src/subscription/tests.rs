use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

use super::{Subscription, SubscriptionConfig, SubscriptionInput, SubscriptionOutput};

mod histories;

/// The engine and its clock, in milliseconds from the start.
struct Bench {
    engine: Subscription,
    start: Instant,
    now: u64,
    /// The nodes that were told to be silent, with the times.
    silent: Vec<(u64, u16)>,
}

fn bench() -> Bench {
    Bench {
        engine: Subscription::new(SubscriptionConfig::default()),
        start: Instant::now(),
        now: 0,
        silent: Vec::new(),
    }
}

impl Bench {
    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    /// Hands the input over at the present time; returns what is to be done, without the wait.
    fn give(&mut self, input: SubscriptionInput) -> Vec<SubscriptionOutput> {
        self.engine.handle(self.at(self.now), input);
        self.drain()
    }

    fn drain(&mut self) -> Vec<SubscriptionOutput> {
        let mut outputs = Vec::new();
        loop {
            match self.engine.poll() {
                SubscriptionOutput::Wait(_) => return outputs,
                SubscriptionOutput::Silent(node) => self.silent.push((self.now, node.port())),
                output => outputs.push(output),
            }
        }
    }

    /// Returns the time at which the engine wants to be called next.
    fn wait(&mut self) -> Option<u64> {
        match self.engine.poll() {
            SubscriptionOutput::Wait(at) => at.map(|at| {
                u64::try_from(at.saturating_duration_since(self.start).as_millis()).unwrap()
            }),
            output => panic!("not drained: {output:?}"),
        }
    }

    /// Lets time pass, calling the engine whenever it wants to be; returns what it did at which
    /// time.
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

    /// Hands over a view of the node's present subscription.
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
    for (number, asked) in [(0, None), (1, Some(1)), (2, Some(2)), (3, None)] {
        for other in [1, 2, 3] {
            let was_asked = bench.engine.was_asked(&node(other), number);
            assert_eq!(was_asked, asked == Some(other), "{number} of {other}");
        }
    }
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

#[test]
fn a_node_that_sends_no_view_is_told_once_until_it_does() {
    let mut bench = bench();
    bench.connect(1);
    bench.run_to(1_999);
    assert_eq!(bench.silent, []);
    bench.run_to(60_000);
    assert_eq!(bench.silent, [(2_000, 1)]);
    bench.snapshot(1, 1);
    bench.run_to(120_000);
    assert_eq!(
        bench.silent,
        [(2_000, 1), (64_000, 1)],
        "it was probed at 63"
    );
    bench.disconnect(1);
    bench.connect(1);
    bench.run_to(180_000);
    assert_eq!(bench.silent.last(), Some(&(122_000, 1)), "a new connection");
    assert_eq!(bench.silent.len(), 3);
}

#[test]
fn each_of_several_silent_nodes_is_told_once() {
    let mut bench = bench();
    (1..=3).for_each(|number| drop(bench.connect(number)));
    bench.run_to(600_000);
    assert_eq!(bench.silent, [(2_000, 1), (4_000, 2), (6_000, 3)]);
}

#[test]
fn a_lone_node_that_answers_when_it_is_asked_is_not_told() {
    let mut bench = bench();
    bench.connect(1);
    bench.snapshot(1, 1);
    for round in 1..100 {
        bench.run_to(round * 3_500);
        bench.snapshot(1, 1);
    }
    assert_eq!(bench.silent, []);
}
