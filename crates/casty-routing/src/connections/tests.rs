use super::*;

mod histories;
mod leaving;
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

/// A bench without dice: the first delay is 10 ms after a loss and 50 ms after a failure.
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

    /// When the engine next wants to be called, rounded up.
    fn wait(&mut self) -> Option<u64> {
        match self.engine.poll() {
            ConnectionsOutput::Wait(at) => at.map(|at| {
                let micros = at.saturating_duration_since(self.start).as_micros();
                u64::try_from(micros.div_ceil(1_000)).unwrap()
            }),
            output => panic!("not drained: {output:?}"),
        }
    }

    /// Lets time pass, calling the engine whenever it wants to be; what it did, and when.
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

    /// Lets the dial of each address fail as soon as it is made, until then; all that was done.
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
    assert_eq!(config.non_members, 64);
    assert_eq!(config.redial_jitter, Duration::from_millis(10));
    assert_eq!(config.stable_after, Duration::from_secs(1));
    assert_eq!(config.removal_grace, Duration::from_secs(10));
    assert_eq!(config.down_grace, Duration::from_secs(2));
    assert_eq!(config.alias_pause, Duration::from_mins(1));
}

#[test]
fn contacts_are_dialled_in_their_order_a_stagger_apart() {
    let [a, b, c] = nodes([3, 1, 2]);
    let mut bench = bench(&[&a, &b, &c, &a]);
    assert_eq!(bench.tick(), [dial(&a)]);
    assert_eq!(
        bench.run_to(1_000),
        [(100, dial(&b)), (200, dial(&c))],
        "and none twice"
    );
    assert_eq!(bench.wait(), None, "results are awaited");
}

#[test]
fn the_next_contact_is_dialled_at_once_after_a_failure() {
    let [a, b, c] = nodes([1, 2, 3]);
    let mut bench = bench(&[&a, &b, &c]);
    bench.tick();
    assert_eq!(bench.fail(&a), [dial(&b)]);
    assert_eq!(bench.fail(&b), [dial(&c)]);
}

#[test]
fn at_most_so_many_contacts_are_dialled_at_a_time() {
    let contacts: Vec<_> = (1..=20).map(node).collect();
    let mut bench = bench(&contacts.iter().collect::<Vec<_>>());
    bench.tick();
    bench.run_to(10_000);
    assert_eq!(bench.engine.dials_in_flight(), 8);
    let next = bench.fail(&contacts[0]);
    assert_eq!(next, [dial(&contacts[8])]);
}

#[test]
fn without_a_view_contacts_are_dialled_for_ever_with_growing_delays() {
    let [a, b, c] = nodes([1, 2, 3]);
    let contacts = [&a, &b, &c];
    let mut bench = bench(&contacts);
    let log = bench.run_refused(600_000, &contacts);
    for contact in contacts {
        let times = dials_of(&log, contact);
        assert!(*times.last().unwrap() > 590_000, "it gave up");
        // About 250 by the mean delay of 2.5 s.
        assert!((150..400).contains(&times.len()), "{} dials", times.len());
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 5_101));
    }
}

#[test]
fn a_contact_that_is_connected_but_gives_no_view_does_not_stop_the_others() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[&a, &b]);
    bench.tick();
    assert_eq!(bench.connect(&a), []);
    assert_eq!(bench.run_to(500), [(100, dial(&b))]);
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
        assert!(bench.engine.targets.len() <= 2 * 1_024 + 40);
    }
}

#[test]
fn a_contact_by_another_name_is_the_member_it_leads_to() {
    let (name, [a, b]) = (alias("casty.example"), nodes([1, 2]));
    let mut bench = bench(&[&name]);
    assert_eq!(bench.tick(), [dial(&name)]);
    assert_eq!(bench.connect_as(&name, &a), []);
    assert!(bench.engine.is_connected(&a));
    assert_eq!(bench.engine.leads_to(&name), Some(&a));
    assert_eq!(bench.view(&[&a, &b], &[]), [dial(&b)]);
    bench.connect(&b);
    assert_eq!(bench.engine.leads_to(&b), None, "it calls itself so");
}

