use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use casty_proto::NodeAddress;

use super::{Connections, ConnectionsConfig, ConnectionsInput, ConnectionsOutput};
use crate::backoff::BackoffConfig;

mod contacts;
mod cost;
mod discovery;
mod histories;
mod leaving;
mod naive;
mod names;
mod redial;
mod stale;
mod wanted;

/// The engine and its clock, in milliseconds from the start.
struct Bench {
    engine: Connections,
    start: Instant,
    now: u64,
}

fn bench_of(config: ConnectionsConfig, contacts: &[&NodeAddress]) -> Bench {
    let contacts = contacts.iter().copied().cloned().collect();
    Bench {
        engine: Connections::new(config, contacts, 1),
        start: Instant::now(),
        now: 0,
    }
}

fn bench(contacts: &[&NodeAddress]) -> Bench {
    bench_of(ConnectionsConfig::default(), contacts)
}

/// Makes a bench without jitter: the first delay is 10 ms after a loss and 50 ms after a failure.
fn regular(contacts: &[&NodeAddress]) -> Bench {
    let config = ConnectionsConfig {
        backoff: BackoffConfig {
            base: Duration::from_millis(50),
            cap: Duration::from_millis(50),
            floor: Duration::from_millis(50),
        },
        redial_jitter: Duration::ZERO,
        ..ConnectionsConfig::default()
    };
    bench_of(config, contacts)
}

impl Bench {
    fn give(&mut self, input: ConnectionsInput) -> Vec<ConnectionsOutput> {
        let now = self.start + Duration::from_millis(self.now);
        self.engine.handle(now, input);
        let mut outputs = Vec::new();
        loop {
            match self.engine.poll() {
                ConnectionsOutput::Wait(_) => return outputs,
                output => outputs.push(output),
            }
        }
    }

    /// Returns the time at which the engine wants to be called next, rounded up.
    fn wait(&mut self) -> Option<u64> {
        match self.engine.poll() {
            ConnectionsOutput::Wait(at) => at.map(|at| {
                let micros = at.saturating_duration_since(self.start).as_micros();
                u64::try_from(micros.div_ceil(1_000)).unwrap()
            }),
            output => panic!("not drained: {output:?}"),
        }
    }

    /// Lets time pass, calling the engine whenever it wants to be; returns what it did at which
    /// time.
    fn run_to(&mut self, millis: u64) -> Vec<(u64, ConnectionsOutput)> {
        let mut log = Vec::new();
        let mut calls = 0;
        while let Some(at) = self.wait().filter(|at| *at <= millis) {
            calls += 1;
            assert!(calls < 10_000, "it does not wait");
            self.now = at.max(self.now);
            let now = self.now;
            log.extend(
                self.give(ConnectionsInput::Tick)
                    .into_iter()
                    .map(|done| (now, done)),
            );
        }
        self.now = millis;
        log
    }

    fn tick(&mut self) -> Vec<ConnectionsOutput> {
        self.give(ConnectionsInput::Tick)
    }

    fn connect(&mut self, node: &NodeAddress) -> Vec<ConnectionsOutput> {
        self.connect_as(node, node)
    }

    fn connect_as(
        &mut self,
        dialled: &NodeAddress,
        canonical: &NodeAddress,
    ) -> Vec<ConnectionsOutput> {
        let (dialled, canonical) = (dialled.clone(), canonical.clone());
        self.give(ConnectionsInput::Connected { dialled, canonical })
    }

    fn fail(&mut self, dialled: &NodeAddress) -> Vec<ConnectionsOutput> {
        let dialled = dialled.clone();
        self.give(ConnectionsInput::Failed { dialled })
    }

    fn lose(&mut self, node: &NodeAddress) -> Vec<ConnectionsOutput> {
        self.give(ConnectionsInput::Lost { node: node.clone() })
    }

    fn source(&mut self, node: &NodeAddress) -> Vec<ConnectionsOutput> {
        self.give(ConnectionsInput::Source(Some(node.clone())))
    }

    fn view(&mut self, live: &[&NodeAddress], gone: &[&NodeAddress]) -> Vec<ConnectionsOutput> {
        let owned = |nodes: &[&NodeAddress]| nodes.iter().copied().cloned().collect();
        self.give(ConnectionsInput::View {
            live: owned(live),
            gone: owned(gone),
        })
    }