#[test]
fn two_names_that_lead_to_one_node_leave_the_older_connection() {
    let (first, second, [a]) = (alias("one"), alias("two"), nodes([1]));
    let mut bench = bench(&[&first, &second]);
    bench.tick();
    bench.run_to(100);
    assert_eq!(bench.connect_as(&second, &a), []);
    assert_eq!(
        bench.connect_as(&first, &a),
        [ConnectionsOutput::Duplicate(first.clone())]
    );
    assert!(bench.engine.is_connected(&a));
    assert_eq!(bench.run_to(59_999), [], "the names are left alone");
    assert_eq!(
        bench.run_to(70_000),
        [(60_000, dial(&first)), (60_100, dial(&second))],
        "but not for ever, as no view came that way"
    );
}

#[test]
fn a_member_is_not_dialled_beside_a_name_known_to_lead_to_it() {
    let (name, [a]) = (alias("one"), nodes([1]));
    let mut bench = regular(&[&name]);
    bench.tick();
    bench.connect_as(&name, &a);
    bench.now = 5_000;
    // No view yet, so the name is dialled again; then the view comes another way.
    assert_eq!(bench.lose(&a), [dial(&name)]);
    assert_eq!(bench.view(&[&a], &[]), [dial(&a)]);
    bench.connect_as(&name, &a);
    assert_eq!(bench.connect(&a), [ConnectionsOutput::Duplicate(a.clone())]);
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
fn a_lost_member_is_redialled_at_once_and_then_with_backoff() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&a);
    bench.connect(&b);
    bench.now = 10_000;
    assert!(bench.lose(&a).len() <= 1);
    let log = bench.run_refused(40_000, &[&a]);
    let times = dials_of(&log, &a);
    assert!(times[0] <= 10_010, "{times:?}");
    assert!((8..40).contains(&times.len()), "{times:?}");
}

#[test]
fn a_connection_that_breaks_at_once_is_redialled_with_growing_delays() {
    let [a] = nodes([1]);
    let mut bench = bench(&[]);
    bench.view(&[&a], &[]);
    let mut dials = 0;
    while bench.now < 60_000 {
        bench.connect(&a);
        bench.lose(&a);
        let next = bench.wait().unwrap();
        assert!(matches!(
            bench.run_to(next)[..],
            [(_, ConnectionsOutput::Dial(_))]
        ));
        dials += 1;
    }
    assert!(dials < 100, "{dials} dials in a minute");
}

#[test]
fn a_name_whose_connections_break_at_once_is_redialled_with_growing_delays() {
    let (name, [a]) = (alias("one"), nodes([1]));
    let mut bench = bench(&[&name]);
    bench.tick();
    let mut dials = 1;
    while bench.now < 60_000 {
        bench.connect_as(&name, &a);
        bench.lose(&a);
        let next = bench.wait().unwrap();
        dials += bench.run_to(next).len();
    }
    assert!(dials < 100, "{dials} dials in a minute");
}

#[test]
fn a_settled_connection_makes_earlier_failures_forgotten() {
    let [a] = nodes([1]);
    let mut bench = bench(&[]);
    bench.view(&[&a], &[]);
    bench.fail(&a);
    bench.run_refused(60_000, &[&a]);
    bench.run_to(66_000);
    bench.connect(&a);
    bench.run_to(70_000);
    bench.lose(&a);
    let log = bench.run_refused(80_000, &[&a]);
    let times = dials_of(&log, &a);
    assert!(times[0] <= 70_010 && times[1] <= 70_061, "{times:?}");
}

#[test]
fn when_no_member_can_be_connected_the_contacts_are_dialled_again() {
    let (name, [a, b, new]) = (alias("casty.example"), nodes([1, 2, 9]));
    let mut bench = regular(&[&name]);
    bench.tick();
    bench.connect_as(&name, &a);
    bench.source(&a);
    bench.view(&[&a, &b], &[]);
    bench.connect(&b);
    bench.now = 60_000;
    // The whole cluster gets new addresses.
    assert_eq!(bench.lose(&a), [dial(&a)]);
    assert_eq!(bench.lose(&b), [dial(&b)]);
    assert_eq!(bench.fail(&a), [suspect(&a)]);
    assert_eq!(bench.fail(&b), [suspect(&b), dial(&name)]);
    assert_eq!(bench.connect_as(&name, &new), []);
    bench.source(&new);
    assert!(bench.engine.is_connected(&new), "it may feed the view");
    assert_eq!(bench.view(&[&new], &[&a, &b]), []);
    bench.fail(&a);
    bench.fail(&b);
    assert_eq!(bench.run_to(200_000), []);
}

#[test]
fn a_view_without_a_live_member_has_contacts_dialled() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[&a, &b]);
    bench.tick();
    bench.connect(&a);
    assert_eq!(bench.view(&[], &[]), []);
    assert_eq!(bench.run_to(1_000), [(100, dial(&b))]);
}

#[test]
fn a_contact_that_is_no_member_is_kept_until_another_node_feeds_the_view() {
    let [contact, a] = nodes([1, 2]);
    let mut bench = bench(&[&contact]);
    bench.tick();
    bench.connect(&contact);
    bench.source(&contact);
    bench.view(&[&a], &[]);
    bench.connect(&a);
    assert_eq!(bench.run_to(60_000), []);
    assert_eq!(bench.source(&a), [close(&contact)]);
    assert_eq!(bench.run_to(120_000), [], "nor is it dialled again");
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
fn a_lost_member_that_is_not_live_is_not_redialled() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&a);
    bench.connect(&b);
    bench.view(&[&a], &[]);
    assert_eq!(bench.lose(&b), []);
    assert_eq!(bench.run_to(60_000), []);
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
fn a_members_address_that_another_node_has_taken_is_suspect() {
    let [a, b, other] = nodes([1, 2, 3]);
    let mut bench = regular(&[]);
    bench.view(&[&a, &b], &[]);
    bench.connect(&b);
    bench.source(&b);
    assert_eq!(bench.connect_as(&a, &other), [suspect(&a), close(&other)]);
    assert_eq!(bench.run_to(50), [(50, dial(&a))]);
}

#[test]
fn views_that_flap_do_not_hasten_the_dials_of_a_dead_member() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[]);
    bench.view(&[&b], &[]);
    bench.connect(&b);
    bench.source(&b);
    let mut dials = 0;
    let mut refuse = |bench: &mut Bench, outputs: Vec<ConnectionsOutput>| {
        for output in outputs {
            if output == dial(&a) {
                dials += 1;
                bench.fail(&a);
            }
        }
    };
    for round in 1..=600 {
        let live = if round % 2 == 0 {
            vec![&b]
        } else {
            vec![&a, &b]
        };
        let done = bench.view(&live, &[]);
        refuse(&mut bench, done);
        let done = bench.run_to(round * 100);
        refuse(&mut bench, done.into_iter().map(|(_, done)| done).collect());
    }
    assert!((10..90).contains(&dials), "{dials} dials in a minute");
}

#[test]
fn a_failed_contact_that_becomes_a_member_is_tried_again_soon() {
    let [a, b] = nodes([1, 2]);
    let mut bench = bench(&[&a]);
    bench.run_refused(30_000, &[&a]);
    bench.give(ConnectionsInput::Connected {
        dialled: b.clone(),
        canonical: b.clone(),
    });
    let mut log: Vec<_> = bench
        .view(&[&a, &b], &[])
        .into_iter()
        .map(|done| (30_000, done))
        .collect();
    log.extend(bench.run_to(31_000));
    assert_eq!(dials_of(&log, &a).len(), 1, "{log:?}");
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
    let dialled = if bench.engine.dialling.contains(&hole) {
        hole
    } else {
        other
    };
    assert_eq!(bench.fail(&dialled), [dial(&well)]);
}

#[test]
fn the_loss_of_another_node_does_not_end_the_connection_that_feeds_the_view() {
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
fn a_contact_is_dialled_beside_a_member_that_does_not_answer() {
    let config = ConnectionsConfig {
        contact_dials: 1,
        member_dials: 1,
        ..ConnectionsConfig::default()
    };
    let [contact, a] = nodes([1, 2]);
    let mut bench = bench_of(config, &[&contact]);
    bench.view(&[&a], &[]);
    assert_eq!(bench.fail(&a), [suspect(&a), dial(&contact)]);
    bench.run_to(60_000);
    assert_eq!(bench.engine.dials_in_flight(), 2);
    bench.fail(&contact);
    let again = bench.run_to(120_000);
    assert_eq!(dials_of(&again, &contact).len(), 1, "{again:?}");
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
        bench.engine.targets.len()
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
    assert_eq!(bench.engine.targets.len(), 4, "the others may be dialled");
    let three: Vec<_> = (41..44).map(node).collect();
    bench.view(&three.iter().collect::<Vec<_>>(), &[]);
    assert!(bench.engine.targets.len() <= 8);
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