    /// Lets the dial of each address fail as soon as it is made, until then; returns all that was
    /// done.
    fn run_refused(
        &mut self,
        millis: u64,
        refused: &[&NodeAddress],
    ) -> Vec<(u64, ConnectionsOutput)> {
        let mut log = Vec::new();
        let mut undone: VecDeque<ConnectionsOutput> = self.tick().into();
        loop {
            while let Some(output) = undone.pop_front() {
                if let ConnectionsOutput::Dial(address) = &output
                    && refused.contains(&address)
                {
                    undone.extend(self.fail(address));
                }
                log.push((self.now, output));
            }
            match self.wait() {
                Some(at) if at <= millis => self.now = at.max(self.now),
                _ => break,
            }
            undone.extend(self.tick());
            assert!(log.len() < 100_000, "it does not wait");
        }
        self.now = millis;
        log
    }
}

fn node(number: u16) -> NodeAddress {
    NodeAddress::new("n", number)
}

fn nodes<const N: usize>(numbers: [u16; N]) -> [NodeAddress; N] {
    numbers.map(node)
}

fn alias(name: &str) -> NodeAddress {
    NodeAddress::new(name, 1)
}

fn dial(node: &NodeAddress) -> ConnectionsOutput {
    ConnectionsOutput::Dial(node.clone())
}

fn suspect(node: &NodeAddress) -> ConnectionsOutput {
    ConnectionsOutput::Suspect(node.clone())
}

fn close(node: &NodeAddress) -> ConnectionsOutput {
    ConnectionsOutput::Close(node.clone())
}

fn dials_of(log: &[(u64, ConnectionsOutput)], node: &NodeAddress) -> Vec<u64> {
    log.iter()
        .filter(|(_, output)| *output == dial(node))
        .map(|(at, _)| *at)
        .collect()
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let config = ConnectionsConfig::default();
    let backoff = config.backoff;
    assert_eq!(backoff.base, Duration::from_millis(50));
    assert_eq!(backoff.cap, Duration::from_secs(5));
    assert_eq!(backoff.floor, Duration::from_millis(10));
    assert_eq!(config.stagger, Duration::from_millis(100));
    assert_eq!((config.contact_dials, config.member_dials), (8, 32));
    assert_eq!(config.members, 1_024);
    assert_eq!(config.found_contacts, 1_024);
    assert_eq!(config.discover_after, Duration::from_secs(10));
    assert_eq!(config.non_members, 64);
    assert_eq!(config.redial_jitter, Duration::from_millis(10));
    assert_eq!(config.stable_after, Duration::from_secs(1));
    assert_eq!(config.removal_grace, Duration::from_secs(10));
    assert_eq!(config.down_grace, Duration::from_secs(2));
    assert_eq!(config.alias_pause, Duration::from_mins(1));
}

#[test]
fn a_view_has_all_live_members_connected_and_contacts_left_alone() {
    let [a, b, c, d] = nodes([1, 2, 3, 4]);
    let mut bench = bench(&[&a, &d]);
    bench.tick();
    bench.connect(&a);
    let live = [&a, &b, &c];
    assert_eq!(bench.view(&live, &[]), [dial(&b), dial(&c)]);
    assert_eq!(bench.run_to(60_000), [], "the other contact is not needed");
    assert_eq!(bench.view(&live, &[]), []);
}

#[test]
fn at_most_so_many_members_are_dialled_at_a_time_and_connected_in_all() {
    let config = ConnectionsConfig {
        members: 10,
        member_dials: 4,
        ..ConnectionsConfig::default()
    };
    let mut bench = bench_of(config, &[]);
    let members: Vec<_> = (1..=20).map(node).collect();
    let mut dialled: VecDeque<_> = bench.view(&members.iter().collect::<Vec<_>>(), &[]).into();
    assert_eq!(dialled.len(), 4);
    while let Some(ConnectionsOutput::Dial(address)) = dialled.pop_front() {
        assert!(bench.engine.dials_in_flight() <= 4);
        dialled.extend(bench.connect(&address));
    }
    let connected: Vec<_> = bench.engine.connected_nodes().cloned().collect();
    assert_eq!(connected, members[..10], "those of lower address");
}

#[test]
fn dials_are_bounded_although_every_view_names_other_members() {
    let mut bench = bench(&[]);
    for number in (0..60_000).step_by(40) {
        let members: Vec<_> = (number..number + 40).map(node).collect();
        bench.view(&members.iter().collect::<Vec<_>>(), &[]);
        assert!(bench.engine.dials_in_flight() <= 40);
        assert!(bench.engine.book.candidates.len() <= 2 * 1_024 + 40);
    }
}

#[test]
fn a_member_that_cannot_be_connected_is_suspect_until_it_is() {
    let [a, b] = nodes([1, 2]);
    let mut bench = regular(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&b);
    assert_eq!(bench.fail(&a), [suspect(&a)]);
    assert_eq!(bench.run_to(50), [(50, dial(&a))]);
    assert_eq!(bench.fail(&a), [], "told once");
    assert_eq!(bench.engine.suspects().collect::<Vec<_>>(), [&a]);
    bench.run_to(100);
    bench.connect(&a);
    assert_eq!(bench.engine.suspects().count(), 0);
    bench.now = 5_000;
    assert_eq!(bench.lose(&a), [dial(&a)], "a loss is no failure yet");
    assert_eq!(bench.fail(&a), [suspect(&a)], "told anew");
}

#[test]
fn a_suspect_that_the_view_drops_is_none_any_more() {
    let [a, b] = nodes([1, 2]);
    let mut bench = regular(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&b);
    bench.fail(&a);
    bench.view(&[&b], &[&a]);
    assert_eq!(bench.engine.suspects().count(), 0);
    assert_eq!(bench.run_to(60_000), [], "nor dialled");
}

#[test]
fn a_member_listed_both_as_live_and_gone_is_live() {
    let [a] = nodes([1]);
    let mut bench = bench(&[]);
    assert_eq!(bench.view(&[&a], &[&a]), [dial(&a)]);
    bench.connect(&a);
    assert_eq!(bench.view(&[&a], &[&a]), []);
}

#[test]
fn a_dial_that_ends_when_its_node_is_no_longer_wanted_is_closed() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&a);
    bench.source(&a);
    bench.view(&[&a], &[&b]);
    assert_eq!(bench.connect(&b), [close(&b)]);
    assert!(!bench.engine.is_connected(&b));
}

#[test]
fn healthy_members_are_not_kept_waiting_by_black_holes() {
    let config = ConnectionsConfig {
        member_dials: 1,
        redial_jitter: Duration::ZERO,
        ..ConnectionsConfig::default()
    };
    let [hole, other, well] = nodes([1, 2, 3]);
    let mut bench = bench_of(config, &[]);
    bench.view(&[&hole, &other, &well], &[]);
    bench.fail(&hole);
    bench.fail(&other);
    bench.connect(&well);
    bench.run_to(5_000);
    bench.lose(&well);
    // One hole is being dialled and the other has been due for long.
    let dialled = if bench.engine.book.dialling.contains(&hole) {
        hole
    } else {
        other
    };
    assert_eq!(bench.fail(&dialled), [dial(&well)]);
}

#[test]
fn the_loss_of_another_node_does_not_end_the_connection_that_sends_the_views() {
    let [a, b] = nodes([1, 2]);
    let mut bench = regular(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&a);
    bench.connect(&b);
    bench.source(&a);
    assert_eq!(bench.view(&[&b], &[&a]), []);
    bench.run_to(5_000);
    assert_eq!(bench.lose(&b), [dial(&b)]);
    assert!(bench.engine.is_connected(&a));
}

#[test]
fn addresses_are_remembered_until_they_may_be_dialled_and_up_to_twice_the_members() {
    let config = ConnectionsConfig {
        members: 4,
        ..ConnectionsConfig::default()
    };
    let view = |bench: &mut Bench, first: u16| {
        let members: Vec<_> = (first..first + 4).map(node).collect();
        bench.view(&members.iter().collect::<Vec<_>>(), &[]);
        for member in &members {
            bench.fail(member);
        }
        bench.engine.book.candidates.len()
    };
    let mut bench = bench_of(config, &[]);
    assert_eq!(view(&mut bench, 1), 4);
    assert_eq!(view(&mut bench, 11), 8);
    assert_eq!(
        view(&mut bench, 21),
        4,
        "too many: the others are forgotten"
    );
    assert_eq!(view(&mut bench, 31), 8);
    bench.now = 10_000;
    bench.tick();
    assert_eq!(
        bench.engine.book.candidates.len(),
        4,
        "the others may be dialled"
    );
    let three: Vec<_> = (41..44).map(node).collect();
    bench.view(&three.iter().collect::<Vec<_>>(), &[]);
    assert!(bench.engine.book.candidates.len() <= 8);
}

#[test]
fn reports_of_unknown_nodes_change_nothing() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[]);
    bench.view(&[&a], &[]);
    bench.connect(&a);
    bench.source(&a);
    assert_eq!(bench.fail(&b), []);
    assert_eq!(bench.lose(&b), []);
    assert_eq!(bench.connect(&b), [close(&b)]);
    assert_eq!(bench.connect(&a), [ConnectionsOutput::Duplicate(a.clone())]);
}
